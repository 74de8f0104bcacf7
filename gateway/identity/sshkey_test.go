package identity

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/policy"
	"lockbox/policy/statement"
)

func TestOneLineIsOneKey(t *testing.T) {
	good, k := sshLine(t)
	good = strings.TrimSpace(good)
	ec, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecLine, _ := lineOf(t, ec.Public())
	rsaLine := func(bits int) string {
		k, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		s, _ := lineOf(t, k.Public())
		return s
	}
	for _, c := range []struct{ name, line, want string }{
		{"ed25519", good, ""},
		{"with a comment", good + " eva@laptop", ""},
		{"with white space around", "  " + good + "\r\n", ""},
		{"ecdsa", ecLine, ""},
		{"RSA of 3072 bits", rsaLine(3072), ""},
		{"RSA of 4096 bits", rsaLine(4096), ""},
		{"RSA of 2048 bits", rsaLine(2048), "3072 to 4096"},
		{"RSA of 8192 bits", bigRSA(t, 8192), "3072 to 4096"},
		{"DSA", dsaLine(), "type of key"},
		{"security key", skLine(t), ""},
		{"certificate", certLine(t, k), "type of key"},
		{"nothing", "", "one line"},
		{"a comment alone", "# hello", "not a public key"},
		{"two lines", good + "\n" + good, "one line"},
		{"an option", `command="/bin/sh" ` + good, "options"},
		{"no-touch-required", "no-touch-required " + good, "options"},
		{"a principal", `cert-authority,principals="root" ` + good, "options"},
		{"a private key", "-----BEGIN OPENSSH PRIVATE KEY-----", "private key"},
		{"cut off", good[:len(good)-9], "not a public key"},
		{"too long", good + strings.Repeat(" x", maxLine), "longer than"},
		{"ten megabytes", strings.Repeat("A", 10<<20), "longer than"},
		{"NUL", good + "\x00", "one line"},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			_, err := ParseSSHKey(c.line)
			if took := time.Since(start); took > time.Second {
				t.Errorf("took %s", took)
			}
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "":
				wantRefusal(t, err, c.want)
			}
		})
	}
}

// bigRSA is a line with a modulus that nobody has to have the key of.
func bigRSA(t *testing.T, bits int) string {
	t.Helper()
	n := bytes.Repeat([]byte{0xff}, bits/8)
	blob := ssh.Marshal(struct {
		Type string
		E, N []byte
	}{"ssh-rsa", []byte{1, 0, 1}, append([]byte{0}, n...)})
	return "ssh-rsa " + b64(blob)
}

// dsaLine is a key of the only size that x/crypto reads.
func dsaLine() string {
	p := append([]byte{0, 0x80}, make([]byte, 127)...)
	p[len(p)-1] = 1
	q := append([]byte{0, 0x80}, make([]byte, 19)...)
	q[len(q)-1] = 1
	return "ssh-dss " + b64(ssh.Marshal(struct {
		Type       string
		P, Q, G, Y []byte
	}{"ssh-dss", p, q, []byte{2}, []byte{4}}))
}

func skLine(t *testing.T) string {
	t.Helper()
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return ssh.KeyAlgoSKED25519 + " " + b64(ssh.Marshal(struct{ Type, Key, App string }{ssh.KeyAlgoSKED25519, string(pub), "ssh:"}))
}

func certLine(t *testing.T, k ssh.PublicKey) string {
	t.Helper()
	return string(ssh.MarshalAuthorizedKey(certOf(t, k)))
}

func certOf(t *testing.T, k ssh.PublicKey) *ssh.Certificate {
	t.Helper()
	_, ca, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(ca)
	if err != nil {
		t.Fatal(err)
	}
	c := &ssh.Certificate{Key: k, CertType: ssh.UserCert, ValidPrincipals: []string{"root"}, ValidBefore: ssh.CertTimeInfinity}
	if err := c.SignCert(rand.Reader, s); err != nil {
		t.Fatal(err)
	}
	return c
}

func FuzzParseSSHKey(f *testing.F) {
	f.Add("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHk3yRz4b1f8RWY2pW8yY4nTn0VhYQ4qkQ0c1fYbqQ0A eva")
	f.Add(`from="10.0.0.1" ssh-rsa AAAA`)
	f.Fuzz(func(t *testing.T, line string) {
		k, err := ParseSSHKey(line)
		if err != nil {
			return
		}
		again, err := ParseSSHKey(string(ssh.MarshalAuthorizedKey(k)))
		if err != nil || !bytes.Equal(again.Marshal(), k.Marshal()) {
			t.Errorf("%q: printed, it is another key: %v", line, err)
		}
	})
}

func TestAnSSHKeyIsSignedForByAPasskey(t *testing.T) {
	w := newWorld(t)
	ceo, _ := w.ceo()
	line, key := sshLine(t)
	d, e := w.eng(ceo, "")
	_, err := w.BySSHKey(t.Context(), key)
	wantRefusal(t, err, "nobody has this key")
	ask, err := w.BeginSSHKey(t.Context(), e.ID, strings.TrimSpace(line)+" eva@laptop")
	w.must(err)
	said, err := statement.ParseSSHKey(ask.Text)
	w.must(err)
	if said.Person != e.ID || said.Key != ssh.FingerprintSHA256(key) || said.Log != "lockbox.test" || len(said.Nonce) != 32 {
		t.Errorf("got %+v", said)
	}
	s, err := w.AddSSHKey(t.Context(), ask.ID, d.get(ask.Options))
	w.must(err)
	if s.Fingerprint != ssh.FingerprintSHA256(key) || s.Of != e.ID || s.Comment != "eva@laptop" {
		t.Errorf("got %+v", s)
	}
	who, err := w.BySSHKey(t.Context(), key)
	w.must(err)
	if who.ID != e.ID || who.Kind != policy.Staff || who.Vouched != "ceo@example.eu" {
		t.Errorf("got %+v", who)
	}
	_, err = w.AddSSHKey(t.Context(), ask.ID, d.get(ask.Options))
	wantRefusal(t, err, "used already")
	_, err = w.BeginSSHKey(t.Context(), e.ID, line)
	wantRefusal(t, err, "yours already")
	_, err = w.BySSHKey(t.Context(), certOf(t, key))
	wantRefusal(t, err, "type of key")
	all, err := w.SSHKeys(t.Context(), e.ID)
	w.must(err)
	if len(all) != 1 || all[0].Fingerprint != s.Fingerprint {
		t.Errorf("got %+v", all)
	}
}

func TestAnSSHKeyIsNotAddedByAnybodyElse(t *testing.T) {
	w := newWorld(t)
	ceo, _ := w.ceo()
	d, e := w.eng(ceo, "")
	line, key := sshLine(t)
	for name, answer := range map[string]func(Ask) []byte{
		"another person's passkey": func(a Ask) []byte { return ceo.get(a.Options) },
		"a sign-in":                func(a Ask) []byte { return wire(d.sign(statement.ForSignIn, a.Text)) },
		"a touch":                  func(a Ask) []byte { return wire(d.sign(statement.ForTouch, a.Text)) },
		"a statement for another key": func(a Ask) []byte {
			other, _ := sshLine(t)
			b, err := w.BeginSSHKey(t.Context(), e.ID, other)
			w.must(err)
			return d.get(b.Options)
		},
		"no answer":  func(Ask) []byte { return nil },
		"a late one": func(a Ask) []byte { w.pass(ceremonyLife); return d.get(a.Options) },
	} {
		t.Run(name, func(t *testing.T) {
			ask, err := w.BeginSSHKey(t.Context(), e.ID, line)
			w.must(err)
			_, err = w.AddSSHKey(t.Context(), ask.ID, answer(ask))
			wantRefusal(t, err, "")
			_, err = w.BySSHKey(t.Context(), key)
			wantRefusal(t, err, "nobody has this key")
		})
	}
}

func TestOneSSHKeyIsOnePersonsForEver(t *testing.T) {
	w := newWorld(t)
	ceo, ceoE := w.ceo()
	line, key := sshLine(t)
	d, e := w.eng(ceo, line)
	w.addSSHKey(d, e.ID)
	_, err := w.BeginSSHKey(t.Context(), ceoE.ID, line)
	wantRefusal(t, err, "enrolled already")
	w.must(w.RemoveSSHKey(t.Context(), e.ID, ssh.FingerprintSHA256(key)))
	_, err = w.BySSHKey(t.Context(), key)
	wantRefusal(t, err, "nobody has this key")
	wantRefusal(t, w.RemoveSSHKey(t.Context(), e.ID, ssh.FingerprintSHA256(key)), "no such key")
	_, err = w.BeginSSHKey(t.Context(), ceoE.ID, line)
	wantRefusal(t, err, "enrolled already")
	ask, err := w.BeginSSHKey(t.Context(), e.ID, line) // its own person may come back to it
	w.must(err)
	_, err = w.AddSSHKey(t.Context(), ask.ID, d.get(ask.Options))
	w.must(err)
}

func TestTwoPeopleWhoBeginWithOneKeyGetOne(t *testing.T) {
	w := newWorld(t)
	ceo, ceoE := w.ceo()
	d, e := w.eng(ceo, "")
	line, key := sshLine(t)
	one, err := w.BeginSSHKey(t.Context(), e.ID, line)
	w.must(err)
	two, err := w.BeginSSHKey(t.Context(), ceoE.ID, line)
	w.must(err)
	_, err = w.AddSSHKey(t.Context(), two.ID, ceo.get(two.Options))
	w.must(err)
	_, err = w.AddSSHKey(t.Context(), one.ID, d.get(one.Options))
	wantRefusal(t, err, "enrolled already")
	who, err := w.BySSHKey(t.Context(), key)
	w.must(err)
	if who.ID != ceoE.ID {
		t.Errorf("got %q", who.ID)
	}
}

func TestAPasskeyIsNotAnSSHKeyToo(t *testing.T) {
	w := newWorld(t)
	d, e := w.ceo()
	priv, err := x509.ParsePKCS8PrivateKey(d.cred.Key.Data)
	w.must(err)
	line, _ := lineOf(t, priv.(*ecdsa.PrivateKey).Public())
	_, err = w.BeginSSHKey(t.Context(), e.ID, line)
	wantRefusal(t, err, "enrolled already")
}

func TestTheKeyOfAnInvitationCountsOnceThePersonIsConfirmed(t *testing.T) {
	w := newWorld(t)
	ceo, _ := w.ceo()
	line, key := sshLine(t)
	d, e := w.enrol(Invite{ID: "eng@example.eu", Kind: policy.Staff, SSHKey: line})
	if e.SSHKey == nil {
		t.Fatal("no touch is asked for the key of the invitation")
	}
	_, err := w.BySSHKey(t.Context(), key)
	wantRefusal(t, err, "nobody has this key")
	_, err = w.AddSSHKey(t.Context(), e.SSHKey.ID, d.get(e.SSHKey.Options))
	w.must(err)
	_, err = w.BySSHKey(t.Context(), key)
	wantRefusal(t, err, "waits for a second person")
	_, err = w.BeginSSHKey(t.Context(), e.ID, line)
	wantRefusal(t, err, "confirmed")
	w.must(w.vouch(ceo, "ceo@example.eu", e.ID, e.Fingerprint))
	who, err := w.BySSHKey(t.Context(), key)
	w.must(err)
	if who.ID != e.ID {
		t.Errorf("got %q", who.ID)
	}
	p, err := w.Person(t.Context(), e.ID)
	w.must(err)
	if p.Offered != "" {
		t.Errorf("the key is still offered: %q", p.Offered)
	}
}

func TestAnSSHKeyEndsWithThePasskeyThatSignedForIt(t *testing.T) {
	w := newWorld(t)
	ceo, _ := w.ceo()
	line, key := sshLine(t)
	d, e := w.eng(ceo, line)
	w.addSSHKey(d, e.ID)
	d.cred.Counter = 3
	_, _, err := w.signIn(d)
	w.must(err)
	_, _, err = w.signIn(d)
	wantRefusal(t, err, "locked")
	_, err = w.BySSHKey(t.Context(), key)
	wantRefusal(t, err, "locked")
}

func TestAPersonHasSoManySSHKeys(t *testing.T) {
	w := newWorld(t)
	d, e := w.ceo()
	for range maxSSHKeys {
		line, _ := sshLine(t)
		ask, err := w.BeginSSHKey(t.Context(), e.ID, line)
		w.must(err)
		_, err = w.AddSSHKey(t.Context(), ask.ID, d.get(ask.Options))
		w.must(err)
	}
	line, _ := sshLine(t)
	_, err := w.BeginSSHKey(t.Context(), e.ID, line)
	wantRefusal(t, err, "remove one first")
}
