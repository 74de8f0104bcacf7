package sshproxy

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/tests/e2e/harness"
	"lockbox/tests/world"
)

// withOpenSSH is a house with OpenSSH's client as eng.
func withOpenSSH(t *testing.T) (*house, *harness.Client) {
	t.Helper()
	h := newHouse(t)
	i := harness.NewIdentity(t)
	h.addKey(t, h.Eng, i)
	h.Eng.SSH = i.Signer(t)
	return h, h.openSSH(t, i)
}

func TestOpenSSHWaitsTouchesAndWorks(t *testing.T) {
	h, c := withOpenSSH(t)
	code := h.Ask(t, h.Eng, "nord", time.Hour)
	p := c.Terminal(harness.To(login, h.Addr)...)
	p.Expect("waiting for a board member", 10*time.Second)
	for _, by := range []*world.Human{h.Ceo, h.Ann} {
		if err := h.Approve(t, by, code); err != nil {
			t.Fatal(err)
		}
	}
	p.Expect("number:  ", 10*time.Second)
	text := p.Expect("/t/"+code, 10*time.Second)
	number := text[:2]
	open, err := h.Desk.Touches(t.Context(), h.Eng.Principal, code)
	if err != nil || len(open) != 1 {
		t.Fatalf("got %d touches, %v", len(open), err)
	}
	h.TouchNumber(t, h.Eng, open[0].ID, number)
	p.Expect("This session is recorded.", 10*time.Second)
	p.Send("stty size; tty\r")
	p.Expect("24 80", 10*time.Second)
	p.Resize(100, 30)
	p.Send("sleep .2; stty size\r")
	p.Expect("30 100", 10*time.Second)
	p.Send("exit 11\r")
	if got := p.Wait(10 * time.Second); got != 11 {
		t.Errorf("exit %d, want 11", got)
	}
}

func TestOpenSSHRunsCommands(t *testing.T) {
	h, c := withOpenSSH(t)
	h.granted(t, h.Eng, time.Hour)
	to := harness.To(login, h.Addr)
	if got := c.Run("in\x00put", append(to, "cat; echo err >&2; exit 3")...); got != (harness.Result{Stdout: "in\x00put", Stderr: "err\n", Code: 3}) {
		t.Errorf("got %+v", got)
	}
	if got := c.Run("", append(to, "kill -9 $$")...); got.Code != 255 && got.Code != 137 {
		t.Errorf("a signal: got %+v", got)
	}
	file, copied := filepath.Join(c.Dir, "file"), filepath.Join(c.Dir, "copy")
	data := make([]byte, 300_000)
	_, _ = rand.Read(data)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	scp := func(args ...string) {
		t.Helper()
		cmd := exec.Command("scp", append([]string{"-O", "-q", "-F", filepath.Join(c.Dir, "config"), "-P", to[1], "-o", "User=" + login}, args...)...)
		cmd.Env = c.Command().Env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("scp: %v\n%s", err, out)
		}
	}
	scp(file, "127.0.0.1:there")
	scp("127.0.0.1:there", copied)
	if got, err := os.ReadFile(copied); err != nil || string(got) != string(data) {
		t.Errorf("scp there and back: %d bytes, %v", len(got), err)
	}
}

// sshdHouse has OpenSSH's sshd behind the door, with the one login that it can
// have, and a grant and a touch for it. It gives the user name to come in as.
func sshdHouse(t *testing.T) (*house, *harness.Client, string) {
	t.Helper()
	h, c := withOpenSSH(t)
	sshd := harness.StartSSHD(t, h.Keys.TargetCA.PublicKey())
	name := harness.Login(t)
	p := *h.Policy()
	target := *p.Targets["db1.prod"]
	target.Address, target.HostKey, target.Logins = sshd.Addr, ssh.FingerprintSHA256(sshd.HostKey), []policy.Login{{Name: name, One: true}}
	target.Customers = []string{"nord"}
	p.Targets = map[string]*policy.Target{"db1.prod": &target}
	h.SetPolicy(&p)
	v, err := h.Desk.Submit(t.Context(), h.Eng.Principal, approvals.Application{
		Target: "db1.prod", Login: name, Customer: "nord", Do: policy.Shell, Need: policy.Need{Reason: "outage", Text: "with a real sshd"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range []*world.Human{h.Ceo, h.Ann} {
		if err := h.Approve(t, by, v.Request.ID); err != nil {
			t.Fatal(err)
		}
	}
	k := h.knock(h.Eng, name)
	k.Customer = "nord"
	a, err := h.Gateway.Enter(t.Context(), k)
	if err != nil || a.Verdict != policy.Prove {
		t.Fatalf("got %v %q, %v", a.Verdict, a.Why, err)
	}
	h.Touch(t, h.Eng, a.Terminal)
	return h, c, name + "%db1.prod"
}

func TestWithOpenSSHOnBothSides(t *testing.T) {
	h, c, user := sshdHouse(t)
	to := harness.To(user, h.Addr)
	if got := c.Run("in\x00put", append(to, "cat; echo err >&2; exit 3")...); got != (harness.Result{Stdout: "in\x00put", Stderr: "err\n", Code: 3}) {
		t.Errorf("got %+v", got)
	}
	if got := c.Run("", append(to, "kill -TERM $$")...); got.Code != 255 {
		t.Errorf("a signal: got %+v", got)
	}
	if got := c.Run("", append(to, "sleep 1 & echo first; exit 4")...); got.Code != 4 || got.Stdout != "first\n" {
		t.Errorf("something in the background: got %+v", got)
	}
	// The client's own output is closed: the program hears of it (eow@openssh.com) and ends.
	yes := exec.Command("sh", "-c", strings.Join(c.Command(append(to, "yes")...).Args, " ")+" | head -n 1")
	yes.Env = c.Command().Env
	began := time.Now()
	if out, err := yes.Output(); err != nil || string(out) != "y\n" || time.Since(began) > 20*time.Second {
		t.Errorf("yes | head: got %q, %v after %s", out, err, time.Since(began))
	}
	p := c.Terminal(append([]string{"-o", "SendEnv=LANG"}, to...)...)
	p.Expect("This session is recorded.", 10*time.Second)
	p.Send("stty -echo; stty size; echo $TERM $LANG\r")
	p.Expect("24 80", 10*time.Second)
	p.Expect("xterm-256color C.UTF-8", 10*time.Second)
	p.Resize(100, 30)
	p.Send("sleep .2; stty size\r")
	p.Expect("30 100", 10*time.Second)
	p.Send("exit 12\r")
	if got := p.Wait(10 * time.Second); got != 12 {
		t.Errorf("exit %d, want 12", got)
	}
}

func TestB03OpenSSHsMasterEndsWithTheGrant(t *testing.T) {
	h, c := withOpenSSH(t)
	code := h.granted(t, h.Eng, time.Hour)
	socket := filepath.Join(c.Dir, "m")
	to := harness.To(login, h.Addr)
	master := c.Start(append([]string{"-M", "-S", socket, "-N"}, to...)...)
	second := func(args ...string) harness.Result {
		return c.Run("", append([]string{"-S", socket}, append(to, args...)...)...)
	}
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); {
		if _, err := os.Stat(socket); err == nil {
			break
		}
	}
	for range 12 { // more than may be open at a time
		if got := second("echo hi"); got.Stdout != "hi\n" || got.Code != 0 {
			t.Fatalf("got %+v", got)
		}
	}
	shell := c.Terminal(append([]string{"-S", socket}, to...)...)
	shell.Expect("This session is recorded.", 10*time.Second)
	if err := h.Desk.Revoke(t.Context(), h.Ceo.Principal, code, ""); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	shell.Expect("revoked by ceo@x.eu", 5*time.Second)
	if got := shell.Wait(5 * time.Second); got != 77 && got != 255 {
		t.Errorf("the shell: exit %d", got)
	}
	master.Wait(5 * time.Second)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the master lived %s longer", took)
	}
	if got := second("echo hi"); got.Code != 255 || got.Stdout != "" {
		t.Errorf("after the end: got %+v", got)
	}
}

func TestB11OpenSSHWithoutASession(t *testing.T) {
	h, c := withOpenSSH(t)
	h.granted(t, h.Eng, time.Hour)
	forward := c.Start(append([]string{"-v", "-N", "-L", "0:127.0.0.1:22", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1"}, harness.To(login, h.Addr)...)...)
	if got := forward.Wait(10 * time.Second); got != 255 {
		t.Errorf("a remote forward: exit %d", got)
	}
	jump := c.Run("", append([]string{"-o", "LogLevel=INFO", "-W", "127.0.0.1:22"}, harness.To(login, h.Addr)...)...)
	if jump.Code != 255 || jump.Stdout != "" || !strings.Contains(jump.Stderr, "lockbox: no rule permits forward") {
		t.Errorf("-W: got %+v", jump)
	}
}
