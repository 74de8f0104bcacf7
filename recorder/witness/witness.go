package witness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"lockbox/recorder/proof"
)

// A Log is one that a witness cosigns.
type Log struct {
	Origin string
	Key    note.Verifier
	From   string // URL of the gateway, to look there by itself; "": it waits to be asked
}

// Options are what a Witness works with.
type Options struct {
	Key   string // private, as proof.NewWitnessKey makes it
	Own   note.Verifier
	State string // folder
	Logs  []Log
	Now   func() time.Time
	Alarm func(Alarm) // hears of each once; must not wait
}

// A Witness cosigns what grows out of what it cosigned before, and nothing
// else. It has written that down before anybody hears of it.
type Witness struct {
	o      Options
	shelf  *shelf
	client *http.Client
	held   map[string]*held // by origin; the map does not change
}

// A held is what a witness cosigned last of one log.
type held struct {
	Log
	mu     sync.Mutex // guards the rest; held while a checkpoint is looked at and written down
	last   proof.Checkpoint
	broken error // what was written down may not be what is known here
}

// Begin makes the state of a witness that has cosigned nothing of these logs. What stands there stays.
func Begin(dir string, logs []Log) error {
	s, err := openShelf(dir)
	if err != nil {
		return err
	}
	for _, l := range logs {
		err = errors.Join(err, s.begin(l.Origin))
	}
	return errors.Join(err, s.close())
}

// New takes over the state, which must be there, whole, and nobody else's.
func New(o Options) (*Witness, error) {
	w := &Witness{o: o, client: newClient(), held: map[string]*held{}}
	if _, err := proof.NewCosigner(o.Key, o.Now); err != nil {
		return nil, err
	}
	var err error
	if w.shelf, err = openShelf(o.State); err != nil {
		return nil, err
	}
	for _, l := range o.Logs {
		h := &held{Log: l}
		if w.held[l.Origin] != nil {
			err = errors.Join(err, fmt.Errorf("the log %s stands twice", l.Origin))
		}
		var e error
		h.last, e = w.shelf.load(l.Origin, l.Key, o.Own)
		err = errors.Join(err, e)
		w.held[l.Origin] = h
	}
	if err != nil {
		return nil, errors.Join(err, w.shelf.close())
	}
	return w, nil
}

// Close gives the state back.
func (w *Witness) Close() error {
	w.client.CloseIdleConnections()
	for _, h := range w.held { // nobody writes any more
		h.mu.Lock()
		h.broken = errors.New("the witness is closed")
		h.mu.Unlock()
	}
	return w.shelf.close()
}

// A Refusal is why a checkpoint is not cosigned, as add-checkpoint answers it.
type Refusal struct {
	Status int // of HTTP
	Why    string
	Size   int64 // that the witness holds, of a 409
	Alarm  *Alarm
}

func (r *Refusal) Error() string { return r.Why }

func refuse(status int, format string, args ...any) *Refusal {
	return &Refusal{Status: status, Why: fmt.Sprintf(format, args...)}
}

// add looks at a submission, and cosigns it or says why not with a *Refusal.
// The lines of the cosignature are given once they are written down.
func (w *Witness) add(s submission) ([]byte, error) {
	said, err := proof.Peek(s.checkpoint)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "%v", err)
	}
	h := w.held[said.Origin]
	if h == nil {
		return nil, refuse(http.StatusNotFound, "this witness does not know the log")
	}
	c, err := proof.Open(s.checkpoint, h.Origin, h.Key)
	if err != nil {
		return nil, refuse(http.StatusForbidden, "%v", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.broken != nil {
		return nil, h.broken
	}
	if no := w.judge(h, s, c); no != nil {
		return nil, no
	}
	return w.cosign(h, c)
}

// judge says why a signed checkpoint is not cosigned; nil: it grows out of what is held.
func (w *Witness) judge(h *held, s submission, c proof.Checkpoint) *Refusal {
	conflict := &Refusal{Status: http.StatusConflict, Size: h.last.N}
	switch {
	case s.growth.Old > c.N:
		return refuse(http.StatusBadRequest, "the checkpoint is of %d entries, fewer than the old %d", c.N, s.growth.Old)
	case c.N < h.last.N:
		conflict.Why, conflict.Alarm = "the log went back", w.alarm(Rewound, h, c)
		return conflict
	case c.N == h.last.N && c.Hash != h.last.Hash:
		conflict.Why, conflict.Alarm = fmt.Sprintf("there are two logs with %d entries", c.N), w.alarm(Forked, h, c)
		return conflict
	case s.growth.Old != h.last.N:
		conflict.Why = "the proof begins elsewhere"
		return conflict
	}
	if err := s.growth.Holds(h.last, c); err != nil {
		no := refuse(http.StatusUnprocessableEntity, "%v", err)
		if c.N > h.last.N && h.last.N > 0 {
			no.Alarm = w.alarm(Unproven, h, c)
		}
		return no
	}
	return nil
}

// cosign signs c and writes it down. h.mu is held.
func (w *Witness) cosign(h *held, c proof.Checkpoint) ([]byte, error) {
	by, err := proof.NewCosigner(w.o.Key, func() time.Time { // time does not go back with a growing log
		now := w.o.Now()
		if len(h.last.Cosigned) > 0 && now.Before(h.last.Cosigned[0].At) {
			return h.last.Cosigned[0].At
		}
		return now
	})
	if err != nil {
		return nil, err
	}
	own, err := only(c.Note, h.Key) // without what others added to it
	if err != nil {
		return nil, err
	}
	signed, err := note.Sign(&note.Note{Text: textOf(own)}, by)
	if err != nil {
		return nil, fmt.Errorf("cosign: %w", err)
	}
	whole, err := proof.Merge(own, signed)
	if err != nil {
		return nil, fmt.Errorf("cosign: %w", err)
	}
	next, err := proof.Open(whole, h.Origin, h.Key, w.o.Own)
	if err == nil && len(next.Cosigned) != 1 {
		err = errors.New("it is not signed")
	}
	if err != nil {
		return nil, fmt.Errorf("cosign: the new note does not hold: %w", err)
	}
	if err := w.shelf.save(h.Origin, whole); err != nil {
		h.broken = fmt.Errorf("write down what is cosigned: %w", err) // what the disk holds now is not known
		return nil, h.broken
	}
	h.last = next
	return tail(signed), nil
}

// Held gives the last checkpoint that was cosigned of each log, by origin.
func (w *Witness) Held() map[string]proof.Checkpoint {
	all := map[string]proof.Checkpoint{}
	for origin, h := range w.held {
		h.mu.Lock()
		all[origin] = h.last
		h.mu.Unlock()
	}
	return all
}

// Watch looks at each log that has a gateway, at once and then every so often,
// until ctx ends; report hears what went wrong.
func (w *Witness) Watch(ctx context.Context, every time.Duration, report func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := w.Look(ctx); err != nil && ctx.Err() == nil {
			report(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
