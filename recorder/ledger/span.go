package ledger

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/proof"
)

// A Span is a run of entries of a customer's log without a gap, with what proves
// that the log had so many entries before it, and so many at its end.
type Span struct {
	Proven
	Checkpoint []byte       `json:"checkpoint"` // of the customer's log, of Entries and of both growths
	From       proof.Growth `json:"from"`
	To         proof.Growth `json:"to"`
}

// Span proves the entries of a customer's log from the index from up to, and
// without, the index to, under the checkpoint with the most cosignatures that
// covers them.
func (g Log) Span(ctx context.Context, from, to int64) (out Span, err error) {
	if g.customer == "" || from < 0 || to < from {
		return out, fmt.Errorf("there are no entries %d to %d of a customer's log", from, to)
	}
	err = g.read(ctx, func(t, main *tree) error {
		if to > t.N {
			return fmt.Errorf("the log %s has %d entries, not %d", g.Origin(), t.N, to)
		}
		as, err := g.l.anchors(main)
		if err != nil {
			return err
		}
		out, err = g.span(main, as, from, to)
		return err
	})
	return out, err
}

func (g Log) span(main *tree, as anchors, from, to int64) (out Span, err error) {
	p, err := g.tip(main.Reader)
	if err != nil {
		return out, err
	}
	for _, a := range as {
		head, err := g.headBefore(main, p, a.N)
		if err != nil {
			return out, err
		}
		b, err := g.at(main, head)
		if err != nil {
			return out, err
		}
		if b.N < to || head < 0 {
			continue
		}
		return g.spanUnder(b, main, a, head, from, to)
	}
	return out, g.tampered("its last head does not cover what stands in it")
}

func (g Log) spanUnder(b, main *tree, a anchor, head, from, to int64) (out Span, err error) {
	var own, seqs []int64
	for n := from; n < to; n++ {
		f, _, err := b.leaf(n)
		if err != nil {
			return out, err
		}
		if f.Main == nil {
			return out, g.tampered("entry %d of it is no customer's", n)
		}
		own, seqs = append(own, n), append(seqs, *f.Main)
	}
	if out.Proven, err = g.proveUnder(b, main, a, head, seqs, own); err != nil {
		return out, err
	}
	if out.Checkpoint, err = g.sign(b.Tree); err != nil {
		return out, err
	}
	for _, one := range []struct {
		size int64
		into *proof.Growth
	}{{from, &out.From}, {to, &out.To}} {
		one.into.Old = one.size
		if one.size > 0 && one.size < b.N {
			if one.into.Proof, err = tlog.ProveTree(b.N, one.size, b); err != nil {
				return out, fmt.Errorf("prove that %s was only added to: %w", g.Origin(), err)
			}
		}
	}
	return out, nil
}
