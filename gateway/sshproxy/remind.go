package sshproxy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lockbox/gateway"
	"lockbox/policy"
)

// banner says where the person is now, and for how long.
func (s *session) banner(st *stay) {
	say, v := s.say(), st.visit
	now := s.c.door.now()
	parts := []string{"─ " + v.Session.Target, fmt.Sprintf(say.grant, v.Grant.ID), fmt.Sprintf(say.timeLeft, left(v.Until().Sub(now)))}
	if now.Sub(v.Grant.Activated) < 5*time.Second {
		parts[2] += say.startsNow
	}
	if readOnly(s.c.door.Desk.Policy().Targets[v.Session.Target], v.Session.Login) {
		parts = append(parts, say.readOnly)
	}
	head := "  " + strings.Join(parts, " · ") + " "
	width := 74
	if t := s.terminal(); t != nil && t.Cols > 0 {
		width = min(width, int(t.Cols))
	}
	head += strings.Repeat("─", max(0, width-len([]rune(head))))
	_, _ = s.out.Write([]byte(head + "\r\n  " + say.recorded + "\r\n")) // who is gone reads nothing
}

// readOnly says whether the login is declared to read only, with its customer filled in or not.
func readOnly(t *policy.Target, login string) bool {
	return t != nil && slices.ContainsFunc(t.Logins, func(l policy.Login) bool {
		before, after, each := strings.Cut(l.Name, "{{customer}}")
		return l.ReadOnly && (l.Name == login || each && strings.HasPrefix(login, before) && strings.HasSuffix(login, after))
	})
}

// warn tells the person when the time is nearly up: in the title of the
// terminal, and in a line unless the program has the whole screen.
func (r *relay) warn() {
	for _, before := range []time.Duration{10 * time.Minute, 5 * time.Minute, time.Minute} {
		wait := r.st.visit.Until().Add(-before).Sub(r.s.c.door.now())
		if wait < 0 {
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-r.over.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		r.remind(before)
	}
}

func (r *relay) remind(before time.Duration) {
	s, target := r.s, r.st.visit.Session.Target
	text := fmt.Sprintf(s.say().endsIn, target, int(before.Minutes()))
	if err := r.track.Note("warning", text); err != nil {
		r.broken(err)
		return
	}
	o := s.out
	o.between(func() {
		p := "\x1b]2;" + text + "\x07"
		if !o.screen.alt {
			p += "\r\n  ─ " + text + "\r\n"
		}
		_ = o.write([]byte(p), false) // who is gone reads nothing
	})
}

// idle ends the visit when nothing has passed for as long as its rule says.
func (st *stay) idle(done <-chan struct{}) {
	limit := st.idleLimit()
	if limit <= 0 {
		return
	}
	tick := time.NewTicker(min(max(limit/10, 100*time.Millisecond), 30*time.Second))
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		if time.Since(st.began)-time.Duration(st.last.Load()) >= limit {
			st.visit.End(&gateway.Ending{Code: policy.HasExpired, Why: fmt.Sprintf(speak("").idle, long(limit))})
			return
		}
	}
}

func (st *stay) idleLimit() time.Duration {
	rules := st.c.door.Desk.Policy().Rules
	i := slices.IndexFunc(rules, func(r policy.Rule) bool { return r.Name == st.visit.Decision.Rule })
	if i < 0 {
		return 0
	}
	return rules[i].Limits.Idle
}

// used notes that a byte passed.
func (st *stay) used() { st.last.Store(int64(time.Since(st.began))) }
