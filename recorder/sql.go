package recorder

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// SQL writes the statements of a track of PostgreSQL, in order: each with when it
// was sent and its parameters before, and what became of it after, as comments.
func (p *Playback) SQL(w io.Writer, track string, f Form) error {
	return p.export(w, track, f, &statements{})
}

// statements writes one export as SQL.
type statements struct{ form Form }

func (s *statements) head(out *bufio.Writer, p *Playback, t *playTrack, f Form) error {
	if s.form = f; t.Header.Kind != "sql" {
		return fmt.Errorf("it is of kind %s, and has no statements", t.Header.Kind)
	}
	_, err := fmt.Fprintf(out, "-- %s\n-- PostgreSQL at %s, since %s\n", comment(title(p.Session)), comment(f.header(t.Header).Command), t.Began.UTC().Format("2006-01-02 15:04:05 MST"))
	return err
}

// An operation is an entry of a track of SQL.
type operation struct {
	Op          string            `json:"op"`
	N           int               `json:"n"`
	SQL         *string           `json:"sql"`
	Part        int               `json:"part"`
	Parts       int               `json:"parts"`
	Piece       int               `json:"piece"`
	Pieces      int               `json:"pieces"`
	Name        any               `json:"statement"`
	Params      []json.RawMessage `json:"params"`
	Tag         string            `json:"tag"`
	Rows        int64             `json:"rows"`
	In          int64             `json:"bytes_in"`
	Out         int64             `json:"bytes_out"`
	Milli       int64             `json:"ms"`
	Skipped     bool              `json:"skipped"`
	Ran         *int              `json:"ran"` // the entry whose statement it was, where that is another than it seemed; 0: not known
	User        string            `json:"user"`
	Database    string            `json:"database"`
	Application string            `json:"application"`
	Function    uint32            `json:"function"`
	Error       *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func (s *statements) event(out *bufio.Writer, ev Event) error {
	if ev.Code != CodeObject {
		return nil
	}
	var o operation
	if err := json.Unmarshal(ev.Data, &o); err != nil {
		_, err = fmt.Fprintf(out, "\n-- %s an entry that cannot be read\n", clock(ev.At))
		return err
	}
	say := func(format string, args ...any) (err error) {
		_, err = fmt.Fprintf(out, format, args...)
		return err
	}
	at := clock(ev.At)
	switch o.Op {
	case "start":
		return say("\n-- %s %s on %s %s\n", at, comment(o.User), comment(o.Database), comment(o.Application))
	case "query", "parse", "execute":
		if o.SQL != nil && !s.form.Raw {
			*o.SQL = harmless(*o.SQL)
		}
		return o.statement(at, say)
	case "call":
		return say("\n-- %s [%d] function %d%s\n", at, o.N, o.Function, o.values())
	case "cancel":
		return say("\n-- %s a statement of another connection was cancelled\n", at)
	case "result":
		return say("-- %s\n", o.outcome())
	case "error":
		return say("\n-- %s %s\n", at, o.outcome())
	}
	return nil
}

// statement writes one that was sent; a prepared one each time that it is executed.
func (o *operation) statement(at string, say func(string, ...any) error) error {
	if o.SQL == nil {
		return say("\n-- %s [%d] a cursor%s\n", at, o.N, o.values())
	}
	if o.Part > 1 || o.Piece > 1 { // it goes on
		return say("%s%s", *o.SQL, o.end())
	}
	word := map[string]string{"parse": " prepared", "execute": " executed"}[o.Op]
	return say("\n-- %s [%d]%s%s\n%s%s", at, o.N, word, o.values(), *o.SQL, o.end())
}

// end is what follows a statement, or a part of one.
func (o *operation) end() string {
	if o.Part < o.Parts || o.Piece < o.Pieces {
		return ""
	}
	if strings.HasSuffix(strings.TrimSpace(*o.SQL), ";") {
		return "\n"
	}
	return ";\n"
}

func (o *operation) values() string {
	var b strings.Builder
	for i, v := range o.Params {
		fmt.Fprintf(&b, "\n--   $%d = %s", i+1, comment(string(v)))
	}
	return b.String()
}

// outcome is what became of a statement.
func (o *operation) outcome() string {
	if o.Error != nil {
		return fmt.Sprintf("[%d] failed: %s %s%s", o.N, comment(o.Error.Code), comment(o.Error.Message), o.other())
	}
	if o.Skipped {
		return fmt.Sprintf("[%d] skipped, for one before it failed", o.N)
	}
	parts := []string{}
	if o.Tag != "" {
		parts = append(parts, comment(o.Tag))
	}
	for _, c := range []struct {
		n    int64
		what string
	}{{o.Rows, "row"}, {o.In, "byte in"}, {o.Out, "byte out"}} {
		if what, unit, _ := strings.Cut(c.what, " "); c.n == 1 {
			parts = append(parts, strings.TrimSpace(fmt.Sprintf("1 %s %s", what, unit)))
		} else if c.n > 1 {
			parts = append(parts, strings.TrimSpace(fmt.Sprintf("%d %ss %s", c.n, what, unit)))
		}
	}
	return fmt.Sprintf("%s [%d] after %d ms%s", strings.Join(parts, ", "), o.N, o.Milli, o.other())
}

// other is which statement ran, where it is not the one that stands above.
func (o *operation) other() string {
	switch {
	case o.Ran == nil:
		return ""
	case *o.Ran == 0:
		return "; another statement ran than it says, and which is not known"
	}
	return fmt.Sprintf("; what ran is the statement of [%d]", *o.Ran)
}

// harmless is a text of several lines without what acts on the viewer.
func harmless(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines[:len(lines)-1] {
		lines[i] = shownText(l)
	}
	last := lines[len(lines)-1] // a part may end in a blank
	shown := shownText(last)
	lines[len(lines)-1] = shown + strings.Repeat(" ", len(last)-len(strings.TrimRight(last, " ")))
	return strings.Join(lines, "\n")
}

// comment is text that stays in a comment.
func comment(text string) string { return shownText(text) }
