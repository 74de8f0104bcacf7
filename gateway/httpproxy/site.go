package httpproxy

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"lockbox/policy"
)

// A site is where the applications are.
type site struct {
	scheme string
	domain string // without its port
	port   string // ":8443"; "" for the scheme's own
	secure bool
}

func newSite(origin string) site {
	u, err := url.Parse(origin)
	if err != nil {
		return site{}
	}
	s := site{scheme: u.Scheme, domain: strings.ToLower(u.Hostname()), secure: u.Scheme == "https"}
	if p := u.Port(); p != "" && p != map[string]string{"https": "443", "http": "80"}[u.Scheme] {
		s.port = ":" + p
	}
	return s
}

// spoken is the scheme as it is recorded: "" where that is https.
func (s site) spoken() string {
	if s.secure {
		return ""
	}
	return s.scheme
}

// origin is that of an application.
func (s site) origin(target string) string { return s.scheme + "://" + s.host(target) }

// host is what browsers send as Host for an application.
func (s site) host(target string) string { return target + "." + s.domain + s.port }

// target is the application whose host that is; "" for none. There is one way to
// write each: small letters, no dot at the end, the port that browsers send.
func (s site) target(host string) string {
	name, ok := strings.CutSuffix(host, "."+s.domain+s.port)
	if !ok || s.domain == "" || !isLabel(name) {
		return ""
	}
	return name
}

// isLabel says whether s is one label of a domain name (RFC 1035, section
// 2.3.1, and digits first), and none of internationalised names.
func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' || strings.HasPrefix(s, "xn--") {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return !(r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z') })
}

// application finds what a Host stands for; nil for nothing.
func (d *Door) application(host string) *policy.Target {
	p := d.Desk.Policy()
	if p == nil {
		return nil
	}
	if t := p.Targets[d.site.target(host)]; t != nil && t.Kind == "http" {
		return t
	}
	return nil
}

// Names of our cookies. With the prefix a browser takes them only over TLS, for
// one host, from that host (RFC 6265bis, section 4.1.3).
const (
	hostPrefix    = "__Host-"
	arrivalCookie = "lockbox-arrival"
	seatCookie    = "lockbox-app"
)

// ours says whether that is the name of a cookie of ours, here or where there is no TLS.
func ours(name string) bool {
	name = strings.ToLower(strings.TrimSpace(name))
	return strings.HasPrefix(strings.TrimPrefix(name, strings.ToLower(hostPrefix)), "lockbox")
}

func (s site) cookie(name, value string, age int) *http.Cookie {
	if s.secure {
		name = hostPrefix + name
	}
	return &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode, MaxAge: age}
}

// read gives the value of our cookie; "" where there is none, or more than one.
func (s site) read(r *http.Request, name string) string {
	if s.secure {
		name = hostPrefix + name
	}
	if all := r.CookiesNamed(name); len(all) == 1 {
		return all[0].Value
	}
	return ""
}

// source is the IP address that a request comes from.
func source(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}
