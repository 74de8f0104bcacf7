package crash

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"lockbox/recorder/ledger"
	"lockbox/recorder/proof"
	"lockbox/tests/engine"
)

// acks are what a ledger has acknowledged in all its lives.
type acks struct {
	count  [writers]int
	seqs   map[string]int64 // "writer n" → event
	erased map[int64]bool
	notes  [][]byte // since the last check, and one before
	writes int
}

func newAcks() *acks { return &acks{seqs: map[string]int64{}, erased: map[int64]bool{}} }

// hear reads what a process says until it ends. Half a line was not said.
func (a *acks) hear(r io.Reader) error {
	for in := bufio.NewReader(r); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil
		}
		if err := a.note(strings.TrimSuffix(line, "\n")); err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
	}
}

func (a *acks) note(line string) error {
	if b64, ok := strings.CutPrefix(line, "c "); ok {
		b, err := base64.StdEncoding.DecodeString(b64)
		a.notes = append(a.notes, b)
		return err
	}
	var w, n int
	var seq, erased int64
	if _, err := fmt.Sscanf(line, "w %d %d %d %d", &w, &n, &seq, &erased); err != nil {
		return err
	}
	a.writes++
	a.count[w] = n
	a.seqs[fmt.Sprint(w, " ", n)] = seq
	if erased >= 0 {
		a.erased[erased] = true
	}
	return nil
}

// check opens the ledger and finds that nothing that was acknowledged is lost.
// It says how long opening took.
func (a *acks) check(path string) (took time.Duration, err error) {
	began := time.Now()
	l, err := openAt(path)
	took = time.Since(began)
	if err != nil {
		return took, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	ctx := context.Background()
	if err := l.Check(ctx); err != nil {
		return took, err
	}
	if err := a.extends(ctx, l); err != nil {
		return took, err
	}
	found, err := a.replay(ctx, l)
	if err != nil {
		return took, err
	}
	return took, a.state(ctx, l, found)
}

// extends holds the log against every checkpoint that was given out.
func (a *acks) extends(ctx context.Context, l *ledger.Ledger) error {
	o, err := engine.Options()
	if err != nil {
		return err
	}
	for _, b := range a.notes {
		c, err := proof.Open(b, o.Origin, o.Verifier)
		if err == nil {
			err = l.Extends(ctx, c)
		}
		if err != nil {
			return fmt.Errorf("checkpoint of %d: %w", c.N, err)
		}
	}
	a.notes = append(a.notes[:0], l.Checkpoint()) // what is open is seen, and may not go either
	return nil
}

// replay reads the log, and what each customer's log must hold from it.
func (a *acks) replay(ctx context.Context, l *ledger.Ledger) (count [writers]int, err error) {
	var of [customers][]string
	for after := int64(-1); after < l.Last(); {
		page, err := l.After(ctx, after, 1000)
		if err != nil || len(page) == 0 {
			return count, errors.Join(err, fmt.Errorf("%d events follow event %d", len(page), after))
		}
		for _, e := range page {
			after = e.Seq
			if e.Kind != "did" {
				continue
			}
			var w, n int
			if _, err := fmt.Sscan(e.Detail["writer"]+" "+e.Detail["n"], &w, &n); err != nil {
				return count, err
			}
			name := fmt.Sprint(w, " ", n)
			if seq, ok := a.seqs[name]; n != count[w]+1 || ok && seq != e.Seq {
				return count, fmt.Errorf("event %d is %s, after %d; it was acknowledged as %d", e.Seq, name, count[w], seq)
			}
			if a.erased[e.Seq] && (e.Actor != ledger.Erased || e.Private["reason"] != ledger.Erased) {
				return count, fmt.Errorf("event %d was erased, and is back", e.Seq)
			}
			count[w] = n
			for _, c := range e.Customers {
				of[c[1]-'0'] = append(of[c[1]-'0'], name)
			}
		}
	}
	for c, want := range of {
		if err := sameLog(ctx, l.Of(fmt.Sprint("c", c)), want); err != nil {
			return count, err
		}
	}
	return count, nil
}

func sameLog(ctx context.Context, g ledger.Log, want []string) error {
	var got []string
	for {
		page, err := g.After(ctx, int64(len(got))-1, 1000)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			got = append(got, e.Detail["writer"]+" "+e.Detail["n"])
		}
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("the log %s has %d events, want the %d of the main log", g.Origin(), len(got), len(want))
	}
	return nil
}

// state wants each writer to stand where its events end: at what was
// acknowledged, or one further.
func (a *acks) state(ctx context.Context, l *ledger.Ledger, found [writers]int) error {
	return l.View(ctx, func(tx *ledger.Tx) error {
		for w, said := range a.count {
			n := 0
			if _, err := tx.Verified(fmt.Sprint("count/", w), &n); err != nil {
				return err
			}
			if n != found[w] || n < said || n > said+1 {
				return fmt.Errorf("writer %d stands at %d, its events end at %d, and %d was acknowledged", w, n, found[w], said)
			}
			a.count[w] = n
		}
		return nil
	})
}
