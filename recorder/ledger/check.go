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
// The memory it takes does not grow with the log.
func (l *Ledger) Check(ctx context.Context) error {
	var found head
	err := l.read(ctx, func(t *tree) error {
		c := checker{ctx: ctx, r: t.Reader, head: t.head, tally: newTally()}
		for _, step := range []func() error{c.log, c.counts, c.rows, c.stones, c.rest, c.customers} {
			if err := step(); err != nil {
				return err
			}
		}
		found = t.head
		found.at = c.last
		_, err := l.anchors(t)
		return err
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
	n      int64     // leaves so far
	last   time.Time // of the last leaf
	edge   edge
	erased int64 // events without personal fields, as the leaves say
	tally  tally
	marks  uint64     // versions of rows, as the leaves say
	claims uint64     // and as the rows and stones do
	logs   projection // of the customers
}

// scan is Reader.Scan until ctx ends.
func (c *checker) scan(part byte, fn func(k, v []byte) error) error {
	n := 0
	return c.r.Scan([]byte{part}, func(k, v []byte) (bool, error) {
		if n++; n%1024 == 0 && c.ctx.Err() != nil {
			return false, c.ctx.Err()
		}
		err := fn(k, v)
		return err == nil, err
	})
}

func (c *checker) log() error {
	err := c.scan(inLog, func(k, v []byte) error {
		if len(k) != 9 || int64(binary.BigEndian.Uint64(k[1:])) != c.n {
			return tampered("event %d is missing", c.n)
		}
		if c.n == c.head.N {
			return tampered("there are events after the %d that were signed", c.n)
		}
		if err := c.edge.add(c.n, tlog.RecordHash(v), c.stored); err != nil {
			return err
		}
		err := c.leaf(v)
		c.n++
		return err
	})
	switch {
	case err != nil:
		return err
	case c.n != c.head.N:
		return tampered("the log ends after %d events, and %d were signed", c.n, c.head.N)
	case c.edge.root() != c.head.Hash:
		return tampered("the events do not lead to the signed checkpoint: one of them was edited")
	}
	return nil
}

// stored compares a node of the tree with what is stored of it.
func (c *checker) stored(n int64, h tlog.Hash) error {
	b, err := c.r.Get(at(inHashes, n))
	if err == nil && string(b) != string(h[:]) {
		err = tampered("event %d or a hash above it was edited", c.n)
	}
	return err
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
	if err := c.project(f); err != nil {
		return err
	}
	c.last = f.At
	for _, seq := range f.Erased {
		c.tally.erased.add(c.tally.event(seq))
		c.erased++
	}
	c.marks += uint64(len(f.Rows))
	for _, m := range f.Rows {
		c.tally.wrote.add(c.tally.version(m.Fold))
	}
	beside, err := c.r.Get(at(inBeside, c.n))
	switch {
	case err != nil:
		return err
	case beside == nil:
		c.tally.bare.add(c.tally.event(c.n))
		return nil
	}
	_, err = f.open(beside)
	return err
}

// counts finds what belongs to no event.
func (c *checker) counts() error {
	if c.tally.bare != c.tally.erased {
		return c.nameBare()
	}
	for part, want := range map[byte]int64{
		inHashes: tlog.StoredHashCount(c.head.N),
		inBeside: c.head.N - c.erased,
	} {
		got := int64(0)
		if err := c.scan(part, func(_, _ []byte) error { got++; return nil }); err != nil {
			return err
		}
		if got != want {
			return tampered("there are %d entries under %q, and the log accounts for %d", got, part, want)
		}
	}
	return nil
}

func (c *checker) rows() error {
	return c.eachRow(c.claim)
}

func (c *checker) stones() error {
	return c.eachStone(c.claim)
}

// A held is a row or a stone as it is found.
type held struct {
	what  string // "row grant/x"
	fold  salt
	count uint64
	seq   int64
	mark  RowMark // of its last version
}

func (c *checker) eachRow(fn func(held) error) error {
	return c.scan(inRows, func(k, v []byte) error {
		key := string(k[1:])
		r, err := parseRow(v)
		if err != nil {
			return tampered("row %s: %w", key, err)
		}
		return fn(held{"row " + key, r.fold, r.count, r.seq, r.mark(key)})
	})
}

func (c *checker) eachStone(fn func(held) error) error {
	return c.scan(inStones, func(k, v []byte) error {
		s, err := parseStone(k, v)
		if err != nil {
			return tampered("a deleted row: %w", err)
		}
		return fn(held{"a deleted row", s.fold, s.count, s.seq, s.mark()})
	})
}

// claim claims versions 1 to count of a row, and holds the last against the
// event that wrote it.
func (c *checker) claim(h held) error {
	switch {
	case h.count > uint64(c.head.N):
		return tampered("%s was not written by any event", h.what)
	case h.count == 0:
		return tampered("%s was edited: no event wrote it", h.what)
	}
	if c.claims += h.count; c.claims > c.marks { // some are forged: not all need be counted to the end
		for i := range c.tally.bad {
			c.tally.bad[i] = true
		}
		return c.nameRow()
	}
	said := h.seq >= 0 && h.seq < c.head.N
	if said {
		leaf, err := c.r.Get(at(inLog, h.seq))
		if err != nil {
			return err
		}
		said = marks(leaf, h.mark)
	}
	for n := uint64(1); n <= h.count; n++ {
		v := version(h.fold, n)
		c.tally.claimed.add(c.tally.version(v))
		if !said {
			c.tally.bad[v[0]] = true
		}
	}
	return nil
}

// rest finds what was written and is not there, and what is there and was not
// written.
func (c *checker) rest() error {
	if c.tally.even() {
		return nil
	}
	return c.nameRow()
}
