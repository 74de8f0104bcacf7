package approvals

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// files adds file transfer to what the rule permits.
func (w *world) files() *world {
	w.policy.Rules[0].Actions = []policy.Action{policy.Shell, policy.Exec, policy.SFTPGet, policy.SFTPPut}
	return w
}

// TestTermsAreRefusedWithWhatCanBeHad reads as the specification of approving with less.
func TestTermsAreRefusedWithWhatCanBeHad(t *testing.T) {
	t.Parallel()
	w := newWorld(t).files()
	code := w.submit(t)
	v, err := w.See(t.Context(), w.ceo.Principal, code)
	if err != nil {
		t.Fatal(err)
	}
	now := v.Now
	for _, c := range []struct {
		rule string
		t    policy.Terms
		why  string // "" when they are taken
	}{
		{"as asked", policy.Terms{}, ""},
		{"shorter", policy.Terms{For: time.Minute}, ""},
		{"under a minute", policy.Terms{For: time.Minute - 1}, "one minute to 1h"},
		{"longer", policy.Terms{For: time.Hour + 1}, "one minute to 1h"},
		{"negative", policy.Terms{For: -time.Hour}, "one minute to 1h"},
		{"later", policy.Terms{NotBefore: now.Add(2 * time.Hour)}, ""},
		{"in the past", policy.Terms{NotBefore: now.Add(-time.Minute)}, "is past"},
		{"too late", policy.Terms{NotBefore: now.Add(25 * time.Hour)}, "at most 24h"},
		{"fewer actions", policy.Terms{Actions: []policy.Action{policy.Exec}}, ""},
		{"an action more", policy.Terms{Actions: []policy.Action{policy.Exec, policy.Forward}}, "shell, exec, sftp-get, sftp-put"},
		{"no files", policy.Terms{NoFiles: true}, ""},
		{"read only", policy.Terms{ReadOnly: true}, ""},
		{"read only, of a shell", policy.Terms{ReadOnly: true, Actions: []policy.Action{policy.Shell}}, "sftp-get can be kept"},
		{"read only without files", policy.Terms{ReadOnly: true, NoFiles: true}, "shell, exec, sftp-get, sftp-put can be kept as it is"},
		{"no files, of files", policy.Terms{NoFiles: true, Actions: []policy.Action{policy.SFTPGet}}, "shell, exec can be kept"},
		{"watched", policy.Terms{Watched: true}, ""},
		{"a promise", policy.Terms{Promise: "call Nord before you begin"}, ""},
		{"a promise of two lines", policy.Terms{Promise: "call\nNord"}, "one line"},
		{"a promise with a secret", policy.Terms{Promise: "use password=hunter22"}, "password"},
		{"a promise with a CPR number", policy.Terms{Promise: "only look at 010203-1234"}, "CPR"},
		{"a long promise", policy.Terms{Promise: strings.Repeat("æ", 301)}, "at most 300"},
		{"a promise that looks like none", policy.Terms{Promise: "none"}, "leave it empty"},
		{"a promise of space", policy.Terms{Promise: " "}, "leave it empty"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			b, err := w.Prepare(t.Context(), w.ceo.Principal, code, c.t)
			if c.why != "" {
				wantRefusal(t, err, c.why)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := statement.ParseApproval(b.Statement); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAStatementSaysEveryTerm(t *testing.T) {
	t.Parallel()
	w := newWorld(t).files()
	code := w.submit(t)
	later := time.Now().Add(3 * time.Hour)
	b, err := w.Prepare(t.Context(), w.ceo.Principal, code, policy.Terms{
		For: 20 * time.Minute, NotBefore: later, Actions: []policy.Action{policy.SFTPGet, policy.Exec}, ReadOnly: true, Watched: true, Promise: "call Nord first",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"\nmay: sftp-get\n", "\nmay-not: shell, exec, sftp-put\n", "\nwindow: 20m0s\n", "\nnot-before: " + later.UTC().Truncate(time.Second).Format(time.RFC3339) + "\n",
		"\nconditions: read only, nothing passes while none of those who decide watches\n", "\npromise: call Nord first\n", "\nbehalf: none\n",
	} {
		if !strings.Contains(string(b.Statement), line) {
			t.Errorf("%q is not in\n%s", line, b.Statement)
		}
	}
}

// TestAGrantIsWhatAllVotesLeave: shorter, later, fewer, and every promise.
func TestAGrantIsWhatAllVotesLeave(t *testing.T) {
	t.Parallel()
	w := newWorld(t).files()
	code := w.submit(t)
	later := time.Now().Add(3 * time.Hour).UTC().Truncate(time.Second)
	if err := w.vote(w.ceo, code, policy.Terms{For: 40 * time.Minute, NotBefore: later, NoFiles: true, Promise: "call Nord"}); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, w.vote(w.ann, code, policy.Terms{Actions: []policy.Action{policy.SFTPGet}}), "shell, exec can be kept")
	if err := w.vote(w.ann, code, policy.Terms{For: 50 * time.Minute, Actions: []policy.Action{policy.Exec, policy.SFTPGet}, Promise: "tell us when done"}); err != nil {
		t.Fatal(err)
	}
	g, err := w.standing(t, code)
	if err != nil {
		t.Fatal(err)
	}
	got := policy.Grant{For: g.For, NotBefore: g.NotBefore, Actions: g.Actions, Promises: g.Promises, ActivateBefore: g.ActivateBefore}
	want := policy.Grant{
		For: 40 * time.Minute, NotBefore: later, Actions: []policy.Action{policy.Exec}, Promises: []string{"call Nord", "tell us when done"}, ActivateBefore: later.Add(time.Hour),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if err := w.activate(code); err == nil || !strings.Contains(err.Error(), "starts at") {
		t.Errorf("it can be used before: %v", err)
	}
	w.later(3*time.Hour + time.Minute)
	if err := w.activate(code); err == nil || !strings.Contains(err.Error(), "promises") {
		t.Errorf("it can be used without a promise: %v", err)
	}
	if _, err := w.Accept(t.Context(), w.eng.Principal, code); err != nil {
		t.Fatal(err)
	}
	if err := w.activate(code); err != nil {
		t.Error(err)
	}
	if _, err := w.standing(t, code); err != nil {
		t.Error(err)
	}
	r, err := w.Receipt(t.Context(), w.eng.Principal, code, nil)
	if err != nil {
		t.Fatal(err)
	}
	if steps, err := r.Verify(w.pins()); err != nil || !slices.Equal(slices.Compact(failed(steps)), []int{StepScope}) { // the one session is not in it: the gateway adds it
		t.Errorf("got %+v, %v", steps, err)
	}
}

func TestWhoAcceptsAndWhat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	plain := w.granted(t)
	_, err := w.Accept(t.Context(), w.eng.Principal, plain)
	wantRefusal(t, err, "nobody asked you")
	pending := w.submitFor(t, 7*time.Minute)
	_, err = w.Accept(t.Context(), w.eng.Principal, pending)
	wantRefusal(t, err, "before it is approved")
	if err := w.GiveBack(t.Context(), w.eng.Principal, plain); err != nil {
		t.Fatal(err)
	}
	_, err = w.Accept(t.Context(), w.eng.Principal, plain)
	wantRefusal(t, err, "nothing to accept")
	w.later(time.Second)
	code := w.grantedFor(t, policy.Terms{Promise: "call Nord"})
	_, err = w.Accept(t.Context(), w.ceo.Principal, code)
	wantRefusal(t, err, "not yours")
	if _, err := w.Accept(t.Context(), w.mate.Principal, code); err != ErrUnknown {
		t.Errorf("another engineer accepts: %v", err)
	}
	first, err := w.Accept(t.Context(), w.eng.Principal, code)
	if err != nil || first.Grant.Accepted.IsZero() {
		t.Fatalf("got %+v, %v", first.Grant, err)
	}
	w.later(time.Minute)
	if again, err := w.Accept(t.Context(), w.eng.Principal, code); err != nil || !again.Grant.Accepted.Equal(first.Grant.Accepted) {
		t.Errorf("accepted again: %+v, %v", again.Grant, err)
	}
}

// TestATermThatWasSignedCannotBeTakenAway: whoever rewrites the rows finds that the signature says otherwise.
func TestATermThatWasSignedCannotBeTakenAway(t *testing.T) {
	for _, c := range []struct {
		rule   string
		attack func(r *row, g *policy.Grant)
	}{
		{"the vote longer", func(r *row, g *policy.Grant) { r.Votes[0].For = time.Hour }},
		{"the vote earlier", func(r *row, g *policy.Grant) { r.Votes[0].NotBefore = time.Time{} }},
		{"the vote a second earlier", func(r *row, g *policy.Grant) { r.Votes[0].NotBefore = r.Votes[0].NotBefore.Add(-time.Nanosecond) }},
		{"the vote with more actions", func(r *row, g *policy.Grant) { r.Votes[0].Actions = nil }},
		{"the vote not read-only", func(r *row, g *policy.Grant) { r.Votes[0].ReadOnly = false }},
		{"the vote with files", func(r *row, g *policy.Grant) { r.Votes[0].NoFiles = false }},
		{"the vote not watched", func(r *row, g *policy.Grant) { r.Votes[0].Watched = false }},
		{"the vote not watched, nor the grant", func(r *row, g *policy.Grant) { r.Votes[0].Watched, g.Watched = false, false }},
		{"the other vote watched", func(r *row, g *policy.Grant) { r.Votes[1].Watched = true }},
		{"the grant not watched", func(r *row, g *policy.Grant) { g.Watched = false }},
		{"the vote with another promise", func(r *row, g *policy.Grant) { r.Votes[0].Promise = "call nobody" }},
		{"the vote without a promise", func(r *row, g *policy.Grant) { r.Votes[0].Promise = "" }},
		{"the vote said to be a deputy's", func(r *row, g *policy.Grant) { r.Votes[0].Behalf, r.Votes[0].Delegation = "cto@x.eu", "ABCD" }},
		{"the vote said to be an instruction's", func(r *row, g *policy.Grant) { r.Votes[0].Standing = "ABCD" }},
		{"the grant longer", func(r *row, g *policy.Grant) { g.For = time.Hour }},
		{"the grant earlier", func(r *row, g *policy.Grant) { g.NotBefore = time.Time{} }},
		{"the grant with more actions", func(r *row, g *policy.Grant) { g.Actions = r.actions() }},
		{"the grant without promises", func(r *row, g *policy.Grant) { g.Promises = nil }},
		{"the grant with other promises", func(r *row, g *policy.Grant) { g.Promises = []string{"call nobody"} }},
		{"accepted by the grant alone", func(r *row, g *policy.Grant) { g.Accepted = g.Made.Add(time.Second) }},
		{"accepted, but something else", func(r *row, g *policy.Grant) {
			g.Accepted = g.Made
			r.Accepted = acceptance{g.Made, promised([]string{"call nobody"})}
		}},
		{"accepted before it was made, and started", func(r *row, g *policy.Grant) {
			g.Accepted = g.Made.Add(-time.Minute)
			r.Accepted = acceptance{g.Accepted, promised(g.Promises)}
			g.Activated, g.NotAfter = g.NotBefore, g.NotBefore.Add(time.Minute)
		}},
		{"started without acceptance", func(r *row, g *policy.Grant) {
			g.Activated, g.NotAfter = g.NotBefore, g.NotBefore.Add(time.Minute)
		}},
		{"started before its time", func(r *row, g *policy.Grant) {
			g.Accepted = g.Made
			r.Accepted = acceptance{g.Made, promised(g.Promises)}
			g.Activated, g.NotAfter = g.Made, g.Made.Add(time.Minute)
		}},
		{"a session without a start", func(r *row, g *policy.Grant) { g.Sessions = 1 }},
		{"more stages than were passed", func(r *row, g *policy.Grant) { g.Stages[0].Count = 2 }},
		{"going on from another grant", func(r *row, g *policy.Grant) { g.Extends = "ABCD" }},
		{"time spent that makes room", func(r *row, g *policy.Grant) { g.Spent = -time.Hour }},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).files()
			w.policy.Targets["db1.prod"].Logins[0].ReadOnly = true
			code := w.grantedFor(t, policy.Terms{
				For: 20 * time.Minute, NotBefore: time.Now().Add(time.Hour), Actions: []policy.Action{policy.Exec, policy.SFTPGet}, ReadOnly: true, NoFiles: true, Watched: true, Promise: "call Nord",
			})
			if _, err := w.standing(t, code); err != nil {
				t.Fatal(err)
			}
			w.rewrite(t, func(tx *ledger.Tx) error {
				var r row
				g := w.rows(t, tx, code, &r)
				c.attack(&r, g)
				if err := tx.Put(grantKey(code), *g); err != nil {
					return err
				}
				return tx.Put(requestKey(code), r)
			})
			if g, err := w.standing(t, code); err == nil {
				t.Errorf("the grant stands: %+v", g)
			}
		})
	}
}

func (r row) actions() []policy.Action {
	var q policy.Request
	_ = json.Unmarshal(r.Body, &q) // none on an error
	return q.Actions
}

func (w *world) rows(t *testing.T, tx *ledger.Tx, code string, r *row) *policy.Grant {
	t.Helper()
	ok, err := tx.Get(requestKey(code), r)
	g, gerr := loadGrant(tx.Get, code)
	if err != nil || gerr != nil || !ok || g == nil {
		t.Fatal("no such request and grant", err, gerr)
	}
	return g
}

func TestAPersonLeavesFewStatementsUnsigned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.submit(t)
	for range ballotMost {
		if _, err := w.Prepare(t.Context(), w.ceo.Principal, code, policy.Terms{}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.Prepare(t.Context(), w.ceo.Principal, code, policy.Terms{})
	wantRefusal(t, err, "statements open")
	if _, err := w.Prepare(t.Context(), w.cto.Principal, code, policy.Terms{}); err != nil {
		t.Errorf("somebody else cannot either: %v", err)
	}
	w.later(ballotLife)
	if err := w.vote(w.ceo, code, policy.Terms{}); err != nil {
		t.Error(err)
	}
}
