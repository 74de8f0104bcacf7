package recorder

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
)

func TestSegmentsAreNoLongerInAFlood(t *testing.T) {
	r := newRig(t)
	text := terminal(4 << 20)
	w, rec, tr := r.begin(t, pty)
	must(t, tr.Output(text))
	closed(t, rec)
	if got := stream(r.played(t, w.ID), CodeOutput); string(got) != string(text) {
		t.Errorf("got %d bytes back, want the same %d", len(got), len(text))
	}
	for i, n := range linesOf(t, r.Dir) {
		if n > 256<<10 {
			t.Errorf("segment %d has %d bytes of lines", i, n)
		}
	}
}

// linesOf is how many bytes of lines the segments of the only track have.
func linesOf(t *testing.T, dir string) (sizes []int) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*/*/*/*/*.seg"))
	must(t, err)
	for _, name := range all { // in order
		seg, err := os.ReadFile(name)
		must(t, err)
		h, err := parseHead(seg)
		must(t, err)
		sizes = append(sizes, int(h.size))
	}
	return sizes
}

func TestMuchAtOnceIsWrittenAtOnce(t *testing.T) {
	r := newRig(t)
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		syncs := 0
		r.before = func(op, name string, _ int) error {
			mu.Lock()
			defer mu.Unlock()
			if op == "sync" && name == journalName {
				syncs++
			}
			return nil
		}
		_, rec, tr := r.begin(t, pty)
		synctest.Wait()
		mu.Lock()
		before := syncs
		mu.Unlock()
		must(t, tr.Output(terminal(200<<10)))
		mu.Lock()
		if syncs-before != 1 {
			t.Errorf("it took %d syncs", syncs-before)
		}
		mu.Unlock()
		closed(t, rec)
	})
}

// Two floods in one recording: each goes on when its own bytes are durable, whatever the other adds.
func TestOneFloodDoesNotHoldUpAnother(t *testing.T) {
	r := newRig(t)
	w, rec, one := r.begin(t, pty)
	two, err := rec.Track(pty)
	must(t, err)
	text := terminal(1 << 20)
	var wg sync.WaitGroup
	for _, tr := range []*Track{one, two} {
		wg.Go(func() {
			for p := text; len(p) > 0; p = p[128<<10:] {
				if err := tr.Output(p[:128<<10]); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	closed(t, rec)
	p, err := r.Play(w.ID, r.id)
	must(t, err)
	for _, tr := range []*Track{one, two} {
		if got := stream(events(t, p, tr.Name()), CodeOutput); string(got) != string(text) {
			t.Errorf("%s: got %d bytes back, want the same %d", tr.Name(), len(got), len(text))
		}
	}
}
