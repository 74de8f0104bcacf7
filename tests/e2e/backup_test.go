package e2e

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"lockbox/recorder/backup"
	"lockbox/tests/e2e/harness"
)

// TestABackupIsMadeWhileASessionRunsAndRestoredElsewhere: what was proven before it
// is proven by the restored gateway, which does not start before the loss is
// accepted, nor lets anybody in before executives have signed again.
func TestABackupIsMadeWhileASessionRunsAndRestoredElsewhere(t *testing.T) {
	t.Parallel() // it mostly waits
	s := newSite(t)
	id := s.sealsTo()
	p, code := s.enter()
	p.Send("exit\r")
	p.Wait(wait)
	receipt := s.evidence(s.ann, code)

	open := s.client().Terminal(harness.To("db1.prod", s.sshAddr)...)
	open.Expect("recorded", wait)
	file := filepath.Join(t.TempDir(), "one.age")
	if out := s.lockbox("backup", "--config", s.config(), "--to", file); !strings.Contains(out, "verified by restoring") {
		t.Errorf("backup says %q", out)
	}
	open.Send("echo on-$((40+2)); exit\r")
	open.Expect("on-42", wait)
	open.Wait(wait)
	s.stop()
	held := filepath.Join(t.TempDir(), "held")
	head, err := os.ReadFile(backup.HeadPath(s.path("ledger.db")))
	must(t, err)
	must(t, os.WriteFile(held, head, 0o600))

	s.restores(file, id, held)
	s.start()
	if got := s.client().Run("", append(harness.To("db1.prod", s.sshAddr), "echo", "in")...); got.Code != 255 || got.Stdout != "" {
		t.Errorf("under the old grant, and a policy that nobody signed again: %+v", got)
	}
	s.activate()
	if got := s.client().Run("", append(harness.To("db1.prod", s.sshAddr), "echo", "in")...); got.Code != 255 || got.Stdout != "" {
		t.Errorf("under the old grant: %+v", got)
	}
	log := s.wholeLog(s.ceo)
	if out := s.lockbox("verify", log, "--since", receipt, "--pins", s.writePins()); !strings.Contains(out, "nothing was rewritten") {
		t.Errorf("the restored log, since the old receipt:\n%s", out)
	}
	out, err := exec.Command(program, "verify", log, "--since", held, "--pins", s.writePins()).CombinedOutput()
	if err == nil {
		t.Errorf("the restored log leads to what was lost:\n%s", out)
	}
	s.lockbox("verify", receipt, "--pins", s.writePins())
	q, fresh := s.enter() // anew, with everybody's yes
	q.Send("exit\r")
	q.Wait(wait)
	if fresh == code {
		t.Errorf("the new request has the old code %s", code)
	}
}

// sealsTo names somebody who keeps the key to the backups, and gives its file.
func (s *site) sealsTo() (identity string) {
	s.t.Helper()
	id, err := age.GenerateHybridIdentity()
	must(s.t, err)
	identity = filepath.Join(s.t.TempDir(), "identity")
	must(s.t, os.WriteFile(identity, []byte(id.String()+"\n"), 0o600))
	s.stop()
	s.edit("lockbox.yaml", "recipients: []", fmt.Sprintf("recipients: [%q]", id.Recipient()))
	s.start()
	return identity
}

// restores puts a backup into a new folder, which the site is from then on.
func (s *site) restores(file, identity, held string) {
	s.t.Helper()
	to := filepath.Join(s.t.TempDir(), "restored")
	args := []string{"restore", file, "--to", to, "--identity", identity, "--log-key", s.pins.LogKey, "--since", held}
	if out := s.lockbox(args...); !strings.Contains(out, "LOST: "+held) {
		s.t.Errorf("restore does not say what is lost:\n%s", out)
	}
	for _, wrong := range [][]string{args, {"restore", file, "--to", to + "2", "--identity", filepath.Join(s.dir, "keys", "vault")}} {
		if out, err := exec.Command(program, wrong...).CombinedOutput(); err == nil {
			s.t.Errorf("%v: %s", wrong, out)
		}
	}
	s.dir = to
	out, err := exec.Command(program, "serve", "--config", s.config()).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "does not lead to it") || !strings.Contains(string(out), "--accept-loss") {
		s.t.Errorf("it starts on a ledger that is older than what is held: %v\n%s", err, out)
	}
	if out, err := exec.Command(program, "doctor", "--config", s.config()).CombinedOutput(); err == nil || !strings.Contains(string(out), "FAIL  held") {
		s.t.Errorf("the doctor says: %v\n%s", err, out)
	}
	s.lockbox("restore", "--accept-loss", "--why", "the machine is lost", "--config", s.config())
}

// wholeLog downloads the main log with the person's own session.
func (s *site) wholeLog(who *harness.Person) string {
	s.t.Helper()
	s.signIn(who)
	who.Goto(s.url + "/")
	text := who.Eval(`(() => { const r = new XMLHttpRequest(); r.open("GET", "/log/log.tar", false);
		r.overrideMimeType("text/plain; charset=x-user-defined"); r.send();
		return btoa([...r.responseText].map(c => String.fromCharCode(c.charCodeAt(0) & 255)).join("")) })()`)
	b, err := base64.StdEncoding.DecodeString(text)
	must(s.t, err)
	file := filepath.Join(s.t.TempDir(), "log.tar")
	must(s.t, os.WriteFile(file, b, 0o600))
	return file
}
