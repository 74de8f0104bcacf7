package recorder

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"lockbox/recorder/screen"
)

// Cast writes a track as asciicast v3 for a player; see CastAs.
func (p *Playback) Cast(w io.Writer, track string) error { return p.CastAs(w, track, Form{}) }

// CastAs writes a track for a player: standard error among the output, bytes
// that are not UTF-8 as U+FFFD, signals as marks, sizes of at most 500×300, and
// of the session only the title. Who needs all of it takes JSONLines.
func (p *Playback) CastAs(w io.Writer, track string, f Form) error {
	return p.export(w, track, f, &caster{})
}

// A caster writes one cast.
type caster struct {
	form   Form
	lf     bool          // lines end in LF alone: no terminal was there to add the CR
	last   time.Duration // of the event before, in v3
	stdout viewed
	stderr viewed
}

// viewed is a stream on its way to a player.
type viewed struct {
	safe Safe
	half cut
	cr   bool // it ended in CR
}

func (c *caster) head(out *bufio.Writer, p *Playback, t *playTrack, f Form) error {
	c.form, c.lf, c.last = f, t.Header.Kind != "pty", f.From
	h := header(Session{}, &Track{head: f.header(t.Header), began: t.Began.Add(f.From)})
	h.Lockbox = nil
	h.Title = title(p.Session)
	if f.From > 0 && !c.lf {
		cols, rows, err := p.sizeAt(t.Name, f.From)
		if err != nil {
			return err
		}
		h.Term.Cols, h.Term.Rows = cols, rows
	}
	h.Term.Cols, h.Term.Rows = screen.New(h.Term.Cols, h.Term.Rows).Size()
	var v any = h
	if f.Version == 2 {
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
	return json.NewEncoder(out).Encode(v)
}

// sizeAt is the size of a terminal at a moment.
func (p *Playback) sizeAt(track string, at time.Duration) (cols, rows int, err error) {
	for ev, err := range p.From(track, at) {
		if err != nil {
			return 0, 0, err
		}
		var k screenKey
		err = json.Unmarshal(ev.Data, &k)
		return k.Cols, k.Rows, err
	}
	return 80, 24, nil
}

// event writes an event in the player's terms, if it has some.
func (c *caster) event(out *bufio.Writer, ev Event) error {
	code, data := ev.Code, ev.Data
	switch code {
	case CodeOutput:
		data = c.show(&c.stdout, data)
	case CodeStderr:
		code, data = CodeOutput, c.show(&c.stderr, data)
	case CodeKey:
		var k screenKey
		if err := json.Unmarshal(data, &k); err != nil {
			return fmt.Errorf("read what was shown: %w", err)
		}
		code, data = CodeOutput, c.show(&c.stdout, []byte(k.Screen))
	case CodeSignal:
		code, data = CodeMark, append([]byte("signal "), data...)
	case CodeExit:
		if c.form.Version == 2 {
			code, data = CodeMark, append([]byte("exit status "), data...)
		}
	case CodeResize:
		cols, rows, ok := sizeIn(data)
		if !ok {
			return nil
		}
		cols, rows = screen.New(cols, rows).Size()
		data = fmt.Appendf(nil, "%dx%d", cols, rows)
	case CodeInput, CodeMark:
	default:
		return nil
	}
	if len(data) == 0 {
		return nil
	}
	data = bytes.ToValidUTF8(data, []byte("\uFFFD"))
	at := ev.At - c.last
	if c.form.Version != 2 {
		c.last = ev.At
	}
	_, err := out.Write(appendEvent(nil, at.Milliseconds(), code, data))
	return err
}

// show is what of p a player may have.
func (c *caster) show(s *viewed, p []byte) []byte {
	if c.form.Raw {
		p = s.half.join(p)
	} else {
		p = s.safe.Filter(p)
	}
	if !c.lf {
		return p
	}
	return withCR(p, &s.cr)
}

// Text writes what a track showed; see TextAs.
func (p *Playback) Text(w io.Writer, track string) error { return p.TextAs(w, track, Form{}) }

// TextAs writes what a track showed, line by line, without escapes: to read and
// to search. What a full-screen program drew comes as it stood when it rested.
// Of a track of operations it writes their paths, URLs and SQL. With times, what
// was typed and what Lockbox noted comes too.
func (p *Playback) TextAs(w io.Writer, track string, f Form) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("export %s: %w", track, err)
	}
	out := bufio.NewWriter(w)
	err := p.lines(track, f, &liner{blanks: true, give: func(l Line) bool {
		writeLine(out, l, f.Times)
		return out.Available() > 0 || out.Flush() == nil
	}})
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return fmt.Errorf("export %s: %w", track, err)
	}
	return nil
}

// writeLine writes a line; Flush tells the error.
func writeLine(out *bufio.Writer, l Line, times bool) {
	switch plain := l.Kind == "text"; {
	case l.Kind == "written":
	case times && plain:
		_, _ = fmt.Fprintf(out, "%s  %s\n", clock(l.At), l.Text)
	case times:
		_, _ = fmt.Fprintf(out, "%s  # %s: %s\n", clock(l.At), l.Kind, l.Text)
	case plain, l.Kind == "file", l.Kind == "url", l.Kind == "sql":
		_, _ = out.WriteString(l.Text + "\n")
	}
}

// clock is a moment as 00:01:23.456.
func clock(d time.Duration) string {
	ms := d.Milliseconds()
	return fmt.Sprintf("%02d:%02d:%02d.%03d", ms/3600000, ms/60000%60, ms/1000%60, ms%1000)
}
