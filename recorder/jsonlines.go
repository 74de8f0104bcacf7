package recorder

import (
	"bufio"
	"encoding/json"
	"io"
	"time"
	"unicode/utf8"
)

// JSONLines writes all that a track holds, a JSON object a line: first the
// session and the track, then each event with its time. What it holds is text,
// base64 where that is not UTF-8, or an object. Raw, the bytes are exact.
func (p *Playback) JSONLines(w io.Writer, track string, f Form) error {
	return p.export(w, track, f, newJSONWriter())
}

// A jsonWriter writes lines of JSON.
type jsonWriter struct {
	began time.Time // zero: not known
	raw   bool
	safe  map[string]*Safe
}

func newJSONWriter() *jsonWriter {
	return &jsonWriter{safe: map[string]*Safe{CodeOutput: {}, CodeStderr: {}}}
}

func (l *jsonWriter) head(out *bufio.Writer, p *Playback, t *playTrack, f Form) error {
	l.began, l.raw = t.Began, f.Raw
	h := f.header(t.Header)
	return json.NewEncoder(out).Encode(struct {
		Session Session   `json:"session"`
		Track   string    `json:"track"`
		Header  Header    `json:"header"`
		Command []byte    `json:"command64,omitempty"`
		Began   time.Time `json:"began"`
	}{p.Session, t.Name, h, notText(h.Command), t.Began})
}

// notText is a text that JSON cannot hold; nil if it can.
func notText(s string) []byte {
	if utf8.ValidString(s) {
		return nil
	}
	return []byte(s)
}

func (l *jsonWriter) event(out *bufio.Writer, ev Event) error {
	line := struct {
		Time   time.Time       `json:"time,omitzero"`
		At     float64         `json:"at"` // seconds since the track began
		Code   string          `json:"code"`
		Text   *string         `json:"text,omitempty"`
		Base64 []byte          `json:"base64,omitempty"`
		Object json.RawMessage `json:"object,omitempty"`
	}{At: ev.At.Seconds(), Code: ev.Code}
	if !l.began.IsZero() {
		line.Time = l.began.Add(ev.At)
	}
	data := ev.Data
	if s := l.safe[ev.Code]; s != nil && !l.raw {
		if data = s.Filter(data); len(data) == 0 {
			return nil
		}
	}
	switch text := string(data); {
	case len(data) > 0 && data[0] == '{' && isObject(ev.Code) && json.Valid(data):
		line.Object = data
	case utf8.Valid(data):
		line.Text = &text
	default:
		line.Base64 = data
	}
	return json.NewEncoder(out).Encode(line)
}

// isObject says whether the data of a code are JSON.
func isObject(code string) bool {
	return code == CodeObject || code == CodeKey || code == CodeCut || code == CodeStdin
}
