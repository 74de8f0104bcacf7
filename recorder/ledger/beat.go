package ledger

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/proof"
)

// Beat appends a heartbeat to the main log: one root over the heads of all
// customers' logs, so that a customer whose log did not grow can show it.
func (l *Ledger) Beat(ctx context.Context) error {
	return l.Update(ctx, func(tx *Tx) error {
		hs, err := l.heads(&tree{tx.w, tx.log.head, tx.log.seen}, tx.log.N)
		if err != nil {
			return err
		}
		tx.append(Event{Kind: kindBeat, Actor: "lockbox", Detail: map[string]string{
			"customers": strconv.Itoa(len(hs)), "root": hs.root().String(),
		}})
		return nil
	})
}

func (tx *Tx) noteBeat(f Leaf) error {
	n, err := beats(tx.w)
	if err != nil {
		return err
	}
	return tx.w.Put(at(inBeats, n), binary.BigEndian.AppendUint64(nil, uint64(f.Seq)))
}

// beats counts the heartbeats: they are noted without a gap.
func beats(r Reader) (int64, error) {
	has := func(n int64) (bool, error) { b, err := r.Get(at(inBeats, n)); return b != nil, err }
	lo, hi := int64(0), int64(1) // there are lo at least
	for {
		switch ok, err := has(hi - 1); {
		case err != nil:
			return 0, err
		case ok:
			lo, hi = hi, 2*hi
			continue
		}
		break
	}
	for lo < hi-1 {
		mid := lo + (hi-lo)/2
		switch ok, err := has(mid - 1); {
		case err != nil:
			return 0, err
		case ok:
			lo = mid
		default:
			hi = mid
		}
	}
	return lo, nil
}

// Heads are the heads of customers' logs, by customer.
type heads []customerHead

type customerHead struct {
	customer, text string // text: as it is signed
	tree           tlog.Tree
}

// heads are those that the main log holds before seq.
func (l *Ledger) heads(main *tree, seq int64) (all heads, err error) {
	var ids []string
	err = main.Scan([]byte{inTips}, func(k, _ []byte) (bool, error) { ids = append(ids, string(k[1:])); return true, nil })
	if err != nil {
		return nil, err
	}
	if id := l.tips.lost(ids, main.N); id != "" {
		return nil, l.Of(id).tampered("where it ends was removed")
	}
	for _, id := range ids {
		g := l.Of(id)
		p, err := g.tip(main.Reader)
		if err == nil {
			err = l.tips.hold(g, p, main.N)
		}
		if err != nil {
			return nil, err
		}
		s, err := g.headBefore(main, p, seq)
		if err != nil {
			return nil, err
		}
		if s < 0 {
			continue
		}
		b, err := g.at(main, s)
		if err != nil {
			return nil, err
		}
		all = append(all, customerHead{id, proof.Text(g.Origin(), b.Tree), b.Tree})
	}
	return all, nil
}

// A pile is a tree that is kept in memory.
type pile []tlog.Hash

func (p pile) ReadHashes(is []int64) (out []tlog.Hash, err error) {
	for _, i := range is {
		out = append(out, p[i])
	}
	return out, nil
}

func (hs heads) pile() pile {
	var p pile
	for i, h := range hs {
		more, _ := tlog.StoredHashes(int64(i), []byte(h.text), p) // it reads from memory
		p = append(p, more...)
	}
	return p
}

// root is that of the RFC 6962 tree over the heads, each as its checkpoint is
// signed: "origin\nsize\nroot\n".
func (hs heads) root() tlog.Hash {
	root, _ := tlog.TreeHash(int64(len(hs)), hs.pile())
	return root
}

// A Beat is a heartbeat, and where the head of one customer's log is in it.
type Beat struct {
	Entry Entry `json:"entry"` // of the main log

	// Of a customer's log, and zero of the main one:
	Size  int64            `json:"size"` // of the log then
	Root  tlog.Hash        `json:"root"`
	Index int64            `json:"index"` // of the customer among the heads
	Path  tlog.RecordProof `json:"path"`
	Heads int64            `json:"heads"`
}

// Beat gives the first heartbeat at or after an instant. A customer whose log
// was empty then is in none.
func (g Log) Beat(ctx context.Context, when time.Time) (Beat, error) {
	var out Beat
	err := g.l.read(ctx, func(t *tree) error {
		seq, err := t.beatFrom(when)
		if err != nil {
			return err
		}
		as, err := g.l.anchors(t)
		if err != nil {
			return err
		}
		if out.Entry, err = t.entry(seq, as.over(seq)); err != nil || g.customer == "" {
			return err
		}
		return g.place(&out, t, seq)
	})
	return out, err
}

func (g Log) place(out *Beat, t *tree, seq int64) error {
	hs, err := g.l.heads(t, seq)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(hs, func(h customerHead) bool { return h.customer == g.customer })
	if i < 0 {
		return fmt.Errorf("nothing had concerned customer %s by then: it is not in the heartbeat", g.customer)
	}
	f, _, err := t.leaf(seq)
	if err != nil {
		return err
	}
	if n, root, ok := f.Beat(); !ok || n != int64(len(hs)) || root != hs.root() {
		return tampered("the heads of customers' logs do not lead to the heartbeat in event %d", seq)
	}
	out.Size, out.Root, out.Index, out.Heads = hs[i].tree.N, hs[i].tree.Hash, int64(i), int64(len(hs))
	out.Path, err = tlog.ProveRecord(out.Heads, out.Index, hs.pile())
	return err
}

// maxHeads is more than a heartbeat can be over, and less than sumdb/tlog can count.
const maxHeads = 1 << 32

// Beat is what an entry of the main log says of all customers' logs: how many
// heads they have, and the root over those. Not ok is every entry that is no
// heartbeat.
func (f Leaf) Beat() (customers int64, root tlog.Hash, ok bool) {
	n, err := strconv.ParseInt(f.Detail["customers"], 10, 64)
	if f.Kind != kindBeat || f.Main != nil || len(f.Detail) != 2 || err != nil || n < 0 || n > maxHeads || strconv.FormatInt(n, 10) != f.Detail["customers"] {
		return 0, tlog.Hash{}, false
	}
	root, err = tlog.ParseHash(f.Detail["root"])
	return n, root, err == nil && root.String() == f.Detail["root"]
}

// Holds says that the customer's log had this size and root when the heartbeat
// was written, whose entry f is proven to be.
func (b Beat) Holds(f Leaf, origin string) error {
	n, root, ok := f.Beat()
	switch {
	case b.Size < 1: // the log of a customer whom nothing concerned has no head
		return fmt.Errorf("the heartbeat is said to have %s with %d entries", origin, b.Size)
	case !ok || n != b.Heads:
		return fmt.Errorf("event %d is not the heartbeat over %d logs", f.Seq, b.Heads)
	}
	text := proof.Text(origin, tlog.Tree{N: b.Size, Hash: b.Root})
	if err := tlog.CheckRecord(b.Path, n, root, b.Index, tlog.RecordHash([]byte(text))); err != nil {
		return fmt.Errorf("the head of %s is not in the heartbeat: %w", origin, err)
	}
	return nil
}

// beatFrom finds the first heartbeat at or after an instant.
func (t *tree) beatFrom(when time.Time) (int64, error) {
	n, err := beats(t.Reader)
	if err != nil {
		return 0, err
	}
	found, lo, hi := int64(-1), int64(0), n
	for lo < hi {
		mid := lo + (hi-lo)/2
		seq, err := seqAt(t.Reader, at(inBeats, mid))
		if err != nil {
			return 0, tampered("heartbeat %d: %w", mid, err)
		}
		if seq >= t.N { // written after what is seen here
			hi = mid
			continue
		}
		f, _, err := t.leaf(seq)
		if err != nil {
			return 0, err
		}
		if f.At.Before(when) {
			lo = mid + 1
		} else {
			found, hi = seq, mid
		}
	}
	if found < 0 {
		return 0, fmt.Errorf("there is no heartbeat after %s yet: one is written every hour", stamp(when))
	}
	return found, nil
}
