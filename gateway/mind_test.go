package gateway_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lockbox/gateway"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// stuck has the log take nothing until the test lets it.
func stuck(t *testing.T, w *world.World) (free func()) {
	t.Helper()
	in, out := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		err := w.Ledger.Update(t.Context(), func(*ledger.Tx) error {
			close(in)
			<-out
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-in
	free = sync.OnceFunc(func() { close(out); wg.Wait() })
	t.Cleanup(free)
	return free
}

// The disk of the log may hang as that of the recordings does (G02): who waits for
// the one still sees that the other is gone, and that a freeze is over.
func TestG02ALostRecordingEndsTheSessionAlthoughTheLogWaits(t *testing.T) {
	w := newWorld(t)
	code, v := brief(t, w, time.Second)
	extend(t, w, code)
	free := stuck(t, w)
	becomes(t, v, "frozen", isFrozen) // and that is to be written down
	folder, err := recorder.Find(w.Shelf.Dir, v.Session.ID)
	must(t, err)
	must(t, os.Rename(folder, filepath.Join(w.Dir, "away")))
	lost := time.Now()
	select {
	case <-v.Context().Done():
	case <-time.After(5 * time.Second):
		t.Fatal("it goes on unrecorded while the log waits")
	}
	if took := time.Since(lost); took > time.Second {
		t.Errorf("it ended %s after", took)
	}
	if end, ok := v.Why().(*gateway.Ending); !ok || end.Code != gateway.NoRecorder || !strings.Contains(end.Why, "recorder") {
		t.Errorf("got %v", v.Why())
	}
	free()
}
