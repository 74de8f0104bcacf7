package httpproxy

import (
	"net/http"
	"strings"

	"lockbox/gateway"
	"lockbox/policy"
)

// ownPath is below which a door answers itself on every host of an application.
const ownPath = "/.lockbox/"

// own answers what is ours; false: it is the application's. Nothing at or below
// ownPath ever is, in whatever letters.
func (c *call) own() bool {
	path := c.r.URL.Path
	if len(path) < len(ownPath)-1 || !strings.EqualFold(path[:len(ownPath)-1], ownPath[:len(ownPath)-1]) || len(path) >= len(ownPath) && path[len(ownPath)-1] != '/' {
		return false
	}
	read := c.r.Method == http.MethodGet || c.r.Method == http.MethodHead
	c.w.Header().Set("X-Content-Type-Options", "nosniff")
	switch what := strings.TrimPrefix(path, ownPath); {
	case what == "enter" && c.r.Method == http.MethodGet:
		c.enter()
	case what == "leave" && c.r.Method == http.MethodPost:
		c.leave()
	case what == "jwks.json" && read && c.door.Keys != nil:
		c.w.Header().Set("Content-Type", "application/jwk-set+json")
		c.w.Header().Set("Cache-Control", "max-age=300")
		_, _ = c.w.Write(c.door.Keys()) // who asked is gone
	case what == "page.css" && read:
		c.w.Header().Set("Content-Type", "text/css; charset=utf-8")
		c.w.Header().Set("Cache-Control", "max-age=3600")
		_, _ = c.w.Write([]byte(styles)) // who asked is gone
	default:
		c.refuse(refusal{status: http.StatusNotFound, code: policy.ByPolicy, why: "Lockbox has no such page"})
	}
	return true
}

// enter lets in the browser that somebody went on with at the portal.
func (c *call) enter() {
	d, site := c.door, c.door.site
	if dest := c.r.Header.Get("Sec-Fetch-Dest"); dest != "" && dest != "document" {
		c.refuse(refusal{status: http.StatusForbidden, code: policy.ByPolicy, why: "this is only for opening the application"})
		return
	}
	a, s, cookie := d.waits.enter(site.read(c.r, arrivalCookie), c.r.URL.Query().Get("code"), c.target.Name, d.now())
	if s == nil {
		if here, _ := d.seats.of(site.read(c.r, seatCookie), c.target.Name); here != nil {
			c.redirect("/")
			return
		}
		c.refuse(refusal{status: http.StatusForbidden, code: policy.NoGrant, why: "this way in was used, is too old, or is for another browser. If it is yours, let it keep cookies of this page, and open the application again", again: true})
		return
	}
	close(s.taken)
	c.seat = s
	http.SetCookie(c.w, site.cookie(seatCookie, cookie, 0))
	http.SetCookie(c.w, site.cookie(arrivalCookie, "", -1))
	c.redirect(a.Path)
}

// leave ends the session, for the person.
func (c *call) leave() {
	d := c.door
	if foreign(c.r, d.site.origin(c.target.Name), true) {
		c.refuse(refusal{status: http.StatusForbidden, code: policy.ByPolicy, why: "this request comes from another page"})
		return
	}
	if s, _ := d.seats.of(d.site.read(c.r, seatCookie), c.target.Name); s != nil {
		c.seat = s
		s.visit.End(&gateway.Ending{Why: "closed by the person"})
	}
	http.SetCookie(c.w, d.site.cookie(seatCookie, "", -1))
	c.redirect(d.Portal + "/")
}

// strange answers who has no session here: a browser goes to the portal, a
// program hears why.
func (c *call) strange(g *gone) {
	d := c.door
	if navigates(c.r) {
		c.arrive()
		return
	}
	f := refusal{status: http.StatusUnauthorized, code: policy.NoGrant, why: "open the application in a browser and sign in", at: d.site.origin(c.target.Name) + "/", again: true}
	if g != nil {
		f = refusal{status: http.StatusForbidden, code: g.why.Code, why: "%s", args: []string{g.why.Why}, at: f.at, request: g.grant, again: true}
	}
	c.refuse(f)
}

// arrive sends a browser to the portal. One that waits already goes on waiting.
func (c *call) arrive() {
	d, now := c.door, c.door.now()
	path := c.r.RequestURI
	if c.r.Method != http.MethodGet || len(path) > pathMost {
		path = "/"
	}
	a, waits := d.waits.back(d.site.read(c.r, arrivalCookie), c.target.Name, path, now)
	if !waits {
		var secret string
		a, secret = d.waits.add(gateway.Arrival{Target: c.target.Name, Path: path, From: source(c.r), At: now})
		http.SetCookie(c.w, d.site.cookie(arrivalCookie, cookieOf(a, secret), int(arrivalLife.Seconds())))
	}
	c.line.Outcome, c.line.Code = "sent to the portal", string(policy.NoGrant)
	c.redirect(d.Portal + "/h/" + a.ID)
}

// redirect sends a browser on by GET.
func (c *call) redirect(to string) {
	h := c.w.Header()
	h.Set("Location", to)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	c.w.WriteHeader(http.StatusSeeOther)
}
