package portal

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockbox/policy"
)

// A customersPage is what a customer's own people govern; for the board and the
// auditor, which customers there are.
type customersPage struct {
	Customers []customerFacts // for who is no reviewer
	Name      string
	May       bool   // the reader's passkey counts
	Targets   string // that hold the customer's data
	Leaves    []policy.Move
	Settings  *motionFacts
	Never     bool // it said that the glass is never broken
	Members   []memberFacts
	Outside   []memberFacts
	Open      []motionFacts
	Standing  []motionFacts
	Over      []motionFacts
	Scope     scopeForm
	People    []choice // who can be recovered
	Path      string
	In        filled
}

type customerFacts struct {
	Name    string
	Targets []string
	Motions []motionFacts
}

// A scopeForm is what a delegation or instruction can be limited to.
type scopeForm struct {
	Targets []string
	Reasons []policy.Reason
	Actions []policy.Action
	Days    []time.Weekday
	Zones   []string
}

func (x *exchange) scopeForm() scopeForm {
	f := scopeForm{Reasons: policy.Reasons(), Actions: policy.OnTarget(), Zones: zones()}
	for _, name := range slices.Sorted(maps.Keys(x.p.Desk.Policy().Targets)) {
		if x.who.Kind != policy.Reviewer || slices.Contains(x.p.Desk.Policy().Targets[name].Customers, x.who.Customer) {
			f.Targets = append(f.Targets, name)
		}
	}
	for d := range 7 {
		f.Days = append(f.Days, time.Weekday((d+1)%7)) // Monday first
	}
	return f
}

// customers shows /customers.
func (p *Portal) customers(x *exchange) error { return p.showCustomers(x, x.linked()) }

func (p *Portal) showCustomers(x *exchange, in filled) error {
	if _, err := p.charterOf(); err != nil {
		return err
	}
	var c customersPage
	var err error
	switch x.who.Kind {
	case policy.Reviewer:
		c, err = p.ownCustomer(x)
		c.In = in
	case policy.Executive, policy.Auditor:
		c.Customers, err = p.allCustomers(x)
	default:
		return errNoPage
	}
	if err != nil {
		return err
	}
	return x.show(status(string(in.Wrong)), "customers", "Customers", c)
}

func (p *Portal) allCustomers(x *exchange) (all []customerFacts, err error) {
	motions, err := x.p.Charter.List(x.r.Context(), x.who.Principal)
	if err != nil {
		return nil, err
	}
	pol := p.Desk.Policy()
	for _, id := range slices.Sorted(maps.Keys(pol.Customers)) {
		f := customerFacts{Name: customerName(pol, id)}
		for _, name := range slices.Sorted(maps.Keys(pol.Targets)) {
			if slices.Contains(pol.Targets[name].Customers, id) {
				f.Targets = append(f.Targets, name)
			}
		}
		for _, v := range motions {
			if v.Motion.Customer == id && len(f.Motions) < historyRows {
				f.Motions = append(f.Motions, x.motionFacts(v))
			}
		}
		all = append(all, f)
	}
	return all, nil
}

func (p *Portal) ownCustomer(x *exchange) (c customersPage, err error) {
	c = customersPage{Path: "/customers", Name: customerName(p.Desk.Policy(), x.who.Customer), May: x.who.Admitted, Scope: x.scopeForm()}
	if c.Members, c.Outside, err = p.members(x, x.seats()); err != nil {
		return c, err
	}
	c.Targets = strings.Join(c.Scope.Targets, ", ")
	if c.Leaves, err = x.leaves(); err != nil {
		return c, err
	}
	if c.Never, err = x.never(); err != nil {
		return c, err
	}
	if c.People, err = p.others(x); err != nil {
		return c, err
	}
	all, err := x.motions(policy.ToAdmit, policy.ToDismiss, policy.ToRecover, policy.ToErase, policy.ToSet, policy.ToInstruct)
	if err != nil {
		return c, err
	}
	open, hold, over := sorted(all)
	c.Open, c.Over = open, over
	for _, m := range hold {
		switch {
		case m.Kind == policy.ToInstruct:
			c.Standing = append(c.Standing, m)
		case m.Kind == policy.ToSet && c.Settings == nil: // the newest
			c.Settings = &m
		}
	}
	return c, nil
}

// changeCustomer proposes what a customer's reviewers may propose.
func (p *Portal) changeCustomer(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	if p.Charter == nil || x.who.Kind != policy.Reviewer {
		return errNoPage
	}
	var m policy.Motion
	var field, why string
	switch x.value("do") {
	case "admit", "dismiss":
		return x.again("", p.proposeMember(x), p.showCustomers)
	case "recover":
		return x.again("why", p.proposePerson(x), p.showCustomers)
	case "shred":
		return p.proposeRecording(x, p.showCustomers)
	case "settings":
		m, field, why = x.readSettings()
	case "instruct":
		m, field, why = x.readInstruction()
	default:
		return errBody
	}
	if why != "" && x.who.Admitted {
		return p.showCustomers(x, x.mend(field, why))
	}
	m.Customer = x.who.Customer
	err := p.propose(x, m)
	return x.again(motionField(refusal(err)), err, p.showCustomers)
}

// again shows a page again with what was refused, for those who may propose at all.
func (x *exchange) again(field string, err error, show func(*exchange, filled) error) error {
	if in, ok := x.mendRefusal(field, err); ok && x.who.Admitted {
		return show(x, in)
	}
	return err
}

// motionField is the field that a refusal of the charter belongs to.
func motionField(why string) string {
	return fieldIn(why, []fieldWord{
		{"targets or the actions", "target"}, {"quorum", "quorum"}, {"reviewers", "quorum"}, {"uses", "uses"}, {"requests", "uses"}, {"until", "until-date"}, {"end", "until-date"}, {"days", "until-date"},
		{"begin", "from-date"}, {"start", "from-date"}, {"deputy", "deputy"}, {"minute", "minutes"}, {"long", "minutes"}, {"hours", "hour-from"},
	})
}

func (x *exchange) readSettings() (m policy.Motion, field, why string) {
	m = policy.Motion{Kind: policy.ToSet, Notice: x.value("consent") == "notice", Never: x.value("never") == "yes"}
	n, why := x.count("quorum", 0, 99)
	m.Quorum = n
	return m, "quorum", why
}

func (x *exchange) readInstruction() (m policy.Motion, field, why string) {
	m = policy.Motion{Kind: policy.ToInstruct, Scope: x.readScope()}
	if m.Uses, why = x.count("uses", 1, 1000); why != "" {
		return m, "uses", why
	}
	minutes, why := x.count("minutes", 1, int(policy.HardMax/time.Minute))
	if why != "" {
		return m, "minutes", why
	}
	m.For = time.Duration(minutes) * time.Minute
	if m.Until, why = x.instant("until"); why != "" {
		return m, "until-date", why
	}
	if m.Until.IsZero() {
		return m, "until-date", x.say.text("Say until when it holds.")
	}
	m.Scope.Hours, why = x.readHours()
	return m, "hour-from", why
}

// count reads a whole number; why says what is wrong with it.
func (x *exchange) count(name string, from, to int) (n int, why string) {
	n, err := strconv.Atoi(or(x.value(name), "0"))
	if err != nil || n < from || n > to {
		return 0, x.say.text("Write a whole number from {from} to {to}.", "from", from, "to", to)
	}
	return n, ""
}

// readScope takes what is ticked of what there is; what is not ticked limits nothing.
func (x *exchange) readScope() (s policy.Scope) {
	f := x.scopeForm()
	ticked := func(name, value string) bool { return slices.Contains(x.r.PostForm[name], value) }
	for _, t := range f.Targets {
		if ticked("target", t) {
			s.Targets = append(s.Targets, t)
		}
	}
	for _, r := range f.Reasons {
		if ticked("reason", string(r)) {
			s.Reasons = append(s.Reasons, r)
		}
	}
	for _, a := range f.Actions {
		if ticked("action", string(a)) {
			s.Actions = append(s.Actions, a)
		}
	}
	return s
}

// readHours reads days and hours; nil where none were given.
func (x *exchange) readHours() (h *policy.Hours, why string) {
	h = &policy.Hours{To: 24 * time.Hour}
	for _, d := range x.scopeForm().Days {
		if slices.Contains(x.r.PostForm["day"], strconv.Itoa(int(d))) {
			h.Days = append(h.Days, d)
		}
	}
	from, to := x.value("hour-from"), x.value("hour-to")
	if from == "" && to == "" && len(h.Days) == 0 {
		return nil, ""
	}
	for _, t := range []struct {
		text string
		into *time.Duration
	}{{from, &h.From}, {to, &h.To}} {
		if t.text == "" {
			continue
		}
		at, err := time.Parse("15:04", t.text[:min(len(t.text), 5)])
		if err != nil {
			return nil, x.say.text("Write the time of day as 07:30.")
		}
		*t.into = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	}
	zone, err := time.LoadLocation(x.value("hour-zone"))
	if err != nil || !slices.Contains(zones(), x.value("hour-zone")) {
		return nil, x.say.text("Choose the time zone.")
	}
	if h.Zone = zone; h.From >= h.To {
		return nil, x.say.text("The end of the hours has to come after their beginning.")
	}
	if len(h.Days) == 0 {
		h.Days = x.scopeForm().Days
	}
	return h, ""
}
