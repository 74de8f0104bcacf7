package witness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"lockbox/recorder/proof"
)

// A Source is the log that is to be cosigned.
type Source interface {
	// Growth proves that the newest checkpoint, which it gives, grew from the first old entries.
	Growth(ctx context.Context, old int64) (proof.Growth, []byte, error)
	// Checkpoint gives the newest.
	Checkpoint(ctx context.Context) ([]byte, error)
}

// A Peer is a witness that a log asks.
type Peer struct {
	Name string
	Key  note.Verifier
	URL  string // its submission prefix; "": it looks by itself, and brings what it cosigned
}

// An Asker has the checkpoints of a log cosigned. Its fields are set before the first use.
type Asker struct {
	Origin string
	Key    note.Verifier // of the log
	Log    Source
	Peers  []Peer
	Keep   func(ctx context.Context, cosigned []byte) error // each checkpoint with its cosignatures; nil: nobody keeps them
	Tell   func(Outage)                                     // once when a witness is behind, once when it is back; nil: nobody is told
	Report func(error)
	Now    func() time.Time

	// Silence is how long one that looks by itself may not do so before it is behind; 0: ten minutes.
	Silence time.Duration

	once    sync.Once
	client  *http.Client
	asking  sync.WaitGroup
	wake    chan struct{} // something may be to do
	mu      sync.Mutex    // guards the rest
	peers   []*peer
	sets    []*set        // the newest last
	changed chan struct{} // closed and replaced when sets or waiting change
	waiting int           // calls of Cosigned under way
	asked   time.Time     // when the last round began
	began   time.Time     // when Run did
}

// A peer is what an Asker knows of a witness.
type peer struct {
	Peer
	size   int64 // that it holds, as far as is known
	busy   bool
	seen   time.Time // when it last cosigned
	failed time.Time // since when it has not; zero while all is well
	err    error
	tried  time.Time
	tries  int  // that failed, one after another
	told   bool // that it is behind
}

// A set is one checkpoint and who cosigned it.
type set struct {
	text string
	size int64
	note []byte
	by   map[string]bool
}

// An Outage begins when a witness is behind, and is over when it is Back.
type Outage struct {
	Witness string
	Back    bool
	Size    int64 // that the witness holds
	Err     error // why it is behind
}

const (
	pause    = 250 * time.Millisecond // between two rounds for which nobody waits
	slowest  = 30 * time.Second       // between two tries
	behind   = 5 * time.Second        // without an answer is an outage
	mostSets = 64
	skew     = 5 * time.Minute // that a witness's clock may differ
)

func (a *Asker) init() {
	a.once.Do(func() {
		a.client, a.wake, a.changed = newClient(), make(chan struct{}, 1), make(chan struct{})
		for _, p := range a.Peers {
			a.peers = append(a.peers, &peer{Peer: p})
		}
	})
}

// Nudge says that the log may have grown.
func (a *Asker) Nudge() {
	a.init()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// Run asks whenever there is something to ask for, until ctx ends.
func (a *Asker) Run(ctx context.Context) error {
	a.init()
	defer a.client.CloseIdleConnections()
	defer a.asking.Wait()
	a.mu.Lock()
	a.began = time.Now()
	a.mu.Unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.wake:
		case <-timer.C:
		}
		wait, err := a.round(ctx)
		if err != nil && ctx.Err() == nil {
			a.Report(fmt.Errorf("ask the witnesses: %w", err))
		}
		timer.Reset(wait)
	}
}

// Cosigned returns a checkpoint of at least size entries once k of the
// witnesses have cosigned it. It needs Run.
func (a *Asker) Cosigned(ctx context.Context, size int64, k int) ([]byte, error) {
	a.init()
	a.mu.Lock()
	a.waiting++
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		a.waiting--
		a.mu.Unlock()
	}()
	if k > len(a.Peers) {
		return nil, fmt.Errorf("%d witnesses are wanted, and %d are configured", k, len(a.Peers))
	}
	a.Nudge()
	for {
		a.mu.Lock()
		for i := len(a.sets) - 1; i >= 0; i-- {
			if s := a.sets[i]; s.size >= size && len(s.by) >= k {
				a.mu.Unlock()
				return s.note, nil
			}
		}
		changed := a.changed
		a.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), a.missing())
		}
	}
}

// missing says of which witnesses there is no answer, and why.
func (a *Asker) missing() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all error
	for _, p := range a.peers {
		switch {
		case p.err != nil:
			all = errors.Join(all, fmt.Errorf("witness %s: %w", p.Name, p.err))
		case p.URL == "":
			all = errors.Join(all, fmt.Errorf("witness %s has not looked", p.Name))
		case p.busy:
			all = errors.Join(all, fmt.Errorf("witness %s has not answered", p.Name))
		}
	}
	return all
}

// round asks every witness that is not asked already, not up to date and not to
// be left alone for a while; all for the same checkpoint, as far as can be. It
// gives how long nothing has to be done, unless something is told.
func (a *Asker) round(ctx context.Context) (time.Duration, error) {
	newest, err := a.Log.Checkpoint(ctx)
	if err != nil {
		return time.Second, err
	}
	if len(newest) == 0 {
		return slowest, nil
	}
	for _, p := range a.silent(textOf(newest)) {
		a.fail(p, errSilent)
	}
	due, wait := a.due(newest)
	if len(due) == 0 {
		return wait, nil
	}
	asks, err := a.prepare(ctx, due)
	for _, p := range due {
		s, ok := asks[p]
		if !ok {
			a.free(p)
			continue
		}
		a.asking.Go(func() { a.ask(ctx, p, s) })
	}
	if err != nil {
		return time.Second, err
	}
	return pause, nil
}

// due takes the witnesses that are to be asked now. What failed is tried again
// later and later, but soon while somebody waits.
func (a *Asker) due(newest []byte) (due []*peer, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, text := time.Now(), textOf(newest)
	if rest := pause - now.Sub(a.asked); a.waiting == 0 && rest > 0 {
		return nil, rest
	}
	wait = slowest
	for _, p := range a.peers {
		if p.URL == "" || p.busy || a.has(text, p.Key.Name()) {
			continue
		}
		alone := min(time.Second<<min(p.tries, 8)/2, slowest)
		if a.waiting > 0 {
			alone = pause
		}
		if rest := p.tried.Add(alone).Sub(now); p.tries > 0 && rest > 0 {
			wait = min(wait, rest)
			continue
		}
		p.busy, p.tried = true, now
		due = append(due, p)
	}
	if len(due) > 0 {
		a.asked = now
	}
	return due, wait
}

var errSilent = errors.New("it has not looked for a long time")

// silent are the witnesses that look by themselves and have not for long, and of whom nobody was told.
func (a *Asker) silent(text string) (all []*peer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.peers {
		if p.URL == "" && !p.told && !a.has(text, p.Key.Name()) && time.Since(a.began) > a.silence() && a.Now().Sub(p.seen) > a.silence() {
			all = append(all, p)
		}
	}
	return all
}

func (a *Asker) silence() time.Duration {
	if a.Silence > 0 {
		return a.Silence
	}
	return 10 * time.Minute
}

func (a *Asker) has(text, name string) bool {
	return slices.ContainsFunc(a.sets, func(s *set) bool { return s.text == text && s.by[name] })
}

// prepare proves to each of the witnesses how the log grew from what it holds.
// The log may grow meanwhile: then it begins anew, a few times.
func (a *Asker) prepare(ctx context.Context, due []*peer) (map[*peer]submission, error) {
	for tries := 1; ; tries++ {
		asks, texts := map[*peer]submission{}, map[string]bool{}
		for _, p := range due {
			s, err := a.growth(ctx, p)
			switch {
			case errors.Is(err, ErrAhead):
				if tries == 1 {
					a.fail(p, err)
				}
				continue
			case err != nil:
				return nil, err
			}
			asks[p] = s
			texts[textOf(s.checkpoint)] = true
		}
		if len(texts) < 2 || tries == 3 {
			return asks, nil
		}
	}
}

// ErrAhead says that a witness holds more of the log than there is: the log was set back.
var ErrAhead = errors.New("the witness holds a later checkpoint than this log has: the ledger is an old copy")

// ErrForked says that what a witness holds does not lead to this log.
var ErrForked = errors.New("the witness holds another history than this log")

func (a *Asker) growth(ctx context.Context, p *peer) (submission, error) {
	a.mu.Lock()
	size := p.size
	a.mu.Unlock()
	newest, err := a.Log.Checkpoint(ctx)
	if err != nil {
		return submission{}, err
	}
	c, err := proof.Peek(newest)
	if err != nil {
		return submission{}, err
	}
	if size > c.N {
		return submission{}, fmt.Errorf("%w (%d entries, here are %d)", ErrAhead, size, c.N)
	}
	g, b, err := a.Log.Growth(ctx, size)
	if err != nil {
		return submission{}, err
	}
	own, err := only(b, a.Key) // without what others added to it
	return submission{g, own}, err
}
