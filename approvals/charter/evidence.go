package charter

import (
	"slices"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// A Signature is one that somebody verifies offline: by which passkey, for whom
// it was counted, and the event when that was.
type Signature struct {
	Stage policy.Stage
	Key   string // fingerprint
	Seq   int64
}

// Evidence is what an offline verifier needs of the charter: motions and the
// admissions they rest on, back to founders, and the keys that signed them.
type Evidence struct {
	Cases []Case            `json:"cases,omitempty"`
	Bonds []statement.Bond  `json:"bonds,omitempty"`  // counter-signatures by which passkeys count
	Keys  map[string][]byte `json:"keys,omitempty"`   // PKIX, by fingerprint
	KeyOf map[string]string `json:"key_of,omitempty"` // whose they are
}

// Evidence collects the motions with these codes, and the admissions that they
// and the signatures rest on. The events to prove are Votes[i].Seq and Passed of
// each case, and Seq of each bond.
func (c *Charter) Evidence(tx *ledger.Tx, codes []string, signatures []Signature) (Evidence, error) {
	out := Evidence{Keys: map[string][]byte{}, KeyOf: map[string]string{}}
	queue := slices.Clone(codes)
	for _, s := range signatures {
		ids, err := c.rests(tx, s, &out, longestBonds)
		if err != nil {
			return Evidence{}, err
		}
		queue = append(queue, ids...)
	}
	done := map[string]bool{"": true}
	for len(queue) > 0 {
		id := queue[0]
		if queue = queue[1:]; done[id] {
			continue
		}
		done[id] = true
		r, err := load(tx.Verified, id)
		if err != nil {
			return Evidence{}, err
		}
		more, err := c.collect(tx, r, &out)
		if err != nil {
			return Evidence{}, err
		}
		queue = append(queue, more...)
	}
	return out, nil
}

// collect adds one case, and lists the admissions of those who signed it.
func (c *Charter) collect(tx *ledger.Tx, r row, out *Evidence) (more []string, err error) {
	m, err := r.motion()
	if err != nil {
		return nil, err
	}
	t := c.trust(tx, false)
	out.Cases = append(out.Cases, r.kase())
	for _, v := range r.Votes {
		if v.Verdict != policy.Yes {
			continue
		}
		key, of, err := t.Key(v.Key)
		if err != nil {
			return nil, err
		}
		out.Keys[v.Key], out.KeyOf[v.Key] = key.PKIX(), of
		s := m.Stage
		if s.Kind == policy.BySelf {
			s = seat(m.By)
		}
		ids, err := c.rests(tx, Signature{s, v.Key, r.Passed}, out, longestBonds)
		if err != nil {
			return nil, err
		}
		more = append(more, ids...)
	}
	return more, nil
}

// rests lists the motions by which a signature's passkey was pinned, none of a
// founder's, and adds the bonds between the two.
func (c *Charter) rests(tx *ledger.Tx, s Signature, out *Evidence, most int) ([]string, error) {
	if binder, ok := c.People.(Binder); ok && most > 0 {
		switch b, leans, err := binder.Bond(tx, s.Stage, s.Key, s.Seq); {
		case err != nil:
			return nil, err
		case leans:
			return c.bonded(tx, s, b, out, most)
		}
	}
	past, ok := c.People.(Memory)
	if !ok {
		return nil, nil
	}
	id, err := past.Admission(tx, s.Stage, s.Key, s.Seq)
	return []string{id}, err
}

// bonded adds a bond, and what the passkey that made it rested on, then and when event s.Seq was written.
func (c *Charter) bonded(tx *ledger.Tx, s Signature, b statement.Bond, out *Evidence, most int) (ids []string, err error) {
	t := c.trust(tx, false)
	for _, f := range []string{s.Key, b.By} {
		key, of, err := t.Key(f)
		if err != nil {
			return nil, err
		}
		out.Keys[f], out.KeyOf[f] = key.PKIX(), of
	}
	if !slices.ContainsFunc(out.Bonds, func(o statement.Bond) bool { return o.Seq == b.Seq }) {
		out.Bonds = append(out.Bonds, b)
	}
	for _, at := range []int64{b.Seq, s.Seq} {
		more, err := c.rests(tx, Signature{s.Stage, b.By, at}, out, most-1)
		if err != nil {
			return nil, err
		}
		ids = append(ids, more...)
	}
	return ids, nil
}
