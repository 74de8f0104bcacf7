package ledger

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/proof"
)

// An edge is what a tree that is read leaf by leaf comes down to: the roots of
// the complete subtrees so far, large to small.
type edge []tlog.Hash

// add takes leaf n, the next, and shows every node that it completes, with its
// index among the stored hashes.
func (e *edge) add(n int64, h tlog.Hash, node func(at int64, h tlog.Hash) error) error {
	for level := int64(0); ; level++ {
		if err := node(tlog.StoredHashIndex(0, n)+level, h); err != nil {
			return err
		}
		all := *e
		if n>>level&1 == 0 {
			*e = append(all, h)
			return nil
		}
		h = tlog.NodeHash(all[len(all)-1], h)
		*e = all[:len(all)-1]
	}
}

func (e edge) root() tlog.Hash {
	if len(e) == 0 {
		return emptyHead().Hash
	}
	h := e[len(e)-1]
	for _, left := range slices.Backward(e[:len(e)-1]) {
		h = tlog.NodeHash(left, h)
	}
	return h
}

// A projection is what the customers' logs must be, as the main log is read
// from its first event on. It holds one edge a customer.
type projection struct {
	r      Reader // nil: the customers' logs are not at hand
	origin string
	logs   map[string]*shadow
	beats  int64
}

// A shadow is a customer's log so far.
type shadow struct {
	tip
	edge  edge
	head  string // the text of its last head
	under tlog.Tree
	since time.Time // of the first entry that no head covers yet
	mains []int64   // the events that its entries are; only where it is not at hand
}

// soon is more than there can be between an entry and the head that covers it:
// they are of one commit.
const soon = time.Minute

// project holds what an event of the main log must have left in the customers'
// logs against what is there.
func (c *checker) project(f Leaf) error {
	if c.logs.logs == nil {
		p, err := proof.Peek(c.head.note)
		if err != nil {
			return tampered("%w", err)
		}
		c.logs = projection{r: c.r, origin: p.Origin, logs: map[string]*shadow{}}
	}
	return c.logs.add(f)
}

// add takes the next event of the main log.
func (p *projection) add(f Leaf) error {
	switch {
	case f.Main != nil:
		return tampered("event %d is an entry of a customer's log", f.Seq)
	case f.Kind == kindHead:
		return p.headed(f)
	case f.Kind == kindBeat:
		return p.beat(f)
	}
	for _, id := range f.Customers {
		if err := p.entry(id, f); err != nil {
			return err
		}
	}
	return nil
}

func (p *projection) of(id string) *shadow {
	s := p.logs[id]
	if s == nil {
		s = &shadow{tip: tip{head: -1}}
		p.logs[id] = s
	}
	return s
}

func (p *projection) tampered(id, format string, args ...any) error {
	return tampered("the log of customer %s: %w", id, fmt.Errorf(format, args...))
}

func (p *projection) entry(id string, f Leaf) error {
	s := p.of(id)
	if s.size == s.tip.under {
		s.since = f.At
	}
	b := newTree(room{p.r, roomOf(id)}, head{Tree: tlog.Tree{N: s.size}})
	own := b.index
	if p.r == nil {
		own = s.index
	}
	want, err := f.of(id, s.size, own)
	if err != nil {
		return err
	}
	leaf := want.bytes()
	if p.r == nil {
		s.mains = append(s.mains, f.Seq)
	} else if err := p.there(b, id, leaf, f.Seq); err != nil {
		return err
	}
	err = s.edge.add(s.size, tlog.RecordHash(leaf), func(i int64, h tlog.Hash) error {
		if p.r == nil {
			return nil
		}
		b, err := b.Get(at(inHashes, i))
		if err == nil && string(b) != string(h[:]) {
			err = p.tampered(id, "a hash above entry %d of it was edited", s.size)
		}
		return err
	})
	s.size++
	return err
}

// there holds the next entry of a customer's log against what it must be.
func (p *projection) there(b *tree, id string, want []byte, main int64) error {
	got, err := b.Get(at(inLog, b.N))
	switch {
	case err != nil:
		return err
	case got == nil:
		return p.tampered(id, "entry %d of it, event %d of the main log, is missing", b.N, main)
	case !bytes.Equal(got, want):
		return p.tampered(id, "entry %d of it is not what event %d of the main log says", b.N, main)
	}
	return nil
}

// index is tree.index.
func (s *shadow) index(main int64) (int64, error) {
	if i, ok := slices.BinarySearch(s.mains, main); ok {
		return int64(i), nil
	}
	return -1, nil
}

func (p *projection) headed(f Leaf) error {
	origin, t, ok := f.Head()
	id, mine := strings.CutPrefix(origin, p.origin+"/c/")
	s := p.logs[id]
	switch {
	case !ok || !mine || s == nil || f.Subjects[0] != id:
		return tampered("event %d is said to hold the head of a customer's log, and does not", f.Seq)
	case t.N != s.size || t.N == s.under.N || t.Hash != s.edge.root():
		return p.tampered(id, "it has not the head that event %d of the main log says", f.Seq)
	case f.At.Sub(s.since) > soon:
		return p.tampered(id, "its head came %s late, in event %d of the main log", f.At.Sub(s.since), f.Seq)
	}
	if p.r != nil {
		if seq, err := seqAt(room{p.r, roomOf(id)}, at(inHeads, s.heads)); err != nil || seq != f.Seq {
			return p.tampered(id, "where its head number %d is was edited", s.heads)
		}
	}
	s.heads, s.tip.head, s.tip.under = s.heads+1, f.Seq, t.N
	s.under, s.head = t, proof.Text(origin, t)
	return nil
}

func (p *projection) beat(f Leaf) error {
	var hs heads
	for _, id := range slices.Sorted(maps.Keys(p.logs)) {
		if s := p.logs[id]; s.head != "" {
			hs = append(hs, customerHead{customer: id, text: s.head})
		}
	}
	if n, root, ok := f.Beat(); !ok || n != int64(len(hs)) || root != hs.root() {
		return tampered("the heartbeat in event %d is not over the heads of the customers' logs", f.Seq)
	}
	if p.r != nil {
		if seq, err := seqAt(p.r, at(inBeats, p.beats)); err != nil || seq != f.Seq {
			return tampered("where heartbeat number %d is was edited", p.beats)
		}
	}
	p.beats++
	return nil
}

// covered is for the end of the main log: it holds a head over all entries.
func (p *projection) covered() error {
	for _, id := range slices.Sorted(maps.Keys(p.logs)) {
		if s := p.logs[id]; s.tip.under != s.size {
			return p.tampered(id, "no event holds the head of its %d entries", s.size)
		}
	}
	return nil
}

// customers is a step of Check: the customers' logs end where the main log
// says, and hold nothing else.
func (c *checker) customers() error {
	p := &c.logs
	want := map[byte]int64{inTips: int64(len(p.logs)), inBeats: p.beats}
	if err := p.covered(); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(p.logs)) {
		s := p.logs[id]
		b, err := c.r.Get(tipAt(id))
		switch {
		case err != nil:
			return err
		case !bytes.Equal(b, s.tip.bytes()):
			return p.tampered(id, "where it ends was edited")
		}
		want[inRooms] += s.size + tlog.StoredHashCount(s.size) + s.heads
	}
	for _, part := range []byte{inTips, inBeats, inRooms} {
		got := int64(0)
		err := c.r.Scan([]byte{part}, func(_, _ []byte) (bool, error) { got++; return true, c.ctx.Err() })
		if err != nil {
			return err
		}
		if got != want[part] {
			return tampered("there are %d entries of customers' logs under %q, and the main log accounts for %d", got, part, want[part])
		}
	}
	return nil
}
