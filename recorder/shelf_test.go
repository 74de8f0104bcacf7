package recorder

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
)

func TestARecordingIsSealedToItsReaders(t *testing.T) {
	r := newRig(t)
	reader, err := age.GenerateHybridIdentity()
	must(t, err)
	classic, err := age.GenerateX25519Identity()
	must(t, err)
	pq, old := reader.Recipient().String(), classic.Recipient().String()
	for _, row := range []struct {
		name         string
		how          How
		vault, other bool
		bad          string
	}{
		{"the vault's", How{}, true, false, ""},
		{"a reader's too", How{Readers: []string{pq}}, true, true, ""},
		{"a reader's only", How{Readers: []string{pq}, NotVault: true}, false, true, ""},
		{"nobody's", How{NotVault: true}, false, false, "nobody to seal it to"},
		{"no key", How{Readers: []string{"age1pq1zzz"}}, false, false, "no age public key"},
		{"two kinds", How{Readers: []string{pq, old}, NotVault: true}, false, false, "one kind"},
		{"the vault's and a classic one", How{Readers: []string{old}}, false, false, "can't mix"},
	} {
		w := words()
		rec, err := r.Open(w, row.how)
		if row.bad != "" {
			if err == nil || !strings.Contains(err.Error(), row.bad) {
				t.Errorf("%s: got %v, want %q", row.name, err, row.bad)
			}
			if _, err := Find(r.Dir, w.ID); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: it left a folder: %v", row.name, err)
			}
			continue
		}
		must(t, err)
		_, err = rec.Track(pty)
		must(t, err)
		closed(t, rec)
		_, byVault := Open(r.folder(t, w.ID), r.id)
		_, byReader := Open(r.folder(t, w.ID), reader)
		if (byVault == nil) != row.vault || (byReader == nil) != row.other {
			t.Errorf("%s: vault %v, reader %v", row.name, byVault, byReader)
		}
	}
}

func TestHealth(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) func() Wait {
		return func() Wait { return Wait{Segments: 1, Bytes: 10, Oldest: now.Add(-d)} }
	}
	for _, row := range []struct {
		name  string
		do    func(*Shelf)
		level Level
		why   string
	}{
		{"well", func(*Shelf) {}, Green, ""},
		{"nothing waits", func(s *Shelf) { s.Waits = func() Wait { return Wait{} } }, Green, ""},
		{"a young wait", func(s *Shelf) { s.Waits = ago(time.Minute) }, Green, ""},
		{"a wait", func(s *Shelf) { s.Waits = ago(61 * time.Second) }, Amber, "waited"},
		{"ten minutes", func(s *Shelf) { s.Waits = ago(10 * time.Minute) }, Amber, "waited"},
		{"more than ten minutes", func(s *Shelf) { s.Waits = ago(10*time.Minute + 1) }, Red, "waited"},
		{"an error", func(s *Shelf) { s.bad, s.badAt = errPower, now.Add(-30*time.Second) }, Red, "the power is cut"},
		{"an old error", func(s *Shelf) { s.bad, s.badAt = errPower, now.Add(-31*time.Second) }, Green, ""},
		{"not twice the room", func(s *Shelf) { free, _, _ := s.space(); s.MinFree = free * 2 / 3 }, Amber, "filling up"},
		{"not twice the percent", func(s *Shelf) {
			free, all, _ := s.space()
			s.MinFreePercent = int(free*2/3*100/all) + 1
		}, Amber, "filling up"},
		{"no room", func(s *Shelf) { s.MinFree = 1 << 60 }, Red, "new recordings need"},
		{"no signer", func(s *Shelf) { s.Signer = nil }, Red, "sign"},
	} {
		r := newRig(t)
		r.Now = func() time.Time { return now }
		row.do(r.Shelf)
		h := r.Health()
		if h.Level != row.level || !strings.Contains(strings.Join(h.Why, " "), row.why) || (h.Why == nil) != (row.level == Green) {
			t.Errorf("%s: got %v %q, want %v", row.name, h.Level, h.Why, row.level)
		}
		for how, ok := range map[How2]bool{{}: row.level != Red, {strict: true}: row.level == Green, {emergency: true}: row.name != "no signer"} {
			rec, err := r.Open(words(), How{Strict: how.strict, Emergency: how.emergency})
			if (err == nil) != ok {
				t.Errorf("%s: open %+v: got %v, want %t", row.name, how, err, ok)
			}
			if err == nil {
				if _, err := rec.Track(Header{Kind: "pty", Strict: true}); (err == nil) != (row.level == Green || how.strict) {
					t.Errorf("%s: a strict track: got %v", row.name, err)
				}
				_, _ = rec.Close("x")
			}
		}
	}
}

// How2 is what of a How matters to a Health.
type How2 struct{ strict, emergency bool }

func TestTheDiskIsAskedOnceASecond(t *testing.T) {
	r, n := newRig(t), 0
	r.before = func(op, _ string, _ int) error { n++; return nil }
	now := time.Now()
	r.Now = func() time.Time { return now }
	for range 100 {
		r.Health()
	}
	once := n
	now = now.Add(time.Second)
	r.Health()
	if once == 0 || n != 2*once {
		t.Errorf("%d steps for the first hundred, %d with one more a second later", once, n)
	}
}

func TestRoomIsKeptForEmergencies(t *testing.T) {
	r := newRig(t)
	free, _, err := r.space()
	must(t, err)
	size := func() int64 {
		fi, err := os.Stat(filepath.Join(r.Dir, spareName))
		if err != nil {
			return 0
		}
		return fi.Size()
	}
	r.Reserve = 8 << 20
	_, err = r.Recover()
	must(t, err)
	if size() != 8<<20 {
		t.Fatalf("%d bytes are kept", size())
	}
	must(t, r.stock())
	if now, _, _ := r.space(); free-now > 1<<30 {
		t.Errorf("it takes %d bytes", free-now)
	}
	r.MinFree = 1 << 60 // the disk is full
	if _, err := r.Open(words(), How{}); err == nil || size() == 0 {
		t.Errorf("who has no emergency: got %v, %d bytes are kept", err, size())
	}
	var open []*Recording
	for range 2 {
		rec, err := r.Open(words(), How{Emergency: true})
		must(t, err)
		if size() != 0 {
			t.Errorf("%d bytes are kept from an emergency", size())
		}
		open = append(open, rec)
	}
	_, _ = open[0].Close("x")
	if size() != 0 {
		t.Error("it was taken while there is no room")
	}
	r.MinFree = 0
	r.MinFreePercent = -1
	_, _ = open[1].Close("x")
	if size() != 8<<20 {
		t.Errorf("there is room again, and %d bytes are kept", size())
	}
}

func TestEachTrackHasRoomForItsEnd(t *testing.T) {
	r := newRig(t)
	w, rec, _ := r.begin(t, pty)
	size := func() int64 {
		fi, err := os.Stat(filepath.Join(r.folder(t, w.ID), reserveName))
		must(t, err)
		return fi.Size()
	}
	for n := range 3 {
		if got := size(); got != int64(n+1)*reserveSize {
			t.Errorf("%d tracks: got %d bytes", n+1, got)
		}
		_, err := rec.Track(Header{Kind: "exec"})
		must(t, err)
	}
	closed(t, rec)
}

func TestEveryFileIsToldWhenItIsComplete(t *testing.T) {
	r := newRig(t)
	var mu sync.Mutex
	var told []string
	r.Closed = func(session, name string) {
		mu.Lock()
		defer mu.Unlock()
		b, err := os.ReadFile(filepath.Join(r.folder(t, session), name))
		if err != nil || len(b) == 0 {
			t.Errorf("%s is not there: %v", name, err)
		}
		told = append(told, name)
	}
	r.record(t, pty, func(tr *Track) { must(t, tr.Output(noise(300<<10))) })
	if d := cmp.Diff([]string{"key.age", "pty0/000000.seg", "pty0/000001.seg", "manifest"}, told); d != "" {
		t.Error("want -, got +", d)
	}
	id := crashed(t, r)
	told = nil
	if got := recovered(t, r, id); got.Err != nil {
		t.Error(got.Err)
	}
	if d := cmp.Diff([]string{"pty1/000000.seg", "manifest"}, lastOfEach(told)); d != "" {
		t.Error("want -, got +", d)
	}
}

// lastOfEach leaves out the rest of the first track, which may have closed before.
func lastOfEach(names []string) []string {
	return slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, "pty0/") })
}

// TestOneDamagedAmongAThousandStarvesNobody starts over a thousand recordings
// that were cut short, one of them damaged.
func TestOneDamagedAmongAThousandStarvesNobody(t *testing.T) {
	t.Parallel()
	const all, bad = 1000, 500
	r := newRig(t).slowed()
	r.Patience = patienceMost // a thousand syncs are a load
	ids := make([]string, all)
	var wg sync.WaitGroup
	for k := range 8 {
		wg.Go(func() {
			for n := k; n < all; n += 8 {
				ids[n] = cutShort(t, r)
			}
		})
	}
	wg.Wait()
	r.bad = nil
	flip(t, filepath.Join(r.folder(t, ids[bad]), journalName), 200)
	began := time.Now()
	done, err := r.Recover()
	must(t, err)
	t.Logf("%d recordings in %v", len(done), time.Since(began))
	if len(done) != all {
		t.Errorf("%d were finished, want %d", len(done), all)
	}
	for _, got := range done {
		if (got.Err != nil) != (got.Session.ID == ids[bad]) {
			t.Errorf("%s: %v", got.Session.ID, got.Err)
		}
	}
	for n := 0; n < all; n += 9 {
		if n != bad && string(stream(r.played(t, ids[n]), CodeOutput)) != ids[n] {
			t.Errorf("%s does not play", ids[n])
		}
	}
	w, _ := r.record(t, pty, func(tr *Track) { must(t, tr.Output([]byte("x"))) })
	r.played(t, w.ID)
}

// cutShort leaves a small recording as a crash does.
func cutShort(t *testing.T, r rig) string {
	w := words()
	rec, err := r.Open(w, How{})
	if err != nil {
		t.Error(err)
		return ""
	}
	tr, err := rec.Track(Header{Kind: "exec", Strict: true})
	if err == nil {
		err = tr.Output([]byte(w.ID))
	}
	if err != nil {
		t.Error(err)
	}
	rec.mu.Lock()
	rec.err = panicked{errPower} // so that it writes no end, and nobody is alarmed
	rec.mu.Unlock()
	_, _ = rec.Close("")
	if err := os.Remove(filepath.Join(r.folder(t, w.ID), manifestName)); err != nil {
		t.Error(err)
	}
	return w.ID
}
