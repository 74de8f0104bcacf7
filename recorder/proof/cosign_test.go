package proof_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"lockbox/recorder/proof"
)

// typed is the key in the text of one, after the byte of its type.
func typed(t testing.TB, vkey string) []byte {
	t.Helper()
	return must(base64.StdEncoding.DecodeString(strings.SplitN(vkey, "+", 3)[2]))(t)
}

func TestKeysOfWitnessesHaveOneSpelling(t *testing.T) {
	w := newWitness(t, "w.example")
	name, rest, _ := strings.Cut(w.vkey, "+")
	hash, key, _ := strings.Cut(rest, "+")
	for strings.ToUpper(hash) == hash { // all digits
		w = newWitness(t, name)
		hash, key, _ = strings.Cut(strings.TrimPrefix(w.vkey, name+"+"), "+")
	}
	raw := must(base64.StdEncoding.DecodeString(key))(t)
	retyped := func(kind byte) string {
		return name + "+" + hash + "+" + base64.StdEncoding.EncodeToString(append([]byte{kind}, raw[1:]...))
	}
	for _, tt := range []struct{ name, key, want string }{
		{"as it was made", w.vkey, ""},
		{"hash in capitals", name + "+" + strings.ToUpper(hash) + "+" + key, "no key of a witness"},
		{"a line end at the end", w.vkey + "\n", "no key of a witness"},
		{"a carriage return inside", w.vkey[:len(w.vkey)-8] + "\r" + w.vkey[len(w.vkey)-8:], "no key of a witness"},
		{"base64 without its end", w.vkey[:len(w.vkey)-1], "no key of a witness"},
		{"a name with a no-break space", strings.Replace(w.vkey, "w.", "w\u00a0.", 1), "no key of a witness"},
		{"a name that acts on a terminal", strings.Replace(w.vkey, "w.", "w\x1b[2J.", 1), "no key of a witness"},
		{"another name", strings.Replace(w.vkey, "w.", "v.", 1), "no public key of a witness"},
		{"no name", w.vkey[len(name):], "no key of a witness"},
		{"a key of a log", retyped(1), "no key of a witness"},
		{"a key after quantum computers", retyped(6), "no key of a witness"},
		{"the private key", w.skey, ""},
		{"nothing", "", "no key of a witness"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := proof.NewCosignatureVerifier(tt.key)
			if tt.name == "the private key" {
				tt.want = "no key of a witness"
			}
			fails(t, err, tt.want)
		})
	}
}

func TestAWitnessDoesNotSayATimeThatIsNone(t *testing.T) {
	w := newWitness(t, "w.example")
	for _, at := range []time.Time{time.Unix(0, 0), time.Unix(-5, 0), {}, time.Unix(253402300800, 0)} {
		s := must(proof.NewCosigner(w.skey, func() time.Time { return at }))(t)
		_, err := s.Sign([]byte("text\n"))
		fails(t, err, "the clock stands before 1970")
	}
}

func TestASecretKeyIsNotPrinted(t *testing.T) {
	w := newWitness(t, "w.example")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, w.Signer); got != "secret" {
			t.Errorf("%s prints %q", verb, got)
		}
	}
	_, err := proof.NewCosigner(strings.Replace(w.skey, "w.", "v.", 1), noon)
	fails(t, err, "damaged")
	if _, err := proof.NewCosigner("PRIVATE+KEY+"+w.vkey[:20], noon); err == nil || strings.Contains(err.Error(), w.vkey[12:20]) {
		t.Errorf("got %v", err)
	}
}

func TestOneWhoIsNotAWitnessDoesNotCount(t *testing.T) {
	log, a, b, c, f := newKey(t, origin), newWitness(t, "a.example"), newWitness(t, "b.example"), newWitness(t, "c.example"), grow(t, 5)
	named := func(name string, of witness) string { // the same key under another name
		key := typed(t, of.vkey)
		hash := sha256.Sum256(append([]byte(name+"\n"), key...))
		return fmt.Sprintf("%s+%08x+%s", name, binary.BigEndian.Uint32(hash[:]), base64.StdEncoding.EncodeToString(key))
	}
	raw := typed(t, log.text)
	raw[0] = 4
	hash := sha256.Sum256(append([]byte("l.example\n"), raw...))
	itself := fmt.Sprintf("l.example+%08x+%s", binary.BigEndian.Uint32(hash[:]), base64.StdEncoding.EncodeToString(raw))
	twin := newWitness(t, "a.example")
	for _, tt := range []struct {
		name string
		k    int
		keys []string
		want string
	}{
		{"none asked for", 0, nil, ""},
		{"two of three", 2, []string{a.vkey, b.vkey, c.vkey}, ""},
		{"more than there are", 3, []string{a.vkey, b.vkey}, "cannot be had"},
		{"less than none", -1, nil, "cannot be had"},
		{"one twice", 2, []string{a.vkey, a.vkey}, "stands twice"},
		{"two of one name", 2, []string{a.vkey, twin.vkey}, "stands twice"},
		{"one under two names", 2, []string{a.vkey, named("b.example", a)}, "the key of another one"},
		{"the log itself", 1, []string{itself}, "the key of the log itself"},
		{"many of one key", 3, []string{a.vkey, b.vkey, named("d.example", b)}, "the key of another one"},
		{"a log's key", 1, []string{log.text}, "no key of a witness"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := proof.NewQuorum(tt.k, log.text, tt.keys...)
			fails(t, err, tt.want)
		})
	}

	q := must(proof.NewQuorum(2, log.text, a.vkey, b.vkey, c.vkey))(t)
	bare := f.checkpoint(t, 5, log).Note
	for _, tt := range []struct {
		name string
		note []byte
		want string
	}{
		{"two", cosign(t, bare, a.Signer, c.Signer), ""},
		{"one", cosign(t, bare, b.Signer), "1 of 3 witnesses cosigned it, 2 must"},
		{"none", bare, "0 of 3"},
		{"one, and another key of its name", cosign(t, bare, a.Signer, twin.Signer), "1 of 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fails(t, q.Met(must(proof.Open(tt.note, origin, log.Verifier, q.Witnesses...))(t)), tt.want)
		})
	}
	opened := must(proof.Open(cosign(t, bare, twin.Signer), origin, log.Verifier, twin.Verifier))(t)
	fails(t, must(proof.NewQuorum(1, log.text, a.vkey))(t).Met(opened), "0 of 1") // opened with somebody else's witness
}

func TestACosignatureIsOverTheTimeToo(t *testing.T) {
	w := newWitness(t, "w.example")
	sig := must(w.Sign([]byte("x\n")))(t)
	key := typed(t, w.vkey)
	if !ed25519.Verify(key[1:], fmt.Appendf(nil, "cosignature/v1\ntime %d\nx\n", noon().Unix()), sig[8:]) {
		t.Error("the signed message is not that of C2SP tlog-cosignature")
	}
}
