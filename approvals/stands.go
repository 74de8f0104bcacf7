package approvals

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// Standing proves that the grant with this code rests on valid votes: every
// row is the one that the log committed to, every vote's signature holds over
// the request as it was made, those who voted could vote then and still may,
// and the grant is no wider than what they signed and who asked accepted. Nil
// means that it does. now is the time of tx.
func (d *Desk) Standing(tx *ledger.Tx, code string) (*policy.Grant, error) {
	r, q, err := load(tx.Verified, code)
	if err != nil {
		return nil, err
	}
	g, err := loadGrant(tx.Verified, code)
	if err != nil {
		return nil, err
	}
	if g == nil {
		return nil, fmt.Errorf("request %s has no grant", code)
	}
	withdrawn := q.Withdrawn
	q.Votes, q.Withdrawn = nil, time.Time{} // as it was made
	broken := d.trust(tx).holding(q, r.digest(), r.Votes)
	q.Withdrawn = withdrawn
	broken = append(broken, d.seated(tx, q)...)
	broken = append(broken, supports(q, g), r.accepts(g), follows(tx, g), opened(tx, q))
	return g, errors.Join(broken...)
}

// trust is what this desk believes: what the ledger proves now.
func (d *Desk) trust(tx *ledger.Tx) Trust {
	t := Trust{
		Log: d.Log, Party: d.Party, seen: &d.seen,
		Key:    func(f string) (statement.Key, string, error) { return d.People.Passkey(tx, f) },
		Pinned: func(s policy.Stage, f string, _ int64) (bool, error) { return d.People.Pinned(tx, s, f) }, // and not only then
	}
	if d.Charter == nil {
		return t
	}
	t.Delegation = func(v policy.Vote) (*policy.Motion, error) { return d.Charter.ProvenAt(tx, v.Delegation, v.At, v.Seq) }
	t.Stands = func(v policy.Vote, q *policy.Request) (*policy.Motion, error) {
		m, err := d.Charter.ProvenAt(tx, v.Standing, v.At, v.Seq)
		if err != nil || m.Kind != policy.ToInstruct {
			return m, err
		}
		used, err := d.Charter.Used(tx, m.ID, q.ID)
		if err == nil && !used {
			err = fmt.Errorf("instruction %s was not used for request %s", m.ID, q.ID)
		}
		return m, err
	}
	return t
}

// seated leaves out the votes of people who may not answer for their stage any
// more, and of deputies of such people. It says what could not be found out.
func (d *Desk) seated(tx *ledger.Tx, q *policy.Request) (broken []error) {
	q.Votes = slices.DeleteFunc(q.Votes, func(v policy.Vote) bool {
		if v.Verdict != policy.Yes || v.Standing != "" {
			return false
		}
		voter := v.By
		if v.Behalf != "" {
			voter = policy.Principal{ID: v.Behalf}
		}
		now, err := d.current(tx, voter)
		if err != nil {
			broken = append(broken, fmt.Errorf("vote of %s: %w", v.By.ID, err))
			return true
		}
		return !d.Policy().Fills(now, q.Tally(v.At).Stages[v.Stage], v.At)
	})
	return broken
}

// accepts says whether who asked promised what the grant says they did.
func (r row) accepts(g *policy.Grant) error {
	switch {
	case g.Accepted.IsZero():
		return nil // policy lets nobody in without
	case !g.Accepted.Equal(r.Accepted.At) || promised(g.Promises) != r.Accepted.Promises:
		return fmt.Errorf("what grant %s asks to be promised was not accepted", g.ID)
	}
	return nil
}

// supports says whether the votes that hold give what the grant gives.
func supports(q *policy.Request, g *policy.Grant) error {
	s := q.Tally(g.Made)
	start := g.Made
	if s.NotBefore.After(start) {
		start = s.NotBefore
	}
	switch {
	case s.Phase != policy.Approved:
		return fmt.Errorf("grant %s rests on a request that is %s", g.ID, s.Phase)
	case g.ID != q.ID || g.Who.ID != q.Who.ID || g.Target != q.Target || g.Login != q.Login || g.Reason != q.Need.Reason || g.Machine != q.Machine:
		return fmt.Errorf("grant %s is not the one that was asked for", g.ID)
	case g.For > s.For || !g.Activated.IsZero() && g.NotAfter.Sub(g.Activated) > s.For || g.ActivateBefore.Sub(start) > q.ActivateWithin:
		return fmt.Errorf("grant %s is longer than what was approved", g.ID)
	case g.NotBefore.Before(s.NotBefore) || !inTime(g):
		return fmt.Errorf("grant %s was not started in its time", g.ID)
	case g.Extends != "" && g.Extends != q.Extends, g.Spent < 0, g.Spent+g.For > policy.HardMax, g.Extends == "" && g.Spent != 0:
		return fmt.Errorf("grant %s goes on from what was not asked for, or for too long", g.ID)
	case q.Emergency != g.Emergency || q.Emergency && (g.For > policy.GlassMost || g.Extends != ""):
		return fmt.Errorf("grant %s is for an emergency, and longer than one lasts, or it is none", g.ID)
	case !asksAll(q):
		return fmt.Errorf("request %s did not ask every customer that it concerns", q.ID)
	case !subset(g.Actions, s.Actions) || !subset(g.Customers, q.Customers) || !subset(g.To, q.To):
		return fmt.Errorf("grant %s is wider than what was approved", g.ID)
	case s.Watched && !g.Watched:
		return fmt.Errorf("grant %s leaves out that somebody must watch", g.ID)
	case !subset(s.Promises, g.Promises):
		return fmt.Errorf("grant %s leaves out what was to be promised", g.ID)
	case !sameStages(g.Stages, q.Stages):
		return fmt.Errorf("grant %s names other stages than were passed", g.ID)
	}
	return nil
}

// inTime says whether the clock of a grant was started when it could be. That
// of one that goes on from another starts where the other's ends.
func inTime(g *policy.Grant) bool {
	switch {
	case g.Activated.IsZero():
		return g.Sessions == 0
	case g.Activated.Before(g.Made) || g.Activated.Before(g.NotBefore):
		return false
	case g.Extends != "":
		return true
	case len(g.Promises) > 0 && (g.Accepted.IsZero() || g.Accepted.Before(g.Made) || g.Activated.Before(g.Accepted)):
		return false
	}
	return g.Activated.Before(g.ActivateBefore)
}

func sameStages(a, b []policy.Stage) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// asksAll says whether every customer concerned has a stage of its own. In an
// emergency a second person is asked instead, and customers are told.
func asksAll(q *policy.Request) bool {
	if q.Emergency {
		return slices.ContainsFunc(q.Stages, func(s policy.Stage) bool { return s.Kind == policy.ByGlass && s.Count >= 1 })
	}
	return !slices.ContainsFunc(q.Customers, func(c string) bool {
		return !slices.ContainsFunc(q.Stages, func(s policy.Stage) bool {
			return s.Kind == policy.ByCustomer && s.Customer == c && s.Count >= 1
		})
	})
}

func subset[T comparable](part, whole []T) bool {
	return !slices.ContainsFunc(part, func(x T) bool { return !slices.Contains(whole, x) })
}
