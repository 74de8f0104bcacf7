package httpproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"

	"lockbox/gateway"
	"lockbox/gateway/outside"
	"lockbox/policy"
)

// exchange passes one request of a session on, if it may be.
func (c *call) exchange() {
	s := c.seat
	if bad := strings.ContainsAny(c.r.URL.RawQuery, ";%"); bad {
		c.r.URL.RawQuery = readable(c.r.URL.RawQuery)
	}
	x := &exchange{call: c, seat: s, target: c.target, bare: http.NewResponseController(c.w.ResponseWriter), wrote: c.take}
	release := x.held(c.r)
	defer release()
	if !s.begin(x) {
		if s.visit.Context().Err() != nil {
			c.refuse(x.ending())
			return
		}
		c.w.Header().Set("Retry-After", "1")
		c.refuse(refusal{status: http.StatusServiceUnavailable, code: policy.NotYet, why: "too much is open in this session at once; close something and try again", again: true})
		return
	}
	defer s.done(x)
	take, err := s.reel.begin(asked{
		ID: c.id, From: fromOf(source(c.r)), Method: c.r.Method, URL: c.r.URL.RequestURI(), Proto: c.r.Proto, Host: c.r.Host, Scheme: c.door.site.spoken(), Header: c.r.Header,
	})
	if err != nil {
		_ = x.unrecorded(err) // it was reported
		x.refuse(unrecordable())
		return
	}
	x.take = take
	defer x.over()
	if x.permitted() {
		x.proxy()
	}
}

// readable is a query without what servers read differently, as httputil.ReverseProxy leaves it.
func readable(query string) string {
	if v, err := url.ParseQuery(query); err != nil {
		return v.Encode()
	}
	return query
}

// over writes down what came of an exchange.
func (x *exchange) over() {
	c := x.call
	c.line.Outcome = x.ended(c.r)
	c.line.In, c.line.Out = x.take.sizes()
	if err := x.take.end(c.line.Outcome, x.trailer); err != nil {
		_ = x.unrecorded(err) // it was reported
	}
}

// refuse answers instead of the target, and records that.
func (x *exchange) refuse(f refusal) {
	c := x.call
	x.says("refused")
	if x.take != nil && !x.headed {
		if err := x.take.head(f.status, "", http.Header{}); err != nil {
			_ = x.unrecorded(err) // it was reported
		}
	}
	c.refuse(f)
}

// away refuses who may look at nothing here any more: a person goes to the portal, which says why.
func (x *exchange) away(f refusal) {
	if !navigates(x.call.r) {
		x.refuse(f)
		return
	}
	x.says("refused")
	if err := x.take.head(http.StatusSeeOther, x.call.r.Proto, http.Header{}); err != nil {
		_ = x.unrecorded(err) // it was reported
	}
	x.call.arrive()
}

// permitted decides whether the request may pass; where not, it is answered.
func (x *exchange) permitted() bool {
	c, v := x.call, x.seat.visit
	do := policy.HTTPPut
	if safe := c.r.Method == http.MethodGet || c.r.Method == http.MethodHead || c.r.Method == http.MethodOptions; safe && c.r.Header.Get("Upgrade") == "" {
		do = policy.HTTPGet
	}
	if foreign(c.r, c.door.site.origin(c.target.Name), do == policy.HTTPPut) {
		x.refuse(refusal{status: http.StatusForbidden, code: policy.ByPolicy, why: "this request comes from another page"})
		return false
	}
	d, err := v.Still(x.ctx, do, fromOf(source(c.r)))
	switch {
	case err != nil && x.ctx.Err() == nil:
		c.door.Report(fmt.Errorf("request %s: %w", c.id, err))
		x.refuse(broken())
		return false
	case err != nil, d.Verdict != policy.Allow && v.Context().Err() != nil:
		x.away(x.ending())
		return false
	case d.Verdict != policy.Allow && d.Code == policy.NotYet:
		c.w.Header().Set("Retry-After", "5")
		x.refuse(refusal{status: http.StatusServiceUnavailable, code: d.Code, why: "%s", args: []string{d.Why.String()}, request: v.Grant().ID, again: true})
		return false
	case d.Verdict != policy.Allow:
		x.away(refusal{status: http.StatusForbidden, code: d.Code, why: "%s", args: []string{d.Why.String()}, request: v.Grant().ID})
		return false
	}
	x.may = d
	return x.within()
}

// within keeps the request within the bounds of the rule.
func (x *exchange) within() bool {
	c, b := x.call, x.may.Bounds.HTTP
	if b == nil {
		return true
	}
	f := refusal{status: http.StatusForbidden, code: policy.ByPolicy, args: []string{x.may.Rule}, request: x.seat.visit.Grant().ID}
	switch {
	case len(b.Methods) > 0 && !slices.Contains(b.Methods, c.r.Method):
		c.w.Header().Set("Allow", strings.Join(b.Methods, ", "))
		f.status, f.why, f.args = http.StatusMethodNotAllowed, "rule %q does not let the method %s pass", append(f.args, c.r.Method)
	case !matches(b.Paths, c.r.URL.EscapedPath()):
		f.why = "rule %q does not let this address pass"
	case b.MaxBody > 0 && c.r.ContentLength > b.MaxBody:
		f.status, f.why = http.StatusRequestEntityTooLarge, tooLarge
	case !x.seat.within(b.Rate):
		c.w.Header().Set("Retry-After", "1")
		f.status, f.why, f.again = http.StatusTooManyRequests, "these are more requests than rule %q lets pass; wait a little", true
	default:
		return true
	}
	x.refuse(f)
	return false
}

const tooLarge = "what is sent is larger than rule %q lets pass"

func broken() refusal {
	return refusal{status: http.StatusInternalServerError, code: policy.ByPolicy, why: "something went wrong in Lockbox; tell operators the reference", again: true}
}

func unrecordable() refusal {
	return refusal{status: http.StatusServiceUnavailable, code: gateway.NoRecorder, why: "the recorder cannot write, so nothing passes", again: true}
}

// ending is the answer where the visit has ended.
func (x *exchange) ending() refusal {
	g := x.seat.gone()
	return refusal{status: http.StatusForbidden, code: g.why.Code, why: "%s", args: []string{g.why.Why}, request: g.grant, again: true}
}

// proxy passes the request on, and the answer back.
func (x *exchange) proxy() {
	c := x.call
	way, err := c.door.ways.to(x.target)
	if err != nil {
		c.door.Report(fmt.Errorf("request %s: %w", c.id, err))
		x.says("target failed: settings")
		x.refuse(refusal{status: http.StatusBadGateway, code: gateway.Unreachable, why: "the application could not be reached; tell operators the reference"})
		return
	}
	select {
	case way.room <- struct{}{}:
		defer func() { <-way.room }()
	default:
		c.w.Header().Set("Retry-After", "1")
		x.refuse(refusal{status: http.StatusServiceUnavailable, code: policy.NotYet, why: "too many use this application at once; try again", again: true})
		return
	}
	if c.door.Sign == nil {
		x.refuse(broken())
		return
	}
	if x.identity, err = x.seat.identity(c.id); err != nil {
		c.door.Report(fmt.Errorf("request %s: sign who it is from: %w", c.id, err))
		x.refuse(broken())
		return
	}
	up := c.r.WithContext(x.ctx)
	if trace := x.take.trace(); trace != nil {
		up = up.WithContext(httptrace.WithClientTrace(x.ctx, trace))
	}
	if up.Body != nil && up.Body != http.NoBody {
		x.up = &upload{x: x, body: up.Body, left: -1, in: c.r}
		if b := x.may.Bounds.HTTP; b != nil && b.MaxBody > 0 {
			x.up.left = b.MaxBody
		}
		up.Body = x.up
	}
	p := &httputil.ReverseProxy{Rewrite: x.rewrite, ModifyResponse: x.answer, ErrorHandler: x.failed, Transport: way.transport, BufferPool: &c.door.buffers, ErrorLog: mute()}
	p.ServeHTTP(c.w, up)
}

func mute() *log.Logger { return log.New(io.Discard, "", 0) }

// rewrite makes the request that goes up: nothing in its header that only we
// say is a client's.
func (x *exchange) rewrite(p *httputil.ProxyRequest) {
	c, out := x.call, p.Out
	strip(out.Header, x.target)
	if out.Header.Get("Upgrade") != "" && !upgrades(c.r) { // to nothing else
		out.Header.Del("Upgrade")
		out.Header.Del("Connection")
	}
	x.seat.reel.plain(out.Header)
	out.URL.Scheme = "https"
	if x.target.Web.Plain {
		out.URL.Scheme = "http"
	}
	out.URL.Host, out.Host = x.seat.visit.Session.ID, c.r.Host // by it connections are kept apart, see transport
	if x.target.Web.Host != "" {
		out.Host = x.target.Web.Host
	}
	h := out.Header
	h["X-Forwarded-For"] = []string{source(c.r)}
	h["X-Forwarded-Host"] = []string{c.r.Host}
	h["X-Forwarded-Proto"] = []string{c.door.site.scheme}
	h[requestID] = []string{c.id}
	h[identityHeader] = []string{x.identity}
	if out.Trailer = nil; len(c.r.Trailer) > 0 && x.up != nil {
		t := maps.Clone(c.r.Trailer)
		trail(t)
		out.Trailer, x.up.out = t, t
	}
}

// answer takes the head of the target's answer: recorded first, then cleaned.
func (x *exchange) answer(res *http.Response) error {
	if err := x.seat.visit.Gate(x.ctx); err != nil {
		return err
	}
	if res.StatusCode == http.StatusSwitchingProtocols && !upgrades(x.call.r) {
		return errors.New("the target switches to what nobody asked for")
	}
	if res.StatusCode < 200 && res.StatusCode != http.StatusSwitchingProtocols { // it would be read as 200
		return errors.New("the answer of the target has no status")
	}
	if err := x.take.head(res.StatusCode, res.Proto, res.Header); err != nil {
		return x.unrecorded(err)
	}
	x.headed = true
	x.moves()
	x.call.door.reply(res.Header, x.target)
	trail(res.Trailer)
	h := x.call.w.Header()
	h.Set(requestID, x.call.id) // httputil.ReverseProxy takes it away after what came before the answer
	if res.Header["Content-Type"] == nil {
		h["Content-Type"] = nil // net/http would guess one
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		res.Body = &download{x: x, body: res.Body, res: res}
		return nil
	}
	two, ok := res.Body.(io.ReadWriteCloser)
	if !ok {
		return errors.New("the target switches to what cannot be written to")
	}
	x.call.w.status = res.StatusCode
	res.Body = &pipe{x: x, to: two}
	return nil
}

// failed answers where the target's answer did not come, or may not pass.
func (x *exchange) failed(_ http.ResponseWriter, r *http.Request, err error) {
	v := x.seat.visit
	f := refusal{status: http.StatusBadGateway, code: gateway.Unreachable, why: "the application does not answer; tell operators the reference if it stays so", again: true}
	switch {
	case errors.Is(err, errTooLarge):
		f = refusal{status: http.StatusRequestEntityTooLarge, code: policy.ByPolicy, why: tooLarge, args: []string{x.may.Rule}, request: v.Grant().ID}
	case errors.Is(err, errUnrecorded):
		f = unrecordable()
	case v.Context().Err() != nil:
		f = x.ending()
	case x.call.r.Context().Err() != nil:
		x.says("client gone")
		panic(http.ErrAbortHandler)
	case errors.Is(err, errClient): // it breaks off, or is cut in chunks as nobody may
		f = refusal{status: http.StatusBadGateway, code: policy.ByPolicy, why: "what you sent breaks off, or is not written as HTTP wants it"}
	default:
		kind := fault(err)
		v.Failed(kind)
		x.says("target failed: " + kind)
		if kind == "timeout" || errors.Is(context.Cause(x.ctx), errSilent) {
			f.status, f.why = http.StatusGatewayTimeout, "the application takes too long to answer; try again"
		}
	}
	x.refuse(f)
}

// fault is what went wrong on the way to a target, in a word.
func fault(err error) string {
	var op *net.OpError
	var t interface{ Timeout() bool }
	switch {
	case errors.Is(err, outside.ErrAddress), errors.Is(err, outside.ErrOurs):
		return "address"
	case errors.As(err, &t) && t.Timeout(), strings.Contains(err.Error(), "timeout awaiting response headers"):
		return "timeout"
	case strings.Contains(err.Error(), "tls:"), strings.Contains(err.Error(), "x509:"):
		return "certificate"
	case errors.As(err, &op) && op.Op == "dial":
		return "connect"
	}
	return "answer"
}

// buffers are lent to what copies.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

// Get lends a buffer.
func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return p[:]
	}
	return new([bufferSize]byte)[:]
}

// Put takes one back.
func (b *buffers) Put(p []byte) {
	if len(p) == bufferSize {
		b.pool.Put((*[bufferSize]byte)(p))
	}
}
