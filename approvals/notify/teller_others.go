package notify

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"lockbox/approvals"
	"lockbox/policy"
)

// motion tells of a motion.
func (l *telling) motion() error {
	if l.Planner.Desk.Charter == nil || l.place {
		return ErrMoot
	}
	v, err := l.Planner.Desk.Charter.SeeIn(l.tx, l.who, l.n.About)
	if err != nil {
		return err
	}
	m := v.Motion
	l.s.Code, l.s.Page = m.ID, l.URL+"/m/"+m.ID
	by := []any{"code", m.ID, "who", plain(m.By.Name, 80)}
	if l.n.Kind != "motion.made" {
		l.s.Title = l.text("Motion {code}: {what}", "code", m.ID, "what", l.words(l.n.Kind))
		l.s.Lead = l.text("It was made by {who}.", by...)
		return nil
	}
	if m.Kind == policy.ToRatify {
		return l.ratify(m, v.Status)
	}
	l.s.Title = l.text("Motion {code} waits for your signature", by...)
	l.s.Lead = l.text("{who} made a motion that takes your signature.", by...)
	l.s.Next = l.text("If you do nothing, nothing changes.")
	l.s.Open = v.Status.Phase == policy.Pending
	return nil
}

// normal adds what the person has asked for before, where the facts say how long it is for.
func (l *telling) normal(q *policy.Request) error {
	customer := ""
	if l.who.Kind == policy.Reviewer {
		customer = l.who.Customer
	}
	u, err := l.Planner.Desk.Usual(l.tx, q, customer)
	if err != nil {
		return err
	}
	with := []any{"n", u.Asked, "days", u.Days, "target", plain(q.Target, 80), "m", u.OnTarget, "when", l.clock(u.Last), "long", l.say.long(u.For)}
	text := ""
	switch {
	case u.Asked == 0:
		text = l.text("First request in {days} days.", with...)
	case u.OnTarget == 0:
		text = l.text("Earlier requests in {days} days: {n}; none for {target}.", with...)
	default:
		text = l.text("Earlier requests in {days} days: {n}; for {target}: {m}, the last {when}, usually for {long}.", with...)
	}
	at := 1 + slices.IndexFunc(l.s.Facts, func(f Fact) bool { return f.Key == "long" })
	l.s.Facts = slices.Insert(l.s.Facts, at, Fact{"normal", l.text("Normal?"), text})
	return nil
}

// ratify asks an executive to look at an emergency, and to say whether it was right.
func (l *telling) ratify(m *policy.Motion, s policy.Status) error {
	i, err := l.Planner.Desk.IncidentIn(l.tx, l.who, m.About)
	if err != nil {
		return err
	}
	l.s.Title = l.text("EMERGENCY {code} waits to be ratified", "code", m.About)
	l.emergency(i)
	l.s.Page, l.s.Open = l.URL+"/incidents/"+m.About, s.Phase == policy.Pending
	return nil
}

// glass tells of an emergency. Who runs the gateway and may not see the request
// hears that there was one, and no more.
func (l *telling) glass() (err error) {
	if !approvals.ValidCode(l.n.About) {
		return l.event()
	}
	var i approvals.Incident
	if l.place {
		i.View, err = l.Planner.Desk.Raw(l.tx, l.n.About)
	} else {
		i, err = l.Planner.Desk.IncidentIn(l.tx, l.who, l.n.About)
	}
	if errors.Is(err, approvals.ErrUnknown) && l.who.Kind != policy.Reviewer {
		return l.event()
	}
	if err != nil {
		return err
	}
	l.s.Code, l.s.Page = l.n.About, l.URL+"/incidents/"+l.n.About
	l.s.Title = l.text("EMERGENCY {code}: {what}", "code", l.n.About, "what", l.words(l.n.Kind))
	l.emergency(i)
	return nil
}

// emergency says who did what, and what is asked of whom.
func (l *telling) emergency(i approvals.Incident) {
	q := i.Request
	with := []any{"who", plain(q.Who.Name, 80), "long", l.say.long(q.For), "target", plain(q.Target, 80), "due", l.clock(i.Due), "at", l.clock(i.Settled)}
	l.s.Lead = l.text("{who} broke the glass for {target}, for {long} at most. Nobody who decides was asked.", with...)
	if l.place {
		return
	}
	l.s.View, l.s.Facts = i.View, l.facts(i.View)
	switch {
	case !i.Settled.IsZero():
		l.s.Outcome = l.text("The executive board settled it at {at}.", with...)
	case i.Locked:
		l.s.Outcome = l.text("Nobody ratified it by {due}: {who} and {target} are locked until two executives settle it.", with...)
	default:
		l.s.Facts = append(l.s.Facts, Fact{"ratify", l.text("Ratify by"), l.say.full(i.Due.In(l.zone))})
		l.s.Next = l.text("If no executive ratifies it by {due}, {who} and {target} are locked.", with...)
	}
}

// digest tells an executive what happened in a week, in figures: names are on the page.
func (l *telling) digest() error {
	week, ok := strings.CutPrefix(l.n.About, "week ")
	if !ok || l.place {
		return l.event()
	}
	w, err := l.Planner.Desk.WeeklyIn(l.tx, l.who, week)
	if err != nil {
		return err
	}
	l.s.Page = l.URL + "/digest/" + week
	l.s.Title = l.text("Week {week}: what was asked, decided and done", "week", week)
	l.s.Lead = l.text("{n} requests were made; {yes} were approved, {no} declined, {late} not answered in time.", "n", w.Asked, "yes", w.Approved, "no", w.Declined, "late", w.Expired)
	add := func(key, label string, value any) {
		l.s.Facts = append(l.s.Facts, Fact{key, l.text(label), fmt.Sprint(value)})
	}
	add("used", "Accesses used", len(w.Done))
	add("emergencies", "Emergencies", len(w.Broken))
	if len(w.Locked) > 0 {
		add("locked", "Locked, because nobody ratified it", strings.Join(w.Locked, ", "))
	}
	add("unread", "Recordings that nobody watched", len(w.Unread))
	if len(w.Unreviewed) > 0 {
		add("unreviewed", "Weeks that two executives have not read", strings.Join(w.Unreviewed, ", "))
	}
	l.s.Next = l.text("Read it on the page and sign there that you have. If fewer than two executives do within a week, the next digest says so.")
	return nil
}

// gone tells who was asked that they are not any more, and nothing of what they were asked.
func (l *telling) gone() error {
	l.s.Code = l.n.About
	l.s.Title = l.text("Access request {code}: not yours to decide any more", "code", l.n.About)
	l.s.Lead = l.text("You were asked about it, and are not among those who decide any more. There is nothing to do.")
	return nil
}

// ping is the monthly test.
func (l *telling) ping() error {
	l.s.Title = l.text("A test of how you are reached")
	l.s.Lead = l.text("Nothing happened. This only shows that Lockbox reaches you here.")
	l.s.Page = l.URL + "/me/notify"
	return nil
}

// event tells that something happened, and no more than that.
func (l *telling) event() error {
	what := l.words(l.n.Kind)
	switch l.n.Topic {
	case Account:
		l.s.Title = l.text("Your account: {what}", "what", what)
		l.s.Lead = l.text("This was done to your account at {when}. If it was not you, tell those who run the gateway at once.", "when", l.clock(l.n.At))
		l.s.Page = l.URL + "/me/keys"
	case Digest:
		l.s.Title = l.text("For you to read: {what}", "what", what)
		l.s.Lead = l.text("It was made at {when}.", "when", l.clock(l.n.At))
		l.s.Page = l.URL + "/"
	case Glass:
		l.s.Title = l.text("Emergency access: {what}", "what", what)
		l.s.Lead = l.text("It happened at {when}.", "when", l.clock(l.n.At))
		l.s.Page = l.URL + "/incidents"
	default:
		l.s.Title = l.text("Alarm: {what}", "what", what)
		l.s.Lead = l.text("It happened at {when}. See to it.", "when", l.clock(l.n.At))
		l.s.Page = l.URL + "/"
	}
	return nil
}
