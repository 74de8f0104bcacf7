package recorder

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"lockbox/policy"
)

// A Form says how a track is exported. The zero Form is all of it, as
// asciicast v3, without the escapes that act on the viewer.
type Form struct {
	Version int           // of the asciicast, 2 or 3; 0: 3
	Raw     bool          // keep the escapes that act on the viewer
	From    time.Duration // what came later, and first the screen as it was then
	Until   time.Duration // not what came later; 0: to the end
	Redact  policy.Redact // taken out now, whatever was taken out when it was recorded
	Times   bool          // of text: each line with its moment, and what else happened
}

// check refuses a form that is none.
func (f Form) check() error {
	switch {
	case f.Version != 2 && f.Version != 3 && f.Version != 0:
		return fmt.Errorf("asciicast version %d is not known", f.Version)
	case f.From < 0 || f.Until < 0 || f.Until > 0 && f.Until < f.From:
		return fmt.Errorf("there is nothing from %v until %v", f.From, f.Until)
	}
	return nil
}

// header is a track's, in the form.
func (f Form) header(h Header) Header {
	h.Redact |= f.Redact
	h = h.Redacted()
	return h
}

// formed gives the events of a track in a form: those of the range, and before
// them a CodeKey where it begins later than the track; with nothing in them
// that is to be taken out. Escapes are still in them.
func (p *Playback) formed(t *playTrack, f Form, more func(Event) bool) error {
	within := func(ev Event) bool {
		switch {
		case f.Until > 0 && ev.At > f.Until:
			return false
		case ev.Code == CodeKey && f.From == 0:
			return true
		}
		return more(ev)
	}
	if f.Redact == 0 {
		return p.from(t.Name, f.From, within)
	}
	// What stood on the screen may have to be taken out too: so from the beginning.
	v := viewer{at: f.From, more: within, pty: t.Header.Kind == "pty", screen: newScreen(t.Header)}
	for ev, err := range Redacted(p.Events(t.Name), f.Redact) {
		if err != nil {
			return err
		}
		if !v.event(ev) {
			return nil
		}
	}
	v.reach()
	return nil
}

// export writes a track in a form: head first, then each event.
func (p *Playback) export(w io.Writer, track string, f Form, to exporter) error {
	t, err := p.track(track)
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return fmt.Errorf("export %s: %w", track, err)
	}
	out := bufio.NewWriter(w)
	if err := to.head(out, p, t, f); err != nil {
		return fmt.Errorf("export %s: %w", track, err)
	}
	bad := error(nil)
	err = p.formed(t, f, func(ev Event) bool { bad = to.event(out, ev); return bad == nil })
	if err == nil {
		err = bad
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return fmt.Errorf("export %s: %w", track, err)
	}
	return nil
}

// An exporter writes one form of export.
type exporter interface {
	head(out *bufio.Writer, p *Playback, t *playTrack, f Form) error
	event(out *bufio.Writer, ev Event) error
}
