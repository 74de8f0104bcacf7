package charter

import (
	"errors"
	"slices"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A Review is that somebody has read the digest of a week.
type Review struct {
	By     policy.Principal
	At     time.Time
	Motion string // its code
}

// checkReview fills in what was read. Once is enough.
func (c *Charter) checkReview(tx *ledger.Tx, m *policy.Motion) (err error) {
	if c.Digest == nil {
		return refuse("there is no digest of %q", m.About)
	}
	if m.Config, err = c.Digest(tx, m.About); err != nil {
		return err
	}
	done, err := c.Reviews(tx, m.About, m.Config)
	if err == nil && slices.ContainsFunc(done, func(r Review) bool { return r.By.ID == m.By.ID }) {
		err = refuse("you have signed already that you have read this")
	}
	return err
}

// Reviews lists who signed that they have read the digest of a week, the first
// of them first, each proven.
func (c *Charter) Reviews(tx *ledger.Tx, week, digest string) (all []Review, err error) {
	held, err := ids(tx, heldKey(policy.ToReview, week, ""))
	if err != nil {
		return nil, err
	}
	for _, id := range held {
		m, err := c.Proven(tx, id)
		if errors.Is(err, ledger.ErrTampered) {
			return nil, err
		}
		if err != nil || m.Kind != policy.ToReview || m.About != week || m.Config != digest {
			continue
		}
		all = append(all, Review{m.By, m.Tally(tx.Now()).At, m.ID})
	}
	slices.SortFunc(all, func(a, b Review) int { return a.At.Compare(b.At) })
	return all, nil
}
