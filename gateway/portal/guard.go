package portal

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
)

const maxBody = 64 << 10 // bytes of what a page sends

// Content security policies (W3C CSP3). Scripts are our own files, and none may
// write markup into a page.
const (
	strictCSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
		"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"
	// The player compiles its terminal from WebAssembly and writes its own markup.
	playerCSP = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
		"font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

// guard does for every route what comes before the question who asks.
func (p *Portal) guard(next http.Handler) http.Handler {
	host, origin := p.host(), strings.TrimSuffix(p.URL, "/")
	var csrf http.CrossOriginProtection
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.headers(w.Header())
		x := &exchange{p: p, w: w, r: r, say: p.language(w, r)}
		defer p.recovered(x)
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		switch {
		case host == "" || r.Host != host:
			x.fail(errHost)
		case r.ContentLength > maxBody:
			x.fail(errTooLong)
		case !p.limits.pass(x.source(), p.now()):
			x.fail(errSlow)
		case r.Method == http.MethodPost && (csrf.Check(r) != nil || !sameOrigin(r, origin)):
			x.fail(errOrigin)
		default:
			next.ServeHTTP(w, r.WithContext(x.context()))
		}
	})
}

// Beside does for another handler on the portal's listener what comes before it
// looks at anything: headers, and so many requests of one source.
func (p *Portal) Beside(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.headers(w.Header())
		if x := (&exchange{r: r}); !p.limits.pass(x.source(), p.now()) {
			http.Error(w, "", http.StatusTooManyRequests)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// sameOrigin wants a browser's word that the request comes from a page of ours.
// Origin is "null" from our own forms, for our pages send no referrer.
func sameOrigin(r *http.Request, origin string) bool {
	site, from := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	switch {
	case site != "" && site != "same-origin":
		return false
	case from == "" || from == "null":
		return site == "same-origin"
	}
	return from == origin
}

func (p *Portal) headers(h http.Header) {
	h.Set("Content-Security-Policy", strictCSP)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "publickey-credentials-get=(self), publickey-credentials-create=(self), "+
		"clipboard-read=(), clipboard-write=(), camera=(), microphone=(), geolocation=()")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Cookie, Accept-Language")
	if p.secure() {
		h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
}

// recovered ends one exchange for a panic, not the process.
func (p *Portal) recovered(x *exchange) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v)
	}
	x.fail(fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
}
