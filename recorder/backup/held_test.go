package backup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
)

// again opens the file of s in another life: as it was when old was copied from it.
func (s *site) again(t *testing.T, old []byte) *ledger.Ledger {
	t.Helper()
	must(t, s.Ledger.Close())
	must(t, os.WriteFile(s.Store, old, 0o600))
	return s.opened(t)
}

func (s *site) opened(t *testing.T) *ledger.Ledger {
	t.Helper()
	e, err := boltengine.Open(s.Store)
	must(t, err)
	o := s.Options
	o.Now = time.Now
	l, err := ledger.Open(t.Context(), e, o)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() }) // it may be closed
	s.Ledger = l
	return l
}

func (s *site) copied(t *testing.T) []byte {
	t.Helper()
	var b strings.Builder
	_, err := s.Copy(t.Context(), &b)
	must(t, err)
	return []byte(b.String())
}

func (s *site) reader() Reader { return Reader{origin, s.Options.Verifier} }

// settle starts the ledger of s, and says how often everything was ended.
func (s *site) settle(t *testing.T, held ...Held) (ended int, err error) {
	t.Helper()
	if _, err := os.Stat(HeadPath(s.Store)); err == nil {
		h, err := s.reader().File("this machine", HeadPath(s.Store))
		must(t, err)
		held = append(held, h)
	}
	err = Start{Ledger: s.Ledger, Reader: s.reader(), Store: s.Store, End: func(tx *ledger.Tx, _ string) error {
		ended++
		return tx.Put("row/ended", ended)
	}}.Settle(t.Context(), held)
	return ended, err
}

func (s *site) mark(t *testing.T, accept bool) {
	t.Helper()
	m, err := MarkFor(s.Ledger)
	must(t, err)
	m.By, m.Accept, m.At = "ops@x.eu", accept, time.Now().UTC()
	if accept {
		m.Why = "the disk is lost"
	}
	must(t, m.Write(s.Store))
}

func TestAnOlderLedgerDoesNotGoOnSilently(t *testing.T) {
	s := newSite(t)
	head := &Head{Ledger: s.Ledger, Path: HeadPath(s.Store)}
	s.writes(t, 3)
	must(t, head.Write())
	old := s.copied(t)
	if n, err := s.settle(t); n != 0 || err != nil {
		t.Fatalf("the newest ledger: %d, %v", n, err)
	}
	s.writes(t, 2)
	must(t, head.Write())
	s.again(t, old)
	_, err := s.settle(t)
	var r *Rewound
	if !errors.As(err, &r) || !errors.Is(err, ledger.ErrRewound) || len(r.Held) != 1 || r.Held[0].N != 5 || r.Has.N != 3 {
		t.Fatalf("an older ledger: %v", err)
	}
	for _, part := range []string{"this machine holds a checkpoint", "with 5 events", "with 3 events", "older", "restore the newest backup", "--accept-loss"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	s.mark(t, false)
	if _, err := s.settle(t); !errors.As(err, &r) {
		t.Fatalf("restored, and nobody accepted the loss: %v", err)
	}
	if got := s.kinds(t); len(got) != 0 {
		t.Errorf("a ledger that was refused was written to: %v", got)
	}
	s.mark(t, true)
	if n, err := s.settle(t); n != 1 || err != nil {
		t.Fatalf("with the loss accepted: ended %d times, %v", n, err)
	}
	if _, err := os.Stat(MarkPath(s.Store)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the mark is still there: %v", err)
	}
	if n, err := s.settle(t, r.Held...); n != 0 || err != nil {
		t.Errorf("the next start: ended %d times, %v", n, err)
	}
	s.writes(t, 9)
	if n, err := s.settle(t, r.Held...); n != 0 || err != nil {
		t.Errorf("longer than what is held: ended %d times, %v", n, err)
	}
	events, err := s.Ledger.After(t.Context(), 2, 1)
	must(t, err)
	if e := events[0]; e.Kind != "ledger.restored" || e.Detail["lost"] != point(r.Held[0].Checkpoint) || e.Private["why"] != "the disk is lost" || e.Actor != "ops@x.eu" {
		t.Errorf("the event says %+v", e)
	}
}

func TestAForkIsRefusedToo(t *testing.T) {
	s := newSite(t)
	s.writes(t, 3)
	old := s.copied(t)
	s.writes(t, 2)
	must(t, (&Head{Ledger: s.Ledger, Path: HeadPath(s.Store)}).Write())
	s.again(t, old)
	s.writes(t, 7) // another way, and longer
	if _, err := s.settle(t); !errors.Is(err, ledger.ErrRewound) || !strings.Contains(err.Error(), "another way") {
		t.Errorf("got %v", err)
	}
}

func TestARestoredLedgerEndsEverythingThoughNobodyHoldsMore(t *testing.T) {
	s := newSite(t)
	s.writes(t, 3)
	s.mark(t, false)
	if n, err := s.settle(t); n != 1 || err != nil {
		t.Fatalf("ended %d times, %v", n, err)
	}
	if got := s.kinds(t); !slices.Equal(got, []string{"ledger.restored"}) {
		t.Errorf("events %v", got)
	}
}

func TestAMarkIsForOneLedgerAndOnce(t *testing.T) {
	s := newSite(t)
	s.writes(t, 3)
	s.mark(t, true)
	s.writes(t, 1) // it is another now
	if _, err := s.settle(t); err == nil || !strings.Contains(err.Error(), "another ledger") {
		t.Errorf("a mark of another ledger: got %v", err)
	}
	s.mark(t, true)
	kept, err := os.ReadFile(MarkPath(s.Store))
	must(t, err)
	if n, err := s.settle(t); n != 1 || err != nil {
		t.Fatalf("ended %d times, %v", n, err)
	}
	s.writes(t, 2)
	must(t, os.WriteFile(MarkPath(s.Store), kept, 0o600)) // as after a crash before it was removed
	if n, err := s.settle(t); n != 0 || err != nil {
		t.Errorf("the same mark again: ended %d times, %v", n, err)
	}
	must(t, os.WriteFile(MarkPath(s.Store), kept, 0o600))
	old := s.copied(t)
	s.writes(t, 4)
	later, err := s.reader().Open(s.Ledger.Checkpoint())
	must(t, err)
	s.again(t, old)
	if _, err := s.settle(t, Held{By: "the auditor", Checkpoint: later}); !errors.Is(err, ledger.ErrRewound) {
		t.Errorf("an old mark accepts a new loss: %v", err)
	}
	must(t, os.WriteFile(MarkPath(s.Store), []byte("{}\n"), 0o600))
	if _, err := s.settle(t); err == nil {
		t.Error("a mark that says nothing was taken")
	}
}

func FuzzParseMark(f *testing.F) {
	f.Add([]byte(`{"size":3,"root":"x","at":"2026-11-22T02:30:00Z","by":"ops","accept":true,"why":"lost"}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMark(b)
		if err != nil {
			return
		}
		store := filepath.Join(t.TempDir(), "l")
		must(t, m.Write(store))
		if again, err := os.ReadFile(MarkPath(store)); err != nil || string(again) != string(b) {
			t.Errorf("%q is printed as %q, %v", b, again, err)
		}
	})
}

func FuzzParseManifest(f *testing.F) {
	m := Manifest{Version: 1, Log: origin, Kind: Nightly, Made: day(0), Checkpoint: "x", Files: []File{{ledgerName, IsLedger, 1, strings.Repeat("0", 64)}}}
	text, err := m.text()
	must(f, err)
	f.Add([]byte(text + "\n— x AAAA\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseManifest(b)
		if err != nil {
			return
		}
		if text, err := m.text(); err != nil || !strings.HasPrefix(string(b), text+"\n") {
			t.Errorf("%q is printed as %q, %v", b, text, err)
		}
	})
}

func FuzzUnpack(f *testing.F) {
	s := newSite(f)
	made, err := s.Make(context.Background(), Nightly)
	must(f, err)
	b, err := os.ReadFile(made.Path)
	must(f, err)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := Unpack(strings.NewReader(string(b)), t.TempDir(), s.id)
		if err == nil && u.check() != nil {
			t.Errorf("took %+v", u.Manifest)
		}
	})
}
