package sshproxy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway"
	"lockbox/gateway/sshproxy/target"
)

// ways are the connections to targets.
func (d *Door) ways() *target.Dialer {
	d.once.Do(func() {
		d.out = &target.Dialer{Now: d.now, Config: algorithms(), Version: version, Spares: max(0, d.Limits.orDefault().Spares)}
		if d.Keys != nil {
			d.out.Sign = d.Keys.TargetCert
		}
	})
	return d.out
}

// Look says what is wrong with a target now, as its operators would hear it;
// nil when it answers as it should. It takes 3 s at most.
func (d *Door) Look(ctx context.Context, name string) error {
	t := d.Desk.Policy().Targets[name]
	if t == nil {
		return fmt.Errorf("there is no target %s", name)
	}
	return d.ways().Look(ctx, t)
}

// warm has a connection ready for who will be let in once they have touched.
func (d *Door) warm(name, login string) {
	if t := d.Desk.Policy().Targets[name]; t != nil {
		d.ways().Warm(t, login)
	}
}

// look finds out whether a target answers, while the person writes a request.
func (s *session) look(name string) <-chan error {
	found := make(chan error, 1)
	s.c.spawn("look", func() { found <- s.c.door.Look(s.ctx, name) })
	return found
}

// lookWait is how long somebody waits to hear that a target does not answer;
// who is refused hears it at once.
const lookWait = 300 * time.Millisecond

// notNow is what to say of a target that does not answer now; "" where it does,
// or nobody knows yet.
func (s *session) notNow(name string, found <-chan error) string {
	late := time.NewTimer(lookWait)
	defer late.Stop()
	select {
	case err := <-found:
		if kind := target.KindOf(err); kind != "" {
			s.c.door.Report(fmt.Errorf("asked for by %s: %w", s.c.id.who.ID, err))
			return fmt.Sprintf(s.say().notNow, name, s.say().matter(kind))
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
