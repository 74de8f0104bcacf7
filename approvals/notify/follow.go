package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"lockbox/recorder/ledger"
)

// A Follower reads the log as it grows, and has every notice carried to whom it
// is for. Its fields are set once, before Run; it is not copied.
type Follower struct {
	Ledger   *ledger.Ledger
	Planner  *Planner
	Outbox   *Outbox
	Report   func(error)   // what goes wrong and was not told to anybody
	Give     time.Duration // a notice that could not be delivered for so long is given up; 0: 24 h
	Patience time.Duration // for one try; 0: a minute

	mu       sync.Mutex // guards what follows
	carriers map[string]*carrier
	counts   map[string]Counts
	read     mark
	dying    chan struct{}
	doubt    chan struct{}        // whether enough people are reached
	tested   map[string]time.Time // who was sent a test within testEach
}

// Counts are what became of the notices of one channel since the start.
type Counts struct {
	Sent, Failed, Dropped, Dead int64
	Waiting                     int
	Oldest                      time.Time // when the one that waits longest was planned; zero: none waits
}

const (
	page        = 256            // events that are planned at a time
	giveUp      = 24 * time.Hour // a notice that could not be delivered
	patience    = time.Minute    // with one try
	hands       = 8              // tries at a time, of one channel
	planTries   = 3              // of one event
	mostWaiting = 100_000        // of one channel: what comes then is given up at once
)

// Run follows until ctx ends, and waits for all tries under way. It begins where
// it stopped; the first time, and after a log that is not the one that was
// followed, at the log's end.
func (f *Follower) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	at, err := f.begin(ctx)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	for _, c := range f.carriers {
		wg.Go(func() { c.run(ctx) })
	}
	wg.Go(func() { f.mourn(ctx) })
	err = f.follow(ctx, at)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// begin finds where to go on, and hands what waits to the carriers.
func (f *Follower) begin(ctx context.Context) (mark, error) {
	at, known, err := f.Outbox.mark()
	if err != nil {
		return at, err
	}
	same := known
	if known && at.Seq >= 0 {
		page, err := f.Ledger.After(ctx, at.Seq-1, 1)
		if err != nil {
			return at, err
		}
		same = len(page) == 1 && page[0].At.Equal(at.At)
	}
	if !same {
		if at, err = f.end(ctx); err != nil {
			return at, err
		}
		n, err := f.Outbox.begin(at)
		if err != nil {
			return at, err
		}
		if known {
			f.Report(fmt.Errorf("the log is not the one of which people were told: it was restored; %d notices about the other one are dropped, and people are told from event %d on", n, at.Seq+1))
		}
	}
	waiting, err := f.Outbox.waiting()
	if err != nil {
		return at, err
	}
	f.mu.Lock()
	f.carriers, f.counts, f.read, f.dying = map[string]*carrier{}, map[string]Counts{}, at, make(chan struct{}, 1)
	if f.doubt == nil {
		f.doubt = make(chan struct{}, 1)
	}
	for _, c := range f.Planner.Channels {
		f.carriers[c.Name()] = newCarrier(f, c)
	}
	f.mu.Unlock()
	f.hand(waiting)
	return at, nil
}

// end is the mark of the log's last event.
func (f *Follower) end(ctx context.Context) (mark, error) {
	last := f.Ledger.Last()
	if last < 0 {
		return mark{Seq: -1}, nil
	}
	page, err := f.Ledger.After(ctx, last-1, 1)
	if err != nil || len(page) == 0 {
		return mark{}, errors.Join(errors.New("read the end of the log"), err)
	}
	return mark{last, page[0].At}, nil
}

// follow plans what comes, page by page.
func (f *Follower) follow(ctx context.Context, at mark) error {
	for {
		events, err := f.Ledger.After(ctx, at.Seq, page)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			for _, err := range f.Ledger.Watch(ctx, at.Seq) {
				if err != nil {
					return err
				}
				break
			}
			continue
		}
		if at, err = f.take(ctx, events); err != nil {
			return err
		}
	}
}

// take plans the notices of some events and keeps them.
func (f *Follower) take(ctx context.Context, events []ledger.Event) (mark, error) {
	last := events[len(events)-1]
	at := mark{last.Seq, last.At}
	var notices []Notice
	var over []string
	for _, e := range events {
		some, err := f.plan(ctx, e)
		if err != nil {
			return at, err
		}
		notices = append(notices, some...)
		over = append(over, ended(e)...)
	}
	added, err := f.Outbox.advance(at, notices, over, time.Now())
	if err != nil {
		return at, err
	}
	f.mu.Lock()
	f.read = at
	f.mu.Unlock()
	f.hand(added)
	return at, nil
}

// ended are the requests about which nobody is asked any more.
func ended(e ledger.Event) []string {
	over := []string{"grant.ended", "grant.revoked", "request.rejected", "request.expired", "request.withdrawn", "request.void"}
	if slices.Contains(over, e.Kind) && len(e.Subjects) > 0 {
		return e.Subjects[:1]
	}
	return nil
}

// unplanned is the kind of the alarm that nobody was told of an event.
const unplanned = "notice.unplanned"

// plan tries a few times. An event that cannot be planned holds up none that come
// after it: it is an alarm, which is written down before it is passed over.
func (f *Follower) plan(ctx context.Context, e ledger.Event) (all []Notice, err error) {
	for range planTries {
		err = f.Ledger.View(ctx, func(tx *ledger.Tx) error {
			return guarded(func() error {
				if all, err = f.Planner.Plan(tx, e); err != nil || !regroups(e.Kind) {
					return err
				}
				asked, err := f.Outbox.asked()
				if err != nil {
					return err
				}
				some, err := f.Planner.released(tx, e, asked)
				all = append(all, some...)
				return err
			})
		})
		if err == nil || ctx.Err() != nil || errors.Is(err, ledger.ErrClosed) {
			return all, err
		}
		if err := pause(ctx, time.Second); err != nil {
			return nil, err
		}
	}
	f.Report(fmt.Errorf("nobody is told: %w", err))
	if e.Kind == unplanned {
		return nil, nil // as it was with the first
	}
	return nil, f.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{Kind: unplanned, Actor: "lockbox", Detail: map[string]string{"event": fmt.Sprint(e.Seq), "kind": e.Kind}})
		return err
	})
}

// guarded makes an error of a panic.
func guarded(fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return fn()
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// hand gives entries to the carriers of their channels. What is for a channel that
// is not configured any more is dropped.
func (f *Follower) hand(all []*entry) {
	f.mu.Lock()
	carriers := f.carriers
	f.mu.Unlock()
	if carriers == nil {
		return // Run finds them in the box
	}
	for _, e := range all {
		c := carriers[e.Channel]
		if c == nil {
			f.finish(e, false)
			continue
		}
		if c.count() >= mostWaiting && e.Topic != Glass && e.Topic != Alarm {
			c.giveUp(e, errFull)
			continue
		}
		c.take(e)
	}
}

var errFull = errors.New("too many wait before it")

func (f *Follower) running() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.carriers != nil
}

// finish takes an entry out of the box.
func (f *Follower) finish(e *entry, said bool) {
	if err := f.Outbox.done(e, said); err != nil {
		f.Report(err) // it is sent again after a restart
	}
}

func (f *Follower) count(channel string, fn func(*Counts)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.counts[channel]
	fn(&c)
	f.counts[channel] = c
}

// Counts tells what became of the notices of each channel, and how many events
// of the log were not planned yet.
func (f *Follower) Counts() (by map[string]Counts, behind int64) {
	f.mu.Lock()
	by = make(map[string]Counts, len(f.carriers))
	for name := range f.carriers {
		by[name] = f.counts[name]
	}
	read, carriers := f.read, f.carriers
	f.mu.Unlock()
	for name, c := range carriers {
		n := by[name]
		n.Waiting, n.Oldest = c.waiting()
		by[name] = n
	}
	return by, f.Ledger.Last() - read.Seq
}
