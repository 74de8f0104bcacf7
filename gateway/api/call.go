package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"lockbox/policy"
)

// A call is one request to the API, its answer, and who asks.
type call struct {
	a     *API
	w     http.ResponseWriter
	r     *http.Request
	route *route
	parts map[string]string // of the path: {code}
	query map[string]string
	token Token
	who   policy.Principal // as they are now
	sent  bool             // the answer has begun
}

func (c *call) ctx() context.Context { return c.r.Context() }

// code is the short code in the path, as people type it.
func (c *call) code() string {
	return strings.NewReplacer("O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(c.parts["code"]))
}

// source is the address of whoever asks.
func (c *call) source() netip.Addr {
	at, err := netip.ParseAddrPort(c.r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

// answer finds the route, then who asks, then lets the route answer.
func (c *call) answer(routes []route) error {
	if err := c.find(routes); err != nil {
		return err
	}
	if err := c.readQuery(); err != nil {
		return err
	}
	if !c.route.open {
		if err := c.identify(); err != nil {
			return err
		}
	}
	guesser := "codes of " + c.who.ID
	counted := c.parts != nil && !c.route.open
	if counted && c.a.limits.spent(guesser, guessEach, guessBurst, c.a.now()) {
		return errSlow
	}
	out, err := c.route.serve(c)
	if counted && unknown(err) {
		c.a.limits.pass(guesser, guessEach, guessBurst, c.a.now())
	}
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, out)
}

// find takes the path as it stands: nothing is cleaned, decoded twice or redirected.
func (c *call) find(routes []route) error {
	path, ok := strings.CutPrefix(c.r.URL.Path, Prefix)
	if !ok || c.r.URL.EscapedPath() != c.r.URL.Path {
		return errNowhere
	}
	method := c.r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var allow []string
	for i := range routes {
		parts, ok := routes[i].match(path)
		if !ok {
			continue
		}
		if routes[i].method == method {
			c.route, c.parts = &routes[i], parts
			return nil
		}
		allow = append(allow, routes[i].method)
	}
	if allow == nil {
		return errNowhere
	}
	c.w.Header().Set("Allow", strings.Join(allow, ", "))
	return errMethod
}

// readQuery takes exactly the parameters that the route has, each once.
func (c *call) readQuery() error {
	if len(c.r.URL.RawQuery) > 1024 {
		return malformed("the query is too long")
	}
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return malformed("the query cannot be read")
	}
	c.query = map[string]string{}
	for name, all := range values {
		known := slices.ContainsFunc(c.route.query, func(p param) bool { return p.name == name })
		if !known || len(all) != 1 { // what it is called is not repeated: it may be a secret
			return malformed("the query holds a parameter that is unknown here, or one twice")
		}
		c.query[name] = all[0]
	}
	return nil
}

// identify finds out whose token it is, from one header alone: no cookie counts.
func (c *call) identify() error {
	token, who, err := c.a.Tokens.Lookup(c.ctx(), c.bearer())
	switch {
	case errors.Is(err, ErrToken): // a right token from there goes on: nobody locks their neighbours out
		if !c.a.limits.pass("tokens of "+network(c.source()), guessEach, guessBurst, c.a.now()) {
			return errSlow
		}
		return errNoToken
	case err != nil:
		return err
	}
	if !c.a.limits.pass("token "+token.ID, tokenEach, tokenBurst, c.a.now()) {
		return errSlow
	}
	if s := c.route.scope; s != "" && !slices.Contains(token.Scopes, s) {
		return noScope(s)
	}
	c.token, c.who = token, who
	return nil
}

// bearer is the token of the one Authorization header (RFC 6750 §2.1); "" for none.
func (c *call) bearer() string {
	all := c.r.Header.Values("Authorization")
	if len(all) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(all[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

// send writes JSON.
func (c *call) send(status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	c.sent = true
	c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	c.w.WriteHeader(status)
	_, _ = c.w.Write(append(b, '\n')) // who does not read it has gone
	return nil
}

// network is what counts as one source: an IPv4 address, an IPv6 /64.
func network(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
