package harness

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Postgres is a server of its own, with one account, that takes TLS and SCRAM.
type Postgres struct {
	Addr, User, Password string
	CA                   []byte // of its certificate for 127.0.0.1, in PEM
}

// StartPostgres starts one on loopback; it ends with the test.
func StartPostgres(t testing.TB) *Postgres {
	t.Helper()
	bin := PostgresBin(t)
	dir := t.TempDir()
	p := &Postgres{User: "app", Password: "a-password-of-the-test"}
	as := other(t, dir)
	run := func(name string, args ...string) {
		t.Helper()
		c := exec.Command(filepath.Join(bin, name), args...)
		c.SysProcAttr, c.Dir = as, dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	files := map[string][]byte{"password": []byte(p.Password + "\n")}
	files["tls.pem"], files["tls.key"] = certificate(t)
	p.CA = files["tls.pem"]
	for name, b := range files {
		write(t, filepath.Join(dir, name), b, as)
	}
	data := filepath.Join(dir, "data")
	run("initdb", "-D", data, "-U", p.User, "--pwfile", filepath.Join(dir, "password"), "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--wal-segsize=1", "-N")
	p.Addr = freeAddr(t)
	_, port, _ := net.SplitHostPort(p.Addr) // we made it
	var log bytes.Buffer
	c := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-h", "127.0.0.1", "-p", port, "-k", "", "-c", "fsync=off", "-c", "shared_buffers=16MB",
		"-c", "max_wal_size=16MB", "-c", "ssl=on", "-c", "ssl_cert_file="+filepath.Join(dir, "tls.pem"), "-c", "ssl_key_file="+filepath.Join(dir, "tls.key"))
	c.SysProcAttr, c.Dir, c.Stdout, c.Stderr = as, dir, &log, &log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGINT) // it may have ended
		if err := c.Wait(); err != nil {
			t.Logf("postgres: %v\n%s", err, log.String())
		}
	})
	ready := exec.Command(filepath.Join(bin, "pg_isready"), "-h", "127.0.0.1", "-p", port, "-t", "20")
	for until := time.Now().Add(20 * time.Second); ; ready = exec.Command(ready.Path, ready.Args[1:]...) {
		if err := ready.Run(); err == nil {
			return p
		} else if time.Now().After(until) {
			t.Fatalf("postgres does not answer: %v", err)
		}
	}
}

// PostgresBin is where its programs are.
func PostgresBin(t testing.TB) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // Debian has them outside of PATH
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		t.Fatal("there is no initdb: install postgresql")
	}
	return filepath.Dir(found[0])
}

// DSN is how a client reaches it at another address, without TLS.
func (p *Postgres) DSN(addr string) string {
	return fmt.Sprintf("postgres://%s:%s@%s/postgres?sslmode=disable", p.User, p.Password, addr)
}

// other is how somebody else than root runs, to whom dir is given; nil for who is not root.
func other(t testing.TB, dir string) *syscall.SysProcAttr {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	var u *user.User
	err := errors.New("nobody")
	for _, name := range []string{"postgres", "nobody"} {
		if u, err = user.Lookup(name); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid) // numbers, on Unix
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	for up := filepath.Dir(dir); strings.HasPrefix(up, os.TempDir()+"/"); up = filepath.Dir(up) {
		if err := os.Chmod(up, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

func write(t testing.TB, path string, b []byte, as *syscall.SysProcAttr) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if as != nil {
		if err := os.Chown(path, int(as.Credential.Uid), int(as.Credential.Gid)); err != nil {
			t.Fatal(err)
		}
	}
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// certificate is one for 127.0.0.1 that signs itself, with its key.
func certificate(t testing.TB) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "postgres of the test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}
