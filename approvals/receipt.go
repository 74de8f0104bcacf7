package approvals

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"lockbox/approvals/charter"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
)

// A Receipt is everything about one request that somebody who does not trust
// us needs to check it offline, besides what they pinned themselves.
type Receipt struct {
	Format string             `json:"format"` // "lockbox-receipt/v1"
	Case   Case               `json:"case"`
	Grant  *policy.Grant      `json:"grant,omitempty"`
	Keys   map[string][]byte  `json:"keys"`   // PKIX of the passkeys that signed, by fingerprint
	KeyOf  map[string]string  `json:"key_of"` // whose they are
	Votes  []ledger.Inclusion `json:"votes"`  // the leaf of each vote, in the order of Case.Votes
	Trail  []ledger.Inclusion `json:"trail"`  // the leaves that tell what became of the request
	Stays  []Stay             `json:"sessions,omitempty"`

	Charter *charter.Evidence  `json:"charter,omitempty"` // what votes of deputies, of instructions and by admitted passkeys rest on
	Motions []ledger.Inclusion `json:"motions,omitempty"` // the leaves of each vote of its cases, and of their passing, in their order
}

// A Stay is one session under the grant.
type Stay struct {
	Session recorder.Session  `json:"session"`
	Open    ledger.Inclusion  `json:"open"`
	Next    *ledger.Inclusion `json:"next,omitempty"`  // where it went on under the grant that extends this one
	Close   *ledger.Inclusion `json:"close,omitempty"` // nil while it lasts
}

const receiptV1 = "lockbox-receipt/v1"

// Receipt makes the receipt of a request for those who may see it. The caller adds the sessions.
func (d *Desk) Receipt(ctx context.Context, who policy.Principal, code string) (Receipt, error) {
	if _, err := d.See(ctx, who, code); err != nil {
		return Receipt{}, err
	}
	out := Receipt{Format: receiptV1, Keys: map[string][]byte{}, KeyOf: map[string]string{}}
	var votes, trail, motions []int64
	err := d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		r, q, err := load(tx.Get, code)
		if err != nil {
			return err
		}
		if who.Kind == policy.Reviewer && len(q.Customers) > 1 {
			return ErrUnknown // it would tell one customer of another
		}
		out.Case, trail = Case{Body: r.Body, Votes: r.Votes}, r.Trail
		if err := d.keys(tx, r.Votes, &out); err != nil {
			return err
		}
		if out.Charter, motions, err = d.evidence(tx, q, r.Votes); err != nil {
			return err
		}
		out.Grant, err = loadGrant(tx.Get, code)
		return err
	})
	for _, v := range out.Case.Votes {
		votes = append(votes, v.Seq)
	}
	for _, part := range []struct {
		seqs []int64
		into *[]ledger.Inclusion
	}{{votes, &out.Votes}, {trail, &out.Trail}, {motions, &out.Motions}} {
		for _, seq := range part.seqs {
			if err != nil {
				return Receipt{}, err
			}
			var in ledger.Inclusion
			in, err = d.Ledger.Proof(ctx, seq)
			*part.into = append(*part.into, in)
		}
	}
	if err != nil {
		return Receipt{}, err
	}
	return out, nil
}

// keys adds the passkeys that signed.
func (d *Desk) keys(tx *ledger.Tx, votes []policy.Vote, out *Receipt) error {
	find := d.People.Passkey
	if past, ok := d.People.(charter.Memory); ok {
		find = past.Holder // they have signed, whatever became of them since
	}
	for _, v := range votes {
		if v.Verdict != policy.Yes || v.Standing != "" {
			continue
		}
		k, of, err := find(tx, v.Key)
		if err != nil {
			return err
		}
		out.Keys[v.Key], out.KeyOf[v.Key] = k.PKIX(), of
	}
	return nil
}

// Pinned is what a verifier holds already: it never comes from the receipt.
type Pinned struct {
	Log        string              `json:"log"`     // name of the log
	LogKey     string              `json:"log_key"` // its verifier key (C2SP signed-note)
	Party      statement.Party     `json:"party"`
	Executives []string            `json:"executives"` // fingerprints of passkeys
	Customers  map[string][]string `json:"customers"`
}

func (p Pinned) pinned(s policy.Stage, fingerprint string) (bool, error) {
	switch s.Kind {
	case policy.ByExecutive:
		return slices.Contains(p.Executives, fingerprint), nil
	case policy.ByCustomer:
		return slices.Contains(p.Customers[s.Customer], fingerprint), nil
	case policy.ByPeer, policy.ByOwner:
		return true, nil // nobody outside knows them; the executive's stage is what counts
	}
	return false, nil
}

// ParseReceipt reads a receipt. Fields it does not know are an error.
func ParseReceipt(data []byte) (r Receipt, err error) {
	err = strict(data, &r)
	return r, err
}

// ParsePinned reads what a verifier pinned. Fields it does not know are an error.
func ParsePinned(data []byte) (p Pinned, err error) {
	err = strict(data, &p)
	return p, err
}

func strict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("read JSON: %w", err)
	}
	if d.More() {
		return errors.New("something follows the end")
	}
	return nil
}
