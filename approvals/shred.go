package approvals

import (
	"errors"
	"fmt"
	"slices"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// ShredKey is the row of the order to erase the recording of a session: a Shred.
// Whoever keeps recordings carries it out, and deletes the row.
func ShredKey(session string) string { return "shred/" + session }

// A Shred is the order to erase a recording.
type Shred struct {
	Motion string `json:"motion"` // that says so
}

// orderShred is the effect of a motion to erase a recording. It believes nobody:
// the motion is proven from its signatures, and the recording is looked for again.
func (d *Desk) orderShred(tx *ledger.Tx, m *policy.Motion) error {
	if d.Charter == nil || d.Over == nil {
		return errors.New("erase a recording: nothing here proves motions, or knows the sessions")
	}
	m, err := d.Charter.Proven(tx, m.ID)
	if err != nil {
		return err
	}
	session := m.Recording()
	customers, err := d.Over(tx, session)
	switch {
	case err != nil:
		return err
	case session == "" || m.Customer != "" && !slices.Equal(customers, []string{m.Customer}):
		return fmt.Errorf("motion %s is about no recording of its own", m.ID)
	}
	if err := tx.Put(ShredKey(session), Shred{m.ID}); err != nil {
		return err
	}
	_, err = tx.Append(ledger.Event{
		Kind: "recording.to-erase", Actor: "lockbox", Subjects: slices.Concat([]string{session, m.ID}, customers), Customers: customers,
		Detail: map[string]string{"motion": m.ID},
	})
	return err
}

// Shreds proves that it was signed to erase the recording of a session, and gives
// the motion. The error says why it was not: whoever wrote the row is not believed.
func (d *Desk) Shreds(tx *ledger.Tx, session string) (motion string, err error) {
	var o Shred
	if ok, err := tx.Verified(ShredKey(session), &o); err != nil || !ok {
		return "", errors.Join(err, fmt.Errorf("nothing says that recording %s is to be erased", session))
	}
	if d.Charter == nil {
		return "", errors.New("no charter proves motions here")
	}
	m, err := d.Charter.Proven(tx, o.Motion)
	switch {
	case err != nil:
		return "", err
	case session == "" || m.Recording() != session:
		return "", fmt.Errorf("motion %s is not about recording %s", o.Motion, session)
	}
	return m.ID, nil
}
