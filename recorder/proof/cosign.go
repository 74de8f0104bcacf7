package proof

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

// cosignatureV1 is the type of a key that cosigns (C2SP tlog-cosignature, Ed25519).
const cosignatureV1 = 0x04

// Cosignature keys as text look like those of sumdb/note: "PRIVATE+KEY+name+hash+key"
// and "name+hash+key", the key beginning with the byte of its type.

// NewWitnessKey makes a key pair for a witness of that name.
func NewWitnessKey(name string) (skey, vkey string, err error) {
	if !keyName(name) {
		return "", "", fmt.Errorf("%q is no name for a key: no spaces, no +", name)
	}
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", err
	}
	k := cosigner{name: name, hash: cosignerHash(name, pub)}
	at := fmt.Sprintf("%s+%08x+", name, k.hash)
	encode := func(b []byte) string { return base64.StdEncoding.EncodeToString(append([]byte{cosignatureV1}, b...)) }
	return "PRIVATE+KEY+" + at + encode(key.Seed()), at + encode(pub), nil
}

// NewCosigner reads the private key of a witness. now is the time that its cosignatures carry.
func NewCosigner(skey string, now func() time.Time) (note.Signer, error) {
	rest, ok := strings.CutPrefix(skey, "PRIVATE+KEY+")
	if !ok {
		return nil, errors.New("this is no private key of a witness")
	}
	name, hash, key, err := parseKey(rest)
	if err != nil || len(key) != ed25519.SeedSize {
		return nil, errors.New("this is no private key of a witness")
	}
	private := ed25519.NewKeyFromSeed(key)
	k := cosigner{name, cosignerHash(name, private.Public().(ed25519.PublicKey))}
	if k.hash != hash {
		return nil, errors.New("the private key of the witness is damaged")
	}
	return &signingCosigner{k, private, now}, nil
}

// NewCosignatureVerifier reads the public key of a witness.
func NewCosignatureVerifier(vkey string) (note.Verifier, error) {
	name, hash, key, err := parseKey(vkey)
	if err != nil {
		return nil, err
	}
	if len(key) != ed25519.PublicKeySize || cosignerHash(name, key) != hash {
		return nil, fmt.Errorf("%.80q is no public key of a witness", vkey)
	}
	return &verifyingCosigner{cosigner{name, hash}, key}, nil
}

func parseKey(text string) (name string, hash uint32, key []byte, err error) {
	bad := fmt.Errorf("%.80q is no key of a witness: it looks like name+0123abcd+base64", text)
	name, rest, _ := strings.Cut(text, "+")
	hex, b64, ok := strings.Cut(rest, "+")
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || !ok || fmt.Sprintf("%08x", n) != hex || !keyName(name) {
		return "", 0, nil, bad
	}
	key, err = unspell(b64)
	if err != nil || len(key) != 33 || key[0] != cosignatureV1 {
		return "", 0, nil, bad
	}
	return name, uint32(n), key[1:], nil
}

// keyName says whether a key can have that name, as sumdb/note has it; and nothing in it acts on a terminal.
func keyName(s string) bool {
	odd := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '+' }
	return s != "" && utf8.ValidString(s) && !strings.ContainsFunc(s, odd)
}

// unspell reads base64 that is spelled in the one way: the decoder alone passes over line ends.
func unspell(s string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err == nil && base64.StdEncoding.EncodeToString(b) != s {
		err = errors.New("this base64 can be spelled otherwise")
	}
	return b, err
}

func cosignerHash(name string, pub ed25519.PublicKey) uint32 {
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write([]byte{cosignatureV1})
	h.Write(pub)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

type cosigner struct {
	name string
	hash uint32
}

func (k cosigner) Name() string    { return k.name }
func (k cosigner) KeyHash() uint32 { return k.hash }

type signingCosigner struct {
	cosigner
	key ed25519.PrivateKey
	now func() time.Time
}

func (k *signingCosigner) Sign(msg []byte) ([]byte, error) {
	t := k.now().Unix()
	if t <= 0 || t > latest {
		return nil, errors.New("the clock stands before 1970, or after the year 9999")
	}
	sig := ed25519.Sign(k.key, cosignatureMessage(uint64(t), msg))
	return append(binary.BigEndian.AppendUint64(nil, uint64(t)), sig...), nil
}

// Format prints "secret" for every verb.
func (*signingCosigner) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("secret")) } // fmt has nowhere to report to

type verifyingCosigner struct {
	cosigner
	key ed25519.PublicKey
}

func (k *verifyingCosigner) Verify(msg, sig []byte) bool {
	if _, err := cosignedAt(sig); err != nil {
		return false
	}
	return ed25519.Verify(k.key, cosignatureMessage(binary.BigEndian.Uint64(sig), msg), sig[8:])
}

func cosignatureMessage(t uint64, msg []byte) []byte {
	return fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", t, msg)
}

// latest is the last second that RFC 3339 can write.
const latest = 253402300799

// cosignedAt reads the time of a cosignature. Zero is no time that a witness says.
func cosignedAt(sig []byte) (time.Time, error) {
	if len(sig) != 8+ed25519.SignatureSize {
		return time.Time{}, errors.New("the checkpoint does not hold: a witness's signature is malformed")
	}
	t := binary.BigEndian.Uint64(sig)
	if t == 0 || t > latest {
		return time.Time{}, fmt.Errorf("the checkpoint does not hold: a witness signed it at the time %d", t)
	}
	return time.Unix(int64(t), 0).UTC(), nil
}
