package sshproxy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/sshproxy/speech"
	"lockbox/policy"
)

// A way is how one session gets in: by asking, waiting and touching. It speaks
// to the person until the target does.
type way struct {
	s     *session
	say   *texts
	knock gateway.Knock
	tty   bool
	plain bool // no escapes, no line that changes

	ctx     context.Context // ends with the session, and with the patience of who has no terminal
	stop    context.CancelFunc
	patient bool   // or not: without a terminal, and not asked to wait
	headed  bool   // the head is shown
	shown   string // the line of progress
	blank   bool   // the last line is empty
}

func (s *session) way(k gateway.Knock) *way {
	w := &way{s: s, say: s.say(), knock: k, tty: s.terminal() != nil, plain: s.plain()}
	w.ctx, w.stop = context.WithCancel(s.ctx)
	if w.patient = w.tty; !w.tty && s.patience() > 0 {
		w.patient = true
		w.ctx, w.stop = context.WithTimeout(s.ctx, s.patience())
	}
	return w
}

// close is for when the target takes over, or nothing does.
func (w *way) close() { w.stop() }

// line writes one line for the person.
func (w *way) line(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.blank = text == ""
	switch {
	case w.tty:
		w.clear()
		body, bold := strings.CutPrefix(text, "\x1b[1m")
		if bold {
			body = strings.TrimSuffix(body, "\x1b[0m")
		}
		for i, part := range speech.Wrap(body, int(w.s.terminal().Cols)-4) {
			if bold {
				part = w.bold(part)
			}
			w.write(strings.Repeat("  ", 1+min(i, 1)) + part + "\r\n")
		}
	case w.s.tell():
		_ = w.s.out.own([]byte("lockbox: "+speech.Clean(text)+"\n"), true)
	}
}

// gap leaves one line empty.
func (w *way) gap() {
	if w.tty && !w.blank {
		w.line("")
	}
}

// bold writes text so that it is seen.
func (w *way) bold(text string) string {
	if w.plain {
		return text
	}
	return "\x1b[1m" + text + "\x1b[0m"
}

// progress rewrites the last line in place; where it cannot, it writes a new
// one when more than the clock in it has changed.
func (w *way) progress(clock, text string) {
	if !w.tty {
		return
	}
	if w.plain {
		if text != w.shown {
			w.line("%s  %s", clock, text)
			w.shown = text
		}
		return
	}
	line, cols := []rune("  "+clock+"  "+text), int(w.s.terminal().Cols)
	if first, _, more := strings.Cut(text, ". "); more && cols > 1 && len(line) >= cols {
		line = []rune("  " + clock + "  " + first)
	}
	if cols > 1 && len(line) >= cols {
		line = line[:cols-1]
	}
	w.shown = text
	w.write("\r\x1b[K" + string(line))
}

// clear makes room for a line where the progress stood.
func (w *way) clear() {
	if w.shown != "" && !w.plain {
		w.write("\r\x1b[K")
		w.shown = ""
	}
}

func (w *way) write(text string) { _, _ = w.s.out.Write([]byte(text)) } // who is gone reads nothing

// head says where and who the person is, once.
func (w *way) head(login string, customers []string, stages []policy.Stage, request string) {
	if w.headed || !w.tty {
		return
	}
	w.headed = true
	if request != "" {
		request = " · " + fmt.Sprintf(w.say.request, request)
	}
	w.line("%s", w.bold("lockbox · "+w.knock.On+" · "+speech.Clean(login)+request))
	w.line(w.say.YouAre, speech.Clean(w.knock.Who.Name), w.knock.Key)
	w.line("%s", w.say.Data(customers, stages))
	w.gap()
}

// follow gives every state of a request, until stop or the end of ctx. An error
// comes once, as the last.
func (w *way) follow(ctx context.Context, code string) <-chan sight {
	sights := make(chan sight)
	w.s.c.spawn("follow", func() {
		defer close(sights)
		for v, err := range w.s.c.door.Desk.Follow(ctx, w.knock.Who, code) {
			select {
			case sights <- sight{v, err}:
			case <-ctx.Done():
				return
			}
		}
	})
	return sights
}

type sight struct {
	approvals.View
	err error
}

// broken is a refusal for an error in the middle of waiting: perhaps the
// patience was over, perhaps the person is gone.
func (w *way) broken(err error, request string) *refusal {
	if w.s.ctx.Err() == nil && (errors.Is(err, context.DeadlineExceeded) || w.ctx.Err() != nil) {
		return &refusal{
			code: gateway.StillAsked, exit: exitPending, target: w.knock.On, request: request, page: "/r/" + request, retry: true,
			why: fmt.Sprintf(w.say.patienceOver, request), next: w.say.sameAgain,
		}
	}
	return w.s.failed(err, w.knock.On)
}
