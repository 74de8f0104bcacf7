package sshproxy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway"
	"lockbox/gateway/sshproxy/target"
	"lockbox/policy"
)

// ways are the connections to targets.
func (d *Door) ways() *target.Dialer {
	d.once.Do(func() {
		d.out = &target.Dialer{Now: d.now, Config: algorithms(), Version: version, Spares: max(0, d.Limits.orDefault().Spares), Own: d.Own}
		if d.Keys != nil {
			d.out.Sign = d.Keys.TargetCert
		}
	})
	return d.out
}

// Try says what is the matter with a target now, in a word or two of a language,
// to who may ask for it: "" when it answers as it should. Operators are told. It
// takes 3 s at most; an error is that nobody knows.
func (d *Door) Try(ctx context.Context, who policy.Principal, name, language string) (matter string, err error) {
	t := d.Desk.Policy().Targets[name]
	if t == nil {
		return "", fmt.Errorf("there is no target %s", name)
	}
	if t.Kind == "http" { // nobody answers SSH there
		return "", nil
	}
	err = d.ways().Look(ctx, t)
	kind := target.KindOf(err)
	if kind == "" {
		return "", err
	}
	d.Report(fmt.Errorf("asked for by %s: %w", who.ID, err))
	return speak(language).matter(kind), nil
}

// warm has a connection ready for who will be let in once they have touched.
func (d *Door) warm(name, login string) {
	if t := d.Desk.Policy().Targets[name]; t != nil {
		d.ways().Warm(t, login)
	}
}

// look finds out whether a target answers, while the person writes a request.
func (s *session) look(name string) <-chan string {
	found := make(chan string, 1)
	s.c.spawn("look", func() {
		s.mu.Lock()
		language := s.env.language()
		s.mu.Unlock()
		matter, _ := s.c.door.Try(s.ctx, s.c.id.who, name, language) // "" where nobody knows
		found <- matter
	})
	return found
}

// lookWait is how long somebody waits to hear that a target does not answer;
// who is refused hears it at once.
const lookWait = 300 * time.Millisecond

// notNow is what to say of a target that does not answer now; "" where it does,
// or nobody knows yet.
func (s *session) notNow(name string, found <-chan string) string {
	late := time.NewTimer(lookWait)
	defer late.Stop()
	select {
	case matter := <-found:
		if matter != "" {
			return fmt.Sprintf(s.say().notNow, name, matter)
		}
	case <-late.C:
	}
	return ""
}

// unreached ends a visit whose target was not reached, and is why.
func (c *client) unreached(ctx context.Context, v *gateway.Visit, err error) error {
	kind := target.KindOf(err)
	why, _ := speak("").faulty(v.Session.Target, kind)
	end := &gateway.Ending{Code: gateway.Unreachable, Why: why}
	v.Failed(string(kind))
	v.End(end) // unless it ended meanwhile, for another reason
	v.Leave()
	if !errors.Is(context.Cause(v.Context()), end) {
		return context.Cause(v.Context())
	}
	if ctx.Err() == nil {
		c.door.Report(fmt.Errorf("session %s: %w", v.Session.ID, err))
	}
	if kind == "" {
		return end
	}
	return err
}

// faulty is what the person is told about a target that was not reached; nil
// about anything else.
func (s *session) faulty(err error) *refusal {
	var f *target.Fault
	if !errors.As(err, &f) {
		return nil
	}
	r := &refusal{code: gateway.Unreachable, exit: exitUnavailable, target: f.Target, retry: f.Kind.Retry()}
	r.why, r.next = s.say().faulty(f.Target, f.Kind)
	return r
}

// unopened is for a channel that the target has not opened.
func (s *session) unopened(st *stay, err error) *refusal {
	s.c.door.Report(fmt.Errorf("session %s: open channel: %w", st.visit.Session.ID, err))
	if no := (*ssh.OpenChannelError)(nil); errors.As(err, &no) {
		return s.denied(st, target.NoChannel)
	}
	return s.lost(st)
}

// denied is for what a target that was reached does not do.
func (s *session) denied(st *stay, k target.Kind) *refusal {
	r := s.lost(st)
	if r.code == gateway.Unreachable {
		st.visit.Failed(string(k))
		r.why, r.next = s.say().faulty(st.visit.Session.Target, k)
		r.retry = k.Retry()
	}
	return r
}
