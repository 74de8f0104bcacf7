package approvals

import (
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A tale is what the events alone tell of a request.
type tale struct {
	Who    string
	Phase  policy.Phase
	Votes  []ballotTold
	Grant  *grantTold
	Thread int
}

// A ballotTold is one vote as its event tells it.
type ballotTold struct{ By, Verdict, For, NotBefore, MayNot, Conditions, Promise string }

// A grantTold is a grant as the events tell it.
type grantTold struct {
	For, May, NotBefore, Extends, Spent string
	Accepted, Activated, NotAfter       string
	Revoked, RevokedBy                  string
	Sessions                            int
}

// A fold tells the state again from the events, without looking at it.
type fold struct {
	tales map[string]*tale
	seq   int64
	at    time.Time // of the last event
}

// read goes on with the events that came since.
func (f *fold) read(t testing.TB, l *ledger.Ledger) {
	t.Helper()
	for f.seq < l.Last() {
		page, err := l.After(t.Context(), f.seq, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			f.one(e)
			f.seq, f.at = e.Seq, e.At
		}
	}
}

func (f *fold) one(e ledger.Event) {
	if len(e.Subjects) == 0 {
		return
	}
	code := e.Subjects[0]
	if e.Kind == "request.made" {
		f.tales[code] = &tale{Who: e.Actor, Phase: policy.Pending}
	}
	if one := f.tales[code]; one != nil {
		one.turn(e)
	}
}

// turn is what one event changes.
func (a *tale) turn(e ledger.Event) {
	switch e.Kind {
	case "request.rejected", "request.expired", "request.withdrawn":
		a.Phase = policy.Phase(e.Kind[len("request."):])
	case "request.void":
		a.Phase = policy.Withdrawn
	case "request.remark":
		a.Thread++
	case "vote.approve", "vote.reject", standingEvent, noticeEvent:
		verdict := policy.Yes
		if e.Kind == "vote.reject" {
			verdict = policy.No
		}
		a.Votes = append(a.Votes, ballotTold{
			e.Actor, verdict, e.Detail["for"], e.Detail["not-before"], e.Detail["may-not"], e.Detail["conditions"], e.Private["promise"],
		})
	case "grant.made":
		a.Phase = policy.Approved
		a.Grant = &grantTold{
			For: e.Detail["for"], May: e.Detail["may"], NotBefore: e.Detail["not-before"], Extends: e.Detail["extends"], Spent: e.Detail["spent"],
			Accepted: e.Detail["accepted"], Activated: or(e.Detail["activated"], "none"), NotAfter: or(e.Detail["not-after"], "none"), Revoked: "none",
		}
	case "grant.accepted":
		a.Grant.Accepted = moment(e.At)
	case "session.open":
		if a.Grant.Sessions++; a.Grant.Activated == "none" {
			long, _ := time.ParseDuration(a.Grant.For) // it was printed by one
			a.Grant.Activated, a.Grant.NotAfter = moment(e.At), moment(e.At.Add(long))
		}
	case "grant.revoked":
		a.Grant.Revoked, a.Grant.RevokedBy = moment(e.At), e.Actor
	}
}

// state is the same, of the rows.
func state(v View) *tale {
	a := &tale{Who: v.Request.Who.ID, Phase: v.Status.Phase, Thread: len(v.Thread)}
	for _, b := range v.Request.Votes {
		a.Votes = append(a.Votes, ballotTold{
			b.By.ID, b.Verdict, b.For.String(), moment(b.NotBefore), actions(withheld(b.Terms, v.Request)), conditions(b.Terms), b.Promise,
		})
	}
	if g := v.Grant; g != nil {
		a.Grant = &grantTold{
			For: g.For.String(), May: actions(g.Actions), NotBefore: moment(g.NotBefore), Extends: or(g.Extends, "none"), Spent: g.Spent.String(),
			Accepted: moment(g.Accepted), Activated: moment(g.Activated), NotAfter: moment(g.NotAfter),
			Revoked: moment(g.Revoked), RevokedBy: g.RevokedBy, Sessions: g.Sessions,
		}
	}
	return a
}
