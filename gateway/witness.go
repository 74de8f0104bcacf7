package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// NoWitness is the code of an ending: too few witnesses cosigned what a session rests on.
const NoWitness policy.Code = "LBX-WITNESS"

// Witnesses have the log cosigned by those who do not trust its operator.
type Witnesses interface {
	// Cosigned returns a checkpoint of the main log of at least size entries
	// once k of them have cosigned it.
	Cosigned(ctx context.Context, size int64, k int) ([]byte, error)
}

// soon is how long an extension may wait for witnesses before people see that it waits.
const soon = 250 * time.Millisecond

func (g *Gateway) patience() time.Duration {
	if g.Patience > 0 {
		return min(g.Patience, 10*time.Second)
	}
	return 10 * time.Second
}

// begin lets things pass in a visit whose session.open is event seq: once as
// many witnesses as the rule wants have cosigned the log up to there, which is
// all that the session rests on, and it may still be. It leaves a visit that it
// does not give.
func (v *Visit) begin(ctx context.Context, a Answer, seq int64) (*Visit, Answer, error) {
	if a.Witnesses > 0 {
		v.mu.Lock()
		v.grant, v.decision = *a.Grant, a.Decision
		v.mu.Unlock()
		err := v.cosigned(ctx, seq+1, a.Witnesses)
		if err == nil {
			if a, err = v.ask(ctx, deed{v.knock.Do, v.knock.To}, v.g.enter); err == nil && a.Verdict != policy.Allow {
				v.End(&Ending{a.Code, a.Why.String()})
			}
		}
		if err != nil {
			v.End(asEnding(err))
		}
		if v.ctx.Err() != nil {
			v.Leave()
			if err == nil && a.Verdict == policy.Allow {
				err = context.Cause(v.ctx)
			}
			return nil, a, err
		}
	}
	v.runs(a)
	v.mu.Lock()
	v.lives = true
	v.mu.Unlock()
	v.spawn(func() { v.watch(seq) })
	return v, a, nil
}

func asEnding(err error) *Ending {
	if end := (*Ending)(nil); errors.As(err, &end) {
		return end
	}
	return &Ending{policy.ByPolicy, "the session was never opened"}
}

// cosigned waits until k witnesses have cosigned the log with that many entries;
// when they have not in time, its error is an *Ending, and it is written down.
func (v *Visit) cosigned(ctx context.Context, size int64, k int) error {
	if v.g.Witnesses == nil {
		return v.unwitnessed(size, k, errors.New("no witnesses are configured"))
	}
	ctx, stop := context.WithTimeout(ctx, v.g.patience())
	defer stop()
	defer context.AfterFunc(v.ctx, stop)()
	_, err := v.g.Witnesses.Cosigned(ctx, size, k)
	switch {
	case err == nil:
		v.mu.Lock()
		v.sworn = max(v.sworn, k)
		v.mu.Unlock()
		return nil
	case v.ctx.Err() != nil:
		return context.Cause(v.ctx)
	case errors.Is(ctx.Err(), context.Canceled): // the person went away
		return context.Cause(ctx)
	}
	return v.unwitnessed(size, k, err)
}

func (v *Visit) unwitnessed(size int64, k int, why error) error {
	v.g.Report(fmt.Errorf("session %s: %d entries were not cosigned by %d witnesses: %w", v.Session.ID, size, k, why))
	err := v.g.Ledger.Update(context.WithoutCancel(v.ctx), func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{
			Kind: "session.unwitnessed", Actor: "lockbox", Customers: v.Session.Customers,
			Subjects: slices.Concat([]string{v.Session.ID, v.Grant().ID, v.Session.Target}, v.Session.Customers),
			Detail:   map[string]string{"wanted": strconv.Itoa(k), "entries": strconv.FormatInt(size, 10)},
		})
		return err
	})
	if err != nil {
		v.g.Report(fmt.Errorf("write down that session %s was not witnessed: %w", v.Session.ID, err))
	}
	of := "1 witness"
	if k > 1 {
		of = strconv.Itoa(k) + " witnesses"
	}
	return &Ending{NoWitness, fmt.Sprintf("the rule wants the log cosigned by %s before anything passes, and that did not come within %s; try again, or tell an operator",
		of, v.g.patience())}
}

// swear is for a visit under way whose rule wants more witnesses now than
// cosigned it: they are asked meanwhile, and without them it ends.
func (v *Visit) swear(k int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if k <= v.sworn || k <= v.swearing {
		return
	}
	v.swearing = k
	v.spawn(func() {
		if err := v.cosigned(v.ctx, v.g.Ledger.Last()+1, k); err != nil && v.ctx.Err() == nil {
			v.End(asEnding(err))
		}
	})
}

// witnessed says whether as many witnesses as are wanted have cosigned what the
// grant rests on that extends the visit's own. If they have not it asks them;
// when they have, watch is woken, and without them the visit ends.
func (v *Visit) witnessed(a Answer) bool {
	k := max(a.Witnesses, a.next.Witnesses)
	if k == 0 {
		return true
	}
	name := a.next.ID + "/" + a.next.Accepted.String() // a promise is one more thing that it rests on
	v.mu.Lock()
	if v.next.of != name {
		v.next.of, v.next.done = name, make(chan struct{})
		done := v.next.done
		v.spawn(func() {
			if err := v.cosigned(v.ctx, v.g.Ledger.Last()+1, k); err != nil {
				v.End(asEnding(err))
				return
			}
			close(done)
			v.wake()
		})
	}
	done := v.next.done
	v.mu.Unlock()
	timer := time.NewTimer(soon)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
	case <-v.ctx.Done():
	}
	return false
}

// oath is the asking for witnesses to the grant that comes next.
type oath struct {
	of   string
	done chan struct{} // closed when they have cosigned
}

// NoteWitness writes down that a witness is behind, or back; once for each outage.
func (g *Gateway) NoteWitness(ctx context.Context, name string, back bool, size int64, why error) error {
	e := ledger.Event{Kind: "witness.behind", Actor: "lockbox", Subjects: []string{name}, Detail: map[string]string{"entries": strconv.FormatInt(size, 10)}}
	if back {
		e.Kind = "witness.back"
	}
	if why != nil {
		e.Private = map[string]string{"why": why.Error()} // it may name machines
	}
	return g.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		_, err := tx.Append(e)
		return err
	})
}
