package sshproxy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/sshproxy/speech"
	"lockbox/policy"
)

// What a wait for a touch comes to.
type touched int

const (
	given touched = iota // or the answer has changed: ask again
	void                 // three wrong numbers
	stale                // its time is over
)

// prove waits for the passkey of the person. Nil means: ask again.
func (w *way) prove(a gateway.Answer) *refusal {
	code := a.Grant.ID
	if !w.patient {
		return &refusal{
			code: policy.NeedTouch, exit: exitPending, target: w.knock.On, request: code, page: "/t/" + code, retry: true,
			why: a.Why.String(), next: fmt.Sprintf(w.say.touchFirst, w.aim(), speech.Long(a.Fresh)),
		}
	}
	w.listen()
	if a.Request != nil {
		w.head(a.Login, a.Customers, a.Request.Stages, code)
	}
	for {
		t, err := w.s.c.door.Desk.AskTouch(w.ctx, a.Terminal)
		if err != nil {
			return w.broken(err, code)
		}
		w.show(t, code)
		got, r := w.awaitTouch(t, code)
		if r != nil || got == given {
			return r
		}
		if r := w.another(got, code); r != nil {
			return r
		}
	}
}

// show tells where to touch, and the number to type there.
func (w *way) show(t approvals.Touch, code string) {
	url := w.s.c.door.Portal + "/t/" + code
	if !w.tty {
		w.line(w.say.touchPlain, url, t.Number)
		return
	}
	w.gap()
	w.line("%s", w.bold(fmt.Sprintf(w.say.touch, t.Number)))
	w.line("%s", url)
	if w.plain {
		return
	}
	for _, row := range speech.Numerals(t.Number) {
		w.line("     %s", w.bold(row))
	}
	if w.s.terminal().Cols >= 60 {
		for _, row := range speech.Square(url) {
			w.line("%s", row)
		}
	}
}

// awaitTouch waits until the touch t is given or cannot be any more.
func (w *way) awaitTouch(t approvals.Touch, code string) (touched, *refusal) {
	ctx, stop := context.WithCancel(w.ctx)
	defer stop()
	sights := w.follow(ctx, code)
	late := time.NewTimer(t.Until.Sub(w.s.c.door.now()))
	defer late.Stop()
	for {
		select {
		case now, ok := <-sights:
			if !ok {
				return given, w.broken(w.ctx.Err(), code)
			}
			if now.err != nil {
				return given, w.broken(now.err, code)
			}
			if got, done, r := w.look(t, code); done || r != nil {
				return got, r
			}
		case <-late.C:
			return stale, nil
		case typed, ok := <-w.typed():
			if w.interrupts(typed, ok) {
				return given, w.leaveTouch(code)
			}
		}
	}
}

// look finds out what has become of the touch. A touch that is given goes from
// the list in the same transaction in which it counts, so the list comes first.
func (w *way) look(t approvals.Touch, code string) (got touched, done bool, _ *refusal) {
	open, err := w.s.c.door.Desk.Touches(w.ctx, w.knock.Who, code)
	if err != nil {
		return given, true, w.broken(err, code)
	}
	a, err := w.s.c.door.Gateway.Enter(w.ctx, w.knock)
	switch {
	case err != nil:
		return given, true, w.broken(err, code)
	case a.Verdict == policy.Allow:
		w.line("✔ "+w.say.touched, speech.Clock(w.s.c.door.now()))
		return given, true, nil
	case a.Verdict != policy.Prove:
		return given, true, w.ended(code)
	case slices.ContainsFunc(open, func(o approvals.Touch) bool { return o.ID == t.ID }):
		return given, false, nil
	case !w.s.c.door.now().Before(t.Until):
		return stale, true, nil
	}
	return void, true, nil
}

// ended says why a grant is over while its touch was waited for; nil when it is not.
func (w *way) ended(code string) *refusal {
	why, err := w.s.c.door.Desk.Ended(w.ctx, code)
	switch {
	case err != nil:
		return w.broken(err, code)
	case why.Why == "":
		return nil
	}
	return &refusal{code: why.Code, exit: exitDenied, why: why.Why, next: w.say.askAgain, target: w.knock.On, request: code, page: "/r/" + code}
}

// another offers a new number. Nil means: show it.
func (w *way) another(got touched, code string) *refusal {
	why := w.say.touchStale
	if got == void {
		why = w.say.touchVoid
	}
	if !w.tty {
		return &refusal{
			code: policy.NeedTouch, exit: exitPending, target: w.knock.On, request: code, page: "/t/" + code, retry: true,
			why: why, next: w.say.sameAgain,
		}
	}
	w.line("✘ %s %s", why, w.say.enterForNew)
	for {
		select {
		case typed, ok := <-w.typed():
			switch {
			case w.interrupts(typed, ok), !ok:
				return w.leaveTouch(code)
			case slices.Contains(typed, enter), slices.Contains(typed, '\n'):
				return nil
			}
		case <-w.ctx.Done():
			return w.broken(w.ctx.Err(), code)
		}
	}
}

func (w *way) leaveTouch(code string) *refusal {
	return &refusal{
		code: policy.NeedTouch, exit: exitPending, target: w.knock.On, request: code, page: "/t/" + code, retry: true, why: w.say.leftTouch,
	}
}
