package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
)

// An Ending is why a visit is over; the person reads Why.
type Ending struct {
	Code policy.Code
	Why  string
}

func (e *Ending) Error() string { return e.Why }

// Codes of endings that policy does not know.
const (
	NoRecorder  policy.Code = "LBX-RECORDER"
	Unreachable policy.Code = "LBX-TARGET"
	StillAsked  policy.Code = "LBX-PENDING"
	WasRejected policy.Code = "LBX-REJECTED"
)

// A Visit is one session under a grant: one connection of a person to a
// target, recorded. It is held only while it may be; then its context ends
// with an *Ending as cause and the door closes its sockets.
type Visit struct {
	Session   recorder.Session
	Grant     policy.Grant
	Recording *recorder.Recording
	Decision  policy.Decision

	g     *Gateway
	knock Knock
	ctx   context.Context
	end   context.CancelCauseFunc
	wg    sync.WaitGroup
	leave sync.Once
	gone  chan struct{} // closed when the end is written down
}

// Context ends when the visit does; context.Cause gives the *Ending.
func (v *Visit) Context() context.Context { return v.ctx }

// End ends the visit for a reason. The first reason stays.
func (v *Visit) End(why *Ending) { v.end(why) }

// Until is when the visit ends at the latest.
func (v *Visit) Until() time.Time { return v.Grant.NotAfter }

// Visit opens a session for a knock that Enter allows: recording first, then
// the event, then nothing else may fail. The caller must Leave.
func (g *Gateway) Visit(ctx context.Context, k Knock) (*Visit, Answer, error) {
	a, err := g.Enter(ctx, k)
	if err != nil || a.Verdict != policy.Allow {
		return nil, a, err
	}
	v := &Visit{g: g, knock: k, Decision: a.Decision, gone: make(chan struct{})}
	v.ctx, v.end = context.WithCancelCause(context.WithoutCancel(ctx))
	v.Session = recorder.Session{
		ID: recorder.NewID(time.Now()), Request: a.Grant.ID, Target: k.On, Login: a.Login, Remote: k.From.String(),
		Who: k.Who, Customers: a.Customers, Began: time.Now().UTC(),
	}
	if v.Recording, err = g.Shelf.Open(v.Session); err != nil {
		v.end(nil)
		g.Report(fmt.Errorf("open recording %s: %w", v.Session.ID, err))
		return nil, a, &Ending{NoRecorder, "the recorder cannot write, so no session is opened; operators see why on the status page"}
	}
	if a, err = g.admit(ctx, v, k); err != nil || a.Verdict != policy.Allow {
		_, cerr := v.Recording.Close("never opened")
		return nil, a, errors.Join(err, cerr)
	}
	return v, a, nil
}

// admit registers the visit before it asks again, so that whatever ends the
// grant meanwhile finds it, and appends session.open in the transaction that
// asked.
func (g *Gateway) admit(ctx context.Context, v *Visit, k Knock) (a Answer, err error) {
	if !g.register(v) {
		return Answer{Decision: policy.Decision{Why: policy.Says("the gateway is closing")}}, nil
	}
	var seq int64
	err = g.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		if a, err = g.enter(tx, k); err != nil || a.Verdict != policy.Allow {
			return err
		}
		if a.Grant.ID != v.Session.Request { // the recording names the one before
			a.Decision = policy.Decision{Code: policy.HasExpired, Why: policy.Says("the grant was replaced meanwhile; connect again")}
			return nil
		}
		if err := g.Desk.Activate(tx, a.Grant); err != nil {
			return err
		}
		g.mu.Lock() // Visits reads them
		v.Grant, v.Session.Began = *a.Grant, tx.Now()
		g.mu.Unlock()
		seq, err = tx.Append(ledger.Event{
			Kind: "session.open", Actor: k.Who.ID, Subjects: slices.Concat([]string{v.Session.ID, a.Grant.ID, k.On}, a.Customers),
			Detail: map[string]string{
				"login": a.Login, "ssh-key": k.Key, "not-after": a.Grant.NotAfter.Format(time.RFC3339Nano), "binding": a.Terminal.Binding(),
			},
			Private: map[string]string{"from": k.From.String()},
		})
		if err != nil {
			return err
		}
		return open(tx, v.Session, seq)
	})
	if err != nil || a.Verdict != policy.Allow {
		g.forget(v)
		v.end(nil)
		close(v.gone) // Close may have found it meanwhile
		return a, err
	}
	v.wg.Go(func() { v.watch(seq) })
	return a, nil
}

func (g *Gateway) register(v *Visit) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	if g.visits == nil {
		g.visits = map[*Visit]struct{}{}
	}
	g.visits[v] = struct{}{}
	return true
}

func (g *Gateway) forget(v *Visit) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.visits, v)
}

// May asks again, for one more channel or request of this visit, and proves
// again what it rests on.
func (v *Visit) May(ctx context.Context, do policy.Action) (policy.Decision, error) {
	return v.may(ctx, do, v.g.enter)
}

func (v *Visit) may(ctx context.Context, do policy.Action, ask func(*ledger.Tx, Knock) (Answer, error)) (policy.Decision, error) {
	if v.ctx.Err() != nil {
		return policy.Decision{Why: policy.Says("%s", context.Cause(v.ctx).Error())}, nil
	}
	k := v.knock
	k.Do = do
	var a Answer
	err := v.g.Ledger.View(ctx, func(tx *ledger.Tx) (err error) {
		a, err = ask(tx, k)
		return err
	})
	switch {
	case err != nil:
		return policy.Decision{}, err
	case a.Verdict == policy.Deny:
		return a.Decision, nil
	case a.Grant == nil || a.Grant.ID != v.Grant.ID:
		return policy.Decision{Code: policy.HasExpired, Why: policy.Says("this session's grant is over; connect again")}, nil
	case a.Verdict == policy.Prove: // the touch opened this visit; it need not be fresh for its next channel
		a.Verdict, a.Code, a.Why = policy.Allow, "", policy.Says("grant %s is in force", a.Grant.ID)
	}
	return a.Decision, nil
}

// watch ends the visit when it may no longer be: its time is up, its grant or
// rule is gone, its recording fails, or the ledger cannot be read.
func (v *Visit) watch(seq int64) {
	events := make(chan struct{}, 1)
	v.wg.Go(func() { v.listen(seq, events) })
	up := time.NewTimer(time.Until(v.Grant.NotAfter)) // monotonic: a clock set back does not give more
	defer up.Stop()
	tick := time.NewTicker(again)
	defer tick.Stop()
	progress := time.NewTicker(time.Minute)
	defer progress.Stop()
	place := time.NewTicker(look)
	defer place.Stop()
	for {
		select {
		case <-v.ctx.Done():
			return
		case <-up.C:
			v.End(&Ending{policy.HasExpired, "the time of the grant is up"})
			return
		case <-v.Recording.Failed():
			v.unrecorded(v.Recording.Err())
			return
		case <-place.C:
			if err := v.g.Shelf.Holds(v.Session.ID); err != nil {
				v.unrecorded(err)
				return
			}
		case <-progress.C:
			v.progress()
		case <-events:
			v.recheck()
		case <-tick.C:
			v.recheck()
		}
	}
}

// unrecorded ends the visit because what happens in it could not be written down.
func (v *Visit) unrecorded(err error) {
	v.g.Report(fmt.Errorf("recording %s: %w", v.Session.ID, err))
	v.End(&Ending{NoRecorder, "the recorder cannot write any more, so the session ends"})
}

// listen wakes watch at every event that is about this visit's grant or session.
func (v *Visit) listen(seq int64, wake chan<- struct{}) {
	for e, err := range v.g.Ledger.Watch(v.ctx, seq) {
		if v.ctx.Err() != nil {
			return
		}
		if err != nil {
			v.g.Report(fmt.Errorf("watch the ledger for session %s: %w", v.Session.ID, err))
			v.End(&Ending{policy.ByPolicy, "the ledger cannot be read, so the session ends"})
			return
		}
		if !slices.Contains(e.Subjects, v.Grant.ID) && !slices.Contains(e.Subjects, v.Session.ID) {
			continue
		}
		select {
		case wake <- struct{}{}:
		default: // one is waiting already
		}
	}
}

// recheck asks whether the session may go on, for what it was opened for.
func (v *Visit) recheck() {
	d, err := v.may(v.ctx, v.knock.Do, v.g.decide)
	switch {
	case v.ctx.Err() != nil:
	case err != nil:
		v.g.Report(fmt.Errorf("ask again for session %s: %w", v.Session.ID, err))
		v.End(&Ending{policy.ByPolicy, "whether you may go on cannot be proven, so the session ends"})
	case d.Verdict != policy.Allow:
		v.ended(d)
	}
}

// ended ends the visit for the reason that its own grant gives, where it is over.
func (v *Visit) ended(d policy.Decision) {
	why := &Ending{d.Code, d.Why.String()}
	if w, err := v.g.Desk.Ended(v.ctx, v.Grant.ID); err == nil && w.Why != "" {
		why = &Ending{w.Code, w.Why}
	}
	v.End(why)
}

// progress puts the recording's running hash into the log.
func (v *Visit) progress() {
	root := v.Recording.Progress()
	err := v.g.Ledger.Update(v.ctx, func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{
			Kind: "session.progress", Actor: "lockbox", Subjects: []string{v.Session.ID},
			Detail: map[string]string{"root": root},
		})
		return err
	})
	if err != nil && v.ctx.Err() == nil {
		v.g.Report(fmt.Errorf("note the progress of session %s: %w", v.Session.ID, err))
	}
}

// Leave ends the visit, seals the recording and then writes down the end: the
// event carries the recording's root.
func (v *Visit) Leave() {
	v.leave.Do(func() {
		v.end(&Ending{"", "closed by the person"})
		v.wg.Wait()
		defer close(v.gone)
		defer v.g.forget(v)
		cause := context.Cause(v.ctx).Error()
		seal, err := v.Recording.Close(cause)
		if err != nil {
			v.g.Report(fmt.Errorf("seal recording %s: %w", v.Session.ID, err))
		}
		if err := v.close(cause, seal); err != nil {
			v.g.Report(fmt.Errorf("write down the end of session %s: %w", v.Session.ID, err))
		}
	})
}

func (v *Visit) close(cause string, seal recorder.Seal) error {
	return v.g.Ledger.Update(context.WithoutCancel(v.ctx), func(tx *ledger.Tx) error {
		v.g.mu.Lock() // as in admit
		v.Session.Ended, v.Session.Cause, v.Session.Root = tx.Now(), cause, seal.Root
		v.g.mu.Unlock()
		return shut(tx, v.Session, map[string]string{
			"cause": cause, "root": seal.Root, "bytes": strconv.FormatInt(seal.Bytes, 10), "segments": strconv.Itoa(seal.Segments),
		})
	})
}
