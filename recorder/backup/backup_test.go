package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"

	"lockbox/recorder/ledger"
)

func TestUnderLoadABackupHoldsAllThatWasSaidBefore(t *testing.T) {
	s := newSite(t)
	var n atomic.Int64
	var wg sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	for w := range 16 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if err := s.write(ctx, fmt.Sprintf("%d-%d", w, i)); err == nil {
					n.Add(1)
				} else if ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	for n.Load() < 100 {
		<-time.After(time.Millisecond)
	}
	said := n.Load()
	made, err := s.Make(t.Context(), Nightly)
	stop()
	wg.Wait()
	must(t, err)
	l, err := s.restore(t, made.Path, s.id)
	must(t, err) // with a full check
	if l.Last()+1 < said || string(l.Checkpoint()) != made.Checkpoint || made.Events != l.Last()+1 {
		t.Errorf("%d events were acknowledged, and %d are restored: %+v", said, l.Last()+1, made)
	}
	if got := s.kinds(t); !slices.Contains(got, "backup.made") {
		t.Errorf("events %v", got)
	}
	if got := append(left(t, s.Dir), left(t, filepath.Dir(s.Store))...); len(got) != 1+3 { // backups ledger.db lockbox.yaml
		t.Errorf("left behind: %v", got)
	}
	info, err := os.Stat(made.Path)
	must(t, err)
	if info.Mode().Perm() != 0o600 || info.Size() != made.Size {
		t.Errorf("mode %s, %d bytes", info.Mode(), info.Size())
	}
}

func TestEveryChangedBitIsRefused(t *testing.T) {
	s := newSite(t)
	s.writes(t, 3)
	made, err := s.Make(t.Context(), Nightly)
	must(t, err)
	whole, err := os.ReadFile(made.Path)
	must(t, err)
	try := func(what string, b []byte, ids ...age.Identity) {
		t.Helper()
		_, err := Unpack(bytes.NewReader(b), t.TempDir(), ids...)
		if err == nil || !strings.HasPrefix(err.Error(), "this backup is ") {
			t.Errorf("%s: got %v, want a sentence", what, err)
		}
	}
	for i := 0; i < len(whole); i += 1 + len(whole)/199 {
		b := bytes.Clone(whole)
		b[i] ^= 1 << (i % 8)
		try(fmt.Sprintf("bit %d of byte %d", i%8, i), b, s.id)
	}
	for _, n := range []int{0, 1, 100, len(whole) / 2, len(whole) - 1} {
		try(fmt.Sprintf("cut after %d bytes", n), whole[:n], s.id)
	}
	try("more at the end", append(bytes.Clone(whole), 0), s.id)
	other, err := age.GenerateHybridIdentity()
	must(t, err)
	try("another identity", whole, other)
}

// forge seals what anybody can who knows the public key.
func forge(t *testing.T, s *site, m Manifest, signed []byte, at map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := age.Encrypt(&b, s.id.Recipient())
	must(t, err)
	must(t, errors.Join(pack(w, m, signed, func(f File) string { return at[f.Name] }), w.Close()))
	return b.Bytes()
}

func TestWhatOthersSealedIsNotBelieved(t *testing.T) {
	s, other := newSite(t), newSite(t)
	s.writes(t, 3)
	other.writes(t, 3)
	made, err := other.Make(t.Context(), Nightly)
	must(t, err)
	f, err := os.ReadFile(made.Path)
	must(t, err)
	u, err := Unpack(bytes.NewReader(f), t.TempDir(), other.id)
	must(t, err)
	if _, err := Open(t.Context(), u, s.Options); err == nil || !strings.Contains(err.Error(), "was not this gateway") {
		t.Errorf("made with another log key: got %v", err)
	}
	for _, name := range []string{"../out", "/etc/passwd", "a/../../b", "a\\b", "manifest", ".", "", "a//b"} {
		m := u.Manifest
		m.Files = append(slices.Clone(m.Files[:1]), File{name, IsConfig, m.Files[1].Size, m.Files[1].SHA256})
		text, err := m.text()
		must(t, err)
		b := forge(t, s, m, []byte(text+"\n— x AAAA\n"), map[string]string{ledgerName: u.Path(u.Files[0]), name: u.Path(u.Files[1])})
		if _, err := Unpack(bytes.NewReader(b), t.TempDir(), s.id); err == nil {
			t.Errorf("a file called %q was restored", name)
		}
	}
	m := u.Manifest
	swapped := forge(t, s, m, u.Signed, map[string]string{ledgerName: u.Path(m.Files[0]), "lockbox.yaml": filepath.Join(filepath.Dir(s.Store), "lockbox.yaml")})
	if _, err := Unpack(bytes.NewReader(swapped), t.TempDir(), s.id); err != nil {
		t.Errorf("the same files: %v", err)
	}
	must(t, os.WriteFile(u.Path(m.Files[1]), []byte("log: evil.test\n"), 0o600)) // as long
	m.Files[1].Size = 15
	if _, err := Unpack(bytes.NewReader(forge(t, s, m, u.Signed, map[string]string{ledgerName: u.Path(m.Files[0]), "lockbox.yaml": u.Path(m.Files[1])})), t.TempDir(), s.id); err == nil {
		t.Error("another file than is listed was restored")
	}
}

func TestAFailureLeavesTheOldOnesAndSaysSo(t *testing.T) {
	s := newSite(t)
	s.writes(t, 3)
	first, err := s.Make(t.Context(), Nightly)
	must(t, err)
	was, err := os.ReadFile(first.Path)
	must(t, err)
	gone, stop := context.WithCancel(t.Context())
	stop()
	elsewhere := newSite(t)
	elsewhere.writes(t, 3)
	for i, tt := range []struct {
		name  string
		spoil func(*Maker)
		ctx   context.Context
		says  string
	}{
		{"nobody to seal it to", func(m *Maker) { m.To = nil }, t.Context(), "nobody to seal"},
		{"a copy that ends early", func(m *Maker) { m.Copy = half(m.Copy) }, t.Context(), "cannot be restored"},
		{"the copy of another ledger", func(m *Maker) { m.Copy = elsewhere.Copy }, t.Context(), "cannot be restored"},
		{"a policy file that is gone", func(m *Maker) {
			m.Files = func() (map[string]Source, error) { return map[string]Source{"policy/x": {IsPolicy, "/none"}}, nil }
		}, t.Context(), "/none"},
		{"it is stopped", func(*Maker) {}, gone, "canceled"},
	} {
		m := &Maker{Ledger: s.Ledger, Options: s.Options, Copy: s.Copy, Store: s.Store, Files: s.Files, To: s.To, Dir: s.Dir, Actor: s.Actor}
		tt.spoil(m)
		s.ahead.Add(24 * 60 * 60)
		have, err := Have(s.Dir)
		must(t, err)
		_, err = m.Make(tt.ctx, Nightly, have...)
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.says)
		}
		if now, err := os.ReadFile(first.Path); err != nil || !bytes.Equal(now, was) {
			t.Errorf("%s: the old backup is not there any more: %v", tt.name, err)
		}
		if got := left(t, s.Dir); len(got) != 1 {
			t.Errorf("%s: left %v", tt.name, got)
		}
		if got := s.kinds(t); len(got) != i+2 || got[i+1] != "backup.failed" {
			t.Errorf("%s: events %v", tt.name, got)
		}
	}
	if got := left(t, filepath.Dir(s.Store)); len(got) != 3 {
		t.Errorf("left %v", got)
	}
}

// half is a copy that ends early, and says that all is well.
func half(whole func(context.Context, io.Writer) (int64, error)) func(context.Context, io.Writer) (int64, error) {
	return func(ctx context.Context, w io.Writer) (int64, error) {
		var b bytes.Buffer
		n, err := whole(ctx, &b)
		_, err2 := w.Write(b.Bytes()[:n/2])
		return n, errors.Join(err, err2)
	}
}

func TestRunCatchesUpAndKeepsTheSchedule(t *testing.T) {
	s := newSite(t)
	s.writes(t, 1)
	sched := Schedule{}
	for range 12 {
		must(t, s.Catch(t.Context(), sched))
		must(t, s.Catch(t.Context(), sched)) // nothing is due
		s.ahead.Add(24 * 60 * 60)
	}
	have, err := Have(s.Dir)
	must(t, err)
	if n, m := len(of(have, Nightly)), len(of(have, Monthly)); n != 7 || m > 2 || m < 1 {
		t.Errorf("%d nights and %d months are left", n, m)
	}
	var deleted string
	events, err := s.Ledger.After(t.Context(), -1, 1000)
	must(t, err)
	for _, e := range events {
		deleted += e.Detail["deletes"] + " "
	}
	if n := len(strings.Fields(deleted)); n != 5 {
		t.Errorf("the events tell of %d that were deleted: %s", n, deleted)
	}
}

func TestABackupDoesNotHoldTheLedgerUp(t *testing.T) {
	s := newSite(t)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	err := s.Ledger.View(ctx, func(*ledger.Tx) error { return nil })
	must(t, err)
	copying, leave := make(chan struct{}), make(chan struct{})
	whole := s.Copy
	s.Copy = func(ctx context.Context, w io.Writer) (int64, error) {
		close(copying)
		<-leave
		return whole(ctx, w)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := s.Make(ctx, Nightly); err != nil {
			t.Error(err)
		}
	})
	<-copying
	s.writes(t, 5) // while it copies
	close(leave)
	wg.Wait()
}

func TestOfTwoThatAreMadeAtOnceOneIsKept(t *testing.T) {
	s := newSite(t)
	s.writes(t, 1)
	whole := s.Copy
	s.Copy = func(ctx context.Context, w io.Writer) (int64, error) {
		s.ahead.Add(1) // the next one is a second later
		return whole(ctx, w)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := s.Now(t.Context(), Schedule{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := left(t, s.Dir); len(got) != 1 {
		t.Errorf("of one night %v are left", got)
	}
}
