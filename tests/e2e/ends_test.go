package e2e

import (
	"io"
	"lockbox/tests/e2e/harness"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTheEndCutsEverything: a shell, a second multiplexed channel and an exec
// are open when the customer ends the access.
func TestTheEndCutsEverything(t *testing.T) {
	s := newSite(t)
	socket := filepath.Join(t.TempDir(), "mux")
	p, code := s.enter("-M", "-S", socket)
	second := harness.StartTerminal(t, s.client().Command(append([]string{"-S", socket}, harness.To("db1.prod", s.sshAddr)...)...))
	second.Expect("recorded", wait)
	run := s.client().Start(append([]string{"-S", socket}, append(harness.To("db1.prod", s.sshAddr), "sleep 600")...)...)
	other := s.client().Start(append(harness.To("db1.prod", s.sshAddr), "echo ready; sleep 600")...)
	other.Expect("ready", wait)
	if s.target.Connections() < 2 {
		t.Fatalf("the target has %d connections", s.target.Connections())
	}
	s.ann.Goto(s.url + "/r/" + code)
	s.ann.Press("End this access")
	began := time.Now()
	s.ann.Press("End it now")
	for name, q := range map[string]*harness.Process{"shell": p, "second channel": second, "exec": run, "other connection": other} {
		left := time.Second - time.Since(began) + 2*time.Second // the click and four processes to end on a busy machine
		select {
		case <-q.Done():
		case <-time.After(left):
			t.Errorf("the %s still lasts after %s", name, time.Since(began))
		}
	}
	if !strings.Contains(p.Output(), "revoked") && !strings.Contains(p.Output(), "ended") {
		t.Errorf("the shell was not told why:\n%s", p.Output())
	}
}

// TestKilledGatewayKeepsTheRecording: kill -9 in a session; after a restart the
// recording plays up to at most a second before.
func TestKilledGatewayKeepsTheRecording(t *testing.T) {
	s := newSite(t)
	p, code := s.enter()
	p.Send("for i in $(seq 1 200); do echo tick-$i; sleep 0.05; done\r")
	p.Expect("tick-40", wait)
	id := s.session(s.eng, code)
	last := lastTick(p.Output())
	s.serve.Signal(syscall.SIGKILL)
	s.serve.Wait(wait)
	s.start()
	out := s.lockbox("play", id, "--config", s.config(), "--purpose", "after the crash", "--speed", "0")
	if got := lastTick(out); got < last-20 { // 20 ticks are a second
		t.Errorf("the recording ends at tick %d, %d were shown", got, last)
	}
	s.signIn(s.eng)
	s.eng.Goto(s.url + "/s/" + id)
	s.eng.WaitText("recovered")
}

func lastTick(text string) (n int) {
	for _, m := range regexp.MustCompile(`tick-(\d+)`).FindAllStringSubmatch(text, -1) {
		v := 0
		for _, c := range m[1] {
			v = v*10 + int(c-'0')
		}
		n = max(n, v)
	}
	return n
}

// TestNoRecordingNoSession: the folder of recordings goes away.
func TestNoRecordingNoSession(t *testing.T) {
	s := newSite(t)
	p, _ := s.enter()
	folder := s.path("recordings")
	must(t, os.Rename(folder, folder+".gone"))
	must(t, os.WriteFile(folder, nil, 0o600)) // a file stands in its place, for root too
	got := s.client().Run("", append(harness.To("db1.prod", s.sshAddr), "id")...)
	if got.Stdout != "" || !strings.Contains(got.Stderr, "LBX-RECORDER") {
		t.Errorf("a new session: got %+v", got)
	}
	select { // it writes nothing, and has ended by now or soon
	case <-p.Done():
	case <-time.After(wait):
		t.Error("the open session goes on unrecorded")
	}
}

// TestHealth: operators see whether the gateway lives.
func TestHealth(t *testing.T) {
	s := newSite(t)
	conf, err := os.ReadFile(s.config())
	must(t, err)
	addr := regexp.MustCompile(`ops: \{ listen: "([^"]+)"`).FindStringSubmatch(string(conf))[1]
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready"} {
		r, err := http.Get("http://" + addr + path)
		must(t, err)
		body, err := io.ReadAll(r.Body)
		must(t, err)
		must(t, r.Body.Close())
		if r.StatusCode != 200 || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %s", path, r.StatusCode, body)
		}
	}
}
