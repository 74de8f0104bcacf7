package approvals

import (
	"errors"
	"fmt"
	"testing"
)

func (w *world) terminal(code string) Terminal {
	return Terminal{Person: w.eng.Principal, Key: "SHA256:key", Source: "127.0.0.1", Target: "db1.prod", Login: "support_nord", Grant: code}
}

func (w *world) askTouch(t *testing.T, at Terminal) Touch {
	t.Helper()
	touch, err := w.AskTouch(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	return touch
}

func TestATouchIsForItsPersonAndNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.granted(t)
	asked := w.askTouch(t, w.terminal(code))
	if open, err := w.Touches(t.Context(), w.eng.Principal, code); err != nil || len(open) != 1 || open[0].Number != "" {
		t.Errorf("got %+v, %v; the page must not know the number", open, err)
	}
	for _, h := range []*human{w.mate, w.ceo, w.ann} {
		if _, err := w.Touches(t.Context(), h.Principal, code); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s sees the touch: %v", h.ID, err)
		}
		if _, err := w.PrepareTouch(t.Context(), h.Principal, asked.ID, asked.Number); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s types the number: %v", h.ID, err)
		}
	}
	wantRefusal(t, w.Touched(t.Context(), w.eng.Principal, asked.ID, w.eng.sign(asked.Challenge())), "type the number")
	wrong := "10"
	if asked.Number == wrong {
		wrong = "11"
	}
	for _, want := range []string{"2 tries left", "1 tries left", "third wrong number"} {
		_, err := w.PrepareTouch(t.Context(), w.eng.Principal, asked.ID, wrong)
		wantRefusal(t, err, want)
	}
	if _, err := w.PrepareTouch(t.Context(), w.eng.Principal, asked.ID, asked.Number); !errors.Is(err, ErrUnknown) {
		t.Errorf("a fourth try: %v", err)
	}
}

func TestATouchCountsForOneTerminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.terminal(w.granted(t))
	asked := w.askTouch(t, at)
	shown, err := w.PrepareTouch(t.Context(), w.eng.Principal, asked.ID, " "+asked.Number+" ")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Touched(t.Context(), w.eng.Principal, asked.ID, w.mate.sign(shown.Challenge())); err == nil {
		t.Error("somebody else's touch counts")
	}
	if err := w.Touched(t.Context(), w.eng.Principal, asked.ID, w.eng.sign(shown.Challenge())); err != nil {
		t.Fatal(err)
	}
	proofs := func(at Terminal) int {
		t.Helper()
		return len(w.proofs(t, at))
	}
	if proofs(at) != 1 {
		t.Error("the touch does not count")
	}
	for _, change := range []func(*Terminal){
		func(a *Terminal) { a.Person = w.mate.Principal }, func(a *Terminal) { a.Key = "SHA256:other" }, func(a *Terminal) { a.Source = "127.0.0.2" },
		func(a *Terminal) { a.Target = "db2.prod" }, func(a *Terminal) { a.Login = "deploy" }, func(a *Terminal) { a.Grant = "ZZZZ" },
	} {
		other := at
		change(&other)
		if proofs(other) != 0 {
			t.Errorf("the touch counts for %+v", other)
		}
	}
	if _, err := w.PrepareTouch(t.Context(), w.eng.Principal, asked.ID, asked.Number); !errors.Is(err, ErrUnknown) {
		t.Errorf("the touch can be used again: %v", err)
	}
}

func TestATouchDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.terminal(w.granted(t))
	asked := w.askTouch(t, at)
	w.later(touchLife)
	_, err := w.PrepareTouch(t.Context(), w.eng.Principal, asked.ID, asked.Number)
	wantRefusal(t, err, "waited too long")
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if one, same := w.askTouch(t, at), w.askTouch(t, at); one.ID != same.ID || one.Number != same.Number {
		t.Error("a terminal that asks again gets another number")
	}
	for i := range touchOpen - 1 {
		at.Source = fmt.Sprint("127.0.0.", 2+i)
		w.askTouch(t, at)
	}
	at.Source = "127.0.0.99"
	_, err = w.AskTouch(t.Context(), at)
	wantRefusal(t, err, "too many terminals")
}
