package ledger

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
)

// A tally compares what the leaves say with what is stored without keeping
// either: as sums of keyed hashes, with a key that is made for it alone and
// that nobody sees. Two sets with the same sum are the same.
//
// Versions of rows are told apart by the first byte of their name, so that only
// few must be looked at again to say which one is wrong.
type tally struct {
	key            [32]byte
	wrote, claimed sums      // versions of rows: by events, by the rows and stones
	erased, bare   sum       // events: as the leaves say, as they are
	bad            [256]bool // where a row is not what its event wrote
}

type sums [256]sum

func newTally() (t tally) {
	_, _ = rand.Read(t.key[:]) // never fails
	return t
}

// A named is the hash of a version, and where it is added.
type named struct {
	first byte
	hash  [32]byte
}

func (t *tally) version(v Commitment) named {
	var b [64]byte
	copy(b[copy(b[:], t.key[:]):], v[:])
	return named{v[0], sha256.Sum256(b[:])}
}

func (t *tally) event(seq int64) [32]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64(append(make([]byte, 0, 40), t.key[:]...), uint64(seq)))
}

func (s *sums) add(n named) { s[n.first].add(n.hash) }

// even completes bad.
func (t *tally) even() bool {
	even := true
	for i := range t.bad {
		t.bad[i] = t.bad[i] || t.wrote[i] != t.claimed[i]
		even = even && !t.bad[i]
	}
	return even
}

// marks says whether a leaf, whose form was checked, says this of a row. The
// quotes of a name end up in no text, where they are escaped.
func marks(leaf []byte, m RowMark) bool {
	_, rows, ok := bytes.Cut(leaf, []byte(`,"rows":[`))
	return ok && bytes.Contains(rows, m.text())
}

// A claim is what a leaf says of one version of one row. Rows take theirs.
type claim struct {
	seq int64
	row Commitment
}

// nameRow reads all again and says which row it is. It keeps the versions of
// the bad part only; and looks once more with all versions of the row that it
// found, which may tell that it is another, of the same origin.
func (c *checker) nameRow() error {
	wrong, err := c.findRow()
	if wrong != nil {
		for n := range min(wrong.count, uint64(c.head.N)) + 1 {
			c.tally.bad[version(wrong.fold, n+1)[0]] = true
		}
		_, err = c.findRow()
	}
	return err
}

func (c *checker) findRow() (wrong *held, err error) {
	said := map[Commitment]claim{}
	err = c.scan(inLog, func(_, b []byte) error {
		f, err := ParseLeaf(b)
		if err != nil {
			return err
		}
		for _, m := range f.Rows {
			if !c.tally.bad[m.Fold[0]] {
				continue
			}
			if _, ok := said[m.Fold]; ok {
				return tampered("event %d writes a version of a row that another wrote", f.Seq)
			}
			said[m.Fold] = claim{f.Seq, m.Row}
		}
		return nil
	})
	take := func(h held) error {
		err := c.take(said, h)
		if err != nil {
			wrong = &h
		}
		return err
	}
	if err == nil {
		err = c.eachRow(take)
	}
	if err == nil {
		err = c.eachStone(take)
	}
	if err != nil {
		return wrong, err
	}
	for _, m := range said {
		return nil, tampered("a row that event %d wrote is missing", m.seq)
	}
	return nil, tampered("the rows are not those that the events wrote")
}

// take takes versions 1 to count of a row, the last of which is now.
func (c *checker) take(said map[Commitment]claim, h held) error {
	last := claim{seq: -1}
	for n := uint64(1); n <= h.count; n++ {
		v := version(h.fold, n)
		if !c.tally.bad[v[0]] {
			last = claim{h.seq, h.mark.Row} // which claim has found to be so, should it be the last
			continue
		}
		m, ok := said[v]
		if !ok {
			return tampered("%s was not written by any event", h.what)
		}
		delete(said, v)
		last = m
	}
	if later, ok := said[version(h.fold, h.count+1)]; ok {
		return tampered("%s is an old version: event %d wrote or deleted it later", h.what, later.seq)
	}
	if now := (claim{h.seq, h.mark.Row}); last != now {
		return tampered("%s was edited: event %d wrote something else", h.what, last.seq)
	}
	return nil
}

// nameBare reads all again and says which event's personal fields it is.
func (c *checker) nameBare() error {
	erased, bare, seq := map[int64]int{}, map[int64]bool{}, int64(0)
	err := c.scan(inLog, func(_, b []byte) error {
		f, err := ParseLeaf(b)
		if err != nil {
			return err
		}
		for _, seq := range f.Erased {
			erased[seq]++
		}
		beside, err := c.r.Get(at(inBeside, seq))
		if beside == nil {
			bare[seq] = true
		}
		seq++
		return err
	})
	if err != nil {
		return err
	}
	for seq, times := range erased {
		if !bare[seq] || times > 1 {
			return tampered("the personal fields of event %d were erased and are back", seq)
		}
		delete(bare, seq)
	}
	for seq := range bare {
		return tampered("the personal fields of event %d are gone, and no event erased them", seq)
	}
	return tampered("the personal fields that are gone are not those that were erased")
}
