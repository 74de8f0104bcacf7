package approvals

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"lockbox/approvals/charter"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
)

// A Receipt is everything about one request that somebody who does not trust
// us needs to check it offline, besides what they pinned themselves. That of a
// customer is out of the customer's own log, and says nothing of other
// customers but that there are some; the names of targets, logins, groups and
// rules, in the request and in delegations, are in clear.
//
// What nothing proves is not in it: comments, who ended a grant and why, where a
// session came from. What is there and not proven: who said no; and where the
// statement of a vote is withheld or erased, who gave it, and that it is about
// this request rather than another that the same passkey approved. Who may see
// the whole of a shared request, an auditor, can prove that for the customers.
// A receipt is as of its last entry: one of before a withdrawal, a revocation or
// a session still holds. That nothing is left out of a month, the Month proves.
type Receipt struct {
	Format   string            `json:"format"`             // "lockbox-receipt/v2"
	Customer string            `json:"customer,omitempty"` // in whose log the entries are; "" the main one
	Case     Case              `json:"case"`
	Grant    *policy.Grant     `json:"grant,omitempty"`
	Keys     map[string][]byte `json:"keys,omitempty"`   // PKIX of the passkeys that signed, by fingerprint
	KeyOf    map[string]string `json:"key_of,omitempty"` // whose they are
	Votes    []ledger.Entry    `json:"votes,omitempty"`  // the entry of each vote, in the order of Case.Votes
	Trail    []ledger.Entry    `json:"trail"`            // the entries that tell what became of the request, from its making
	Head     *ledger.Entry     `json:"head,omitempty"`   // of the main log: it holds the customer's log, as of all entries above
	Stays    []Stay            `json:"sessions,omitempty"`

	// Entries of the main log, which concern no customer.
	Charter *charter.Evidence `json:"charter,omitempty"` // what votes of deputies, of instructions and by admitted passkeys rest on
	Motions []ledger.Entry    `json:"motions,omitempty"` // each vote of its cases, and their passing, in their order
	Erasing []ledger.Entry    `json:"erasing,omitempty"` // what erased what is gone
}

// A Stay is one session under the grant.
type Stay struct {
	Session recorder.Session `json:"session"`
	Deeds   *Deeds           `json:"deeds,omitempty"` // what was done; nil while it lasts
	Gone    int64            `json:"gone,omitempty"`  // the event of the main log that erased what was done
	Open    ledger.Entry     `json:"open"`
	Next    *ledger.Entry    `json:"next,omitempty"`  // where it went on under the grant that extends this one
	Close   *ledger.Entry    `json:"close,omitempty"` // nil while it lasts
}

// A Held is a session that a receipt tells of, and the events that carry it.
type Held struct {
	Session           recorder.Session
	Deeds             *Deeds
	Gone              int64 // the event that erased the deeds; 0 where none did
	Open, Next, Close int64 // Next and Close: 0 where there is none
}

// Sessions lists the sessions under a grant, oldest first.
type Sessions func(tx *ledger.Tx, grant string) ([]Held, error)

const receiptV2 = "lockbox-receipt/v2"

// A filing collects what a receipt is made of, in one transaction.
type filing struct {
	d     *Desk
	r     row
	q     *policy.Request
	eyes  string // the customer whom it is for; "" for everything
	out   Receipt
	stays []Held
}

// Receipt makes the receipt of a request with its sessions for those who may see it.
func (d *Desk) Receipt(ctx context.Context, who policy.Principal, code string, sessions Sessions) (Receipt, error) {
	if !ValidCode(code) {
		return Receipt{}, ErrUnknown
	}
	f := &filing{d: d}
	var motions []int64
	err := d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		v, err := d.Whole(tx, who, code)
		if err != nil {
			return err
		}
		if f.eyes = v.eyes; who.Kind == policy.Reviewer {
			f.eyes = who.Customer
		}
		if sessions != nil {
			if f.stays, err = sessions(tx, code); err != nil {
				return err
			}
		}
		motions, err = f.gather(tx, code)
		return err
	})
	if err != nil {
		return Receipt{}, err
	}
	if err := f.prove(ctx); err != nil {
		return Receipt{}, err
	}
	all, err := d.prove(ctx, d.Ledger.Main(), append(motions, f.gone()...))
	if err != nil {
		return Receipt{}, err
	}
	f.out.Motions, f.out.Erasing = cut(all.Entries, len(motions))
	return f.out, nil
}

func cut(all []ledger.Entry, n int) (a, b []ledger.Entry) { return all[:n:n], all[n:] }

// gather reads the rows, and leaves out what another customer is concerned with.
func (f *filing) gather(tx *ledger.Tx, code string) (motions []int64, err error) {
	if f.r, f.q, err = load(tx.Get, code); err != nil {
		return nil, err
	}
	g, err := loadGrant(tx.Get, code)
	if err != nil {
		return nil, err
	}
	f.out = Receipt{Format: receiptV2, Customer: f.eyes, Case: f.r.kase(), Grant: g, Keys: map[string][]byte{}, KeyOf: map[string]string{}}
	if f.eyes != "" {
		if err := f.withhold(); err != nil {
			return nil, err
		}
	}
	f.strip()
	if err := f.d.keys(tx, f.out.Case.Votes, &f.out); err != nil {
		return nil, err
	}
	f.out.Charter, motions, err = f.d.evidence(tx, f.q, f.out.Case.Votes)
	return motions, err
}

// strip takes out what nothing in the log or in a signature holds. Whoever may
// see the request reads it on its page.
func (f *filing) strip() {
	votes := slices.Clone(f.out.Case.Votes)
	for i, v := range votes {
		votes[i].By, votes[i].Comment = bare(v.By), ""
	}
	f.out.Case.Votes = votes
	if f.out.Grant != nil {
		g := *f.out.Grant
		g.Who, g.RevokedBy, g.RevokedWhy = bare(g.Who), "", ""
		f.out.Grant = &g
	}
	for i, h := range f.stays {
		s := h.Session
		out := recorder.Session{ID: s.ID, Target: s.Target, Login: s.Login, Who: bare(f.q.Who)}
		if s.Request == f.q.ID { // else it came from another grant, whose receipt tells when it began
			out.Request, out.Began = s.Request, s.Began
		}
		if h.Next != 0 { // and the next one's tells when it ended
			f.stays[i].Close, f.stays[i].Deeds, f.stays[i].Gone = 0, nil, 0
		} else if h.Close != 0 {
			out.Ended, out.Root = s.Ended, s.Root
		}
		if f.eyes != "" && len(f.q.Customers) > 1 { // a command may name the other's data
			f.stays[i].Deeds = nil
		}
		f.stays[i].Session = out
	}
}

// prove proves all entries at once: they are under one checkpoint.
func (f *filing) prove(ctx context.Context) error {
	var seqs []int64
	for _, v := range f.out.Case.Votes {
		seqs = append(seqs, v.Seq)
	}
	seqs = append(seqs, f.r.Trail...)
	for _, s := range f.stays {
		seqs = append(seqs, s.Open)
		for _, n := range []int64{s.Next, s.Close} {
			if n != 0 {
				seqs = append(seqs, n)
			}
		}
	}
	log := f.d.Ledger.Main()
	if f.eyes != "" {
		log = f.d.Ledger.Of(f.eyes)
	}
	all, err := f.d.prove(ctx, log, seqs)
	if err != nil {
		return err
	}
	f.out.Head = all.Head
	f.out.Votes, all.Entries = cut(all.Entries, len(f.out.Case.Votes))
	f.out.Trail, all.Entries = cut(all.Entries, len(f.r.Trail))
	for _, s := range f.stays {
		one := Stay{Session: s.Session, Deeds: s.Deeds, Gone: s.Gone, Open: all.Entries[0]}
		all.Entries = all.Entries[1:]
		for _, n := range []struct {
			seq  int64
			into **ledger.Entry
		}{{s.Next, &one.Next}, {s.Close, &one.Close}} {
			if n.seq != 0 {
				*n.into, all.Entries = &all.Entries[0], all.Entries[1:]
			}
		}
		f.out.Stays = append(f.out.Stays, one)
	}
	return nil
}

// gone lists the events that erased something, each once.
func (f *filing) gone() (seqs []int64) {
	for _, seq := range f.out.Case.Gone {
		seqs = append(seqs, seq)
	}
	for _, s := range f.stays {
		if s.Gone != 0 {
			seqs = append(seqs, s.Gone)
		}
	}
	slices.Sort(seqs)
	return slices.Compact(seqs)
}

// prove proves events of a log; none need no proof.
func (d *Desk) prove(ctx context.Context, log ledger.Log, seqs []int64) (ledger.Proven, error) {
	if len(seqs) == 0 {
		return ledger.Proven{}, nil
	}
	return log.Prove(ctx, seqs...)
}

// keys adds the passkeys that signed.
func (d *Desk) keys(tx *ledger.Tx, votes []policy.Vote, out *Receipt) error {
	find := d.People.Passkey
	if past, ok := d.People.(charter.Memory); ok {
		find = past.Holder // they have signed, whatever became of them since
	}
	for i, v := range votes {
		if v.Verdict != policy.Yes || v.Standing != "" {
			continue
		}
		k, of, err := find(tx, v.Key)
		if err != nil {
			return err
		}
		if _, erased := out.Case.Gone[voteName(i, "by")]; erased {
			of = v.By.ID
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

	Witnesses []string `json:"witnesses,omitempty"` // verifier keys of those whom the verifier trusts (C2SP tlog-cosignature)
	Quorum    int      `json:"quorum,omitempty"`    // how many of them must have cosigned; 0: none need have
}

func (p Pinned) pinned(s policy.Stage, fingerprint string) (bool, error) {
	switch s.Kind {
	case policy.ByExecutive:
		return slices.Contains(p.Executives, fingerprint), nil
	case policy.ByCustomer:
		return slices.Contains(p.Customers[s.Customer], fingerprint), nil
	case policy.ByPeer, policy.ByOwner, policy.ByGlass:
		return true, nil // nobody outside knows them; the executive's stage is what counts
	}
	return false, nil
}

// ParseReceipt reads a receipt. Fields it does not know are an error.
func ParseReceipt(data []byte) (r Receipt, err error) {
	var form struct {
		Format string `json:"format"`
	}
	if json.Unmarshal(data, &form) == nil && strings.HasPrefix(form.Format, "lockbox-receipt/") && form.Format != receiptV2 {
		return r, fmt.Errorf("this is a %s, and this Lockbox reads %s: download the receipt again, it is of the same entries", form.Format, receiptV2)
	}
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
	if _, err := d.Token(); !errors.Is(err, io.EOF) { // More is false before a brace too many
		return errors.New("something follows the end")
	}
	return nil
}
