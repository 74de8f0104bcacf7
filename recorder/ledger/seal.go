package ledger

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// seal writes what the transaction did and signs the log that it makes.
func (tx *Tx) seal() (head, error) {
	switch {
	case len(tx.events) == 0 && tx.wrote:
		return head{}, ErrNoEvent
	case len(tx.events) == 0:
		return tx.log.head, nil
	}
	old, err := tlog.TreeHash(tx.log.N, tx.log)
	if err != nil {
		return head{}, fmt.Errorf("read the log's edge: %w", err)
	}
	if old != tx.log.Hash { // never sign on top of what was changed
		return head{}, tampered("the stored hashes do not lead to the checkpoint")
	}
	if err := tx.writeEvents(); err != nil {
		return head{}, err
	}
	next := head{at: tx.now}
	next.N = tx.log.N + int64(len(tx.events))
	if next.Hash, err = tlog.TreeHash(next.N, tx.log); err != nil {
		return head{}, fmt.Errorf("hash the log: %w", err)
	}
	if next.note, err = tx.l.o.sign(next.Tree); err != nil {
		return head{}, err
	}
	tx.l.signed.Store(&next)
	tx.l.newest.note(next.N-1, tx.rows)
	return next, tx.w.Put([]byte{inNote}, next.note)
}

func (tx *Tx) writeEvents() error {
	for i, e := range tx.events {
		leaf, beside := e.split()
		if i == len(tx.events)-1 {
			var err error
			if leaf.Rows, err = tx.writeRows(e.Seq); err != nil {
				return err
			}
			if leaf.Erased, err = tx.eraseAll(); err != nil {
				return err
			}
		}
		if err := tx.writeEvent(leaf, beside); err != nil {
			return fmt.Errorf("append %s: %w", e.Kind, err)
		}
		if err := tx.spread(e, leaf); err != nil {
			return fmt.Errorf("append %s: %w", e.Kind, err)
		}
	}
	return nil
}

func (tx *Tx) writeEvent(f Leaf, p personal) error {
	b := f.bytes()
	if len(b) > maxLeaf {
		return fmt.Errorf("the leaf has %d bytes, at most %d: use less detail, or fewer rows in one transaction", len(b), maxLeaf)
	}
	nodes, err := tlog.StoredHashes(f.Seq, b, tx.log)
	if err != nil {
		return err
	}
	for i, h := range nodes {
		n := tlog.StoredHashIndex(0, f.Seq) + int64(i)
		if err := tx.w.Put(at(inHashes, n), h[:]); err != nil {
			return err
		}
		tx.log.seen[n] = h
	}
	if err := tx.w.Put(at(inBeside, f.Seq), p.bytes()); err != nil {
		return err
	}
	return tx.w.Put(at(inLog, f.Seq), b)
}

// writeRows writes the drafts as part of event seq and gives their marks.
func (tx *Tx) writeRows(seq int64) ([]RowMark, error) {
	var marks []RowMark
	for _, key := range slices.Sorted(maps.Keys(tx.rows)) {
		m, wrote, err := tx.writeRow(seq, key, tx.rows[key])
		if err != nil {
			return nil, fmt.Errorf("write row %s: %w", key, err)
		}
		if wrote {
			marks = append(marks, m)
		}
	}
	slices.SortFunc(marks, func(a, b RowMark) int { return bytes.Compare(a.Fold[:], b.Fold[:]) })
	return marks, nil
}

func (tx *Tx) writeRow(seq int64, key string, d draft) (m RowMark, wrote bool, err error) {
	b, err := tx.w.Get(rowAt(key))
	if err != nil {
		return RowMark{}, false, err
	}
	var was row
	if b != nil {
		if was, err = parseRow(b); err != nil {
			return RowMark{}, false, tampered("%w", err)
		}
		if err := tx.prove(key, was); err != nil { // or an edit would be committed to with what is built on it
			return RowMark{}, false, err
		}
	}
	switch {
	case d.gone && b == nil:
		return RowMark{}, false, nil
	case d.gone:
		s := stone{seq: seq, count: was.count + 1, fold: was.fold}
		if err := tx.w.Put(s.key(), s.value()); err != nil {
			return RowMark{}, false, err
		}
		return s.mark(), true, tx.w.Delete(rowAt(key))
	}
	is := was.next(d.value)
	is.seq = seq
	return is.mark(key), true, tx.w.Put(rowAt(key), is.bytes())
}

func (tx *Tx) eraseAll() ([]int64, error) {
	slices.Sort(tx.erased)
	tx.erased = slices.Compact(tx.erased)
	for _, seq := range tx.erased {
		if err := tx.w.Delete(at(inBeside, seq)); err != nil {
			return nil, err
		}
	}
	return tx.erased, nil
}
