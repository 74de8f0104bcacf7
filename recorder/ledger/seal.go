package ledger

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// A plan is what a transaction writes, when nothing of it can fail but the
// store.
type plan struct {
	entries []entry
	rows    []change
	erased  []int64
	state   *sum // of all rows once they are written
}

// An entry is one event as it is stored.
type entry struct {
	leaf          Leaf
	bytes, beside []byte
}

// A change is one row as it will be stored.
type change struct {
	key    string
	row    []byte // nil: it is deleted
	stone  stone  // of a deleted row
	commit RowMark
}

// plan checks and computes all that the transaction writes.
func (tx *Tx) plan(b *batch) (*plan, error) {
	p := &plan{state: b.state}
	switch {
	case len(tx.events) == 0 && tx.wrote:
		return nil, ErrNoEvent
	case len(tx.events) == 0:
		return p, nil
	}
	if err := b.lead(); err != nil {
		return nil, err
	}
	if err := tx.planRows(p); err != nil {
		return nil, err
	}
	slices.Sort(tx.erased)
	p.erased = slices.Compact(tx.erased)
	for i, e := range tx.events {
		one, err := tx.planEvent(p, e, i == len(tx.events)-1)
		if err != nil {
			return nil, fmt.Errorf("append %s: %w", e.Kind, err)
		}
		p.entries = append(p.entries, one)
	}
	return p, nil
}

// slack is what an entry of a customer's log may have more than that of the main log.
const slack = 64

func (tx *Tx) planEvent(p *plan, e Event, last bool) (entry, error) {
	leaf, beside := e.split()
	if last {
		for _, c := range p.rows {
			leaf.Rows = append(leaf.Rows, c.commit)
		}
		slices.SortFunc(leaf.Rows, func(a, b RowMark) int { return bytes.Compare(a.Fold[:], b.Fold[:]) })
		leaf.Erased = p.erased
	}
	var err error
	if leaf.Customers, err = tx.concerned(leaf); err != nil {
		return entry{}, err
	}
	for _, id := range leaf.Customers { // what is wrong with their logs must be known before anything is written
		if _, _, err := tx.grow(tx.l.Of(id)); err != nil {
			return entry{}, err
		}
	}
	b := leaf.bytes()
	if limit := maxLeaf - slack; len(b) > limit {
		return entry{}, fmt.Errorf("the leaf has %d bytes, at most %d: use less detail, or fewer rows in one transaction", len(b), limit)
	}
	return entry{leaf, b, beside.bytes()}, nil
}

func (tx *Tx) planRows(p *plan) error {
	seq := tx.events[len(tx.events)-1].Seq
	for _, key := range slices.Sorted(maps.Keys(tx.rows)) {
		if err := tx.planRow(p, seq, key, tx.rows[key]); err != nil {
			return fmt.Errorf("write row %s: %w", key, err)
		}
	}
	return nil
}

func (tx *Tx) planRow(p *plan, seq int64, key string, d draft) error {
	f, err := tx.find(key)
	if err != nil {
		return err
	}
	b, was := f.raw, f.row
	if b != nil {
		if err := tx.prove(key, f); err != nil { // or an edit would be committed to with what is built on it
			return err
		}
	}
	c := change{key: key}
	switch {
	case d.gone && b == nil:
		return nil
	case d.gone:
		c.stone = stone{seq: seq, count: was.count + 1, fold: was.fold}
		c.commit = c.stone.mark()
	default:
		is := was.next(d.value)
		is.seq = seq
		c.row, c.commit = is.bytes(), is.mark(key)
	}
	p.state = tx.l.seal.change(p.state, b, c)
	p.rows = append(p.rows, c)
	return nil
}

// write does what was planned. What fails here is the store, and ends the batch.
func (b *batch) write(tx *Tx, p *plan) error {
	if len(p.entries) == 0 {
		return nil
	}
	b.wrote = true
	for _, c := range p.rows {
		if err := b.writeRow(c); err != nil {
			return fmt.Errorf("write row %s: %w", c.key, err)
		}
	}
	for _, seq := range p.erased {
		if err := b.w.Delete(at(inBeside, seq)); err != nil {
			return err
		}
	}
	for _, e := range p.entries {
		if err := b.writeEntry(e); err != nil {
			return fmt.Errorf("append %s: %w", e.leaf.Kind, err)
		}
		if err := tx.spread(e.leaf); err != nil {
			return fmt.Errorf("append %s: %w", e.leaf.Kind, err)
		}
	}
	last := p.entries[len(p.entries)-1].leaf
	root, err := tlog.TreeHash(last.Seq+1, b.log)
	if err != nil {
		return fmt.Errorf("hash the log: %w", err)
	}
	b.log.N, b.log.Hash, b.log.at, b.log.note = last.Seq+1, root, last.At, nil
	b.l.newest.note(last.Seq, tx.rows)
	b.rows = append(b.rows, tx.rows)
	b.state = p.state
	return nil
}

func (b *batch) writeEntry(e entry) error {
	if err := b.log.add(b.w.Put, e.leaf.Seq, e.bytes); err != nil {
		return err
	}
	return b.w.Put(at(inBeside, e.leaf.Seq), e.beside)
}

func (b *batch) writeRow(c change) error {
	if c.row != nil {
		return b.w.Put(rowAt(c.key), c.row)
	}
	if err := b.w.Put(c.stone.key(), c.stone.value()); err != nil {
		return err
	}
	return b.w.Delete(rowAt(c.key))
}
