package recorder

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
)

// A secret seals, or gives rise to what seals. It prints "secret".
type secret [32]byte

func (secret) String() string   { return "secret" }
func (secret) GoString() string { return "secret" }

// Labels of derivation. A key is never used under two of them.
const (
	labelTrack       = "lockbox/recording/v1/track"
	labelNextTrack   = "lockbox/recording/v1/next-track"
	labelSegment     = "lockbox/recording/v1/segment"
	labelNextSegment = "lockbox/recording/v1/next-segment"
	labelJournal     = "lockbox/recording/v1/journal"
)

// derive is HKDF-Expand of SHA-256 (RFC 5869, 2.3) to 32 bytes. The secrets it
// starts from are uniformly random, so there is no extract step.
func (s secret) derive(label, info string) secret {
	b, err := hkdf.Expand(sha256.New, s[:], label+"\x00"+info, len(s))
	if err != nil { // only for more than 255 blocks
		panic(err)
	}
	return secret(b)
}

// forward is the secret of the segment n further on.
func (s secret) forward(n int) secret {
	for range n {
		s = s.derive(labelNextSegment, "")
	}
	return s
}

// box is AES-256-GCM under s.
func (s secret) box() cipher.AEAD {
	c, err := aes.NewCipher(s[:])
	if err != nil { // only for another length of key
		panic(err)
	}
	g, err := cipher.NewGCM(c)
	if err != nil {
		panic(err)
	}
	return g
}
