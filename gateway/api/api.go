package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/approvals/charter"
	"lockbox/gateway"
	"lockbox/policy"
)

// Prefix is where the API stands.
const Prefix = "/api/v1"

const (
	maxBody = 64 << 10         // bytes
	maxWait = 25 * time.Second // less than an http.Server reads for

	maxWaits, waitsEach = 200, 20 // requests that wait at a time, and those of one person
)

// An API answers programs. Its fields are set before Handler is called.
type API struct {
	Gateway *gateway.Gateway
	Desk    *approvals.Desk
	Charter *charter.Charter // nil: there are no motions
	Tokens  *Tokens
	Logins  Logins                     // nil: terminals cannot log in
	URL     string                     // public origin: "https://lock.example.eu"; any other Host is refused
	Apps    func(target string) string // where an application is; nil: there is no HTTP door
	Report  func(error)                // hears of failures; the program gets a reference that is in it
	Now     func() time.Time           // nil: time.Now

	limits limits
	waits  waits
	alone  waits // of who has no token, by source
}

// Handler answers everything below Prefix. It is whole: headers, limits and tokens are inside.
func (a *API) Handler() http.Handler {
	routes := a.routes()
	host := ""
	if u, err := url.Parse(a.URL); err == nil {
		host = u.Host
	}
	var cross http.CrossOriginProtection
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.headers(w.Header())
		c := &call{a: a, w: w, r: r}
		defer c.recovered()
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		switch {
		case host == "" || r.Host != host:
			c.fail(errHost)
		case !a.limits.pass("source "+network(c.source()), sourceEach, sourceBurst, a.now()):
			c.fail(errSlow)
		case r.ContentLength > maxBody:
			c.fail(errTooLong)
		case cross.Check(r) != nil: // no browser's page has business here
			c.fail(errOrigin)
		default:
			if err := c.answer(routes); err != nil {
				c.fail(err)
			}
		}
	})
}

// Beside gives the API what is below Prefix, and next all else.
func (a *API) Beside(next http.Handler) http.Handler {
	own := a.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == Prefix || strings.HasPrefix(r.URL.Path, Prefix+"/") {
			own.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (a *API) headers(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Authorization")
	if strings.HasPrefix(a.URL, "https://") {
		h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
}

func (a *API) now() time.Time {
	if a.Now == nil {
		return time.Now()
	}
	return a.Now()
}

// page is the address of a page for people.
func (a *API) page(path string) string { return strings.TrimSuffix(a.URL, "/") + path }

func (a *API) policy() *policy.Policy {
	if p := a.Desk.Policy(); p != nil {
		return p
	}
	return new(policy.Policy) // it denies everything
}

func (a *API) report(err error) {
	if a.Report != nil && !errors.Is(err, context.Canceled) {
		a.Report(err)
	}
}

// recovered ends one call for a panic, not the process.
func (c *call) recovered() {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v)
	}
	c.fail(fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
}
