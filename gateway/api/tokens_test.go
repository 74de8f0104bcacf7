package api

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"lockbox/approvals"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
)

// A town is a ledger whose clock the test moves, and people whose keys it takes away.
type town struct {
	*Tokens
	who     map[string]policy.Principal
	keys    map[string]string // fingerprint of an SSH key → person
	passkey map[string]string // fingerprint of a passkey → person
	err     error             // of every question

	t      *testing.T
	dir    string
	since  time.Duration
	engine *boltengine.Engine
	sign   note.Signer
	check  note.Verifier
}

func (w *town) Current(_ *ledger.Tx, id string) (policy.Principal, error) {
	p, ok := w.who[id]
	if !ok {
		return p, errors.Join(w.err, &identity.Refusal{Why: "nobody with this id is enrolled"})
	}
	return p, w.err
}

func (w *town) HoldsKey(_ *ledger.Tx, person, f string) (bool, error) {
	return w.keys[f] == person, w.err
}

func (w *town) Passkey(_ *ledger.Tx, f string) (statement.Key, string, error) {
	if w.passkey[f] == "" {
		return statement.Key{}, "", errors.Join(w.err, &identity.Refusal{Why: "no passkey with this fingerprint"})
	}
	return statement.Key{}, w.passkey[f], w.err
}

func newTown(t *testing.T) *town {
	t.Helper()
	eng := policy.Principal{ID: "eng@x.eu", Name: "Eng", Kind: policy.Staff}
	ceo := policy.Principal{ID: "ceo@x.eu", Name: "Ceo", Kind: policy.Executive, Admitted: true}
	w := &town{
		t: t, dir: t.TempDir(), who: map[string]policy.Principal{eng.ID: eng, ceo.ID: ceo},
		keys: map[string]string{"SHA256:eng": eng.ID}, passkey: map[string]string{"SHA256:ceo": ceo.ID},
	}
	private, public, err := note.GenerateKey(nil, "town.lockbox.test")
	must(t, err)
	w.sign, err = note.NewSigner(private)
	must(t, err)
	w.check, err = note.NewVerifier(public)
	must(t, err)
	w.open()
	return w
}

// open opens the ledger, again after a restart.
func (w *town) open() {
	w.t.Helper()
	var err error
	w.engine, err = boltengine.Open(filepath.Join(w.dir, "ledger.db"))
	must(w.t, err)
	began := time.Now()
	l, err := ledger.Open(w.t.Context(), w.engine, ledger.Options{
		Origin: "town.lockbox.test", Signer: w.sign, Verifier: w.check, Newest: []string{"token/"},
		Now: func() time.Time { return time.Now().Add(w.since) }, Elapsed: func() time.Duration { return time.Since(began) + w.since },
	})
	must(w.t, err)
	w.Tokens = &Tokens{Ledger: l, People: w}
	w.t.Cleanup(func() { _ = l.Close() }) // perhaps closed already
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *town) issue(id, key string, scopes ...string) string {
	w.t.Helper()
	secret, _, err := w.Issue(w.t.Context(), w.who[id], key, scopes, 0)
	must(w.t, err)
	return secret
}

func TestATokenOpensOnlyWhileItsPersonAndKeyCount(t *testing.T) {
	for _, tt := range []struct {
		name string
		then func(w *town)
		want error
	}{
		{"nothing happens", func(*town) {}, nil},
		{"a moment before its end", func(w *town) { w.since += defaultLife - time.Second }, nil},
		{"its time is up", func(w *town) { w.since += defaultLife }, ErrToken},
		{"the SSH key is removed", func(w *town) { delete(w.keys, "SHA256:eng") }, ErrToken},
		{"the SSH key is another's", func(w *town) { w.keys["SHA256:eng"] = "ceo@x.eu" }, ErrToken},
		{"the person left", func(w *town) { delete(w.who, "eng@x.eu") }, ErrToken},
		{"the person is of another kind", func(w *town) {
			w.who["eng@x.eu"] = policy.Principal{ID: "eng@x.eu", Kind: policy.Auditor}
		}, ErrToken},
		{"the person speaks for a customer", func(w *town) {
			w.who["eng@x.eu"] = policy.Principal{ID: "eng@x.eu", Kind: policy.Staff, Customer: "nord"}
		}, ErrToken},
		{"the row of the person is another's", func(w *town) { w.who["eng@x.eu"] = w.who["ceo@x.eu"] }, ErrToken},
		{"it is revoked", func(w *town) { must(t, w.RevokeAll(t.Context(), "ops@x.eu", "eng@x.eu")) }, ErrToken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newTown(t)
			secret := w.issue("eng@x.eu", "SHA256:eng", Ask)
			tt.then(w)
			k, who, err := w.Lookup(t.Context(), secret)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if tt.want == nil && (who.ID != "eng@x.eu" || !slices.Equal(k.Scopes, []string{Ask})) {
				t.Errorf("got %+v for %+v", k, who)
			}
			if tt.want != nil && (who.ID != "" || k.ID != "") {
				t.Errorf("a token that opens nothing gave %+v for %+v", k, who)
			}
		})
	}
}

func TestATokenOfWhoIsDismissedOpensNothing(t *testing.T) {
	w := newTown(t)
	secret := w.issue("ceo@x.eu", "SHA256:ceo", End)
	_, who, err := w.Lookup(t.Context(), secret)
	must(t, err)
	if !who.Admitted {
		t.Error("the executive is not admitted")
	}
	w.who["ceo@x.eu"] = policy.Principal{ID: "ceo@x.eu", Kind: policy.Executive}
	if _, _, err := w.Lookup(t.Context(), secret); !errors.Is(err, ErrToken) {
		t.Errorf("got %v, want ErrToken", err)
	}
}

func TestAFailureIsNoAnswerAboutAToken(t *testing.T) {
	w := newTown(t)
	secret := w.issue("eng@x.eu", "SHA256:eng")
	w.err = errors.New("the store is away")
	_, who, err := w.Lookup(t.Context(), secret)
	if err == nil || errors.Is(err, ErrToken) || who.ID != "" {
		t.Errorf("got %v for %+v, want the failure and nobody", err, who)
	}
}

func TestATokenIsIssuedOnlyForAKeyThatCounts(t *testing.T) {
	for _, tt := range []struct {
		name, who, key string
		scopes         []string
		life           time.Duration
		want           string
	}{
		{"another's SSH key", "ceo@x.eu", "SHA256:eng", nil, 0, "does not count"},
		{"another's passkey", "eng@x.eu", "SHA256:ceo", nil, 0, "does not count"},
		{"no key", "eng@x.eu", "", nil, 0, "does not count"},
		{"nobody", "", "SHA256:eng", nil, 0, "does not count"},
		{"a stranger", "x@x.eu", "SHA256:eng", nil, 0, "does not count"},
		{"a scope for a yes", "eng@x.eu", "SHA256:eng", []string{"approve"}, 0, "the scopes of a token are read, ask, end"},
		{"a scope among others", "eng@x.eu", "SHA256:eng", []string{Read, "*"}, 0, "the scopes of a token are read, ask, end"},
		{"an empty scope", "eng@x.eu", "SHA256:eng", []string{""}, 0, "the scopes of a token are read, ask, end"},
		{"longer than an hour", "eng@x.eu", "SHA256:eng", nil, time.Hour + 1, "1m to 1h"},
		{"a negative life", "eng@x.eu", "SHA256:eng", nil, -time.Hour, "1m to 1h"},
		{"an overflow", "eng@x.eu", "SHA256:eng", nil, 1<<63 - 1, "1m to 1h"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newTown(t)
			secret, until, err := w.Issue(t.Context(), policy.Principal{ID: tt.who}, tt.key, tt.scopes, tt.life)
			var no *approvals.Refusal
			if secret != "" || !until.IsZero() || !errors.As(err, &no) || !strings.Contains(no.Why, tt.want) {
				t.Errorf("got %v, %v, want a refusal with %q", until, err, tt.want)
			}
		})
	}
}

func TestOnePersonHasOnlySoManyTokens(t *testing.T) {
	w := newTown(t)
	for range maxTokens {
		w.issue("eng@x.eu", "SHA256:eng")
	}
	must(t, w.RevokeAll(t.Context(), "eng@x.eu", "eng@x.eu")) // making and revoking does not go round it
	if _, _, err := w.Issue(t.Context(), w.who["eng@x.eu"], "SHA256:eng", nil, 0); err == nil {
		t.Error("one more was made")
	}
	w.issue("ceo@x.eu", "SHA256:ceo") // others are not concerned
	w.since += defaultLife
	w.issue("eng@x.eu", "SHA256:eng")
}

func TestARevokedTokenStaysRevokedAfterARestart(t *testing.T) {
	w := newTown(t)
	kept, lost := w.issue("eng@x.eu", "SHA256:eng"), w.issue("eng@x.eu", "SHA256:eng")
	k, _, err := w.Lookup(t.Context(), lost)
	must(t, err)
	must(t, w.Revoke(t.Context(), w.who["eng@x.eu"], k.ID))
	must(t, w.Ledger.Close())
	w.open()
	if _, _, err := w.Lookup(t.Context(), lost); !errors.Is(err, ErrToken) {
		t.Errorf("the revoked one: got %v, want ErrToken", err)
	}
	if _, who, err := w.Lookup(t.Context(), kept); err != nil || who.ID != "eng@x.eu" {
		t.Errorf("the other one: got %v", err)
	}
	w.since += defaultLife
	must(t, w.Sweep(t.Context()))
	if _, _, err := w.Lookup(t.Context(), lost); !errors.Is(err, ErrToken) {
		t.Errorf("after the sweep: got %v, want ErrToken", err)
	}
	must(t, w.Ledger.Check(t.Context()))
}

func TestNobodyRevokesOrListsAnothersTokens(t *testing.T) {
	w := newTown(t)
	secret := w.issue("eng@x.eu", "SHA256:eng")
	k, _, err := w.Lookup(t.Context(), secret)
	must(t, err)
	if err := w.Revoke(t.Context(), w.who["ceo@x.eu"], k.ID); !errors.Is(err, ErrToken) {
		t.Errorf("got %v, want ErrToken", err)
	}
	_, _, err = w.Lookup(t.Context(), secret)
	must(t, err)
	all, err := w.List(t.Context(), w.who["ceo@x.eu"])
	if err != nil || len(all) != 0 {
		t.Errorf("got %v, %v", all, err)
	}
	if all, err = w.List(t.Context(), w.who["eng@x.eu"]); err != nil || len(all) != 1 || all[0].ID != k.ID {
		t.Errorf("got %v, %v", all, err)
	}
}

func TestWhatIsNotWrittenAsATokenReachesNoRow(t *testing.T) {
	w := newTown(t)
	secret := w.issue("eng@x.eu", "SHA256:eng")
	for _, s := range []string{
		"", "lbx_", secret[:len(secret)-1], secret + "A", secret + "=", " " + secret, secret + "\n", strings.ToUpper(secret),
		strings.TrimPrefix(secret, secretPrefix), strings.TrimPrefix(tokenKey(secret), "token/"), "lbx_" + strings.Repeat("/", 43),
	} {
		if _, _, err := w.Lookup(t.Context(), s); !errors.Is(err, ErrToken) {
			t.Errorf("%q: got %v, want ErrToken", s, err)
		}
	}
}

func TestTheSecretOfATokenIsNowhereInTheLedger(t *testing.T) {
	w := newTown(t)
	secret := w.issue("eng@x.eu", "SHA256:eng")
	must(t, w.RevokeAll(t.Context(), "ops@x.eu", "eng@x.eu"))
	must(t, w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
		return tx.Scan("", func(key string, raw json.RawMessage) (bool, error) {
			if strings.Contains(key+string(raw), secret[4:]) {
				t.Errorf("row %s holds it", key)
			}
			return true, nil
		})
	}))
	events, err := w.Ledger.After(t.Context(), -1, 100)
	must(t, err)
	kinds := []string{}
	for _, e := range events {
		kinds = append(kinds, e.Kind)
		if b, err := json.Marshal(e); err != nil || strings.Contains(string(b), secret[4:]) || strings.Contains(string(b), tokenKey(secret)[6:]) {
			t.Errorf("event %d holds it: %v", e.Seq, err)
		}
	}
	for _, want := range []string{"token.made", "token.revoked"} {
		if !slices.Contains(kinds, want) {
			t.Errorf("no event %s in %v", want, kinds)
		}
	}
}

func TestATokenThatWasPutBackIsNotBelieved(t *testing.T) {
	w := newTown(t)
	secret := w.issue("eng@x.eu", "SHA256:eng")
	raw := func(change func(ledger.Writer) error) { must(t, w.engine.Update(t.Context(), change)) }
	var row, old []byte
	raw(func(e ledger.Writer) error { // the row as it is stored, before it is revoked
		return e.Scan(nil, func(key, value []byte) (bool, error) {
			if strings.HasSuffix(string(key), tokenKey(secret)) {
				row, old = slices.Clone(key), slices.Clone(value)
			}
			return true, nil
		})
	})
	if row == nil {
		t.Fatal("the row is not where the test looks")
	}
	must(t, w.RevokeAll(t.Context(), "ops@x.eu", "eng@x.eu"))
	raw(func(e ledger.Writer) error { return e.Put(row, old) })
	_, who, err := w.Lookup(t.Context(), secret)
	if !errors.Is(err, ledger.ErrTampered) || who.ID != "" {
		t.Errorf("got %v for %+v, want ErrTampered", err, who)
	}
}
