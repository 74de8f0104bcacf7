package harness_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/tests/e2e/harness"
)

const soon = 30 * time.Second

func TestSSHDLetsInACertificateOfItsAuthorityAndNothingElse(t *testing.T) {
	ca, other, key := harness.NewIdentity(t), harness.NewIdentity(t), harness.NewIdentity(t)
	login := harness.Login(t)
	sshd := harness.StartSSHD(t, ca.Public(t))
	for _, tt := range []struct {
		name string
		who  harness.Identity
		want int
	}{
		{"certificate of the authority", key.Certified(t, ca, login), 7},
		{"certificate of another authority", key.Certified(t, other, login), 255},
		{"certificate for another login", key.Certified(t, ca, "nobody"), 255},
		{"certificate for nobody in particular", key.Certified(t, ca, login, func(c *ssh.Certificate) { c.ValidPrincipals = nil }), 255},
		{"certificate for another address", key.Certified(t, ca, login, func(c *ssh.Certificate) {
			c.CriticalOptions["source-address"] = "192.0.2.1"
		}), 255},
		{"plain key", key, 255},
		{"the authority's own key", ca, 255},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := harness.OpenSSH(t, tt.who).Trust(sshd.Addr, sshd.HostKey)
			got := client.Run("", append(harness.To(login, sshd.Addr), "echo in; exit 7")...)
			if got.Code != tt.want || (got.Stdout == "in\n") != (tt.want == 7) {
				t.Errorf("got %+v, want status %d\n%s", got, tt.want, sshd.Log())
			}
		})
	}
	if got := sshd.Connections(); got != 7 {
		t.Errorf("sshd counted %d connections, want 7", got)
	}
}

func TestClientRefusesAHostKeyItWasNotTold(t *testing.T) {
	ca := harness.NewIdentity(t)
	sshd := harness.StartSSHD(t, ca.Public(t))
	client := harness.OpenSSH(t, harness.NewIdentity(t).Certified(t, ca, harness.Login(t)))
	got := client.Run("", append(harness.To(harness.Login(t), sshd.Addr), "true")...)
	if got.Code != 255 || !strings.Contains(got.Stderr, "Host key verification failed") {
		t.Errorf("got %+v, want a refusal", got)
	}
}

func TestATerminalShowsWhatIsTypedAndItsSize(t *testing.T) {
	ca, login := harness.NewIdentity(t), harness.Login(t)
	sshd := harness.StartSSHD(t, ca.Public(t))
	client := harness.OpenSSH(t, harness.NewIdentity(t).Certified(t, ca, login)).Trust(sshd.Addr, sshd.HostKey)
	term := client.Terminal(append(harness.To(login, sshd.Addr), "-tt",
		"stty size; read line; echo got $line; until [ \"$(stty size)\" = '50 132' ]; do sleep 0.1; done; echo resized; read line; exit 3")...)
	term.Expect("24 80", soon)
	term.Resize(132, 50)
	term.Send("hello\r")
	term.Expect("got hello", soon)
	term.Expect("resized", soon)
	term.Send("\r")
	if got := term.Wait(soon); got != 3 {
		t.Errorf("got exit status %d, want 3", got)
	}
}

func TestClosingSSHDEndsItsSessions(t *testing.T) {
	ca, login := harness.NewIdentity(t), harness.Login(t)
	sshd := harness.StartSSHD(t, ca.Public(t))
	client := harness.OpenSSH(t, harness.NewIdentity(t).Certified(t, ca, login)).Trust(sshd.Addr, sshd.HostKey)
	session := client.Start(append(harness.To(login, sshd.Addr), "echo in; cat")...)
	session.Expect("in", soon)
	sshd.Close()
	if got := session.Wait(soon); got != 255 {
		t.Errorf("got exit status %d, want 255", got)
	}
}

func TestPlainGrowsOnlyAtTheEnd(t *testing.T) {
	raw := "a\x1b[1;31mb\x1b]0;title\x07c\x1b(Bd\x1b7e\x1b]8;;http://x\x1b\\f"
	if got, want := harness.Plain(raw), "abcdef"; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i := range raw {
		if got := harness.Plain(raw[:i]); !strings.HasPrefix("abcdef", got) {
			t.Errorf("after %q: got %q", raw[:i], got)
		}
	}
}
