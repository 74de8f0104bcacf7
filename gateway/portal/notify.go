package portal

import (
	"fmt"
	"slices"
	"time"

	"lockbox/approvals"
	"lockbox/approvals/notify"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A notifyPage is how the reader is told.
type notifyPage struct {
	Ways  []notify.Way
	Set   notify.Setting
	From  string // of the quiet hours, as a browser writes a time; "" for none
	To    string
	Zone  string
	Zones []string
	Slack bool // there is one, in which people can be known
	Tells bool // somebody is told at all
	Done  string
	In    filled
}

// notify shows /me/notify.
func (p *Portal) notify(x *exchange) error {
	return p.showNotify(x, x.r.URL.Query().Get("done"), filled{})
}

func (p *Portal) showNotify(x *exchange, done string, in filled) error {
	if p.Settings == nil {
		return errNoPage
	}
	set, ways, err := p.Settings.Of(x.r.Context(), x.who.Principal)
	if err != nil {
		return err
	}
	page := notifyPage{Ways: ways, Set: set, Zones: zones(), Zone: set.Quiet.Zone, Tells: p.Notices != nil, Done: done, In: in}
	page.Slack = slices.ContainsFunc(p.Settings.Planner.Channels, func(c notify.Channel) bool { return c.Name() == "slack" })
	if !slices.Contains(page.Zones, page.Zone) {
		page.Zone = page.Zones[0]
	}
	if set.Quiet.From != set.Quiet.To {
		page.From, page.To = timeOfDay(set.Quiet.From), timeOfDay(set.Quiet.To)
	}
	return x.show(status(string(in.Wrong)), "notify", "How you are told", page)
}

func timeOfDay(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d/time.Hour), int(d%time.Hour/time.Minute))
}

// changeNotify keeps how the reader wants to be told, or has it tried.
func (p *Portal) changeNotify(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	if p.Settings == nil {
		return errNoPage
	}
	var err error
	done, field := "saved", ""
	switch x.value("do") {
	case "test":
		if done = "test"; p.Notices == nil {
			return errNoPage
		}
		_, err = p.Notices.Test(x.r.Context(), x.who.ID)
	case "save":
		var set notify.Setting
		if set, field, err = p.readSetting(x); err == nil {
			err = p.Settings.Set(x.r.Context(), x.who.Principal, set)
			field = fieldIn(refusal(err), []fieldWord{{"mail", "mail"}, {"way", "way"}, {"zone", "zone"}, {"quiet", "from"}})
		}
	default:
		return errBody
	}
	if in, ok := x.mendRefusal(field, err); ok {
		return p.showNotify(x, "", in)
	}
	if err != nil {
		return err
	}
	return x.see("/me/notify?done=" + done)
}

// readSetting reads the form. What is not ticked is off.
func (p *Portal) readSetting(x *exchange) (set notify.Setting, field string, err error) {
	_, ways, err := p.Settings.Of(x.r.Context(), x.who.Principal)
	if err != nil {
		return set, "", err
	}
	set.Lang, set.Mail = x.value("lang"), x.value("mail")
	for _, w := range ways {
		if !slices.Contains(x.r.PostForm["way"], w.Channel) {
			set.Off = append(set.Off, w.Channel)
		}
	}
	from, to := x.value("from"), x.value("to")
	if set.Quiet.Zone = x.value("zone"); from == "" && to == "" {
		return set, "", nil
	}
	for _, f := range []struct {
		text string
		to   *time.Duration
	}{{from, &set.Quiet.From}, {to, &set.Quiet.To}} {
		at, err := time.Parse("15:04", f.text)
		if err != nil {
			return set, "from", &approvals.Refusal{Why: "quiet hours are times of day"}
		}
		*f.to = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	}
	return set, "", nil
}

// A reachPage is who is reached how, for those who run the gateway.
type reachPage struct {
	All    []reachRow
	Counts map[string]notify.Counts
	Behind int64
	Dead   []notify.Dead
	Tells  bool
	Ask    previewForm
	In     filled
}

// A reachRow is one stage, as people call it.
type reachRow struct {
	notify.Reach
	Name string
}

func (x *exchange) reachRows(all []notify.Reach) (out []reachRow) {
	for _, r := range all {
		out = append(out, reachRow{r, x.whose(r.Of)})
	}
	return out
}

// A previewForm is a request that would be made.
type previewForm struct {
	Person, Target string
	Targets        []string
	Asked          []reachRow
	Sent           bool
}

const deadShown = 100

// reach shows /reach to those who run the gateway, and what would come of a request.
func (p *Portal) reach(x *exchange) error {
	if p.Settings == nil || !x.keeps() {
		return errNoPage
	}
	q := x.r.URL.Query()
	return p.showReach(x, previewForm{Person: q.Get("as"), Target: q.Get("on")}, filled{})
}

func (p *Portal) showReach(x *exchange, ask previewForm, in filled) error {
	page := reachPage{Tells: p.Notices != nil, Ask: ask, In: in}
	for name := range p.Desk.Policy().Targets {
		page.Ask.Targets = append(page.Ask.Targets, name)
	}
	slices.Sort(page.Ask.Targets)
	err := p.Ledger.View(x.r.Context(), func(tx *ledger.Tx) (err error) {
		all, err := p.Settings.Planner.Reachable(tx)
		if page.All = x.reachRows(all); err != nil || ask.Person == "" || ask.Target == "" {
			return err
		}
		return p.wouldAsk(x, tx, &page.Ask)
	})
	if why := refusal(err); why != "" {
		page.In, err = filled{Wrong: x.say.refusal(why), Field: "as"}, nil
	}
	if err != nil {
		return err
	}
	if p.Notices != nil {
		page.Counts, page.Behind = p.Notices.Counts()
		if page.Dead, err = p.Notices.Outbox.Dead(); err != nil {
			return err
		}
		slices.Reverse(page.Dead)
		page.Dead = page.Dead[:min(len(page.Dead), deadShown)]
	}
	return x.show(status(string(page.In.Wrong)), "reach", "Who is reached, and how", page)
}

func (p *Portal) wouldAsk(x *exchange, tx *ledger.Tx, ask *previewForm) error {
	who, err := p.People.Current(tx, ask.Person)
	if err != nil {
		return err
	}
	t := p.Desk.Policy().Targets[ask.Target]
	if t == nil {
		return &approvals.Refusal{Why: "there is no such target"}
	}
	do := policy.Shell
	if t.Kind == "http" {
		do = policy.HTTPGet
	}
	customer := ""
	if len(t.Customers) > 0 {
		customer = t.Customers[0]
	}
	ask.Sent = true
	all, err := p.Settings.Planner.Preview(tx, who, ask.Target, "", customer, do)
	ask.Asked = x.reachRows(all)
	return err
}

// retry tries what was given up once more.
func (p *Portal) retry(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	if p.Settings == nil || !x.keeps() || p.Notices == nil {
		return errNoPage
	}
	var n uint64
	if _, err := fmt.Sscan(x.value("number"), &n); err != nil || n == 0 {
		return errBody
	}
	if _, err := p.Notices.Retry("", n); err != nil {
		return err
	}
	return x.see("/reach#dead")
}
