package recorder

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// A Mark is a moment of a timeline.
type Mark struct {
	At    time.Duration
	Until time.Duration // of "idle"
	Kind  string        // "idle", "command", "resize", "exit", "signal", "mark", "file"
	Text  string
}

const (
	idleLeast = 2 * time.Second
	marksMost = 20000 // of a timeline; then idle times and resizes are left out
)

// Timeline gives the moments of a track worth a line. Idle is what lasts 2 s
// and longer. A command is that of an exec, or a line that was typed, where
// that is kept: what a prompt shows is not taken for one.
func (p *Playback) Timeline(ctx context.Context, track string) ([]Mark, error) {
	t, err := p.track(track)
	if err != nil {
		return nil, fmt.Errorf("timeline: %w", err)
	}
	l := &timeliner{web: readerOf(t.Header)}
	if t.Header.Command != "" {
		l.add("command", shownText(t.Header.Command))
	}
	err = p.play(track, func(ev Event) bool { l.event(ev); return ctx.Err() == nil })
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return l.marks, fmt.Errorf("timeline of %s: %w", track, err)
	}
	return l.marks, nil
}

// A timeliner collects marks.
type timeliner struct {
	marks []Mark
	last  time.Duration
	typed typist
	web   *HTTPReader // of an http track
}

func (l *timeliner) add(kind, text string) {
	if len(l.marks) < marksMost || kind != "resize" {
		l.marks = append(l.marks, Mark{At: l.last, Kind: kind, Text: text})
	}
}

func (l *timeliner) event(ev Event) {
	if ev.Code == CodeKey || ev.Code == CodeStdin { // the recorder's own
		return
	}
	if ev.At-l.last >= idleLeast && len(l.marks) < marksMost {
		l.marks = append(l.marks, Mark{At: l.last, Until: ev.At, Kind: "idle"})
	}
	l.last = ev.At
	switch ev.Code {
	case CodeResize:
		l.add("resize", shownText(string(ev.Data)))
	case CodeExit:
		l.add("exit", shownText(string(ev.Data)))
	case CodeSignal:
		l.add("signal", shownText(string(ev.Data)))
	case CodeMark:
		l.add("mark", shownText(string(ev.Data)))
	case CodeObject:
		l.object(ev)
	case CodeInput:
		l.typed.take(ev.Data, func(line string) {
			if line = shownText(line); line != "" {
				l.add("command", line)
			}
		})
	}
}

// object takes an operation in, as a line; of an http track an exchange.
func (l *timeliner) object(ev Event) {
	var words []string
	for _, w := range l.web.words(ev) {
		if l.web == nil || w.Kind == "url" {
			words = append(words, shownText(w.Text))
		}
	}
	if l.web == nil || len(words) > 0 {
		l.add("file", strings.Join(words, " "))
	}
}
