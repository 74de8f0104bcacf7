package charter

import (
	"slices"

	"lockbox/policy"
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
	Keys  map[string][]byte `json:"keys,omitempty"`   // PKIX, by fingerprint
	KeyOf map[string]string `json:"key_of,omitempty"` // whose they are
}

// Evidence collects the motions with these codes, and the admissions that they
// and the signatures rest on. The events to prove are Votes[i].Seq and Passed of each case.
func (c *Charter) Evidence(tx *ledger.Tx, codes []string, signatures []Signature) (Evidence, error) {
	out := Evidence{Keys: map[string][]byte{}, KeyOf: map[string]string{}}
	queue := slices.Clone(codes)
	for _, s := range signatures {
		id, err := c.admission(tx, s)
		if err != nil {
			return Evidence{}, err
		}
		queue = append(queue, id)
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
		id, err := c.admission(tx, Signature{s, v.Key, r.Passed})
		if err != nil {
			return nil, err
		}
		more = append(more, id)
	}
	return more, nil
}

// admission is the motion by which a signature's passkey was pinned; "" of a founder's.
func (c *Charter) admission(tx *ledger.Tx, s Signature) (string, error) {
	past, ok := c.People.(Memory)
	if !ok {
		return "", nil
	}
	return past.Admission(tx, s.Stage, s.Key, s.Seq)
}
