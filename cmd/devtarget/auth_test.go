package devtarget_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/cmd/devtarget"
	"lockbox/tests/e2e/harness"
)

// A world is a target, the authority it trusts, and an engineer's key.
type world struct {
	target *devtarget.Server
	home   string
	host   harness.Identity
	ca     harness.Identity
	key    harness.Identity
}

func start(t *testing.T) world { t.Helper(); return startAt(t, t.TempDir()) }

func startAt(t *testing.T, home string) world {
	t.Helper()
	w := world{home: home, host: harness.NewIdentity(t), ca: harness.NewIdentity(t), key: harness.NewIdentity(t)}
	target, err := devtarget.Start(devtarget.Config{
		Addr: "127.0.0.1:0", Host: w.host.Signer(t), CA: w.ca.Public(t), Logins: []string{"deploy", "support_nord"}, Home: w.home, Name: "db1.prod",
	})
	if err != nil {
		t.Fatal(err)
	}
	w.target = target
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w world) dial(t *testing.T, user string, auth ...ssh.AuthMethod) (*ssh.Client, error) {
	t.Helper()
	return ssh.Dial("tcp", w.target.Addr(), &ssh.ClientConfig{
		User: user, Auth: auth, HostKeyCallback: ssh.FixedHostKey(w.host.Public(t)), Timeout: 10 * time.Second,
	})
}

// client is somebody who may log in as deploy.
func (w world) client(t *testing.T, with ...func(*ssh.Certificate)) *ssh.Client {
	t.Helper()
	c, err := w.dial(t, "deploy", ssh.PublicKeys(w.key.Certified(t, w.ca, "deploy", with...).Signer(t)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// openssh is the same with OpenSSH's client.
func (w world) openssh(t *testing.T) *harness.Client {
	t.Helper()
	return harness.OpenSSH(t, w.key.Certified(t, w.ca, "deploy")).Trust(w.target.Addr(), w.host.Public(t))
}

func (w world) to(more ...string) []string {
	return append(harness.To("deploy", w.target.Addr()), more...)
}

func TestOnlyACertificateOfTheAuthorityOpensALogin(t *testing.T) {
	w := start(t)
	cert := func(login string, with ...func(*ssh.Certificate)) ssh.AuthMethod {
		return ssh.PublicKeys(w.key.Certified(t, w.ca, login, with...).Signer(t))
	}
	hour := func(from, to int) func(*ssh.Certificate) {
		now := time.Now()
		return func(c *ssh.Certificate) {
			c.ValidAfter = uint64(now.Add(time.Duration(from) * time.Hour).Unix())
			c.ValidBefore = uint64(now.Add(time.Duration(to) * time.Hour).Unix())
		}
	}
	option := func(name, value string) func(*ssh.Certificate) {
		return func(c *ssh.Certificate) { c.CriticalOptions[name] = value }
	}
	principals := func(names ...string) func(*ssh.Certificate) {
		return func(c *ssh.Certificate) { c.ValidPrincipals = names }
	}
	for _, tt := range []struct {
		name string
		user string
		auth ssh.AuthMethod
		in   bool
	}{
		{"its principal is the login", "deploy", cert("deploy"), true},
		{"one of its principals is", "deploy", cert("", principals("x", "deploy")), true},
		{"from this address", "deploy", cert("deploy", option("source-address", "127.0.0.0/8")), true},
		{"from another address", "deploy", cert("deploy", option("source-address", "192.0.2.0/24")), false},
		{"for another login", "deploy", cert("support_nord"), false},
		{"for nobody in particular", "deploy", cert("", principals()), false},
		{"for a list in one name", "deploy", cert("", principals("x,deploy")), false},
		{"for a login that is not here", "root", cert("root"), false},
		{"ended", "deploy", cert("deploy", hour(-2, -1)), false},
		{"not begun", "deploy", cert("deploy", hour(1, 2)), false},
		{"with a condition unknown here", "deploy", cert("deploy", option("force-command", "true")), false},
		{"a host's", "deploy", cert("deploy", func(c *ssh.Certificate) { c.CertType = ssh.HostCert }), false},
		{"of another authority", "deploy", ssh.PublicKeys(w.key.Certified(t, harness.NewIdentity(t), "deploy").Signer(t)), false},
		{"of itself", "deploy", ssh.PublicKeys(w.key.Certified(t, w.key, "deploy").Signer(t)), false},
		{"no certificate", "deploy", ssh.PublicKeys(w.key.Signer(t)), false},
		{"the authority's key", "deploy", ssh.PublicKeys(w.ca.Signer(t)), false},
		{"a password", "deploy", ssh.Password(""), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := w.dial(t, tt.user, tt.auth)
			if err == nil {
				_ = c.Close()
			}
			if got := err == nil; got != tt.in {
				t.Errorf("got in: %v (%v), want %v", got, err, tt.in)
			}
		})
	}
	t.Run("nothing", func(t *testing.T) {
		if _, err := w.dial(t, "deploy"); err == nil {
			t.Error("got in with no credential at all")
		}
	})
}

func TestAConfigurationThatWouldOfferShellsToANetworkIsRefused(t *testing.T) {
	host, ca := harness.NewIdentity(t).Signer(t), harness.NewIdentity(t).Public(t)
	good := devtarget.Config{Addr: "127.0.0.1:0", Host: host, CA: ca, Logins: []string{"deploy"}, Home: t.TempDir(), Name: "x"}
	for _, tt := range []struct {
		name   string
		change func(*devtarget.Config)
		want   string
	}{
		{"every address", func(c *devtarget.Config) { c.Addr = "0.0.0.0:0" }, "loopback"},
		{"no address", func(c *devtarget.Config) { c.Addr = ":0" }, "loopback"},
		{"no host key", func(c *devtarget.Config) { c.Host = nil }, "no host key"},
		{"no authority", func(c *devtarget.Config) { c.CA = nil }, "no certificate authority"},
		{"no logins", func(c *devtarget.Config) { c.Logins = nil }, "no logins"},
		{"no home", func(c *devtarget.Config) { c.Home = "" }, "no home"},
		{"a login out of its home", func(c *devtarget.Config) { c.Logins = []string{"../x"} }, "login"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := good
			tt.change(&c)
			s, err := devtarget.Start(c)
			if err == nil {
				_ = s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error about %q", err, tt.want)
			}
		})
	}
}
