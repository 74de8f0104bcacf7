package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
)

func sessionKey(id string) string          { return "session/" + id }
func openKey(id string) string             { return "open/" + id } // sessions that have not ended
func ofKey(request, session string) string { return "of/" + request + "/" + session }

// A stay is a session and the events that carry its begin, its turns and its end.
type stay struct {
	recorder.Session
	Opened int64  `json:"opened"`
	Turns  []turn `json:"turns,omitempty"`
	Closed int64  `json:"closed,omitempty"` // 0 while it lasts

	Deeds *approvals.Deeds `json:"deeds,omitempty"` // once it has ended
	Gone  int64            `json:"gone,omitempty"`  // the event that erased who it was, and the deeds
	Left  bool             `json:"left,omitempty"`  // what it started on the target may run on: nobody looks

	Frozen []order `json:"frozen,omitempty"` // by people, one of each side
	Stop   *order  `json:"stop,omitempty"`   // somebody ended it

	Sealed  []string      `json:"sealed,omitempty"`  // those whose keys open the recording, see sealedTo
	Keep    time.Duration `json:"keep,omitempty"`    // of the recording, after its end; 0: for ever
	Until   time.Time     `json:"until,omitzero"`    // Ended + Keep
	Hold    *order        `json:"hold,omitempty"`    // keeps it beyond that
	Erased  time.Time     `json:"erased,omitzero"`   // when its key was destroyed
	Why     string        `json:"why,omitempty"`     // of Erased
	Remarks int           `json:"remarks,omitempty"` // that were made on it
}

// An order is what a person decided about a session or its recording.
type order struct {
	By  policy.Principal `json:"by"`
	At  time.Time        `json:"at"`
	Why string           `json:"why,omitempty"`
}

// side is whose matter a person decides: a customer's, or ("") the house's.
func (o order) side() string {
	if o.By.Kind == policy.Reviewer {
		return o.By.Customer
	}
	return ""
}

// A turn is where a session went on under a grant that extends the one before.
type turn struct {
	Grant string `json:"grant"`
	Seq   int64  `json:"seq"` // of session.extended
}

// grants are those that the session was under, in order.
func (s stay) grants() []string {
	all := []string{s.Request}
	for _, t := range s.Turns {
		all = append(all, t.Grant)
	}
	return all
}

// extend stores that a session goes on under another grant, with its event.
func extend(tx *ledger.Tx, session string, g *policy.Grant, keep time.Duration) error {
	var s stay
	if ok, err := tx.Get(sessionKey(session), &s); err != nil || !ok {
		return errors.Join(err, fmt.Errorf("load session %s", session))
	}
	seq, err := tx.Append(ledger.Event{
		Kind: "session.extended", Actor: s.Who.ID, Subjects: slices.Concat([]string{s.ID, g.Extends, g.ID, s.Target}, s.Customers), Customers: s.Customers,
		Detail: map[string]string{"from": g.Extends, "to": g.ID, "login": s.Login, "not-after": g.NotAfter.Format(time.RFC3339Nano), "keep": kept(shorter(s.Keep, keep))},
	})
	if err != nil {
		return err
	}
	s.Turns, s.Keep = append(s.Turns, turn{g.ID, seq}), shorter(s.Keep, keep)
	if err := tx.Put(ofKey(g.ID, s.ID), s.ID); err != nil {
		return err
	}
	return tx.Put(sessionKey(s.ID), s)
}

// unnamed is why a session ended, for the logs of all customers whom it
// concerned: who of one of them ended it is not for the others;
// with always, of any session.
func unnamed(s recorder.Session, always bool) string {
	for _, why := range []string{"the grant was revoked", wasEnded, wasFrozen} {
		if (always || len(s.Customers) > 1) && strings.HasPrefix(s.Cause, why) {
			return why
		}
	}
	return s.Cause
}

// open stores a session that begins.
func open(tx *ledger.Tx, s stay) error {
	if err := tx.Put(openKey(s.ID), s.ID); err != nil {
		return err
	}
	if err := tx.Put(ofKey(s.Request, s.ID), s.ID); err != nil {
		return err
	}
	return tx.Put(sessionKey(s.ID), s)
}

// shut stores a session that has ended, with its event.
func shut(tx *ledger.Tx, s recorder.Session, detail map[string]string, deeds *approvals.Deeds) error {
	var was stay
	if _, err := tx.Get(sessionKey(s.ID), &was); err != nil {
		return err
	}
	was.Request = s.Request
	if err := tx.Delete(openKey(s.ID)); err != nil {
		return err
	}
	if deeds != nil {
		var err error
		if detail["deeds"], err = deeds.Commit(); err != nil {
			return err
		}
	}
	seq, err := tx.Append(ledger.Event{
		Kind: "session.close", Actor: s.Who.ID, Detail: detail, Private: map[string]string{"cause": unnamed(s, false)},
		Subjects: slices.Concat([]string{s.ID}, was.grants(), []string{s.Target}, s.Customers), Customers: s.Customers,
	})
	if err != nil {
		return err
	}
	was.Session, was.Closed, was.Deeds, was.Frozen, was.Left = s, seq, deeds, nil, detail["left"] != ""
	if was.Keep > 0 {
		was.Until = s.Ended.Add(was.Keep)
	}
	if err := was.due(tx); err != nil {
		return err
	}
	return tx.Put(sessionKey(s.ID), was)
}

// Recover closes what a crash left open: it repairs the recordings and writes
// down the end of every session that has none. It runs before any door opens.
func (g *Gateway) Recover(ctx context.Context) error {
	if err := g.settle(ctx); err != nil {
		return fmt.Errorf("read the end of the log: %w", err)
	}
	found, err := g.Shelf.Recover()
	if err != nil {
		return fmt.Errorf("recover recordings: %w", err)
	}
	roots := map[string]recorder.Recovered{}
	for _, r := range found {
		roots[r.Session.ID] = r
		if r.Err != nil {
			g.Report(fmt.Errorf("recover recording %s: %w", r.Session.ID, r.Err))
		}
	}
	return g.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		left, err := scan(tx, openKey(""))
		if err != nil {
			return err
		}
		for _, id := range left {
			var s recorder.Session
			if _, err := tx.Get(sessionKey(id), &s); err != nil {
				return err
			}
			r := roots[id]
			s.Ended, s.Cause, s.Root = tx.Now(), "the gateway stopped; the recording was recovered", r.Root
			if r.Lost || r.Root == "" {
				s.Cause = "the gateway stopped; the recording could not be recovered"
			}
			if err := shut(tx, s, map[string]string{"root": s.Root, "recovered": "true"}, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

func scan(tx *ledger.Tx, prefix string) (ids []string, err error) {
	err = tx.Scan(prefix, func(_ string, raw json.RawMessage) (bool, error) {
		var id string
		err := json.Unmarshal(raw, &id)
		ids = append(ids, id)
		return true, err
	})
	return ids, err
}

// A Past is a session as a timeline tells of it.
type Past struct {
	recorder.Session
	Left bool `json:"left,omitempty"` // it has ended, and what it started on the target may run on
}

// SessionsOf lists the sessions under a request for those who may see it, oldest first.
func (g *Gateway) SessionsOf(ctx context.Context, who policy.Principal, code string) (all []Past, err error) {
	v, err := g.Desk.See(ctx, who, code)
	if err != nil {
		return nil, err
	}
	err = g.Ledger.View(ctx, func(tx *ledger.Tx) error {
		ids, err := scan(tx, ofKey(code, ""))
		for _, id := range ids {
			var s Past
			if _, err := tx.Get(sessionKey(id), &s); err != nil {
				return err
			}
			if who.Kind == policy.Reviewer {
				s.Cause, s.Customers = unnamed(s.Session, false), []string{who.Customer}
				if v.Grant != nil && !v.Grant.Revoked.IsZero() && !s.Ended.IsZero() && !s.Ended.Before(v.Grant.Revoked) {
					s.Cause = v.Grant.Over(v.Now) // it names nobody of another customer
				}
			}
			all = append(all, s)
		}
		return err
	})
	slices.SortFunc(all, func(a, b Past) int { return a.Began.Compare(b.Began) })
	return all, err
}

// may loads a session, and asks whether who may do that to it. Who may not even
// see it gets approvals.ErrUnknown, as for a session that is not there.
func (g *Gateway) may(tx *ledger.Tx, who policy.Principal, session string, do policy.Action) (s stay, d policy.Decision, err error) {
	if !ValidSession(session) {
		return s, d, approvals.ErrUnknown
	}
	if ok, err := tx.Get(sessionKey(session), &s); err != nil {
		return s, d, err
	} else if !ok {
		return s, d, approvals.ErrUnknown
	}
	v, err := g.Desk.Whole(tx, who, s.Request)
	if err != nil {
		return s, d, err
	}
	q, err := g.Desk.Question(tx, who, do, v.Request)
	if err != nil {
		return s, d, fmt.Errorf("find whose deputy %s is: %w", who.ID, err)
	}
	return s, g.Desk.Policy().Decide(q), nil
}

// Look decides whether who may see the recording of a session, and writes the
// look down before it gives the session out. Who may not gets
// approvals.ErrUnknown, as for a session that is not there.
func (g *Gateway) Look(ctx context.Context, who policy.Principal, session, purpose string) (s recorder.Session, err error) {
	err = g.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		held, d, err := g.may(tx, who, session, policy.Replay)
		switch {
		case err != nil:
			return err
		case d.Verdict != policy.Allow:
			return approvals.ErrUnknown
		}
		s = held.Session
		_, err = tx.Append(ledger.Event{
			Kind: "session.looked-at", Actor: who.ID, Subjects: slices.Concat([]string{s.ID, s.Request}, s.Customers), Customers: s.Customers,
			Private: map[string]string{"purpose": purpose},
		})
		return err
	})
	if err != nil {
		return recorder.Session{}, err
	}
	return s, nil
}

// ValidSession says whether id is written as a session id is.
func ValidSession(id string) bool {
	return len(id) == 26 && strings.Trim(id, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == ""
}

// Receipt makes the receipt of a request, with its sessions, for those who may see it.
func (g *Gateway) Receipt(ctx context.Context, who policy.Principal, code string) (approvals.Receipt, error) {
	return g.Desk.Receipt(ctx, who, code, heldUnder)
}

// Digests makes the digest of the last week, once it is Monday morning in the zone.
func (g *Gateway) Digests(ctx context.Context, zone *time.Location) error {
	return g.Desk.Digests(ctx, zone, heldUnder)
}

// heldUnder lists the sessions under a grant, each from where it came under it to
// where it went on under the next, or closed.
func heldUnder(tx *ledger.Tx, grant string) (all []approvals.Held, err error) {
	ids, err := scan(tx, ofKey(grant, ""))
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		var s stay
		if _, err := tx.Get(sessionKey(id), &s); err != nil {
			return nil, err
		}
		h := approvals.Held{Session: s.Session, Deeds: s.Deeds, Gone: s.Gone, Open: s.Opened, Close: s.Closed}
		i := slices.Index(s.grants(), grant)
		if i > 0 {
			h.Open = s.Turns[i-1].Seq
		}
		if i >= 0 && i < len(s.Turns) {
			h.Next = s.Turns[i].Seq
		}
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b approvals.Held) int { return cmp.Compare(a.Open, b.Open) })
	return all, nil
}

// NoteLook writes down that a recording is opened on the gateway's own machine
// by who may read its keys, and what for: did is "played", or what was exported.
// The engineer and the customers concerned can see it.
func (g *Gateway) NoteLook(ctx context.Context, actor, session, purpose, did string) error {
	if !ValidSession(session) {
		return approvals.ErrUnknown
	}
	return g.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		var s recorder.Session
		if ok, err := tx.Get(sessionKey(session), &s); err != nil {
			return err
		} else if !ok {
			return approvals.ErrUnknown
		}
		_, err := tx.Append(ledger.Event{
			Kind: "session.looked-at", Actor: actor, Subjects: slices.Concat([]string{s.ID, s.Request}, s.Customers), Customers: s.Customers,
			Detail: map[string]string{"where": "the gateway's own machine", "did": did}, Private: map[string]string{"purpose": purpose},
		})
		return err
	})
}
