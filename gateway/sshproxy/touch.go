package sshproxy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"rsc.io/qr"

	"lockbox/approvals"
	"lockbox/gateway"
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
			why: a.Why.String(), next: fmt.Sprintf(w.say.touchFirst, w.aim(), long(a.Fresh)),
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
	for _, row := range numerals(t.Number) {
		w.line("     %s", w.bold(row))
	}
	if w.s.terminal().Cols >= 60 {
		for _, row := range Square(url) {
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
		w.line("✔ "+w.say.touched, clock(w.s.c.door.now()))
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

// numerals writes a number three lines high.
func numerals(number string) []string {
	rows := make([]string, 3)
	for _, digit := range number {
		for i, part := range numeral(digit) {
			rows[i] += part + "  "
		}
	}
	return rows
}

func numeral(digit rune) [3]string {
	switch digit {
	case '0':
		return [3]string{"┏━┓", "┃ ┃", "┗━┛"}
	case '1':
		return [3]string{" ╻ ", " ┃ ", " ╹ "}
	case '2':
		return [3]string{"╺━┓", "┏━┛", "┗━╸"}
	case '3':
		return [3]string{"╺━┓", "╺━┫", "╺━┛"}
	case '4':
		return [3]string{"╻ ╻", "┗━┫", "  ╹"}
	case '5':
		return [3]string{"┏━╸", "┗━┓", "╺━┛"}
	case '6':
		return [3]string{"┏━╸", "┣━┓", "┗━┛"}
	case '7':
		return [3]string{"╺━┓", "  ┃", "  ╹"}
	case '8':
		return [3]string{"┏━┓", "┣━┫", "┗━┛"}
	case '9':
		return [3]string{"┏━┓", "┗━┫", "╺━┛"}
	}
	return [3]string{}
}

// Square writes text as a QR code, two rows of it to a line, black on white
// whatever the terminal's colours are.
func Square(text string) []string {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return nil // too long for a code: the link is there
	}
	const margin = 2
	var lines []string
	for y := -margin; y < code.Size+margin; y += 2 {
		var b strings.Builder
		b.WriteString("\x1b[97;40m")
		for x := -margin; x < code.Size+margin; x++ {
			b.WriteString([]string{"█", "▀", "▄", " "}[half(code.Black(x, y))*2+half(code.Black(x, y+1))])
		}
		lines = append(lines, b.String()+"\x1b[0m")
	}
	return lines
}

func half(black bool) int {
	if black {
		return 1
	}
	return 0
}
