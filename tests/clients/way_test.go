package clients

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// A way is one of those to get to the target, as a client sees it.
type way struct {
	name        string // "direct", "user" (TARGET@GATEWAY) or "jump" (-J)
	host        string // as the client is told
	port, login string
	hostKey     ssh.PublicKey // that answers there
	proxy       bool          // only through a connection that the gateway forwards
}

// ways are all of them; the first is what the others are held against.
func (s *stage) ways() []way {
	host, port, _ := net.SplitHostPort(s.sshd.Addr)
	at, door, _ := net.SplitHostPort(s.Addr)
	return []way{
		{"direct", host, port, s.Login, s.sshd.HostKey, false},
		{"user", at, door, s.Login + "%" + target, s.Keys.Host.PublicKey(), false},
		{"jump", target, "22", s.Login, s.Keys.Host.PublicKey(), true},
	}
}

// A place is what one run of a scenario has on this machine: a folder on the
// client's side and one on the target's, and in dir all that clients need.
type place struct{ dir, here, there string }

func (s *stage) place(t *testing.T, w way) place {
	t.Helper()
	dir, err := os.MkdirTemp("", "lbx") // short: there are sockets in it
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // what is left is small
	p := place{dir, filepath.Join(dir, "here"), filepath.Join(dir, "there")}
	must(t, os.Mkdir(p.here, 0o755))
	must(t, os.Mkdir(p.there, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "known_hosts"), []byte(s.knownHosts(w, true)), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "known_keys"), []byte(s.knownHosts(w, false)), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "config"), []byte(s.config(w, dir)), 0o600))
	return p
}

// knownHosts is what a client knows: through the gateway a target has a
// certificate, and the gateway's own key for those who cannot read one.
func (s *stage) knownHosts(w way, certificates bool) string {
	at := knownhosts.Normalize(net.JoinHostPort(w.host, w.port))
	known := knownhosts.Line([]string{at}, w.hostKey)
	if w.proxy && certificates {
		known = "@cert-authority " + knownhosts.Line([]string{at}, s.Keys.HostCA.PublicKey())
	}
	return knownhosts.Line([]string{s.Addr}, s.Keys.Host.PublicKey()) + "\n" + known + "\n"
}

// config is OpenSSH's, where the target is called "target" on every way.
func (s *stage) config(w way, dir string) string {
	host, port, _ := net.SplitHostPort(s.Addr)
	text := fmt.Sprintf("Host target\n HostName %s\n Port %s\n User %s\n", w.host, w.port, w.login)
	if w.proxy {
		text += " ProxyJump gateway\n"
	}
	return text + fmt.Sprintf(`Host gateway
 HostName %s
 Port %s
 User eng
Host *
 IdentityFile %s
 UserKnownHostsFile %s
 GlobalKnownHostsFile none
 StrictHostKeyChecking yes
 IdentitiesOnly yes
 IdentityAgent none
 BatchMode yes
 LogLevel ERROR
`, host, port, filepath.Join(s.client.Dir, "id"), filepath.Join(dir, "known_hosts"))
}

// env is what a script is told.
func (s *stage) env(w way, p place) []string {
	proxy := ""
	if w.proxy {
		proxy = fmt.Sprintf("ssh -F %s/config -W %s:%s gateway", p.dir, w.host, w.port)
	}
	self, _ := os.Executable() // empty: then the client in Go fails
	return []string{
		"PATH=" + os.Getenv("PATH") + ":/usr/sbin", "HOME=" + p.here, "LANG=C.UTF-8", "TERM=xterm-256color", "BASH_ENV=" + filepath.Join(s.scripts, "way.sh"),
		"WAY=" + w.name, "CONFIG=" + p.dir + "/config", "KNOWN=" + p.dir + "/known_keys", "HERE=" + p.here, "THERE=" + p.there,
		"HOST=" + w.host, "PORT=" + w.port, "LOGIN=" + w.login, "HOSTKEY=" + ssh.FingerprintSHA256(w.hostKey), "PROXY=" + proxy, "GATEWAY=" + s.Addr,
		"KEY=" + s.client.Dir + "/id", "PPK=" + s.client.Dir + "/id.ppk", "DROPBEAR=" + s.client.Dir + "/id.dropbear", "WEB=" + s.web,
		"SCRIPTS=" + s.scripts, "SELF=" + self, "MIB=" + fmt.Sprint(size()),
	}
}

// size is how much is sent where much is sent, in MiB: LOCKBOX_CLIENT_MIB.
func size() int { return number("LOCKBOX_CLIENT_MIB", 20) }

func number(name string, otherwise int) int {
	var n int
	if _, err := fmt.Sscan(os.Getenv(name), &n); err != nil || n <= 0 {
		return otherwise
	}
	return n
}

// convert writes the key in the forms of the clients that have forms of their own.
func (s *stage) convert(t *testing.T) {
	t.Helper()
	id := filepath.Join(s.client.Dir, "id")
	for _, args := range [][]string{
		{"puttygen", id, "-o", id + ".ppk"},
		{"dropbearconvert", "openssh", "dropbear", id, id + ".dropbear"},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", args[0], err, out)
		}
	}
}

func address(host string) netip.Addr {
	a, _ := netip.ParseAddr(host) // loopback; the zero one is nobody's
	return a
}

func scripts(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("testdata")
	must(t, err)
	return dir
}
