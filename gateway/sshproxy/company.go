package sshproxy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lockbox/gateway"
	"lockbox/gateway/sshproxy/speech"
)

// An audience is who watches a stay, as its person knows it: by name, when they
// left, and zero while they are there.
type audience map[string]time.Time

// soonBack is how long somebody may be away without being told of again: a page is loaded anew.
const soonBack = 10 * time.Second

// fresh notes who watches now, and gives those to tell of.
func (a audience) fresh(now []string, at time.Time) (names []string) {
	for name, left := range a {
		if left.IsZero() && !slices.Contains(now, name) {
			a[name] = at
		}
	}
	for _, name := range now {
		if left, known := a[name]; !known || !left.IsZero() && at.Sub(left) > soonBack {
			names = append(names, name)
		}
		a[name] = time.Time{}
	}
	return names
}

// watchers are the names of those who watch, each once.
func (st *stay) watchers() (names []string) {
	for _, who := range st.visit.Watchers() {
		if name := speech.Clean(st.c.door.Gateway.Named(who)); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// tellWatched says who watches from now on.
func (st *stay) tellWatched(a audience) {
	fresh := a.fresh(st.watchers(), time.Now())
	if len(fresh) == 0 {
		return
	}
	at := speech.Clock(st.c.door.now())
	st.tell(func(s *session) string { return fmt.Sprintf(s.say().watchedFrom, strings.Join(fresh, ", "), at) }, func() bool { return true })
}

// halted says what holds a session back, and what comes next.
func (t *texts) halted(h gateway.Halt, page string) string {
	switch {
	case h.By != "":
		by := speech.Clean(h.By)
		if h.Why != "" {
			by += " (" + speech.Clean(h.Why) + ")"
		}
		return fmt.Sprintf(t.frozenBy, by, speech.Long(time.Until(h.Until)))
	case h.Watch && !h.Until.IsZero():
		return fmt.Sprintf(t.unwatched, page, speech.Long(time.Until(h.Until)))
	case h.Watch:
		return fmt.Sprintf(t.mustWatch, page)
	}
	return t.recorderSick
}

// unhalted says that nothing holds it back any more.
func (t *texts) unhalted(was gateway.Halt) string {
	if was.Sick {
		return t.recorderWell
	}
	return t.resumed
}

// page is where others watch a visit.
func (d *Door) page(v *gateway.Visit) string { return d.Portal + "/s/" + v.Session.ID }

// watched waits, before anything reaches the target, until somebody watches who
// has to, and says where. Its error is why it was left.
func (w *way) watched(v *gateway.Visit) error {
	h, moved := v.Halted()
	if !h.Watch {
		return nil
	}
	who := w.whoWatches(v)
	if w.gap(); w.tty {
		w.line("◐ "+w.say.waitsWatched, who, w.s.c.door.page(v))
	} else {
		w.line(w.say.waitsWatched, who, w.s.c.door.page(v))
	}
	w.s.typing.heed()
	defer w.s.typing.ignore()
	w.listen()
	for h.Watch {
		select {
		case <-moved:
		case <-v.Context().Done():
			return v.Why()
		case <-w.ctx.Done():
			return &gateway.Ending{Code: gateway.StillAsked, Why: w.say.leftTouch}
		case typed, ok := <-w.typed():
			if w.interrupts(typed, ok) {
				return &gateway.Ending{Code: gateway.StillAsked, Why: w.say.leftTouch}
			}
		}
		h, moved = v.Halted()
	}
	return nil
}

// whoWatches are those of whom one has to watch: "a board member or Nord Legal".
func (w *way) whoWatches(v *gateway.Visit) string {
	var names []string
	for _, g := range v.Grant().Stages {
		g.Count = 1
		if g.Customer != "" && len(v.Session.Customers) > 1 {
			continue // they see nothing of other customers
		}
		if name := w.say.Stage(g); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, w.say.or)
}
