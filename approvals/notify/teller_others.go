package notify

import (
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
	l.s.Title = l.text("Motion {code} waits for your signature", by...)
	l.s.Lead = l.text("{who} made a motion that takes your signature.", by...)
	l.s.Next = l.text("If you do nothing, nothing changes.")
	l.s.Open = v.Status.Phase == policy.Pending
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
		l.s.Page = l.URL + "/glass"
	default:
		l.s.Title = l.text("Alarm: {what}", "what", what)
		l.s.Lead = l.text("It happened at {when}. See to it.", "when", l.clock(l.n.At))
		l.s.Page = l.URL + "/"
	}
	return nil
}
