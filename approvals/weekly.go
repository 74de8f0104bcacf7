package approvals

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A Weekly is a digest for those who may read it, and who signed that they have.
type Weekly struct {
	Digest
	SHA256  string
	Made    time.Time
	Reviews []Reviewed
}

// Reviewed is that an executive read a digest.
type Reviewed struct {
	By     policy.Principal
	At     time.Time
	Motion string
}

// WeeklyIn gives the digest of a week to those who may read the whole log, and ErrUnknown to everybody else.
func (d *Desk) WeeklyIn(tx *ledger.Tx, who policy.Principal, week string) (w Weekly, err error) {
	if !ValidWeek(week) || !d.readsDigests(tx, who) {
		return Weekly{}, ErrUnknown
	}
	return d.weekly(tx, week)
}

func (d *Desk) readsDigests(tx *ledger.Tx, who policy.Principal) bool {
	return d.Policy().Decide(policy.Question{Now: tx.Now(), Who: who, Do: policy.ReadLog}).Verdict == policy.Allow
}

func (d *Desk) weekly(tx *ledger.Tx, week string) (w Weekly, err error) {
	var kept weekly
	if ok, err := tx.Verified(digestKey(week), &kept); err != nil {
		return Weekly{}, err
	} else if !ok {
		return Weekly{}, ErrUnknown
	}
	if err := strict(kept.Body, &w.Digest); err != nil {
		return Weekly{}, fmt.Errorf("read the digest of %s: %w", week, err)
	}
	w.SHA256, w.Made = kept.sha256(), kept.Made
	if d.Charter == nil {
		return w, nil
	}
	done, err := d.Charter.Reviews(tx, week, w.SHA256)
	for _, r := range done {
		w.Reviews = append(w.Reviews, Reviewed(r))
	}
	return w, err
}

// DigestHash is what a motion to review the digest of a week is about.
func (d *Desk) DigestHash(tx *ledger.Tx, week string) (string, error) {
	w := weekly{}
	if !ValidWeek(week) {
		return "", refuse("a week is written as 2026-W47")
	}
	ok, err := tx.Verified(digestKey(week), &w)
	if err == nil && !ok {
		err = refuse("there is no digest of %s", week)
	}
	return w.sha256(), err
}

// Weeks lists the weeks of which there is a digest, the newest first, at most n.
func (d *Desk) Weeks(ctx context.Context, who policy.Principal, n int) (all []Weekly, err error) {
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		all = nil
		if !d.readsDigests(tx, who) {
			return ErrUnknown
		}
		var weeks []string
		err := tx.Scan(digestKey(""), func(key string, _ json.RawMessage) (bool, error) {
			weeks = append(weeks, key[len(digestKey("")):])
			return true, nil
		})
		for _, week := range slices.Backward(weeks) {
			if err != nil || len(all) >= n {
				break
			}
			var w Weekly
			if w, err = d.weekly(tx, week); err == nil {
				all = append(all, w)
			}
		}
		return err
	})
	return all, err
}
