package policy

import (
	"testing"
	"time"

	"slices"
)

func request() *Request {
	return &Request{
		ID: "7KQM", At: noon, Who: eng, Target: "db1.prod", Login: "support_nord", Customers: []string{"nord"}, For: time.Hour,
		Stages: []Stage{
			{Kind: ByExecutive, Group: "board", Count: 1, Of: 2, Expires: 12 * time.Hour},
			{Kind: ByCustomer, Customer: "nord", Count: 1, Of: 1, Expires: 96 * time.Hour, Step: 1},
		},
	}
}

func yes(by Principal, stage, minute int) Vote {
	return Vote{By: by, Stage: stage, Verdict: Yes, At: at(minute), Terms: Terms{For: time.Hour}}
}

func no(by Principal, stage, minute int) Vote {
	return Vote{By: by, Stage: stage, Verdict: No, At: at(minute)}
}

// TestTally reads as the specification of when a request is approved.
func TestTally(t *testing.T) {
	short := yes(nord, 1, 2)
	short.For = 15 * time.Minute
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
		{"one no of two breaks a quorum of two", with(request(), quorum2), []Vote{no(ceo, 0, 1)}, at(2), Rejected, at(1), time.Hour},
		{"a changed mind is not counted", request(), []Vote{no(nord, 1, 1), yes(nord, 1, 2)}, at(3), Rejected, at(1), time.Hour},
		{"one's own vote counts nothing", request(), []Vote{yes(eng, 0, 1), yes(nord, 1, 1)}, at(2), Pending, time.Time{}, time.Hour},
		{"an unknown verdict is a no", request(), []Vote{{By: nord, Stage: 1, Verdict: "maybe", At: at(1)}}, at(2), Rejected, at(1), time.Hour},
		{"the board's last instant is out", request(), nil, at(12 * 60), Expired, at(12 * 60), time.Hour},
		{"just before it is in", request(), nil, at(12 * 60).Add(-1), Pending, time.Time{}, time.Hour},
		{"a late vote counts nothing", request(), []Vote{yes(ceo, 0, 12*60)}, at(12 * 60), Expired, at(12 * 60), time.Hour},
		{"the customer has longer", request(), []Vote{yes(ceo, 0, 1)}, at(96 * 60), Expired, at(96 * 60), time.Hour},
		{"the first expiry is told", request(), nil, at(97 * 60), Expired, at(12 * 60), time.Hour},
		{"approved stays approved", request(), []Vote{yes(ceo, 0, 1), yes(nord, 1, 2)}, at(97 * 60), Approved, at(2), time.Hour},
		{"withdrawn beats all", with(request(), func(r *Request) { r.Withdrawn = at(3) }), []Vote{yes(ceo, 0, 1), yes(nord, 1, 2)}, at(3), Withdrawn, at(3), time.Hour},
		{"no stages never approve", with(request(), func(r *Request) { r.Stages = nil }), nil, at(1), Rejected, noon, time.Hour},
		{"a stage of nobody never approves", with(request(), func(r *Request) { r.Stages[0].Count = 0 }), []Vote{yes(ceo, 0, 1), yes(nord, 1, 1)}, at(2), Rejected, at(1), time.Hour},
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

// TestVotes reads as the specification of who decides, looks at and ends a request.
func TestVotes(t *testing.T) {
	p := testPolicy(t)
	proof := []Proof{{Passkey, ceo.ID, at(1), "statement"}}
	opExec := Principal{ID: op.ID, Kind: Executive, Admitted: true}
	p.Groups["board"] = append(p.Groups["board"], op.ID)
	approvedByBoard := with(request(), func(r *Request) { r.Votes = []Vote{yes(ceo, 0, 0)} })
	all := with(request(), func(r *Request) { r.Customers = []string{"nord", "syd"} })
	for _, c := range []struct {
		rule string
		q    Question
		want Verdict
		why  string
	}{
		{"no request", Question{Who: ceo, Do: Approve}, Deny, "no such request"},
		{"a board member must sign", Question{Who: ceo, Do: Approve, Request: request()}, Prove, "passkey signature"},
		{"a signature counts", Question{Who: ceo, Do: Approve, Request: request(), Proofs: proof, Binding: "statement"}, Allow, "may decide"},
		{"a signature of another statement does not", Question{Who: ceo, Do: Approve, Request: request(), Proofs: proof, Binding: "other"}, Prove, ""},
		{"a no needs none", Question{Who: ceo, Do: Reject, Request: request()}, Allow, ""},
		{"own request", Question{Who: eng, Do: Approve, Request: request()}, Deny, "own request"},
		{"own request, rejected", Question{Who: eng, Do: Reject, Request: request()}, Deny, "own request"},
		{"who vouched for the requester", Question{Who: opExec, Do: Approve, Request: request()}, Deny, "confirmed the key"},
		{"an executive outside the group", Question{Who: Principal{ID: "x", Kind: Executive, Admitted: true}, Do: Approve, Request: request()}, Deny, "not among those"},
		{"an executive who is not pinned", Question{Who: Principal{ID: ceo.ID, Kind: Executive}, Do: Reject, Request: request()}, Deny, "not among those"},
		{"an executive who is not pinned sees nothing", Question{Who: Principal{ID: ceo.ID, Kind: Executive}, Do: See, Request: request()}, Deny, "not yours"},
		{"staff in the board's group", Question{Who: Principal{ID: ceo.ID, Kind: Staff, Admitted: true}, Do: Approve, Request: request()}, Deny, "not among those"},
		{"a reviewer before the board", Question{Who: nord, Do: Approve, Request: request()}, Deny, "not your turn"},
		{"a reviewer after the board", Question{Who: nord, Do: Approve, Request: approvedByBoard}, Prove, ""},
		{"a reviewer of another customer", Question{Who: syd, Do: Approve, Request: approvedByBoard}, Deny, "not among those"},
		{"a reviewer of no customer", Question{Who: Principal{ID: "x", Kind: Reviewer, Admitted: true}, Do: Approve, Request: with(request(), func(r *Request) { r.Stages[0].Kind, r.Stages[0].Customer = ByCustomer, "" })}, Deny, "not among those"},
		{"the board twice", Question{Who: ceo, Do: Reject, Request: approvedByBoard}, Deny, "already voted"},
		{"the other board member after quorum", Question{Who: cto, Do: Approve, Request: approvedByBoard}, Deny, "this stage is approved"},
		{"an expired request", Question{Now: at(12 * 60), Who: ceo, Do: Approve, Request: request()}, Deny, "the request is expired"},
		{"a stage of an unknown kind has no voters", Question{Who: ceo, Do: Approve, Request: with(request(), func(r *Request) { r.Stages[0].Kind = "peer" })}, Deny, "not among those"},

		{"the requester sees it", Question{Who: eng, Do: See, Request: request()}, Allow, ""},
		{"the board sees it", Question{Who: ceo, Do: See, Request: request()}, Allow, ""},
		{"its customer sees it", Question{Who: nord, Do: See, Request: request()}, Allow, ""},
		{"an auditor sees it", Question{Who: audit, Do: See, Request: request()}, Allow, ""},
		{"another customer does not", Question{Who: syd, Do: See, Request: request()}, Deny, "not yours to see"},
		{"another engineer does not", Question{Who: op, Do: See, Request: request()}, Deny, "not yours to see"},
		{"the requester withdraws", Question{Who: eng, Do: Withdraw, Request: request()}, Allow, ""},
		{"the board does not withdraw", Question{Who: ceo, Do: Withdraw, Request: request()}, Deny, "withdraw"},
		{"the requester gives back", Question{Who: eng, Do: GiveBack, Request: request()}, Allow, ""},
		{"nobody else gives back", Question{Who: nord, Do: GiveBack, Request: request()}, Deny, "give back"},
		{"the board revokes", Question{Who: cto, Do: Revoke, Request: request()}, Allow, ""},
		{"its customer revokes", Question{Who: nord, Do: Revoke, Request: request()}, Allow, ""},
		{"another customer does not revoke", Question{Who: syd, Do: Revoke, Request: request()}, Deny, ""},
		{"the requester does not revoke", Question{Who: eng, Do: Revoke, Request: request()}, Deny, ""},
		{"an auditor does not revoke", Question{Who: audit, Do: Revoke, Request: request()}, Deny, ""},
		{"a touch is signed", Question{Who: eng, Do: Touch, Request: request()}, Prove, "passkey signature"},
		{"a touch that is signed", Question{Who: eng, Do: Touch, Request: request(), Binding: "b", Proofs: []Proof{{Passkey, eng.ID, at(1), "b"}}}, Allow, ""},
		{"a touch of another", Question{Who: op, Do: Touch, Request: request()}, Deny, ""},
		{"the requester replays", Question{Who: eng, Do: Replay, Request: request()}, Allow, ""},
		{"the auditor replays", Question{Who: audit, Do: Replay, Request: request()}, Allow, ""},
		{"the board watches", Question{Who: ceo, Do: Watch, Request: request()}, Allow, ""},
		{"its customer watches", Question{Who: nord, Do: Watch, Request: request()}, Allow, ""},
		{"one of two customers does not", Question{Who: nord, Do: Replay, Request: all}, Deny, ""},
		{"another customer does not watch", Question{Who: syd, Do: Watch, Request: request()}, Deny, ""},
		{"an unknown action", Question{Who: ceo, Do: "fly", Request: request()}, Deny, "not yours to fly"},

		{"an executive vouches, signed", Question{Who: ceo, Do: Vouch, Person: eng}, Prove, ""},
		{"and signs", Question{Who: ceo, Do: Vouch, Person: eng, Binding: "v", Proofs: []Proof{{Passkey, ceo.ID, at(1), "v"}}}, Allow, ""},
		{"one who is not pinned does not", Question{Who: Principal{ID: "x", Kind: Executive}, Do: Vouch, Person: eng}, Deny, "only an executive"},
		{"an operator does not vouch", Question{Who: op, Do: Vouch, Person: eng}, Deny, "only an executive"},
		{"an engineer does not vouch", Question{Who: eng, Do: Vouch, Person: op}, Deny, "only an executive"},
		{"a reviewer does not vouch", Question{Who: nord, Do: Vouch, Person: op}, Deny, "only an executive"},
		{"nobody vouches for themselves", Question{Who: ceo, Do: Vouch, Person: ceo}, Deny, "own key"},
		{"nobody vouches for nobody", Question{Who: ceo, Do: Vouch}, Deny, "own key"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if c.q.Now.IsZero() {
				c.q.Now = at(1)
			}
			got := p.Decide(c.q)
			if got.Verdict != c.want {
				t.Errorf("got %v %q, want %v", got.Verdict, got.Why, c.want)
			}
			check(t, got, c.want, got.Code, c.why)
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
