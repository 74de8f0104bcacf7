package charter

import (
	"context"
	"slices"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// End takes a motion back, or ends what it made so where one person may. Of a
// customer's settings that ends the notice; their quorum stands until others are signed.
func (c *Charter) End(ctx context.Context, who policy.Principal, id, why string) (v View, err error) {
	if err := statement.Clean(why); err != nil || len(why) > textMost {
		return View{}, refuse("a reason is plain text on one line of at most %d bytes", textMost)
	}
	err = c.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		r, m, who, err := c.ask(tx, who, id)
		if err != nil {
			return err
		}
		if d := c.Policy().Decide(policy.Question{Now: tx.Now(), Who: who, Do: policy.End, Motion: m}); d.Verdict != policy.Allow {
			return refused(d)
		}
		if err := c.end(tx, r, m, ending{by: who.ID, why: why}); err != nil {
			return err
		}
		v, err = c.view(tx, id)
		return err
	})
	return v, err
}

// An ending is who ends a motion and why; motion is the later one that does.
type ending struct{ by, why, motion string }

// end takes an open motion back, or ends one that passed.
func (c *Charter) end(tx *ledger.Tx, r row, m *policy.Motion, e ending) error {
	detail := map[string]string{"motion-sha256": r.digest()}
	if e.motion != "" {
		detail["by-motion"] = e.motion
	}
	seq, err := tx.Append(event("ended", e.by, m, detail, map[string]string{"why": e.why}))
	if err != nil {
		return err
	}
	r.Ended, r.EndedBy, r.Trail = tx.Now(), e.by, append(slices.Clone(r.Trail), seq)
	if r.Phase == "" {
		r.Phase, r.At = policy.Withdrawn, r.Ended
	}
	if err := tx.Delete(openKey(m.ID)); err != nil {
		return err
	}
	if e.motion != "" || m.Kind != policy.ToSet {
		if err := c.release(tx, m); err != nil {
			return err
		}
	}
	if err := tx.Put(motionKey(m.ID), r); err != nil {
		return err
	}
	m.Ended, m.EndedBy = r.Ended, r.EndedBy
	if r.Phase == policy.Withdrawn {
		return nil // it never was so
	}
	return c.effect(tx, m)
}

// Sweep closes the motions whose time to be signed is up. Nothing rests on it:
// what is late does not count. Call it now and then.
func (c *Charter) Sweep(ctx context.Context) error {
	late := func(tx *ledger.Tx) (all []string, err error) {
		open, err := ids(tx, openKey(""))
		if err != nil {
			return nil, err
		}
		for _, id := range open {
			r, err := load(tx.Get, id)
			if err != nil {
				return nil, err
			}
			m, err := r.motion()
			if err != nil {
				return nil, err
			}
			if !tx.Now().Before(m.At.Add(m.Stage.Expires)) {
				all = append(all, id)
			}
		}
		return all, nil
	}
	any := false
	err := c.Ledger.View(ctx, func(tx *ledger.Tx) error {
		found, err := late(tx)
		any = len(found) > 0
		return err
	})
	if err != nil || !any {
		return err
	}
	return c.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		found, err := late(tx)
		if err != nil {
			return err
		}
		for _, id := range found {
			r, err := load(tx.Verified, id)
			if err != nil {
				return err
			}
			m, err := r.motion()
			if err != nil {
				return err
			}
			if err := c.close(tx, r, m, policy.Expired); err != nil {
				return err
			}
		}
		return nil
	})
}
