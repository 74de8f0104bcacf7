package target

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/policy"
)

// says writes a text to who connects, and waits for them to leave.
func says(text string) func(*stub) {
	return func(s *stub) {
		s.raw = func(c net.Conn) {
			_, _ = io.WriteString(c, text)
			_, _ = io.Copy(io.Discard, c)
		}
	}
}

func hangsUp(text string) func(*stub) {
	return func(s *stub) {
		s.raw = func(c net.Conn) {
			_, _ = c.Read(make([]byte, 64))
			_, _ = io.WriteString(c, text)
		}
	}
}

func refusing(s *stub) { s.auth = func(ssh.ConnMetadata, *ssh.Certificate) bool { return false } }

// TestEachFailureHasItsKind: and what is wrong before anybody is named is found
// by a look, too.
func TestEachFailureHasItsKind(t *testing.T) {
	clean(t)
	for _, tt := range []struct {
		rule   string
		stub   func(*stub)
		policy func(*policy.Target)
		want   Kind
		look   Kind
	}{
		{"all is well", func(*stub) {}, nil, "", ""},
		{"nobody listens", func(*stub) {}, func(p *policy.Target) { p.Address = unused(t) }, Refused, Refused},
		{"no such name", func(*stub) {}, func(p *policy.Target) { p.Address = "db1.invalid:22" }, Unresolved, Unresolved},
		{"an address of the link, where clouds keep secrets", func(*stub) {}, func(p *policy.Target) { p.Address = "169.254.169.254:80" }, Forbidden, Forbidden},
		{"the same, written as IPv6", func(*stub) {}, func(p *policy.Target) { p.Address = "[::ffff:169.254.169.254]:80" }, Forbidden, Forbidden},
		{"nobody's address", func(*stub) {}, func(p *policy.Target) { p.Address = "0.0.0.0:22" }, Forbidden, Forbidden},
		{"it speaks HTTP", hangsUp("HTTP/1.1 400 Bad Request\r\n\r\n"), nil, NoSSH, NoSSH},
		{"sshd is full", hangsUp("Exceeded MaxStartups\r\n"), nil, Full, Full},
		{"sshd punishes us", hangsUp("Not allowed at this time\r\n"), nil, Full, Full},
		{"it hangs up at once", func(s *stub) { s.raw = func(net.Conn) {} }, nil, Cut, Cut},
		{"it hangs up after its version", hangsUp("SSH-2.0-x\r\n"), nil, Cut, Cut},
		{"another host key", func(s *stub) { s.host = []ssh.Signer{newSigner(t), ecdsaSigner(t)} }, func(p *policy.Target) { p.HostKey = "SHA256:other" }, OtherKey, OtherKey},
		{"no host certificate", func(*stub) {}, func(p *policy.Target) { p.HostKey, p.HostCA = "", "SHA256:ca" }, HostCert, HostCert},
		{"the certificate is refused", refusing, nil, Unwelcome, ""},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			s := newStub(t, tt.stub)
			d := newDialer(t, s.ca)
			to := s.target()
			if tt.policy != nil {
				tt.policy(to)
			}
			c, err := d.Dial(t.Context(), callTo(to, "deploy", "r-1"))
			if KindOf(err) != tt.want || (err == nil) != (tt.want == "") {
				t.Errorf("got %q: %v", KindOf(err), err)
			}
			if err == nil {
				c.HangUp()
				c.Left()
			}
			_, users, _ := s.counts()
			if err := d.Look(t.Context(), to); KindOf(err) != tt.look || (err == nil) != (tt.look == "") {
				t.Errorf("a look got %q: %v", KindOf(err), err)
			}
			if _, now, _ := s.counts(); now != users {
				t.Error("a look named somebody")
			}
		})
	}
}

// unused is an address where nobody listens.
func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestErrorsOfTheSystemHaveTheirKind(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want Kind
	}{
		{&net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}, NoRoute},
		{&net.OpError{Op: "dial", Err: syscall.ENETUNREACH}, NoRoute},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, Cut},
		{&net.DNSError{Err: "server misbehaving", Name: "x"}, Unresolved},
		{&net.DNSError{IsTimeout: true}, TimedOut},
		{errors.Join(io.EOF, errLate), TimedOut},
		{syscall.ETIMEDOUT, TimedOut},
		{errNotSigned, Unsigned},
		{errAnybody, Unwelcome},
		{errors.New("x"), Unknown},
	} {
		if got := kind(tt.err); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.err, got, tt.want)
		}
	}
}

func TestAFaultSaysWhatItsOperatorHasToCheck(t *testing.T) {
	for k, want := range map[Kind]string{Unwelcome: "TrustedUserCAKeys", Full: "MaxStartups", OtherKey: "ssh-keygen -lf", HostCert: "ssh-keygen -Lf"} {
		if text := (&Fault{k, "db1.prod", io.EOF}).Error(); !strings.Contains(text, want) || !strings.Contains(text, "db1.prod") {
			t.Errorf("%s: %q", k, text)
		}
	}
}

// TestWhoLetsInAnybodyIsNoTarget: its log would not say under what.
func TestWhoLetsInAnybodyIsNoTarget(t *testing.T) {
	host := newSigner(t)
	anybody := func(c net.Conn) {
		config := &ssh.ServerConfig{NoClientAuth: true}
		config.AddHostKey(host)
		conn, channels, requests, err := ssh.NewServerConn(c, config)
		if err != nil {
			return
		}
		go ssh.DiscardRequests(requests)
		for ch := range channels {
			_ = ch.Reject(ssh.Prohibited, "")
		}
		_ = conn.Wait()
	}
	s := newStub(t, func(s *stub) { s.raw, s.host = anybody, []ssh.Signer{host} })
	d := newDialer(t, s.ca, withSpares)
	_, err := d.Dial(t.Context(), callTo(s.target(), "deploy", "r-1"))
	if KindOf(err) != Unwelcome {
		t.Errorf("got %v", err)
	}
	d.Warm(s.target(), "deploy")
	d.wg.Wait()
}

// TestManyLooksAreOne: however many ask.
func TestManyLooksAreOne(t *testing.T) {
	clean(t)
	s := newStub(t)
	d := newDialer(t, s.ca)
	to := s.target()
	found := make(chan error, 50)
	for range cap(found) {
		go func() { found <- d.Look(t.Context(), to) }()
	}
	for range cap(found) {
		if err := <-found; err != nil {
			t.Error(err)
		}
	}
	if conns, users, _ := s.counts(); conns != 1 || users != 0 {
		t.Errorf("%d connections, %d users named", conns, users)
	}
}

func TestALookAtWhoSaysNothingEndsInTime(t *testing.T) {
	clean(t)
	s := newStub(t, says(""))
	d := newDialer(t, s.ca)
	began := time.Now()
	err := d.Look(t.Context(), s.target())
	if took := time.Since(began); KindOf(err) != TimedOut || took > lookTime+2*time.Second {
		t.Errorf("got %v after %s", err, took)
	}
	at, late := context.WithCancel(t.Context())
	late()
	s2 := newStub(t, says(""))
	if err := d.Look(at, s2.target()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestNotTooManyTargetsAreLookedAtAtATime(t *testing.T) {
	clean(t)
	s := newStub(t, says(""))
	d := newDialer(t, s.ca)
	for i := range mostLooks + 1 {
		to := s.target()
		to.Name += strings.Repeat("x", i)
		_, err := d.look(to)
		if (err != nil) != (i == mostLooks) {
			t.Errorf("look %d: %v", i, err)
		}
	}
}

// hostCert is a host certificate as ca signs it, changed by with.
func hostCert(t *testing.T, ca ssh.Signer, with func(*ssh.Certificate)) ssh.Signer {
	t.Helper()
	key := newSigner(t)
	now := uint64(time.Now().Unix())
	cert := &ssh.Certificate{
		Key: key.PublicKey(), CertType: ssh.HostCert, KeyId: "db1", ValidPrincipals: []string{"127.0.0.1"}, ValidAfter: now - 60, ValidBefore: now + 3600,
	}
	with(cert)
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewCertSigner(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// TestA15AHostCertificateHoldsOrNothingIsSent: also where the library's own
// rules are wider. No file of known hosts is read: what is pinned is all there is.
func TestA15AHostCertificateHoldsOrNothingIsSent(t *testing.T) {
	clean(t)
	ca, other := newSigner(t), newSigner(t)
	same := func(*ssh.Certificate) {}
	for _, tt := range []struct {
		rule string
		host ssh.Signer
		want Kind
	}{
		{"it holds", hostCert(t, ca, same), ""},
		{"signed by another", hostCert(t, other, same), OtherKey},
		{"for another host", hostCert(t, ca, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"127.0.0.2"} }), HostCert},
		{"for every host", hostCert(t, ca, func(c *ssh.Certificate) { c.ValidPrincipals = nil }), HostCert},
		{"for a person", hostCert(t, ca, func(c *ssh.Certificate) { c.CertType = ssh.UserCert }), OtherKey},
		{"it is over", hostCert(t, ca, func(c *ssh.Certificate) { c.ValidBefore = uint64(time.Now().Unix()) - 1 }), HostCert},
		{"it has not begun", hostCert(t, ca, func(c *ssh.Certificate) { c.ValidAfter = uint64(time.Now().Unix()) + 600 }), HostCert},
		{"with a critical option", hostCert(t, ca, func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"x": "y"} }), HostCert},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			s := newStub(t, func(s *stub) { s.host = []ssh.Signer{tt.host} })
			d := newDialer(t, s.ca)
			to := s.target()
			to.HostKey, to.HostCA = "", ssh.FingerprintSHA256(ca.PublicKey())
			c, err := d.Dial(t.Context(), callTo(to, "deploy", "r-1"))
			if KindOf(err) != tt.want {
				t.Errorf("got %v", err)
			}
			if err == nil {
				c.HangUp()
				c.Left()
				return
			}
			if _, users, certs := s.counts(); users != 0 || certs != 0 {
				t.Errorf("%d users and %d certificates were named to it", users, certs)
			}
		})
	}
}

func FuzzWhatComesBeforeKeys(f *testing.F) {
	f.Add([]byte("SSH-2.0-OpenSSH_9.2\r\n"))
	f.Add([]byte("Exceeded MaxStartups\r\n"))
	f.Add([]byte("hello\r\nSSH-2.0-x\r\n"))
	f.Fuzz(func(t *testing.T, first []byte) {
		got := before(first)
		if speaks(first) && got != Cut || len(first) == 0 && got != Cut {
			t.Errorf("%q: got %q", first, got)
		}
	})
}
