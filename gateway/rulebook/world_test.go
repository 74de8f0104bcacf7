package rulebook

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"lockbox/policy"
	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
)

const files = `version: 1
groups: { engineers: { members: [eng@x.eu] }, board: { members: [ceo@x.eu, cto@x.eu] } }
customers: { nord: { name: Nord } }
targets:
  db1.prod:
    kind: ssh
    address: 10.0.0.5:22
    host_key: SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
    logins: { deploy: { reaches: all } }
    class: production
    owner: eng@x.eu
    location: here
    customers: [nord]
rules:
  - name: shell
    permit: [shell]
    who: { groups: [engineers] }
    on: { targets: [db1.prod] }
    stages: [ { executive: { count: 1 } }, { customer: { count: 1 } } ]
    limits: { default: 1h, max: 2h }
`

// A shelf holds a book whose files the test writes, over a ledger that stays.
type shelf struct {
	*Book
	ledger  *ledger.Ledger
	files   map[string][]byte
	founded int
	differs error // founded_by differs from what was pinned
	motions *signatures
	clock   atomic.Int64 // seconds added to the time
	reports []error
}

// signatures keeps motions as the charter does, and lets the test sign them.
type signatures struct {
	all  map[string]*policy.Motion
	none bool // nobody can sign yet
}

func (s *signatures) Offer(_ context.Context, m policy.Motion) (string, error) {
	if s.none {
		return "", errors.New("2 executives must sign, and 0 could")
	}
	for id, o := range s.all {
		if o.About == m.About && o.Config == m.Config && o.Ended.IsZero() {
			return id, nil
		}
	}
	m.ID, m.At = fmt.Sprintf("M%03d", len(s.all)), time.Now()
	m.Stage.Of, m.Stage.Expires = 2, time.Hour
	s.all[m.ID] = &m
	return m.ID, nil
}

func (s *signatures) Drop(_ context.Context, id, _ string) error {
	s.all[id].Ended = time.Now()
	return nil
}

func (s *signatures) Proven(tx *ledger.Tx, id string) (*policy.Motion, error) {
	if m := s.all[id]; m.Holds(tx.Now()) {
		return m, nil
	}
	return nil, errors.New("it is not signed")
}

func newShelf(t *testing.T) *shelf {
	skey, vkey, err := note.GenerateKey(rand.Reader, "lockbox.test")
	must(t, err)
	signer, err := note.NewSigner(skey)
	must(t, err)
	verifier, err := note.NewVerifier(vkey)
	must(t, err)
	engine, err := boltengine.Open(filepath.Join(t.TempDir(), "ledger.db"))
	must(t, err)
	s := &shelf{files: map[string][]byte{"policy/p.yaml": []byte(files)}, motions: &signatures{all: map[string]*policy.Motion{}}}
	start := time.Now()
	elapsed := func() time.Duration { return time.Since(start) + time.Duration(s.clock.Load())*time.Second }
	s.ledger, err = ledger.Open(t.Context(), engine, ledger.Options{
		Origin: "lockbox.test", Signer: signer, Verifier: verifier, Now: func() time.Time { return start.Add(elapsed()) }, Elapsed: elapsed,
	})
	must(t, err)
	t.Cleanup(func() { must(t, s.ledger.Close()) })
	s.start("config-1", false)
	return s
}

// start is the gateway started anew with this configuration.
func (s *shelf) start(config string, production bool) {
	s.Book = &Book{
		Ledger: s.ledger, Motions: s.motions, Config: config, Production: production, Actor: "ops@localhost",
		Read:     func() (map[string][]byte, error) { return maps.Clone(s.files), nil },
		Found:    func(context.Context, []string, map[string][]string) error { s.founded++; return nil },
		MayFound: func(_ context.Context, _ []string, customers map[string][]string) error { return s.differs },
		Report:   func(err error) { s.reports = append(s.reports, err) },
	}
}

func (s *shelf) write(text string) { s.files["policy/p.yaml"] = []byte(text) }

func (s *shelf) edit(old, text string) {
	s.write(strings.Replace(string(s.files["policy/p.yaml"]), old, text, 1))
}

// sign gives n executives' signatures to a motion, and its effect when they are enough.
func (s *shelf) sign(t *testing.T, id string, n int) error {
	t.Helper()
	m := s.motions.all[id]
	for i := range n {
		m.Votes = append(m.Votes, policy.Vote{By: policy.Principal{ID: fmt.Sprint("exec", i), Kind: policy.Executive, Admitted: true}, At: time.Now(), Verdict: policy.Yes, Terms: policy.Terms{For: time.Hour}})
	}
	return s.ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		if err := s.Effect(tx, m); err != nil {
			return err
		}
		_, err := tx.Append(ledger.Event{Kind: "motion.sign", Actor: "exec", Subjects: []string{id}})
		return err
	})
}

func (s *shelf) kinds(t *testing.T) (kinds []string) {
	t.Helper()
	all, err := s.ledger.After(t.Context(), -1, 1000)
	must(t, err)
	for _, e := range all {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
