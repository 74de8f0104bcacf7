package recorder

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"lockbox/recorder/screen"
)

// A Line is what a track says in words at a moment: the feed of search.
type Line struct {
	At   time.Duration
	Kind string // "text" that was shown, "written" and not shown so, "typed", "command", "file", "url", "body", "sql", "mark"
	Text string // in UTF-8, without control characters and what reorders text
}

// Lines gives what a track says, in order. A line that was shown comes with the
// moment it was finished. What was written and yet not to be read on the screen
// comes as well: what was overwritten at once, drawn in another character set,
// hidden in a string or turned round. Colours hide nothing.
func (p *Playback) Lines(track string) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		if err := p.lines(track, Form{}, &liner{give: func(l Line) bool { return yield(l, nil) }}); err != nil {
			yield(Line{}, fmt.Errorf("read %s: %w", track, err))
		}
	}
}

// lines has a liner read a track in a form.
func (p *Playback) lines(track string, f Form, l *liner) error {
	t, err := p.track(track)
	if err != nil {
		return err
	}
	l.begin(f.header(t.Header))
	if err := p.formed(t, f, l.event); err != nil {
		return err
	}
	l.end()
	return nil
}

// Bounds of what a liner collects before it tells.
const (
	lineRest  = time.Second // a terminal at rest this long is read
	blockMost = 64 << 10    // bytes of output
	lineMost  = 4096        // bytes of a line of which there is no end
)

// A liner makes lines of events.
type liner struct {
	out, err *reader
	give     func(Line) bool
	block    []Line
	size     int // bytes of output and lines since the last block
	last     time.Duration
	typed    typist
	web      *HTTPReader // of an http track
	blanks   bool        // give empty lines that were shown too
	over     bool
}

func (l *liner) begin(h Header) {
	l.web = readerOf(h)
	l.out = newReader(h, l.add)
	if h.Kind != "pty" {
		l.err = newReader(h, l.add)
	}
	if h.Command != "" {
		l.add("command", h.Command)
	}
}

// add takes a line in.
func (l *liner) add(kind, text string) {
	turned := turnedRound(text)
	if text = shownText(text); text != "" || l.blanks && kind == "text" {
		l.block = append(l.block, Line{l.last, kind, text})
		l.size += len(text)
	}
	if turned != "" {
		l.block = append(l.block, Line{l.last, "written", shownText(turned)})
	}
}

// event takes an event in.
func (l *liner) event(ev Event) bool {
	if ev.At-l.last >= lineRest || l.size > blockMost {
		l.flush()
	}
	l.last = ev.At
	switch ev.Code {
	case CodeOutput, CodeResize:
		l.out.event(ev)
	case CodeKey:
		l.out.stand(ev.Data)
	case CodeStderr:
		if l.err == nil {
			l.out.event(ev)
		} else {
			l.err.event(ev)
		}
	case CodeInput:
		l.typed.take(ev.Data, func(line string) { l.add("typed", line) })
	case CodeMark:
		l.add("mark", string(ev.Data))
	case CodeObject:
		l.object(ev)
	}
	l.size += len(ev.Data)
	return !l.over
}

// A typist collects what was typed to lines.
type typist struct{ line []byte }

func (t *typist) take(p []byte, done func(line string)) {
	for _, c := range p {
		switch {
		case c == '\r' || c == '\n':
			done(string(t.line))
			t.line = t.line[:0]
		case c == 0x7f || c == '\b':
			_, n := utf8.DecodeLastRune(t.line)
			t.line = t.line[:len(t.line)-n]
		case len(t.line) < lineMost:
			t.line = append(t.line, c)
		}
	}
}

// object takes the words of an operation in.
func (l *liner) object(ev Event) {
	for _, w := range l.web.words(ev) {
		l.add(w.Kind, w.Text)
	}
}

// objectWords are the paths, URLs and SQL of an operation.
func objectWords(data []byte) (words []Line) {
	var o map[string]any
	if json.Unmarshal(data, &o) != nil {
		return nil
	}
	for _, key := range []string{"path", "to", "target", "url", "sql"} {
		text, _ := o[key].(string)
		kind := key
		if key != "url" && key != "sql" {
			kind = "file"
		}
		if text != "" {
			words = append(words, Line{Kind: kind, Text: text})
		}
	}
	return words
}

// flush gives the block in the order of time.
func (l *liner) flush() {
	l.out.flush()
	if l.err != nil {
		l.err.flush()
	}
	slices.SortStableFunc(l.block, func(a, b Line) int { return int(a.At - b.At) })
	for _, line := range l.block {
		if !l.over && !l.give(line) {
			l.over = true
		}
	}
	l.block, l.size = l.block[:0], 0
}

func (l *liner) end() {
	l.add("typed", string(l.typed.line))
	l.flush()
}

// A reader reads one stream of output as a person does, and beside it what was
// written.
type reader struct {
	add    func(kind, text string)
	screen *screen.Screen
	lf     bool // lines end in LF alone
	cr     bool // it ended in CR
	spy    screen.Spy
	shown  []string // lines since the last flush
	said   []string // what was written
}

func newReader(h Header, add func(kind, text string)) *reader {
	r := &reader{add: add, screen: newScreen(h), lf: h.Kind != "pty"}
	if r.lf {
		r.screen = screen.New(500, 24)
	}
	r.screen.Tell(r.show)
	r.spy.Said = func(text string) { r.said = append(r.said, text) }
	return r
}

func (r *reader) show(line string) {
	r.shown = append(r.shown, line)
	r.add("text", line)
}

// stand begins with what stood on the screen.
func (r *reader) stand(key []byte) {
	if s, err := screenOf(key); err == nil {
		r.screen = s
		s.Tell(r.show)
	}
}

func (r *reader) event(ev Event) {
	if ev.Code != CodeResize && r.lf {
		ev.Data = withCR(ev.Data, &r.cr)
	}
	if ev.Code != CodeResize {
		r.spy.Write(ev.Data)
	}
	follow(r.screen, ev)
}

// flush tells what stands on the screen, and what was written and does not.
func (r *reader) flush() {
	r.screen.Rest()
	r.spy.Rest()
	lines, words := map[string]bool{}, map[string]bool(nil)
	for _, s := range r.shown {
		lines[strings.TrimSpace(s)] = true
	}
	for _, s := range r.said {
		if s = strings.TrimSpace(s); s == "" || lines[s] {
			continue
		}
		if words == nil {
			words = map[string]bool{}
			for _, line := range r.shown {
				news(words, line)
			}
		}
		if news(words, s) {
			r.add("written", s)
		}
	}
	r.shown, r.said = r.shown[:0], r.said[:0]
}

// news adds the words of a text, and says whether there was a new one.
func news(words map[string]bool, text string) (any bool) {
	for w := range strings.FieldsSeq(text) {
		if !words[w] {
			words[w], any = true, true
		}
	}
	return any
}

// withCR adds the CR that a terminal would have added.
func withCR(p []byte, cr *bool) []byte {
	if bytes.IndexByte(p, '\n') < 0 {
		*cr = *cr && len(p) == 0 || bytes.HasSuffix(p, []byte("\r"))
		return p
	}
	out := make([]byte, 0, len(p)+len(p)/8)
	for _, b := range p {
		if b == '\n' && !*cr {
			out = append(out, '\r')
		}
		out = append(out, b)
		*cr = b == '\r'
	}
	return out
}

// Find gives the lines that hold all the words or beginnings of words, at most so many.
func (p *Playback) Find(ctx context.Context, track, words string, most int) (found []Line, err error) {
	want := strings.Fields(folded(words))
	if len(want) == 0 || most <= 0 {
		return nil, nil
	}
	for l, err := range p.Lines(track) {
		switch {
		case err != nil:
			return found, fmt.Errorf("find: %w", err)
		case ctx.Err() != nil:
			return found, fmt.Errorf("find in %s: %w", track, context.Cause(ctx))
		case holds(folded(l.Text), want):
			if found = append(found, l); len(found) == most {
				return found, nil
			}
		}
	}
	return found, nil
}
