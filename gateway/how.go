package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
)

var (
	errNoReader = errors.New("the rule seals recordings to nobody who has a key here, so no session is opened; operators set auditors or seal_to in the policy, or seal to the vault")
	errStrict   = errors.New("recordings can only just be kept, and the rule is strict; try again later")
	errReaders  = errors.New("this is recorded for other readers than the session is; connect again")
)

// how is the way in which a session is recorded that reaches some customers, by a rule's word.
func how(p *policy.Policy, r policy.Recording, customers []string) (h recorder.How, err error) {
	seal := r.Seal
	if seal == 0 {
		seal = policy.ToVault
	}
	h.NotVault, h.Strict = seal&policy.ToVault == 0, r.Strict
	if seal&policy.ToAuditor != 0 {
		h.Readers = append(h.Readers, p.Auditors...)
	}
	if seal&policy.ToCustomer != 0 && len(customers) == 1 {
		h.Readers = append(h.Readers, p.Customers[customers[0]].SealTo...)
	}
	slices.Sort(h.Readers)
	h.Readers = slices.Compact(h.Readers)
	if h.NotVault && len(h.Readers) == 0 {
		return recorder.How{}, errNoReader
	}
	return h, nil
}

// Those to whom recordings are sealed, as the log names them.
const (
	toVault    = "vault"
	toAuditor  = "auditor"
	toCustomer = "customer"
)

// sealedTo names those whose keys open what is recorded in that way.
func sealedTo(p *policy.Policy, r policy.Recording, customers []string) (to []string) {
	if r.Seal == 0 || r.Seal&policy.ToVault != 0 {
		to = append(to, toVault)
	}
	if r.Seal&policy.ToAuditor != 0 && len(p.Auditors) > 0 {
		to = append(to, toAuditor)
	}
	if r.Seal&policy.ToCustomer != 0 && len(customers) == 1 && len(p.Customers[customers[0]].SealTo) > 0 {
		to = append(to, toCustomer)
	}
	return to
}

// record opens the recording of a visit. Its error is an *Ending.
func (g *Gateway) record(v *Visit, a Answer) (err error) {
	refuse := func(cause error, why string) error {
		g.Report(fmt.Errorf("open recording %s: %w", v.Session.ID, cause))
		return &Ending{NoRecorder, why}
	}
	p := g.Desk.Policy()
	if v.how, err = how(p, a.Recording, a.Customers); err != nil {
		return refuse(err, err.Error())
	}
	v.how.Emergency = a.Grant.Emergency
	v.sealed = sealedTo(p, a.Recording, a.Customers)
	if v.Recording, err = g.Shelf.Open(v.Session, v.how); err != nil {
		return refuse(err, "the recorder cannot write, so no session is opened; operators see why on the status page")
	}
	return nil
}

// recordable takes back a yes to what cannot be recorded in this visit.
func (v *Visit) recordable(d policy.Decision) policy.Decision {
	if d.Verdict != policy.Allow {
		return d
	}
	h, err := how(v.g.Desk.Policy(), d.Recording, v.Session.Customers)
	switch {
	case err != nil:
	case h.NotVault != v.how.NotVault || !slices.Equal(h.Readers, v.how.Readers):
		err = errReaders
	case h.Strict && v.g.Shelf.Health().Level != recorder.Green:
		err = errStrict
	default:
		return d
	}
	return policy.Decision{Code: policy.ByPolicy, Why: policy.Says("%s", err.Error())}
}

// shorter is the shorter of two times, 0 being for ever.
func shorter(a, b time.Duration) time.Duration {
	if a <= 0 || b > 0 && b < a {
		return max(b, 0)
	}
	return a
}

// kept is how the log says how long a recording is kept.
func kept(keep time.Duration) string {
	if keep == 0 {
		return "for ever"
	}
	return keep.String()
}

// keepFor makes the time shorter that the recording is kept, where what is begun in it says so.
func (v *Visit) keepFor(ctx context.Context, keep time.Duration) error {
	v.mu.Lock()
	was := v.keep
	v.mu.Unlock()
	if keep = shorter(was, keep); keep == was {
		return nil
	}
	err := v.g.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		var s stay
		if ok, err := tx.Get(sessionKey(v.Session.ID), &s); err != nil || !ok {
			return errors.Join(err, fmt.Errorf("load session %s", v.Session.ID))
		}
		s.Keep = shorter(s.Keep, keep)
		if _, err := tx.Append(s.event("recording.keep", "lockbox", map[string]string{"keep": kept(s.Keep)})); err != nil {
			return err
		}
		return tx.Put(sessionKey(s.ID), s)
	})
	if err != nil {
		return fmt.Errorf("fix how long the recording is kept: %w", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.keep = shorter(v.keep, keep)
	return nil
}

// Sick says whether recordings can only just be kept, so that people are warned.
func (g *Gateway) Sick() bool { return g.Shelf.Health().Level == recorder.Amber }

// event is one about a session, for those concerned.
func (s stay) event(kind, actor string, detail map[string]string) ledger.Event {
	return ledger.Event{
		Kind: kind, Actor: actor, Subjects: slices.Concat([]string{s.ID, s.Request}, s.Customers), Customers: s.Customers, Detail: detail,
	}
}
