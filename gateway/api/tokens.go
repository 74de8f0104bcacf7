package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// Scopes of tokens. There is none for a yes: that is always a passkey's.
const (
	Read = "read" // look at what its person may see
	Ask  = "ask"  // make, extend, withdraw, give back, accept, say, propose
	End  = "end"  // revoke, reject, oppose, end
)

// Scopes lists those there are.
func Scopes() []string { return []string{Read, Ask, End} }

const (
	secretPrefix = "lbx_"
	defaultLife  = 15 * time.Minute
	minLife      = time.Minute
	maxLife      = time.Hour
	maxTokens    = 20 // of one person that are not over, revoked ones too
)

// People knows who somebody is now, and which keys count for them.
type People interface {
	// Current gives a person as they are now, from a verified row; Admitted when one of their passkeys is pinned.
	Current(tx *ledger.Tx, id string) (policy.Principal, error)
	// HoldsKey says whether the SSH key is still the person's, and counts.
	HoldsKey(tx *ledger.Tx, person, fingerprint string) (bool, error)
	// Passkey finds a person's passkey by its fingerprint, from a verified row.
	Passkey(tx *ledger.Tx, fingerprint string) (k statement.Key, of string, err error)
}

// Tokens are the keys of programs that act for a person. Each was made by a
// person with a key of theirs and is worth nothing once that key, or what the
// person was, is gone. Only the SHA-256 of a token is kept.
type Tokens struct {
	Ledger *ledger.Ledger
	People People
}

// A Token is what is known of one, but for its secret.
type Token struct {
	ID      string    `json:"id"` // names it; not secret
	Of      string    `json:"of"` // Principal.ID
	Key     string    `json:"key"`
	Scopes  []string  `json:"scopes"`
	Made    time.Time `json:"made"`
	Until   time.Time `json:"until"`
	Revoked time.Time `json:"revoked,omitzero"`

	Kind     policy.Kind `json:"kind"` // what the person was when it was made
	Customer string      `json:"customer,omitempty"`
	Admitted bool        `json:"admitted,omitempty"`
}

// ErrToken means that a token opens nothing: it is unknown, over or revoked, or
// its person or key does not count any more. It never says which.
var ErrToken = errors.New("the token is not valid any more")

// tokenKey is the row of a token. The secret itself reaches nothing else.
func tokenKey(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return "token/" + hex.EncodeToString(sum[:])
}

// Issue makes a token for who, who has just proven the key with this
// fingerprint (an SSH key or a passkey). No scopes is Read; no life is 15
// minutes, the most is an hour. The secret is given this once. The error is an
// *approvals.Refusal where the person can mend it.
func (t *Tokens) Issue(ctx context.Context, who policy.Principal, key string, scopes []string, life time.Duration) (secret string, until time.Time, err error) {
	if life == 0 {
		life = defaultLife
	}
	if scopes, err = goodScopes(scopes); err != nil {
		return "", time.Time{}, err
	}
	if life < minLife || life > maxLife {
		return "", time.Time{}, refuse("a token lives for 1m to 1h")
	}
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	made := secretPrefix + base64.RawURLEncoding.EncodeToString(b[:])
	err = t.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		now, err := t.counting(tx, who.ID, key)
		if errors.Is(err, ErrToken) {
			return refuse("the key that you came with does not count any more")
		}
		if err != nil {
			return err
		}
		if err := room(tx, who.ID); err != nil {
			return err
		}
		k := Token{
			ID: newID(), Of: now.ID, Key: key, Scopes: scopes, Made: tx.Now(), Until: tx.Now().Add(life),
			Kind: now.Kind, Customer: now.Customer, Admitted: now.Admitted,
		}
		until = k.Until
		return k.note(tx, tokenKey(made), "token.made", who.ID)
	})
	if err != nil {
		return "", time.Time{}, err
	}
	return made, until, nil
}

// goodScopes orders scopes and refuses what is none.
func goodScopes(scopes []string) ([]string, error) {
	if len(scopes) == 0 {
		return []string{Read}, nil
	}
	out := slices.Compact(slices.Sorted(slices.Values(scopes)))
	for _, s := range out {
		if !slices.Contains(Scopes(), s) {
			return nil, refuse("the scopes of a token are %s", strings.Join(Scopes(), ", "))
		}
	}
	return out, nil
}

// note stores the token with its event.
func (k Token) note(tx *ledger.Tx, row, kind, actor string) error {
	if err := tx.Put(row, k); err != nil {
		return err
	}
	_, err := tx.Append(ledger.Event{
		Kind: kind, Actor: actor,
		Detail:  map[string]string{"token": k.ID, "scopes": strings.Join(k.Scopes, ","), "life": k.Until.Sub(k.Made).String(), "key": k.Key},
		Private: map[string]string{"person": k.Of},
	})
	return err
}

// room refuses the next token of who has too many, and forgets all that are over.
func room(tx *ledger.Tx, who string) error {
	n := 0
	err := each(tx, func(row string, k Token) error {
		switch {
		case !tx.Now().Before(k.Until):
			return tx.Delete(row)
		case k.Of == who:
			n++
		}
		return nil
	})
	if err == nil && n >= maxTokens {
		err = refuse("you made %d tokens within an hour; wait until one of them is over", maxTokens)
	}
	return err
}

// each calls fn for every token there is.
func each(tx *ledger.Tx, fn func(row string, k Token) error) error {
	all := map[string]Token{}
	err := tx.Scan("token/", func(row string, raw json.RawMessage) (bool, error) {
		var k Token
		err := json.Unmarshal(raw, &k)
		all[row] = k
		return true, err
	})
	if err != nil {
		return fmt.Errorf("read tokens: %w", err)
	}
	for row, k := range all {
		if err := fn(row, k); err != nil {
			return err
		}
	}
	return nil
}

// counting is the person as they are now, if the key still counts for them; else ErrToken.
func (t *Tokens) counting(tx *ledger.Tx, person, key string) (policy.Principal, error) {
	who, err := t.People.Current(tx, person)
	if err != nil {
		return policy.Principal{}, gone(err)
	}
	ok, err := t.People.HoldsKey(tx, person, key)
	if err == nil && !ok {
		var of string
		_, of, err = t.People.Passkey(tx, key)
		ok = of == person
	}
	switch {
	case err != nil:
		return policy.Principal{}, gone(err)
	case !ok || who.ID != person || person == "":
		return policy.Principal{}, ErrToken
	}
	return who, nil
}

// gone is ErrToken where there is no such person or key any more.
func gone(err error) error {
	if r := new(identity.Refusal); errors.As(err, &r) {
		return ErrToken
	}
	return err
}

// Lookup says what a token is, and who its person is now. ErrToken where it opens nothing.
func (t *Tokens) Lookup(ctx context.Context, secret string) (k Token, who policy.Principal, err error) {
	if !wellFormed(secret) {
		return Token{}, policy.Principal{}, ErrToken
	}
	err = t.Ledger.View(ctx, func(tx *ledger.Tx) error {
		ok, err := tx.Verified(tokenKey(secret), &k)
		if err != nil {
			return fmt.Errorf("read token: %w", err)
		}
		if !ok || !k.Revoked.IsZero() || tx.Now().Before(k.Made) || !tx.Now().Before(k.Until) {
			return ErrToken
		}
		if who, err = t.counting(tx, k.Of, k.Key); err != nil {
			return err
		}
		if who.Kind != k.Kind || who.Customer != k.Customer || k.Admitted && !who.Admitted {
			return ErrToken // they are not any more what they were
		}
		return nil
	})
	if err != nil {
		return Token{}, policy.Principal{}, err
	}
	return k, who, nil
}

// wellFormed says whether s is written as a token is.
func wellFormed(s string) bool {
	text, ok := strings.CutPrefix(s, secretPrefix)
	if !ok || len(text) != 43 {
		return false
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil
}

// List gives a person's tokens that are not over, oldest first.
func (t *Tokens) List(ctx context.Context, who policy.Principal) (all []Token, err error) {
	err = t.Ledger.View(ctx, func(tx *ledger.Tx) error {
		all = nil
		return each(tx, func(_ string, k Token) error {
			if k.Of == who.ID && k.Revoked.IsZero() && tx.Now().Before(k.Until) {
				all = append(all, k)
			}
			return nil
		})
	})
	slices.SortFunc(all, func(a, b Token) int { return a.Made.Compare(b.Made) })
	return all, err
}

// Revoke ends one of a person's own tokens; ErrToken where they have no such.
func (t *Tokens) Revoke(ctx context.Context, who policy.Principal, id string) error {
	n, err := t.revoke(ctx, who.ID, func(k Token) bool { return k.Of == who.ID && k.ID == id })
	if err == nil && n == 0 {
		err = ErrToken
	}
	return err
}

// RevokeAll ends every token of a person: they left, or lost one.
func (t *Tokens) RevokeAll(ctx context.Context, by, person string) error {
	_, err := t.revoke(ctx, by, func(k Token) bool { return k.Of == person })
	return err
}

// revoke marks tokens rather than deleting them: they stay revoked until they are over.
func (t *Tokens) revoke(ctx context.Context, by string, which func(Token) bool) (n int, err error) {
	err = t.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		n = 0
		return each(tx, func(row string, k Token) error {
			if !which(k) || !k.Revoked.IsZero() || !tx.Now().Before(k.Until) {
				return nil
			}
			n++
			k.Revoked = tx.Now()
			return k.note(tx, row, "token.revoked", by)
		})
	})
	return n, err
}

// Sweep forgets tokens that are over. Nothing rests on it.
func (t *Tokens) Sweep(ctx context.Context) error {
	return t.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		n := 0
		err := each(tx, func(row string, k Token) error {
			if tx.Now().Before(k.Until) {
				return nil
			}
			n++
			return tx.Delete(row)
		})
		if err != nil || n == 0 {
			return err
		}
		_, err = tx.Append(ledger.Event{Kind: "token.lapsed", Actor: "lockbox", Detail: map[string]string{"count": strconv.Itoa(n)}})
		return err
	})
}

func newID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

func refuse(format string, args ...any) error {
	return &approvals.Refusal{Code: policy.ByPolicy, Why: fmt.Sprintf(format, args...)}
}
