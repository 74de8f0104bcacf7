package ledger

import (
	"context"
	"encoding/binary"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Check replays the whole log and holds everything stored against it: each
// leaf hashes into the tree, the checkpoint is ours, personal fields are as
// they were or erased by an event, and each row is the newest version of
// itself, with none missing and none extra. What does not hold is ErrTampered.
func (l *Ledger) Check(ctx context.Context) error {
	var found head
	err := l.read(ctx, func(t *tree) error {
		c := checker{ctx: ctx, r: t.Reader, head: t.head, marks: make(map[Commitment]claim, min(t.N, 1<<20)), bare: map[int64]bool{}}
		for _, step := range []func() error{c.log, c.counts, c.rows, c.stones, c.rest, c.customers} {
			if err := step(); err != nil {
				return err
			}
		}
		found = t.head
		found.at = c.last
		return nil
	})
	if err != nil {
		return err
	}
	l.advance(found)
	return nil
}

type checker struct {
	ctx    context.Context
	r      Reader
	head   head
	n      int64       // leaves so far
	last   time.Time   // of the last leaf
	edge   []tlog.Hash // roots of the complete subtrees so far, large to small
	marks  map[Commitment]claim
	bare   map[int64]bool // events without personal fields
	erased []int64        // as the leaves say
}

// A claim is what a leaf says of one version of one row. Rows take theirs.
type claim struct {
	seq int64
	row Commitment
}

func (c *checker) log() error {
	err := c.r.Scan([]byte{inLog}, func(k, v []byte) (bool, error) {
		if c.n%1024 == 0 && c.ctx.Err() != nil {
			return false, c.ctx.Err()
		}
		if len(k) != 9 || int64(binary.BigEndian.Uint64(k[1:])) != c.n {
			return false, tampered("event %d is missing", c.n)
		}
		if c.n == c.head.N {
			return false, tampered("there are events after the %d that were signed", c.n)
		}
		if err := c.hash(tlog.RecordHash(v)); err != nil {
			return false, err
		}
		err := c.leaf(v)
		c.n++
		return true, err
	})
	switch {
	case err != nil:
		return err
	case c.n != c.head.N:
		return tampered("the log ends after %d events, and %d were signed", c.n, c.head.N)
	case c.root() != c.head.Hash:
		return tampered("the events do not lead to the signed checkpoint: one of them was edited")
	}
	return nil
}

// hash adds a leaf to the tree and compares the nodes that it completes with
// those stored.
func (c *checker) hash(h tlog.Hash) error {
	for level := int64(0); ; level++ {
		b, err := c.r.Get(at(inHashes, tlog.StoredHashIndex(0, c.n)+level))
		if err != nil {
			return err
		}
		if string(b) != string(h[:]) {
			return tampered("event %d or a hash above it was edited", c.n)
		}
		if c.n>>level&1 == 0 {
			c.edge = append(c.edge, h)
			return nil
		}
		h = tlog.NodeHash(c.edge[len(c.edge)-1], h)
		c.edge = c.edge[:len(c.edge)-1]
	}
}

func (c *checker) root() tlog.Hash {
	if len(c.edge) == 0 {
		h, _ := tlog.TreeHash(0, nil) // of nothing: a constant
		return h
	}
	h := c.edge[len(c.edge)-1]
	for i := len(c.edge) - 2; i >= 0; i-- {
		h = tlog.NodeHash(c.edge[i], h)
	}
	return h
}

func (c *checker) leaf(b []byte) error {
	f, err := ParseLeaf(b)
	switch {
	case err != nil:
		return tampered("event %d: %w", c.n, err)
	case f.Seq != c.n:
		return tampered("event %d stands in the place of event %d", f.Seq, c.n)
	case f.At.Before(c.last):
		return tampered("event %d is earlier than the one before it", c.n)
	}
	c.last = f.At
	c.erased = append(c.erased, f.Erased...)
	for _, m := range f.Rows {
		if _, ok := c.marks[m.Fold]; ok {
			return tampered("event %d writes a version of a row that another wrote", c.n)
		}
		c.marks[m.Fold] = claim{c.n, m.Row}
	}
	beside, err := c.r.Get(at(inBeside, c.n))
	switch {
	case err != nil:
		return err
	case beside == nil:
		c.bare[c.n] = true
		return nil
	}
	_, err = f.open(beside)
	return err
}

// counts finds what belongs to no event.
func (c *checker) counts() error {
	for _, seq := range c.erased {
		if !c.bare[seq] {
			return tampered("the personal fields of event %d were erased and are back", seq)
		}
		delete(c.bare, seq)
	}
	for seq := range c.bare {
		return tampered("the personal fields of event %d are gone, and no event erased them", seq)
	}
	for part, want := range map[byte]int64{
		inHashes: tlog.StoredHashCount(c.head.N),
		inBeside: c.head.N - int64(len(c.erased)),
	} {
		got := int64(0)
		err := c.r.Scan([]byte{part}, func(_, _ []byte) (bool, error) { got++; return true, c.ctx.Err() })
		if err != nil {
			return err
		}
		if got != want {
			return tampered("there are %d entries under %q, and the log accounts for %d", got, part, want)
		}
	}
	return nil
}

func (c *checker) rows() error {
	return c.r.Scan([]byte{inRows}, func(k, v []byte) (bool, error) {
		key := string(k[1:])
		r, err := parseRow(v)
		if err != nil {
			return false, tampered("row %s: %w", key, err)
		}
		if err := c.take("row "+key, r.fold, r.count, claim{r.seq, r.mark(key).Row}); err != nil {
			return false, err
		}
		return true, c.ctx.Err()
	})
}

func (c *checker) stones() error {
	return c.r.Scan([]byte{inStones}, func(k, v []byte) (bool, error) {
		s, err := parseStone(k, v)
		if err != nil {
			return false, tampered("a deleted row: %w", err)
		}
		if err := c.take("a deleted row", s.fold, s.count, claim{s.seq, s.mark().Row}); err != nil {
			return false, err
		}
		return true, c.ctx.Err()
	})
}

// take claims versions 1 to count of a row, the last of which is now.
func (c *checker) take(what string, fold salt, count uint64, now claim) error {
	last := claim{seq: -1}
	for n := uint64(1); n <= count; n++ {
		v := version(fold, n)
		m, ok := c.marks[v]
		if !ok {
			return tampered("%s was not written by any event", what)
		}
		if m.seq <= last.seq {
			return tampered("%s was written out of order by event %d", what, m.seq)
		}
		delete(c.marks, v)
		last = m
	}
	if later, ok := c.marks[version(fold, count+1)]; ok {
		return tampered("%s is an old version: event %d wrote or deleted it later", what, later.seq)
	}
	if last != now {
		return tampered("%s was edited: event %d wrote something else", what, last.seq)
	}
	return nil
}

// rest finds what was written and is not there.
func (c *checker) rest() error {
	for _, m := range c.marks {
		return tampered("a row that event %d wrote is missing", m.seq)
	}
	return nil
}
