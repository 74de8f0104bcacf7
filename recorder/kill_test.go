package recorder

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
)

// TestMain is also the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("LOCKBOX_TEST_KILLED"); dir != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeUntilKilled records numbered lines in two tracks, and prints each that it has "forwarded".
func writeUntilKilled(dir string) error {
	atRest, err := hex.DecodeString(os.Getenv("LOCKBOX_TEST_ATREST"))
	if err != nil {
		return err
	}
	to, err := age.ParseHybridRecipient(os.Getenv("LOCKBOX_TEST_TO"))
	if err != nil {
		return err
	}
	s := shelfOf(&testing.B{}, dir, to, os.Getenv("LOCKBOX_TEST_SIGNER"), os.Getenv("LOCKBOX_TEST_VERIFIER"))
	s.AtRest = [32]byte(atRest)
	rec, err := s.Open(Session{ID: os.Getenv("LOCKBOX_TEST_SESSION")}, How{})
	if err != nil {
		return err
	}
	var tracks []*Track
	for range 2 {
		t, err := rec.Track(pty)
		if err != nil {
			return err
		}
		tracks = append(tracks, t)
	}
	width, _ := strconv.Atoi(os.Getenv("LOCKBOX_TEST_WIDTH"))
	pace, _ := time.ParseDuration(os.Getenv("LOCKBOX_TEST_PACE"))
	tick := time.NewTicker(pace)
	for n := 0; ; n++ {
		line := fmt.Appendf(nil, "%d %d %s\n", n, time.Now().UnixNano(), strings.Repeat("æ", rand.IntN(width)))
		if err := tracks[n%2].Output(line); err != nil {
			return err
		}
		fmt.Printf("%d\n", n)
		<-tick.C
	}
}

func TestKilledAtAnyMomentItLosesAtMostASecond(t *testing.T) {
	kills, err := strconv.Atoi(cmp.Or(os.Getenv("LOCKBOX_KILLS"), "20"))
	must(t, err)
	for n := range kills {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(7, uint64(n)))
			width, pace := 40, 3*time.Millisecond
			if n%2 == 1 {
				width, pace = 4000, 400*time.Microsecond // closes segments all the time
			}
			killOne(t, time.Duration(200+rnd.IntN(1000))*time.Millisecond, width, pace)
		})
	}
}

func killOne(t *testing.T, after time.Duration, width int, pace time.Duration) {
	id, err := age.GenerateHybridIdentity()
	must(t, err)
	skey, vkey := noteKeys(t)
	r := rig{Shelf: shelfOf(t, t.TempDir(), id.Recipient(), skey, vkey), id: id}
	copy(r.AtRest[:], noise(32))
	session := NewID(time.Now())
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LOCKBOX_TEST_KILLED="+r.Dir, "LOCKBOX_TEST_SESSION="+session,
		"LOCKBOX_TEST_ATREST="+hex.EncodeToString(r.AtRest[:]), "LOCKBOX_TEST_TO="+id.Recipient().String(),
		"LOCKBOX_TEST_SIGNER="+skey, "LOCKBOX_TEST_VERIFIER="+vkey,
		"LOCKBOX_TEST_WIDTH="+strconv.Itoa(width), "LOCKBOX_TEST_PACE="+pace.String())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	forwarded := make(chan int, 1)
	first := make(chan struct{})
	go func() { forwarded <- count(out, first) }()
	<-first
	begun := time.Now()
	<-time.After(after)
	killed := time.Now()
	must(t, cmd.Process.Kill())
	sent := <-forwarded
	_ = cmd.Wait() // it was killed

	got := recovered(t, r, session)
	if got.Err != nil || got.Lost || got.Root == "" {
		t.Fatalf("got %+v", got)
	}
	m := r.verified(t, session)
	if !m.Recovered || m.Cause != CauseStopped {
		t.Errorf("got manifest recovered %t, cause %q", m.Recovered, m.Cause)
	}
	checkLoss(t, r, session, sent, begun, killed)
}

// count reads the numbers of forwarded lines to the end.
func count(out io.Reader, first chan struct{}) (n int) {
	for sc := bufio.NewScanner(out); sc.Scan(); n++ {
		if n == 0 {
			close(first)
		}
	}
	return n
}

// checkLoss: each track holds its lines from the first without a gap, and what
// was forwarded and is not there is less than a second old.
func checkLoss(t *testing.T, r rig, session string, sent int, begun, killed time.Time) {
	p, err := Open(r.folder(t, session), r.id)
	must(t, err)
	for i, ti := range p.Tracks() {
		next, at := i, begun // where not one line is left, all are lost from the first
		for line := range bytes.Lines(stream(events(t, p, ti.Name), CodeOutput)) {
			f := strings.Fields(string(line))
			if len(f) < 2 || !bytes.HasSuffix(line, []byte("\n")) {
				continue // cut in the middle
			}
			if f[0] != strconv.Itoa(next) {
				t.Fatalf("%s: got line %s, want %d", ti.Name, f[0], next)
			}
			ns, err := strconv.ParseInt(f[1], 10, 64)
			must(t, err)
			next, at = next+2, time.Unix(0, ns)
		}
		if next < sent && killed.Sub(at) > time.Second+100*time.Millisecond { // 100 ms: to send the signal
			t.Errorf("%s: %d of %d lines, the last %v before the end", ti.Name, next, sent, killed.Sub(at))
		}
	}
}
