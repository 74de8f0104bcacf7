package attacks

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"math/big"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func newKey(t testing.TB) ssh.Signer {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	s, err := ssh.NewSignerFromKey(k)
	must(t, err)
	return s
}

// wantNone wants that an answer lets nobody in.
func wantNone(t *testing.T, what string, kind byte, answer []byte) {
	t.Helper()
	if kind == msgAuthSuccess {
		t.Errorf("%s: came in", what)
	}
	if kind == msgAuthFailure && !bytes.Equal(answer, append(text([]byte{msgAuthFailure}, "publickey"), 0)) {
		t.Errorf("%s: got %q, want that only publickey may go on, and no partial success", what, answer)
	}
}

func TestA02A03AnOfferProvesNothing(t *testing.T) {
	f := newPorch(t)
	other := newKey(t)
	r := greeted(t, f.addr, true)
	for _, user := range []string{"cli", "db1.prod", f.Eng.ID, ""} { // A, B, A: known, unknown, known
		for _, k := range []ssh.PublicKey{f.Eng.SSH.PublicKey(), other.PublicKey(), f.Mate.SSH.PublicKey(), f.Eng.SSH.PublicKey()} {
			kind, answer := r.ask(offer(user, k))
			want := byte(msgAuthPKOK)
			if bytes.Equal(k.Marshal(), other.PublicKey().Marshal()) {
				want = msgAuthFailure
			}
			if kind != want {
				t.Errorf("as %q: got %d, want %d", user, kind, want)
			}
			wantNone(t, "an offer", kind, answer)
		}
	}
	if kind, answer := r.ask(request("cli", "none")); kind != msgAuthFailure {
		t.Errorf("nothing, after a known key was offered: got %d %q", kind, answer)
	}
	p := r.prove("cli", other) // signed by one, with the name of another
	forged := text(text(append(request("cli", "publickey"), 1), ssh.KeyAlgoED25519), f.Eng.SSH.PublicKey().Marshal())
	forged = append(forged, p[len(forged):]...)
	kind, answer := r.ask(forged)
	wantNone(t, "another's signature", kind, answer)
	if kind != 0 {
		t.Errorf("after a forged signature: got %d, want the end", kind)
	}
	r = greeted(t, f.addr, true)
	if kind, _ := r.ask(offer("cli", f.Mate.SSH.PublicKey())); kind != msgAuthPKOK {
		t.Errorf("got %d", kind)
	}
	if kind, _ := r.ask(r.prove("cli", f.Eng.SSH)); kind != msgAuthSuccess { // the proven key counts: in a_front the command line says whose
		t.Errorf("a proven key: got %d", kind)
	}
	f.wantUntouched(t)
}

func TestA04OnlyAProvenKeyComesInWhateverWentBefore(t *testing.T) {
	f := newPorch(t)
	ways := map[string]func(r *raw, user string) []byte{
		"none":           func(_ *raw, user string) []byte { return request(user, "none") },
		"password":       func(_ *raw, user string) []byte { return text(append(request(user, "password"), 0), "") },
		"new password":   func(_ *raw, user string) []byte { return text(text(append(request(user, "password"), 1), "a"), "b") },
		"keyboard":       func(_ *raw, user string) []byte { return text(text(request(user, "keyboard-interactive"), ""), "") },
		"hostbased":      func(_ *raw, user string) []byte { return request(user, "hostbased") },
		"gssapi":         func(_ *raw, user string) []byte { return append(request(user, "gssapi-with-mic"), 0, 0, 0, 0) },
		"PUBLICKEY":      func(_ *raw, user string) []byte { return append(request(user, "PUBLICKEY"), 0) },
		"offered":        func(_ *raw, user string) []byte { return offer(user, f.Eng.SSH.PublicKey()) },
		"an unknown key": func(r *raw, user string) []byte { return r.prove(user, newKey(t)) },
	}
	for first, a := range ways {
		for second, b := range ways {
			r := greeted(t, f.addr, true)
			for i, way := range []func(*raw, string) []byte{a, b, a, b} {
				kind, answer := r.ask(way(r, []string{"cli", "CLI", f.Eng.ID, strings.ToUpper(f.Eng.ID)}[i]))
				wantNone(t, first+", "+second, kind, answer)
				if kind == 0 {
					break // garbled: it ends
				}
			}
			_ = r.Close()
		}
	}
	f.wantUntouched(t)
}

func TestA26AnEmptySecretIsNone(t *testing.T) {
	f := newPorch(t)
	r := greeted(t, f.addr, true)
	for range 3 {
		kind, answer := r.ask(text(append(request("cli", "password"), 0), ""))
		wantNone(t, "an empty password", kind, answer)
	}
	for _, n := range []uint32{0, 1, 10_000, 1 << 31} { // answers to questions that were not asked
		r := greeted(t, f.addr, true)
		kind, answer := r.ask(text(text(request("cli", "keyboard-interactive"), ""), ""))
		wantNone(t, "keyboard-interactive", kind, answer)
		p := binary.BigEndian.AppendUint32([]byte{msgInfoResponse}, n)
		for range min(n, 10_000) {
			p = text(p, "")
		}
		if kind, answer = r.ask(p); kind != 0 && kind != msgDisconnect {
			t.Errorf("%d answers: got %d %q", n, kind, answer)
		}
	}
	f.wantUntouched(t)
}

func TestA07ACertificateWithinACertificateIsRefused(t *testing.T) {
	f := newPorch(t)
	cert := func(key ssh.PublicKey, by ssh.Signer, kind uint32) *ssh.Certificate {
		c := &ssh.Certificate{
			Key: key, CertType: kind, KeyId: f.Eng.ID, ValidPrincipals: []string{f.Eng.ID},
			ValidAfter: uint64(time.Now().Add(-time.Hour).Unix()), ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
		}
		must(t, c.SignCert(rand.Reader, by))
		return c
	}
	inner := cert(f.Eng.SSH.PublicKey(), f.Keys.PeopleCA, ssh.UserCert)
	nested := *inner // its signing key is itself a certificate
	nested.SignatureKey = cert(f.Keys.PeopleCA.PublicKey(), f.Keys.PeopleCA, ssh.UserCert)
	looped := cert(f.Eng.SSH.PublicKey(), newKey(t), ssh.UserCert)
	for what, c := range map[string]*ssh.Certificate{
		"signed by a certificate": &nested, "of a host": cert(f.Eng.SSH.PublicKey(), f.Keys.PeopleCA, ssh.HostCert),
		"of no kind": cert(f.Eng.SSH.PublicKey(), f.Keys.PeopleCA, 7), "signed by a stranger": looped,
		"of the target CA": cert(f.Eng.SSH.PublicKey(), f.Keys.TargetCA, ssh.UserCert),
	} {
		r := greeted(t, f.addr, true)
		kind, answer := r.ask(offerBlob(f.Eng.ID, ssh.CertAlgoED25519v01, c.Marshal()))
		wantNone(t, "a certificate "+what, kind, answer)
		if kind == msgAuthPKOK {
			t.Errorf("a certificate %s would do", what)
		}
	}
	f.wantUntouched(t)
}

// blob is a public key as it goes over the wire.
func blob(algorithm string, parts ...[]byte) []byte {
	b := text(nil, algorithm)
	for _, p := range parts {
		b = text(b, p)
	}
	return b
}

func TestA30A37CraftedKeysCostNothingAndBreakNothing(t *testing.T) {
	f := newPorch(t)
	rsaKey := func(bits uint, e int64) []byte {
		return blob(ssh.KeyAlgoRSA, big.NewInt(e).Bytes(), append([]byte{0}, new(big.Int).SetBit(big.NewInt(1), int(bits)-1, 1).Bytes()...))
	}
	huge := append([]byte{0}, bytes.Repeat([]byte{0xff}, 1024)...)
	crafted := map[string][]byte{
		"RSA 1024": rsaKey(1024, 65537), "RSA 2048": rsaKey(2048, 65537), "RSA 16384": rsaKey(16384, 65537), "RSA 65536": rsaKey(65536, 65537),
		"RSA e=2^33": rsaKey(4096, 1<<33), "RSA e=1": rsaKey(4096, 1), "RSA e=2": rsaKey(4096, 2), "RSA n=0": blob(ssh.KeyAlgoRSA, []byte{3}, nil),
		"DSA": blob("ssh-dss", huge, huge, huge, huge), "ed25519 of 0 bytes": blob(ssh.KeyAlgoED25519, nil), "ed25519 of 1 byte": blob(ssh.KeyAlgoED25519, []byte{1}),
		"ed25519 of 33 bytes": blob(ssh.KeyAlgoED25519, make([]byte, 33)), "sk of 0 bytes": blob(ssh.KeyAlgoSKED25519, nil, []byte("ssh:")),
		"ecdsa off the curve": blob(ssh.KeyAlgoECDSA256, []byte("nistp256"), append([]byte{4}, make([]byte, 64)...)),
		"ecdsa at infinity":   blob(ssh.KeyAlgoECDSA256, []byte("nistp256"), []byte{0}), "ecdsa of another curve": blob(ssh.KeyAlgoECDSA256, []byte("nistp999"), []byte{4}),
		"nothing": nil, "half a length": {0, 0}, "a length too long": {0xff, 0xff, 0xff, 0xff}, "a name only": text(nil, ssh.KeyAlgoED25519),
		"no algorithm": blob("", nil), "trailing": append(f.Eng.SSH.PublicKey().Marshal(), 0),
	}
	from := time.Now()
	for what, b := range crafted {
		for _, algorithm := range []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoSKED25519, "ssh-dss", "ssh-rsa", ""} {
			r := greeted(t, f.addr, true)
			for _, p := range [][]byte{
				offerBlob("cli", algorithm, b),
				text(text(text(append(request("cli", "publickey"), 1), algorithm), b), blob(algorithm, make([]byte, 64))),
			} {
				kind, answer := r.ask(p)
				wantNone(t, what, kind, answer)
				if kind == msgAuthPKOK {
					t.Errorf("%s would do as %s", what, algorithm)
				}
			}
			_ = r.Close()
		}
	}
	t.Logf("%d crafted keys took %s", 2*7*len(crafted), time.Since(from))
	f.wantUntouched(t)
}
