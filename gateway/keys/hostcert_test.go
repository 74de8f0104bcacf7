package keys

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// The certificate is shown to the library's own checker, which does as ssh does.
func TestAHostCertificateIsForOneTargetForHours(t *testing.T) {
	r, _ := newRing(t)
	s, err := r.HostCert("db1.prod", noon)
	ok(t, err)
	cert := s.PublicKey().(*ssh.Certificate)
	for _, c := range []struct {
		rule  string
		ca    ssh.Signer
		name  string
		later time.Duration
		ok    bool
	}{
		{"the target", r.HostCA, "db1.prod:22", 0, true},
		{"a clock that is behind", r.HostCA, "db1.prod:22", -9 * time.Minute, true},
		{"before its time", r.HostCA, "db1.prod:22", -11 * time.Minute, false},
		{"at the end of the longest grant", r.HostCA, "db1.prod:22", 8 * time.Hour, true},
		{"after its time", r.HostCA, "db1.prod:22", 12*time.Hour + time.Second, false},
		{"another target", r.HostCA, "db2.prod:22", 0, false},
		{"who trusts the target CA", r.TargetCA, "db1.prod:22", 0, false},
		{"who trusts the people CA", r.PeopleCA, "db1.prod:22", 0, false},
	} {
		checker := &ssh.CertChecker{
			IsHostAuthority: func(k ssh.PublicKey, _ string) bool { return string(k.Marshal()) == string(c.ca.PublicKey().Marshal()) },
			Clock:           func() time.Time { return noon.Add(c.later) },
		}
		if err := checker.CheckHostKey(c.name, nil, cert); (err == nil) != c.ok {
			t.Errorf("%s: got %v", c.rule, err)
		}
	}
	people := &ssh.CertChecker{IsUserAuthority: func(ssh.PublicKey) bool { return true }}
	if _, err := people.Authenticate(user("db1.prod"), cert); err == nil {
		t.Error("it opens a door as a user's certificate")
	}
	if cert.CertType != ssh.HostCert || len(cert.Extensions)+len(cert.CriticalOptions) > 0 {
		t.Errorf("got %+v", cert)
	}
	again, err := r.HostCert("db1.prod", noon)
	ok(t, err)
	if again.PublicKey().(*ssh.Certificate).Serial == cert.Serial {
		t.Error("two certificates have one serial")
	}
}

// user is who logs in by a name.
type user string

func (u user) User() string        { return string(u) }
func (user) SessionID() []byte     { return nil }
func (user) ClientVersion() []byte { return nil }
func (user) ServerVersion() []byte { return nil }
func (user) RemoteAddr() net.Addr  { return nil }
func (user) LocalAddr() net.Addr   { return nil }

func TestAHostCertificateIsOfOneNameThatIsNoPattern(t *testing.T) {
	r, _ := newRing(t)
	for _, name := range []string{"", "*", "*.prod", "db?.prod", "a,b", "db1.prod ", " db1.prod", "db1.prod\n", "!db1.prod", "døb.prod", "[db1.prod]:22", strings.Repeat("a", 254)} {
		if _, err := r.HostCert(name, noon); err == nil {
			t.Errorf("%q was certified", name)
		}
	}
	if _, err := r.HostCert("db1.prod", time.Time{}); err == nil {
		t.Error("certified at no time")
	}
}

func TestARingOlderThanHostCertificatesLoads(t *testing.T) {
	made, dir := newRing(t)
	ok(t, os.Remove(filepath.Join(dir, hostCAFile)))
	r, err := Load(dir)
	ok(t, err)
	if _, err := r.HostCert("db1.prod", noon); r.HostCA != nil || !errors.Is(err, ErrNoHostCA) {
		t.Errorf("got %v", err)
	}
	if _, err := r.TargetCert(ask(t)); err != nil {
		t.Error(err)
	}
	a := ask(t)
	a.Pub = made.HostCA.PublicKey()
	if _, err := made.TargetCert(a); err == nil {
		t.Error("a target certificate for the host CA's own key")
	}
}
