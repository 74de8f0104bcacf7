package approvals

import (
	"errors"
	"lockbox/policy"
	"lockbox/policy/statement"
	"strings"
	"testing"
	"time"
)

func TestWhoMayNotVote(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.submit(t)
	for _, c := range []struct {
		rule string
		who  *human
		why  string // "" for unknown
	}{
		{"own request", w.eng, "own request"},
		{"another engineer sees nothing", w.mate, ""},
		{"the reviewer of another customer sees nothing", w.bo, ""},
		{"an auditor", w.aud, "not among those"},
		{"the customer before the board", w.ann, "not your turn"},
		{"a board member whom an operator added alone", w.lone, ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			err := w.approve(t, c.who, code, 0)
			if c.why == "" {
				if !errors.Is(err, ErrUnknown) {
					t.Errorf("got %v, want what an unknown code gets", err)
				}
				return
			}
			wantRefusal(t, err, c.why)
		})
	}
	if v, _ := w.See(t.Context(), w.eng.Principal, code); len(v.Request.Votes) != 0 {
		t.Errorf("%d votes count", len(v.Request.Votes))
	}
}

func TestABallotCountsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.submit(t)
	prepare := func(h *human) Ballot {
		t.Helper()
		b, err := w.Prepare(t.Context(), h.Principal, code, policy.Terms{})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	cast := func(h *human, b Ballot, a statement.Assertion) error {
		_, err := w.Approve(t.Context(), h.Principal, b.Nonce, a)
		return err
	}
	b := prepare(w.ceo)
	if err := cast(w.cto, b, w.cto.sign(b.Challenge())); !errors.Is(err, ErrUnknown) {
		t.Errorf("another person's ballot: got %v", err)
	}
	if err := cast(w.ceo, b, w.cto.sign(b.Challenge())); err == nil {
		t.Error("another person's signature counts")
	}
	wantRefusal(t, cast(w.ceo, b, w.ceo.sign(b.Challenge())), "used already") // failing used it up
	b = prepare(w.ceo)
	longer := strings.Replace(string(b.Statement), "window: 1h0m0s", "window: 8h0m0s", 1)
	if err := cast(w.ceo, b, w.ceo.sign(statement.Challenge(statement.ForApproval, []byte(longer)))); err == nil {
		t.Error("a signature over another statement counts")
	}
	b = prepare(w.ceo)
	if err := cast(w.ceo, b, w.ceo.sign(statement.Challenge(statement.ForSignIn, b.Statement))); err == nil {
		t.Error("a signature of another domain counts")
	}
	b = prepare(w.ceo)
	w.later(ballotLife)
	wantRefusal(t, cast(w.ceo, b, w.ceo.sign(b.Challenge())), "open the page again")
	b = prepare(w.ceo)
	good := w.ceo.sign(b.Challenge())
	if err := cast(w.ceo, b, good); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, cast(w.ceo, b, good), "used already")
	for _, n := range []string{"", "x", strings.Repeat("g", 32), "../" + strings.Repeat("0", 29)} {
		if _, err := w.Approve(t.Context(), w.ceo.Principal, n, good); !errors.Is(err, ErrUnknown) {
			t.Errorf("ballot %q: got %v", n, err)
		}
	}
}

func TestANoNeedsNoTouchAndEndsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.submit(t)
	if _, err := w.Reject(t.Context(), w.ceo.Principal, code, "ask again on Monday"); err != nil {
		t.Fatal(err)
	}
	if v, err := w.Reject(t.Context(), w.cto.Principal, code, ""); err != nil || v.Status.Phase != policy.Rejected {
		t.Fatalf("got %s, %v", v.Status.Phase, err)
	}
	wantRefusal(t, w.approve(t, w.ann, code, 0), "the request is rejected")
	code = w.submitFor(t, 7*time.Minute)
	_, err := w.Reject(t.Context(), w.lone.Principal, code, "")
	if !errors.Is(err, ErrUnknown) {
		t.Errorf("an executive whom an operator added alone says no: got %v", err)
	}
	_, err = w.Reject(t.Context(), w.ann.Principal, code, "a\nb")
	wantRefusal(t, err, "one line")
}
