package witness_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/proof"
	"lockbox/recorder/witness"
)

const origin = "log.lockbox.test"

// A chain is a log that is kept in memory: its tree and its key are real.
type chain struct {
	mu     sync.Mutex
	signer note.Signer
	key    note.Verifier
	vkey   string
	n      int64
	hashes []tlog.Hash
}

func newChain(t testing.TB) *chain {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	must(t, err)
	c := &chain{vkey: vkey}
	c.signer, err = note.NewSigner(skey)
	must(t, err)
	c.key, err = note.NewVerifier(vkey)
	must(t, err)
	return c
}

// fork is another log with the same key and the same beginning.
func (c *chain) fork(size int64) *chain {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &chain{signer: c.signer, key: c.key, vkey: c.vkey, n: size, hashes: append([]tlog.Hash(nil), c.hashes[:tlog.StoredHashCount(size)]...)}
}

func (c *chain) ReadHashes(at []int64) (out []tlog.Hash, _ error) {
	for _, i := range at {
		out = append(out, c.hashes[i])
	}
	return out, nil
}

func (c *chain) grow(t testing.TB, entries ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range entries {
		h, err := tlog.StoredHashes(c.n, []byte(e), c)
		must(t, err)
		c.hashes = append(c.hashes, h...)
		c.n++
	}
}

func (c *chain) tree() tlog.Tree {
	h, err := tlog.TreeHash(c.n, c)
	if err != nil {
		panic(err) // the hashes are in memory
	}
	return tlog.Tree{N: c.n, Hash: h}
}

func (c *chain) Checkpoint(context.Context) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return proof.Sign(origin, c.tree(), c.signer)
}

func (c *chain) Growth(_ context.Context, old int64) (proof.Growth, []byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := proof.Growth{Old: old}
	if old > c.n {
		return g, nil, fmt.Errorf("the log has %d entries, not %d", c.n, old)
	}
	if old > 0 && old < c.n {
		var err error
		if g.Proof, err = tlog.ProveTree(c.n, old, c); err != nil {
			return g, nil, err
		}
	}
	b, err := proof.Sign(origin, c.tree(), c.signer)
	return g, b, err
}

// body is what is sent to add-checkpoint for the growth from old.
func (c *chain) body(t testing.TB, old int64) string {
	t.Helper()
	g, b, err := c.Growth(t.Context(), old)
	must(t, err)
	out := fmt.Sprintf("old %d\n", old)
	for _, h := range g.Proof {
		out += h.String() + "\n"
	}
	return out + "\n" + string(b)
}

// A served is a witness behind real HTTP.
type served struct {
	*witness.Witness
	peer  witness.Peer
	at    string // URL
	vkey  string
	skey  string
	state string
	o     witness.Options

	mu     sync.Mutex
	alarms []witness.Alarm
	faults []error
}

func (s *served) report(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, err)
}

func (s *served) told() []witness.Alarm {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]witness.Alarm(nil), s.alarms...)
}

// serve runs a witness of the logs until the test ends.
func serve(t testing.TB, name string, c *chain) *served {
	t.Helper()
	s := &served{state: t.TempDir()}
	var err error
	s.skey, s.vkey, err = proof.NewWitnessKey(name)
	must(t, err)
	own, err := proof.NewCosignatureVerifier(s.vkey)
	must(t, err)
	logs := []witness.Log{{Origin: origin, Key: c.key}}
	must(t, witness.Begin(s.state, logs))
	s.o = witness.Options{Key: s.skey, Own: own, State: s.state, Logs: logs, Now: time.Now, Alarm: func(a witness.Alarm) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.alarms = append(s.alarms, a)
	}}
	s.Witness, err = witness.New(s.o)
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	s.at = listen(t, s.Server(s.report))
	s.peer = witness.Peer{Name: name, Key: own, URL: s.at}
	return s
}

// listen serves h until the test ends.
func listen(t testing.TB, h *http.Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() { _ = h.Serve(l); close(done) }()
	t.Cleanup(func() { _ = h.Close(); <-done })
	return "http://" + l.Addr().String()
}

func handle(f http.HandlerFunc) *http.Server {
	return &http.Server{Handler: f, ReadHeaderTimeout: time.Second}
}

// post sends a body, and gives status, type and answer.
func post(t testing.TB, url, body string) (int, string, string) {
	t.Helper()
	resp, err := http.Post(url, "text/plain", strings.NewReader(body))
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	var b strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := resp.Body.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			break
		}
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), b.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// files lists a folder.
func files(t testing.TB, dir, prefix string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range all {
		if strings.HasPrefix(e.Name(), prefix) {
			names = append(names, e.Name())
		}
	}
	return names
}

// until waits for something to become true.
func until(t testing.TB, what string, within time.Duration, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(within); !is(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, within)
		}
	}
}

type signer = note.Signer

// cosign gives the line of a signature over a text.
func cosign(text string, by note.Signer) (string, error) {
	b, err := note.Sign(&note.Note{Text: text}, by)
	return string(b[len(text)+1:]), err
}
