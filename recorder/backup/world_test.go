package backup

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"

	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
)

const origin = "log.test"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A site is a ledger that runs, and who makes its backups.
type site struct {
	*Maker
	engine *boltengine.Engine
	id     *age.HybridIdentity // kept offline
	ahead  atomic.Int64        // seconds that the clock of the maker is
}

func logKey(t testing.TB) (note.Signer, note.Verifier) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	must(t, err)
	s, err := note.NewSigner(skey)
	must(t, err)
	v, err := note.NewVerifier(vkey)
	must(t, err)
	return s, v
}

func newSite(t testing.TB) *site {
	t.Helper()
	s, v := logKey(t)
	return siteAt(t, t.TempDir(), s, v)
}

// siteAt is the gateway that has its files in dir.
func siteAt(t testing.TB, dir string, signer note.Signer, v note.Verifier) *site {
	t.Helper()
	s := &site{}
	store := filepath.Join(dir, "ledger.db")
	var err error
	s.id, err = age.GenerateHybridIdentity()
	must(t, err)
	s.engine, err = boltengine.Open(store)
	must(t, err)
	o := ledger.Options{Origin: origin, Signer: signer, Verifier: v, Now: time.Now}
	l, err := ledger.Open(t.Context(), s.engine, o)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() }) // it may be closed
	must(t, os.WriteFile(filepath.Join(dir, "lockbox.yaml"), []byte("log: log.test\n"), 0o600))
	o.Now = func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load()) * time.Second) }
	s.Maker = &Maker{
		Ledger: l, Options: o, Copy: s.engine.Copy, Store: store, To: []age.Recipient{s.id.Recipient()}, Dir: filepath.Join(dir, "backups"), Actor: "lockbox",
		Files: func() (map[string]Source, error) {
			return map[string]Source{"lockbox.yaml": {IsConfig, filepath.Join(dir, "lockbox.yaml")}}, nil
		},
	}
	return s
}

// write appends an event with a row.
func (s *site) write(ctx context.Context, key string) error {
	return s.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{Kind: "test", Actor: "eva", Subjects: []string{key}, Private: map[string]string{"why": strings.Repeat("x", 100)}})
		return errors.Join(err, tx.Put("row/"+key, key))
	})
}

func (s *site) writes(t testing.TB, n int) {
	t.Helper()
	for i := range n {
		must(t, s.write(t.Context(), fmt.Sprintf("k%d", i)))
	}
}

// kinds are those of the events in the log, but for the writes.
func (s *site) kinds(t testing.TB) (all []string) {
	t.Helper()
	events, err := s.Ledger.After(t.Context(), -1, 1<<20)
	must(t, err)
	for _, e := range events {
		if e.Kind != "test" {
			all = append(all, e.Kind)
		}
	}
	return all
}

// restore unpacks a file and opens what is in it.
func (s *site) restore(t testing.TB, path string, id age.Identity) (*ledger.Ledger, error) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer func() { _ = f.Close() }() // read only
	u, err := Unpack(f, t.TempDir(), id)
	if err != nil {
		return nil, err
	}
	l, err := Open(t.Context(), u, s.Options)
	if err == nil {
		t.Cleanup(func() { _ = l.Close() })
	}
	return l, err
}

// left are the names in a folder.
func left(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
