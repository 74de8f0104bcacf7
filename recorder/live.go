package recorder

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// followMost is how many bytes a follower may be behind before it misses some.
const followMost = 1 << 20

// ErrNotLive: no such session is being recorded here.
var ErrNotLive = errors.New("that session is not being recorded now")

// A Live shows a recording while it is made: what is on disk, not what is not.
type Live struct{ rec *Recording }

// Live gives a recording of this process that goes on.
func (s *Shelf) Live(session string) (*Live, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.live[session]
	if r == nil {
		return nil, ErrNotLive
	}
	return &Live{r}, nil
}

// Tracks lists the tracks that go on now.
func (l *Live) Tracks() (infos []TrackInfo) {
	l.rec.mu.Lock()
	defer l.rec.mu.Unlock()
	for _, t := range l.rec.tracks {
		infos = append(infos, TrackInfo{Name: t.name, Header: t.head.Redacted(), Began: t.began})
	}
	return infos
}

// Changed is closed when a track begins or ends. It is to be had before Tracks.
func (l *Live) Changed() <-chan struct{} {
	l.rec.mu.Lock()
	defer l.rec.mu.Unlock()
	return l.rec.changed
}

// Follow gives what is recorded on a track from now on: first a CodeKey with
// the screen as it is, where it is a terminal's, then events as they become
// durable. Who reads too slowly to keep up gets another CodeKey instead of what
// they missed. It ends without an error when the track does. The data are
// shared by all who follow: they must not be changed.
func (l *Live) Follow(ctx context.Context, track string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		t := l.track(track)
		if t == nil {
			yield(Event{}, ErrNotLive)
			return
		}
		if err := l.follow(ctx, t, func(ev Event) bool { return yield(ev, nil) }); err != nil {
			yield(Event{}, err)
		}
	}
}

func (l *Live) track(name string) *Track {
	l.rec.mu.Lock()
	defer l.rec.mu.Unlock()
	for _, t := range l.rec.tracks {
		if t.name == name {
			return t
		}
	}
	return nil
}

// A place is where a follower begins.
type place struct {
	key  Event // with no Data where there is nothing to show
	next int64
}

// join has the writer say what is shown, between what came before and what comes.
func (l *Live) join(t *Track) (place, error) {
	p := make(chan place, 1) // the writer may come to it after this has gone
	err := l.rec.ask(func(w *scribe) error {
		ev := Event{At: time.Duration(t.tape.last) * time.Millisecond, Code: CodeKey}
		if !t.tape.over {
			ev.Data = t.tape.show.dump()
		}
		p <- place{ev, t.tape.show.enter()}
		return nil
	})
	if err != nil {
		return place{}, err
	}
	return <-p, nil
}

// follow gives events until more is false, or the track or ctx ends.
func (l *Live) follow(ctx context.Context, t *Track, more func(Event) bool) error {
	f := &t.tape.show.feed
	f.open.Add(1)
	defer f.leave()
	for {
		p, err := l.join(t)
		if errors.Is(err, ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if p.key.Data != nil && !more(p.key) {
			return nil
		}
		if missed, err := f.walk(ctx, p.next, more); !missed || err != nil {
			return err
		}
	}
}

// A feed hands what is durable of a track to those who follow it. It keeps
// followMost bytes for all of them together: the writer waits for nobody.
type feed struct {
	open atomic.Int32 // followers
	held []Event      // not durable yet; the writer's

	mu    sync.Mutex // guards what follows
	ring  []Event    // the newest; an element is never changed
	first int64      // number of the oldest of them
	size  int        // bytes of them
	more  chan struct{}
	end   error // there is no more: ErrClosed when the track ended, else why; set by the writer
}

// hold takes an event that will be durable.
func (f *feed) hold(at int64, code string, data []byte) {
	if f.open.Load() > 0 {
		f.held = append(f.held, Event{time.Duration(at) * time.Millisecond, code, slices.Clone(data)})
	}
}

// enter is the number of the next event, for who begins to follow.
func (f *feed) enter() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.first + int64(len(f.ring)+len(f.held))
}

// publish gives out what was held and is durable now; and the end.
func (f *feed) publish(end error) {
	if f.end != nil || len(f.held) == 0 && end == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if end != nil && !errors.Is(end, ErrClosed) { // who knows what is durable
		f.held = nil
	}
	for _, ev := range f.held {
		f.ring = append(f.ring, ev)
		f.size += ev.size()
	}
	for f.size > followMost || f.open.Load() == 0 && len(f.ring) > 0 {
		f.size -= f.ring[0].size()
		f.ring, f.first = f.ring[1:], f.first+1
	}
	f.held = f.held[:0:0]
	f.end = end
	close(f.more)
	f.more = make(chan struct{})
}

func (ev Event) size() int { return len(ev.Data) + 64 }

// walk gives the events from number n on; missed says that they are gone.
func (f *feed) walk(ctx context.Context, n int64, more func(Event) bool) (missed bool, err error) {
	for {
		evs, wait, missed, end := f.after(n)
		if missed {
			return true, nil
		}
		for _, ev := range evs {
			if ctx.Err() != nil {
				return false, context.Cause(ctx)
			}
			if !more(ev) {
				return false, nil
			}
		}
		n += int64(len(evs))
		switch {
		case len(evs) > 0:
			continue
		case errors.Is(end, ErrClosed):
			return false, nil
		case end != nil:
			return false, end
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// after gives the events from number n on, or that they are gone.
func (f *feed) after(n int64) (evs []Event, wait <-chan struct{}, missed bool, end error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch last := f.first + int64(len(f.ring)); {
	case n < f.first:
		return nil, f.more, f.end == nil, f.end
	case n < last:
		return f.ring[n-f.first:], f.more, false, nil
	}
	return nil, f.more, false, f.end
}

// leave lets go of what is kept when nobody is left.
func (f *feed) leave() {
	if f.open.Add(-1) > 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open.Load() == 0 {
		f.first += int64(len(f.ring))
		f.ring, f.size = nil, 0
	}
}
