package sshproxy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/policy"
)

// A way is how one session gets in: by asking, waiting and touching. It speaks
// to the person until the target does.
type way struct {
	s     *session
	say   texts
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
		for i, part := range wrapped(body, int(w.s.terminal().Cols)-4) {
			if bold {
				part = w.bold(part)
			}
			w.write(strings.Repeat("  ", 1+min(i, 1)) + part + "\r\n")
		}
	case w.s.tell():
		_ = w.s.out.own([]byte("lockbox: "+clean(text)+"\n"), true)
	}
}

// wrapped breaks text between words where it is wider than cols, and words that
// are wider; not an address, for it could not be clicked on. What moves the
// cursor or changes colours is left as it is.
func wrapped(text string, cols int) (parts []string) {
	if cols < 20 || utf8.RuneCountInString(text) <= cols || strings.ContainsRune(text, esc) {
		return []string{text}
	}
	line := ""
	for _, word := range words(text, cols) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > cols {
			parts = append(parts, strings.TrimRight(line, " "))
			line = word
			continue
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(parts, line)
}

// words are the words of text, none wider than cols but addresses.
func words(text string, cols int) (all []string) {
	for word := range strings.SplitSeq(text, " ") {
		for r := []rune(word); len(r) > cols && !strings.Contains(word, "://"); r = []rune(word) {
			all = append(all, string(r[:cols]))
			word = string(r[cols:])
		}
		all = append(all, word)
	}
	return all
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
	w.line("%s", w.bold("lockbox · "+w.knock.On+" · "+clean(login)+request))
	w.line(w.say.youAre, clean(w.knock.Who.Name), w.knock.Key)
	data := w.say.noCustomers
	if len(customers) > 0 {
		data = fmt.Sprintf(w.say.customers, strings.Join(w.names(customers), ", "))
	}
	w.line("%s %s", data, fmt.Sprintf(w.say.approval, w.chain(stages)))
	w.gap()
}

// names are customers as people call them.
func (w *way) names(ids []string) (names []string) {
	all := w.s.c.door.Desk.Policy().Customers
	for _, id := range ids {
		name := all[id].Name
		if name == "" {
			name = id
		}
		names = append(names, clean(name))
	}
	return names
}

// chain is whose approval is needed, in order: "a board member, then Nord Legal".
func (w *way) chain(stages []policy.Stage) string {
	var b strings.Builder
	for i, g := range stages {
		switch {
		case i > 0 && g.Step != stages[i-1].Step:
			b.WriteString(w.say.then)
		case i > 0:
			b.WriteString(w.say.and)
		}
		b.WriteString(w.stage(g))
	}
	return b.String()
}

func (w *way) stage(g policy.Stage) string {
	name := w.say.boardMember
	if g.Count > 1 {
		name = fmt.Sprintf(w.say.boardMembers, g.Count)
	}
	switch g.Kind {
	case policy.ByCustomer:
		name = w.names([]string{g.Customer})[0]
	case policy.ByPeer:
		name = fmt.Sprintf(w.say.peer, clean(g.Group))
	case policy.ByOwner:
		name = fmt.Sprintf(w.say.owner, clean(g.Group))
	}
	return name
}

// clock is a time of day as the person writes it.
func clock(t time.Time) string { return t.Local().Format("15:04:05") }

// long is a duration without what is nothing: "1h", "1h30m", "45s".
func long(d time.Duration) string {
	d = d.Round(time.Second)
	if d < time.Second {
		return "0s"
	}
	var b strings.Builder
	for _, part := range []struct {
		unit time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if n := d / part.unit; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, part.name)
		}
		d %= part.unit
	}
	return b.String()
}

// left is a duration as a clock shows it: "45:00", "1:30:00".
func left(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	h, m, sec := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	if h > 0 {
		return fmt.Sprintf("%d:%02d:%02d", h, m, sec)
	}
	return fmt.Sprintf("%02d:%02d", m, sec)
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
