package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxKey   = 1 << 10 // bytes
	maxValue = 1 << 20 // bytes of JSON
)

// checkKey takes "kind/id".
func checkKey(key string) error {
	kind, id, _ := strings.Cut(key, "/")
	switch {
	case kind == "" || id == "":
		return fmt.Errorf("key %q is not kind/id", key)
	case len(key) > maxKey:
		return fmt.Errorf("key %.40q… has %d bytes, at most %d", key, len(key), maxKey)
	case !utf8.ValidString(key) || strings.ContainsFunc(key, unicode.IsControl):
		return fmt.Errorf("key %q holds a control character or is not UTF-8", key)
	}
	return nil
}

// A row is one piece of state at rest.
type row struct {
	seq   int64  // the event it was last written with
	count uint64 // how often it was written, from 1
	fold  salt   // the row's own secret, for as long as it lives
	salt  salt   // of this version
	value []byte // JSON
}

const rowHead = 1 + 8 + 8 + 16 + 16

var errRow = errors.New("the row is not in the form the ledger writes")

func (r row) bytes() []byte {
	b := make([]byte, 0, rowHead+len(r.value))
	b = append(b, 1)
	b = binary.BigEndian.AppendUint64(b, uint64(r.seq))
	b = binary.BigEndian.AppendUint64(b, r.count)
	b = append(b, r.fold[:]...)
	b = append(b, r.salt[:]...)
	return append(b, r.value...)
}

// parseRow does not copy: value is part of b.
func parseRow(b []byte) (row, error) {
	if len(b) < rowHead || b[0] != 1 {
		return row{}, errRow
	}
	return row{
		seq:   int64(binary.BigEndian.Uint64(b[1:])),
		count: binary.BigEndian.Uint64(b[9:]),
		fold:  salt(b[17:33]),
		salt:  salt(b[33:49]),
		value: b[rowHead:],
	}, nil
}

// next is the row as it is written once more; of the zero row, for the first time.
func (r row) next(value []byte) row {
	if r.count == 0 {
		r.fold = newSalt()
	}
	return row{count: r.count + 1, fold: r.fold, salt: newSalt(), value: value}
}

func (r row) mark(key string) RowMark {
	return RowMark{version(r.fold, r.count), commit(toRow, r.salt, key, r.value)}
}

// version names the nth writing of the row with this secret.
func version(fold salt, n uint64) Commitment {
	return commit(toFold, fold, "", binary.BigEndian.AppendUint64(nil, n))
}

// A stone stands for a row that was deleted, so that its versions are
// accounted for. It holds neither key nor value.
type stone struct {
	seq   int64
	count uint64 // the deletion included
	fold  salt
}

func (s stone) mark() RowMark {
	return RowMark{version(s.fold, s.count), commit(toGone, s.fold, "", nil)}
}

func (s stone) key() []byte { return append([]byte{inStones}, s.fold[:]...) }

func (s stone) value() []byte {
	b := binary.BigEndian.AppendUint64([]byte{1}, uint64(s.seq))
	return binary.BigEndian.AppendUint64(b, s.count)
}

func parseStone(k, v []byte) (stone, error) {
	if len(k) != 1+16 || len(v) != 1+8+8 || v[0] != 1 {
		return stone{}, errRow
	}
	return stone{int64(binary.BigEndian.Uint64(v[1:])), binary.BigEndian.Uint64(v[9:]), salt(k[1:])}, nil
}
