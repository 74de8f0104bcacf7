package gateway

import (
	"context"
	"fmt"
	"slices"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// Frozen says since when nothing passes, and until when at most. The zero
// Frozen means that the visit is not frozen.
type Frozen struct {
	Since     time.Time
	Until     time.Time
	Extension string // the request that is waited for
	Accept    bool   // it is approved, and waits for the person to promise something
}

// Frozen says whether the visit is frozen. The channel is closed at the next
// change of this, of Until or of Grant.
func (v *Visit) Frozen() (Frozen, <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.frozen, v.moved.Done()
}

// Upon has fn run at the next such change, unless the func returned is called
// before, which then says so. Meanwhile nothing waits for it.
func (v *Visit) Upon(fn func()) (stop func() bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return context.AfterFunc(v.moved, fn)
}

// Open says whether anything may pass now. The instant at which the time is up
// shuts it, before anybody has decided what comes next.
func (v *Visit) Open() bool { return !v.halted.Load() && !v.up() }

// up says whether the time is.
func (v *Visit) up() bool { return time.Since(v.base) >= time.Duration(v.open.Load()) }

// Gate waits while nothing may pass. Its error is why nothing will any more.
// A door calls it before every byte, request and channel that it passes on, in
// either direction. It costs a look at the clock while the visit is open.
func (v *Visit) Gate(ctx context.Context) error {
	for !v.Open() {
		_, moved := v.Frozen()
		if v.Open() {
			break
		}
		select {
		case <-moved:
		case <-v.ctx.Done():
			return context.Cause(v.ctx)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// Extension finds what may come after the visit's grant: the request for more
// time that waits, or the grant that goes on from it.
func (v *Visit) Extension(ctx context.Context) (pending *policy.Request, next *policy.Grant, err error) {
	err = v.g.Ledger.View(ctx, func(tx *ledger.Tx) error {
		pending, next, err = v.g.Desk.Extension(tx, v.Grant().ID)
		return err
	})
	return pending, next, err
}

// due is how long until the time is up, or the grace of a frozen visit, or the
// end of what holds it back.
func (v *Visit) due() time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	at := time.Duration(v.open.Load())
	if !v.frozen.Until.IsZero() {
		at = v.frozen.Until.Sub(v.base)
	}
	if until := v.halts.until(); !until.IsZero() {
		at = min(at, until.Sub(v.base))
	}
	return max(at-time.Since(v.base), time.Millisecond)
}

// runs lets things pass, as a decision allows.
func (v *Visit) runs(a Answer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ctx.Err() != nil {
		return
	}
	if v.until.Equal(a.Until) && v.grant.ID == a.Grant.ID && v.frozen.Until.IsZero() {
		v.decision = a.Decision
		return // its end is counted by the monotonic clock since it was known
	}
	if v.grant.ID != "" && v.grant.ID != a.Grant.ID {
		clear(v.standing) // it was asked under another grant
	}
	v.grant, v.decision, v.until, v.frozen = *a.Grant, a.Decision, a.Until, Frozen{}
	v.weigh()         // before anything may pass
	now := time.Now() // once: between two looks a busy machine lets time pass
	v.open.Store(int64(a.Until.Sub(now) + now.Sub(v.base)))
	v.change()
}

// change tells who waits. mu is held.
func (v *Visit) change() {
	v.move()
	v.moved, v.move = context.WithCancel(context.Background())
}

// expired is for a visit whose time is up: it goes on under the grant that
// extends its own, it is frozen while one is asked for, or it ends.
func (v *Visit) expired(a Answer) {
	f := Frozen{Until: a.Grace}
	if a.extension != nil {
		f.Extension = a.extension.ID
	}
	if a.next != nil && !v.witnessed(a) {
		f = Frozen{Until: a.Grant.NotAfter.Add(policy.Grace), Extension: a.next.ID}
	} else if a.next != nil {
		on, err := v.goOn(a.next)
		switch {
		case err != nil:
			v.unproven(err)
			return
		case on.Verdict == policy.Allow:
			v.runs(on)
			return
		case on.Code == policy.ByPolicy: // it gives less than what was begun
			v.End(&Ending{on.Code, on.Why.String()})
			return
		case on.Code == policy.NotYet && a.Grant.Revoked.IsZero(): // approved, and to be accepted first
			f = Frozen{Until: a.Grant.NotAfter.Add(policy.Grace), Extension: a.next.ID, Accept: on.Accept}
		}
	}
	if f.Until.IsZero() || !v.freeze(f) {
		v.End(v.tooLate(a))
	}
}

func (v *Visit) unproven(err error) {
	if v.ctx.Err() != nil {
		return
	}
	v.g.Report(fmt.Errorf("go on with session %s: %w", v.Session.ID, err))
	v.End(&Ending{policy.ByPolicy, "whether you may go on cannot be proven, so the session ends"})
}

// goOn moves the visit to the grant that extends its own, if that is proven and
// may be used now, with the event that says so.
func (v *Visit) goOn(next *policy.Grant) (a Answer, err error) {
	k := v.knock
	k.grant = next.ID
	err = v.g.Ledger.Update(v.ctx, func(tx *ledger.Tx) error {
		keep := time.Duration(0)
		for _, do := range v.begun() {
			k.Do, k.To = do.do, do.to
			if a, err = v.g.enter(tx, k); err != nil || a.Verdict != policy.Allow {
				return err
			}
			if a.Decision = v.recordable(a.Decision); a.Verdict != policy.Allow {
				return nil
			}
			keep = shorter(keep, a.Recording.Keep)
		}
		if a.Grant.Extends != v.Grant().ID {
			return fmt.Errorf("grant %s does not extend the visit's own", a.Grant.ID)
		}
		if err := v.g.Desk.Activate(tx, a.Grant); err != nil {
			return err
		}
		a.question.Now, a.question.Grant = tx.Now(), a.Grant
		if a.Decision = v.g.Desk.Policy().Decide(a.question); a.Verdict != policy.Allow {
			return fmt.Errorf("grant %s gives nothing once it is used: %s", a.Grant.ID, a.Why)
		}
		return extend(tx, v.Session.ID, a.Grant, keep)
	})
	return a, err
}

// freeze holds everything back for a while, and says whether that is not over
// yet: the grace begins when the time is up, and is never given twice.
func (v *Visit) freeze(f Frozen) bool {
	v.mu.Lock()
	was, grant := v.frozen, v.grant.ID
	switch {
	case v.ctx.Err() != nil:
		v.mu.Unlock()
		return true
	case was.Until.IsZero():
		v.open.Store(min(v.open.Load(), int64(time.Since(v.base)))) // a clock may have jumped
		f.Since = v.base.Add(time.Duration(v.open.Load()))
		f.Until = f.Since.Add(min(v.g.grace(), time.Until(f.Until)+time.Since(f.Since)))
	default:
		f.Since, f.Until = was.Since, was.Until
	}
	late, same := !time.Now().Before(f.Until), f == was
	if !late && !same {
		v.frozen = f
		v.change()
	}
	v.mu.Unlock()
	if !late && was.Until.IsZero() {
		v.noteFreeze(f, grant)
	}
	return !late
}

func (g *Gateway) grace() time.Duration {
	if g.Grace > 0 {
		return min(g.Grace, policy.Grace)
	}
	return policy.Grace
}

func (v *Visit) noteFreeze(f Frozen, grant string) {
	err := v.g.Ledger.Update(v.ctx, func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{
			Kind: "session.frozen", Actor: "lockbox", Subjects: slices.Concat([]string{v.Session.ID, grant, f.Extension, v.Session.Target}, v.Session.Customers), Customers: v.Session.Customers,
			Detail: map[string]string{"since": f.Since.UTC().Format(time.RFC3339Nano), "until": f.Until.UTC().Format(time.RFC3339Nano)},
		})
		return err
	})
	if err != nil {
		v.unproven(err)
	}
}

// tooLate is why a visit ends whose time is up.
func (v *Visit) tooLate(a Answer) *Ending {
	end := &Ending{a.Code, a.Why.String()}
	f, _ := v.Frozen()
	if f.Until.IsZero() {
		return end
	}
	x, err := v.g.Desk.See(v.ctx, v.knock.Who, f.Extension)
	if err != nil {
		return end // the extension is only a part of the sentence
	}
	why := "was not decided in time"
	switch {
	case f.Accept:
		why = "was not accepted in time"
	case x.Status.Phase == policy.Rejected, x.Status.Phase == policy.Withdrawn:
		why = "was " + string(x.Status.Phase)
	case x.Grant != nil && x.Grant.Over(x.Now) != "":
		why = "gives nothing: " + x.Grant.Over(x.Now)
	}
	end.Why += "; extension " + f.Extension + " " + why
	return end
}
