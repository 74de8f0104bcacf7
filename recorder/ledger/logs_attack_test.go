package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/ledger"
	"lockbox/recorder/proof"
)

// regrow writes a customer's log anew from leaves, hashes and all.
func (w thief) regrow(customer string, leaves ...string) error {
	var all []tlog.Hash
	r := tlog.HashReaderFunc(func(is []int64) (out []tlog.Hash, err error) {
		for _, i := range is {
			out = append(out, all[i])
		}
		return out, nil
	})
	for i, leaf := range leaves {
		hs, err := tlog.StoredHashes(int64(i), []byte(leaf), r)
		if err != nil {
			return err
		}
		for j, h := range hs {
			if err := w.Put(ledger.OwnHashAt(customer, int64(len(all)+j)), h[:]); err != nil {
				return err
			}
		}
		all = append(all, hs...)
		if err := w.Put(ledger.OwnAt(customer, int64(i)), []byte(leaf)); err != nil {
			return err
		}
	}
	return nil
}

func (w thief) own(i int64) string { return w.last()[string(ledger.OwnAt("nord", i))] }

func (w thief) last() map[string]string { return w.after[len(w.after)-1] }

func (w thief) swap(k []byte, old, new string) error {
	return w.Put(k, []byte(strings.Replace(w.last()[string(k)], old, new, 1)))
}

// back puts all of one customer's log back to a moment.
func (w thief) rollBack(customer string, i int) error {
	var gone [][]byte
	err := w.Scan([]byte("u"+customer+"\x00"), func(k, _ []byte) (bool, error) { gone = append(gone, bytes.Clone(k)); return true, nil })
	for _, k := range gone {
		if _, was := w.after[i][string(k)]; !was {
			err = errors.Join(err, w.Delete(k))
		}
	}
	tip := ledger.TipAt(customer)
	return errors.Join(err, w.Put(tip, []byte(w.after[i][string(tip)])))
}

func TestChangesOfACustomersLogAreCaught(t *testing.T) {
	one, tip := ledger.OwnAt("nord", 1), ledger.TipAt("nord")
	for _, c := range []struct {
		name  string
		edit  func(w thief) error
		check string
		prove string // what Prove of nord's entry 1 says; "" when it cannot know
	}{
		{"entry edited", func(w thief) error { return w.swap(one, "vote.approve", "vote.decline") }, "entry 1 of it is not what event 4", "is not the one that is in the log"},
		{"entry edited, hashes made again", func(w thief) error {
			return w.regrow("nord", w.own(0), strings.Replace(w.own(1), "approve", "decline", 1), w.own(2), w.own(3))
		}, "entry 1 of it is not what event 4", "is not the one that is in the log"},
		{"entry removed", func(w thief) error { return w.Delete(one) }, "entry 1 of it, event 4 of the main log, is missing", "cannot be read"},
		{"last entry removed", func(w thief) error { return w.Delete(ledger.OwnAt("nord", 3)) }, "entry 3 of it", ""},
		{"entry left out, hashes made again", func(w thief) error { return w.regrow("nord", w.own(0), w.own(2), w.own(3)) }, "entry 1 of it is not", "does not concern"},
		{"entries exchanged", func(w thief) error { return w.regrow("nord", w.own(0), w.own(2), w.own(1), w.own(3)) }, "entry 1 of it is not", ""},
		{"entry of another customer", func(w thief) error { return w.Put(one, []byte(w.last()[string(ledger.OwnAt("ost", 1))])) }, "entry 1 of it is not", ""},
		{"entry of the main log", func(w thief) error { return w.Put(one, []byte(w.last()[string(ledger.LogAt(4))])) }, "entry 1 of it is not", "cannot be read"},
		{"entry added", func(w thief) error { return w.Put(ledger.OwnAt("nord", 4), []byte(w.own(3))) }, "entries of customers' logs under", ""},
		{"log of a stranger", func(w thief) error { return w.regrow("syd", w.own(0)) }, "entries of customers' logs under", ""},
		{"end of a stranger", func(w thief) error { return w.Put(ledger.TipAt("syd"), []byte(w.last()[string(tip)])) }, "entries of customers' logs under", ""},
		{"hash edited", func(w thief) error { return w.Put(ledger.OwnHashAt("nord", 0), make([]byte, 32)) }, "a hash above entry 0 of it was edited", "not the one"},
		{"hash removed", func(w thief) error { return w.Delete(ledger.OwnHashAt("nord", 0)) }, "a hash above entry 0 of it was edited", "hash 0 of the log is missing"},
		{"end edited", func(w thief) error { b := []byte(w.last()[string(tip)]); b[8]++; return w.Put(tip, b) }, "where it ends was edited", "it is said to have"},
		{"end removed", func(w thief) error { return w.Delete(tip) }, "where it ends was edited", "went back"},
		{"end nonsense", func(w thief) error { return w.Put(tip, []byte("x")) }, "where it ends was edited", "not in the form"},
		{"end of another customer", func(w thief) error { return w.Put(tip, []byte(w.last()[string(ledger.TipAt("ost"))])) }, "where it ends was edited", "holds no head of it"},
		{"end points at another event", func(w thief) error { b := []byte(w.last()[string(tip)]); b[24]--; return w.Put(tip, b) }, "where it ends was edited", "holds no head of it"},
		{"place of a head edited", func(w thief) error {
			return w.Put(ledger.HeadAt("nord", 1), []byte(w.last()[string(ledger.HeadAt("nord", 0))]))
		}, "where its head number 1 is was edited", ""},
		{"place of a head removed", func(w thief) error { return w.Delete(ledger.HeadAt("nord", 0)) }, "where its head number 0 is was edited", ""},
		{"place of a heartbeat edited", func(w thief) error { return w.Put(ledger.BeatAt(0), make([]byte, 8)) }, "heartbeat number 0", ""},
		{"heartbeat invented", func(w thief) error { return w.Put(ledger.BeatAt(1), make([]byte, 8)) }, "entries of customers' logs under", ""},
		{"head edited", func(w thief) error { return w.swap(ledger.LogAt(6), `"size":"3"`, `"size":"2"`) }, "event 6", ""},
		{"log rolled back while main stays", func(w thief) error { return w.rollBack("nord", 2) }, "entry 3 of it, event 8 of the main log, is missing", "went back from the head in event 9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBook(t)
			after := tale(b)
			held := b.checkpoint("nord")
			b.edit(func(w ledger.Writer) error { return c.edit(thief{w, after, nil, b.o}) })
			p, err := b.Of("nord").Prove(context.Background(), 4)
			if !says(err, c.prove) && c.prove != "" {
				t.Errorf("Prove: got %v, want %q", err, c.prove)
			}
			if err == nil { // then it is the truth
				if f := holds(t, b.o, "nord", p); f[0].Kind != "vote.approve" || f[0].Seq != 1 {
					t.Errorf("Prove: got %+v", f)
				}
			}
			caught(t, "Check", b.Check(t.Context()), c.check)
			outsider(t, b, held)
		})
	}
}

// outsider holds a checkpoint of nord's, and asks for the whole log: either it
// is what they hold, or it is not to be had.
func outsider(t *testing.T, b *book, held proof.Checkpoint) {
	t.Helper()
	var out bytes.Buffer
	if err := b.Of("nord").Export(context.Background(), &out); err != nil {
		return
	}
	c, err := whole(t, out.Bytes(), b.o, origin+"/c/nord")
	if err == nil && c.Tree != held.Tree {
		t.Errorf("an outsider took another log: %v, and held %v", c.Tree, held.Tree)
	}
}

func TestNothingIsAddedToACustomersLogThatWasChanged(t *testing.T) {
	for name, edit := range map[string]func(w thief) error{
		"edge edited": func(w thief) error { return w.Put(ledger.OwnHashAt("nord", 6), make([]byte, 32)) },
		"rolled back": func(w thief) error { return w.rollBack("nord", 2) },
		"end edited":  func(w thief) error { return w.Delete(ledger.TipAt("nord")) },
		"entries hidden beyond the end": func(w thief) error {
			b := []byte(w.last()[string(ledger.TipAt("nord"))])
			b[8]++
			return errors.Join(w.regrow("nord", w.own(0), w.own(1), w.own(2), w.own(3), w.own(1)), w.Put(ledger.TipAt("nord"), b))
		},
	} {
		b := newBook(t)
		after := tale(b)
		b.checkpoint("nord") // it was read
		before := b.Checkpoint()
		b.edit(func(w ledger.Writer) error { return edit(thief{w, after, nil, b.o}) })
		err := b.Update(t.Context(), func(tx *ledger.Tx) error { _, err := tx.Append(of("x", "nord")); return err })
		caught(t, name, err, "the log of customer nord")
		if !bytes.Equal(before, b.Checkpoint()) {
			t.Errorf("%s: there is a new checkpoint", name)
		}
		b.must(func(tx *ledger.Tx) error { _, err := tx.Append(of("x", "ost")); return err })
	}
}
