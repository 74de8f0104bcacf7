package approvals

import (
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

func (w *world) proofs(t *testing.T, at Terminal) (got []Shown) {
	t.Helper()
	err := w.Ledger.View(t.Context(), func(tx *ledger.Tx) (err error) { got, err = w.Proofs(tx, at, false); return err })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (w *world) touch(t *testing.T, at Terminal) {
	t.Helper()
	asked := w.askTouch(t, at)
	shown, err := w.PrepareTouch(t.Context(), w.eng.Principal, asked.ID, asked.Number)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Touched(t.Context(), w.eng.Principal, asked.ID, w.eng.sign(shown.Challenge())); err != nil {
		t.Fatal(err)
	}
}

// TestALoginIsATouchForItsTerminal: whatever the target, login and grant; never
// for another person, key or address, nor once its time is up. C3.
func TestALoginIsATouchForItsTerminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.terminal(w.granted(t))
	now := time.Now()
	good := statement.Login{
		Log: w.Log, Person: at.Person.ID, Key: at.Key, Source: at.Source,
		From: statement.Moment(now.Add(-time.Minute)), Until: statement.Moment(now.Add(time.Hour)),
	}
	w.crowd.logins = []statement.Login{good}
	got := w.proofs(t, at)
	since, _, err := good.Times()
	text, _ := good.Bytes()
	if err != nil || len(got) != 1 || got[0] != (Shown{policy.Proof{Kind: policy.Passkey, Of: at.Person.ID, At: since, For: at.Binding()}, digest(text)}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, change := range map[string]func(*Terminal, *statement.Login){
		"another person":  func(a *Terminal, _ *statement.Login) { a.Person = w.mate.Principal },
		"another key":     func(a *Terminal, _ *statement.Login) { a.Key = "SHA256:other" },
		"another address": func(a *Terminal, _ *statement.Login) { a.Source = "127.0.0.2" },
		"another log":     func(_ *Terminal, l *statement.Login) { l.Log = "other" },
		"its time is up":  func(_ *Terminal, l *statement.Login) { l.Until = statement.Moment(now.Add(-time.Second)) },
	} {
		there, l := at, good
		change(&there, &l)
		w.crowd.logins = []statement.Login{l}
		if got := w.proofs(t, there); len(got) != 0 {
			t.Errorf("%s: it counts: %+v", name, got)
		}
	}
	w.crowd.logins = []statement.Login{good}
	at.Target, at.Login, at.Grant = "db2.prod", "deploy", "ZZZZ" // whether there is such a grant is not asked here
	if got := w.proofs(t, at); len(got) != 1 || got[0].For != at.Binding() {
		t.Errorf("got %+v", got)
	}
	good.Until = "never"
	w.crowd.logins = []statement.Login{good}
	err = w.Ledger.View(t.Context(), func(tx *ledger.Tx) error { _, err := w.Proofs(tx, at, false); return err })
	if err == nil {
		t.Error("a login that cannot be read is overlooked")
	}
}

// TestASecurityKeyCountsWithTheNewestTouch of its person, for whatever terminal,
// and with their logins; any other key does not. C3.
func TestASecurityKeyCountsWithTheNewestTouch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.terminal(w.granted(t))
	w.touch(t, at)
	touched := w.proofs(t, at)
	if len(touched) != 1 {
		t.Fatalf("got %+v", touched)
	}
	hard := at
	hard.Key, hard.Source = "SHA256:sk", "127.0.0.2"
	got := w.proofs(t, hard)
	if len(got) != 1 || got[0] != (Shown{policy.Proof{Kind: policy.Passkey, Of: at.Person.ID, At: touched[0].At, For: hard.Binding()}, touched[0].Said}) {
		t.Errorf("got %+v", got)
	}
	soft := hard
	soft.Key = "SHA256:other"
	if got := w.proofs(t, soft); len(got) != 0 {
		t.Errorf("another key counts: %+v", got)
	}
	theirs := hard
	theirs.Person = w.mate.Principal
	if got := w.proofs(t, theirs); len(got) != 0 {
		t.Errorf("somebody else's touch counts: %+v", got)
	}
	now := time.Now()
	w.crowd.logins = []statement.Login{{
		Log: w.Log, Person: at.Person.ID, Key: "SHA256:laptop", Source: "127.0.0.9",
		From: statement.Moment(now.Add(-time.Minute)), Until: statement.Moment(now.Add(time.Hour)),
	}}
	if got := w.proofs(t, hard); len(got) != 2 {
		t.Errorf("a login with another key does not count: %+v", got)
	}
	if got := w.proofs(t, soft); len(got) != 0 {
		t.Errorf("another key counts: %+v", got)
	}
	w.crowd.logins = nil
	w.eng.left = true
	if got := w.proofs(t, hard); len(got) != 0 {
		t.Errorf("a touch counts whose passkey does not: %+v", got)
	}
	if got := w.proofs(t, at); len(got) != 0 {
		t.Errorf("nor at its own terminal: %+v", got)
	}
	w.eng.left = false
	w.later(48 * time.Hour)
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.proofs(t, hard); len(got) != 0 {
		t.Errorf("it is not forgotten: %+v", got)
	}
}
