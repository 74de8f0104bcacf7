package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// Kinds of events by which people hold a session back, let it go on, or end it.
const (
	evFrozen = "session.frozen-by"
	evThawed = "session.thawed"
	evEnded  = "session.ended-by"
)

// whyMost is how long a reason may be, in characters.
const whyMost = 1000

func refuse(format string, args ...any) error {
	return &approvals.Refusal{Code: policy.ByPolicy, Why: fmt.Sprintf(format, args...)}
}

// reason checks why somebody does something.
func reason(why string, needed bool) error {
	switch why = strings.TrimSpace(why); {
	case needed && why == "":
		return refuse("say why")
	case utf8.RuneCountInString(why) > whyMost || statement.Clean(why) != nil:
		return refuse("a reason is plain text on one line of at most %d characters", whyMost)
	}
	return nil
}

// Freeze holds an open session back in both directions until somebody who may
// lets it go on, for at most FreezeMost; then it ends.
func (g *Gateway) Freeze(ctx context.Context, who policy.Principal, session, why string) error {
	return g.order(ctx, who, session, policy.Freeze, why, func(s *stay, o order) (string, error) {
		if slices.ContainsFunc(s.Frozen, func(f order) bool { return f.side() == o.side() }) {
			return "", refuse("it is frozen already")
		}
		s.Frozen = append(s.Frozen, o)
		return evFrozen, nil
	})
}

// Thaw lets a session go on that a person froze. What a customer froze only
// that customer lets go on, and nobody else's freeze.
func (g *Gateway) Thaw(ctx context.Context, who policy.Principal, session string) error {
	return g.order(ctx, who, session, policy.Freeze, "", func(s *stay, o order) (string, error) {
		n := len(s.Frozen)
		s.Frozen = slices.DeleteFunc(s.Frozen, func(f order) bool { return f.side() == o.side() })
		switch {
		case n == 0:
			return "", refuse("it is not frozen by anybody")
		case len(s.Frozen) == n:
			return "", refuse("somebody else froze it, and only they let it go on")
		}
		return evThawed, nil
	})
}

// EndSession ends one open session; the grant stays.
func (g *Gateway) EndSession(ctx context.Context, who policy.Principal, session, why string) error {
	return g.order(ctx, who, session, policy.Revoke, why, func(s *stay, o order) (string, error) {
		if s.Stop != nil {
			return "", refuse("the session is ending already")
		}
		s.Stop = &o
		return evEnded, nil
	})
}

// order writes down what somebody who may decided about an open session. When it
// returns, the session does so, where it is held here.
func (g *Gateway) order(ctx context.Context, who policy.Principal, session string, do policy.Action, why string, change func(*stay, order) (kind string, err error)) error {
	if err := reason(why, false); err != nil {
		return err
	}
	var e ledger.Event
	err := g.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		s, d, err := g.may(tx, who, session, do)
		switch {
		case err != nil:
			return err
		case d.Verdict != policy.Allow:
			return &approvals.Refusal{Code: d.Code, Why: d.Why.String()}
		case !s.Ended.IsZero():
			return refuse("the session is over")
		}
		o := order{By: who, At: tx.Now(), Why: strings.TrimSpace(why)}
		o.By.Groups = nil
		kind, err := change(&s, o)
		if err != nil {
			return err
		}
		e = s.told(kind, o)
		_, err = tx.Append(e)
		return errors.Join(err, tx.Put(sessionKey(session), s))
	})
	if err != nil {
		return err
	}
	if v := g.visit(session); v != nil {
		v.obey(e)
	}
	return nil
}

// told is the event of an order. Who of one customer gave it, and why, is not for another.
func (s stay) told(kind string, o order) ledger.Event {
	e := s.event(kind, o.By.ID, nil)
	e.Private = map[string]string{"why": o.Why}
	if o.side() != "" {
		e.Private[ledger.Whose] = o.side()
	}
	return e
}

// visit is the one of a session that is open here; nil for none.
func (g *Gateway) visit(session string) *Visit {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.visits[session]
}
