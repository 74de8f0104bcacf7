package lang

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

const (
	recipientHead    = "age1pq1"
	recipientLength  = 1959 // characters: head, 1216 bytes of key, checksum
	recipientLetters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	secretHead       = "AGE-SECRET-KEY-"
)

// aRecipient is the public half of a hybrid post-quantum key of age: of
// ML-KEM-768 and X25519, in Bech32.
func aRecipient() grammar {
	g := grammar{of: "a public key for recordings", pattern: `^age1pq1[` + recipientLetters + `]+$`, most: recipientLength}
	g.wrong = func(s string) string {
		rest, hybrid := strings.CutPrefix(s, recipientHead)
		switch {
		case secretAt(s) >= 0:
			return "make a new key and write its public half, age1pq1…: whoever read this file has the secret one"
		case !hybrid && strings.HasPrefix(s, "age1") && len(s) < 100:
			return "make one with age-keygen -pq: it begins with age1pq1, and no quantum computer opens what is sealed to it"
		case !hybrid:
			return "write what age-keygen -pq prints as public key: it begins with age1pq1"
		case len(s) != recipientLength || !only(rest, recipientLetters) || !checksummed(rest):
			return "copy it again: it is cut or mistyped"
		}
		return ""
	}
	return g
}

func recipients(of string) value[[]string] {
	one := word(aRecipient())
	one.schema.MinLength = recipientLength
	return listOf(of, one)
}

// checksummed says whether the letters behind the head end with its checksum
// (BIP 173), and stand for whole bytes in one way only.
func checksummed(data string) bool {
	const hrp = "age1pq"
	sum := uint32(1)
	step := func(v byte) {
		top := sum >> 25
		sum = sum&0x1ffffff<<5 ^ uint32(v)
		for i, g := range [5]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			sum ^= top >> i & 1 * g
		}
	}
	for i := range len(hrp) {
		step(hrp[i] >> 5)
	}
	step(0)
	for i := range len(hrp) {
		step(hrp[i] & 31)
	}
	for i := range len(data) {
		step(byte(strings.IndexByte(recipientLetters, data[i])))
	}
	last := strings.IndexByte(recipientLetters, data[len(data)-7]) // of the key: 1216 bytes leave two bits over
	return sum == 1 && last&3 == 0
}

// keyText names a public key in few characters: its beginning, and what SHA-256 makes of it.
func keyText(key string) string {
	sum := sha256.Sum256([]byte(key))
	return key[:min(len(key), len(recipientHead)+8)] + "… (SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:]) + ")"
}

// secretAt is where the secret half of a key begins in a text; -1 for nowhere.
func secretAt(s string) int {
	for i := range len(s) - len(secretHead) + 1 {
		if strings.EqualFold(s[i:i+len(secretHead)], secretHead) {
			return i
		}
	}
	return -1
}

// hidden is a text without the secret halves of keys in it: what is refused is told, and kept.
func hidden(s string) string {
	i := secretAt(s)
	if i < 0 {
		return s
	}
	i += len(secretHead)
	rest := strings.TrimLeft(s[i:], small+"ABCDEFGHIJKLMNOPQRSTUVWXYZ-")
	return s[:i] + "…" + hidden(rest)
}

// abridged is a text as a message repeats it: not whole where it is long.
func abridged(s string) string {
	if r := []rune(s); len(r) > maxText {
		return string(r[:20]) + "…" + string(r[len(r)-6:])
	}
	return s
}
