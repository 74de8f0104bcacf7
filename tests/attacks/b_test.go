package attacks

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"lockbox/gateway"
	"lockbox/gateway/keys"
	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/tests/world"
)

// say writes some output into a track of the visit.
func say(t *testing.T, v *gateway.Visit, text string) {
	t.Helper()
	track, err := v.Track(recorder.Header{Kind: "exec", Command: "true"})
	must(t, err)
	must(t, errors.Join(track.Output([]byte(text)), track.Exit(0), track.Close()))
}

func TestB27WithoutItsKeyNothingIsRecordedAndNobodyComesIn(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	for name, fn := range map[string]func(s *recorder.Shelf){
		"no signer": func(s *recorder.Shelf) { s.Signer = nil }, "no verifier": func(s *recorder.Shelf) { s.Verifier = nil },
		"nobody to seal to": func(s *recorder.Shelf) { s.Recipients = nil }, "no key for journals": func(s *recorder.Shelf) { s.AtRest = [32]byte{} },
		"no folder": func(s *recorder.Shelf) { s.Dir = filepath.Join(w.Dir, "ledger.db", "x") }, "no room": func(s *recorder.Shelf) { s.MinFree = 1 << 60 },
	} {
		shelf := &recorder.Shelf{
			Dir: w.Shelf.Dir, Recipients: []age.Recipient{w.Keys.Vault.Recipient()}, AtRest: w.Keys.AtRest, Signer: w.Keys.Log, Verifier: w.Keys.LogVerifier,
		}
		fn(shelf)
		if shelf.Ready() == nil {
			t.Errorf("%s: the recorder is ready", name)
		}
		w.Gateway.Shelf = shelf
		v, _, err := w.Visit(t, w.Eng, knock(w.Eng))
		if v != nil {
			t.Cleanup(v.Leave)
		}
		var e *gateway.Ending
		if v != nil || !errors.As(err, &e) || e.Code != gateway.NoRecorder {
			t.Errorf("%s: got %v, %v", name, v != nil, err)
		}
	}
	w.Gateway.Shelf = w.Shelf
	visit(t, w, knock(w.Eng)).Leave()
}

func TestB27ARecordingThatWasTouchedDoesNotVerify(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, knock(w.Eng))
	say(t, v, strings.Repeat("output of a session ", 100))
	v.Leave()
	path, err := recorder.Find(w.Shelf.Dir, v.Session.ID)
	must(t, err)
	_, err = recorder.Verify(path, w.Keys.LogVerifier)
	must(t, err)
	other, err := keys.Create(filepath.Join(t.TempDir(), "keys"), world.Log)
	must(t, err)
	if _, err := recorder.Verify(path, other.LogVerifier); err == nil {
		t.Error("a recording verifies with a key that did not sign it")
	}
	must(t, filepath.WalkDir(path, func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(file)
		must(t, err)
		flipped := bytes.Clone(data)
		flipped[len(data)/2] ^= 1
		for name, bad := range map[string][]byte{"flipped": flipped, "cut": data[:len(data)-1], "longer": append(bytes.Clone(data), 0), "empty": {}} {
			must(t, os.WriteFile(file, bad, 0o600))
			if _, err := recorder.Verify(path, w.Keys.LogVerifier); err == nil {
				t.Errorf("%s %s verifies", e.Name(), name)
			}
		}
		return os.WriteFile(file, data, 0o600)
	}))
	must(t, os.WriteFile(filepath.Join(path, "more"), nil, 0o600))
	if _, err := recorder.Verify(path, w.Keys.LogVerifier); err == nil {
		t.Error("a recording with one more file verifies")
	}
}

func TestB28ASessionThatACrashCutHasItsRecordingAndItsEnd(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, knock(w.Eng))
	track, err := v.Track(recorder.Header{Kind: "exec", Command: "true"})
	must(t, err)
	must(t, track.Output([]byte("the last words")))
	if v.Recording.Progress() == "" { // what was written is durable
		t.Error("nothing is durable")
	}
	crashed := t.TempDir() // as the disk is left by kill -9
	must(t, os.CopyFS(crashed, os.DirFS(w.Shelf.Dir)))
	n, err := restarted(t, w, time.Now)
	must(t, err)
	n.Gateway.Shelf = &recorder.Shelf{
		Dir: crashed, Recipients: w.Shelf.Recipients, AtRest: w.Keys.AtRest, Signer: w.Keys.Log, Verifier: w.Keys.LogVerifier,
	}
	must(t, n.Gateway.Recover(t.Context()))
	all, err := n.Gateway.SessionsOf(t.Context(), w.Ann.Principal, code)
	must(t, err)
	if len(all) != 1 || all[0].Root == "" || all[0].Ended.IsZero() || !strings.Contains(all[0].Cause, "recovered") {
		t.Fatalf("got %+v", all)
	}
	path, err := recorder.Find(crashed, v.Session.ID)
	must(t, err)
	m, err := recorder.Verify(path, w.Keys.LogVerifier)
	must(t, err)
	if m.Root != all[0].Root || len(m.Segments) == 0 {
		t.Errorf("the recording has %d segments and the root %s, the log says %s", len(m.Segments), m.Root, all[0].Root)
	}
	if n.Gateway.Visits() != nil {
		t.Error("the session goes on")
	}
}

func TestB28ARequestThatWaitsOutlivesTheProcess(t *testing.T) {
	w := newWorld(t)
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	must(t, w.Approve(t, w.Ceo, code))
	n, err := restarted(t, w, time.Now)
	must(t, err)
	must(t, n.Gateway.Recover(t.Context()))
	v, err := n.Desk.See(t.Context(), w.Eng.Principal, code)
	if err != nil || v.Status.Phase != policy.Pending || len(v.Request.Votes) != 1 {
		t.Errorf("got %s with %d votes, %v", v.Status.Phase, len(v.Request.Votes), err)
	}
	if all, err := n.Gateway.SessionsOf(t.Context(), w.Eng.Principal, code); err != nil || len(all) != 0 {
		t.Errorf("sessions %v, %v", all, err)
	}
}
