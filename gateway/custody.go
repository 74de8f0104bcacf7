package gateway

import (
	"context"
	"errors"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A Custody is how long a recording is kept.
type Custody struct {
	Sealed  []string  `json:"sealed,omitempty"`  // whose keys open it: "vault", "auditor", "customer"; none: it is not written down
	Until   time.Time `json:"until,omitzero"`    // when its key is destroyed; zero: never
	Held    string    `json:"held,omitempty"`    // why it is kept beyond that; "": it is not
	By      string    `json:"by,omitempty"`      // who said so
	Ordered string    `json:"ordered,omitempty"` // the motion by which it is to be erased
	Stuck   string    `json:"stuck,omitempty"`   // why it is not destroyed yet, although it should be
	Erased  time.Time `json:"erased,omitzero"`
	Why     string    `json:"why,omitempty"` // of Erased
}

// Custody says how long the recording of a session is kept, to those who may see the session.
func (g *Gateway) Custody(ctx context.Context, who policy.Principal, session string) (c Custody, err error) {
	err = g.Ledger.View(ctx, func(tx *ledger.Tx) error {
		s, d, err := g.may(tx, who, session, policy.See)
		switch {
		case err != nil:
			return err
		case d.Verdict != policy.Allow:
			return approvals.ErrUnknown
		}
		c = Custody{Sealed: s.Sealed, Until: s.Until, Erased: s.Erased, Why: s.Why, Stuck: g.stuck(session)}
		if s.Hold != nil {
			c.Held, c.By = s.Hold.Why, g.Named(s.Hold.By)
		}
		var o approvals.Shred
		_, err = tx.Get(approvals.ShredKey(session), &o)
		c.Ordered = o.Motion
		return err
	})
	return c, err
}

// Keep holds a recording beyond its time, and Release lets that go: by another executive.
func (g *Gateway) Keep(ctx context.Context, who policy.Principal, session, why string) error {
	return g.preserve(ctx, who, session, why, "recording.held", func(tx *ledger.Tx, s *stay, o order) error {
		switch {
		case s.Hold != nil:
			return refuse("the recording is held already")
		case g.shredding(session):
			return refuse("the recording is being destroyed now")
		case s.Until.IsZero():
		default:
			if err := tx.Delete(s.dueKey()); err != nil {
				return err
			}
		}
		s.Hold = &o
		return nil
	})
}

// Release ends a hold; the recording is then kept as long as it would have been.
func (g *Gateway) Release(ctx context.Context, who policy.Principal, session, why string) error {
	return g.preserve(ctx, who, session, why, "recording.released", func(tx *ledger.Tx, s *stay, _ order) error {
		switch {
		case s.Hold == nil:
			return refuse("the recording is not held")
		case s.Hold.By.ID == who.ID:
			return refuse("another executive than the one who holds it lets it go")
		case s.Who.ID == who.ID:
			return refuse("another executive than the one whose session it was lets it go")
		}
		s.Hold = nil
		return s.due(tx)
	})
}

// preserve writes down what an executive decided about a recording.
func (g *Gateway) preserve(ctx context.Context, who policy.Principal, session, why, kind string, change func(*ledger.Tx, *stay, order) error) error {
	if err := reason(why, true); err != nil {
		return err
	}
	return g.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		s, d, err := g.may(tx, who, session, policy.Preserve)
		switch {
		case err != nil:
			return err
		case d.Verdict != policy.Allow:
			return &approvals.Refusal{Code: d.Code, Why: d.Why.String()}
		case !s.Erased.IsZero():
			return refuse("the recording is erased already")
		}
		o := order{By: who, At: tx.Now(), Why: strings.TrimSpace(why)}
		o.By.Groups = nil
		if err := change(tx, &s, o); err != nil {
			return err
		}
		_, err = tx.Append(s.told(kind, o))
		return errors.Join(err, tx.Put(sessionKey(session), s))
	})
}
