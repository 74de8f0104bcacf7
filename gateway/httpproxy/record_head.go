package httpproxy

import (
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"lockbox/recorder"
	"lockbox/recorder/redact"
)

// Bounds of a head that is written down, in bytes as they stand in JSON.
const (
	mostURL    = 12 << 10
	mostValue  = 4 << 10  // of a field
	mostHeader = 16 << 10 // of all fields
	leastURL   = 1 << 10  // of a head that is still too long
)

// request is a request as it is written down.
func (r *reel) request(a asked) *recorder.HTTPRequest {
	q := &recorder.HTTPRequest{
		ID: a.ID, Client: a.From.String(), Method: cut(a.Method, 64), Scheme: a.Scheme, Host: cut(a.Host, leastURL), URL: cut(r.query(a.URL), mostURL), Proto: a.Proto,
	}
	q.Header, q.More = r.header(a.Header)
	return q
}

// response is the head of an answer as it is written down.
func (r *reel) response(status int, proto string, h http.Header) *recorder.HTTPResponse {
	p := &recorder.HTTPResponse{Status: status, Proto: proto}
	p.Header, p.More = r.header(h)
	return p
}

// header is a header as it is written down, in the order of names: of what may
// be secret the name alone. more is how many fields are not.
func (r *reel) header(h http.Header) (all [][2]string, more int) {
	if len(h) == 0 {
		return nil, 0
	}
	left := mostHeader
	var room [24]string // as most have no more
	names := room[:0]
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	all = make([][2]string, 0, len(h)+2)
	for _, name := range names {
		for _, value := range h[name] {
			value = r.shown(name, value)
			if left -= written(name) + written(value) + 8; left < 0 {
				more++
				continue
			}
			all = append(all, [2]string{name, value})
		}
	}
	return all, more
}

const hidden = "‹redacted:header›"

// shown is the value of a field as it is written down.
func (r *reel) shown(name, value string) string {
	switch name {
	case "Accept", "Accept-Encoding", "Accept-Language", "Cache-Control", "Content-Length", "Content-Type", "Date", "User-Agent": // most there are
		return cut(value, mostValue)
	case "Referer", "Location", "Content-Location", "Refresh", "Link", "Sourcemap":
		return cut(r.query(value), mostValue)
	case "Sec-Websocket-Protocol": // some clients have a token in it
		if len(value) > 64 {
			return hidden
		}
	case "Sec-Websocket-Key", "Sec-Websocket-Accept", "Access-Control-Request-Headers", "Access-Control-Allow-Headers", "Access-Control-Expose-Headers", "Www-Authenticate", "Vary":
		return cut(value, mostValue)
	}
	if r.hides(name) {
		return hidden
	}
	return cut(value, mostValue)
}

// hides says whether what has that name, a field of a header or a parameter,
// may be a secret.
func (r *reel) hides(name string) bool {
	if redact.NamesHeader(name) || redact.NamesSecret(name) {
		return true
	}
	if name = plainName(name); slices.Contains(r.secrets, name) {
		return true
	}
	for _, part := range []string{"auth", "cookie", "token", "secret", "passw", "passphrase", "credential", "signature", "assertion", "session", "jwt", "apikey", "csrf", "xsrf", "lockbox-identity"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return strings.HasPrefix(name, "proxy-") || strings.HasSuffix(name, "-key") || slices.Contains([]string{"key", "sig", "pwd", "pin", "otp", "sid"}, name)
}

// plainName is a name as names are compared.
func plainName(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "-") }

// query is an address without the values of parameters whose names say that
// they are secret.
func (r *reel) query(address string) string {
	at, rest, found := strings.Cut(address, "?")
	if !found {
		return address
	}
	var b strings.Builder
	b.WriteString(at)
	sep := "?"
	for rest != "" {
		part := rest
		next := ""
		if i := strings.IndexAny(rest, "&;#?"); i >= 0 {
			part, next, rest = rest[:i], rest[i:i+1], rest[i+1:]
		} else {
			rest = ""
		}
		b.WriteString(sep + r.parameter(part))
		sep = next
	}
	b.WriteString(strings.TrimSuffix(sep, "?"))
	return b.String()
}

// parameter is name=value, or name=‹redacted:password›.
func (r *reel) parameter(part string) string {
	name, value, _ := strings.Cut(part, "=")
	if value == "" {
		return part
	}
	plain, err := url.QueryUnescape(name)
	if err != nil {
		plain = name
	}
	if r.hides(plain) {
		return name + "=‹redacted:password›"
	}
	return part
}

// written is how many bytes a text has in JSON, at most.
func written(s string) (n int) {
	for i := range len(s) {
		n += cost(s[i])
	}
	return n
}

func cost(b byte) int {
	switch {
	case b < ' ', b >= 0x7f, b == '"', b == '\\', b == '<', b == '>', b == '&':
		return 6
	}
	return 1
}

// cut is so much of a text as has that many bytes in JSON, and says that it was cut.
func cut(s string, most int) string {
	n := 0
	for i := range len(s) {
		if n += cost(s[i]); n > most {
			return strings.ToValidUTF8(s[:i], "\uFFFD") + "…"
		}
	}
	return s
}

// A climb notes how a request came to the target.
type climb struct {
	began time.Time
	now   func() time.Time
	conn  atomic.Int64 // time.Duration since began; 0: not yet
	sent  atomic.Int64
	fresh atomic.Bool
}

// trace follows the request on its way up, for the times in the record.
func (t *take) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn:      func(i httptrace.GotConnInfo) { t.climb.got(!i.Reused) },
		WroteRequest: func(httptrace.WroteRequestInfo) { t.climb.wrote() },
	}
}

// got is when there is a connection.
func (w *climb) got(fresh bool) {
	w.fresh.Store(fresh)
	w.conn.Store(int64(w.now().Sub(w.began)))
}

// wrote is when the request is on its way.
func (w *climb) wrote() { w.sent.Store(int64(w.now().Sub(w.began))) }

// tell fills the times in.
func (w *climb) tell(p *recorder.HTTPResponse) {
	p.New = w.fresh.Load()
	p.Conn, p.Sent = millis(time.Duration(w.conn.Load())), millis(time.Duration(w.sent.Load()))
}
