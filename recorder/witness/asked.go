package witness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"lockbox/recorder/proof"
)

// ask asks one witness.
func (a *Asker) ask(ctx context.Context, p *peer, s submission) {
	defer a.Nudge() // somebody may wait for more
	cosigned, err := a.try(ctx, p, s)
	a.free(p)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		a.fail(p, err)
	default:
		if err := a.Add(ctx, cosigned); err != nil && ctx.Err() == nil {
			a.Report(fmt.Errorf("keep the cosignature of witness %s: %w", p.Name, err))
		}
	}
}

// try submits once, and once more from the size that the witness says it holds.
func (a *Asker) try(ctx context.Context, p *peer, s submission) ([]byte, error) {
	cosigned, err := a.send(ctx, p, s)
	if held := (*conflict)(nil); errors.As(err, &held) && held.size != s.growth.Old {
		a.mu.Lock()
		p.size = held.size
		a.mu.Unlock()
		if s, err = a.growth(ctx, p); err != nil {
			return nil, err
		}
		cosigned, err = a.send(ctx, p, s)
	}
	if held := (*conflict)(nil); errors.As(err, &held) && held.size == s.growth.Old {
		return nil, ErrForked // it refuses the root
	}
	return cosigned, err
}

type conflict struct{ size int64 }

func (c *conflict) Error() string { return fmt.Sprintf("it holds %d entries", c.size) }

// send submits a checkpoint, and gives it with the witness's cosignature alone.
func (a *Asker) send(ctx context.Context, p *peer, s submission) ([]byte, error) {
	resp, b, err := call(ctx, a.client, http.MethodPost, under(p.URL, "/add-checkpoint"), s.bytes())
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusConflict:
		n, err := parseSize(b)
		if err != nil || resp.Header.Get("Content-Type") != sizeType {
			return nil, said(resp, b)
		}
		return nil, &conflict{n}
	case resp.StatusCode == http.StatusUnprocessableEntity:
		return nil, fmt.Errorf("%w: %w", ErrForked, said(resp, b))
	case resp.StatusCode != http.StatusOK:
		return nil, said(resp, b)
	}
	own, err := only(append(slices.Clone(s.checkpoint), b...), a.Key, p.Key)
	if err != nil {
		return nil, fmt.Errorf("what it answered is no cosignature of the checkpoint: %w", err)
	}
	c, err := proof.Open(own, a.Origin, a.Key, p.Key)
	if err == nil {
		err = a.timely(c)
	}
	return own, err
}

// timely says whether a checkpoint carries one cosignature, made about now.
func (a *Asker) timely(c proof.Checkpoint) error {
	if len(c.Cosigned) != 1 {
		return fmt.Errorf("the checkpoint carries %d cosignatures of the witness, not one", len(c.Cosigned))
	}
	if off := a.Now().Sub(c.Cosigned[0].At); off.Abs() > skew {
		return fmt.Errorf("the cosignature is of %s, by a clock that is %s off", c.Cosigned[0].At.Format(time.RFC3339), off.Abs().Round(time.Second))
	}
	return nil
}

// ErrUnknown says that a note carries nothing by any of the witnesses.
var ErrUnknown = errors.New("this is no checkpoint of this log that one of its witnesses cosigned just now: its operator names them in lockbox.yaml")

// Add takes a checkpoint that one of the witnesses has cosigned, whoever brings it.
func (a *Asker) Add(ctx context.Context, cosigned []byte) error {
	a.init()
	for _, p := range a.peers {
		c, err := proof.Open(cosigned, a.Origin, a.Key, p.Key)
		if err != nil || a.timely(c) != nil {
			continue
		}
		own, err := only(cosigned, a.Key, p.Key)
		if err != nil {
			continue
		}
		newest, err := a.Log.Checkpoint(ctx)
		if err != nil {
			return err
		}
		end, err := proof.Peek(newest)
		if err != nil {
			return err
		}
		if c.N > end.N {
			err := fmt.Errorf("witness %s: %w (%d entries, here are %d)", p.Name, ErrAhead, c.N, end.N)
			a.fail(p, err)
			return err
		}
		if err := a.ours(ctx, c); err != nil {
			err = fmt.Errorf("witness %s: %w", p.Name, err)
			a.fail(p, err)
			return err
		}
		a.works(p, c)
		whole, err := a.join(p, c, own)
		if err != nil || whole == nil || a.Keep == nil {
			return err
		}
		return a.Keep(ctx, whole)
	}
	return ErrUnknown
}

// ours says that this log goes on from c. Its key may have signed another: that of before a restore.
func (a *Asker) ours(ctx context.Context, c proof.Checkpoint) error {
	g, b, err := a.Log.Growth(ctx, c.N)
	if err != nil {
		return err
	}
	now, err := proof.Open(b, a.Origin, a.Key)
	if err != nil {
		return err
	}
	if err := g.Holds(c, now); err != nil {
		return fmt.Errorf("%w: %w", ErrForked, err)
	}
	return nil
}

// join puts a cosignature to those that there are; nil where nothing is new.
func (a *Asker) join(p *peer, c proof.Checkpoint, own []byte) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	text := textOf(own)
	i := slices.IndexFunc(a.sets, func(s *set) bool { return s.text == text })
	if i < 0 {
		i = len(a.sets)
		for i > 0 && a.sets[i-1].size > c.N { // in the order of size
			i--
		}
		if i == 0 && len(a.sets) == mostSets {
			return nil, nil // older than what anybody waits for
		}
		a.sets = slices.Insert(a.sets, i, &set{text: text, size: c.N, note: own, by: map[string]bool{}})
	}
	s := a.sets[i]
	known := s.by[p.Key.Name()]
	whole, err := proof.Merge(s.note, own)
	if err != nil {
		return nil, err
	}
	s.note, s.by[p.Key.Name()] = whole, true
	a.sets = a.sets[max(0, len(a.sets)-mostSets):]
	close(a.changed)
	a.changed = make(chan struct{})
	if known {
		return nil, nil
	}
	return whole, nil
}

// works notes that a witness cosigned c.
func (a *Asker) works(p *peer, c proof.Checkpoint) {
	a.mu.Lock()
	p.size, p.seen = max(p.size, c.N), a.Now()
	p.failed, p.err, p.tries = time.Time{}, nil, 0
	back := p.told
	p.told = false
	a.mu.Unlock()
	if back && a.Tell != nil {
		a.Tell(Outage{Witness: p.Name, Back: true, Size: c.N})
	}
}

// fail notes that a witness did not cosign.
func (a *Asker) fail(p *peer, err error) {
	a.mu.Lock()
	now := time.Now()
	if p.failed.IsZero() {
		p.failed = p.tried
	}
	p.err = err
	p.tries++
	sure := errors.Is(err, ErrAhead) || errors.Is(err, ErrForked)
	tell := !p.told && (sure || now.Sub(p.failed) >= behind)
	p.told = p.told || tell
	o := Outage{Witness: p.Name, Size: p.size, Err: err}
	a.mu.Unlock()
	if tell && a.Tell != nil {
		a.Tell(o)
	}
}

func (a *Asker) free(p *peer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p.busy = false
}

// A Held is how far a witness is.
type Held struct {
	Witness string
	Size    int64     // entries that it holds, as far as is known
	Seen    time.Time // when it last cosigned; zero: not since the start
	Err     error     // why it does not, where it does not
}

// Status is how far each witness is, in the order of Peers.
func (a *Asker) Status() []Held {
	a.init()
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []Held
	for _, p := range a.peers {
		all = append(all, Held{p.Name, p.size, p.seen, p.err})
	}
	return all
}

// Latest asks each witness that can be asked how far it is, before Run. An Err
// of ErrAhead or ErrForked means that this log is not the one that they saw.
// It calls no Tell.
func (a *Asker) Latest(ctx context.Context) []Held {
	a.init()
	var wg sync.WaitGroup
	for _, p := range a.peers {
		if p.URL == "" {
			continue
		}
		wg.Go(func() {
			a.mu.Lock()
			p.tried = time.Now()
			a.mu.Unlock()
			s, err := a.growth(ctx, p)
			var cosigned []byte
			if err == nil {
				cosigned, err = a.try(ctx, p, s)
			}
			if err == nil {
				err = a.Add(ctx, cosigned)
			}
			a.mu.Lock()
			p.err = err
			a.mu.Unlock()
		})
	}
	wg.Wait()
	return a.Status()
}
