package httpproxy

import (
	"net/http"
	"net/url"
	"strings"

	"lockbox/policy"
)

// Names of headers of ours.
const (
	identityHeader = "X-Lockbox-Identity"
	requestID      = "X-Request-Id"
)

// spoken says whether a header of a client is passed on: not what says where a
// request came from or what it is, which only we say, and not what is read as
// another name by some server.
func spoken(name string) bool {
	switch name {
	case "Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Content-Type", "Cookie", "If-Modified-Since", "If-None-Match", "Origin",
		"Pragma", "Referer", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Fetch-User", "Upgrade-Insecure-Requests", "User-Agent": // most there are
		return true
	}
	if strings.ContainsFunc(name, func(r rune) bool {
		return !(r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
	}) {
		return false
	}
	switch name = strings.ToLower(name); name {
	case "forwarded", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "cf-connecting-ip", "cf-connecting-ipv6",
		"fastly-client-ip", "x-rewrite-url", "x-http-method", "x-http-method-override", "x-method-override", "x-request-id", "x-correlation-id",
		"x-host", "x-proxyuser-ip", "client-ip", "via", "early-data", "request-range", "x-remote-user", "remote-user", "x-envoy-external-address", "x-sendfile", "x-accel-redirect":
		return false
	}
	for _, p := range []string{"x-forwarded", "x-original", "x-lockbox", "proxy", "x-auth-request", "x-webauth", "cf-access"} {
		if strings.HasPrefix(name, p) {
			return false
		}
	}
	return true
}

// strip takes out of the header that goes up what no client may say.
func strip(h http.Header, t *policy.Target) {
	for name := range h {
		if !spoken(name) {
			delete(h, name)
		}
	}
	if !t.Web.Authorization {
		delete(h, "Authorization")
	}
	if ranges := h["Range"]; len(ranges) > 1 || len(ranges) == 1 && strings.Count(ranges[0], ",") >= rangesMost { // one may answer with the whole (RFC 9110, section 14.2)
		h.Del("Range")
		h.Del("If-Range")
	}
	cutCookies(h)
}

// rangesMost is how many parts of a page are asked for at once: a server may make a copy of the page for each.
const rangesMost = 16

// cutCookies takes our cookies out, and leaves the others byte for byte.
func cutCookies(h http.Header) {
	lines := h["Cookie"]
	if len(lines) == 0 {
		return
	}
	var kept []string
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ";") {
			name, _, _ := strings.Cut(part, "=")
			if part = strings.TrimSpace(part); part != "" && !ours(name) {
				kept = append(kept, part)
			}
		}
	}
	if len(kept) == 0 {
		h.Del("Cookie")
		return
	}
	h["Cookie"] = []string{strings.Join(kept, "; ")}
}

// wrongHeader says what is wrong with the header of a request; "" where nothing is.
func wrongHeader(r *http.Request) string {
	for _, line := range r.Header["Connection"] {
		for token := range strings.SplitSeq(line, ",") {
			switch strings.ToLower(strings.TrimSpace(token)) {
			case "", "close", "keep-alive", "upgrade":
			default:
				return "Connection names a header that it may not take away"
			}
		}
	}
	if len(r.Header["Upgrade"]) > 1 || len(r.Header["Origin"]) > 1 || len(r.Header["Content-Type"]) > 1 {
		return "a header is there twice that may be there once"
	}
	return ""
}

// upgrades says whether a request wants to become a WebSocket (RFC 6455, section 4.1).
func upgrades(r *http.Request) bool {
	return r.ProtoMajor == 1 && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// foreign says whether a request comes from a page of another origin in a way
// that pages of one application have no use for: a WebSocket, a change, a frame,
// a part of a page. To be sent here by a link is not foreign.
func foreign(r *http.Request, origin string, changes bool) bool {
	site, from := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	if upgrades(r) {
		return from != origin
	}
	if from != "" && from != origin { // a page of another origin wants to read, where it is no change: no browser sends it with a link
		return true
	}
	switch {
	case site == "" || site == "same-origin" || site == "none":
		return false
	case changes:
		return true
	}
	return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
}

// navigates says whether a person is about to look at the answer: a browser
// opens a page.
func navigates(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || r.Header.Get("Upgrade") != "" {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// reply takes out of the answer of a target what would touch what is ours, or
// other applications.
func (d *Door) reply(h http.Header, t *policy.Target) {
	for name := range h {
		if low := strings.ToLower(name); strings.HasPrefix(low, "x-lockbox") || strings.HasPrefix(low, "proxy-") {
			delete(h, name)
		}
	}
	for _, name := range [...]string{"Alt-Svc", "Clear-Site-Data", "Strict-Transport-Security", "Public-Key-Pins", "Expect-Ct", "Nel", "Service-Worker-Allowed", requestID} {
		delete(h, name) // net/http wrote it so
	}
	if d.site.secure {
		h["Strict-Transport-Security"] = []string{"max-age=63072000; includeSubDomains"}
	}
	if h.Get("Access-Control-Allow-Origin") == "*" {
		h.Del("Access-Control-Allow-Credentials")
	}
	hosted(h)
	for _, name := range [...]string{"Location", "Content-Location"} {
		if to := first(h, name); to != "" {
			h.Set(name, d.outside(to, t))
		}
	}
}

// first is the first value of a field whose name is written as net/http writes it.
func first(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// trail takes out of trailers what is a matter of heads, or ours.
func trail(h http.Header) {
	if len(h) == 0 {
		return
	}
	for name := range h {
		low := strings.ToLower(name)
		if strings.HasPrefix(low, "x-lockbox") || strings.HasPrefix(low, "proxy-") || strings.HasPrefix(low, "set-cookie") || !spoken(name) {
			delete(h, name)
		}
	}
	for _, name := range []string{"Location", "Strict-Transport-Security", "Clear-Site-Data", "Alt-Svc", "Authorization", "Cookie", "Host", "Content-Length", "Transfer-Encoding"} {
		h.Del(name)
	}
}

// hosted leaves of the cookies that a target sets what stays with its own host.
func hosted(h http.Header) {
	lines := h["Set-Cookie"]
	if len(lines) == 0 {
		return
	}
	kept := lines[:0:0]
	for _, line := range lines {
		pair, attributes, _ := strings.Cut(line, ";")
		if name, _, ok := strings.Cut(pair, "="); !ok || strings.TrimSpace(name) == "" || ours(name) { // without a name its value would be read as one
			continue
		}
		out := pair
		for a := range strings.SplitSeq(attributes, ";") {
			if key, _, _ := strings.Cut(a, "="); strings.TrimSpace(a) != "" && !strings.EqualFold(strings.TrimSpace(key), "domain") {
				out += ";" + a
			}
		}
		kept = append(kept, out)
	}
	h["Set-Cookie"] = kept
}

// outside is an address as the browser reaches it: a target that names itself by
// its own address means the application's.
func (d *Door) outside(to string, t *policy.Target) string {
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" {
		return to
	}
	host := strings.ToLower(u.Host)
	if host != t.Address && strings.TrimSuffix(t.Address, ":443") != host && strings.TrimSuffix(t.Address, ":80") != host &&
		(t.Web.Host == "" || host != t.Web.Host) {
		return to
	}
	u.Scheme, u.Host = d.site.scheme, d.site.host(t.Name)
	return u.String()
}
