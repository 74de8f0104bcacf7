package witness_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"lockbox/recorder/proof"
	"lockbox/recorder/witness"
)

// TestMain is also the program of a witness that a test kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv("LOCKBOX_TEST_WITNESS"); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

// child serves the witness in dir until it is killed.
func child(dir string) int {
	key, err := os.ReadFile(dir + "/key")
	if err != nil {
		return 3
	}
	lines := strings.Split(string(key), "\n")
	own, err := proof.NewCosignatureVerifier(lines[1])
	if err != nil {
		return 4
	}
	log, err := note.NewVerifier(lines[2])
	if err != nil {
		return 5
	}
	w, err := witness.New(witness.Options{Key: lines[0], Own: own, State: dir + "/state", Logs: []witness.Log{{Origin: origin, Key: log}}, Now: time.Now})
	if err != nil {
		fmt.Println("refused:", err)
		return 6
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 7
	}
	fmt.Println("http://" + l.Addr().String())
	go func() { // ends with who started it
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(8)
	}()
	_ = w.Server(func(error) {}).Serve(l)
	return 0
}

// newChild makes what a child needs to witness c.
func newChild(t *testing.T, c *chain) (dir string, own note.Verifier) {
	t.Helper()
	dir = t.TempDir()
	skey, vkey, err := proof.NewWitnessKey("w.test")
	must(t, err)
	own, err = proof.NewCosignatureVerifier(vkey)
	must(t, err)
	must(t, os.WriteFile(dir+"/key", []byte(skey+"\n"+vkey+"\n"+c.vkey), 0o600))
	must(t, os.Mkdir(dir+"/state", 0o700))
	must(t, witness.Begin(dir+"/state", []witness.Log{{Origin: origin, Key: c.key}}))
	return dir, own
}

// start runs a child, and gives its URL and what kills it.
func start(t *testing.T, dir string) (url string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "LOCKBOX_TEST_WITNESS="+dir)
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "refused") {
		_ = cmd.Process.Kill()
		t.Fatalf("the witness does not start: %q %v", line, err)
	}
	return strings.TrimSpace(line), func() {
		_ = cmd.Process.Kill() // SIGKILL
		_ = cmd.Wait()
		_ = in.Close()
	}
}

// TestAKilledWitnessNeverCosignsWhatDoesNotGoTogether kills the process of a
// witness at random moments, 50 times, while two histories are offered to it.
// Whatever it ever cosigned lies on one of them, and it always starts again.
func TestAKilledWitnessNeverCosignsWhatDoesNotGoTogether(t *testing.T) {
	c := newChain(t)
	c.grow(t, "a", "b", "c")
	evil := c.fork(3)
	dir, own := newChild(t, c)
	var seen []proof.Checkpoint
	for round := range 50 {
		url, kill := start(t, dir)
		done, first := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			if round%2 == 0 { // the others may be killed before they ever answer
				<-first
			}
			timer := time.NewTimer(time.Duration(rand.Int64N(int64(12 * time.Millisecond))))
			defer timer.Stop()
			<-timer.C
			kill()
		}()
		answered := sync.OnceFunc(func() { close(first) })
		for alive := true; alive; {
			c.grow(t, fmt.Sprint("good ", c.n))
			evil.grow(t, fmt.Sprint("evil ", evil.n))
			for _, log := range []*chain{c, evil} {
				note, ok := submit(t, url, log)
				answered()
				if alive = ok; !ok {
					break
				}
				if o, err := proof.Open([]byte(note), origin, c.key, own); note != "" && err == nil && len(o.Cosigned) == 1 {
					seen = append(seen, o)
				}
			}
		}
		<-done
	}
	url, kill := start(t, dir)
	defer kill()
	if note, ok := submit(t, url, c); !ok || note == "" && len(seen) == 0 {
		t.Error("it serves no more")
	}
	on := map[*chain]int{}
	for _, o := range seen {
		for _, log := range []*chain{c, evil} {
			if o.N > 3 && log.fork(o.N).tree().Hash == o.Hash {
				on[log]++
			}
		}
	}
	if on[c] > 0 && on[evil] > 0 || on[c]+on[evil] == 0 {
		t.Errorf("it cosigned %d of one history and %d of another", on[c], on[evil])
	}
	t.Logf("%d cosignatures by a witness that was killed 50 times", len(seen))
}

// submit sends the newest of a log, from where the witness is. ok is false once it is dead.
func submit(t *testing.T, url string, log *chain) (note string, ok bool) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	old := int64(0)
	for range 2 {
		body := log.body(t, min(old, log.n))
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/add-checkpoint", strings.NewReader(body))
		must(t, err)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return "", false
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		switch {
		case err != nil:
			return "", false
		case resp.StatusCode == 200:
			return body[strings.Index(body, "\n\n")+2:] + string(b), true
		case resp.StatusCode != 409:
			return "", true
		}
		if _, err := fmt.Sscan(string(b), &old); err != nil {
			t.Errorf("a 409 without a size: %q", b)
		}
	}
	return "", true
}
