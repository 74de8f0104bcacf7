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
	"slices"
	"strconv"
	"strings"
	"time"

	"lockbox/approvals/charter"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A Sealed is a code for breaking the glass as it stands on paper: 32 characters
// in groups of four. Four are its number, 26 are chance (130 bits), two find what
// was mistyped. It prints as what it is, not what it says.
type Sealed string

func (Sealed) String() string   { return "a sealed code" }
func (Sealed) GoString() string { return "a sealed code" }
func (Sealed) MarshalText() ([]byte, error) {
	return nil, errors.New("a sealed code is not written down")
}

// Reveal is what stands on paper.
func (c Sealed) Reveal() string {
	var groups []string
	for i := 0; i+4 <= len(c); i += 4 {
		groups = append(groups, string(c[i:i+4]))
	}
	return strings.Join(groups, "-")
}

const (
	alphabet   = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // no I, L, O or U
	sealedLen  = 32
	numberLen  = 4
	sealedMost = 50 // of one batch
)

// ReadSealed reads a code as people type it. What is mistyped is refused here,
// and is no try.
func ReadSealed(typed string) (Sealed, error) {
	if len(typed) > 200 {
		return "", mistyped()
	}
	plain := strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '\t':
			return -1
		case 'O', 'o':
			return '0'
		case 'I', 'i', 'L', 'l':
			return '1'
		}
		return r
	}, strings.TrimSpace(typed))
	c := Sealed(strings.ToUpper(plain))
	if len(c) != sealedLen || strings.Trim(string(c), alphabet) != "" || string(c[sealedLen-2:]) != checkOf(string(c[:sealedLen-2])) {
		return "", mistyped()
	}
	return c, nil
}

func mistyped() error {
	return refuse("that is not what stands on the paper: it has eight groups of four characters; type it again")
}

func checkOf(body string) string {
	sum := sha256.Sum256([]byte("lockbox/sealed/check\x00" + body))
	return string([]byte{alphabet[sum[0]%32], alphabet[sum[1]%32]})
}

func (c Sealed) number() string { return string(c[:numberLen]) }

// hash is what is kept of a code. One round is enough: nobody guesses 130 bits.
func (c Sealed) hash(salt []byte) []byte {
	sum := sha256.Sum256(slices.Concat([]byte("lockbox/sealed/v1\x00"), salt, []byte(c)))
	return sum[:]
}

func newSealed(tx *ledger.Tx) (Sealed, error) {
	for range 100 {
		b := make([]byte, sealedLen-2)
		_, _ = rand.Read(b) // never fails
		for i := range b {
			b[i] = alphabet[b[i]%32]
		}
		c := Sealed(string(b) + checkOf(string(b)))
		if taken, err := tx.Get(sealedKey(c.number()), new(json.RawMessage)); err != nil || !taken {
			return c, err
		}
	}
	return "", errors.New("find a free number for a sealed code: too many tries")
}

// A sealedRow is what is kept of a code.
type sealedRow struct {
	Number  string    `json:"number"`
	Batch   string    `json:"batch"`
	Target  string    `json:"target,omitempty"` // "": any
	Salt    []byte    `json:"salt"`
	Hash    []byte    `json:"hash"`
	Held    string    `json:"held,omitempty"` // the request that waits with it
	Used    string    `json:"used,omitempty"` // the request that it opened
	Retired time.Time `json:"retired,omitzero"`
}

// A batch is the codes that were made together.
type batch struct {
	ID     string    `json:"id"`
	Made   time.Time `json:"made"`
	By     string    `json:"by"`
	Codes  []string  `json:"codes"` // their numbers
	Digest string    `json:"digest"`
	Motion string    `json:"motion,omitempty"` // that executives sign for it
}

func sealedKey(number string) string { return "glass/code/" + number }
func batchKey(id string) string      { return "glass/batch/" + id }

// digestOf is over what makes the codes of a batch these.
func digestOf(rows []sealedRow) string {
	h := sha256.New()
	h.Write([]byte("lockbox/sealed/batch/v1\x00"))
	for _, r := range rows {
		for _, part := range []string{r.Number, r.Batch, r.Target, string(r.Salt), string(r.Hash)} {
			fmt.Fprintf(h, "%d:%s", len(part), part)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Made are codes that were made now: they are shown once, and not kept.
type Made struct {
	Batch  string
	Target string
	Codes  []Sealed
	Motion string // that executives sign before the codes count; "" where they count at once
}

// Seal makes codes for one target, or ("") for all.
func (d *Desk) Seal(ctx context.Context, actor, target string, count int) (m Made, err error) {
	switch {
	case count < 1 || count > sealedMost:
		return Made{}, refuse("make 1 to %d codes at a time", sealedMost)
	case target != "" && d.Policy().Targets[target] == nil:
		return Made{}, refuse("there is no target %q", target)
	}
	err = d.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		m, err = d.seal(tx, actor, target, count)
		return err
	})
	return m, err
}

func (d *Desk) seal(tx *ledger.Tx, actor, target string, count int) (Made, error) {
	id, err := charter.NewCode(tx)
	if err != nil {
		return Made{}, err
	}
	m, b := Made{Batch: id, Target: target}, batch{ID: id, Made: tx.Now(), By: actor}
	var rows []sealedRow
	for range count {
		c, err := newSealed(tx)
		if err != nil {
			return Made{}, err
		}
		salt := make([]byte, 16)
		_, _ = rand.Read(salt) // never fails
		r := sealedRow{Number: c.number(), Batch: id, Target: target, Salt: salt, Hash: c.hash(salt)}
		if err := tx.Put(sealedKey(r.Number), r); err != nil {
			return Made{}, err
		}
		rows, b.Codes, m.Codes = append(rows, r), append(b.Codes, r.Number), append(m.Codes, c)
	}
	b.Digest = digestOf(rows)
	if d.Signed {
		if b.Motion, err = d.Charter.ProposeIn(tx, gatewayItself(), policy.Motion{Kind: policy.ToSeal, About: id, Config: b.Digest}); err != nil {
			return Made{}, err
		}
		m.Motion = b.Motion
	}
	if err := tx.Put(batchKey(id), b); err != nil {
		return Made{}, err
	}
	_, err = tx.Append(ledger.Event{
		Kind: "glass.codes-made", Actor: actor, Subjects: slices.DeleteFunc([]string{id, target}, func(s string) bool { return s == "" }),
		Detail: map[string]string{"count": strconv.Itoa(count), "target": or(target, "all"), "codes-sha256": b.Digest, "motion": or(b.Motion, "none")},
	})
	return m, err
}

// gatewayItself makes motions in nobody's name.
func gatewayItself() policy.Principal {
	return policy.Principal{ID: "lockbox", Name: "Lockbox", Kind: policy.Machine}
}

// A SealedState is what anybody who keeps the codes may know of one.
type SealedState struct {
	Number string    `json:"number"`
	Batch  string    `json:"batch"`
	Target string    `json:"target,omitempty"`
	Made   time.Time `json:"made"`
	State  string    `json:"state"` // "unsigned", "ready", "waits", "used" or "retired"
	For    string    `json:"for,omitempty"`
}

// SealedCodes lists every code there ever was, by batch, the oldest first.
func (d *Desk) SealedCodes(ctx context.Context) (all []SealedState, err error) {
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		all = nil
		batches, err := batches(tx)
		if err != nil {
			return err
		}
		for _, b := range batches {
			signed := d.batchCounts(tx, b) == nil
			for _, number := range b.Codes {
				var r sealedRow
				if _, err := tx.Get(sealedKey(number), &r); err != nil {
					return err
				}
				all = append(all, SealedState{Number: number, Batch: b.ID, Target: r.Target, Made: b.Made, State: r.state(tx, signed), For: or(r.Used, "")})
			}
		}
		return nil
	})
	return all, err
}

func batches(tx *ledger.Tx) (all []batch, err error) {
	err = tx.Scan(batchKey(""), func(_ string, raw json.RawMessage) (bool, error) {
		var b batch
		err := json.Unmarshal(raw, &b)
		all = append(all, b)
		return true, err
	})
	slices.SortFunc(all, func(a, b batch) int { return a.Made.Compare(b.Made) })
	return all, err
}

func (r sealedRow) state(tx *ledger.Tx, signed bool) string {
	switch {
	case r.Used != "":
		return "used"
	case !r.Retired.IsZero():
		return "retired"
	case !signed:
		return "unsigned"
	case r.waits(tx):
		return "waits"
	}
	return "ready"
}

// waits says whether a request that is still open was made with the code.
func (r sealedRow) waits(tx *ledger.Tx) bool {
	if r.Held == "" {
		return false
	}
	v, err := view(tx, tx.Get, r.Held)
	return err != nil || v.Status.Phase == policy.Pending
}

// Retire ends codes that were not used: one by its number, a batch, or ("") all.
func (d *Desk) Retire(ctx context.Context, actor, which string) (n int, err error) {
	err = d.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		known := false
		if n, known, err = unseal(tx, actor, which); err == nil && !known {
			err = refuse("there is no code or batch %q; `lockbox glass list` lists them", which)
		}
		return err
	})
	return n, err
}

func unseal(tx *ledger.Tx, actor, which string) (n int, known bool, err error) {
	all, err := batches(tx)
	known = which == ""
	for _, b := range all {
		for _, number := range b.Codes {
			if err != nil || which != "" && which != b.ID && which != number {
				continue
			}
			gone := 0
			gone, err = retire(tx, number)
			n, known = n+gone, true
		}
	}
	if err != nil || n == 0 {
		return n, known, err
	}
	_, err = tx.Append(ledger.Event{
		Kind: "glass.code-retired", Actor: actor, Detail: map[string]string{"which": or(which, "all"), "count": strconv.Itoa(n)},
	})
	return n, known, err
}

func retire(tx *ledger.Tx, number string) (int, error) {
	var r sealedRow
	if _, err := tx.Get(sealedKey(number), &r); err != nil {
		return 0, err
	}
	if r.Used != "" || !r.Retired.IsZero() {
		return 0, nil
	}
	r.Retired = tx.Now()
	return 1, tx.Put(sealedKey(number), r)
}

// batchCounts says why the codes of a batch do not count; nil where they do. In
// production executives have signed for exactly these.
func (d *Desk) batchCounts(tx *ledger.Tx, b batch) error {
	var rows []sealedRow
	for _, number := range b.Codes {
		var r sealedRow
		if ok, err := tx.Verified(sealedKey(number), &r); err != nil || !ok {
			return errors.Join(err, fmt.Errorf("code %s of batch %s is not there", number, b.ID))
		}
		rows = append(rows, r)
	}
	if digestOf(rows) != b.Digest {
		return fmt.Errorf("the codes of batch %s are not those that were made", b.ID)
	}
	if !d.Signed {
		return nil
	}
	m, err := d.Charter.Proven(tx, b.Motion)
	switch {
	case err != nil:
		return err
	case m.Kind != policy.ToSeal || m.About != b.ID || m.Config != b.Digest:
		return fmt.Errorf("motion %s is not for batch %s", b.Motion, b.ID)
	}
	return nil
}

// find finds the row of a code that is the right one and may be used on a
// target. why is for the person; wrong says that it was a guess.
func (d *Desk) find(tx *ledger.Tx, c Sealed, target string) (r sealedRow, why error, wrong bool, err error) {
	ok, err := tx.Verified(sealedKey(c.number()), &r)
	if err != nil {
		return r, nil, false, err
	}
	if !ok {
		r = sealedRow{Salt: make([]byte, 16), Hash: make([]byte, sha256.Size)} // as long
	}
	if subtle.ConstantTimeCompare(c.hash(r.Salt), r.Hash) != 1 {
		return r, refuse("this code opens nothing; take another one, and tell who keeps the codes"), true, nil
	}
	why, err = d.usable(tx, r, target)
	return r, why, false, err
}

// usable says why a code that was shown may not be used on a target now.
func (d *Desk) usable(tx *ledger.Tx, r sealedRow, target string) (why, err error) {
	switch {
	case r.Used != "":
		return refuse("this code was used for %s; each opens the glass once", r.Used), nil
	case !r.Retired.IsZero():
		return refuse("this code was retired; take one of a newer batch"), nil
	case r.Target != "" && r.Target != target:
		return refuse("this code is for %s alone", r.Target), nil
	}
	var b batch
	if ok, err := tx.Verified(batchKey(r.Batch), &b); err != nil || !ok {
		return nil, errors.Join(err, fmt.Errorf("batch %s of code %s is not there", r.Batch, r.Number))
	}
	err = d.batchCounts(tx, b)
	if errors.Is(err, ledger.ErrTampered) {
		return nil, err
	}
	if err != nil {
		return refuse("this code does not count: executives have not signed for its batch %s", b.ID), nil
	}
	return nil, nil
}
