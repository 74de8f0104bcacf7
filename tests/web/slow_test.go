package web

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/tests/door"
)

// TestD30SlowHTTPTestFindsTheDoorOpenToOthers: slowhttptest's four attacks, with
// and without a session, and somebody who uses the application meanwhile.
func TestD30SlowHTTPTestFindsTheDoorOpenToOthers(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) }))
	t.Cleanup(app.Close)
	w := door.NewWeb(t, app.Listener.Addr().String())
	in := w.In(t, w.Eng, true, policy.HTTPPut, "/")
	for name, args := range map[string][]string{
		"slow heads":   {"-H", "-i", "2"},
		"slow bodies":  {"-B", "-i", "2", "-s", "1000000"},
		"many ranges":  {"-R", "-t", "HEAD", "-a", "10", "-b", "3000"},
		"slow readers": {"-X", "-k", "5", "-n", "2", "-w", "1", "-y", "64", "-z", "32"},
	} {
		cmd := exec.CommandContext(t.Context(), "slowhttptest", append(args, "-c", "800", "-r", "400", "-l", "6", "-p", "3", "-u", "https://"+w.Addr+"/", "-j", in.Cookie(t))...)
		cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "TERM=dumb")
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		done := make(chan error, 1)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { done <- cmd.Wait() }()
		var took []time.Duration
		for running := true; running; {
			select {
			case <-done: // its status says nothing of the server
				running = false
			case <-time.After(50 * time.Millisecond):
			}
			began := time.Now()
			res, err := in.Get(w.URL("/"))
			if err != nil || res.StatusCode != http.StatusOK {
				t.Fatalf("%s: somebody else got %v", name, err)
			}
			_ = res.Body.Close() // its head is what counts
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		t.Logf("%s: %d requests beside it, median %s, 95th of 100 %s", name, len(took), took[len(took)/2], took[len(took)*95/100])
		if late := took[len(took)*95/100]; late > time.Second {
			t.Errorf("%s: the 95th of 100 took %s", name, late)
		}
		if text := said.String(); !strings.Contains(text, "service available:") && !strings.Contains(text, "Exit status") || strings.Contains(text, "service available:   NO") {
			t.Errorf("%s: slowhttptest says\n%s", name, text)
		}
	}
}
