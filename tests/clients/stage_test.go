package clients

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/sshproxy"
	"lockbox/policy"
	"lockbox/tests/e2e/harness"
	"lockbox/tests/world"
)

// A stage is a gateway with a real sshd behind it, and an engineer who may go
// there for hours; sshd lets the engineer's own key in too, for who comes direct.
type stage struct {
	*world.World
	Addr    string // of the gateway
	Login   string
	key     harness.Identity
	client  *harness.Client // whose folder holds the key
	sshd    *harness.SSHD
	web     string // address that may be forwarded to
	scripts string // folder of them
}

const target = "db1.prod"

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{World: world.New(t, "127.0.0.1:1", ""), Login: harness.Login(t), key: harness.NewIdentity(t)}
	s.scripts = scripts(t)
	s.Shelf.Patience = time.Minute // with the disk of a busy machine
	s.client = harness.OpenSSH(t, s.key)
	may := filepath.Join(t.TempDir(), "authorized_keys")
	must(t, os.WriteFile(may, ssh.MarshalAuthorizedKey(s.key.Public(t)), 0o600))
	s.sshd = harness.StartSSHDWith(t, s.Keys.TargetCA.PublicKey(), strings.Join([]string{
		"AuthorizedKeysFile " + may, "MaxStartups 500", "MaxSessions 100", "LogLevel INFO",
		"SetEnv HOME=" + t.TempDir(), // whoever runs the tests may have much in theirs
	}, "\n")+"\n")
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s%s\n", strings.Repeat("page ", 20_000), r.URL.Path)
	}))
	t.Cleanup(web.Close)
	s.web = web.Listener.Addr().String()
	s.own(t)
	s.rule(t)
	s.open(t)
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// own makes the key one of the engineer's.
func (s *stage) own(t *testing.T) {
	t.Helper()
	ask, err := s.People.BeginSSHKey(t.Context(), s.Eng.ID, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.key.Public(t)))))
	must(t, err)
	_, err = s.People.AddSSHKey(t.Context(), ask.ID, s.Eng.Answer(t, ask.Options))
	must(t, err)
	s.Eng.SSH = s.key.Signer(t)
}

// rule lets engineers do on the target whatever a rule can permit.
func (s *stage) rule(t *testing.T) {
	t.Helper()
	p := *s.Policy()
	on := *p.Targets[target]
	on.Address, on.HostKey, on.Customers = s.sshd.Addr, ssh.FingerprintSHA256(s.sshd.HostKey), []string{"nord"}
	on.Logins = []policy.Login{{Name: s.Login, One: true}}
	p.Targets = map[string]*policy.Target{target: &on}
	rule := p.Rules[0]
	rule.Actions = []policy.Action{policy.Shell, policy.Exec, policy.SFTPGet, policy.SFTPPut, policy.Forward}
	rule.Bounds = policy.Bounds{To: []string{s.web}}
	rule.Fresh = 4 * time.Hour
	p.Rules = []policy.Rule{rule}
	s.SetPolicy(&p)
}

// open serves the door.
func (s *stage) open(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s.Addr = l.Addr().String()
	door := &sshproxy.Door{
		Gateway: s.Gateway, Desk: s.Desk, People: s.People, Keys: s.Keys, Portal: "http://localhost:8080",
		Report: func(err error) { t.Logf("reported: %v", err) },
		Limits: sshproxy.Limits{PerPerson: 100}, // one person is all of them here
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- door.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-served:
			must(t, err)
		case <-time.After(20 * time.Second):
			t.Error("the door does not close")
		}
	})
}

// let gives the engineer four hours, with the touch it takes.
func (s *stage) let(t *testing.T) {
	t.Helper()
	v, err := s.Desk.Submit(t.Context(), s.Eng.Principal, approvals.Application{
		Target: target, Login: s.Login, Customer: "nord", Do: policy.Shell, For: 4 * time.Hour, Need: policy.Need{Reason: "outage", Text: "every client"},
	})
	must(t, err)
	for _, by := range []*world.Human{s.Ceo, s.Ann} {
		must(t, s.Approve(t, by, v.Request.ID))
	}
	from, _, err := net.SplitHostPort(s.Addr)
	must(t, err)
	a, err := s.Gateway.Enter(t.Context(), gateway.Knock{
		Who: s.Eng.Principal, Key: ssh.FingerprintSHA256(s.Eng.SSH.PublicKey()), From: address(from), Do: policy.Shell, On: target, Login: s.Login, Customer: "nord",
	})
	if err != nil || a.Verdict != policy.Prove {
		t.Fatalf("enter: %v %q, %v", a.Verdict, a.Why, err)
	}
	s.Touch(t, s.Eng, a.Terminal)
}
