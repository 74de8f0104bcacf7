package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"lockbox/tests/e2e/harness"
)

// TestSomebodyWatches: a customer follows a session live, holds it back, lets
// it go on and ends it; then the recording is replayed, remarked on, held, taken
// away sealed and played with the customer's own key, and shown in part.
func TestSomebodyWatches(t *testing.T) {
	t.Parallel() // it mostly waits
	s := newSite(t)
	p, code := s.enter()
	id := s.session(s.ann, code)
	page := s.url + "/s/" + id
	s.watches(p, page)
	s.ann.Goto(page) // a click on the page before would be lost
	s.ann.Click(`form.stop summary`)
	s.ann.Type(`#end-why`, "that is enough")
	s.ann.Press("End it now")
	if got := p.Wait(wait); got == 0 {
		t.Errorf("a session that was ended exits with 0\n%s", p.Output())
	}
	s.replays(page)
	file := s.take(s.ann, page)
	t.Run("the customer plays it with their own key", func(t *testing.T) { s.playsSealed(t, file) })
	t.Run("a piece is shown with proof", func(t *testing.T) { s.clips(t, id) })
	t.Run("without its key nobody opens it, and it verifies", func(t *testing.T) { s.loses(t, id) })
}

// watches has Ann follow the session of p.
func (s *site) watches(p *harness.Process, page string) {
	s.t.Helper()
	s.ann.Goto(page)
	s.ann.Type(`input[name="purpose"]`, "to see that only two rows are read")
	s.ann.Press("Watch live")
	p.Expect("watches since", wait)
	p.Send("echo live-$((40+2))\r")
	s.ann.WaitText("live-42")
	look(s.t, s.ann, "watch-live")
	s.ann.Type(`#freeze-why`, "what is that?")
	s.ann.Press("Freeze")
	p.Expect("frozen by", wait)
	p.Send("echo not-$((40+3))\r")
	select {
	case <-p.Done():
		s.t.Fatalf("it ended:\n%s", p.Output())
	case <-time.After(time.Second):
	}
	if strings.Contains(p.Output(), "not-43") {
		s.t.Errorf("something passed while it was frozen:\n%s", p.Output())
	}
	s.ann.Press("Let it go on")
	p.Expect("not-43", wait)
	p.Send("clear; printf 'last-%s\\n' screen\r")
	p.Expect("last-screen", wait)
}

// replays has Ceo search, jump, remark and hold; Cto lets it go.
func (s *site) replays(page string) {
	s.t.Helper()
	began := time.Now() // what the client has seen the end of is sealed a moment later
	for s.ceo.Goto(page); !strings.Contains(s.ceo.Text(), "Show the recording"); s.ceo.Goto(page) {
		if time.Since(began) > wait {
			s.t.Fatalf("the session is not over:\n%s", s.ceo.Text())
		}
	}
	s.ceo.Type(`input[name="purpose"]`, "a look at what was done")
	s.ceo.Press("Show the recording")
	s.ceo.WaitText("Search in this track")
	s.ceo.Type(`#find`, "live-42")
	s.ceo.Press("Search")
	s.ceo.WaitText("live-42")
	look(s.t, s.ceo, "replay")
	s.ceo.Type(`#remark`, "the two rows, as asked")
	s.ceo.Press("Write it down")
	s.ceo.WaitText("the two rows, as asked")
	s.ceo.Press("I have reviewed this recording")
	s.ceo.WaitText("has reviewed this recording")
	s.ceo.Press("Hold it beyond its time")
	s.ceo.Type(`#hold-why`, "the customer complained")
	s.ceo.Eval(`document.querySelector("#hold-why").form.requestSubmit(), ""`)
	s.ceo.WaitText("Held beyond its time")
	s.cto.Goto(page)
	s.cto.Press("Let the hold go")
	s.cto.Type(`#hold-why`, "it was settled")
	s.cto.Eval(`document.querySelector("#hold-why").form.requestSubmit(), ""`)
	s.cto.WaitText("Hold it beyond its time")
}

// take downloads the sealed recording with the person's own session.
func (s *site) take(who *harness.Person, page string) string {
	s.t.Helper()
	who.Goto(page)
	if strings.Contains(who.Text(), "Why do you look") {
		who.Type(`input[name="purpose"]`, "to keep it")
		who.Press("Show the recording")
		who.WaitText("Take the sealed recording")
	}
	text := who.Eval(`(() => { const r = new XMLHttpRequest(); r.open("GET", location.pathname + "/recording.tar", false); r.overrideMimeType("text/plain; charset=x-user-defined"); r.send(); return Array.from(r.responseText, c => (c.charCodeAt(0) & 255).toString(16).padStart(2, "0")).join("") })()`)
	file := filepath.Join(s.t.TempDir(), "recording.tar")
	must(s.t, os.WriteFile(file, unhex(s.t, text), 0o600))
	return file
}

func (s *site) playsSealed(t *testing.T, file string) {
	key := filepath.Join(t.TempDir(), "nord.key")
	must(t, os.WriteFile(key, []byte(s.nord.String()+"\n"), 0o600))
	if out := s.lockbox("play", file, "--identity", key, "--speed", "0"); !strings.Contains(out, "last-screen") {
		t.Errorf("it plays %q", out)
	}
	cast := s.lockbox("export", file, "--identity", key, "--format", "cast2")
	if !strings.HasPrefix(cast, `{"version":2`) || !strings.Contains(cast, "last-screen") {
		t.Errorf("it exports %q", cast)
	}
	other := newAge(t)
	must(t, os.WriteFile(key, []byte(other.String()+"\n"), 0o600))
	if out, err := exec.Command(program, "play", file, "--identity", key).CombinedOutput(); err == nil || strings.Contains(string(out), "last-screen") {
		t.Errorf("a stranger's key plays it: %s", out)
	}
}

func (s *site) clips(t *testing.T, id string) {
	clip := filepath.Join(t.TempDir(), "clip.tar")
	s.lockbox("export", id, "--config", s.config(), "--purpose", "for the case", "--clip", "--from", "0:00", "--until", "0:01", "--out", clip)
	if out := s.lockbox("verify", clip, "--pins", s.writePins()); !regexp.MustCompile(`(?m)^ok|holds|proven`).MatchString(out) {
		t.Errorf("verify says %q", out)
	}
}

func (s *site) loses(t *testing.T, id string) {
	dirs, err := filepath.Glob(filepath.Join(s.dir, "recordings", "*", "*", id))
	must(t, err)
	must(t, os.Remove(filepath.Join(dirs[0], "key.age")))
	if out := s.lockbox("verify", dirs[0], "--pins", s.writePins()); !strings.Contains(out, "the recording is gone") {
		t.Errorf("verify says %q", out)
	}
	if out, err := exec.Command(program, "play", id, "--config", s.config(), "--purpose", "is it gone", "--speed", "0").CombinedOutput(); err == nil || strings.Contains(string(out), "last-screen") {
		t.Errorf("it still plays: %s", out)
	}
}
