package crash

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"

	"lockbox/policy"
	"lockbox/recorder"
)

// recordEnv makes this program a process that records: a recordLoad as JSON.
const recordEnv = "CRASH_TEST_RECORD"

// A recordLoad says what a process records. It prints what it was allowed to
// forward: "f session lines bytes"; "e session error" when it was refused, then
// "c session error" once the recording is closed.
type recordLoad struct {
	Dir              string
	Sessions         []string // IDs
	AtRest           []byte
	To               string
	Signer, Verifier string
	Width            int           // bytes of a line, at most
	Pace             time.Duration // between lines; 0: none
	Total            int           // bytes of a session; 0: it never ends
}

func record(text string) error {
	var l recordLoad
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return err
	}
	shelf, err := l.shelf()
	if err != nil {
		return err
	}
	errs := make([]error, len(l.Sessions))
	var wg sync.WaitGroup
	for i := range l.Sessions {
		wg.Go(func() { errs[i] = l.session(shelf, i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (l recordLoad) shelf() (*recorder.Shelf, error) {
	to, err := age.ParseHybridRecipient(l.To)
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(l.Signer)
	if err != nil {
		return nil, err
	}
	verifier, err := note.NewVerifier(l.Verifier)
	return &recorder.Shelf{
		Dir: l.Dir, Recipients: []age.Recipient{to}, AtRest: [32]byte(l.AtRest), Signer: signer, Verifier: verifier, MinFree: -1, MinFreePercent: -1,
	}, err
}

// session records numbered lines. What is refused ends it: that is no error of the process.
func (l recordLoad) session(shelf *recorder.Shelf, i int) error {
	rec, err := shelf.Open(recorder.Session{ID: l.Sessions[i], Who: policy.Principal{ID: "eng@x.eu"}}, recorder.How{})
	if err != nil {
		say("e %d %v", i, err)
		return nil
	}
	err = l.lines(rec, i)
	if err != nil {
		say("e %d %v", i, err)
	}
	if _, err = rec.Close("done"); err != nil {
		say("c %d %v", i, err)
		return nil
	}
	say("c %d", i)
	return nil
}

func (l recordLoad) lines(rec *recorder.Recording, i int) error {
	track, err := rec.Track(recorder.Header{Kind: "pty", Cols: 80, Rows: 24})
	if err != nil {
		return err
	}
	filler := make([]byte, l.Width)
	_, _ = rand.Read(filler) // never fails
	pace := make(<-chan time.Time)
	if l.Pace > 0 {
		t := time.NewTicker(l.Pace)
		defer t.Stop()
		pace = t.C
	}
	for n, sent := 0, 0; l.Total == 0 || sent < l.Total; n++ {
		line := fmt.Appendf(nil, "%d %d %x\n", n, time.Now().UnixNano(), filler[:n*7919%(l.Width/2+1)])
		if err := track.Output(line); err != nil {
			return err
		}
		sent += len(line)
		say("f %d %d %d", i, n+1, sent)
		if l.Pace > 0 {
			<-pace
		}
	}
	return track.Exit(0)
}

func say(format string, args ...any) { fmt.Printf(strings.ReplaceAll(format, "\n", " ")+"\n", args...) }

// A shelfOfTest is where a process records, and all that opens it again.
type shelfOfTest struct {
	recordLoad
	id *age.HybridIdentity
}

func newShelf(t *testing.T, dir string, sessions int) *shelfOfTest {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	skey, vkey, err := note.GenerateKey(rand.Reader, "crash.test")
	if err != nil {
		t.Fatal(err)
	}
	s := &shelfOfTest{recordLoad{Dir: dir, AtRest: make([]byte, 32), To: id.Recipient().String(), Signer: skey, Verifier: vkey}, id}
	_, _ = rand.Read(s.AtRest) // never fails
	for range sessions {
		s.Sessions = append(s.Sessions, recorder.NewID(time.Now()))
	}
	return s
}

// A heard is what a process said of one session.
type heard struct {
	lines, bytes int
	began        time.Time // first line
	last         time.Time // line that was let through
	refused      string
	refusedAt    time.Time
	closed       bool
	failed       string // why it could not be closed
}

// recording starts a process that records under a command, such as strace.
func (s *shelfOfTest) recording(t *testing.T, under ...string) (c *exec.Cmd, out io.Reader) {
	t.Helper()
	b, err := json.Marshal(s.recordLoad)
	if err != nil {
		t.Fatal(err)
	}
	args := append(under, os.Args[0])
	c = exec.CommandContext(t.Context(), args[0], args[1:]...)
	c.Env = append(os.Environ(), recordEnv+"="+string(b))
	c.Stderr = &bytes.Buffer{}
	if out, err = c.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, out
}

// hear takes what a process says until it ends; first is called when a session forwards for the first time.
func (s *shelfOfTest) hear(out io.Reader, first func()) []heard {
	all := make([]heard, len(s.Sessions))
	for in := bufio.NewScanner(out); in.Scan(); {
		f := strings.SplitN(in.Text(), " ", 3)
		i, err := strconv.Atoi(f[1])
		if err != nil {
			continue // half a line
		}
		h := &all[i]
		switch f[0] {
		case "f":
			if h.lines == 0 {
				h.began = time.Now()
				first()
			}
			h.last = time.Now()
			_, _ = fmt.Sscan(f[2], &h.lines, &h.bytes) // half a line was not said
		case "e":
			h.refused, h.refusedAt = f[2], time.Now()
		case "c":
			h.closed = true
			if len(f) > 2 {
				h.failed = f[2]
			}
		}
	}
	return all
}

// recover starts anew, and says what became of the recordings.
func (s *shelfOfTest) recover(t *testing.T) map[string]recorder.Recovered {
	t.Helper()
	shelf, err := s.shelf()
	if err != nil {
		t.Fatal(err)
	}
	all, err := shelf.Recover()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]recorder.Recovered{}
	for _, r := range all {
		out[r.Session.ID] = r
	}
	return out
}

// A kept is what a recording has.
type kept struct {
	lines, bytes int
	last         time.Time // when its newest whole line was made
}

// kept verifies and plays a recording: its lines are those from the first on, without a gap.
func (s *shelfOfTest) kept(session string) (k kept, err error) {
	folder, err := recorder.Find(s.Dir, session)
	if err != nil {
		return k, err
	}
	v, err := note.NewVerifier(s.Verifier)
	if err != nil {
		return k, err
	}
	if _, err := recorder.Verify(folder, v); err != nil {
		return k, err
	}
	p, err := recorder.Open(folder, s.id)
	if err != nil {
		return k, err
	}
	var text bytes.Buffer
	for _, t := range p.Tracks() {
		var at time.Duration
		for e, err := range p.Events(t.Name) {
			if err != nil {
				return k, err
			}
			if e.At < at {
				return k, fmt.Errorf("the time goes back from %s to %s", at, e.At)
			}
			at = e.At
			if e.Code == recorder.CodeOutput {
				text.Write(e.Data)
			}
		}
	}
	k.bytes = text.Len()
	for line := range bytes.Lines(text.Bytes()) {
		f := strings.Fields(string(line))
		if len(f) < 2 || !bytes.HasSuffix(line, []byte("\n")) {
			break // cut in the middle: the last one
		}
		ns, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil || f[0] != strconv.Itoa(k.lines) {
			return k, fmt.Errorf("line %s stands where %d should", f[0], k.lines)
		}
		k.lines, k.last = k.lines+1, time.Unix(0, ns)
	}
	return k, nil
}

// lead is how far what was forwarded may be ahead of what is on disk.
const (
	leadBytes = 64 << 10
	leadTime  = time.Second
)

// lost says what is missing of what was forwarded when a process was ended at a moment; "" where nothing is that counts.
func (k kept) lost(h heard, ended time.Time) string {
	at := k.last
	if k.lines == 0 {
		at = h.began
	}
	switch bytes, late := h.bytes-k.bytes, ended.Sub(at); {
	case bytes > leadBytes:
		return fmt.Sprintf("%d of %d bytes that were forwarded are missing", bytes, h.bytes)
	case k.lines < h.lines && late > leadTime+100*time.Millisecond: // 100 ms: to send the signal
		return fmt.Sprintf("%d of %d lines are there, the last from %s before the end", k.lines, h.lines, late)
	}
	return ""
}
