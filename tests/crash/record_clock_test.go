package crash

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/recorder"
)

// TestAClockThatIsSetHurtsNoRecording: the machine's clock jumps forth and back
// while a session is recorded, and nobody counts monotonic time. Nothing is
// lost, nothing fails, and the times of the recording never go back.
func TestAClockThatIsSetHurtsNoRecording(t *testing.T) {
	s := newShelf(t, t.TempDir(), 1)
	shelf, err := s.shelf()
	if err != nil {
		t.Fatal(err)
	}
	var offset atomic.Int64
	shelf.Now = func() time.Time { return time.Now().Round(0).Add(time.Duration(offset.Load())) }
	rec, err := shelf.Open(recorder.Session{ID: s.Sessions[0], Who: policy.Principal{ID: "eng@x.eu"}}, recorder.How{})
	if err != nil {
		t.Fatal(err)
	}
	track, err := rec.Track(recorder.Header{Kind: "pty", Cols: 80, Rows: 24})
	if err != nil {
		t.Fatal(err)
	}
	steps := []time.Duration{0, time.Hour, -2 * time.Hour, 10 * time.Second, -10 * time.Second, 5 * 365 * 24 * time.Hour, -20 * 365 * 24 * time.Hour}
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	sent := 0
	for n := range 420 {
		if n%60 == 0 {
			offset.Store(int64(steps[n/60]))
		}
		line := fmt.Appendf(nil, "%d %d\n", n, time.Now().UnixNano())
		if err := track.Output(line); err != nil {
			t.Fatalf("line %d, the clock set by %s: %v", n, steps[n/60], err)
		}
		sent += len(line)
		<-tick.C
	}
	if _, err := rec.Close("done"); err != nil {
		t.Fatal(err)
	}
	if k, err := s.kept(s.Sessions[0]); err != nil || k.bytes != sent {
		t.Errorf("%d of %d bytes are kept, %v", k.bytes, sent, err)
	}
}
