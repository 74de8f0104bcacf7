package witness_test

import (
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockbox/recorder/proof"
	"lockbox/recorder/witness"
)

// TestAWitnessAnswersAsTheSpecificationSays goes through C2SP tlog-witness, answer by answer.
func TestAWitnessAnswersAsTheSpecificationSays(t *testing.T) {
	c := newChain(t)
	c.grow(t, "a", "b", "c")
	five := c.fork(3)
	five.grow(t, "d", "e")
	other := c.fork(2)
	other.grow(t, "x", "y", "z")
	stranger := newChain(t)
	stranger.grow(t, "a", "b", "c")
	proofOf := strings.Split(five.body(t, 3), "\n")[1]
	for _, row := range []struct {
		name, body string
		held       int64 // before
		status     int
		answer     string // begins
	}{
		{"the first checkpoint", c.body(t, 0), 0, 200, "— w.test "},
		{"a later one, proven", five.body(t, 3), 3, 200, "— w.test "},
		{"the same again", c.body(t, 3), 3, 200, "— w.test "},
		{"the empty log", c.fork(0).body(t, 0), 0, 200, "— w.test "},
		{"nothing", "", 0, 400, ""},
		{"no old", "\n" + c.body(t, 0), 0, 400, ""},
		{"old with a zero before it", strings.Replace(five.body(t, 3), "old 3", "old 03", 1), 3, 400, ""},
		{"old below zero", strings.Replace(c.body(t, 0), "old 0", "old -1", 1), 0, 400, ""},
		{"old with a plus", strings.Replace(five.body(t, 3), "old 3", "old +3", 1), 3, 400, ""},
		{"old beyond the checkpoint", strings.Replace(c.body(t, 0), "old 0", "old 9", 1), 3, 400, ""},
		{"no empty line", strings.Replace(c.body(t, 0), "\n\n", "\n", 2), 0, 400, ""},
		{"a proof that is no base64", strings.Replace(five.body(t, 3), proofOf, "?", 1), 3, 400, ""},
		{"64 hashes", strings.Replace(five.body(t, 3), proofOf, strings.Repeat(proofOf+"\n", 63)+proofOf, 1), 3, 400, ""},
		{"an unknown log", strings.ReplaceAll(c.body(t, 0), origin, "other.test"), 0, 404, ""},
		{"a log that somebody else signed", stranger.body(t, 0), 0, 403, ""},
		{"a text that was changed after it was signed", strings.Replace(c.body(t, 0), "\n3\n", "\n4\n", 1), 0, 403, ""},
		{"old 0 where there is more", five.body(t, 0), 3, 409, "3\n"},
		{"old less than what is held", five.body(t, 2), 3, 409, "3\n"},
		{"old more than what is held", five.body(t, 4), 3, 409, "3\n"},
		{"the same size with another root", other.fork(3).body(t, 3), 3, 409, "3\n"},
		{"fewer entries", c.fork(2).body(t, 2), 3, 409, "3\n"},
		{"another history", strings.Replace(other.body(t, 2), "old 2", "old 3", 1), 3, 422, ""},
		{"a proof of nothing", strings.Replace(c.body(t, 0), "old 0\n", "old 0\n"+proofOf+"\n", 1), 0, 422, ""},
		{"a proof for the same size", strings.Replace(c.body(t, 3), "old 3\n", "old 3\n"+proofOf+"\n", 1), 3, 422, ""},
		{"no proof where one is needed", strings.Replace(five.body(t, 3), proofOf+"\n", "", 1), 3, 422, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := serve(t, "w.test", c)
			if row.held > 0 {
				if got, _, said := post(t, w.peer.URL+"/add-checkpoint", c.fork(row.held).body(t, 0)); got != 200 {
					t.Fatalf("before: %d %s", got, said)
				}
			}
			before, err := os.ReadFile(filepath.Join(w.state, files(t, w.state, "log-")[0]))
			must(t, err)
			got, kind, said := post(t, w.peer.URL+"/add-checkpoint", row.body)
			if got != row.status || !strings.HasPrefix(said, row.answer) {
				t.Errorf("got %d %q, want %d %q", got, said, row.status, row.answer)
			}
			if want := map[bool]string{true: "text/x.tlog.size", false: "text/plain; charset=utf-8"}[row.status == 409]; kind != want {
				t.Errorf("the answer is %q, want %q", kind, want)
			}
			after, err := os.ReadFile(filepath.Join(w.state, files(t, w.state, "log-")[0]))
			must(t, err)
			if changed := string(before) != string(after); changed && got != 200 {
				t.Errorf("the state changed with answer %d", got)
			}
			if got == 200 {
				note := row.body[strings.Index(row.body, "\n\n")+2:] + said
				if o, err := proof.Open([]byte(note), origin, c.key, w.peer.Key); err != nil || len(o.Cosigned) != 1 || time.Since(o.Cosigned[0].At).Abs() > 5*time.Second {
					t.Errorf("the cosignature does not hold: %+v, %v", o, err)
				}
			}
		})
	}
}

// TestForksAndRewindsAreAlarmsWithEvidence: each is told once, and both notes are kept.
func TestForksAndRewindsAreAlarmsWithEvidence(t *testing.T) {
	c := newChain(t)
	c.grow(t, "a", "b", "c", "d")
	twin := c.fork(2)
	twin.grow(t, "x", "y")
	longer := twin.fork(4)
	longer.grow(t, "z")
	for _, row := range []struct {
		name, body string
		kind       witness.Kind
	}{
		{"two histories of one size", twin.body(t, 4), witness.Forked},
		{"two histories of one size, asked for from nothing", twin.body(t, 0), witness.Forked},
		{"an old copy", c.fork(2).body(t, 0), witness.Rewound},
		{"an old copy that went on otherwise", twin.fork(3).body(t, 2), witness.Rewound},
		{"another history that is longer", longer.body(t, 4), witness.Unproven},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := serve(t, "w.test", c)
			post(t, w.peer.URL+"/add-checkpoint", c.body(t, 0))
			for range 3 {
				if got, _, said := post(t, w.peer.URL+"/add-checkpoint", row.body); got != 409 && got != 422 {
					t.Fatalf("got %d %s", got, said)
				}
			}
			told := w.told()
			if len(told) != 1 || told[0].Kind != row.kind || !strings.Contains(told[0].Text, "ALARM") {
				t.Fatalf("got %+v, want one %s", told, row.kind)
			}
			b, err := os.ReadFile(filepath.Join(w.state, told[0].File))
			must(t, err)
			for _, note := range []string{told[0].Held, told[0].Offered} {
				if _, err := proof.Open([]byte(note), origin, c.key); err != nil || !strings.Contains(string(b), strings.Split(note, "\n")[2]) {
					t.Errorf("the evidence is not whole: %v\n%s", err, b)
				}
			}
			if got := w.Held()[origin].N; got != 4 {
				t.Errorf("it holds %d entries, want 4", got)
			}
			must(t, w.Close())
			again, err := witness.New(w.o) // the alarm is remembered
			must(t, err)
			must(t, again.Close())
		})
	}
}

func TestAGarbageProofCannotMoveTheState(t *testing.T) {
	c := newChain(t)
	c.grow(t, "a", "b", "c")
	w := serve(t, "w.test", c)
	post(t, w.peer.URL+"/add-checkpoint", c.body(t, 0))
	c.grow(t, "d")
	body := c.body(t, 3)
	if got, _, _ := post(t, w.peer.URL+"/add-checkpoint", strings.Replace(body, "old 3\n", "old 3\n"+c.tree().Hash.String()+"\n", 1)); got != 422 {
		t.Errorf("got %d", got)
	}
	if got, _, _ := post(t, w.peer.URL+"/add-checkpoint", body); got != 200 {
		t.Errorf("the honest one got %d", got)
	}
}

func TestManyAtOnceNeverGoBack(t *testing.T) {
	c := newChain(t)
	c.grow(t, "a")
	w := serve(t, "w.test", c)
	post(t, w.peer.URL+"/add-checkpoint", c.body(t, 0))
	var bodies []string
	for range 40 {
		c.grow(t, "more")
		bodies = append(bodies, c.body(t, 1))
	}
	answers := make(chan int, len(bodies))
	for _, b := range bodies {
		go func() { got, _, _ := post(t, w.peer.URL+"/add-checkpoint", b); answers <- got }()
	}
	yes := 0
	for range bodies {
		if <-answers == 200 {
			yes++
		}
	}
	if yes != 1 { // all begin at one entry
		t.Errorf("%d were cosigned, want 1", yes)
	}
}

func TestHugeAndSlowRequestsAreCut(t *testing.T) {
	c := newChain(t)
	w := serve(t, "w.test", c)
	if got, _, _ := post(t, w.peer.URL+"/add-checkpoint", "old 0\n"+strings.Repeat("x", 1<<20)); got != http.StatusRequestEntityTooLarge {
		t.Errorf("a huge body got %d", got)
	}
	if got, _, _ := post(t, w.peer.URL+"/elsewhere", ""); got != 404 {
		t.Errorf("an unknown path got %d", got)
	}
	h := w.Server(w.report)
	if h.ReadTimeout == 0 || h.ReadHeaderTimeout == 0 || h.WriteTimeout == 0 || h.IdleTimeout == 0 || h.MaxHeaderBytes == 0 {
		t.Error("the server has no limits")
	}
	h.ReadTimeout, h.ReadHeaderTimeout = 200*time.Millisecond, 100*time.Millisecond
	for _, first := range []string{"POST /add-ch", "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 100\r\n\r\nold "} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(listen(t, h), "http://"))
		must(t, err)
		_, err = conn.Write([]byte(first))
		must(t, err)
		must(t, conn.SetReadDeadline(time.Now().Add(3*time.Second)))
		buf := make([]byte, 1024)
		for err == nil {
			_, err = conn.Read(buf)
		}
		if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
			t.Errorf("%q was waited for", first)
		}
		_ = conn.Close()
	}
}

// TestADamagedOrMissingStateIsRefused flips every bit of the state, cuts it and takes it away.
func TestADamagedOrMissingStateIsRefused(t *testing.T) {
	c := newChain(t)
	c.grow(t, "a", "b")
	w := serve(t, "w.test", c)
	post(t, w.peer.URL+"/add-checkpoint", c.body(t, 0))
	must(t, w.Close())
	path := filepath.Join(w.state, files(t, w.state, "log-")[0])
	good, err := os.ReadFile(path)
	must(t, err)
	try := func(b []byte) error {
		must(t, os.WriteFile(path, b, 0o600))
		again, err := witness.New(w.o)
		if err == nil {
			must(t, again.Close())
		}
		return err
	}
	for i := range good {
		for bit := range 8 {
			bad := append([]byte(nil), good...)
			bad[i] ^= 1 << bit
			if err := try(bad); err == nil || !strings.Contains(err.Error(), "damaged") {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
		}
	}
	for i := range good {
		if err := try(good[:i]); err == nil {
			t.Fatalf("the first %d bytes are taken", i)
		}
	}
	must(t, os.Remove(path))
	if _, err := witness.New(w.o); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("a missing state: %v", err)
	}
	must(t, os.WriteFile(path, good, 0o600))
	must(t, witness.Begin(w.state, w.o.Logs)) // does not touch what is there
	again, err := witness.New(w.o)
	must(t, err)
	if again.Held()[origin].N != 2 {
		t.Error("the state was lost")
	}
	must(t, again.Close())
}

func TestTwoWitnessesOnOneStateAreRefused(t *testing.T) {
	c := newChain(t)
	w := serve(t, "w.test", c)
	if _, err := witness.New(w.o); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v", err)
	}
}

// TestAWitnessThatCannotWriteSignsNothing takes the folder away under it.
func TestAWitnessThatCannotWriteSignsNothing(t *testing.T) {
	c := newChain(t)
	c.grow(t, "a")
	w := serve(t, "w.test", c)
	must(t, os.Mkdir(filepath.Join(w.state, files(t, w.state, "log-")[0]+".tmp"), 0o700)) // where it writes
	for range 2 {
		if got, _, said := post(t, w.peer.URL+"/add-checkpoint", c.body(t, 0)); got != 500 || strings.Contains(said, "—") || strings.Contains(said, w.state) {
			t.Errorf("got %d %q", got, said)
		}
	}
	if len(w.faults) == 0 {
		t.Error("nobody was told")
	}
}

// TestTimeOfACosignatureDoesNotGoBack sets the witness's clock back.
func TestTimeOfACosignatureDoesNotGoBack(t *testing.T) {
	c := newChain(t)
	c.grow(t, "a")
	w := serve(t, "w.test", c)
	post(t, w.peer.URL+"/add-checkpoint", c.body(t, 0))
	first := w.Held()[origin].Cosigned[0].At
	must(t, w.Close())
	o := w.o
	o.Now = func() time.Time { return time.Now().Add(-time.Hour) }
	late, err := witness.New(o)
	must(t, err)
	defer func() { _ = late.Close() }()
	c.grow(t, "b")
	post(t, listen(t, late.Server(w.report))+"/add-checkpoint", c.body(t, 1))
	if got := late.Held()[origin]; got.N != 2 || got.Cosigned[0].At.Before(first) {
		t.Errorf("got %d at %s, want 2 at %s or later", got.N, got.Cosigned[0].At, first)
	}
}
