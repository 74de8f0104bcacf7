package attacks

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/policy/statement"
)

func TestC01ARequestThatIsChangedOpensNothing(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	if !lets(t, w.Gateway, knock(w.Eng)) {
		t.Fatal("the grant opens nothing to begin with")
	}
	whole := copyOf(t, w)
	for _, key := range []string{"rrequest/" + code, "rgrant/" + code} {
		for _, at := range []int{2, 20, 40, 60, -40, -3} { // its event, count, secrets and text
			edit(t, w, key, func(v []byte) []byte {
				v[(at+len(v))%len(v)] ^= 1
				return v
			})
			if lets(t, w.Gateway, knock(w.Eng)) {
				t.Errorf("%s changed at %d lets in", key, at)
			}
			whole.putBack(t, w, key)
		}
	}
	if !lets(t, w.Gateway, knock(w.Eng)) {
		t.Error("what was put back opens nothing: the rows above were refused for another reason")
	}
}

// Leans on: a transaction proves each row that it replaces.
func TestC01ARequestThatIsChangedWhileItWaitsTakesNoVote(t *testing.T) {
	w := newWorld(t)
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	edit(t, w, "rrequest/"+code, func(v []byte) []byte { // base64 of the body: another letter is another request
		i := bytes.Index(v, []byte(`"body":"`)) + 40
		v[i] ^= 1
		return v
	})
	if err := w.Approve(t, w.Ceo, code); err == nil {
		t.Error("a request that somebody edited in the file takes a vote")
	}
	if err := w.Desk.Withdraw(t.Context(), w.Eng.Principal, code); err == nil {
		t.Error("a request that somebody edited in the file is written anew")
	}
}

func TestC01AChangedApplicationIsANewRequestWithoutVotes(t *testing.T) {
	w := newWorld(t)
	base := approvals.Application{Target: "db1.prod", Login: "support_nord", Do: policy.Shell, For: time.Hour, Need: policy.Need{Reason: "outage", Text: "contract stuck in state 7"}}
	first, err := w.Desk.Submit(t.Context(), w.Eng.Principal, base)
	must(t, err)
	must(t, w.Approve(t, w.Ceo, first.Request.ID))
	for name, fn := range map[string]func(a *approvals.Application){
		"longer": func(a *approvals.Application) { a.For = 2 * time.Hour }, "another customer": func(a *approvals.Application) { a.Login = "support_syd" },
		"another reason": func(a *approvals.Application) { a.Need.Reason = "planned" }, "another text": func(a *approvals.Application) { a.Need.Text += "!" },
	} {
		a := base
		fn(&a)
		v, err := w.Desk.Submit(t.Context(), w.Eng.Principal, a)
		must(t, err)
		if v.Request.ID == first.Request.ID || len(v.Request.Votes) != 0 {
			t.Errorf("%s: request %s has %d votes", name, v.Request.ID, len(v.Request.Votes))
		}
	}
}

func TestC02WhatIsSignedIsWhatIsShown(t *testing.T) {
	w := newWorld(t)
	ask := func(text, ticket, target string) (approvals.View, error) {
		return w.Desk.Submit(t.Context(), w.Eng.Principal, approvals.Application{
			Target: target, Login: "deploy", Do: policy.Shell, Need: policy.Need{Reason: "outage", Text: text, Ticket: ticket},
		})
	}
	for name, text := range map[string]string{
		"a second line":        "look at the queue\ndecision: approve",
		"a carriage return":    "look at the queue\rdecision: approve",
		"a turn of direction":  "look at the \u202eqeueu now",
		"isolates":             "look at \u2066the\u2069 queue",
		"a zero-width space":   "look at the\u200bqueue now",
		"a soft hyphen":        "look at the que\u00adue now",
		"an escape":            "look at \x1b[2Jthe queue",
		"what is no UTF-8":     "look at the queue \xff now",
		"a line separator":     "look at\u2028the queue",
		"ten thousand letters": strings.Repeat("x", 10_000),
		"a tag character":      "look at the queue\U000e0041",
	} {
		if _, err := ask(text, "", "db1.prod"); err == nil {
			t.Errorf("%s is taken", name)
		}
		if _, err := ask("look at the queue", "INC-1"+text[len(text)/2:], "db1.prod"); err == nil && name != "ten thousand letters" && strings.ContainsAny(text[len(text)/2:], "\n\r\x1b\u202e\u200b") {
			t.Errorf("%s is taken in a ticket", name)
		}
	}
	for _, target := range []string{"db1.prod\n", "db1.pr\u043ed", "DB1.PROD", " db1.prod", "db1.prod."} {
		if _, err := ask("look at the queue", "", target); err == nil {
			t.Errorf("the target %q is taken", target)
		}
	}
	long := strings.Repeat("look at the queue ", 55) + "end"
	v, err := ask(long, "INC-1", "db1.prod")
	must(t, err)
	b, err := w.Desk.Prepare(t.Context(), w.Ceo.Principal, v.Request.ID, policy.Terms{})
	must(t, err)
	said, err := statement.ParseApproval(b.Statement)
	must(t, err)
	if said.Need != long || said.Digest != v.Digest || said.Target != "db1.prod" || said.Login != "deploy" || said.Customers != "nord, syd" || said.Window != v.Request.For.String() {
		t.Errorf("what is signed is %+v", said)
	}
}

func TestC03NobodyApprovesTheirOwn(t *testing.T) {
	w := newWorld(t)
	change(w, func(p *policy.Policy) { p.Groups["board"] = append(p.Groups["board"], "eng@x.eu", "mate@x.eu") })
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	wantNo(t, w.Approve(t, w.Eng, code), "own request")
	_, err := w.Desk.Reject(t.Context(), w.Eng.Principal, code, "")
	wantNo(t, err, "own request")
	wantUnknown(t, "a colleague whom somebody put into the board's group", w.Approve(t, w.Mate, code))
	for _, disguise := range []policy.Principal{ // the same person as another kind
		{ID: w.Eng.ID, Name: "Eng", Kind: policy.Executive, Groups: []string{"board"}},
		{ID: w.Eng.ID, Name: "Eng", Kind: policy.Reviewer, Customer: "nord"},
	} {
		_, err := w.Desk.Prepare(t.Context(), disguise, code, policy.Terms{})
		wantNo(t, err, "own request")
	}
	q := policy.Request{ID: "X", At: time.Now(), Who: w.Eng.Principal, Stages: []policy.Stage{{Kind: policy.ByExecutive, Count: 1, Of: 2, Expires: time.Hour}}}
	q.Votes = []policy.Vote{{By: w.Eng.Principal, At: time.Now(), Verdict: policy.Yes, Terms: policy.Terms{For: time.Hour}}}
	if s := q.Tally(time.Now()); s.Phase != policy.Pending || len(s.Stages[0].Yes) != 0 {
		t.Errorf("a vote on one's own request counts: %s", s.Phase)
	}
}

func TestC03WhoConfirmedTheKeyOfTheRequesterDoesNotVote(t *testing.T) {
	w := newWorld(t)
	code := w.Ask(t, w.Mate, "nord", time.Hour) // Cto confirmed Mate's passkey
	wantNo(t, w.Approve(t, w.Cto, code), "you confirmed the key")
	must(t, w.Approve(t, w.Ceo, code))
}

func TestC03AnExecutiveWhomAnOperatorInvitedDoesNotCount(t *testing.T) {
	w := newWorld(t)
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	if err := w.Approve(t, w.Lone, code); !errors.Is(err, approvals.ErrUnknown) {
		t.Errorf("got %v, want what an unknown code gets", err)
	}
	wantNo(t, w.Approve(t, w.Ann, code), "not your turn") // nor does a customer's yes alone
}

func TestC03OneKeyIsNotTwoPeople(t *testing.T) {
	w := newWorld(t)
	ask, err := w.People.BeginSSHKey(t.Context(), w.Mate.ID, line(w.Eng))
	if err == nil {
		_, err = w.People.AddSSHKey(t.Context(), ask.ID, w.Mate.Answer(t, ask.Options))
	}
	wantNo(t, err, "enrolled already")
}

func TestC06OneApprovalGivesOneGrant(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	must(t, w.Desk.GiveBack(t.Context(), w.Eng.Principal, code))
	again := w.Ask(t, w.Eng, "nord", time.Hour) // the very same words
	if again == code || lets(t, w.Gateway, knock(w.Eng)) {
		t.Errorf("request %s after %s was given back needs no vote", again, code)
	}
	must(t, w.Approve(t, w.Ceo, again))
	if lets(t, w.Gateway, knock(w.Eng)) {
		t.Error("the customer's earlier yes counts again")
	}
}

func TestC06AGrantIsForOneLoginActionAndPerson(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	for name, fn := range map[string]func(k *gateway.Knock){
		"another customer's login": func(k *gateway.Knock) { k.Login = "support_syd" }, "the login of all": func(k *gateway.Knock) { k.Login = "deploy" },
		"the customer beside the login": func(k *gateway.Knock) { k.Customer = "syd" }, "another action": func(k *gateway.Knock) { k.Do = policy.Forward },
		"a file": func(k *gateway.Knock) { k.Do = policy.SFTPPut }, "another person": func(k *gateway.Knock) { k.Who = w.Mate.Principal },
		"the template": func(k *gateway.Knock) { k.Login = "support_{{customer}}"; k.Customer = "syd" },
		"no person":    func(k *gateway.Knock) { k.Who = policy.Principal{} }, "an executive": func(k *gateway.Knock) { k.Who = w.Ceo.Principal },
	} {
		k := knock(w.Eng)
		fn(&k)
		if lets(t, w.Gateway, k) {
			t.Errorf("%s is let in", name)
		}
	}
}

// Leans on: the ballot is used up in its own transaction, the challenge is burnt
// in the ledger, and both outlive the process.
func TestC07ASignatureCountsOnce(t *testing.T) {
	w := newWorld(t)
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	before := copyOf(t, w)
	b, a := ballot(t, w, w.Ceo, code)
	_, err := w.Desk.Approve(t.Context(), w.Ceo.Principal, b.Nonce, a)
	must(t, err)
	_, err = w.Desk.Approve(t.Context(), w.Ceo.Principal, b.Nonce, a)
	wantNo(t, err, "used already")
	next, err := restarted(t, w, time.Now)
	must(t, err)
	_, err = next.Desk.Approve(t.Context(), w.Ceo.Principal, b.Nonce, a)
	wantNo(t, err, "used already")
	other := w.Ask(t, w.Eng, "nord", 2*time.Hour)
	fresh, err := w.Desk.Prepare(t.Context(), w.Ceo.Principal, other, policy.Terms{})
	must(t, err)
	_, err = w.Desk.Approve(t.Context(), w.Ceo.Principal, fresh.Nonce, a) // the old signature on a new ballot
	wantNo(t, err, "does not hold")
	before.putBack(t, w, "") // the file as it was before the vote, while the process runs
	if _, err := w.Desk.Approve(t.Context(), w.Ceo.Principal, b.Nonce, a); err == nil {
		t.Error("a signature counts again after the file was put back")
	}
}

func TestC07ABallotLivesFiveMinutes(t *testing.T) {
	w := newWorld(t)
	b, a := ballot(t, w, w.Ceo, w.Ask(t, w.Eng, "nord", time.Hour))
	next, err := restarted(t, w, later(5*time.Minute+time.Second))
	must(t, err)
	_, err = next.Desk.Approve(t.Context(), w.Ceo.Principal, b.Nonce, a)
	wantNo(t, err, "more than 5m0s ago")
}

func TestC09OnePersonCountsOnce(t *testing.T) {
	w := newWorld(t)
	change(w, func(p *policy.Policy) { p.Rules[0].Stages[0].Count = 2 })
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	one, first := ballot(t, w, w.Ceo, code)
	two, second := ballot(t, w, w.Ceo, code) // two windows, both open
	_, err := w.Desk.Approve(t.Context(), w.Ceo.Principal, one.Nonce, first)
	must(t, err)
	_, err = w.Desk.Approve(t.Context(), w.Ceo.Principal, two.Nonce, second)
	wantNo(t, err, "already voted")
	_, err = w.Desk.Reject(t.Context(), w.Ceo.Principal, code, "changed my mind") // nor the other way
	wantNo(t, err, "already voted")
	wantNo(t, w.Approve(t, w.Ann, code), "not your turn") // one executive does not fill a stage of two
	must(t, w.Approve(t, w.Cto, code))
	must(t, w.Approve(t, w.Ann, code))
	if !lets(t, w.Gateway, knock(w.Eng)) {
		t.Error("two executives do not fill a stage of two")
	}
}

func TestC09TheTallyCountsPeopleNotVotes(t *testing.T) {
	now := time.Now()
	q := policy.Request{ID: "X", At: now, Who: policy.Principal{ID: "eng@x.eu"}, For: time.Hour, Stages: []policy.Stage{{Kind: policy.ByExecutive, Count: 2, Of: 3, Expires: time.Hour}}}
	yes := policy.Vote{By: policy.Principal{ID: "ceo@x.eu"}, At: now, Verdict: policy.Yes, Terms: policy.Terms{For: time.Hour}}
	q.Votes = []policy.Vote{yes, yes, yes}
	if s := q.Tally(now); s.Phase != policy.Pending || len(s.Stages[0].Yes) != 1 {
		t.Errorf("one person three times: %s with %d", s.Phase, len(s.Stages[0].Yes))
	}
	for name, bad := range map[string]policy.Vote{
		"of another stage":      {By: policy.Principal{ID: "cto@x.eu"}, At: now, Verdict: policy.Yes, Terms: policy.Terms{For: time.Hour}, Stage: 1},
		"after the stage ended": {By: policy.Principal{ID: "cto@x.eu"}, At: now.Add(time.Hour), Verdict: policy.Yes, Terms: policy.Terms{For: time.Hour}},
		"of no verdict":         {By: policy.Principal{ID: "cto@x.eu"}, At: now, Terms: policy.Terms{For: time.Hour}},
		"spelt otherwise":       {By: policy.Principal{ID: "cto@x.eu"}, At: now, Verdict: "Approve", Terms: policy.Terms{For: time.Hour}},
	} {
		q.Votes = []policy.Vote{yes, bad}
		if s := q.Tally(now); s.Phase == policy.Approved {
			t.Errorf("a vote %s counts", name)
		}
	}
}
