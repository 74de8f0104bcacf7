package recorder

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf8"
)

// append adds an object as encoding/json writes it, in a fraction of the time:
// there are two for each request. Every text goes through clean, where that is
// not nil. Not ok: it has a number that is left to encoding/json.
func (o *HTTPObject) append(b []byte, clean func(string) string) (_ []byte, ok bool) {
	j := members{b: append(b, '{'), clean: clean, ok: true}
	j.text("op", o.Op)
	j.number("n", o.N)
	if o.Request != nil {
		j.name("request")
		o.Request.append(&j)
	}
	if o.Response != nil {
		j.name("response")
		o.Response.append(&j)
	}
	j.some("from", o.From)
	j.some("type", o.Type)
	j.some("field", o.Field)
	j.some("file", o.File)
	j.count("code", int64(o.Code))
	j.some("text", o.Text)
	if len(o.Data) > 0 {
		j.text("data", base64.StdEncoding.EncodeToString(o.Data))
	}
	j.count("bytes", o.Bytes)
	j.some("sha256", o.SHA256)
	j.yes("more", o.More)
	j.some("outcome", o.Outcome)
	j.span("ms", o.Milli)
	j.body("in", o.In)
	j.body("out", o.Out)
	j.pairs("trailer", o.Trailer)
	return append(j.b, '}'), j.ok
}

func (q *HTTPRequest) append(j *members) {
	j.b = append(j.b, '{')
	j.text("id", q.ID)
	j.some("client", q.Client)
	j.text("method", q.Method)
	j.text("host", q.Host)
	j.some("scheme", q.Scheme)
	j.text("url", q.URL)
	j.text("proto", q.Proto)
	j.pairs("header", q.Header)
	j.count("more", int64(q.More))
	j.b = append(j.b, '}')
}

func (p *HTTPResponse) append(j *members) {
	j.b = append(j.b, '{')
	j.name("status")
	j.b = strconv.AppendInt(j.b, int64(p.Status), 10)
	j.some("proto", p.Proto)
	j.pairs("header", p.Header)
	j.count("more", int64(p.More))
	j.yes("new", p.New)
	j.span("conn", p.Conn)
	j.span("sent", p.Sent)
	j.name("head")
	j.float(p.Head)
	j.b = append(j.b, '}')
}

// members are those of a JSON object; what is zero is left out, but by text, number and float.
type members struct {
	b     []byte
	clean func(string) string
	ok    bool
}

func (j *members) name(name string) {
	if j.b[len(j.b)-1] != '{' {
		j.b = append(j.b, ',')
	}
	j.b = append(append(append(j.b, '"'), name...), `":`...)
}

func (j *members) text(name, v string) {
	j.name(name)
	j.string(v)
}

func (j *members) string(v string) {
	if j.clean != nil {
		v = j.clean(v)
	}
	j.b = appendString(j.b, v)
}

func (j *members) some(name, v string) {
	if v != "" {
		j.text(name, v)
	}
}

func (j *members) number(name string, v uint64) {
	j.name(name)
	j.b = strconv.AppendUint(j.b, v, 10)
}

func (j *members) count(name string, v int64) {
	if v != 0 {
		j.name(name)
		j.b = strconv.AppendInt(j.b, v, 10)
	}
}

func (j *members) yes(name string, v bool) {
	if v {
		j.name(name)
		j.b = append(j.b, "true"...)
	}
}

func (j *members) span(name string, v float64) {
	if v != 0 {
		j.name(name)
		j.float(v)
	}
}

// float writes a number as ECMAScript does, which encoding/json follows; one
// that is no span of time it leaves to that.
func (j *members) float(v float64) {
	if v != 0 && !(math.Abs(v) >= 1e-6 && math.Abs(v) < 1e21) {
		j.ok = false
	}
	if n := math.Round(v * 1000); v > 0 && v < 1e9 && n/1000 == v { // as millis makes them: three places are all there are
		whole, part := int64(n)/1000, int64(n)%1000
		if j.b = strconv.AppendInt(j.b, whole, 10); part > 0 {
			j.b = append(j.b, '.', byte('0'+part/100), byte('0'+part/10%10), byte('0'+part%10))
			j.b = bytes.TrimRight(j.b, "0")
		}
		return
	}
	j.b = strconv.AppendFloat(j.b, v, 'f', -1, 64)
}

func (j *members) body(name string, v *HTTPBody) {
	if v == nil {
		return
	}
	j.name(name)
	j.b = append(j.b, `{"bytes":`...)
	j.b = strconv.AppendInt(j.b, v.Bytes, 10)
	j.count("kept", v.Kept)
	j.some("sha256", v.SHA256)
	j.count("messages", v.Messages)
	j.b = append(j.b, '}')
}

func (j *members) pairs(name string, all [][2]string) {
	if len(all) == 0 {
		return
	}
	j.name(name)
	for i, p := range all {
		j.b = append(j.b, "[,"[min(i, 1)], '[')
		j.string(p[0])
		j.b = append(j.b, ',')
		j.string(p[1])
		j.b = append(j.b, ']')
	}
	j.b = append(j.b, ']')
}

// appendString adds a text as encoding/json does.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if n > 1 && r != '\u2028' && r != '\u2029' {
			i += n
			continue
		}
		b = append(b, s[from:i]...)
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c == '\b':
			b = append(b, `\b`...)
		case c == '\f':
			b = append(b, `\f`...)
		default: // r is U+FFFD for what is no character
			b = append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		}
		i += n
		from = i
	}
	return append(append(b, s[from:]...), '"')
}
