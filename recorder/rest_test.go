package recorder

import (
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// writers is how many writers there are now.
func writers() int {
	buf := make([]byte, 1<<20)
	return strings.Count(string(buf[:runtime.Stack(buf, true)]), "recorder.(*Recording).run(")
}

func TestTheWriterIsThereOnlyWhileItIsNeeded(t *testing.T) {
	r := newRig(t)
	synctest.Test(t, func(t *testing.T) {
		w, rec, tr := r.begin(t, Header{Kind: "pty", Cols: 80, Rows: 24})
		for i, wait := range []time.Duration{0, flushAfter, restAfter, 2 * restAfter} {
			must(t, tr.Output([]byte{'a' + byte(i)}))
			time.Sleep(wait)
			synctest.Wait()
			if n := writers(); n != 0 {
				t.Errorf("%d writers %v after something was written", n, wait)
			}
		}
		closed(t, rec)
		if got := string(stream(r.played(t, w.ID), CodeOutput)); got != "abcd" {
			t.Errorf("%q was kept", got)
		}
	})
}
