package policy

import (
	"slices"
	"testing"
	"time"
)

// TestTally reads as the specification of when a request is approved.
func TestTally(t *testing.T) {
	short := yes(nord, 1, 2)
	short.For = 15 * time.Minute
	ladder := func(r *Request) { // one person at first, another after a quarter of an hour
		r.Stages[0].Of, r.Stages[0].Escalate = 1, []Rung{{After: 15 * time.Minute, To: "deputies", Of: 1}}
	}
	actions := func(r *Request) { r.Actions = []Action{Shell, SFTPGet, SFTPPut} }
	quorum2 := func(r *Request) { r.Stages[0].Count = 2 }
	for _, c := range []struct {
		rule  string
		r     *Request
		votes []Vote
		now   time.Time
		want  Phase
		at    time.Time
		long  time.Duration
	}{
		{"no votes: pending", request(), nil, at(1), Pending, time.Time{}, time.Hour},
		{"the board alone is not enough", request(), []Vote{yes(ceo, 0, 1)}, at(2), Pending, time.Time{}, time.Hour},
		{"the customer alone is not enough", request(), []Vote{yes(nord, 1, 1)}, at(2), Pending, time.Time{}, time.Hour},
		{"both approve", request(), []Vote{yes(ceo, 0, 1), yes(nord, 1, 2)}, at(3), Approved, at(2), time.Hour},
		{"the shortest window counts", request(), []Vote{yes(ceo, 0, 1), short}, at(3), Approved, at(2), 15 * time.Minute},
		{"one no of two executives leaves a quorum of one", request(), []Vote{no(ceo, 0, 1)}, at(2), Pending, time.Time{}, time.Hour},
		{"both no: rejected", request(), []Vote{no(ceo, 0, 1), no(cto, 0, 2)}, at(2), Rejected, at(2), time.Hour},
		{"the only reviewer's no: rejected", request(), []Vote{yes(ceo, 0, 1), no(nord, 1, 2)}, at(3), Rejected, at(2), time.Hour},
		{"a quorum of two wants two", with(request(), quorum2), []Vote{yes(ceo, 0, 1), yes(nord, 1, 1)}, at(2), Pending, time.Time{}, time.Hour},
		{"one person counts once", with(request(), quorum2), []Vote{yes(ceo, 0, 1), yes(ceo, 0, 2), yes(nord, 1, 3)}, at(4), Pending, time.Time{}, time.Hour},
		{"one person is not the eyes of two stages", with(request(), func(r *Request) {
			r.Stages[1] = Stage{Kind: ByPeer, Group: "board", Count: 1, Of: 2, Expires: time.Hour, Step: 1}
		}), []Vote{yes(ceo, 0, 1), yes(ceo, 1, 2)}, at(3), Pending, time.Time{}, time.Hour},
		{"but may say no to the second", with(request(), func(r *Request) {
			r.Stages[1] = Stage{Kind: ByPeer, Group: "board", Count: 2, Of: 2, Expires: time.Hour, Step: 1}
		}), []Vote{yes(ceo, 0, 1), no(ceo, 1, 2)}, at(3), Rejected, at(2), time.Hour},
		{"one no of two breaks a quorum of two", with(request(), quorum2), []Vote{no(ceo, 0, 1)}, at(2), Rejected, at(1), time.Hour},
		{"a changed mind is not counted", request(), []Vote{yes(ceo, 0, 0), no(nord, 1, 1), yes(nord, 1, 2)}, at(3), Rejected, at(1), time.Hour},
		{"one's own vote counts nothing", request(), []Vote{yes(eng, 0, 1), yes(nord, 1, 1)}, at(2), Pending, time.Time{}, time.Hour},
		{"an unknown verdict is a no", request(), []Vote{yes(ceo, 0, 0), {By: nord, Stage: 1, Verdict: "maybe", At: at(1)}}, at(2), Rejected, at(1), time.Hour},
		{"the board's last instant is out", request(), nil, at(12 * 60), Expired, at(12 * 60), time.Hour},
		{"just before it is in", request(), nil, at(12 * 60).Add(-1), Pending, time.Time{}, time.Hour},
		{"a late vote counts nothing", request(), []Vote{yes(ceo, 0, 12*60)}, at(12 * 60), Expired, at(12 * 60), time.Hour},
		{"the customer has longer", request(), []Vote{yes(ceo, 0, 1)}, at(96 * 60), Expired, at(96 * 60), time.Hour},
		{"the first expiry is told", request(), nil, at(97 * 60), Expired, at(12 * 60), time.Hour},
		{"approved stays approved", request(), []Vote{yes(ceo, 0, 1), yes(nord, 1, 2)}, at(97 * 60), Approved, at(2), time.Hour},
		{"withdrawn beats all", with(request(), func(r *Request) { r.Withdrawn = at(3) }), []Vote{yes(ceo, 0, 1), yes(nord, 1, 2)}, at(3), Withdrawn, at(3), time.Hour},
		{"no stages never approve", with(request(), func(r *Request) { r.Stages = nil }), nil, at(1), Rejected, noon, time.Hour},
		{"a stage of nobody never approves", with(request(), func(r *Request) { r.Stages[0].Count = 0 }), []Vote{yes(ceo, 0, 1), yes(nord, 1, 1)}, at(2), Rejected, at(1), time.Hour},
		{"a yes before its stage is open counts nothing", request(), []Vote{yes(nord, 1, 1), yes(ceo, 0, 2)}, at(3), Pending, time.Time{}, time.Hour},
		{"nor does a no", request(), []Vote{no(nord, 1, 1), yes(ceo, 0, 2)}, at(3), Pending, time.Time{}, time.Hour},
		{"a yes of the future counts nothing yet", request(), []Vote{yes(ceo, 0, 1), yes(nord, 1, 5)}, at(4), Pending, time.Time{}, time.Hour},
		{"a no of the future counts", request(), []Vote{yes(ceo, 0, 1), no(nord, 1, 5)}, at(4), Rejected, at(5), time.Hour},
		{"a withdrawal of the future counts", with(request(), func(r *Request) { r.Withdrawn = at(3) }), nil, at(2), Withdrawn, at(3), time.Hour},
		{"a vote before the request counts nothing", request(), []Vote{yes(ceo, 0, -1)}, at(1), Pending, time.Time{}, time.Hour},
		{"who confirmed the key of who asks counts nothing", with(request(), func(r *Request) { r.Who.Vouched = ceo.ID }), []Vote{yes(ceo, 0, 1), yes(nord, 1, 2)}, at(3), Pending, time.Time{}, time.Hour},
		{"nor does anybody for them", with(request(), func(r *Request) { r.Who.Vouched = cto.ID }), []Vote{deputy(ceo, cto, 1), yes(nord, 1, 2)}, at(3), Pending, time.Time{}, time.Hour},
		{"nor for who asks", request(), []Vote{deputy(ceo, eng, 1), yes(nord, 1, 2)}, at(3), Pending, time.Time{}, time.Hour},
		{"a deputy counts", request(), []Vote{deputy(peer, ceo, 1), yes(nord, 1, 2)}, at(3), Approved, at(2), time.Hour},
		{"a deputy and who lends the seat are one", with(request(), quorum2), []Vote{deputy(peer, ceo, 1), yes(ceo, 0, 2), yes(nord, 1, 3)}, at(4), Pending, time.Time{}, time.Hour},
		{"also the other way round", with(request(), quorum2), []Vote{yes(ceo, 0, 1), deputy(peer, ceo, 2), yes(nord, 1, 3)}, at(4), Pending, time.Time{}, time.Hour},
		{"two deputies of one are one", with(request(), quorum2), []Vote{deputy(peer, ceo, 1), deputy(out, ceo, 2), yes(nord, 1, 3)}, at(4), Pending, time.Time{}, time.Hour},
		{"the deputy of two is one", with(request(), quorum2), []Vote{deputy(peer, ceo, 1), deputy(peer, cto, 2), yes(nord, 1, 3)}, at(4), Pending, time.Time{}, time.Hour},
		{"nobody counts nothing", request(), []Vote{{Verdict: Yes, At: at(1), Terms: Terms{For: time.Hour}}}, at(2), Pending, time.Time{}, time.Hour},
		{"a customer's instruction is its whole vote", with(request(), func(r *Request) { r.Stages[1].Count = 2 }), []Vote{standing(1, 0), yes(ceo, 0, 1)}, at(2), Approved, at(1), time.Hour},
		{"it stands for no executive", request(), []Vote{standing(0, 0), yes(nord, 1, 1)}, at(2), Pending, time.Time{}, time.Hour},
		{"and says no to nothing", request(), []Vote{{Stage: 1, Verdict: No, Standing: "M7QK", At: noon}}, at(2), Pending, time.Time{}, time.Hour},
		{"what it stands for opens nothing that comes after another", with(request(), func(r *Request) {
			r.Stages = append(r.Stages, Stage{Kind: ByOwner, Group: peer.ID, Count: 1, Of: 1, Expires: 24 * time.Hour, Step: 2})
		}), []Vote{standing(1, 0), yes(peer, 2, 1), yes(ceo, 0, 2)}, at(3), Pending, time.Time{}, time.Hour},
		{"a rung adds people who can still say yes", with(request(), ladder), []Vote{no(ceo, 0, 16)}, at(17), Pending, time.Time{}, time.Hour},
		{"a no before it does not wait for them", with(request(), ladder), []Vote{no(ceo, 0, 14)}, at(15), Rejected, at(14), time.Hour},
		{"nor is it forgotten when they come", with(request(), ladder), []Vote{no(ceo, 0, 14), yes(out, 0, 16), yes(nord, 1, 17)}, at(18), Rejected, at(16), time.Hour},
		{"a yes for no time gives none", request(), []Vote{{By: ceo, Verdict: Yes, At: at(1)}}, at(2), Pending, time.Time{}, 0},
		{"nothing lasts longer than the hard maximum", with(request(), func(r *Request) { r.For = 24 * time.Hour }), nil, at(1), Pending, time.Time{}, HardMax},
		{"yeses that have nothing in common", with(request(), actions), []Vote{limited(ceo, 0, 1, Terms{Actions: []Action{Shell}}), limited(nord, 1, 2, Terms{ReadOnly: true})}, at(3), Rejected, at(2), time.Hour},
		{"yeses that have something", with(request(), actions), []Vote{limited(ceo, 0, 1, Terms{ReadOnly: true}), limited(nord, 1, 2, Terms{Actions: []Action{SFTPGet}})}, at(3), Approved, at(2), time.Hour},
	} {
		t.Run(c.rule, func(t *testing.T) {
			c.r.Votes = c.votes
			got := c.r.Tally(c.now)
			if got.Phase != c.want || !got.At.Equal(c.at) || got.For != c.long {
				t.Errorf("got %s at %v for %s, want %s at %v for %s", got.Phase, got.At, got.For, c.want, c.at, c.long)
			}
		})
	}
}

func TestStagesOpenInOrder(t *testing.T) {
	r := request()
	open := func(votes ...Vote) (steps []int) {
		r.Votes = votes
		for i, s := range r.Tally(at(5)).Stages {
			if s.Open {
				steps = append(steps, i)
			}
		}
		return steps
	}
	if got := open(); !slices.Equal(got, []int{0}) {
		t.Errorf("first %v", got)
	}
	if got := open(yes(ceo, 0, 1)); !slices.Equal(got, []int{1}) {
		t.Errorf("then %v", got)
	}
	if got := open(yes(ceo, 0, 1), yes(nord, 1, 1)); got != nil {
		t.Errorf("at last %v", got)
	}
	r.Stages[1].Step = 0
	if got := open(); !slices.Equal(got, []int{0, 1}) {
		t.Errorf("of one step %v", got)
	}
}

// TestTerms reads as the specification of what a yes can take away.
func TestTerms(t *testing.T) {
	all := OnTarget()
	for _, c := range []struct {
		rule     string
		terms    Terms
		readOnly bool // the login
		want     []Action
	}{
		{"nothing said takes nothing", Terms{}, false, all},
		{"these alone", Terms{Actions: []Action{Exec, Forward}}, false, []Action{Exec, Forward}},
		{"no more than was asked for", Terms{Actions: []Action{"fly"}}, false, nil},
		{"no file transfer", Terms{NoFiles: true}, false, []Action{Shell, Exec, Forward, Agent, X11, HTTPGet, HTTPPut}},
		{"nothing that writes", Terms{ReadOnly: true}, false, []Action{SFTPGet, HTTPGet}},
		{"a read-only login keeps its shell", Terms{ReadOnly: true}, true, []Action{Shell, Exec, SFTPGet, HTTPGet}},
		{"all of it", Terms{ReadOnly: true, NoFiles: true, Actions: []Action{SFTPGet, HTTPGet}}, true, []Action{HTTPGet}},
	} {
		if got := c.terms.Leave(all, c.readOnly); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.rule, got, c.want)
		}
	}
}

func TestEveryYesNarrows(t *testing.T) {
	r := with(request(), func(r *Request) { r.Actions = []Action{Shell, SFTPGet} })
	r.Votes = []Vote{
		limited(ceo, 0, 1, Terms{NotBefore: at(30), Promise: "call me"}),
		limited(nord, 1, 2, Terms{NotBefore: at(20), NoFiles: true, Promise: "call me"}),
	}
	s := r.Tally(at(3))
	if !s.NotBefore.Equal(at(30)) || !slices.Equal(s.Actions, []Action{Shell}) || !slices.Equal(s.Promises, []string{"call me"}) || s.Watched {
		t.Errorf("got not before %v, %v, promises %q, watched %v", s.NotBefore, s.Actions, s.Promises, s.Watched)
	}
}

func TestOneYesThatWantsToWatchIsEnough(t *testing.T) {
	for i, votes := range [][]Vote{
		{limited(ceo, 0, 1, Terms{Watched: true}), yes(nord, 1, 2)},
		{yes(ceo, 0, 1), limited(nord, 1, 2, Terms{Watched: true})},
		{limited(ceo, 0, 1, Terms{Watched: true}), standing(1, 2)},
	} {
		if s := with(request(), func(r *Request) { r.Votes = votes }).Tally(at(3)); s.Phase != Approved || !s.Watched {
			t.Errorf("%d: got %s, watched %v", i, s.Phase, s.Watched)
		}
	}
	against := no(ceo, 0, 1)
	against.Watched = true
	r := with(request(), func(r *Request) { r.Votes = []Vote{against} })
	if r.Tally(at(3)).Watched {
		t.Error("a no has terms")
	}
}

// TestMotions reads as the specification of when a motion holds.
func TestMotions(t *testing.T) {
	ended := func(minute int) func(*Motion) { return func(m *Motion) { m.Ended = at(minute) } }
	for _, c := range []struct {
		rule  string
		m     *Motion
		now   time.Time
		want  Phase
		holds bool
	}{
		{"unsigned it does not", admit(), at(1), Pending, false},
		{"one signature of two is not enough", signed(admit(), ceo), at(9), Pending, false},
		{"two are", signed(admit(), ceo, cto), at(9), Approved, true},
		{"from the last of them on", signed(admit(), ceo, cto), at(2), Approved, true},
		{"not before", signed(admit(), ceo, cto), at(2).Add(-1), Pending, false},
		{"the same twice is one", signed(admit(), ceo, ceo), at(9), Pending, false},
		{"whom it is about does not count", signed(admit(), ceo, newcomer), at(9), Pending, false},
		{"nor for their own dismissal", with(signed(admit(), ceo, newcomer), func(m *Motion) { m.Kind = ToDismiss }), at(9), Pending, false},
		{"nor for their own recovery", with(signed(admit(), ceo, newcomer), func(m *Motion) { m.Kind = ToRecover }), at(9), Pending, false},
		{"nor their erasure", with(signed(admit(), ceo, newcomer), func(m *Motion) { m.Kind = ToErase }), at(9), Pending, false},
		{"a deputy does not count", with(signed(admit(), ceo), func(m *Motion) { m.Votes = append(m.Votes, deputy(peer, cto, 2)) }), at(9), Pending, false},
		{"an instruction does not count", with(settings(), func(m *Motion) { m.Votes = []Vote{standing(0, 1)} }), at(9), Pending, false},
		{"nobody signs a deputy for another", with(lent(ceo, peer), func(m *Motion) { m.Votes = []Vote{yes(cto, 0, 1)} }), at(9), Pending, false},
		{"too many against", with(signed(admit(), ceo), func(m *Motion) { m.Votes = append(m.Votes, no(cto, 0, 2), no(third, 0, 3)) }), at(9), Rejected, false},
		{"no rung makes it more", with(signed(admit(), ceo), func(m *Motion) {
			m.Stage.Escalate, m.Stage.Step = []Rung{{To: "deputies", Of: 9}}, 3
			m.Votes = append(m.Votes, no(cto, 0, 2), no(third, 0, 3))
		}), at(9), Rejected, false},
		{"nobody signed in time", admit(), at(24 * 60), Expired, false},
		{"it holds from its beginning", with(lent(ceo, peer), func(m *Motion) { m.From = at(5) }), at(5), Approved, true},
		{"not before it", with(lent(ceo, peer), func(m *Motion) { m.From = at(5) }), at(5).Add(-1), Approved, false},
		{"the last instant is out", lent(ceo, peer), at(60), Approved, false},
		{"just before it is in", lent(ceo, peer), at(60).Add(-1), Approved, true},
		{"ended it does not hold", with(lent(ceo, peer), ended(9)), at(9), Approved, false},
		{"before it was, it did", with(lent(ceo, peer), ended(9)), at(9).Add(-1), Approved, true},
		{"taken back it is nothing", with(admit(), ended(5)), at(5), Withdrawn, false},
		{"whatever is signed later", with(signed(admit(), ceo, cto), ended(1)), at(9), Withdrawn, false},
		{"no motion holds nothing", nil, at(9), "", false},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if c.m != nil {
				if got := c.m.Tally(c.now).Phase; got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
			}
			if got := c.m.Holds(c.now); got != c.holds {
				t.Errorf("holds: got %v, want %v", got, c.holds)
			}
		})
	}
}

func TestNoGrantPermitsNothing(t *testing.T) {
	if got := (*Grant)(nil).Over(noon); got == "" {
		t.Error("a nil grant is in force")
	}
	if got := new(Grant).Over(noon); got == "" {
		t.Error("the zero grant is in force")
	}
}
