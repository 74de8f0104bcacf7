package approvals

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// madeKey names a request so that the newest comes first.
func madeKey(q *policy.Request) string {
	return fmt.Sprintf("made/%019d/%s", math.MaxInt64-q.At.UnixNano(), q.ID)
}

// newest calls fn for every request there ever was, the newest first, after
// the one with the key ("" from the first), until fn wants no more.
func newest(tx *ledger.Tx, after string, fn func(code string) (more bool, err error)) error {
	return tx.Scan("made/", func(key string, raw json.RawMessage) (bool, error) {
		if key <= after {
			return true, nil
		}
		var code string
		if err := json.Unmarshal(raw, &code); err != nil {
			return false, err
		}
		return fn(code)
	})
}

// History lists requests that who may see, ended ones too, newest first, at
// most n, those made before the one with the code ("" from the newest).
func (d *Desk) History(ctx context.Context, who policy.Principal, before string, n int) (all []View, err error) {
	if before != "" && !ValidCode(before) {
		return nil, ErrUnknown
	}
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		all = nil
		ask, err := d.Question(tx, who, policy.See, nil)
		if err != nil {
			return err
		}
		after := ""
		if before != "" {
			v, err := d.Whole(tx, who, before)
			if err != nil {
				return err
			}
			after = madeKey(v.Request)
		}
		return newest(tx, after, func(code string) (bool, error) {
			if len(all) >= n {
				return false, nil
			}
			v, err := view(tx, tx.Get, code)
			if err != nil {
				return false, err
			}
			ask.Request = v.Request
			ok := false
			if v.eyes, ok = d.eyes(ask); ok {
				all = append(all, v.For(who))
			}
			return len(all) < n, nil
		})
	})
	return all, err
}

// An Asking is a request of the past, as a policy can be asked about it again.
type Asking struct {
	Code   string           `json:"code"`
	At     time.Time        `json:"at"`
	Who    policy.Principal `json:"who"`
	Do     []policy.Action  `json:"do"`
	On     string           `json:"on"`
	Login  string           `json:"login"`
	To     []string         `json:"to,omitempty"`   // where tunnels were to end
	From   string           `json:"from,omitempty"` // address; "" unknown
	Reason policy.Reason    `json:"reason"`
	For    time.Duration    `json:"for"`
	Rule   string           `json:"rule"`
	Stages []policy.Stage   `json:"stages"`
	Phase  policy.Phase     `json:"phase"`

	Emergency bool `json:"emergency,omitempty"` // the glass was broken
}

// Asked lists every request since then, for `policy replay` and `policy explain`.
func (d *Desk) Asked(ctx context.Context, since time.Time) (all []Asking, err error) {
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		all = nil
		return newest(tx, "", func(code string) (bool, error) {
			r, q, err := load(tx.Get, code)
			if err != nil || q.At.Before(since) {
				return false, err
			}
			all = append(all, Asking{
				Code: q.ID, At: q.At, Who: q.Who, Do: q.Actions, On: q.Target, Login: q.Login, To: q.To, From: r.From, Reason: q.Need.Reason,
				For: q.For, Rule: q.Rule, Stages: q.Stages, Phase: q.Tally(tx.Now()).Phase, Emergency: q.Emergency,
			})
			return true, nil
		})
	})
	return all, err
}
