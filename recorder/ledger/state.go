package ledger

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// inState: → what all rows, stones and tips together are, sealed.
const inState = 's'

// A sum stands for a set of rows: the sum, mod 2^256, of one hash of each. It
// is changed with them, without reading the others, and their order does not
// matter (MSet-Add-Hash of Clarke et al., 2003). The hashes begin with a key.
// Neither they nor a sum may be seen by who can choose the rows: from many sums
// of known rows another set with the same sum can be found (Wagner, 2002). So a
// sum is only ever kept in memory, or encrypted.
type sum [4]uint64

func (s *sum) add(h [32]byte) {
	var c uint64
	for i := range s {
		s[i], c = bits.Add64(s[i], binary.LittleEndian.Uint64(h[8*i:]), c)
	}
}

func (s *sum) sub(h [32]byte) {
	var c uint64
	for i := range s {
		s[i], c = bits.Sub64(s[i], binary.LittleEndian.Uint64(h[8*i:]), c)
	}
}

func (s *sum) bytes() []byte {
	var b []byte
	for _, n := range s {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b
}

// A seal knows what rows are by Options.Secret.
type seal struct {
	rows [32]byte    // begins the hash of a row
	aead cipher.AEAD // of a sum
}

func newSeal(secret []byte) (*seal, error) {
	if secret == nil {
		return nil, nil
	}
	rows, err := hkdf.Key(sha256.New, secret, nil, "lockbox/rows/v1", 32)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "lockbox/state/v1", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &seal{[32]byte(rows), aead}, err
}

// hash is of one row or stone, by its key and value in the engine.
func (s *seal) hash(key, value []byte) [32]byte {
	b := append(make([]byte, 0, 1024), s.rows[:]...) // short ones stay off the heap
	b = binary.BigEndian.AppendUint64(b, uint64(len(key)))
	b = append(b, key...)
	return sha256.Sum256(append(b, value...))
}

// change is what the sum becomes with one row; was is nil where there was none.
func (s *seal) change(now *sum, was []byte, c change) *sum {
	if s == nil || now == nil {
		return nil
	}
	next := *now
	if was != nil {
		next.sub(s.hash(rowAt(c.key), was))
	}
	if c.row != nil {
		next.add(s.hash(rowAt(c.key), c.row))
	} else {
		next.add(s.hash(c.stone.key(), c.stone.value()))
	}
	return &next
}

// moved is what the sum becomes when a customer's log ends elsewhere.
func (s *seal) moved(now *sum, key []byte, was, is tip) *sum {
	if s == nil || now == nil {
		return nil
	}
	next := *now
	if was.head >= 0 {
		next.sub(s.hash(key, was.bytes()))
	}
	next.add(s.hash(key, is.bytes()))
	return &next
}

// bound is what the sealed sum belongs to.
func bound(t tlog.Tree) []byte {
	return append(binary.BigEndian.AppendUint64([]byte("lockbox/state/v2\x00"), uint64(t.N)), t.Hash[:]...)
}

// read gives the sum that was sealed for this tree, or nil: there is none, or
// it is another's.
func (s *seal) read(r Reader, t tlog.Tree) (*sum, error) {
	if s == nil {
		return nil, nil
	}
	b, err := r.Get([]byte{inState})
	if err != nil || b == nil {
		return nil, err
	}
	plain, err := s.aead.Open(nil, nil, b, bound(t))
	if err != nil || len(plain) != 32 {
		return nil, nil // not sealed by us, or for what was before
	}
	now := &sum{}
	now.add([32]byte(plain))
	return now, nil
}

// write seals the sum for the tree; of one that is not known, nothing stays.
func (s *seal) write(w Writer, t tlog.Tree, now *sum) error {
	switch {
	case s == nil:
		return nil
	case now == nil:
		return w.Delete([]byte{inState})
	}
	return w.Put([]byte{inState}, s.aead.Seal(nil, nil, now.bytes(), bound(t)))
}
