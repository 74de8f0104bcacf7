package charter

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A row holds a motion as it was made, byte for byte, and what came after.
type row struct {
	Body    []byte        `json:"body"` // JSON of policy.Motion without votes
	Votes   []policy.Vote `json:"votes,omitempty"`
	Phase   policy.Phase  `json:"phase,omitempty"` // once it is settled; "" while it is open
	At      time.Time     `json:"at,omitzero"`     // when it was
	Passed  int64         `json:"passed,omitempty"`
	Ended   time.Time     `json:"ended,omitzero"`
	EndedBy string        `json:"ended_by,omitempty"`
	Trail   []int64       `json:"trail"` // every event about it
}

func (r row) motion() (*policy.Motion, error) {
	m := new(policy.Motion)
	if err := json.Unmarshal(r.Body, m); err != nil {
		return nil, fmt.Errorf("read motion: %w", err)
	}
	m.Votes, m.Ended, m.EndedBy = slices.Clone(r.Votes), r.Ended, r.EndedBy
	return m, nil
}

func (r row) digest() string { return digest(r.Body) }

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func motionKey(id string) string    { return "motion/" + id }
func openKey(id string) string      { return "motion-open/" + id }
func ballotKey(nonce string) string { return "motion-ballot/" + nonce }
func usesKey(id string) string      { return "uses/" + id }

// heldKey finds what passed by whom it matters to: a deputy, a customer, or who declared.
func heldKey(k policy.MotionKind, whose, id string) string {
	return "motion-held/" + string(k) + "/" + whose + "/" + id
}

// settingsKey names the settings of a customer that were signed last. Nobody can
// take that row away unseen: without it less would be asked of the customer.
func settingsKey(customer string) string {
	return "motion-held/" + string(policy.ToSet) + "/" + customer
}

// A getter reads a row: Tx.Get, or Tx.Verified where something rests on it.
type getter func(key string, v any) (bool, error)

func load(get getter, id string) (row, error) {
	if !ValidCode(id) {
		return row{}, ErrUnknown
	}
	var r row
	if ok, err := get(motionKey(id), &r); err != nil {
		return row{}, fmt.Errorf("load motion %s: %w", id, err)
	} else if !ok {
		return row{}, ErrUnknown
	}
	return r, nil
}

// ValidCode says whether s is written as a short code is, so that no other text reaches a key.
func ValidCode(s string) bool {
	return len(s) >= 4 && len(s) <= 8 && strings.Trim(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewCode finds a short code that no motion and no request has had: people type
// either. Codes are not secret.
func NewCode(tx *ledger.Tx) (string, error) {
	for try := range 32 {
		b := make([]byte, 4+try/8) // grows when the short ones run out
		_, _ = rand.Read(b)        // never fails (crypto/rand)
		for i := range b {
			b[i] = crockford[b[i]%32]
		}
		free := true
		for _, key := range []string{motionKey(string(b)), "request/" + string(b)} {
			ok, err := tx.Get(key, new(json.RawMessage))
			if err != nil {
				return "", err
			}
			free = free && !ok
		}
		if free {
			return string(b), nil
		}
	}
	return "", errors.New("find a free code: too many tries")
}

// NewNonce is 16 random bytes in hex.
func NewNonce() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

// ids lists the codes of the rows below a prefix.
func ids(tx *ledger.Tx, prefix string) (all []string, err error) {
	err = tx.Scan(prefix, func(_ string, raw json.RawMessage) (bool, error) {
		var id string
		err := json.Unmarshal(raw, &id)
		all = append(all, id)
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("list motions: %w", err)
	}
	return all, nil
}

// seenBy lists the codes of the motions that who may see, of these kinds, newest first.
func (c *Charter) seenBy(tx *ledger.Tx, who policy.Principal, kinds []policy.MotionKind) ([]string, error) {
	var all []*policy.Motion
	err := tx.Scan(motionKey(""), func(_ string, raw json.RawMessage) (bool, error) {
		var r row
		if err := json.Unmarshal(raw, &r); err != nil {
			return false, err
		}
		m, err := r.motion()
		if err == nil && (len(kinds) == 0 || slices.Contains(kinds, m.Kind)) && c.maySee(tx, who, m) {
			all = append(all, m)
		}
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("list motions: %w", err)
	}
	slices.SortFunc(all, func(a, b *policy.Motion) int {
		if n := b.At.Compare(a.At); n != 0 {
			return n
		}
		return strings.Compare(a.ID, b.ID)
	})
	var codes []string
	for _, m := range all {
		codes = append(codes, m.ID)
	}
	return codes, nil
}

// event is one about the motion.
func event(kind, actor string, m *policy.Motion, detail, private map[string]string) ledger.Event {
	about := []string{m.ID}
	if customer := whose(m); customer != "" {
		about = append(about, customer)
	}
	return ledger.Event{Kind: "motion." + kind, Actor: actor, Subjects: about, Customers: about[1:], Detail: detail, Private: private}
}

// whose is the customer whose matter the motion is; "" of nobody's.
func whose(m *policy.Motion) string {
	if m.Stage.Kind == policy.BySelf && m.By.Kind == policy.Reviewer {
		return m.By.Customer
	}
	return m.Customer
}
