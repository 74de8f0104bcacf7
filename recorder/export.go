package recorder

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// A Form says how a cast is written. The zero Form is asciicast v3 without the
// escapes that act on the viewer.
type Form struct {
	Version int  // 2 or 3; 0: 3
	Raw     bool // keep the escapes that act on the viewer
}

// Cast writes a track as asciicast v3 for a player; see CastAs.
func (p *Playback) Cast(w io.Writer, track string) error { return p.CastAs(w, track, Form{}) }

// CastAs writes a track for a player: standard error among the output, bytes
// that are not UTF-8 as U+FFFD, signals as marks, and of the session only the
// title. Who needs all of it, and exact, takes Events.
func (p *Playback) CastAs(w io.Writer, track string, f Form) error {
	t, err := p.track(track)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if f.Version != 2 && f.Version != 3 && f.Version != 0 {
		return fmt.Errorf("export %s: asciicast version %d is not known", track, f.Version)
	}
	c := &caster{form: f, lf: t.Header.Kind != "pty", out: bufio.NewWriter(w)}
	if err := c.header(p, t); err != nil {
		return fmt.Errorf("export %s: %w", track, err)
	}
	for ev, err := range p.Events(track) {
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		if err := c.event(ev); err != nil {
			return fmt.Errorf("export %s: %w", track, err)
		}
	}
	return c.out.Flush()
}

// A caster writes one cast.
type caster struct {
	form   Form
	lf     bool // lines end in LF alone: no terminal was there to add the CR
	out    *bufio.Writer
	last   time.Duration
	stdout shown
	stderr shown
}

// shown is a stream on its way to a player.
type shown struct {
	safe Safe
	half cut
	cr   bool // it ended in CR
}

func (c *caster) header(p *Playback, t *playTrack) error {
	h := header(Session{}, &Track{head: t.Header, began: t.Began})
	h.Lockbox = nil
	h.Title = title(p.Session)
	var v any = h
	if c.form.Version == 2 {
		v = struct {
			Version   int               `json:"version"`
			Width     int               `json:"width"`
			Height    int               `json:"height"`
			Timestamp int64             `json:"timestamp"`
			Title     string            `json:"title,omitempty"`
			Command   string            `json:"command,omitempty"`
			Env       map[string]string `json:"env,omitempty"`
		}{2, h.Term.Cols, h.Term.Rows, h.Timestamp, h.Title, h.Command, h.Env}
	}
	return json.NewEncoder(c.out).Encode(v)
}

// event writes an event in the player's terms, if it has some.
func (c *caster) event(ev Event) error {
	code, data := ev.Code, ev.Data
	switch code {
	case CodeOutput:
		data = c.show(&c.stdout, data)
	case CodeStderr:
		code, data = CodeOutput, c.show(&c.stderr, data)
	case CodeSignal:
		code, data = CodeMark, append([]byte("signal "), data...)
	case CodeExit:
		if c.form.Version == 2 {
			code, data = CodeMark, append([]byte("exit status "), data...)
		}
	case CodeInput, CodeResize, CodeMark:
	default:
		return nil
	}
	if len(data) == 0 {
		return nil
	}
	data = bytes.ToValidUTF8(data, []byte("\uFFFD"))
	ms := ev.At.Milliseconds()
	if c.form.Version != 2 {
		ms -= c.last.Milliseconds()
		c.last = ev.At
	}
	_, err := c.out.Write(appendEvent(nil, ms, code, data))
	return err
}

// show is what of p a player may have.
func (c *caster) show(s *shown, p []byte) []byte {
	if c.form.Raw {
		p = s.half.join(p)
	} else {
		p = s.safe.Filter(p)
	}
	if !c.lf {
		return p
	}
	var out []byte
	for _, b := range p {
		if b == '\n' && !s.cr {
			out = append(out, '\r')
		}
		out = append(out, b)
		s.cr = b == '\r'
	}
	return out
}

// Text writes what a track showed, line by line, without escapes: to read and
// to search. What a full-screen program drew is not laid out.
func (p *Playback) Text(w io.Writer, track string) error {
	out := bufio.NewWriter(w)
	var stdout, stderr paper
	for ev, err := range p.Events(track) {
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		switch ev.Code {
		case CodeOutput:
			stdout.print(out, ev.Data)
		case CodeStderr:
			stderr.print(out, ev.Data)
		}
	}
	for _, l := range []*paper{&stdout, &stderr} {
		if len(l.line) > 0 {
			l.feed(out)
		}
	}
	return out.Flush()
}

// A paper prints a stream as lines of text.
type paper struct {
	safe   Safe
	line   []rune
	at     int  // where the next character goes
	escape byte // of the sequence under way: ESC, '[' or '(' ; 0 for none
}

const paperWidth = 4096 // characters; a longer line is broken

func (l *paper) print(out *bufio.Writer, p []byte) {
	for _, r := range string(l.safe.Filter(p)) {
		switch {
		case l.escape != 0:
			l.skip(r)
		case r == 0x1b:
			l.escape = 0x1b
		case r == '\n', r == '\v', r == '\f':
			l.feed(out)
		case r == '\r':
			l.at = 0
		case r == '\b':
			l.at = max(l.at-1, 0)
		case r >= ' ' || r == '\t':
			l.put(out, r)
		}
	}
}

// skip passes over the sequences that a Safe lets through.
func (l *paper) skip(r rune) {
	switch {
	case l.escape == 0x1b && strings.ContainsRune("[()*+", r):
		l.escape = byte(r)
		return
	case l.escape == '[' && r < 0x40:
		return
	case l.escape == '[' && r == 'K':
		l.line = l.line[:min(l.at, len(l.line))]
	}
	l.escape = 0
}

func (l *paper) put(out *bufio.Writer, r rune) {
	if l.at == paperWidth {
		l.feed(out)
	}
	if l.at < len(l.line) {
		l.line[l.at] = r
	} else {
		l.line = append(l.line, r)
	}
	l.at++
}

// feed ends a line that has begun, or an empty one.
func (l *paper) feed(out *bufio.Writer) {
	_, _ = out.WriteString(strings.TrimRight(string(l.line), " ") + "\n") // Flush tells the error
	l.line, l.at = l.line[:0], 0
}
