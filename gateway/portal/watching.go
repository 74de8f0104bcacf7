package portal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
)

const (
	watchLines = 256                    // waiting to be sent to one watcher; who is slower gets the screen anew
	watchEach  = 500 * time.Millisecond // how often is asked who watches, and what goes on
)

var (
	errOver = &problem{409, "Not any more", "The session has ended. Load the page again to replay it."}
	errAway = errors.New("who watched has gone")
)

// watchFacts is what the page of an open session says besides its recording.
type watchFacts struct {
	Watchers []string
	Held     string // why it stands still; "" while it goes on
	Must     bool   // nothing passes while nobody of those who decided watches
	Freeze   bool   // the reader may freeze it, and let it go on
	End      bool   // … and end it
}

// A watchLine is one line of what a watcher's script gets: one of the fields.
type watchLine struct {
	Track *watchTrack `json:"track,omitempty"` // what follows is of this one
	Key   *key        `json:"key,omitempty"`   // what the terminal shows
	Event *partLine   `json:"event,omitempty"`
	State *watchState `json:"state,omitempty"`
	Word  string      `json:"word,omitempty"` // to be sent back, see beat
	End   *watchEnd   `json:"end,omitempty"`
}

type watchTrack struct {
	Name    string `json:"name"`
	Command string `json:"command"`
	Key     *key   `json:"key"`
}

type watchState struct {
	Watchers []string `json:"watchers"`
	Tracks   []string `json:"tracks"`
	Held     string   `json:"held"`
}

type watchEnd struct {
	Why  string `json:"why"`
	Time bool   `json:"time"` // only the time of this stream was up
	Gone bool   `json:"gone"` // no word came back any more
}

// watchOf says how an open session stands.
func (p *Portal) watchOf(x *exchange, s sight) watchFacts {
	f := watchFacts{Watchers: p.watchers(s.ID), Held: x.held(s.ID), Freeze: p.may(s, policy.Freeze), End: p.may(s, policy.Revoke)}
	f.Must = s.view.Grant != nil && s.view.Grant.Watched
	return f
}

func (p *Portal) watchers(session string) (names []string) {
	for _, who := range p.Gateway.Watchers(session) {
		names = append(names, p.Gateway.Named(who))
	}
	slices.Sort(names)
	return names
}

// watch follows an open session: lines of JSON, as they become known. It is a
// POST, for it is written down, and who works there is told. It ends when the
// session does, when the reader may no longer watch it, signs out, is gone, or after 15 minutes.
func (p *Portal) watch(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	s, err := p.looked(x)
	if err != nil {
		return err
	}
	wanted := x.value("track")
	switch {
	case !s.Ended.IsZero():
		return errOver
	case wanted != "" && !validTrack(wanted):
		return errNoPage
	case !p.streams.enter(x.who.ID):
		return errSlow
	}
	defer p.streams.leave(x.who.ID)
	purpose := x.purpose(s.ID)
	own, cancel := context.WithTimeout(x.r.Context(), min(streamLife, x.who.Until.Sub(p.now())))
	defer cancel()
	own, gone := context.WithCancelCause(own)
	defer gone(nil)
	w, ctx, err := p.Gateway.Watch(own, x.who.Principal, s.ID, purpose)
	if end := (*gateway.Ending)(nil); errors.As(err, &end) || errors.Is(err, recorder.ErrNotLive) {
		return errOver
	}
	if err != nil {
		return err
	}
	p.looks.add(x.lookKey(s.ID), purpose, p.now())
	p.Gateway.Reads(x.who.Principal, s.ID, lookLife)
	x.stream("application/x-ndjson")
	lines, words := make(chan watchLine, watchLines), make(chan string, 1)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel() // before waiting
	wg.Go(func() { p.untilSignedOut(ctx, x, cancel) })
	wg.Go(func() { tail(ctx, w, wanted, lines) })
	wg.Go(func() { p.feel(ctx, x.lookKey(s.ID), words, func() { gone(errAway) }) })
	p.send(ctx, own, x, w, lines, words)
	return nil
}

// tail gives what happens on one track after the other, until ctx ends.
func tail(ctx context.Context, w *gateway.Watcher, wanted string, lines chan<- watchLine) {
	give := func(l watchLine) bool {
		select {
		case lines <- l:
			return true
		case <-ctx.Done():
			return false
		}
	}
	over := map[string]bool{}
	for ctx.Err() == nil {
		changed := w.Changed()
		t, found := choose(w.Tracks(), wanted, over)
		if !found {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		wanted, over[t.Name] = "", true
		if !follow(ctx, w, t, give) {
			return
		}
	}
}

// choose is the track to follow next: the one that is wanted, else a terminal, else the newest.
func choose(tracks []recorder.TrackInfo, wanted string, over map[string]bool) (recorder.TrackInfo, bool) {
	left := slices.DeleteFunc(slices.Clone(tracks), func(t recorder.TrackInfo) bool { return over[t.Name] || t.Err != nil })
	for _, is := range []func(recorder.TrackInfo) bool{
		func(t recorder.TrackInfo) bool { return t.Name == wanted },
		func(t recorder.TrackInfo) bool { return t.Header.Kind == "pty" },
	} {
		if i := slices.IndexFunc(left, is); i >= 0 {
			return left[i], true
		}
	}
	if len(left) == 0 {
		return recorder.TrackInfo{}, false
	}
	return left[len(left)-1], true
}

// follow gives what happens on a track; false when nobody takes it any more.
func follow(ctx context.Context, w *gateway.Watcher, t recorder.TrackInfo, give func(watchLine) bool) bool {
	show := newShowing(t)
	if !give(watchLine{Track: &watchTrack{t.Name, visible(t.Header.Command), show.size()}}) {
		return false
	}
	for ev, err := range w.Follow(ctx, t.Name) {
		if err != nil {
			return ctx.Err() == nil // another track may go on
		}
		code, data, ok := show.event(ev)
		if !ok {
			continue
		}
		line := watchLine{Event: &partLine{ev.At.Seconds(), code, data}}
		if code == recorder.CodeKey {
			line = watchLine{Key: show.key}
		}
		if !give(line) {
			return false
		}
	}
	return true
}

// send writes what comes, who watches, and at the end why it is over.
func (p *Portal) send(ctx, own context.Context, x *exchange, w *gateway.Watcher, lines <-chan watchLine, words <-chan string) {
	each := time.NewTicker(watchEach)
	defer each.Stop()
	out := patient(x.w)
	out.within = goneAfter
	said := ""
	for {
		var buf bytes.Buffer
		select {
		case l := <-lines:
			put(&buf, l)
			for len(lines) > 0 && buf.Len() < partBytes {
				put(&buf, <-lines)
			}
		case <-each.C:
			said = p.state(&buf, x, w, said)
		case word := <-words:
			put(&buf, watchLine{Word: word})
		case <-p.quit:
			return
		case <-ctx.Done():
			put(&buf, watchLine{End: x.ended(ctx, own)})
			_, _ = out.Write(buf.Bytes()) // who does not read it has gone
			return
		}
		if buf.Len() == 0 {
			continue
		}
		if _, err := out.Write(buf.Bytes()); err != nil {
			return // the reader has gone
		}
	}
}

func put(buf *bytes.Buffer, l watchLine) {
	_ = json.NewEncoder(buf).Encode(l) // of strings and numbers into memory: it never fails
}

// state writes how the session stands, where that is not what was said before.
func (p *Portal) state(buf *bytes.Buffer, x *exchange, w *gateway.Watcher, before string) string {
	s := &watchState{Watchers: p.watchers(w.Session.ID), Tracks: []string{}, Held: x.held(w.Session.ID)}
	for _, t := range w.Tracks() {
		s.Tracks = append(s.Tracks, t.Name)
	}
	var b bytes.Buffer
	put(&b, watchLine{State: s})
	if b.String() != before {
		_, _ = b.WriteTo(buf) // memory
		return b.String()
	}
	return before
}

// ended says why a stream is over.
func (x *exchange) ended(ctx, own context.Context) *watchEnd {
	end := (*gateway.Ending)(nil)
	switch {
	case errors.As(context.Cause(ctx), &end):
		return &watchEnd{Why: x.say.refused(end.Why)}
	case errors.Is(context.Cause(own), errAway):
		return &watchEnd{Gone: true}
	case errors.Is(own.Err(), context.DeadlineExceeded):
		return &watchEnd{Time: true}
	}
	return &watchEnd{}
}

// act freezes an open session, lets it go on, or ends it. The gateway decides who
// may: one of several customers may freeze what it may not watch.
func (p *Portal) act(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	ctx, who, id := x.r.Context(), x.who.Principal, x.r.PathValue("id")
	s, hidden := p.find(ctx, who, id)
	if hidden != nil && (!unknown(hidden) || !gateway.ValidSession(id)) {
		return hidden
	}
	field, err := p.ordered(x, id)
	switch {
	case hidden == nil:
		return p.done(x, s, field, err, "")
	case err != nil:
		return err
	}
	err = p.view(ctx, func(tx *ledger.Tx) error {
		_, err := tx.Get("session/"+id, &s)
		return err
	})
	if err != nil {
		return err
	}
	return x.see("/r/" + s.Request)
}

// ordered does it, and says which field a refusal is about.
func (p *Portal) ordered(x *exchange, id string) (field string, err error) {
	ctx, who, why := x.r.Context(), x.who.Principal, x.line("why")
	switch x.value("do") {
	case "freeze":
		return "freeze-why", p.Gateway.Freeze(ctx, who, id, why)
	case "thaw":
		return "", p.Gateway.Thaw(ctx, who, id)
	case "end":
		return "end-why", p.Gateway.EndSession(ctx, who, id, why)
	}
	return "", errBody
}

// done shows the page again: as it stands now, or with what was refused.
func (p *Portal) done(x *exchange, s sight, field string, err error, anchor string) error {
	if err == nil {
		return x.see(x.here(s.ID) + anchor)
	}
	in, refused := x.mendRefusal(field, err)
	if !refused {
		return err
	}
	return p.showSession(x, s, func(page *sessionPage) { page.In = in })
}

// held says why an open session stands still; "" while it goes on.
func (x *exchange) held(session string) string {
	var said []string
	for _, h := range x.p.Gateway.Halted(x.who.Principal, session) {
		switch {
		case h.Watch && h.Until.IsZero():
			said = append(said, x.say.text("Nothing passes until one of those who decide watches."))
		case h.Watch:
			said = append(said, x.say.text("None of those who decide watches any more: nothing passes, and the session ends if nobody is back in time."))
		case h.Sick:
			said = append(said, x.say.text("The recorder cannot write: nothing passes until it can."))
		case h.Why == "":
			said = append(said, x.say.text("{who} froze this session.", "who", h.By))
		default:
			said = append(said, x.say.text("{who} froze this session: {why}", "who", h.By, "why", h.Why))
		}
	}
	return strings.Join(said, " ")
}
