package target

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"lockbox/policy"
)

// A spare keeps one line ahead for a place that is used now and then: keys are
// exchanged, nobody is named but the login, nothing is signed. Who claims it
// brings a certificate of their own. sshd counts such a connection among its
// MaxStartups, and closes it after its LoginGraceTime.
type spare struct {
	to  place
	ctx context.Context // ends when it is dropped

	drop  context.CancelFunc
	until time.Time     // when it has been idle for too long
	line  *line         // nil: claimed, or not there yet
	taken chan struct{} // closed when line is claimed
	late  bool          // the next use begins a second one
	more  bool          // the second of its place: it goes when nobody claims it
}

// perPlace is how many are kept for a place that is used in quick succession.
const perPlace = 2

// silence is how long a spare may say nothing after it is claimed: then it is
// dead, and a new connection is made.
const silence = 2 * time.Second

// ahead claims the spare of a place. It gives nothing at all where there is
// none that does.
func (d *Dialer) ahead(ctx context.Context, c *Call) (*Conn, error) {
	l := d.take(placeOf(c.Target, c.Login))
	if l == nil {
		return nil, nil
	}
	l.claim(c)
	late := time.AfterFunc(silence, func() {
		if !l.answers() && !l.held() {
			l.hangUp()
		}
	})
	defer late.Stop()
	conn, err := l.wait(ctx)
	if err == nil {
		return conn, nil
	}
	if f := fault(c.Target, l, err); ctx.Err() != nil || f.Kind == Unwelcome || f.Kind == Unsigned {
		return nil, f // a new one would hear the same
	}
	return nil, nil
}

// take claims the line of a place that has come furthest.
func (d *Dialer) take(at place) *line {
	d.mu.Lock()
	defer d.mu.Unlock()
	var best *spare
	for _, s := range d.spares[at] {
		if s.line != nil && (best == nil || s.line.stage.Load() > best.line.stage.Load()) {
			best = s
		}
	}
	if best == nil || best.line.stage.Load() < keyed {
		d.short(at)
	}
	if best == nil {
		return nil
	}
	l := best.line
	best.line = nil
	close(best.taken)
	return l
}

// short notes that a place was used again before a line was keyed for it. mu is held.
func (d *Dialer) short(at place) {
	if n := len(d.spares[at]); n > 0 && n < perPlace {
		d.spares[at][0].late = true
	}
}

// Warm is for when a login on a target was used, or will be in a moment: a
// connection is kept keyed ahead for it, until that has not been so for a while;
// two, if one was not enough.
func (d *Dialer) Warm(t *policy.Target, login string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := placeOf(t, login)
	switch all := d.spares[at]; {
	case len(all) == 0:
		d.start(&spare{to: at})
	case all[0].late:
		all[0].late = false
		d.start(&spare{to: at, more: true})
	}
	for _, s := range d.spares[at] {
		s.until = time.Now().Add(cmp.Or(d.Idle, 5*time.Minute))
	}
}

// start keeps one more, if there may be one. mu is held.
func (d *Dialer) start(s *spare) {
	n := 0
	for _, all := range d.spares {
		n += len(all)
	}
	if d.closed || n >= d.Spares {
		return
	}
	if d.spares == nil {
		d.spares = map[place][]*spare{}
	}
	s.ctx, s.drop = context.WithCancel(context.Background())
	d.spares[s.to] = append(d.spares[s.to], s)
	d.wg.Go(func() { d.keep(s) })
}

// keep has a line ready for s until that is idle, or the target does not play
// along: then the next use begins again.
func (d *Dialer) keep(s *spare) {
	defer d.forget(s)
	for algorithms := d.order(s.to.machine); algorithms != nil; {
		l, taken := d.offer(s, algorithms)
		if l == nil {
			return
		}
		slow := time.AfterFunc(dialTime, func() {
			if l.stage.Load() == begun {
				l.hangUp()
			}
		})
		old := time.NewTimer(cmp.Or(d.Renew, 75*time.Second))
		select {
		case <-taken:
		case <-l.done:
		case <-s.ctx.Done():
		case <-old.C:
		}
		old.Stop()
		mine, idle := d.withdraw(s)
		if mine {
			l.hangUp()
		}
		<-l.done // of one that was claimed, too: the session that begins comes first
		slow.Stop()
		switch {
		case s.ctx.Err() != nil, mine && idle:
			return
		case mine && !errors.Is(l.err, errDropped): // the target ended it
			algorithms = l.others(algorithms, l.err)
		}
	}
}

// offer begins a line that may be claimed at once.
func (d *Dialer) offer(s *spare, algorithms []string) (*line, <-chan struct{}) {
	ctx, stop := context.WithTimeoutCause(s.ctx, dialTime, errLate)
	defer stop()
	l, err := d.connect(ctx, s.to, algorithms)
	if err != nil {
		return nil, nil // who goes there hears why
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s.line, s.taken = l, make(chan struct{})
	return l, s.taken
}

// withdraw takes back what nobody has claimed, and says whether that is so, and
// whether that is reason enough to keep no other.
func (d *Dialer) withdraw(s *spare) (mine, idle bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	mine = s.line != nil
	s.line = nil
	return mine, s.more || time.Now().After(s.until)
}

func (d *Dialer) forget(s *spare) {
	s.drop()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.spares[s.to] = slices.DeleteFunc(d.spares[s.to], func(o *spare) bool { return o == s })
	if len(d.spares[s.to]) == 0 {
		delete(d.spares, s.to)
	}
}
