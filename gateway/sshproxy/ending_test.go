package sshproxy

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
)

func TestA16AnotherHostKeyGetsNothing(t *testing.T) {
	h, target := stubHouse(t, echo)
	h.granted(t, h.Eng, time.Hour)
	target.mu.Lock()
	target.host = newSigner(t) // somebody else answers
	target.mu.Unlock()
	got := run(t, h.dial(t, login, h.Eng), "true")
	if got.Status != 255 || got.Stdout != "" || !strings.Contains(got.Stderr, "another host key") || !strings.Contains(got.Stderr, `"code":"LBX-TARGET"`) {
		t.Errorf("got %+v", got)
	}
	if _, auths, channels := target.counts(); auths != 0 || channels != 0 {
		t.Errorf("whoever answered was shown %d certificates and %d channels", auths, channels)
	}
}

func TestATargetThatCannotBeReachedOrIsLost(t *testing.T) {
	h, target := stubHouse(t, func(ch ssh.Channel, _ *ssh.Request) { _, _ = ch.Write([]byte("working")) })
	h.granted(t, h.Eng, time.Hour)
	c := h.dial(t, login, h.Eng)
	f := onScreen(t, c, "")
	f.expect("working")
	target.cut()
	f.expect(`connection to db1\.prod was lost`)
	if got := f.wait(2 * time.Second); got != 69 {
		t.Errorf("exit %d, want 69", got)
	}
	g := onScreen(t, c, "") // the same client may try again
	g.expect("working")
	_ = target.l.Close()
	target.cut() // what is kept ahead, too
	if got := run(t, h.dial(t, login, h.Eng), "true", "LOCKBOX_EXIT=sysexits"); got.Status != 69 || !strings.Contains(got.Stderr, "cannot be reached: connection refused") {
		t.Errorf("got %+v", got)
	}
}

func TestWhatCannotBeRecordedDoesNotHappen(t *testing.T) {
	h := newHouse(t)
	code := h.granted(t, h.Eng, time.Hour)
	f := onScreen(t, h.dial(t, login, h.Eng), "")
	f.expect("recorded")
	all, err := h.Gateway.SessionsOf(t.Context(), h.Eng.Principal, code)
	if err != nil || len(all) != 1 {
		t.Fatalf("got %d sessions, %v", len(all), err)
	}
	dir, err := recorder.Find(h.Shelf.Dir, all[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(h.Shelf.Dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.Shelf.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_ = dir
	f.send("while :; do head -c 100000 /dev/urandom | base64; done\n")
	f.expect(`the recorder cannot write`)
	if got := f.wait(time.Second); got != 69 {
		t.Errorf("exit %d, want 69", got)
	}
	if got := run(t, h.dial(t, login, h.Eng), "true"); got.Status != 255 || got.Stdout != "" || !strings.Contains(got.Stderr, `"code":"LBX-RECORDER"`) {
		t.Errorf("a new session: got %+v", got)
	}
}

// short gets a grant that lasts for d.
func (h *house) short(t *testing.T, d time.Duration) string {
	t.Helper()
	code := h.Grant(t, h.Eng, time.Hour)
	h.forge(t, code, func(g *policy.Grant) { g.For = d }) // shorter is always allowed
	h.touched(t, h.Eng, "support_nord")
	return code
}

// forge changes a grant in the ledger.
func (h *house) forge(t *testing.T, code string, change func(*policy.Grant)) {
	t.Helper()
	err := h.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		var g policy.Grant
		if _, err := tx.Get("grant/"+code, &g); err != nil {
			return err
		}
		change(&g)
		if err := tx.Put("grant/"+code, g); err != nil {
			return err
		}
		_, err := tx.Append(ledger.Event{Kind: "test.changed", Actor: "test"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheTimeOfAGrantReallyEnds(t *testing.T) {
	h := newHouse(t)
	h.short(t, 2*time.Second)
	c := h.dial(t, login, h.Eng)
	f := onScreen(t, c, "printf '\\033[?1049h'; sleep 60")
	f.expect(`00:0[12] left \(starts now\)`)
	f.expect(`\x1b\[\?1049h`)
	f.expect(`\x1b\[\?1049l`) // the screen is given back
	f.expect(`the time of the grant is up`)
	if got := f.wait(3 * time.Second); got != 77 {
		t.Errorf("exit %d, want 77", got)
	}
	from := time.Now()
	_ = c.Wait()
	if took := time.Since(from); took > time.Second {
		t.Errorf("the connection lived %s longer", took)
	}
}

func TestAWarningInTheLastMinute(t *testing.T) {
	h := newHouse(t)
	code := h.short(t, time.Minute+1500*time.Millisecond)
	c := h.dial(t, login, h.Eng)
	shell, editor := onScreen(t, c, ""), onScreen(t, c, "printf '\\033[?1049hediting'; sleep 5")
	editor.expect("editing")
	shell.expect(`\x1b\]2;lockbox · db1\.prod · ends in 1 min\x07\r\n  ─ lockbox · db1\.prod · ends in 1 min`)
	editor.expect(`\x1b\]2;lockbox · db1\.prod · ends in 1 min\x07`)
	_ = editor.s.Signal(ssh.SIGTERM)
	if text, _ := editor.read(); strings.Contains(text, "─ lockbox") {
		t.Error("a line was written over a program that has the whole screen")
	}
	_ = c.Close()
	p := h.recording(t, code)
	if got := string(recorded(t, p, "pty0", recorder.CodeMark)); !strings.Contains(got, "ends in 1 min") {
		t.Errorf("the warning is not in the record: %q", got)
	}
	if got := string(recorded(t, p, "pty0", recorder.CodeOutput)); strings.Contains(got, "ends in") {
		t.Error("our words are recorded as the program's")
	}
}

func TestAnIdleVisitEnds(t *testing.T) {
	h := newHouse(t)
	p := *h.Policy()
	p.Rules = append([]policy.Rule(nil), p.Rules...)
	p.Rules[0].Limits.Idle = time.Second
	h.SetPolicy(&p)
	h.granted(t, h.Eng, time.Hour)
	f := onScreen(t, h.dial(t, login, h.Eng), "for i in 1 2 3 4 5 6; do sleep .4; echo $i; done; sleep 60")
	f.expect("6")
	f.expect("nothing has happened for 1s")
	if got := f.wait(time.Second); got != 77 {
		t.Errorf("exit %d, want 77", got)
	}
}
