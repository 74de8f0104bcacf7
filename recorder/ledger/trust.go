package ledger

import (
	"bytes"
	"context"

	"golang.org/x/mod/sumdb/tlog"
)

// trust finds that what is stored is what was written, the short way where
// there is one.
func (l *Ledger) trust(ctx context.Context) error {
	sealed, fits, err := l.short(ctx)
	if err != nil || fits {
		return err
	}
	if err := l.Check(ctx); err != nil {
		return err // and it says what is wrong
	}
	if sealed {
		return tampered("the rows are not those of the last checkpoint")
	}
	return l.reseal(ctx)
}

// short holds the rows against the seal, and the end of the log against the
// checkpoint.
func (l *Ledger) short(ctx context.Context) (sealed, fits bool, err error) {
	var found head
	err = l.read(ctx, func(t *tree) error {
		want, err := l.seal.read(t, t.Tree)
		if err != nil || want == nil {
			return err
		}
		sealed = true
		got, err := l.survey(ctx, t)
		if err != nil || got == nil || *got != *want {
			return err
		}
		fits = true
		found, err = t.end()
		return err
	})
	if fits && err == nil {
		l.advance(found)
	}
	return sealed, fits, err
}

// end proves the end of the log: nothing of it is missing and nothing follows.
func (t *tree) end() (head, error) {
	found := t.head
	found.note = bytes.Clone(found.note)
	root, err := tlog.TreeHash(t.N, t)
	if err != nil {
		return head{}, err
	}
	if root != t.Hash {
		return head{}, tampered("the stored hashes do not lead to the checkpoint")
	}
	b, err := t.Get(at(inLog, t.N))
	if err != nil {
		return head{}, err
	}
	if b != nil {
		return head{}, tampered("there are events after the %d that were signed", t.N)
	}
	if t.N == 0 {
		return found, nil
	}
	last, _, err := t.leaf(t.N - 1)
	found.at = last.At
	return found, err
}

// survey reads all rows, stones and tips once: it learns which are the newest,
// and gives their sum; nil when one of them is nonsense.
func (l *Ledger) survey(ctx context.Context, t *tree) (*sum, error) {
	now, n, bad := &sum{}, 0, false
	each := func(part byte, learn func(k, v []byte) error) error {
		return t.Scan([]byte{part}, func(k, v []byte) (bool, error) {
			if n++; n%1024 == 0 && ctx.Err() != nil {
				return false, ctx.Err()
			}
			if learn(k[1:], v) != nil {
				bad = true
				return false, nil
			}
			if l.seal != nil {
				now.add(l.seal.hash(k, v))
			}
			return true, nil
		})
	}
	l.newest.from(t.N)
	err := each(inRows, func(k, v []byte) error {
		r, err := parseRow(v)
		l.newest.learn(k, r.seq)
		return err
	})
	if err == nil && !bad {
		l.tips.forget()
		err = each(inTips, func(k, v []byte) error {
			p, err := parseTip(v)
			l.tips.note(string(k), p)
			return err
		})
	}
	if err != nil || bad || l.seal == nil {
		return nil, err
	}
	return now, each(inStones, func(_, _ []byte) error { return nil })
}

// reseal learns the rows of a store that was just found whole, and seals them
// for the next Open.
func (l *Ledger) reseal(ctx context.Context) error {
	var now *sum
	var of head
	err := l.read(ctx, func(t *tree) (err error) {
		of = t.head
		now, err = l.survey(ctx, t)
		return err
	})
	if err != nil || now == nil {
		return err
	}
	return l.engine.Update(ctx, func(w Writer) error {
		h, err := l.snapshot(w, l.known())
		if err != nil || h.Tree != of.Tree { // another process was faster
			return err
		}
		return l.seal.write(w, h.Tree, now)
	})
}
