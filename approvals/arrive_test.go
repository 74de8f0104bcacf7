package approvals

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"lockbox/policy"
	"lockbox/policy/statement"
)

const arrival = "00112233445566778899aabbccddeeff"

func (w *world) arrived(code string) Terminal {
	at := w.terminal(code)
	at.Key = Browser + arrival
	return at
}

func TestATouchInABrowserNeedsNoNumberAndCountsForThatBrowserOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.arrived(w.granted(t))
	shown, err := w.TouchHere(t.Context(), w.eng.Principal, at)
	if err != nil {
		t.Fatal(err)
	}
	said, err := statement.ParseArrive(shown.Statement)
	if err != nil || said.Arrival != arrival || said.Source != at.Source || said.Binding != at.Binding() || said.Grant != at.Grant {
		t.Errorf("got %+v, %v", said, err)
	}
	if err := w.Touched(t.Context(), w.eng.Principal, shown.ID, w.mate.sign(shown.Challenge())); err == nil {
		t.Error("somebody else's touch counts")
	}
	if err := w.Touched(t.Context(), w.eng.Principal, shown.ID, w.eng.sign(statement.Challenge(statement.ForTouch, shown.Statement))); err == nil {
		t.Error("a signature of another domain counts")
	}
	if err := w.Touched(t.Context(), w.eng.Principal, shown.ID, w.eng.sign(shown.Challenge())); err != nil {
		t.Fatal(err)
	}
	if got := w.proofs(t, at); len(got) != 1 || got[0].Said != digest(shown.Statement) {
		t.Errorf("the touch does not count: %+v", got)
	}
	for what, change := range map[string]func(*Terminal){
		"another person": func(a *Terminal) { a.Person = w.mate.Principal }, "another browser": func(a *Terminal) { a.Key = Browser + strings.Repeat("0", 32) },
		"another address": func(a *Terminal) { a.Source = "127.0.0.2" }, "another target": func(a *Terminal) { a.Target = "db2.prod" },
		"another login": func(a *Terminal) { a.Login = "deploy" }, "another grant": func(a *Terminal) { a.Grant = "ZZZZ" },
		"a terminal": func(a *Terminal) { a.Key = "SHA256:key" }, "a terminal of that name": func(a *Terminal) { a.Key = arrival },
	} {
		other := at
		change(&other)
		if got := w.proofs(t, other); len(got) != 0 {
			t.Errorf("the touch counts for %s", what)
		}
	}
	if err := w.Touched(t.Context(), w.eng.Principal, shown.ID, w.eng.sign(shown.Challenge())); !errors.Is(err, ErrUnknown) {
		t.Errorf("the touch can be used again: %v", err)
	}
}

// A terminal may be somebody else's who has the SSH key: there the number is
// compared, whichever way is tried.
func TestNoTerminalIsTouchedWithoutItsNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.granted(t)
	at := w.terminal(code)
	for what, key := range map[string]string{"a terminal": at.Key, "no key": "", "half an arrival": Browser, "a short arrival": Browser + "00", "a key behind the word": Browser + "SHA256:key", "capitals": Browser + strings.ToUpper(arrival)} {
		at := at
		at.Key = key
		if _, err := w.TouchHere(t.Context(), w.eng.Principal, at); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s is touched without a number: %v", what, err)
		}
	}
	asked := w.askTouch(t, at)
	shown, err := w.TouchHere(t.Context(), w.eng.Principal, w.arrived(code))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Touched(t.Context(), w.eng.Principal, shown.ID, w.eng.sign(shown.Challenge())); err != nil {
		t.Fatal(err)
	}
	if got := w.proofs(t, at); len(got) != 0 {
		t.Errorf("a browser's touch opens a terminal: %+v", got)
	}
	at.Key = "SHA256:sk1"
	if got := w.proofs(t, at); len(got) != 0 {
		t.Errorf("a browser's touch opens a terminal with an sk- key: %+v", got)
	}
	w.touch(t, at)
	if got := w.proofs(t, w.arrived("ZZZZ")); len(got) != 0 {
		t.Errorf("a terminal's touch opens a browser: %+v", got)
	}
	asked = w.askTouch(t, at)
	wantRefusal(t, w.Touched(t.Context(), w.eng.Principal, asked.ID, w.eng.sign(asked.Challenge())), "type the number")
}

// And a browser never waits for a number, nor is it listed among the terminals.
func TestABrowserIsNoTerminalThatWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.granted(t)
	shown, err := w.TouchHere(t.Context(), w.eng.Principal, w.arrived(code))
	if err != nil {
		t.Fatal(err)
	}
	if open, err := w.Touches(t.Context(), w.eng.Principal, code); err != nil || len(open) != 0 {
		t.Errorf("it is listed: %+v, %v", open, err)
	}
	if _, err := w.PrepareTouch(t.Context(), w.eng.Principal, shown.ID, ""); !errors.Is(err, ErrUnknown) {
		t.Errorf("no number is its number: %v", err)
	}
	if _, err := w.AskTouch(t.Context(), w.arrived(code)); err == nil {
		t.Error("a browser gets a number")
	}
}

func TestATouchInABrowserIsForWhoHoldsTheGrant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.arrived(w.granted(t))
	for _, h := range []*human{w.mate, w.ceo, w.ann} {
		if _, err := w.TouchHere(t.Context(), h.Principal, at); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", h.ID, err)
		}
		theirs := at
		theirs.Person = h.Principal
		if _, err := w.TouchHere(t.Context(), h.Principal, theirs); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s, as themselves: %v", h.ID, err)
		}
	}
	for what, change := range map[string]func(*Terminal){"no such grant": func(a *Terminal) { a.Grant = "ZZZZ" }, "another target": func(a *Terminal) { a.Target = "db2.prod" }} {
		other := at
		change(&other)
		if _, err := w.TouchHere(t.Context(), w.eng.Principal, other); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Whoever opens many tabs touches the newest: the oldest give way, and never a
// terminal's.
func TestTouchesInBrowsersDoNotPileUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.granted(t)
	waits := w.askTouch(t, w.terminal(code))
	at := w.arrived(code)
	var all []Touch
	for i := range 3 * touchOpen {
		at.Key = Browser + arrival[:30] + string("0123456789abcdef"[i]) + "0"
		for range 2 { // loaded again
			shown, err := w.TouchHere(t.Context(), w.eng.Principal, at)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, shown)
		}
		w.later(1)
	}
	if err := w.Touched(t.Context(), w.eng.Principal, all[0].ID, w.eng.sign(all[0].Challenge())); !errors.Is(err, ErrUnknown) {
		t.Errorf("the oldest still counts: %v", err)
	}
	last := all[len(all)-1]
	if err := w.Touched(t.Context(), w.eng.Principal, last.ID, w.eng.sign(last.Challenge())); err != nil {
		t.Errorf("the newest does not: %v", err)
	}
	if _, err := w.PrepareTouch(t.Context(), w.eng.Principal, waits.ID, waits.Number); err != nil {
		t.Errorf("the terminal's is gone: %v", err)
	}
}

func TestATouchInABrowserDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shown, err := w.TouchHere(t.Context(), w.eng.Principal, w.arrived(w.granted(t)))
	if err != nil {
		t.Fatal(err)
	}
	w.later(touchLife)
	wantRefusal(t, w.Touched(t.Context(), w.eng.Principal, shown.ID, w.eng.sign(shown.Challenge())), "waited too long")
}

// A rule may permit work on terminals and on applications together: each target
// is asked for what can be done there.
func TestATargetIsAskedForWhatCanBeDoneOnItsKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := *w.Policy()
	p.Targets = map[string]*policy.Target{"wiki": {Name: "wiki", Kind: "http", Logins: []policy.Login{{Name: "web"}}}}
	r := p.Rules[0]
	r.Actions, r.Targets = policy.OnTarget(), []string{"wiki"}
	p.Rules = []policy.Rule{r}
	w.Desk.Policy = func() *policy.Policy { return &p }
	ask := Application{Target: "wiki", Do: policy.HTTPGet, Need: policy.Need{Reason: "outage", Text: "the start page shows an error", Ticket: "INC-1"}}
	v, err := w.Submit(t.Context(), w.eng.Principal, ask)
	if err != nil || !slices.Equal(v.Request.Actions, []policy.Action{policy.HTTPGet, policy.HTTPPut}) {
		t.Fatalf("got %+v, %v", v.Request, err)
	}
	ask.Do = policy.Shell
	_, err = w.Submit(t.Context(), w.eng.Principal, ask)
	wantRefusal(t, err, "cannot be done on wiki")
}
