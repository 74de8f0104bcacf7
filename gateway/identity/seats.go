package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// A seat is a passkey in one set: the executives, or a customer's reviewers.
type seat struct {
	kind     policy.Kind
	customer string
	key      string // fingerprint
}

// A turn is a passkey coming into its set, or leaving it, by a motion. Without
// any turn the founders sit.
type turn struct {
	Motion string `json:"motion"`
	In     bool   `json:"in,omitempty"`
	Seq    int64  `json:"seq"` // the event that tells it
}

// turns are those of one set, by fingerprint, oldest first.
type turns map[string][]turn

// atLast is after every event.
const atLast = math.MaxInt64

const turnsPrefix = "pins/turns/" // a prefix of pinsKey's kind, so that their newest version is known

func turnsKey(k policy.Kind, customer string) string {
	if k == policy.Reviewer {
		return turnsPrefix + "customer/" + customer
	}
	return turnsPrefix + string(k)
}

func (d *Directory) turns(tx *ledger.Tx, k policy.Kind, customer string) (t turns, err error) {
	if _, err := tx.Verified(turnsKey(k, customer), &t); err != nil {
		return nil, fmt.Errorf("read pins: %w", err)
	}
	return t, nil
}

// last is the turn that counts when event seq is written; zero when there is none.
func (t turns) last(key string, seq int64) (found turn) {
	for _, u := range t[key] {
		if u.Seq <= seq {
			found = u
		}
	}
	return found
}

// longestBonds is how many passkeys may be counter-signed one by the other.
const longestBonds = 8

// sits says whether the passkey counted when event seq was written: it was
// founded, or admitted by a motion that is proven again now, and not dismissed;
// or one that counted signed for it.
func (d *Directory) sits(tx *ledger.Tx, s seat, seq int64) (bool, error) {
	alone, _, err := d.stands(tx, s, seq)
	if alone || err != nil {
		return alone, err
	}
	_, leans, err := d.leans(tx, s, seq, atLast, longestBonds)
	return leans, err
}

// stands says whether the passkey counted by itself, and which turn says so.
func (d *Directory) stands(tx *ledger.Tx, s seat, seq int64) (bool, turn, error) {
	t, err := d.turns(tx, s.kind, s.customer)
	if err != nil || s.key == "" {
		return false, turn{}, err
	}
	last := t.last(s.key, seq)
	if ended, err := endedBy(tx, s.key, seq); ended || err != nil {
		return false, last, err
	}
	switch {
	case last.Motion == "":
		pins, err := d.founders(tx)
		return err == nil && slices.Contains(pins.of(s.kind, s.customer), s.key), last, err
	case !last.In || d.Charter == nil:
		return false, last, nil
	}
	m, err := d.Charter.Proven(tx, last.Motion)
	if err != nil {
		return false, last, fmt.Errorf("prove who was admitted: %w", err)
	}
	return m.Kind == policy.ToAdmit && m.Key == s.key && s == of(m), last, nil
}

// endedBy says whether the passkey had ended when event seq was written. One that is not enrolled has not.
func endedBy(tx *ledger.Tx, fingerprint string, seq int64) (bool, error) {
	c, err := passkey(tx, fingerprint)
	if r := new(Refusal); errors.As(err, &r) {
		return false, nil
	}
	return err == nil && !c.Ended.IsZero() && c.EndedSeq <= seq, err
}

// leans says whether the passkey counted by a counter-signature older than event
// before: the passkey that made it counted then, and still did.
func (d *Directory) leans(tx *ledger.Tx, s seat, seq, before int64, most int) (statement.Bond, bool, error) {
	var none statement.Bond
	c, err := passkey(tx, s.key)
	if r := new(Refusal); errors.As(err, &r) || most == 0 {
		return none, false, nil
	}
	if err != nil || c.Bond == nil || c.Bond.Seq > seq || c.Bond.Seq >= before || !c.Ended.IsZero() && c.EndedSeq <= seq {
		return none, false, err
	}
	t, err := d.turns(tx, s.kind, s.customer)
	if err != nil || c.Bond.Seq <= t.last(s.key, seq).Seq { // dismissed since
		return none, false, err
	}
	if err := d.proveBond(tx, c); err != nil {
		return none, false, err
	}
	if is, err := c.Bond.Is(); err != nil || is.Kind != string(s.kind) || is.Customer != or(s.customer, "none") {
		return none, false, err
	}
	for _, at := range []int64{c.Bond.Seq, seq} {
		if ok, err := d.carries(tx, seat{s.kind, s.customer, c.Bond.By}, at, c.Bond.Seq, most-1); !ok || err != nil {
			return none, false, err
		}
	}
	return *c.Bond, true, nil
}

// carries says whether a passkey that signed for another counted itself. While a
// copy of it may be about, now, nothing hangs on it.
func (d *Directory) carries(tx *ledger.Tx, s seat, seq, before int64, most int) (bool, error) {
	c, err := passkey(tx, s.key)
	if err != nil || seq == atLast && (!c.Locked.IsZero() || d.copies.has(c.ID)) {
		return false, err
	}
	if alone, _, err := d.stands(tx, s, seq); alone || err != nil {
		return alone, err
	}
	_, leans, err := d.leans(tx, s, seq, before, most)
	return leans, err
}

// Bond is the counter-signature by which alone a passkey was one of those whom
// the stage asks when event seq was written; false where there is none.
func (d *Directory) Bond(tx *ledger.Tx, s policy.Stage, fingerprint string, seq int64) (statement.Bond, bool, error) {
	at, ok := seated(s, fingerprint)
	if !ok {
		return statement.Bond{}, false, nil
	}
	if alone, _, err := d.stands(tx, at, seq); alone || err != nil {
		return statement.Bond{}, false, err
	}
	return d.leans(tx, at, seq, atLast, longestBonds)
}

// of is the seat that a motion to admit or dismiss is about.
func of(m *policy.Motion) seat {
	if m.Customer != "" {
		return seat{policy.Reviewer, m.Customer, m.Key}
	}
	return seat{policy.Executive, "", m.Key}
}

// seated is the seat that a stage asks a passkey for; false where it asks no set.
func seated(s policy.Stage, key string) (seat, bool) {
	switch s.Kind {
	case policy.ByExecutive:
		return seat{policy.Executive, "", key}, true
	case policy.ByCustomer:
		return seat{policy.Reviewer, s.Customer, key}, s.Customer != ""
	}
	return seat{}, false
}

// Pins lists what is pinned now, every admission proven. What was counter-signed
// by these counts as well, and is not among them.
func (d *Directory) Pins(tx *ledger.Tx) (Pins, error) {
	pins, err := d.founders(tx)
	if err != nil {
		return Pins{}, err
	}
	sets := []seat{{kind: policy.Executive}}
	customers := slices.Collect(maps.Keys(pins.Customers))
	err = tx.Scan(turnsPrefix+"customer/", func(key string, _ json.RawMessage) (bool, error) {
		customers = append(customers, strings.TrimPrefix(key, turnsPrefix+"customer/"))
		return true, nil
	})
	for _, c := range slices.Compact(slices.Sorted(slices.Values(customers))) {
		sets = append(sets, seat{kind: policy.Reviewer, customer: c})
	}
	for _, s := range sets {
		keys, e := d.present(tx, s)
		if err != nil || e != nil {
			return Pins{}, fmt.Errorf("read pins: %w", firstOf(err, e))
		}
		pins = pins.with(s.kind, s.customer, keys)
	}
	return pins, nil
}

func firstOf(errs ...error) error {
	i := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	return errs[i]
}

// present lists the passkeys that sit in a set now by themselves, founders first.
func (d *Directory) present(tx *ledger.Tx, s seat) (keys []string, err error) {
	all, err := d.ever(tx, s)
	if err != nil {
		return nil, err
	}
	for _, s.key = range all {
		ok, _, err := d.stands(tx, s, atLast)
		if err != nil {
			return nil, err
		}
		if ok {
			keys = append(keys, s.key)
		}
	}
	return keys, nil
}

// families lists the passkeys of all who ever sat in a set, and those that are to sit.
func (d *Directory) families(tx *ledger.Tx, s seat) (all []string, err error) {
	keys, err := d.ever(tx, s)
	if err != nil {
		return nil, err
	}
	for _, f := range keys {
		family := []string{f}
		c, err := passkey(tx, f)
		if r := new(Refusal); err != nil && !errors.As(err, &r) {
			return nil, err
		} else if err == nil {
			p, err := person(tx, c.Of)
			if err != nil {
				return nil, err
			}
			family = append(family, p.Passkeys...)
		}
		for _, f := range family {
			if !slices.Contains(all, f) {
				all = append(all, f)
			}
		}
	}
	return all, nil
}

// ever lists the passkeys that sat in a set at some time by themselves.
func (d *Directory) ever(tx *ledger.Tx, s seat) ([]string, error) {
	pins, err := d.founders(tx)
	if err != nil {
		return nil, err
	}
	t, err := d.turns(tx, s.kind, s.customer)
	if err != nil {
		return nil, err
	}
	keys := slices.Clone(pins.of(s.kind, s.customer))
	for _, key := range slices.Sorted(maps.Keys(t)) {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// Sat says whether the passkey was one of those whom the stage asks when event
// seq was written.
func (d *Directory) Sat(tx *ledger.Tx, s policy.Stage, fingerprint string, seq int64) (bool, error) {
	at, ok := seated(s, fingerprint)
	if !ok {
		return false, nil
	}
	return d.sits(tx, at, seq)
}

// Admission is the motion by which the passkey sat when event seq was written;
// "" of a founder, and of one that did not sit. It is not proven.
func (d *Directory) Admission(tx *ledger.Tx, s policy.Stage, fingerprint string, seq int64) (string, error) {
	at, ok := seated(s, fingerprint)
	if !ok {
		return "", nil
	}
	t, err := d.turns(tx, at.kind, at.customer)
	if last := t.last(fingerprint, seq); last.In {
		return last.Motion, err
	}
	return "", err
}

// Seats lists the passkeys by which a person sits among those whom the stage
// asks, locked ones too.
func (d *Directory) Seats(tx *ledger.Tx, s policy.Stage, who string) (keys []string, err error) {
	p, err := person(tx, who)
	if err != nil {
		return nil, err
	}
	for _, f := range p.Passkeys {
		ok, err := d.Sat(tx, s, f, atLast)
		if err != nil {
			return nil, err
		}
		if ok {
			keys = append(keys, f)
		}
	}
	return keys, nil
}

// Places is how many people are pinned as a customer's reviewers, those who have
// not enrolled yet too.
func (d *Directory) Places(tx *ledger.Tx, s policy.Stage) (int, error) {
	if s.Kind != policy.ByCustomer {
		return 0, nil
	}
	keys, err := d.present(tx, seat{kind: policy.Reviewer, customer: s.Customer})
	if err != nil {
		return 0, err
	}
	people := map[string]bool{}
	for _, f := range keys {
		r := new(Refusal)
		switch c, err := passkey(tx, f); {
		case errors.As(err, &r):
			people[f] = true
		case err != nil:
			return 0, err
		default:
			people[c.Of] = true
		}
	}
	return len(people), nil
}

// Holder finds the passkey with this fingerprint and whose it is, whatever
// became of it: for what was signed while it counted.
func (d *Directory) Holder(tx *ledger.Tx, fingerprint string) (statement.Key, string, error) {
	c, err := passkey(tx, fingerprint)
	if err != nil {
		return statement.Key{}, "", err
	}
	return c.key(fingerprint)
}
