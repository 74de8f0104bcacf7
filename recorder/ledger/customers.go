package ledger

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
)

// spread writes what was just appended to the main log into the logs of the
// customers whom it concerns.
func (tx *Tx) spread(f Leaf) error {
	switch f.Kind {
	case kindHead:
		return tx.noteHead(f)
	case kindBeat:
		return tx.noteBeat(f)
	}
	for _, id := range f.Customers {
		if err := tx.spreadTo(tx.l.Of(id), f); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) spreadTo(g Log, f Leaf) error {
	b, p, err := tx.grow(g)
	if err != nil {
		return err
	}
	own, err := f.of(g.customer, p.size, func(main int64) (int64, error) { return tx.ownIndex(g, b, main) })
	if err != nil {
		return err
	}
	put := func(k, v []byte) error { return tx.w.Put(append([]byte(roomOf(g.customer)), k...), v) }
	if err := b.add(put, p.size, own.bytes()); err != nil {
		return err
	}
	p.size++
	return tx.w.Put(tipAt(g.customer), p.bytes())
}

// ownIndex is tree.index, proven: it becomes part of what is signed.
func (tx *Tx) ownIndex(g Log, b *tree, main int64) (int64, error) {
	was, _, err := tx.log.leaf(main)
	if err != nil || !slices.Contains(was.Customers, g.customer) {
		return -1, err
	}
	i, err := b.index(main)
	if err == nil && i < 0 {
		err = g.tampered("event %d is missing in it", main)
	}
	if err != nil {
		return 0, err
	}
	whole := newTree(b.Reader, head{Tree: tlog.Tree{N: b.N}}) // of which grow has proven the edge
	if whole.Hash, err = tlog.TreeHash(b.N, whole); err != nil {
		return 0, err
	}
	f, _, err := whole.leaf(i)
	if err == nil && (f.Main == nil || *f.Main != main) {
		err = tampered("entry %d is not event %d", i, main)
	}
	if err != nil {
		return 0, fmt.Errorf("customer %s: %w", g.customer, err)
	}
	return i, nil
}

// grow is the customer's log to add to. What stands beyond its head is believed
// only where this commit wrote it.
func (tx *Tx) grow(g Log) (*tree, tip, error) {
	if _, ok := tx.grown[g.customer]; ok {
		p, err := g.tip(tx.w)
		return newTree(room{tx.w, roomOf(g.customer)}, head{Tree: tlog.Tree{N: p.size}}), p, err
	}
	b, p, err := g.branch(&tree{tx.w, tx.log.head, tx.log.seen})
	if err != nil {
		return nil, p, err
	}
	old, err := tlog.TreeHash(b.N, b)
	switch {
	case err != nil:
		return nil, p, fmt.Errorf("read the edge of the log of customer %s: %w", g.customer, err)
	case old != b.Hash:
		return nil, p, g.tampered("the stored hashes do not lead to its head")
	}
	tx.grown[g.customer] = p
	return b, p, nil
}

// add writes leaf n, the next, and the hashes that it completes.
func (t *tree) add(put func(k, v []byte) error, n int64, leaf []byte) error {
	nodes, err := tlog.StoredHashes(n, leaf, t)
	if err != nil {
		return err
	}
	for i, h := range nodes {
		place := tlog.StoredHashIndex(0, n) + int64(i)
		if err := put(at(inHashes, place), h[:]); err != nil {
			return err
		}
		t.seen[place] = h
	}
	return put(at(inLog, n), leaf)
}

// heads are the events of the main log that hold the heads of those customers'
// logs that this commit made grow. They are the last events of a commit, once
// for all transactions in it, and go through spread as others do.
func (tx *Tx) heads() ([]Event, error) {
	var all []Event
	for _, id := range slices.Sorted(maps.Keys(tx.grown)) {
		g := tx.l.Of(id)
		p, err := g.tip(tx.w)
		if err != nil {
			return nil, err
		}
		if p.under == p.size { // the transaction that touched it failed
			continue
		}
		root, err := tlog.TreeHash(p.size, newTree(room{tx.w, roomOf(id)}, head{}))
		if err != nil {
			return nil, fmt.Errorf("hash the log of customer %s: %w", id, err)
		}
		all = append(all, g.headEvent(tlog.Tree{N: p.size, Hash: root}))
	}
	return all, nil
}

func (tx *Tx) noteHead(f Leaf) error {
	g := tx.l.Of(f.Subjects[0])
	p, err := g.tip(tx.w)
	if err != nil {
		return err
	}
	key := append([]byte(roomOf(g.customer)), at(inHeads, p.heads)...)
	if err := tx.w.Put(key, binary.BigEndian.AppendUint64(nil, uint64(f.Seq))); err != nil {
		return err
	}
	return tx.w.Put(tipAt(g.customer), tip{p.size, p.heads + 1, f.Seq, p.size}.bytes())
}

// concerned are those who must hear of an event: those it names, and those in
// whose logs an event stands whose personal fields it erased.
func (tx *Tx) concerned(f Leaf) ([]string, error) {
	all := f.Customers
	for _, seq := range f.Erased {
		was, _, err := tx.log.leaf(seq)
		if err != nil {
			return nil, err
		}
		all = append(all[:len(all):len(all)], was.Customers...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// tips remembers the heads of all customers' logs, so that one that is put back
// or removed behind the ledger's back is not added to.
type tips struct {
	mu   sync.Mutex
	last map[string]int64 // customer → Seq of the head, guarded by mu
}

// hold refuses a tip that was read under a main log of size events, and is
// older than one that was there already.
func (s *tips) hold(g Log, p tip, size int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.last[g.customer]; ok && p.head < last && last < size {
		return g.tampered("it went back from the head in event %d to that in event %d", last, p.head)
	}
	return nil
}

// lost gives a customer who is not among those, sorted, whom a main log of size events has; "" for none.
func (s *tips) lost(ids []string, size int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, last := range s.last {
		if _, ok := slices.BinarySearch(ids, id); !ok && last < size {
			return id
		}
	}
	return ""
}

func (s *tips) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.last)
}

// note is told of what is durable.
func (s *tips) note(customer string, p tip) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[string]int64{}
	}
	if was, ok := s.last[customer]; !ok || was < p.head {
		s.last[customer] = p.head
	}
}
