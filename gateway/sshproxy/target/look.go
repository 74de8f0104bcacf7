package target

import (
	"context"
	"errors"
	"net"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/policy"
)

const (
	lookTime  = 3 * time.Second  // how long a target has to answer
	lookFresh = 10 * time.Second // how long its answer counts
	mostLooks = 16               // under way at a time, at different targets
)

// A look is what was found when somebody looked whether a target answers.
type look struct {
	done  chan struct{} // closed when err and until are set
	err   error
	until time.Time
	stop  context.CancelFunc
}

// errSeen ends a handshake that was to show a host key.
var errSeen = errors.New("seen")

// Look says what is wrong with a target now, in 3 s at most: nil when it
// answers with its host key. Nobody is named and nothing is signed. However
// many ask, a target is looked at once at a time, and not again for some
// seconds. The error is a *Fault, unless ctx ended or too many look.
func (d *Dialer) Look(ctx context.Context, t *policy.Target) error {
	l, err := d.look(t)
	if err != nil {
		return err
	}
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

var errBusy = errors.New("too many targets are looked at already")

// look finds the answer of a moment ago, or asks.
func (d *Dialer) look(t *policy.Target) (*look, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, busy := machineOf(t), 0
	for m, l := range d.looks {
		switch {
		case !closed(l.done):
			busy++
		case time.Now().After(l.until):
			delete(d.looks, m)
		}
	}
	if l := d.looks[at]; l != nil {
		return l, nil
	}
	if d.closed {
		return nil, net.ErrClosed
	}
	if busy >= mostLooks {
		return nil, errBusy
	}
	if d.looks == nil {
		d.looks = map[machine]*look{}
	}
	ctx, stop := context.WithTimeoutCause(context.Background(), lookTime, errLate)
	l := &look{done: make(chan struct{}), stop: stop}
	d.looks[at] = l
	d.wg.Go(func() {
		defer stop()
		defer close(l.done)
		l.err = d.see(ctx, t)
		l.until = time.Now().Add(lookFresh)
	})
	return l, nil
}

func (d *Dialer) see(ctx context.Context, t *policy.Target) error {
	to := place{machine: machineOf(t)}
	var met error
	for algorithms := d.order(to.machine); ; {
		l, err := d.dial(ctx, to)
		if err != nil {
			return fault(t, nil, err)
		}
		err = l.show(ctx, algorithms)
		if errors.Is(err, errSeen) {
			return nil
		}
		if algorithms = l.others(algorithms, err); algorithms == nil {
			return fault(t, l, whose(met, err))
		}
		met = err
	}
}

// show shakes hands until the host key is known, and no further.
func (l *line) show(ctx context.Context, algorithms []string) error {
	defer l.hangUp()
	defer context.AfterFunc(ctx, l.hangUp)()
	_, _, _, err := ssh.NewClientConn(l.socket, l.to.address, &ssh.ClientConfig{
		Config:            l.d.Config,
		HostKeyAlgorithms: algorithms,
		HostKeyCallback: func(name string, from net.Addr, key ssh.PublicKey) error {
			if err := l.pinned(name, from, key); err != nil {
				return err
			}
			return errSeen
		},
		ClientVersion: l.d.Version,
	})
	return errors.Join(err, context.Cause(ctx))
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
