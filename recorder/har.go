package recorder

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// HAR writes the exchanges of an http track as an HTTP Archive 1.2
// (w3c.github.io/web-performance/specs/HAR), in the order in which they ended.
// What is longer than 4 MiB of a body, or 32 MiB of those under way, is left out,
// and said to be.
func (p *Playback) HAR(w io.Writer, track string, f Form) error {
	h := &archiver{held: map[uint64]*harHeld{}}
	out := bufio.NewWriter(w)
	err := p.export(out, track, f, h)
	if err == nil {
		err = h.finish(out)
	}
	if err != nil {
		return fmt.Errorf("export %s: %w", track, err)
	}
	return nil
}

// Bounds of what an archive holds in memory.
const (
	harBody = 4 << 20
	harAll  = 32 << 20
)

// An archiver writes exchanges as HAR.
type archiver struct {
	reader HTTPReader
	began  time.Time
	any    bool
	held   map[uint64]*harHeld
	size   int // bytes held
}

// harHeld is what is held of an exchange that is not over.
type harHeld struct {
	x        *Exchange
	in, out  harText
	params   []harParam
	messages []harMessage
	size     int
	less     bool // something was left out
}

// A harText is a body that comes together.
type harText struct{ bytes []byte }

func (a *archiver) head(out *bufio.Writer, p *Playback, t *playTrack, f Form) error {
	if t.Header.Kind != "http" {
		return fmt.Errorf("it is of kind %s, and has no requests", t.Header.Kind)
	}
	a.began = t.Began
	about, err := json.Marshal(title(p.Session))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "{\"log\":{\"version\":\"1.2\",\"creator\":{\"name\":\"Lockbox\",\"version\":\"1\"},\"comment\":%s,\"entries\":[", about)
	return err
}

func (a *archiver) event(out *bufio.Writer, ev Event) error {
	x, o, ok := a.reader.Read(ev)
	if !ok {
		return nil
	}
	h := a.held[x.N]
	if h == nil {
		h = &harHeld{x: x}
		a.held[x.N] = h
	}
	switch o.Op {
	case HTTPBodyOp:
		a.body(h, &o)
	case HTTPFrame:
		a.frame(h, &o, ev.At)
	case HTTPEnd:
		return a.write(out, h)
	}
	return nil
}

// room says whether so much more can be held.
func (a *archiver) room(h *harHeld, n, has int) bool {
	if has+n > harBody || a.size+n > harAll {
		h.less = true
		return false
	}
	a.size += n
	h.size += n
	return true
}

func (o *HTTPObject) content() []byte {
	if o.Data != nil {
		return o.Data
	}
	return []byte(o.Text)
}

func (a *archiver) body(h *harHeld, o *HTTPObject) {
	piece := o.content()
	switch {
	case o.Field != "" || o.File != "":
		a.param(h, o, piece)
	case o.From == FromClient && a.room(h, len(piece), len(h.in.bytes)):
		h.in.bytes = append(h.in.bytes, piece...)
	case o.From == FromServer && a.room(h, len(piece), len(h.out.bytes)):
		h.out.bytes = append(h.out.bytes, piece...)
	}
}

// param adds a piece of a part of a form.
func (a *archiver) param(h *harHeld, o *HTTPObject, piece []byte) {
	n := len(h.params)
	if n == 0 || !h.params[n-1].more {
		if !a.room(h, len(o.Field)+len(o.File)+64, 0) {
			return
		}
		h.params = append(h.params, harParam{Name: o.Field, File: o.File})
		n++
	}
	p := &h.params[n-1]
	if a.room(h, len(piece), len(p.Value)) {
		p.Value += strings.ToValidUTF8(string(piece), "\uFFFD")
	}
	if p.more = o.More; !o.More && o.SHA256 != "" && p.File != "" {
		p.Comment = fmt.Sprintf("%d bytes, SHA-256 %s", o.Bytes, o.SHA256)
	}
}

// frame adds a message of a WebSocket, or a piece of one.
func (a *archiver) frame(h *harHeld, o *HTTPObject, at time.Duration) {
	kind := map[string]string{FromClient: "send", FromServer: "receive"}[o.From]
	piece := o.content()
	for i := range slices.Backward(h.messages) {
		m := &h.messages[i]
		if m.Type != kind {
			continue
		}
		if !m.more || (m.Opcode >= 8) != (opcode(o.Type) >= 8) {
			break
		}
		if m.more = o.More; a.room(h, len(piece), len(m.bytes)) {
			m.bytes = append(m.bytes, piece...)
		}
		return
	}
	if a.room(h, len(piece)+128, 0) {
		h.messages = append(h.messages, harMessage{
			Type: kind, Opcode: opcode(o.Type), Time: float64(a.began.Add(at).UnixMilli()) / 1000, bytes: slices.Clone(piece), more: o.More, comment: o.left(),
		})
	}
}

// left says what is not there of a frame.
func (o *HTTPObject) left() string {
	switch {
	case o.Code != 0:
		return fmt.Sprintf("code %d", o.Code)
	case o.SHA256 != "":
		return fmt.Sprintf("%d bytes, SHA-256 %s", o.Bytes, o.SHA256)
	}
	return ""
}

func opcode(kind string) int {
	switch kind {
	case "text":
		return 1
	case "binary":
		return 2
	case "close":
		return 8
	case "ping":
		return 9
	case "pong":
		return 10
	}
	return 0
}

// finish writes what never ended, and the end.
func (a *archiver) finish(out *bufio.Writer) error {
	for _, n := range slices.Sorted(maps.Keys(a.held)) {
		if err := a.write(out, a.held[n]); err != nil {
			return err
		}
	}
	if _, err := out.WriteString("\n]}}\n"); err != nil {
		return err
	}
	return out.Flush()
}

// write writes an exchange, and forgets it.
func (a *archiver) write(out *bufio.Writer, h *harHeld) error {
	delete(a.held, h.x.N)
	a.size -= h.size
	if h.x.Request == nil {
		return nil // it began before
	}
	b, err := json.Marshal(h.entry(a.began))
	if err != nil {
		return err
	}
	sep := ",\n"
	if !a.any {
		sep, a.any = "\n", true
	}
	_, err = out.WriteString(sep + string(b))
	return err
}

// The members of HAR that are used, in its own names.
type (
	harEntry struct {
		Started  string       `json:"startedDateTime"`
		Time     float64      `json:"time"`
		Request  harRequest   `json:"request"`
		Response harResponse  `json:"response"`
		Cache    struct{}     `json:"cache"`
		Timings  harTimings   `json:"timings"`
		Comment  string       `json:"comment,omitempty"`
		Resource string       `json:"_resourceType,omitempty"`
		Messages []harMessage `json:"_webSocketMessages,omitempty"`
	}
	harPair struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	harParam struct {
		Name    string `json:"name"`
		Value   string `json:"value,omitempty"`
		File    string `json:"fileName,omitempty"`
		Comment string `json:"comment,omitempty"`
		more    bool
	}
	harRequest struct {
		Method  string    `json:"method"`
		URL     string    `json:"url"`
		Version string    `json:"httpVersion"`
		Cookies []harPair `json:"cookies"`
		Headers []harPair `json:"headers"`
		Query   []harPair `json:"queryString"`
		Post    *harPost  `json:"postData,omitempty"`
		Head    int       `json:"headersSize"`
		Body    int64     `json:"bodySize"`
	}
	harPost struct {
		Mime   string     `json:"mimeType"`
		Text   string     `json:"text"`
		Params []harParam `json:"params"`
	}
	harResponse struct {
		Status   int        `json:"status"`
		Text     string     `json:"statusText"`
		Version  string     `json:"httpVersion"`
		Cookies  []harPair  `json:"cookies"`
		Headers  []harPair  `json:"headers"`
		Content  harContent `json:"content"`
		Redirect string     `json:"redirectURL"`
		Head     int        `json:"headersSize"`
		Body     int64      `json:"bodySize"`
	}
	harContent struct {
		Size     int64  `json:"size"`
		Mime     string `json:"mimeType"`
		Text     string `json:"text,omitempty"`
		Encoding string `json:"encoding,omitempty"`
		Comment  string `json:"comment,omitempty"`
	}
	harTimings struct {
		Blocked float64 `json:"blocked"`
		DNS     float64 `json:"dns"`
		Connect float64 `json:"connect"`
		Send    float64 `json:"send"`
		Wait    float64 `json:"wait"`
		Receive float64 `json:"receive"`
		SSL     float64 `json:"ssl"`
	}
	harMessage struct {
		Type    string  `json:"type"`
		Time    float64 `json:"time"`
		Opcode  int     `json:"opcode"`
		Data    string  `json:"data"`
		Comment string  `json:"comment,omitempty"`
		bytes   []byte
		comment string
		more    bool
	}
)
