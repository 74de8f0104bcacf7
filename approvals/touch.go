package approvals

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"lockbox/approvals/charter"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// A Terminal is where a session is to be opened: by whom, with which SSH key,
// from which address, on what, under which grant. One touch counts for one. A
// browser that came to an application is one, too.
type Terminal struct {
	Person policy.Principal
	Key    string // fingerprint of the SSH key, or Browser and the arrival's id
	Source string // IP address
	Target string
	Login  string
	Grant  string
}

// Binding is what a touch on this terminal is a proof for.
func (t Terminal) Binding() string {
	h := sha256.New()
	h.Write([]byte("lockbox/terminal/v1\x00"))
	for _, s := range []string{t.Person.ID, t.Key, t.Source, t.Target, t.Login, t.Grant} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// A Touch waits for an engineer to type the number of their terminal, where it is
// one that shows a number, and touch their passkey.
type Touch struct {
	ID        string    `json:"id"`
	Terminal  Terminal  `json:"terminal"`
	Number    string    `json:"number"` // two digits, shown in the terminal only; "" of a browser
	Tries     int       `json:"tries"`  // wrong numbers typed
	Made      time.Time `json:"made"`
	Until     time.Time `json:"until"`
	Statement []byte    `json:"statement,omitempty"` // once the number was right, or none is needed
}

// Challenge is what the passkey signs.
func (t Touch) Challenge() []byte { return statement.Challenge(t.Domain(), t.Statement) }

// Domain is that of what is signed.
func (t Touch) Domain() statement.Domain {
	if t.Terminal.browser() {
		return statement.ForArrive
	}
	return statement.ForTouch
}

const (
	touchLife  = 10 * time.Minute
	touchTries = 3
	touchOpen  = 5 // waiting terminals of one grant at a time
)

func touchKey(id string) string      { return "touch/" + id }
func proofKey(binding string) string { return "proof/" + binding }

// touchedKey is the newest touch of a person, for whatever terminal.
func touchedKey(person string) string { return "touched/" + person }

// A given proof is kept with what was signed, so that Enter verifies it again.
type given struct {
	Proof     policy.Proof `json:"proof"`
	Statement []byte       `json:"statement"`
	Assertion []byte       `json:"assertion"`
	Key       string       `json:"key"`
}

// AskTouch opens a touch for the terminal, which shows its number. A terminal
// that asks again, having been closed before the touch, gets the same.
func (d *Desk) AskTouch(ctx context.Context, at Terminal) (t Touch, err error) {
	if at.browser() {
		return Touch{}, errors.New("a browser shows no number")
	}
	err = d.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		open, err := touches(tx, at)
		if err != nil {
			return err
		}
		for _, o := range open {
			if o.Terminal.Binding() == at.Binding() && o.Until.Sub(tx.Now()) > touchLife/2 {
				t = o
				return nil
			}
		}
		if len(open) >= touchOpen {
			return &Refusal{policy.NeedTouch, "too many terminals wait for a touch on this grant; close some and try again"}
		}
		n, err := rand.Int(rand.Reader, big.NewInt(90))
		if err != nil {
			return fmt.Errorf("draw a number: %w", err)
		}
		t = Touch{ID: charter.NewNonce(), Terminal: at, Number: fmt.Sprint(10 + n.Int64()), Made: tx.Now(), Until: tx.Now().Add(touchLife)}
		if err := tx.Put(touchKey(t.ID), t); err != nil {
			return err
		}
		customers, err := reached(tx, at)
		if err != nil {
			return err
		}
		_, err = tx.Append(ledger.Event{
			Kind: "touch.asked", Actor: at.Person.ID, Subjects: []string{at.Grant, at.Target}, Customers: customers,
			Detail: map[string]string{"ssh-key": at.Key, "binding": at.Binding()}, Private: map[string]string{"from": at.Source},
		})
		return err
	})
	return t, err
}

// reached are the customers whose data the grant of a terminal reaches.
func reached(tx *ledger.Tx, at Terminal) ([]string, error) {
	g, err := loadGrant(tx.Get, at.Grant)
	if err != nil || g == nil {
		return nil, err
	}
	return g.Customers, nil
}

// touches lists the touches of a grant that wait, of terminals or of browsers as at is one.
func touches(tx *ledger.Tx, at Terminal) (open []Touch, err error) {
	err = tx.Scan(touchKey(""), func(_ string, raw json.RawMessage) (bool, error) {
		var t Touch
		err := json.Unmarshal(raw, &t)
		if t.Terminal.Grant == at.Grant && t.Terminal.browser() == at.browser() && tx.Now().Before(t.Until) {
			open = append(open, t)
		}
		return true, err
	})
	return open, err
}

// Touches lists the terminals of who that wait under the grant, without their
// numbers; ErrUnknown to everybody else.
func (d *Desk) Touches(ctx context.Context, who policy.Principal, code string) (open []Touch, err error) {
	if !ValidCode(code) {
		return nil, ErrUnknown
	}
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		_, q, err := load(tx.Get, code)
		if err != nil {
			return err
		}
		if q.Who.ID != who.ID {
			return ErrUnknown
		}
		open, err = touches(tx, Terminal{Grant: code})
		for i := range open {
			open[i].Number = ""
		}
		return err
	})
	return open, err
}

// PrepareTouch checks the number that who typed and gives the statement to
// sign. Three wrong numbers end the touch: the terminal has to ask anew.
func (d *Desk) PrepareTouch(ctx context.Context, who policy.Principal, id, number string) (t Touch, err error) {
	var wrong error
	err = d.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		if wrong, err = nil, loadTouch(tx, who, id, &t); err != nil {
			return err
		}
		if t.Terminal.browser() {
			return ErrUnknown
		}
		e := ledger.Event{Kind: "touch.shown", Actor: who.ID, Subjects: []string{t.Terminal.Grant, t.Terminal.Target}}
		if e.Customers, err = reached(tx, t.Terminal); err != nil {
			return err
		}
		if subtle.ConstantTimeCompare([]byte(strings.TrimSpace(number)), []byte(t.Number)) != 1 {
			if t.Tries++; t.Tries >= touchTries {
				wrong = &Refusal{policy.NeedTouch, "that was the third wrong number; this touch is void. If you did not start this session, tell security"}
				e.Kind = "touch.void"
				err = tx.Delete(touchKey(id))
			} else {
				wrong = &Refusal{policy.NeedTouch, fmt.Sprintf("that is not the number in your terminal; %d tries left", touchTries-t.Tries)}
				e.Kind = "touch.wrong-number"
				err = tx.Put(touchKey(id), t)
			}
		} else if t.Statement, err = d.touchStatement(t.Terminal); err == nil {
			e.Detail = map[string]string{"statement-sha256": digest(t.Statement)}
			err = tx.Put(touchKey(id), t)
		}
		if err == nil {
			_, err = tx.Append(e)
		}
		return err
	})
	if err == nil {
		err = wrong
	}
	return t, err
}

func (d *Desk) touchStatement(at Terminal) ([]byte, error) {
	return statement.Touch{
		Log: d.Log, Person: at.Person.ID, Grant: at.Grant, Target: at.Target, Login: at.Login,
		Source: at.Source, Key: at.Key, Binding: at.Binding(), Nonce: charter.NewNonce(),
	}.Bytes()
}

func loadTouch(tx *ledger.Tx, who policy.Principal, id string, t *Touch) error {
	if !hex32(id) {
		return ErrUnknown
	}
	ok, err := tx.Get(touchKey(id), t)
	switch {
	case err != nil:
		return err
	case !ok || t.Terminal.Person.ID != who.ID:
		return ErrUnknown
	case !tx.Now().Before(t.Until) && t.Terminal.browser():
		return &Refusal{policy.NeedTouch, "this page has waited too long; load it again"}
	case !tx.Now().Before(t.Until):
		return &Refusal{policy.NeedTouch, "that terminal has waited too long; start it again"}
	}
	return nil
}

// hex32 says whether id is written as a nonce is.
func hex32(id string) bool { return len(id) == 32 && strings.Trim(id, "0123456789abcdef") == "" }

// Touched counts a touch: the statement that PrepareTouch or TouchHere gave, signed.
func (d *Desk) Touched(ctx context.Context, who policy.Principal, id string, a statement.Assertion) error {
	return d.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		var t Touch
		if err := loadTouch(tx, who, id, &t); err != nil {
			return err
		}
		if len(t.Statement) == 0 {
			return &Refusal{policy.NeedTouch, "type the number of the terminal first"}
		}
		_, q, err := load(tx.Get, t.Terminal.Grant)
		if err != nil {
			return err
		}
		proof, key, err := d.People.Assert(tx, who.ID, t.Domain(), t.Statement, a)
		if err != nil {
			return err
		}
		ask := policy.Question{Now: tx.Now(), Who: who, Proofs: []policy.Proof{proof}, Binding: proof.For, Do: policy.Touch, Request: q}
		if dec := d.Policy().Decide(ask); dec.Verdict != policy.Allow {
			return refused(dec)
		}
		return keep(tx, t, proof, key, a)
	})
}

// keep stores the proof for the terminal's binding.
func keep(tx *ledger.Tx, t Touch, proof policy.Proof, key statement.Key, a statement.Assertion) error {
	signed, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("write assertion: %w", err)
	}
	proof.For = t.Terminal.Binding()
	if err := tx.Delete(touchKey(t.ID)); err != nil {
		return err
	}
	g := given{proof, t.Statement, signed, key.Fingerprint()}
	if err := tx.Put(proofKey(proof.For), g); err != nil {
		return err
	}
	if !t.Terminal.browser() { // no number was compared: it says nothing of a terminal
		if err := tx.Put(touchedKey(proof.Of), g); err != nil {
			return err
		}
	}
	customers, err := reached(tx, t.Terminal)
	if err != nil {
		return err
	}
	_, err = tx.Append(ledger.Event{
		Kind: "touch.given", Actor: proof.Of, Subjects: []string{t.Terminal.Grant, t.Terminal.Target}, Customers: customers,
		Detail: map[string]string{
			"binding": proof.For, "statement-sha256": digest(t.Statement), "assertion-sha256": digest(signed), "passkey": key.Fingerprint(),
		},
	})
	return err
}
