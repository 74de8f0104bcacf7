package ledger

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/proof"
)

// maxSeen bounds the bytes of a cosigned checkpoint.
const maxSeen = 64 << 10

// An anchor is a checkpoint of the main log to prove something under.
type anchor struct {
	tlog.Tree
	note []byte
	by   int // how many keys signed it beside the log's
}

// anchors are in order of use: the most cosigned first, the newest last.
type anchors []anchor

func (as anchors) newest() anchor { return as[len(as)-1] }

// over is the first that covers all those events; the newest, if none does.
func (as anchors) over(seqs ...int64) anchor {
	i := slices.IndexFunc(as, func(a anchor) bool { return covers(a.N, seqs) })
	if i < 0 || len(seqs) == 0 {
		return as.newest()
	}
	return as[i]
}

func covers(size int64, seqs []int64) bool {
	return !slices.ContainsFunc(seqs, func(s int64) bool { return s >= size })
}

// anchors reads the checkpoints that witnesses cosigned. Each is the log's own,
// and the log goes on from it.
func (l *Ledger) anchors(t *tree) (anchors, error) {
	var as anchors
	err := t.Scan([]byte{inSeen}, func(k, v []byte) (bool, error) {
		a, err := l.anchor(v)
		if err != nil || !bytes.Equal(k, at(inSeen, a.N)) {
			return false, tampered("a cosigned checkpoint was edited: %w", errors.Join(err))
		}
		if a.N > t.N { // cosigned after what is seen here
			return false, nil
		}
		as = append(as, a)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(as, func(a, b anchor) int { return cmp.Or(cmp.Compare(b.by, a.by), cmp.Compare(b.N, a.N)) })
	if len(as) > 0 && as.newest().N == t.N {
		if as.newest().Hash != t.Hash {
			return nil, tampered("a cosigned checkpoint is of another log with %d events", t.N)
		}
		return as, nil
	}
	return append(as, anchor{Tree: t.Tree, note: bytes.Clone(t.note)}), nil
}

func (l *Ledger) anchor(b []byte) (anchor, error) {
	if len(b) > maxSeen {
		return anchor{}, fmt.Errorf("the checkpoint has %d bytes, at most %d", len(b), maxSeen)
	}
	c, err := proof.Open(b, l.o.Origin, l.o.Verifier)
	if err != nil {
		return anchor{}, err
	}
	n, err := note.Open(b, note.VerifierList(l.o.Verifier))
	if err != nil {
		return anchor{}, err
	}
	keys := map[string]bool{}
	for _, s := range n.UnverifiedSigs {
		keys[fmt.Sprintf("%s+%08x", s.Name, s.Hash)] = true
	}
	return anchor{c.Tree, c.Note, len(keys)}, nil
}

// Cosign keeps a checkpoint of the main log with the cosignatures of
// witnesses, which the caller has verified. It is no event, and no state. What
// several witnesses signed is put together; of the rest are kept those for
// which there is none newer with as many cosignatures.
func (l *Ledger) Cosign(ctx context.Context, b []byte) error {
	if l.closed() {
		return ErrClosed
	}
	known := l.known()
	return l.engine.Update(ctx, func(w Writer) error {
		h, err := l.snapshot(w, known)
		if err != nil {
			return err
		}
		t := newTree(w, h)
		a, err := l.anchor(b)
		if err != nil {
			return fmt.Errorf("keep a cosigned checkpoint: %w", err)
		}
		if err := t.leadsFrom(a.Tree); err != nil {
			return fmt.Errorf("keep a cosigned checkpoint: %w", err)
		}
		return l.keep(w, t, a)
	})
}

func (l *Ledger) keep(w Writer, t *tree, a anchor) error {
	if a.by == 0 {
		return errors.New("keep a cosigned checkpoint: nobody cosigned it")
	}
	was, err := w.Get(at(inSeen, a.N))
	if err != nil {
		return err
	}
	if was != nil {
		all, err := proof.Merge(was, a.note)
		if err != nil {
			return tampered("a cosigned checkpoint: %w", err)
		}
		if a, err = l.anchor(all); err != nil {
			return fmt.Errorf("keep a cosigned checkpoint: %w", err)
		}
	}
	as, err := l.anchors(t)
	if err != nil {
		return err
	}
	beats := func(x, y anchor) bool { return x.N > y.N && x.by >= y.by }
	for _, o := range as {
		switch {
		case o.by == 0 || o.N == a.N:
		case beats(o, a):
			return nil
		case beats(a, o):
			if err := w.Delete(at(inSeen, o.N)); err != nil {
				return err
			}
		}
	}
	return w.Put(at(inSeen, a.N), a.note)
}

// Cosigned gives the checkpoint that most witnesses cosigned, the newest of
// those; nil while there is none.
func (l *Ledger) Cosigned(ctx context.Context) (out []byte, err error) {
	err = l.read(ctx, func(t *tree) error {
		as, err := l.anchors(t)
		if err == nil && as[0].by > 0 {
			out = bytes.Clone(as[0].note)
		}
		return err
	})
	return out, err
}

// ErrRewound says that somebody holds a checkpoint that this ledger does not lead to.
var ErrRewound = errors.New("somebody holds a checkpoint that this ledger does not lead to")

// Extends says whether a log goes on from a checkpoint of it that somebody
// holds, which the caller has opened with the log's key. ErrRewound says that
// it does not: the ledger is older, or another one.
func (l *Ledger) Extends(ctx context.Context, c proof.Checkpoint) error {
	g := l.Main()
	if id, ok := strings.CutPrefix(c.Origin, l.o.Origin+"/c/"); ok {
		g = l.Of(id)
	}
	if c.Origin != g.Origin() {
		return fmt.Errorf("the checkpoint is of the log %q, and this ledger keeps %q: give one of this ledger", c.Origin, l.o.Origin)
	}
	return g.read(ctx, func(t, _ *tree) error { return t.leadsFrom(c.Tree) })
}

// leadsFrom says that then is a beginning of the tree.
func (t *tree) leadsFrom(then tlog.Tree) error {
	if then.N > t.N {
		return fmt.Errorf("%w: theirs has %d events, this one %d: what happened in between is missing here. "+
			"If this is a restored backup, restore a newer one; if there is none, somebody has to answer for the gap, and their checkpoint is what shows it", ErrRewound, then.N, t.N)
	}
	h, err := tlog.TreeHash(then.N, t)
	if err != nil {
		return fmt.Errorf("read the first %d events: %w", then.N, err)
	}
	if h != then.Hash {
		return fmt.Errorf("%w: theirs has %d events, this one %d, and the first %d are not the same: the log's key signed two histories. "+
			"Keep both checkpoints and this file as evidence, and find out who had the key; restoring a backup does not mend it", ErrRewound, then.N, t.N, then.N)
	}
	if then.N == 0 || then.N == t.N {
		return nil
	}
	p, err := tlog.ProveTree(t.N, then.N, t)
	if err != nil || tlog.CheckTree(p, t.N, t.Hash, then.N, then.Hash) != nil {
		return tampered("the stored hashes do not lead from %d events to %d", then.N, t.N)
	}
	return nil
}
