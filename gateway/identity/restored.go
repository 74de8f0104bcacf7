package identity

import (
	"encoding/json"
	"fmt"

	"lockbox/recorder/ledger"
)

// EndAll signs everybody out and takes back every enrolment link that was not
// used: for a ledger that was restored, of which nobody knows what was ended or
// used up since. So do links to Slack. Recoveries that were not used end likewise. People and their keys
// stay, also those that were removed since.
func (d *Directory) EndAll(tx *ledger.Tx, why string) error {
	sessions, err := dropWeb(tx, func(web) bool { return true })
	if err != nil {
		return err
	}
	if _, err := endLogins(tx, "lockbox", "", why, func(SSHLogin) bool { return true }); err != nil {
		return err
	}
	if _, err := dropSlack(tx, "lockbox", "", why, func(slackRow) bool { return true }); err != nil {
		return err
	}
	var links []string
	err = tx.Scan("link/", func(key string, raw json.RawMessage) (bool, error) {
		var l link
		err := json.Unmarshal(raw, &l)
		if err == nil && l.Used.IsZero() {
			links = append(links, key)
		}
		return true, err
	})
	if err != nil {
		return fmt.Errorf("list links: %w", err)
	}
	for _, key := range links {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	if err := endRecoveries(tx); err != nil {
		return err
	}
	_, err = tx.Append(ledger.Event{
		Kind: "session.signed-out", Actor: "lockbox",
		Detail: map[string]string{"why": why, "sessions": fmt.Sprint(sessions), "links": fmt.Sprint(len(links))},
	})
	return err
}

// endRecoveries lets nobody enrol anew by a motion that passed: the link may have
// been used since.
func endRecoveries(tx *ledger.Tx) error {
	var waiting []string
	err := tx.Scan("person/", func(_ string, raw json.RawMessage) (bool, error) {
		var p Person
		err := json.Unmarshal(raw, &p)
		if err == nil && p.Recovering != "" {
			waiting = append(waiting, p.ID)
		}
		return true, err
	})
	if err != nil {
		return fmt.Errorf("list recoveries: %w", err)
	}
	for _, id := range waiting {
		p, err := person(tx, id)
		if err != nil {
			return err
		}
		p.Recovering, p.Link = "", ""
		if err := tx.Put(personKey(id), p); err != nil {
			return err
		}
	}
	return nil
}
