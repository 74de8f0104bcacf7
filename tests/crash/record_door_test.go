package crash

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/cmd/devtarget"
	"lockbox/recorder"
	"lockbox/tests/door"
)

// A house is a gateway in a process of its own, before a target of real shells.
type house struct {
	t *testing.T
	*door.Gateway
	dir   string // of recordings
	ended bool
	log   *lockedBuffer
}

// newHouse keeps its recordings in a folder given.
func newHouse(t *testing.T, dir string) *house {
	t.Helper()
	return newHouseOf(t, door.Config{Dir: t.TempDir(), Recordings: dir, MinFree: -1})
}

func newHouseOf(t *testing.T, c door.Config) *house {
	t.Helper()
	h := &house{t: t, dir: c.Recordings, log: &lockedBuffer{}}
	cmd := exec.Command(os.Args[0])
	cmd.Stderr = h.log
	g, err := door.Start(cmd, c)
	if err != nil {
		t.Fatalf("%v\n%s", err, h.log)
	}
	h.Gateway = g
	t.Cleanup(func() {
		if !h.ended {
			_ = g.Kill() // what a test that failed left
		}
	})
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	host, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	target, err := devtarget.Start(devtarget.Config{
		Addr: "127.0.0.1:0", Host: host, CA: g.CA, Home: t.TempDir(), Name: "db1.prod", Logins: []string{"support_nord"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = target.Close() }) // its shells may be gone with the gateway
	if err := g.Open(target.Addr(), host.PublicKey()); err != nil {
		t.Fatalf("%v\n%s", err, h.log)
	}
	return h
}

// A lockedBuffer takes what a process writes.
type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// ticking prints numbered lines for ever, some 50 a second.
const ticking = `i=0; while :; do echo "tick $i"; i=$((i+1)); sleep 0.02; done`

// A visit is somebody's terminal.
type visit struct {
	lockedBuffer
	client *ssh.Client
	in     io.Writer
	done   chan struct{}
	last   time.Time // of a tick; guarded by mu
	told   time.Time // that the recorder cannot write; guarded by mu
	over   time.Time // read it after done
}

// enter runs a command on a terminal, each on a connection of its own.
func (h *house) enter(command string) (*visit, error) {
	c, err := h.Dial()
	if err != nil {
		return nil, err
	}
	h.t.Cleanup(func() { _ = c.Close() }) // it may be closed already
	s, err := c.NewSession()
	if err == nil {
		err = s.RequestPty("xterm-256color", 24, 80, nil)
	}
	if err != nil {
		return nil, err
	}
	in, err := s.StdinPipe()
	if err != nil {
		return nil, err
	}
	v := &visit{client: c, in: in, done: make(chan struct{})}
	s.Stdout, s.Stderr = v, v
	if err := s.Start(command); err != nil {
		return nil, err
	}
	go func() {
		_ = s.Wait() // how it ended, the tests read
		v.over = time.Now()
		close(v.done)
	}()
	return v, nil
}

func (v *visit) Write(p []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if bytes.Contains(p, []byte("tick ")) {
		v.last = time.Now()
	}
	if v.told.IsZero() && bytes.Contains(p, []byte("the recorder cannot write")) {
		v.told = time.Now()
	}
	return v.b.Write(p)
}

// ticks is how many of the numbered lines have come; they come without a gap.
func (v *visit) ticks() int { return ticksIn(v.String()) }

func ticksIn(text string) (n int) {
	for line := range strings.Lines(text) {
		if at := strings.LastIndex(line, "tick "); at >= 0 && strings.TrimSpace(line[at+5:]) == strconv.Itoa(n) {
			n++
		}
	}
	return n
}

// until waits for something, at most so long.
func until(within time.Duration, what func() bool) bool {
	for late := time.Now().Add(within); !what(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(late) {
			return false
		}
	}
	return true
}

// sessions are the recordings in a folder, in the order they began.
func sessionsIn(t *testing.T, dir string) (ids []string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "20*", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		ids = append(ids, filepath.Base(f))
	}
	return ids
}

// shelf is what opens the gateway's recordings in another life.
func (h *house) shelf() *recorder.Shelf {
	h.t.Helper()
	ring, err := h.Ring()
	if err != nil {
		h.t.Fatal(err)
	}
	return &recorder.Shelf{Dir: h.dir, Recipients: nil, AtRest: ring.AtRest, Signer: ring.Log, Verifier: ring.LogVerifier, MinFree: -1, MinFreePercent: -1}
}

// played verifies and plays a recording of a gateway that has ended.
func (h *house) played(session string) (text string, err error) {
	ring, err := h.Ring()
	if err != nil {
		return "", err
	}
	folder, err := recorder.Find(h.dir, session)
	if err != nil {
		return "", err
	}
	if _, err := recorder.Verify(folder, ring.LogVerifier); err != nil {
		return "", err
	}
	p, err := recorder.Open(folder, ring.Vault)
	if err != nil {
		return "", err
	}
	var all bytes.Buffer
	for _, t := range p.Tracks() {
		for e, err := range p.Events(t.Name) {
			if err != nil {
				return "", err
			}
			if e.Code == recorder.CodeOutput {
				all.Write(e.Data)
			}
		}
	}
	return all.String(), nil
}

// kill ends the gateway, and repairs what it left.
func (h *house) kill() map[string]recorder.Recovered {
	h.t.Helper()
	h.ended = true
	if err := h.Kill(); err != nil {
		h.t.Fatal(err)
	}
	return h.repair()
}

func (h *house) repair() map[string]recorder.Recovered {
	h.t.Helper()
	ring, err := h.Ring()
	if err != nil {
		h.t.Fatal(err)
	}
	s := h.shelf()
	s.Recipients = append(s.Recipients, ring.VaultTo)
	all, err := s.Recover()
	if err != nil {
		h.t.Fatal(err)
	}
	back := map[string]recorder.Recovered{}
	for _, r := range all {
		if r.Err != nil || r.Lost {
			h.t.Errorf("recovered: %+v", r)
		}
		back[r.Session.ID] = r
	}
	return back
}

// TestTheGatewayKilledKeepsWhatWasShown: kill -9 of a gateway with three
// terminals on it: what was shown and is missing is younger than a second.
func TestTheGatewayKilledKeepsWhatWasShown(t *testing.T) {
	n := runs(t, "LOCKBOX_DOOR_KILLS", 1)
	for i := range n {
		dir := filepath.Join(t.TempDir(), "recordings")
		h := newHouse(t, dir)
		var all []*visit
		for range 3 {
			v, err := h.enter(ticking)
			if err != nil {
				t.Fatalf("%v\n%s", err, h.log)
			}
			if !until(10*time.Second, func() bool { return v.ticks() > 5+i%50 }) {
				t.Fatalf("it shows\n%s", v)
			}
			all = append(all, v)
		}
		h.kill()
		ids := sessionsIn(t, dir)
		if len(ids) != len(all) {
			t.Fatalf("%d recordings of %d sessions", len(ids), len(all))
		}
		for j, v := range all {
			<-v.done
			text, err := h.played(ids[j])
			if err != nil {
				t.Fatalf("kill %d: %v", i+1, err)
			}
			if shown, kept := v.ticks(), ticksIn(text); kept < shown-60 { // 50 a second, and the time to be killed
				t.Errorf("kill %d: %d ticks were shown, %d are kept", i+1, shown, kept)
			}
		}
		_ = os.RemoveAll(dir) // TempDir goes only at the end
	}
	t.Logf("kill -9 of the gateway: %d times, 3 terminals each", n)
}
