package ledger

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
)

// A Commitment stands in a leaf for something that is kept beside the log. It
// gives nothing away, and holds its maker to what was committed to.
type Commitment [sha256.Size]byte

var errCommitment = errors.New("a commitment is 32 bytes in base64")

// String is standard base64 with padding, as in a leaf.
func (c Commitment) String() string { return base64.StdEncoding.EncodeToString(c[:]) }

// MarshalText gives the String.
func (c Commitment) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText takes the String and no other spelling of it.
func (c *Commitment) UnmarshalText(text []byte) error {
	if len(text) != base64.StdEncoding.EncodedLen(len(c)) {
		return errCommitment
	}
	b := make([]byte, sha256.Size+1) // the padding counts as a byte while decoding
	n, err := base64.StdEncoding.Strict().Decode(b, text)
	if err != nil || n != len(c) {
		return errCommitment
	}
	copy(c[:], b)
	return nil
}

// A salt makes a commitment to something guessable unguessable. Whoever erases
// the salt and the value erases both for ever.
type salt [16]byte

func newSalt() salt {
	var s salt
	_, _ = rand.Read(s[:]) // never fails
	return s
}

// What a commitment is to. No two kinds can be taken for each other.
const (
	toActor   = "lockbox/actor/v1"
	toPrivate = "lockbox/private/v1"
	toRow     = "lockbox/row/v1"
	toFold    = "lockbox/fold/v1"
	toGone    = "lockbox/gone/v1"
)

// commit is SHA-256(kind ‖ 0x00 ‖ salt ‖ len(name) ‖ name ‖ value), the length
// in eight bytes, big-endian.
func commit(kind string, s salt, name string, value []byte) Commitment {
	b := append(make([]byte, 0, 256), kind...) // short ones stay off the heap
	b = append(b, 0)
	b = append(b, s[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(len(name)))
	b = append(b, name...)
	b = append(b, value...)
	return sha256.Sum256(b)
}
