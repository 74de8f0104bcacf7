package keys

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	webFile   = "web"
	webLife   = 30 * 24 * time.Hour // a key signs so long
	webLead   = 24 * time.Hour      // it is published so long before that, and after
	webAtMost = 8                   // keys in the file
)

// Web are the keys by which web applications know who is there. One of them
// signs, for 30 days; whoever verifies learns of the next one a day before it
// signs, and of the last one for a day after, so that they may keep what they
// fetched for a day.
type Web struct {
	dir string
	now func() time.Time

	turning sync.Mutex // held by who changes the file
	keys    atomic.Pointer[[]webKey]
}

// A webKey signs from a moment on, until the next one does.
type webKey struct {
	from   time.Time
	secret ed25519.PrivateKey
	sign   jose.Signer
	public jose.JSONWebKey
}

// OpenWeb reads the keys for web applications out of the directory of a ring, or
// makes the first. now is nil for time.Now.
func OpenWeb(dir string, now func() time.Time) (*Web, error) {
	w := &Web{dir: dir, now: now}
	if now == nil {
		w.now = time.Now
	}
	b, err := openBox(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = b.root.Close() }() // read only
	if b.has(webFile) {
		text, err := b.read(webFile)
		if err != nil {
			return nil, err
		}
		all, err := parseWeb(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w: restore it from a backup, or take it away: new ones are made", b.path(webFile), err)
		}
		w.keys.Store(&all)
	}
	if err := w.Turn(); err != nil {
		return nil, err
	}
	return w, nil
}

// Turn makes the next key when it is time, and destroys the last one a day after
// it signed. Somebody calls it every hour. After an error the keys are as before.
func (w *Web) Turn() error {
	w.turning.Lock()
	defer w.turning.Unlock()
	was, now := w.all(), w.now().UTC()
	next, err := turned(was, now)
	if err != nil {
		return fmt.Errorf("make a key for web applications: %w", err)
	}
	if slices.EqualFunc(was, next, func(a, b webKey) bool { return a.public.KeyID == b.public.KeyID }) {
		return nil
	}
	if err := w.keep(next); err != nil {
		return fmt.Errorf("keep the keys for web applications: %w", err)
	}
	w.keys.Store(&next)
	return nil
}

// turned are the keys as they have to be now.
func turned(was []webKey, now time.Time) (next []webKey, err error) {
	for i, k := range was {
		over := i+1 < len(was) && !now.Before(was[i+1].from.Add(webLead))
		early := i > 0 && k.from.After(now.Add(webLead)) // the clock was wrong when it was made
		if !over && !early {
			next = append(next, k)
		}
	}
	from := now
	if len(next) > 0 {
		last := next[len(next)-1].from
		if now.Before(last.Add(webLife - webLead)) {
			return next, nil
		}
		from = now.Add(webLead)
		if due := last.Add(webLife); due.After(from) {
			from = due
		}
	}
	_, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	k, err := newWebKey(from, secret)
	if err != nil {
		return nil, err
	}
	return append(next, k), nil
}

// newWebKey names a key by its thumbprint (RFC 7638).
func newWebKey(from time.Time, secret ed25519.PrivateKey) (webKey, error) {
	k := webKey{from: from, secret: secret}
	k.public = jose.JSONWebKey{Key: secret.Public(), Algorithm: string(jose.EdDSA), Use: "sig"}
	sum, err := k.public.Thumbprint(crypto.SHA256)
	if err != nil {
		return webKey{}, fmt.Errorf("name the key: %w", err)
	}
	k.public.KeyID = base64.RawURLEncoding.EncodeToString(sum)
	as := jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: secret, KeyID: k.public.KeyID}}
	if k.sign, err = jose.NewSigner(as, (&jose.SignerOptions{}).WithType("JWT")); err != nil {
		return webKey{}, fmt.Errorf("use the key: %w", err)
	}
	return k, nil
}

func (w *Web) all() []webKey {
	if p := w.keys.Load(); p != nil {
		return *p
	}
	return nil
}

// Sign makes a JSON Web Token of claims (RFC 7519, EdDSA by RFC 8037), signed by
// the key whose time it is.
func (w *Web) Sign(claims any) (string, error) {
	text, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("write claims: %w", err)
	}
	all, now := w.all(), w.now()
	k := all[0] // there is always one
	for _, later := range all[1:] {
		if !now.Before(later.from) {
			k = later
		}
	}
	signed, err := k.sign.Sign(text)
	if err != nil {
		return "", fmt.Errorf("sign claims: %w", err)
	}
	return signed.CompactSerialize()
}

// JWKS is the set of keys that verifies what Sign makes (RFC 7517).
func (w *Web) JWKS() []byte {
	var set jose.JSONWebKeySet
	for _, k := range w.all() {
		set.Keys = append(set.Keys, k.public)
	}
	b, err := json.Marshal(set)
	if err != nil {
		return []byte(`{"keys":[]}`) // nothing verifies by it
	}
	return b
}

// Format prints "secret" for every verb.
func (w *Web) Format(f fmt.State, _ rune) { hide(f) }

// A keptKey is one as the file has it.
type keptKey struct {
	From time.Time `json:"from"`
	Seed []byte    `json:"seed"` // RFC 8032 §5.1.5
}

var errWeb = errors.New("not the keys for web applications, or cut off")

// parseWeb reads what printWeb wrote. Its errors never quote what it was given.
func parseWeb(text []byte) (all []webKey, err error) {
	var kept []keptKey
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if d.Decode(&kept) != nil || len(bytes.TrimSpace(text[d.InputOffset():])) > 0 || len(kept) == 0 || len(kept) > webAtMost {
		return nil, errWeb
	}
	for i, k := range kept {
		if len(k.Seed) != ed25519.SeedSize || i > 0 && !kept[i-1].From.Before(k.From) {
			return nil, errWeb
		}
		key, err := newWebKey(k.From.UTC(), ed25519.NewKeyFromSeed(k.Seed))
		if err != nil || slices.ContainsFunc(all, func(o webKey) bool { return o.public.KeyID == key.public.KeyID }) {
			return nil, errWeb
		}
		all = append(all, key)
	}
	return all, nil
}

func printWeb(all []webKey) ([]byte, error) {
	var kept []keptKey
	for _, k := range all {
		kept = append(kept, keptKey{k.from, k.secret.Seed()})
	}
	b, err := json.Marshal(kept)
	return append(b, '\n'), err
}

// keep puts the keys on the disk in place of those before, all or nothing.
func (w *Web) keep(all []webKey) error {
	text, err := printWeb(all)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(w.dir, ".web-") // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone after the rename
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), box{dir: w.dir}.path(webFile)); err != nil {
		return err
	}
	return syncDir(w.dir)
}
