package approvals

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"lockbox/policy"
)

// Follow gives the request as it stands, and again after every change: an
// event about it, or a time at which it ends. Who may not see it gets
// ErrUnknown. The sequence ends with ctx.
func (d *Desk) Follow(ctx context.Context, who policy.Principal, code string) iter.Seq2[View, error] {
	return func(yield func(View, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		for {
			last := d.Ledger.Last()
			v, err := d.See(ctx, who, code)
			if !yield(v, err) || err != nil {
				return
			}
			if err := d.await(ctx, code, last, v.next()); err != nil {
				yield(View{}, err)
				return
			}
		}
	}
}

// await waits for the next event about code after seq, or for at.
func (d *Desk) await(ctx context.Context, code string, seq int64, at time.Time) error {
	wait := ctx
	if !at.IsZero() {
		var stop context.CancelFunc
		wait, stop = context.WithDeadline(ctx, at)
		defer stop()
	}
	for e, err := range d.Ledger.Watch(wait, seq) {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, context.DeadlineExceeded):
			return nil
		case err != nil:
			return err
		case slices.Contains(e.Subjects, code):
			return nil
		}
	}
	return context.Cause(ctx)
}

// next is when time alone will change the request; zero for never.
func (v View) next() time.Time {
	if v.Grant != nil {
		if v.Grant.Over(v.Now) != "" {
			return time.Time{}
		}
		if v.Now.Before(v.Grant.NotBefore) && v.Grant.NotBefore.Before(v.Grant.Until()) {
			return v.Grant.NotBefore
		}
		return v.Grant.Until()
	}
	var at time.Time
	for _, s := range v.Status.Stages {
		if s.Phase == policy.Pending && (at.IsZero() || s.Answer.Before(at)) {
			at = s.Answer
		}
	}
	return at
}
