package sshproxy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lockbox/gateway"
	"lockbox/gateway/sshproxy/speech"
	"lockbox/policy"
)

// banner says where the person is now, and for how long.
func (s *session) banner(st *stay) {
	say, v := s.say(), st.visit
	now := s.c.door.now()
	parts := []string{"─ " + v.Session.Target, fmt.Sprintf(say.grant, v.Grant().ID), fmt.Sprintf(say.timeLeft, speech.Left(v.Until().Sub(now)))}
	if now.Sub(v.Grant().Activated) < 5*time.Second {
		parts[2] += say.startsNow
	}
	if readOnly(s.c.door.Desk.Policy().Targets[v.Session.Target], v.Session.Login) {
		parts = append(parts, say.ReadOnly)
	}
	width := 74
	if t := s.terminal(); t != nil && t.Cols > 0 {
		width = min(width, int(t.Cols))
	}
	head := strings.Join(parts, " · ") + " "
	head += strings.Repeat("─", max(0, width-4-len([]rune(head))))
	said := []string{strings.TrimSpace(head), say.recorded}
	if who := st.watchers(); len(who) > 0 {
		said[1] = fmt.Sprintf(say.recordedWatched, strings.Join(who, ", "))
	}
	if s.c.door.Gateway.Sick() {
		said = append(said, say.amber)
	}
	var lines []string
	for _, text := range said {
		for i, part := range speech.Wrap(text, width-4) {
			lines = append(lines, strings.Repeat("  ", 1+min(i, 1))+part)
		}
	}
	_, _ = s.out.Write([]byte(strings.Join(lines, "\r\n") + "\r\n")) // who is gone reads nothing
}

// readOnly says whether the login is declared to read only, with its customer filled in or not.
func readOnly(t *policy.Target, login string) bool {
	return t != nil && slices.ContainsFunc(t.Logins, func(l policy.Login) bool {
		before, after, each := strings.Cut(l.Name, "{{customer}}")
		return l.ReadOnly && (l.Name == login || each && strings.HasPrefix(login, before) && strings.HasSuffix(login, after))
	})
}

// warn tells the person when the time is nearly up, until stop: in the title of
// the terminal, and in a line unless the program has the whole screen. More time
// brings new warnings.
func (r *relay) warn() (stop func()) {
	next := time.Duration(0)
	return r.st.follow("warnings", func(changed bool) (wait time.Duration) {
		if !changed {
			r.remind(next)
		}
		next, wait = nextWarning(r.st.visit.Until().Sub(r.s.c.door.now()))
		return wait
	})
}

// nextWarning is the next one of those before the end, and how long until
// then; zero when there is none any more.
func nextWarning(left time.Duration) (before, wait time.Duration) {
	for _, before := range []time.Duration{10 * time.Minute, 5 * time.Minute, time.Minute} {
		if left > before {
			return before, left - before
		}
	}
	return 0, 0
}

func (r *relay) remind(before time.Duration) {
	s, target := r.s, r.st.visit.Session.Target
	text := fmt.Sprintf(s.say().endsIn, target, int(before.Minutes()))
	more := r.more()
	if err := r.track.Note("warning", text); err != nil {
		r.broken(err)
		return
	}
	o := s.out
	o.between(func() {
		p := "\x1b]2;" + text + "\x07"
		if !o.screen.alt {
			p += "\r\n  ─ " + text + " · " + more + "\r\n"
		}
		_ = o.write([]byte(p), false) // who is gone reads nothing
	})
}

// more says how there can be more time: it is given, it is asked for, or how to ask.
func (r *relay) more() string {
	say := r.s.say()
	pending, next, err := r.st.visit.Extension(r.over)
	switch {
	case err != nil: // it is only a hint
	case next != nil && len(next.Promises) > 0 && next.Accepted.IsZero():
		return fmt.Sprintf(say.extensionPromise, next.ID)
	case next != nil:
		return fmt.Sprintf(say.extensionGiven, next.ID, speech.Long(next.For))
	case pending != nil:
		return fmt.Sprintf(say.extensionWaits, pending.ID)
	}
	return fmt.Sprintf(say.moreTime, r.st.visit.Grant().ID)
}

// idle ends the visit when nothing has passed for as long as its rule says, until stop.
func (st *stay) idle() (stop func()) {
	return st.c.beat(st.look(), "idle", func() time.Duration {
		limit := st.visit.Decision().Limits.Idle // the rule may have changed
		quiet := time.Since(st.began) - time.Duration(st.last.Load())
		if limit > 0 && quiet >= limit && st.visit.Open() {
			st.visit.End(&gateway.Ending{Code: policy.HasExpired, Why: fmt.Sprintf(speak("").idle, speech.Long(limit))})
		}
		return st.look()
	})
}

// look is how long idle waits before it looks again.
func (st *stay) look() time.Duration {
	limit := st.visit.Decision().Limits.Idle
	if limit <= 0 {
		return 30 * time.Second
	}
	return min(max(limit/10, 100*time.Millisecond), 30*time.Second)
}

// used notes that a byte passed.
func (st *stay) used() { st.last.Store(int64(time.Since(st.began))) }
