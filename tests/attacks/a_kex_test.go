package attacks

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"
)

func TestA22TheAlgorithmsAreTheGoldenList(t *testing.T) {
	f := newPorch(t)
	r := connect(t, f.addr)
	must(t, r.hello())
	if r.banner != "SSH-2.0-OpenSSH_lockbox" {
		t.Errorf("version %q: it must begin as OpenSSH's does, and say no number", r.banner)
	}
	lists := strings.Split(strings.Repeat("?,", 10), ",")[:10]
	rest := r.init[17:]
	for i := range lists {
		n := binary.BigEndian.Uint32(rest)
		lists[i], rest = string(rest[4:4+n]), rest[4+n:]
	}
	const (
		ciphers = "aes256-gcm@openssh.com,aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes128-ctr"
		macs    = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com"
	)
	want := []string{
		"mlkem768x25519-sha256,curve25519-sha256,curve25519-sha256@libssh.org,kex-strict-s-v00@openssh.com", "ssh-ed25519",
		ciphers, ciphers, macs, macs, "none", "none", "", "",
	}
	if diff := cmp.Diff(want, lists); diff != "" {
		t.Errorf("KEXINIT (-want +got)\n%s", diff)
	}
	if !bytes.Equal(rest, make([]byte, 5)) {
		t.Errorf("after the lists: %v", rest)
	}
	s := greeted(t, f.addr, true)
	must(t, s.send(request("cli", "none")))
	if p, err := s.take(); err != nil || p[0] == msgExtInfo {
		t.Errorf("got %v, %v", p, err) // it came before, and next passed over it
	}
}

func TestA22PeopleMaySignWithModernKeysOnly(t *testing.T) {
	f := newPorch(t)
	r := connect(t, f.addr)
	must(t, r.hello())
	must(t, r.exchange(true))
	p, err := r.take()
	must(t, err)
	want := "sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com,ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256"
	if p[0] != msgExtInfo || !bytes.Contains(p, text(text(nil, "server-sig-algs"), want)) {
		t.Errorf("got %q, want server-sig-algs of %s", p, want)
	}
}

// TestA22SSHAuditFindsNothing asks Debian's ssh-audit 2.5.0, which is older
// than ML-KEM and than the strict key exchange.
func TestA22SSHAuditFindsNothing(t *testing.T) {
	f := newPorch(t)
	host, port, err := net.SplitHostPort(f.addr)
	must(t, err)
	out, err := exec.CommandContext(t.Context(), "ssh-audit", "--json", "--port", port, host).Output() // its status counts warnings
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var got struct {
		Recommendations map[string]map[string]map[string][]struct{ Name string } `json:"recommendations"`
	}
	must(t, json.Unmarshal(out, &got))
	var found []string
	for level, actions := range got.Recommendations {
		for action, kinds := range actions {
			for kind, all := range kinds {
				for _, a := range all {
					if action != "add" { // what else could be offered is no finding
						found = append(found, strings.Join([]string{level, action, kind, a.Name}, " "))
					}
				}
			}
		}
	}
	slices.Sort(found)
	if len(found) != 0 {
		t.Errorf("ssh-audit finds %q\n%s", found, out)
	}
	if !strings.Contains(string(out), "mlkem768x25519-sha256") || !strings.Contains(string(out), "ssh-ed25519") {
		t.Errorf("ssh-audit saw something else\n%s", out)
	}
}

func TestA41NothingOldIsAgreedOn(t *testing.T) {
	f := newPorch(t)
	const kex, gcm, etm = "curve25519-sha256", "aes256-gcm@openssh.com", "hmac-sha2-256-etm@openssh.com"
	for _, c := range []struct{ kex, cipher, mac string }{
		{"diffie-hellman-group14-sha256,diffie-hellman-group16-sha512,diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha1,diffie-hellman-group1-sha1", gcm, etm},
		{"ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521", gcm, etm}, {"", gcm, etm}, {kex, "", etm},
		{kex, "aes128-cbc,aes256-cbc,3des-cbc,arcfour256,none", etm}, {kex, "aes256-ctr", "hmac-sha1,hmac-sha1-96,hmac-md5,none"},
		{kex, "aes256-ctr", "hmac-sha2-256,hmac-sha2-512,umac-64@openssh.com"}, {"none", "none", "none"},
	} {
		r := connect(t, f.addr)
		must(t, r.hello())
		must(t, r.send(kexInit(c.kex, c.cipher, c.mac)))
		must(t, r.send(text([]byte{msgKexInitECDH}, make([]byte, 32))))
		if p, err := r.next(); err == nil && p[0] != msgDisconnect {
			t.Errorf("%+v: got %d, want the end", c, p[0])
		}
		if !r.ended(2 * time.Second) {
			t.Errorf("%+v: the connection stays", c)
		}
	}
	f.wantUntouched(t)
}

// TestA20A21AStrictExchangeHearsNothingElse puts in, before NEWKEYS, what a
// man in the middle would to shift the sequence numbers.
func TestA20A21AStrictExchangeHearsNothingElse(t *testing.T) {
	f := newPorch(t)
	injected := map[string][]byte{
		"ignore": text([]byte{msgIgnore}, "x"), "debug": text(text([]byte{msgDebug, 0}, "x"), ""), "unimplemented": {msgUnimplemented, 0, 0, 0, 0},
		"ext-info": {msgExtInfo, 0, 0, 0, 0}, "a login": request("cli", "none"), "a service": text([]byte{msgServiceRequest}, "ssh-userauth"),
		"ping": text([]byte{msgPing}, "x"), "a second KEXINIT": kexInit("curve25519-sha256", "aes256-gcm@openssh.com", ""),
	}
	for what, p := range injected {
		for _, before := range []bool{true, false} { // our KEXINIT, or after it
			r := connect(t, f.addr)
			must(t, r.hello())
			if before {
				must(t, r.send(p))
			}
			must(t, r.send(kexInit("curve25519-sha256,kex-strict-c-v00@openssh.com", "aes256-gcm@openssh.com", "")))
			if !before {
				must(t, r.send(p))
			}
			if before && what == "a second KEXINIT" {
				continue // it is the first, and what follows is a second
			}
			if q, err := r.next(); err == nil && q[0] != msgDisconnect {
				t.Errorf("%s, before %v: got %d, want the end", what, before, q[0])
			}
			if !r.ended(2 * time.Second) {
				t.Errorf("%s, before %v: the connection stays", what, before)
			}
		}
	}
	f.wantUntouched(t)
}

// TestA21ThePacketAfterNewKeysCannotBeTakenAway loses what a client says first
// under the new keys, as Terrapin does after it has put in one before them.
func TestA21ThePacketAfterNewKeysCannotBeTakenAway(t *testing.T) {
	f := newPorch(t)
	for _, gcm := range []bool{true, false} {
		r := connect(t, f.addr)
		must(t, r.hello())
		must(t, r.exchange(gcm))
		lost := packet(text([]byte{msgIgnore}, ""), true)
		_ = r.out.seal(uint32(len(lost)), lost)
		must(t, r.send(text([]byte{msgServiceRequest}, "ssh-userauth")))
		if p, err := r.next(); err == nil {
			t.Errorf("GCM %v: got %d after a packet that was taken away", gcm, p[0])
		}
	}
	f.wantUntouched(t)
}

func TestA28AHeaderOfAProxyIsNoise(t *testing.T) {
	f := newPorch(t)
	for _, head := range []string{
		"PROXY TCP4 10.9.8.7 10.0.0.1 4444 22\r\n", "PROXY UNKNOWN\r\n",
		"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x0a\x09\x08\x07\x0a\x00\x00\x01\x11\x5c\x00\x16",
		"GET / HTTP/1.1\r\nX-Forwarded-For: 10.9.8.7\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	} {
		c, err := net.Dial("tcp", f.addr)
		must(t, err)
		_, err = io.WriteString(c, head+strings.Repeat("x", 300)+"\n")
		must(t, err)
		r := &raw{Conn: c}
		must(t, c.SetReadDeadline(time.Now().Add(2*time.Second)))
		answer, _ := io.ReadAll(c) // how it ends does not matter
		if text := string(answer); len(text) > 4096 || strings.Count(text, "SSH-2.0-") > 1 {
			t.Errorf("%.20q: got %d bytes", head, len(text))
		}
		_ = r.Close()
	}
	f.wantUntouched(t)
}

func TestA32A46ALengthDrivesNothing(t *testing.T) {
	f := newPorch(t)
	for _, n := range []uint32{0, 1, 2, 5, 256<<10 + 1, 0x7fffffff, 0xffffffff} {
		r := connect(t, f.addr)
		must(t, r.hello())
		if _, err := r.Write(append(binary.BigEndian.AppendUint32(nil, n), 4, 20, 0, 0, 0, 0)); err != nil {
			t.Fatal(err)
		}
		if !r.ended(2 * time.Second) {
			t.Errorf("a first packet of %d bytes: the connection stays", n)
		}
		for _, gcm := range []bool{true, false} {
			r := connect(t, f.addr)
			must(t, r.hello())
			must(t, r.exchange(gcm))
			if _, err := r.Write(r.out.seal(n, make([]byte, min(n, 64)))); err != nil {
				t.Fatal(err)
			}
			_ = r.CloseWrite() // what is claimed does not come
			if !r.ended(2 * time.Second) {
				t.Errorf("an encrypted packet of %d bytes, GCM %v: the connection stays", n, gcm)
			}
		}
	}
	for _, gcm := range []bool{true, false} {
		for _, pad := range []byte{0, 3, 16, 31, 32, 255} {
			r := connect(t, f.addr)
			must(t, r.hello())
			must(t, r.exchange(gcm))
			if _, err := r.Write(r.out.seal(32, append([]byte{pad, msgServiceRequest}, make([]byte, 30)...))); err != nil {
				t.Fatal(err)
			}
			if !r.ended(2 * time.Second) {
				t.Errorf("padding of %d in a packet of 32, GCM %v: the connection stays", pad, gcm)
			}
		}
	}
	f.wantUntouched(t)
	if told := f.reported(); len(told) != 0 {
		t.Errorf("reported %q", told)
	}
}

// CloseWrite says that nothing more comes.
func (r *raw) CloseWrite() error { return r.Conn.(*net.TCPConn).CloseWrite() }

// TestA32EveryCipherNoticesAFlippedBit has a man in the middle change what a client sends.
func TestA32EveryCipherNoticesAFlippedBit(t *testing.T) {
	f := newPorch(t)
	for _, cipher := range []string{ssh.CipherAES256GCM, ssh.CipherAES128GCM, ssh.CipherChaCha20Poly1305, ssh.CipherAES256CTR, ssh.CipherAES128CTR} {
		a, b := net.Pipe()
		up, err := net.Dial("tcp", f.addr)
		must(t, err)
		go func() { // flips one bit after the key exchange
			buf, seen := make([]byte, 4096), 0
			for {
				n, err := b.Read(buf)
				if err != nil {
					_ = up.Close()
					return
				}
				if seen += n; seen > 1900 {
					buf[n-1] ^= 1
				}
				if _, err := up.Write(buf[:n]); err != nil {
					return
				}
			}
		}()
		go func() {
			_, _ = io.Copy(b, up)
			_ = b.Close()
		}()
		c := f.config("cli", f.Eng.SSH)
		c.Ciphers = []string{cipher}
		if conn, _, _, err := ssh.NewClientConn(a, f.addr, c); err == nil {
			_ = conn.Close()
			t.Errorf("%s: a changed packet was taken", cipher)
		}
		_ = a.Close()
	}
	f.wantUntouched(t)
}
