package sshproxy

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/tests/world"
)

func TestB13NoAgentIsForwarded(t *testing.T) {
	h, target := stubHouse(t, func(ch ssh.Channel, _ *ssh.Request) { ends(ch, 0) })
	h.granted(t, h.Eng, time.Hour)
	c := h.dial(t, login, h.Eng)
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"auth-agent-req@openssh.com", "x11-req", "x@example.com"} {
		if ok, err := s.SendRequest(kind, true, nil); ok || err != nil {
			t.Errorf("%s: got %v, %v", kind, ok, err)
		}
	}
	if err := s.Run("true"); err != nil {
		t.Fatal(err)
	}
	for _, r := range target.seen() {
		if strings.HasPrefix(r, "auth-agent") || strings.HasPrefix(r, "x11") {
			t.Errorf("the target was asked for %s", r)
		}
	}
}

func TestB16OneProgramOnOneChannel(t *testing.T) {
	bothWays(t, func(t *testing.T, w wayIn) {
		h, target := stubHouse(t, echo)
		h.granted(t, h.Eng, time.Hour)
		s, err := w.dial(t, h, "support_nord", h.Eng).NewSession()
		if err != nil {
			t.Fatal(err)
		}
		in, err := s.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start("first"); err != nil {
			t.Fatal(err)
		}
		for kind, payload := range map[string][]byte{
			"exec": ssh.Marshal(struct{ C string }{"second"}), "shell": nil, "subsystem": ssh.Marshal(struct{ N string }{"sftp"}),
			"env": ssh.Marshal(struct{ N, V string }{"LANG", "C"}), "pty-req": ssh.Marshal(terminal{Term: "xterm", Cols: 80, Rows: 24}),
		} {
			if ok, err := s.SendRequest(kind, true, payload); ok || err != nil {
				t.Errorf("%s after exec: got %v, %v", kind, ok, err)
			}
		}
		_ = in.Close()
		if err := s.Wait(); err != nil {
			t.Fatal(err)
		}
		if got := target.seen(); len(got) != 1 || !strings.HasSuffix(got[0], "first") {
			t.Errorf("the target was asked for %q", got)
		}
	})
}

func TestB17ElevenSessionsAreOneTooMany(t *testing.T) {
	bothWays(t, func(t *testing.T, w wayIn) {
		h, target := stubHouse(t, echo)
		h.granted(t, h.Eng, time.Hour)
		c := w.dial(t, h, "support_nord", h.Eng)
		for i := range 3 { // again and again
			var open []*ssh.Session
			for j := range 10 {
				s, err := c.NewSession()
				if err != nil {
					t.Fatalf("round %d, session %d: %v", i, j, err)
				}
				in, err := s.StdinPipe()
				if err != nil {
					t.Fatal(err)
				}
				out, err := s.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Start("x"); err != nil {
					t.Fatal(err)
				}
				if _, err := in.Write([]byte("x")); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
				open = append(open, s)
			}
			if _, err := c.NewSession(); err == nil || !strings.Contains(err.Error(), "at most 10 sessions") {
				t.Errorf("the eleventh: got %v", err)
			}
			for _, s := range open {
				if err := s.Signal(ssh.SIGHUP); err != nil {
					t.Fatal(err)
				}
				_ = s.Close()
				_ = s.Wait()
			}
		}
		if conns, auths, channels := target.counts(); target.entered() != 1 || auths > 2 || channels != 30 {
			t.Errorf("the target saw %d connections, %d logins, %d channels", conns, auths, channels)
		}
	})
}

func TestB20AnEmptyExecIsNoShell(t *testing.T) {
	h, target := stubHouse(t, func(ch ssh.Channel, _ *ssh.Request) { ends(ch, 0) })
	p := *h.Policy()
	p.Rules[0].Actions = []policy.Action{policy.Exec}
	h.SetPolicy(&p)
	h.grantedExec(t)
	c := h.dial(t, login, h.Eng)
	if got := run(t, c, ""); got.Status != 0 {
		t.Errorf("got %+v", got)
	}
	if got := target.seen(); len(got) != 1 || got[0] != "exec \x00\x00\x00\x00" {
		t.Errorf("the target was asked for %q", got)
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	if got := exitOf(t, s.Wait()); got != 255 {
		t.Errorf("a shell under a grant for exec: exit %d", got)
	}
}

// grantedExec is granted where there are only commands.
func (h *house) grantedExec(t *testing.T) {
	t.Helper()
	v, err := h.Desk.Submit(t.Context(), h.Eng.Principal, approvals.Application{
		Target: "db1.prod", Login: "support_nord", Do: policy.Exec, Need: policy.Need{Reason: "outage", Text: "one command is enough"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []*world.Human{h.Ceo, h.Ann} {
		if err := h.Approve(t, who, v.Request.ID); err != nil {
			t.Fatal(err)
		}
	}
	k := h.knock(h.Eng, "support_nord")
	k.Do = policy.Exec
	a, err := h.Gateway.Enter(t.Context(), k)
	if err != nil || a.Verdict != policy.Prove {
		t.Fatalf("got %v %q, %v", a.Verdict, a.Why, err)
	}
	h.Touch(t, h.Eng, a.Terminal)
}

func TestB22OnlyHarmlessVariablesPass(t *testing.T) {
	h, target := stubHouse(t, func(ch ssh.Channel, _ *ssh.Request) { ends(ch, 0) })
	h.granted(t, h.Eng, time.Hour)
	s, err := h.dial(t, login, h.Eng).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	set := func(name, value string, want bool) {
		t.Helper()
		ok, err := s.SendRequest("env", true, ssh.Marshal(struct{ N, V string }{name, value}))
		if err != nil || ok != want {
			t.Errorf("%.30q=%.30q: got %v, %v", name, value, ok, err)
		}
	}
	for _, name := range []string{"LD_PRELOAD", "BASH_ENV", "GLIBC_TUNABLES", "PATH", "ENV", "IFS", "PROMPT_COMMAND", "GOTRACEBACK", "DYLD_INSERT_LIBRARIES", "A=B", "A\x00B", "LANG\n", "lang", ""} {
		set(name, "x", false)
	}
	for _, value := range []string{"() { :; }", "a;b", "a\nb", "a\x00b", "$(x)", strings.Repeat("a", 257)} {
		set("LC_ALL", value, false)
	}
	set("LANG", "da_DK.UTF-8", true)
	set("LANG", "en_US.UTF-8", true) // the last one counts
	for i := range 40 {
		set("LC_"+strings.Repeat("X", 1+i/26)+string(rune('A'+i%26)), "C", i < 31)
	}
	if err := s.Run("true"); err != nil {
		t.Fatal(err)
	}
	var env []string
	for _, r := range target.seen() {
		if strings.HasPrefix(r, "env ") {
			env = append(env, r)
		}
	}
	if len(env) != 32 || !strings.Contains(env[0], "en_US.UTF-8") {
		t.Errorf("%d variables reached the target: %q", len(env), env)
	}
}

func TestChannelsRefusedWithoutEndEndTheConnection(t *testing.T) {
	h, _ := stubHouse(t, echo)
	c := h.dial(t, "cli", h.Eng)
	n := 0
	for ; n < 3*refusals; n++ {
		if _, _, err := c.OpenChannel(fmt.Sprint("x", n), nil); err != nil && !strings.Contains(err.Error(), "lockbox") {
			break
		}
	}
	if n > refusals+1 {
		t.Errorf("%d channels were refused, and the connection lives", n)
	}
}
