package policy

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// anyVotes is a request with whatever votes somebody could write into it.
func anyVotes(t *rapid.T) *Request {
	r := &Request{ID: "R", At: noon, Who: Principal{ID: "eng", Vouched: "boss"}, For: time.Hour, Actions: []Action{Shell, SFTPGet}}
	for i := range rapid.IntRange(1, 3).Draw(t, "stages") {
		r.Stages = append(r.Stages, Stage{
			Kind: one(t, "kind", ByExecutive, ByCustomer), Customer: fmt.Sprint("c", i), Count: rapid.IntRange(0, 2).Draw(t, "count"),
			Of: rapid.IntRange(0, 3).Draw(t, "of"), Expires: time.Duration(rapid.IntRange(0, 300).Draw(t, "expires")) * time.Minute, Step: rapid.IntRange(0, 2).Draw(t, "step"),
			Escalate: few(t, "rungs", Rung{After: 30 * time.Minute, To: "x", Of: 1}),
		})
	}
	for range rapid.IntRange(0, 8).Draw(t, "votes") {
		v := Vote{
			By: Principal{ID: one(t, "by", "a", "b", "c", "eng", "boss", "")}, At: at(rapid.IntRange(-10, 300).Draw(t, "at")), Stage: rapid.IntRange(-1, 3).Draw(t, "stage"),
			Verdict: one(t, "verdict", Yes, Yes, No, ""), Behalf: one(t, "behalf", "", "", "a", "b", "eng", "boss"), Standing: one(t, "standing", "", "", "", "M"),
			Terms: Terms{For: time.Duration(rapid.IntRange(-1, 90).Draw(t, "for")) * time.Minute, Actions: few(t, "narrow", Shell, SFTPGet), Watched: rapid.Bool().Draw(t, "watched")},
		}
		r.Votes = append(r.Votes, v)
	}
	return r
}

// people counts those behind the yeses to stage i that could count at all: a
// deputy and who lends the seat are one. It is written from the rules of the
// desk, not from Tally.
func (r *Request) people(i int, now time.Time) int {
	var all [][]string
	for _, v := range r.Votes {
		who := []string{v.By.ID}
		if v.Behalf != "" {
			who = append(who, v.Behalf)
		}
		bad := slices.ContainsFunc(who, func(id string) bool { return id == "" || id == r.Who.ID || id == r.Who.Vouched })
		if v.Stage == i && v.Verdict == Yes && v.Standing == "" && !bad && !v.At.After(now) && !v.At.Before(r.At) && v.At.Before(r.At.Add(r.Stages[i].Expires)) {
			all = append(all, who)
		}
	}
	return apart(all)
}

// apart is the most of some sets that have nothing in common.
func apart(all [][]string) int {
	if len(all) == 0 {
		return 0
	}
	rest := slices.DeleteFunc(slices.Clone(all[1:]), func(w []string) bool {
		return slices.ContainsFunc(w, func(id string) bool { return slices.Contains(all[0], id) })
	})
	return max(apart(all[1:]), 1+apart(rest))
}

func TestNothingIsApprovedWithoutEveryQuorum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, now := anyVotes(t), at(rapid.IntRange(-10, 300).Draw(t, "now"))
		s := r.Tally(now)
		if s.Phase != Approved {
			return
		}
		for i, g := range r.Stages {
			stands := g.Kind == ByCustomer && slices.ContainsFunc(r.Votes, func(v Vote) bool {
				return v.Stage == i && v.Standing != "" && v.Verdict == Yes && !v.At.After(now)
			})
			if g.Count < 1 || !stands && r.people(i, now) < g.Count {
				t.Fatalf("approved at %v with %d of %d people in stage %d: %+v", now, r.people(i, now), g.Count, i, r.Votes)
			}
		}
		for _, st := range s.Stages {
			for _, v := range st.Yes {
				if v.Watched && !s.Watched || s.For > max(v.For, 0) || len(v.Actions) > 0 && slices.ContainsFunc(s.Actions, func(a Action) bool { return !slices.Contains(v.Actions, a) }) {
					t.Fatalf("a yes for %s and %v (watched: %v) gives %s and %v (%v)", v.For, v.Actions, v.Watched, s.For, s.Actions, s.Watched)
				}
			}
		}
	})
}

// TestAVoteCountsForNothingElse: a vote moved to another stage, customer or
// person cannot be cast, whatever else was voted.
func TestAVoteCountsForNothingElse(t *testing.T) {
	p := testPolicy(t)
	everybody := []Principal{eng, op, ceo, cto, nord, syd, audit, peer, out, nord2, newcomer}
	rapid.Check(t, func(t *rapid.T) {
		r := with(request(), func(r *Request) {
			r.Customers = []string{"nord", "syd"}
			r.Stages = append(r.Stages, Stage{Kind: ByCustomer, Customer: "syd", Count: 1, Of: 1, Expires: 96 * time.Hour, Step: 1})
		})
		for minute := range rapid.IntRange(1, 12).Draw(t, "tries") {
			q := Question{Now: at(minute + 1), Who: one(t, "who", everybody...), Do: one(t, "do", Approve, Approve, Reject), Request: r, Binding: "b",
				Delegations: few(t, "lent", lent(ceo, peer), lent(nord, nord2), lent(ceo, nord), lent(newcomer, op), lent(ceo, eng))}
			q.Proofs = []Proof{{Passkey, q.Who.ID, q.Now, "b"}}
			d := p.Decide(q)
			if d.Verdict != Allow {
				continue
			}
			v := Vote{By: q.Who, At: q.Now, Stage: d.Stage, Verdict: string(q.Do), Behalf: d.Behalf, Delegation: d.Delegation, Terms: Terms{For: time.Hour}}
			sits := v.By
			if i := slices.IndexFunc(everybody, func(w Principal) bool { return w.ID == v.Behalf }); i >= 0 {
				sits = everybody[i]
			}
			g := r.Stages[v.Stage]
			if !sits.Admitted || g.Kind == ByExecutive && sits.Kind != Executive || g.Kind == ByCustomer && sits.Customer != g.Customer {
				t.Fatalf("%s (for %q) voted in the stage %+v", v.By.ID, v.Behalf, g)
			}
			r.Votes = append(r.Votes, v)
			if s := r.Tally(q.Now); len(s.Stages[v.Stage].Yes)+len(s.Stages[v.Stage].No) == 0 {
				t.Fatalf("the vote of %s was taken and does not count", v.By.ID)
			}
		}
		if s := r.Tally(at(60)); s.Phase == Approved && (r.people(0, at(60)) < 1 || r.people(1, at(60)) < 1 || r.people(2, at(60)) < 1) {
			t.Fatalf("approved by %+v", r.Votes)
		}
	})
}

// TestAnOperatorAloneMakesNoApprover: whoever is not pinned (the staff, and who
// only says that they are an executive or a reviewer) never makes a motion hold
// that admits somebody, sets anything, or lends a seat.
func TestAnOperatorAloneMakesNoApprover(t *testing.T) {
	p := testPolicy(t)
	p.Declaration = &Declaration{Version: "1"}
	people := []Principal{
		op, eng, gateway, audit, newcomer, {ID: "two@example.eu", Kind: Executive}, {ID: "x@nord.example", Kind: Reviewer, Customer: "nord"},
		{ID: "y@nord.example", Kind: Reviewer, Customer: "nord"}, {ID: "staff@example.eu", Kind: Staff, Groups: []string{"board"}},
	}
	kinds := []MotionKind{ToAdmit, ToDismiss, ToActivate, ToSet, ToInstruct, ToDelegate, ToDeclare, ToRecover, ToErase, "other"}
	rapid.Check(t, func(t *rapid.T) {
		motions := []*Motion{admit(), admitFor("nord", nord), settings(), activate(gateway), with(lent(ceo, op), func(m *Motion) { m.Votes = nil })}
		for minute := range rapid.IntRange(1, 20).Draw(t, "deeds") {
			now, who := at(minute), one(t, "who", people...)
			q := Question{Now: now, Who: who, Do: one(t, "do", Propose, Sign, Sign, Oppose, End), Binding: "b", Proofs: []Proof{{Passkey, who.ID, now, "b"}}}
			if q.Do == Propose {
				q.Motion = &Motion{ID: "M", Kind: one(t, "kind", kinds...), At: now, By: one(t, "by", who, ceo), Customer: one(t, "customer", "", "nord"), Until: at(600), Key: "k", Uses: 9, For: time.Hour, Notice: true}
				q.Motion.About = one(t, "about", op.ID, newcomer.ID, "1", OfRecording("01ARZ3NDEKTSV4RRFFQ69G5FAV"))
				q.Motion.Stage = p.Takes(q.Motion)
				if rapid.Bool().Draw(t, "own stage") {
					q.Motion.Stage = Stage{Kind: one(t, "stage", ByExecutive, ByCustomer, ByPeer, ByOwner, BySelf), Group: one(t, "group", "", "platform", op.ID), Customer: q.Motion.Customer, Count: 1}
				}
				q.Motion.Stage.Of, q.Motion.Stage.Expires = 3, time.Hour
			} else if len(motions) > 0 {
				q.Motion = one(t, "motion", motions...)
			}
			if p.Decide(q).Verdict != Allow {
				continue
			}
			switch q.Do {
			case Propose:
				motions = append(motions, q.Motion)
			case Sign, Oppose:
				q.Motion.Votes = append(q.Motion.Votes, Vote{By: who, At: now, Verdict: map[Action]string{Sign: Yes, Oppose: No}[q.Do]})
			case End:
				q.Motion.Ended = now
			}
			for _, m := range motions {
				if m.Kind != ToDeclare && m.Holds(at(minute+1)) {
					t.Fatalf("%s holds: %+v", m.Kind, m)
				}
			}
		}
	})
}
