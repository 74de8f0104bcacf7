package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/approvals/charter"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A Teller says what a reader may be told of a notice. Its fields are set once.
type Teller struct {
	Ledger  *ledger.Ledger
	Planner *Planner
	URL     string                         // of the portal, without a slash at its end
	Event   func(lang, kind string) string // what an event of a kind says; nil: the kind as it is
	Words   *Words
}

// telling is one story while it is made.
type telling struct {
	*Teller
	tx    *ledger.Tx
	n     Notice
	say   *language
	who   policy.Principal // zero of a place
	place bool
	zone  *time.Location
	s     Story

	deed ledger.Event // of a Session
}

// Story is what the reader may be told, as things stand now. ErrMoot: nothing.
func (t *Teller) Story(ctx context.Context, n Notice) (Story, error) {
	l := &telling{Teller: t, n: n, place: t.Planner.isPlace(n), zone: time.UTC}
	if n.Topic == Session && n.Seq >= 0 {
		page, err := t.Ledger.After(ctx, n.Seq-1, 1)
		if err != nil {
			return Story{}, err
		}
		if len(page) == 1 {
			l.deed = page[0]
		}
	}
	err := t.Ledger.View(ctx, func(tx *ledger.Tx) error {
		l.tx, l.s = tx, Story{}
		return l.tell()
	})
	if errors.Is(err, approvals.ErrUnknown) || errors.Is(err, charter.ErrUnknown) {
		err = ErrMoot
	}
	if err != nil {
		return Story{}, err
	}
	l.s.Lang = l.say.tag
	return l.s, l.tree(ctx)
}

func (l *telling) tell() error {
	var set Setting
	if !l.place {
		var there bool
		var err error
		if l.who, there, err = l.Planner.current(l.tx, l.n.To); err != nil {
			return err
		}
		if !there {
			return ErrMoot
		}
		if set, err = SettingOf(l.tx, l.who.ID); err != nil {
			return err
		}
		if zone, err := set.Quiet.zone(); err == nil {
			l.zone = zone
		}
	}
	l.say = l.Words.in(set.Lang)
	switch l.n.Topic {
	case Asked, Waits, Decided, Said, Session, Ending, Ended:
		return l.request()
	case Motion:
		return l.motion()
	case Gone:
		return l.gone()
	case Glass:
		return l.glass()
	case Digest:
		return l.digest()
	case Ping:
		return l.ping()
	case Deed:
		return ErrMoot // programs read the event
	}
	return l.event()
}

// tree adds the checkpoint of the log, of so much as the reader may see.
func (l *telling) tree(ctx context.Context) error {
	if l.place {
		return nil
	}
	log := l.Ledger.Main()
	if l.who.Kind == policy.Reviewer {
		log = l.Ledger.Of(l.who.Customer)
	}
	b, err := log.Checkpoint(ctx)
	l.s.Tree = string(b)
	return err
}

// request tells of a request, or of what is done under its grant.
func (l *telling) request() (err error) {
	v, err := l.seen()
	if err != nil {
		return err
	}
	q := v.Request
	l.s.Code, l.s.View = q.ID, v
	l.s.Lead = l.lead(v)
	l.s.Page = l.URL + "/r/" + q.ID
	l.s.Outcome = l.outcome(v)
	switch l.n.Topic {
	case Asked:
		l.asked(v)
	case Waits:
		err = l.waits(v)
	case Ending:
		err = l.ending(v)
	case Decided:
		l.s.Title = l.text("Access request {code}: {what}", "code", q.ID, "what", l.became(v))
	case Said:
		l.s.Title = l.text("Access request {code}: something was said", "code", q.ID)
		l.remark(v)
	case Session, Ended:
		l.s.Did = l.did(l.deed)
		if id := l.session(); id != "" {
			l.s.Page = l.URL + "/s/" + id
		}
		l.s.Title = l.text("Access {code}: {what}", "code", q.ID, "what", l.words(l.n.Kind))
	}
	if l.place {
		return err
	}
	l.s.Facts = l.facts(v)
	if err == nil && l.n.Topic == Waits {
		err = errors.Join(l.normal(q), l.besides(v))
	}
	for _, r := range v.Thread {
		l.s.Entries = append(l.s.Entries, l.text("{when} {who}: {text}", "when", l.clock(r.At), "who", plain(r.Name, 80), "text", plain(r.Text, longest)))
	}
	return err
}

// session is the one that a Session is about; "" of other notices.
func (l *telling) session() string {
	if l.n.Topic != Session || len(l.deed.Subjects) == 0 {
		return ""
	}
	return l.deed.Subjects[0]
}

// seen is the request as the reader may see it. What is told at a place is put
// together of what is no secret within the house.
func (l *telling) seen() (approvals.View, error) {
	if !l.place {
		return l.Planner.Desk.SeeIn(l.tx, l.who, l.n.About)
	}
	v, err := l.Planner.Desk.Raw(l.tx, l.n.About)
	v.Thread = nil
	return v, err
}

func (l *telling) waits(v approvals.View) error {
	q := v.Request
	until := l.answer(v)
	title := "Access request {code}: answer by {when}"
	switch {
	case q.Emergency:
		title = "EMERGENCY {code}: answer by {when}"
	case l.n.Rung > 0:
		title = "Reminder: access request {code}: answer by {when}"
	}
	l.s.Title = l.text(title, "code", q.ID, "when", l.clock(until))
	l.s.Next = l.text("If you do nothing, no access is given. Declining is fine, and needs no reason.")
	if l.place {
		l.s.Open = v.Status.Phase == policy.Pending
		return nil
	}
	raw, err := l.Planner.Desk.Raw(l.tx, q.ID)
	if err != nil {
		return err
	}
	if l.s.Open, err = l.Planner.may(l.tx, raw.Request, l.who, l.n.Stage, l.tx.Now()); err != nil {
		return err
	}
	page := "/a/"
	if l.who.Kind == policy.Reviewer {
		page = "/c/"
	}
	l.s.Page = l.URL + page + q.ID
	return nil
}

// answer is when the reader's stage, or else the first that is open, expires.
func (l *telling) answer(v approvals.View) (at time.Time) {
	pol := l.Planner.Desk.Policy()
	for _, st := range v.Status.Stages {
		if st.Open && (at.IsZero() || pol.Fills(l.who, st, v.Now)) {
			at = st.Answer
		}
	}
	return at
}

// lead says who asks for how long on what.
func (l *telling) lead(v approvals.View) string {
	q := v.Request
	with := []any{"who", plain(q.Who.Name, 80), "long", l.say.long(q.For), "target", plain(q.Target, 80)}
	switch {
	case q.Who.ID == l.who.ID && !l.place:
		return l.text("You asked for {long} on {target}.", with...)
	case q.Emergency:
		return l.text("{who} breaks the glass for {target}, for {long} at most: nobody who decides is asked.", with...)
	case q.Extends != "":
		return l.text("{who} asks for {long} more on {target}.", with...)
	}
	return l.text("{who} asks for {long} on {target}.", with...)
}

// became is in a word what the votes came to.
func (l *telling) became(v approvals.View) string {
	switch v.Status.Phase {
	case policy.Approved:
		return l.text("approved")
	case policy.Rejected:
		return l.text("declined")
	case policy.Expired:
		return l.text("not answered in time")
	case policy.Withdrawn:
		return l.text("withdrawn")
	}
	return l.text("your part is done")
}

// outcome says what was decided, by whom and when; "" while nothing was.
func (l *telling) outcome(v approvals.View) string {
	if v.Grant != nil && !v.Grant.Revoked.IsZero() {
		return l.text("Ended early at {when}.", "when", l.clock(v.Grant.Revoked))
	}
	yes, no := l.names(v, policy.Yes), l.names(v, policy.No)
	with := []any{"long", l.say.long(v.Status.For), "when", l.clock(v.Status.At), "yes", yes, "no", no}
	switch {
	case v.Status.Phase == policy.Approved && yes != "":
		return l.text("Approved by {yes} at {when} for {long}.", with...)
	case v.Status.Phase == policy.Approved:
		return l.text("Approved at {when} for {long}.", with...)
	case v.Status.Phase == policy.Rejected && no != "":
		return l.text("Declined by {no} at {when}.", with...)
	case v.Status.Phase == policy.Rejected:
		return l.text("Declined at {when}.", with...)
	case v.Status.Phase == policy.Expired:
		return l.text("Nobody answered in time; it expired at {when}.", with...)
	case v.Status.Phase == policy.Withdrawn:
		return l.text("Withdrawn at {when}.", with...)
	case l.n.Topic == Decided && yes != "":
		return l.text("Approved by {yes}; others still have to decide.", with...)
	}
	return ""
}

// remark is the one that the notice is about.
func (l *telling) remark(v approvals.View) {
	for _, r := range slices.Backward(v.Thread) {
		if r.At.Equal(l.n.At) {
			l.s.Question = l.text("{who}: {text}", "who", plain(r.Name, 80), "text", plain(r.Text, longest))
			l.s.Thread = r.Thread
			return
		}
	}
}

func (l *telling) facts(v approvals.View) (all []Fact) {
	q := v.Request
	add := func(key, label, text string) {
		if text != "" {
			all = append(all, Fact{key, l.text(label), text})
		}
	}
	var names []string
	for _, c := range q.Customers {
		name := c
		if known, ok := l.Planner.Desk.Policy().Customers[c]; ok && known.Name != "" {
			name = known.Name
		}
		names = append(names, plain(name, 80))
	}
	add("customer", "Customer", strings.Join(names, ", "))
	why := l.reason(q.Need.Reason) + ": " + plain(q.Need.Text, longest)
	if q.Need.Ticket != "" {
		why += " (" + plain(q.Need.Ticket, 64) + ")"
	}
	add("why", "Why", why)
	var may []string
	for _, a := range v.Status.Actions {
		may = append(may, string(a))
	}
	add("may", "May", l.text("{actions} as {login}", "actions", strings.Join(may, ", "), "login", plain(q.Login, 80)))
	add("long", "How long", l.say.long(q.For))
	if at := l.answer(v); v.Status.Phase == policy.Pending && !at.IsZero() {
		add("answer", "Answer by", l.say.full(at.In(l.zone)))
	}
	add("did", "Done", l.s.Did)
	add("safety", "Safety", l.text("Everything is recorded. Whoever decides can end it at any time."))
	return all
}

func (l *telling) text(en string, with ...any) string { return l.say.text(en, with...) }

// words are what happened.
func (l *telling) words(kind string) string {
	if l.Event == nil {
		return kind
	}
	return plain(l.Event(l.say.tag, kind), 200)
}

// clock is a time, with the day where it is not today, and always with its zone.
func (l *telling) clock(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	at, now := at.In(l.zone), l.tx.Now().In(l.zone)
	if at.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return l.say.time(at)
	}
	return l.say.day(at) + " " + l.say.time(at)
}

// role says what somebody is.
func (l *telling) role(who policy.Principal) string {
	switch who.Kind {
	case policy.Executive:
		return l.text("executive")
	case policy.Reviewer:
		return l.text("reviewer")
	}
	return l.text("colleague")
}

func (l *telling) reason(r policy.Reason) string {
	known := map[policy.Reason]string{
		"customer-case": "Customer case", "outage": "Outage", "planned": "Planned work", "security-review": "Security review", "legal-order": "Legal order",
	}
	if en, ok := known[r]; ok {
		return l.text(en)
	}
	return plain(fmt.Sprint(r), 40)
}
