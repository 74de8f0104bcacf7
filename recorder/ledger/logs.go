package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/proof"
)

// A Log is one of the logs of a ledger: the main one, which holds everything,
// or a customer's, which holds what concerns that customer and names no other.
// Each time a customer's log grows, its head becomes an entry of the main log.
type Log struct {
	l        *Ledger
	customer string // "" is the main log
}

// ErrNoLog says that a name is no customer's, and never will be.
var ErrNoLog = errors.New("there is no log of customer")

// Main is the log that holds everything.
func (l *Ledger) Main() Log { return Log{l: l} }

// Of is the log of a customer; of one that nothing concerned yet, it is empty.
func (l *Ledger) Of(customer string) Log { return Log{l, customer} }

// Origin is the log's name: "lockbox.example", of a customer "lockbox.example/c/nord".
func (g Log) Origin() string {
	if g.customer == "" {
		return g.l.o.Origin
	}
	return g.l.o.Origin + "/c/" + g.customer
}

// An Entry is a leaf with what proves that its log has it.
type Entry struct {
	Leaf  []byte          `json:"leaf"`
	Proof proof.Inclusion `json:"proof"`
}

// A Proven is a part of one log under one checkpoint of it.
type Proven struct {
	Entries []Entry `json:"entries"`
	// Head is, of a customer's log, the entry of the main log that holds the
	// checkpoint of Entries; nil of the main log, and while the log is empty.
	Head *Entry `json:"head,omitempty"`
}

// read is Ledger.read of one log: main is that of the same snapshot.
func (g Log) read(ctx context.Context, fn func(t, main *tree) error) error {
	if g.customer != "" && !isCustomer(g.customer) {
		return fmt.Errorf("%w %.80q", ErrNoLog, g.customer)
	}
	return g.l.read(ctx, func(main *tree) error {
		if g.customer == "" {
			return fn(main, main)
		}
		b, p, err := g.branch(main)
		if err != nil {
			return err
		}
		g.l.tips.note(g.customer, p)
		return fn(b, main)
	})
}

// sign is the checkpoint of a tree of this log, made when it is asked for: the
// same for the same tree.
func (g Log) sign(t tlog.Tree) ([]byte, error) { return proof.Sign(g.Origin(), t, g.l.o.Signer) }

// Checkpoint is the log's newest: of the main log with the cosignatures that are held.
func (g Log) Checkpoint(ctx context.Context) (out []byte, err error) {
	err = g.read(ctx, func(t, main *tree) error {
		out, err = g.checkpoint(t, main)
		return err
	})
	return out, err
}

func (g Log) checkpoint(t, main *tree) ([]byte, error) {
	if g.customer != "" {
		return g.sign(t.Tree)
	}
	as, err := g.l.anchors(main)
	if err != nil {
		return nil, err
	}
	return bytes.Clone(as.newest().note), nil
}

// Prove proves events, named by their Seq in the main log, which all must stand
// in this log, under the checkpoint with the most cosignatures that covers them.
func (g Log) Prove(ctx context.Context, seqs ...int64) (Proven, error) {
	var out Proven
	err := g.read(ctx, func(t, main *tree) error {
		as, err := g.l.anchors(main)
		if err != nil {
			return err
		}
		if g.customer != "" {
			out, err = g.proveOwn(t, main, as, seqs)
			return err
		}
		a := as.over(seqs...)
		for _, seq := range seqs {
			e, err := main.entry(seq, a)
			if err != nil {
				return err
			}
			out.Entries = append(out.Entries, e)
		}
		return nil
	})
	return out, err
}

// proveOwn proves entries of a customer's log under one head of it, and that
// head under one checkpoint of the main log.
func (g Log) proveOwn(t, main *tree, as anchors, seqs []int64) (Proven, error) {
	var own []int64
	for _, seq := range seqs {
		n, err := t.index(seq)
		if err != nil {
			return Proven{}, err
		}
		if n < 0 {
			return Proven{}, fmt.Errorf("event %d does not concern customer %s", seq, g.customer)
		}
		own = append(own, n)
	}
	p, err := g.tip(main.Reader)
	if err != nil {
		return Proven{}, err
	}
	for _, a := range as {
		seq, err := g.headBefore(main, p, a.N)
		if err != nil {
			return Proven{}, err
		}
		b, err := g.at(main, seq)
		if err != nil {
			return Proven{}, err
		}
		if covers(b.N, own) && (seq == p.head || len(own) > 0) {
			return g.proveUnder(b, main, a, seq, seqs, own)
		}
	}
	return Proven{}, g.tampered("its last head does not cover what stands in it")
}

func (g Log) proveUnder(b, main *tree, a anchor, head int64, seqs, own []int64) (out Proven, err error) {
	if head >= 0 {
		e, err := main.entry(head, a)
		if err != nil {
			return out, err
		}
		out.Head = &e
	}
	under := anchor{Tree: b.Tree}
	if under.note, err = g.sign(b.Tree); err != nil {
		return out, err
	}
	for i, n := range own {
		e, err := b.entry(n, under)
		if err != nil {
			return out, fmt.Errorf("customer %s: %w", g.customer, err)
		}
		if f, err := ParseLeaf(e.Leaf); err != nil || f.Main == nil || *f.Main != seqs[i] || f.Seq != n {
			return out, g.tampered("entry %d of it is not event %d", n, seqs[i])
		}
		out.Entries = append(out.Entries, e)
	}
	return out, nil
}

// entry proves an entry under a checkpoint of this tree, or of an earlier one.
func (t *tree) entry(n int64, under anchor) (Entry, error) {
	then := &tree{t.Reader, head{Tree: under.Tree}, t.seen}
	leaf, path, err := then.prove(n)
	if err != nil {
		return Entry{}, err
	}
	return Entry{bytes.Clone(leaf), proof.Inclusion{Index: n, Path: path, Checkpoint: bytes.Clone(under.note)}}, nil
}

// Growth proves that the log's newest checkpoint, which it gives, grew from its first old entries.
func (g Log) Growth(ctx context.Context, old int64) (p proof.Growth, checkpoint []byte, err error) {
	err = g.read(ctx, func(t, main *tree) error {
		if old < 0 || old > t.N {
			return fmt.Errorf("the log %s has %d entries, and cannot have grown from %d", g.Origin(), t.N, old)
		}
		p.Old = old
		if old > 0 && old < t.N {
			if p.Proof, err = tlog.ProveTree(t.N, old, t); err != nil {
				return fmt.Errorf("prove that %s was only added to: %w", g.Origin(), err)
			}
		}
		checkpoint, err = g.checkpoint(t, main)
		return err
	})
	return p, checkpoint, err
}

// After gives the log's events that follow the entry at index after, as Ledger.After does; Seq is the index in this log.
func (g Log) After(ctx context.Context, after int64, limit int) (page []Event, err error) {
	if g.customer == "" {
		return g.l.After(ctx, after, limit)
	}
	err = g.read(ctx, func(t, main *tree) error {
		size := 0
		for n := max(after, -1) + 1; n < t.N && len(page) < min(limit, maxPage) && size < maxPageBytes; n++ {
			e, bytes, err := g.event(t, main, n)
			if err != nil {
				return err
			}
			size += bytes
			page = append(page, e)
		}
		return nil
	})
	return page, err
}

// event joins an entry with what is kept beside the entry of the main log.
func (g Log) event(t, main *tree, n int64) (e Event, size int, err error) {
	f, _, err := t.leaf(n)
	if err != nil {
		return e, 0, fmt.Errorf("customer %s: %w", g.customer, err)
	}
	if f.Main == nil {
		return e, 0, g.tampered("entry %d of it is no customer's", n)
	}
	beside, err := main.Get(at(inBeside, *f.Main))
	if err != nil {
		return e, 0, err
	}
	e, err = f.join(beside)
	return e.seenBy(g.customer), maxLeaf/64 + len(beside), err
}
