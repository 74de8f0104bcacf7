package approvals

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"lockbox/approvals/charter"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// Browser begins Terminal.Key where a browser came to an application. What
// follows is the id of its arrival, 32 hex digits.
const Browser = "browser:"

func (t Terminal) browser() bool { return strings.HasPrefix(t.Key, Browser) }

// Came is how the log names what came: by which name, and its value.
func (t Terminal) Came() (name, value string) {
	if id, ok := strings.CutPrefix(t.Key, Browser); ok {
		return "browser", id
	}
	return "ssh-key", t.Key
}

// TouchHere gives the statement by which who opens an application in a browser
// that they go on with. There is no number to type, for the page is in that
// browser itself; so a terminal, which somebody else may have opened, gets none.
func (d *Desk) TouchHere(ctx context.Context, who policy.Principal, at Terminal) (t Touch, err error) {
	if _, id := at.Came(); !at.browser() || !hex32(id) || at.Person.ID != who.ID {
		return Touch{}, ErrUnknown
	}
	err = d.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		_, q, err := load(tx.Get, at.Grant)
		if err != nil {
			return err
		}
		if q.Who.ID != who.ID || q.Target != at.Target {
			return ErrUnknown
		}
		if err := room(tx, at); err != nil {
			return err
		}
		t = Touch{ID: charter.NewNonce(), Terminal: at, Made: tx.Now(), Until: tx.Now().Add(touchLife)}
		if t.Statement, err = d.arriveStatement(at); err != nil {
			return err
		}
		if err := tx.Put(touchKey(t.ID), t); err != nil {
			return err
		}
		name, value := at.Came()
		_, err = tx.Append(ledger.Event{
			Kind: "touch.shown", Actor: who.ID, Subjects: []string{at.Grant, at.Target}, Customers: q.Customers,
			Detail:  map[string]string{name: value, "binding": at.Binding(), "statement-sha256": digest(t.Statement)},
			Private: map[string]string{"from": at.Source},
		})
		return err
	})
	return t, err
}

// room takes away what waits for the same browser, and the oldest of too many:
// all of them are their person's own, and none is worth more than the newest.
func room(tx *ledger.Tx, at Terminal) error {
	open, err := touches(tx, at)
	if err != nil {
		return err
	}
	left := open[:0]
	for _, o := range open {
		if o.Terminal.Binding() != at.Binding() {
			left = append(left, o)
		} else if err := tx.Delete(touchKey(o.ID)); err != nil {
			return err
		}
	}
	for ; len(left) >= touchOpen; left = left[1:] {
		oldest := 0
		for i, o := range left {
			if o.Made.Before(left[oldest].Made) {
				oldest = i
			}
		}
		left[0], left[oldest] = left[oldest], left[0]
		if err := tx.Delete(touchKey(left[0].ID)); err != nil {
			return err
		}
	}
	return nil
}

func (d *Desk) arriveStatement(at Terminal) ([]byte, error) {
	_, id := at.Came()
	return statement.Arrive{
		Log: d.Log, Person: at.Person.ID, Grant: at.Grant, Target: at.Target, Login: at.Login,
		Source: at.Source, Arrival: id, Binding: at.Binding(), Nonce: charter.NewNonce(),
	}.Bytes()
}

// parseTouch reads either kind of touch, as that of a Terminal.
func parseTouch(text []byte) (statement.Touch, statement.Domain, error) {
	t, err := statement.ParseTouch(text)
	if err == nil {
		if strings.HasPrefix(t.Key, Browser) {
			return statement.Touch{}, "", errors.New("a touch for a terminal names a browser")
		}
		return t, statement.ForTouch, nil
	}
	a, other := statement.ParseArrive(text)
	if other != nil {
		return statement.Touch{}, "", fmt.Errorf("this is no touch: %w", errors.Join(err, other))
	}
	return statement.Touch{
		Log: a.Log, Person: a.Person, Grant: a.Grant, Target: a.Target, Login: a.Login,
		Source: a.Source, Key: Browser + a.Arrival, Binding: a.Binding, Nonce: a.Nonce,
	}, statement.ForArrive, nil
}
