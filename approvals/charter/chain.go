package charter

import (
	"cmp"
	"errors"
	"slices"

	"lockbox/policy"
	"lockbox/policy/statement"
)

// longestBonds is how many passkeys may be counter-signed one by the other.
const longestBonds = 8

// Chain is t believing also the passkeys that cases admit and those that bonds
// tie to a passkey believed, and not those of people whom cases dismiss or
// recover; each by signatures of passkeys believed before. The order of the
// cases and bonds does not matter. That the log holds the events they name is
// for the caller to verify.
func (t Trust) Chain(cases []Case, bonds ...statement.Bond) Trust {
	c := chain{Trust: t}
	c.bonds = c.tie(bonds)
	out := t
	out.Pinned = func(s policy.Stage, fingerprint string, seq int64) (bool, error) {
		return c.pinned(s, fingerprint, seq, atLast, longestBonds)
	}
	out.Key = c.key
	cases = slices.Clone(cases)
	slices.SortFunc(cases, func(a, b Case) int { return cmp.Compare(a.Passed, b.Passed) })
	for _, k := range cases { // in the order of the log: what comes later rests on what came before
		m, _, err := k.Holding(out)
		if err != nil || k.Passed == 0 || m.Tally(atEnd()).Phase != policy.Approved {
			continue
		}
		switch m.Kind {
		case policy.ToAdmit, policy.ToDismiss, policy.ToRecover:
			c.turns = append(c.turns, turn{m.Stage.Kind, m.Stage.Customer, m.Key, m.About, k.Passed, m.Kind == policy.ToAdmit, m.Kind == policy.ToRecover})
		}
	}
	return out
}

// A turn is a passkey that was admitted, or a person who was dismissed or recovered.
type turn struct {
	kind     policy.StageKind
	customer string
	key, of  string
	seq      int64
	in       bool
	anywhere bool // it is about every seat of the person
}

// A chain is what cases and bonds add to a trust.
type chain struct {
	Trust
	turns []turn                    // oldest first
	bonds map[string]statement.Bond // by the passkey that was counter-signed; each verified
}

// tie keeps the bonds whose signature holds; of several for one passkey the oldest.
func (c *chain) tie(all []statement.Bond) map[string]statement.Bond {
	out := map[string]statement.Bond{}
	for _, b := range all {
		is, err := b.Is()
		if was, twice := out[is.Key]; err != nil || twice && was.Seq <= b.Seq || c.bond(b) != nil {
			continue
		}
		out[is.Key] = b
	}
	return out
}

// bond says whether the counter-signature holds, for two passkeys of the one person it names.
func (t Trust) bond(b statement.Bond) error {
	by, of, err := t.Key(b.By)
	if err != nil {
		return err
	}
	is, err := b.Verify(t.Log, t.Party, by)
	if err != nil {
		return err
	}
	if _, whose, err := t.Key(is.Key); err != nil || whose != is.Person || of != is.Person {
		return errors.Join(errors.New("the two passkeys are not of the person that the counter-signature names"), err)
	}
	return nil
}

// key finds a passkey. One that was admitted is whose the motion said.
func (c *chain) key(fingerprint string) (statement.Key, string, error) {
	k, of, err := c.Key(fingerprint)
	if i := slices.IndexFunc(c.turns, func(u turn) bool { return u.in && u.key == fingerprint }); err == nil && i >= 0 && c.turns[i].of != of {
		err = errors.New("the passkey was admitted as somebody else's")
	}
	return k, of, err
}

// pinned says whether the passkey counted when event seq was written: by itself,
// or by a bond older than before, to one that counted when it was made and still did.
func (c *chain) pinned(s policy.Stage, fingerprint string, seq, before int64, most int) (bool, error) {
	last := c.last(s, fingerprint, seq)
	if last.in {
		return true, nil
	}
	if last.seq == 0 {
		if ok, err := c.Pinned(s, fingerprint, seq); ok || err != nil {
			return ok, err
		}
	}
	b, ok := c.bonds[fingerprint]
	if !ok || most == 0 || b.Seq <= last.seq || b.Seq > seq || b.Seq >= before || !fits(s, b) {
		return false, nil
	}
	for _, at := range []int64{b.Seq, seq} {
		if ok, err := c.pinned(s, b.By, at, b.Seq, most-1); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// fits says whether the credential is of a person of the stage's kind.
func fits(s policy.Stage, b statement.Bond) bool {
	is, err := b.Is()
	if err != nil {
		return false
	}
	want := seat(policy.Principal{Kind: policy.Kind(is.Kind), Customer: is.Customer})
	return want.Kind != "" && want.Kind == s.Kind && (s.Kind != policy.ByCustomer || want.Customer == s.Customer)
}

// last is the turn about the passkey that counts when event seq is written; zero when there is none.
func (c *chain) last(s policy.Stage, fingerprint string, seq int64) (found turn) {
	for _, u := range c.turns {
		if u.seq <= seq && found.seq <= u.seq && (u.anywhere || u.kind == s.Kind && u.customer == s.Customer) && u.about(c.Trust, fingerprint) {
			found = u
		}
	}
	return found
}

// about says whether the turn is about the passkey. A dismissal is about all that the person has.
func (u turn) about(t Trust, fingerprint string) bool {
	if u.key == fingerprint {
		return true
	}
	if u.in {
		return false
	}
	_, of, err := t.Key(fingerprint)
	return err == nil && of == u.of
}
