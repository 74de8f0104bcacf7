package approvals

import (
	"errors"
	"fmt"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// A Shown is a proof with the hex SHA-256 of the statement that was signed for it.
type Shown struct {
	policy.Proof
	Said string
}

// Proofs gives the proofs that count for this terminal, each verified again from
// what was signed; none when nobody touched. There are three ways to one:
//
//   - a touch for this terminal, or this browser;
//   - a login with the terminal's own SSH key from its address, whose time is not up;
//   - where the SSH key is an sk- key that the person enrolled, their newest touch
//     for another terminal (a browser is none), or any login of theirs. The person's passkey verified
//     who they are then, and somebody touches the sk- key at each authentication;
//     that this was the same person is not proven by the sk- key.
//
// In an emergency only the first is one. How fresh they are is for policy to say.
func (d *Desk) Proofs(tx *ledger.Tx, at Terminal, emergency bool) ([]Shown, error) {
	proofs, err := d.touch(tx, at)
	if err != nil || at.browser() || emergency { // for which there is no other way
		return proofs, err
	}
	logins, hardware, err := d.People.Logins(tx, at.Person.ID, at.Key)
	if err != nil {
		return nil, fmt.Errorf("prove the logins of %s: %w", at.Person.ID, err)
	}
	for _, l := range logins {
		since, until, err := l.Times()
		switch {
		case err != nil:
			return nil, err
		case l.Log != d.Log || l.Person != at.Person.ID, !tx.Now().Before(until):
		case hardware || l.Key == at.Key && l.Source == at.Source:
			text, err := l.Bytes()
			if err != nil {
				return nil, err
			}
			proofs = append(proofs, at.proof(since, text))
		}
	}
	if !hardware {
		return proofs, nil
	}
	g, err := d.touched(tx, at.Person.ID)
	if err == nil && g != nil {
		proofs = append(proofs, at.proof(g.Proof.At, g.Statement))
	}
	return proofs, err
}

// proof is one by the passkey of the terminal's person, who signed said.
func (t Terminal) proof(when time.Time, said []byte) Shown {
	return Shown{policy.Proof{Kind: policy.Passkey, Of: t.Person.ID, At: when, For: t.Binding()}, digest(said)}
}

// touch is the proof that was touched for this terminal.
func (d *Desk) touch(tx *ledger.Tx, at Terminal) ([]Shown, error) {
	var g given
	if ok, err := tx.Verified(proofKey(at.Binding()), &g); err != nil || !ok {
		return nil, err
	}
	said, err := d.verified(tx, g, at.Person.ID)
	if errors.Is(err, errKeyGone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if said.Binding != at.Binding() {
		return nil, fmt.Errorf("the touch for grant %s was given for something else", at.Grant)
	}
	return []Shown{at.proof(g.Proof.At, g.Statement)}, nil
}

// touched is a person's newest touch, for whatever terminal; nil where it is
// forgotten, or its passkey does not count any more.
func (d *Desk) touched(tx *ledger.Tx, person string) (*given, error) {
	var g given
	if ok, err := tx.Verified(touchedKey(person), &g); err != nil || !ok {
		return nil, err
	}
	_, err := d.verified(tx, g, person)
	if errors.Is(err, errKeyGone) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("verify the newest touch of %s: %w", person, err)
	}
	return &g, nil
}

// errKeyGone means that the passkey of a touch counts no more: the touch does not either, and another can be given.
var errKeyGone = errors.New("the passkey of this touch does not count any more")

// verified reads a touch by who out of what was signed.
func (d *Desk) verified(tx *ledger.Tx, g given, who string) (said statement.Touch, err error) {
	said, domain, err := parseTouch(g.Statement)
	if err != nil {
		return statement.Touch{}, err
	}
	if said.Person != who || said.Log != d.Log {
		return statement.Touch{}, fmt.Errorf("the touch for grant %s was given for something else", said.Grant)
	}
	a, err := statement.ParseAssertion(g.Assertion)
	if err != nil {
		return statement.Touch{}, err
	}
	key, of, err := d.People.Passkey(tx, g.Key)
	if err != nil && !errors.Is(err, ledger.ErrTampered) {
		return statement.Touch{}, errors.Join(errKeyGone, err)
	}
	if err != nil {
		return statement.Touch{}, err
	}
	if of != who {
		return statement.Touch{}, fmt.Errorf("the touch for grant %s was given by somebody else", said.Grant)
	}
	_, err = d.seen.Verify(a, key, statement.Challenge(domain, g.Statement), d.Party)
	return said, err
}
