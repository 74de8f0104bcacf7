package recorder

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Codes of events: asciicast v3's own, and ours in the same form, which players pass over.
const (
	CodeOutput = "o"
	CodeStderr = "e" // ours
	CodeInput  = "i"
	CodeResize = "r"     // "80x24"
	CodeExit   = "x"     // the exit status
	CodeMark   = "m"     // "kind: text"
	CodeSignal = "s"     // ours: "TERM", or "SEGV core"
	CodeKey    = "k"     // ours: {"cols":…,"rows":…,"screen":"…"}, what a terminal showed: the first event of a later segment
	CodeObject = "j"     // ours: a JSON object, one operation of sftp, http or sql
	CodeCut    = "cut"   // ours: {"stream":"o","kept":…,"bytes":…,"sha256":…} of a stream; without bytes: from here on it is not kept
	CodeStdin  = "stdin" // ours: {"bytes":…,"sha256":…} of what came in and is not kept
)

// raw marks the code of an event whose data are bytes in base64, because they are not UTF-8.
const raw = "64"

// An Event is one thing that happened on a track.
type Event struct {
	At   time.Duration // since the track began
	Code string
	Data []byte
}

// The first line of a track: asciicast v3's header, and beside it what only we need.
type castHeader struct {
	Version   int               `json:"version"`
	Term      castTerm          `json:"term"`
	Timestamp int64             `json:"timestamp"`
	Title     string            `json:"title,omitempty"`
	Command   string            `json:"command,omitempty"`
	Env       map[string]string `json:"env,omitempty"`
	Lockbox   *castOurs         `json:"lockbox,omitempty"`
}

type castTerm struct {
	Cols int    `json:"cols"`
	Rows int    `json:"rows"`
	Type string `json:"type,omitempty"`
}

type castOurs struct {
	Session Session   `json:"session"`
	Track   string    `json:"track"`
	Header  Header    `json:"header"`
	Command []byte    `json:"command64,omitempty"` // the header's, if it is not UTF-8
	Began   time.Time `json:"began"`
}

// header is the Header as it was given.
func (o castOurs) header() Header {
	if o.Command != nil {
		o.Header.Command = string(o.Command)
	}
	return o.Header
}

// header makes the first line of a track.
func header(words Session, t *Track) castHeader {
	h := t.head.Redacted()
	c := castHeader{
		Version: 3, Timestamp: t.began.Unix(), Title: title(words), Command: h.Command, Env: h.Env,
		Term:    castTerm{Cols: h.Cols, Rows: h.Rows, Type: h.Term},
		Lockbox: &castOurs{Session: words, Track: t.name, Header: h, Began: t.began},
	}
	if h.Cols == 0 || h.Rows == 0 { // players insist
		c.Term.Cols, c.Term.Rows = 80, 24
	}
	if !utf8.ValidString(h.Command) {
		c.Lockbox.Command, c.Lockbox.Header.Command = []byte(h.Command), ""
	}
	if len(h.Command) > 1000 { // ours has all of it
		c.Command = strings.ToValidUTF8(h.Command[:1000], "") + "…"
	}
	return c
}

// title is what a player shows above a cast.
func title(words Session) string {
	if words.Target == "" {
		return ""
	}
	return words.Login + "@" + words.Target
}

// appendEvent adds a line. wait is in milliseconds since the event before.
func appendEvent(dst []byte, wait int64, code string, data []byte) []byte {
	dst = append(dst, '[')
	dst = strconv.AppendInt(dst, wait/1000, 10)
	dst = append(dst, '.', byte('0'+wait/100%10), byte('0'+wait/10%10), byte('0'+wait%10))
	dst = append(dst, `, "`...)
	dst = append(dst, code...)
	if utf8.Valid(data) {
		dst = append(dst, `", "`...)
		dst = appendText(dst, data)
	} else {
		dst = append(dst, raw+`", "`...)
		dst = base64.StdEncoding.AppendEncode(dst, data)
	}
	return append(dst, "\"]\n"...)
}

// appendText adds UTF-8 as the inside of a JSON string.
func appendText(dst, p []byte) []byte {
	const hex = "0123456789abcdef"
	for len(p) > 0 {
		n := asItIs(p)
		dst = append(dst, p[:n]...)
		if n == len(p) {
			break
		}
		switch c := p[n]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		p = p[n+1:]
	}
	return dst
}

// asItIs is how many bytes at the beginning of p a JSON string holds as they
// are. It looks at eight at once: a term's high bit is set in the byte that is
// below a blank, a quote or a backslash, and never before the first of them.
func asItIs(p []byte) int {
	const one, high = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; len(p)-n >= 8; n += 8 {
		v := binary.LittleEndian.Uint64(p[n:])
		q, b := v^'"'*one, v^'\\'*one
		if hit := ((v-' '*one)&^v | (q-one)&^q | (b-one)&^b) & high; hit != 0 {
			return n + bits.TrailingZeros64(hit)/8
		}
	}
	for n < len(p) && p[n] >= ' ' && p[n] != '"' && p[n] != '\\' {
		n++
	}
	return n
}

// parseEvent reads a line back. The Event's At is the wait since the event before.
func parseEvent(line []byte) (Event, error) {
	var part []json.RawMessage
	var wait float64
	var code, data string
	if err := json.Unmarshal(line, &part); err != nil {
		return Event{}, fmt.Errorf("event: %w", err)
	}
	if len(part) != 3 {
		return Event{}, fmt.Errorf("event of %d parts", len(part))
	}
	for i, to := range []any{&wait, &code, &data} {
		if err := json.Unmarshal(part[i], to); err != nil {
			return Event{}, fmt.Errorf("event, part %d: %w", i, err)
		}
	}
	if wait < 0 || wait > 1e9 || code == "" {
		return Event{}, fmt.Errorf("event %q after %g s", code, wait)
	}
	ev := Event{At: time.Duration(math.Round(wait*1000)) * time.Millisecond, Code: code, Data: []byte(data)}
	plain, ok := strings.CutSuffix(code, raw)
	if !ok || plain == "" {
		return ev, nil
	}
	b, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return Event{}, fmt.Errorf("event %q: %w", code, err)
	}
	ev.Code, ev.Data = plain, b
	return ev, nil
}
