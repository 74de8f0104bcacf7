package httpproxy

import (
	"container/list"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/netip"
	"sync"
	"time"

	"lockbox/gateway"
)

// How many browsers wait, and for how long.
const (
	arrivalLife  = 24 * time.Hour
	arrivalsMost = 10_000
	perSource    = 64
	pathMost     = 2 << 10 // of the page that was asked for; a longer one is "/"
)

// A lobby is where browsers wait that were sent to the portal. One gives way to
// a new one, of its source or of all: the oldest at whom nobody has looked, then
// the oldest that was not let in.
type lobby struct {
	mu      sync.Mutex
	all     map[string]*list.Element // of arrival, by id
	order   *list.List               // nobody has looked at them, the oldest first
	seen    *list.List
	sources map[netip.Prefix][]string // ids, the oldest first
}

type arrival struct {
	gateway.Arrival
	secret [32]byte // SHA-256 of the cookie
	source netip.Prefix
	seen   bool
	code   [32]byte // SHA-256 of the code that lets it in, once
	until  time.Time
	seat   *seat
	cookie string // of the seat, for the browser that comes with the code
}

func (l *lobby) prepare() {
	l.all, l.order, l.seen, l.sources = map[string]*list.Element{}, list.New(), list.New(), map[netip.Prefix][]string{}
}

// secret is 256 bits of chance as text, and their SHA-256.
func secret() (text string, sum [32]byte) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	text = hex.EncodeToString(b[:])
	return text, digest(text)
}

func digest(text string) [32]byte { return sha256.Sum256([]byte(text)) }

// add lets a browser wait, and gives its cookie.
func (l *lobby) add(a gateway.Arrival) (gateway.Arrival, string) {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	a.ID = hex.EncodeToString(id[:])
	text, sum := secret()
	w := &arrival{Arrival: a, secret: sum, source: wide(a.From)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if ids := l.sources[w.source]; len(ids) >= perSource {
		l.drop(l.least(ids))
	}
	if len(l.all) >= arrivalsMost {
		l.drop(l.oldest())
	}
	l.all[a.ID] = l.order.PushBack(w)
	l.sources[w.source] = append(l.sources[w.source], a.ID)
	return a, text
}

// least is the one of a source that gives way. mu is held.
func (l *lobby) least(ids []string) *list.Element {
	for _, gives := range []func(*arrival) bool{
		func(w *arrival) bool { return !w.seen },
		func(w *arrival) bool { return w.seat == nil },
	} {
		for _, id := range ids {
			if e := l.all[id]; gives(e.Value.(*arrival)) {
				return e
			}
		}
	}
	return l.all[ids[0]]
}

// oldest is the one of all that gives way. mu is held.
func (l *lobby) oldest() *list.Element {
	if e := l.order.Front(); e != nil {
		return e
	}
	for e := l.seen.Front(); e != nil; e = e.Next() {
		if e.Value.(*arrival).seat == nil {
			return e
		}
	}
	return l.seen.Front()
}

func (l *lobby) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

// drop forgets one. mu is held.
func (l *lobby) drop(e *list.Element) {
	w := e.Value.(*arrival)
	if w.seen {
		l.seen.Remove(e)
	} else {
		l.order.Remove(e)
	}
	delete(l.all, w.ID)
	ids := l.sources[w.source]
	for i, id := range ids {
		if id == w.ID {
			ids = append(ids[:i:i], ids[i+1:]...)
			break
		}
	}
	if l.sources[w.source] = ids; len(ids) == 0 {
		delete(l.sources, w.source)
	}
	if w.seat != nil { // admitted, and the browser never came
		w.seat.end()
	}
}

// get finds one. mu is held.
func (l *lobby) get(id string, now time.Time) (*list.Element, *arrival) {
	e := l.all[id]
	if e == nil {
		return nil, nil
	}
	w := e.Value.(*arrival)
	if !now.Before(w.At.Add(arrivalLife)) || w.seat != nil && !now.Before(w.until) {
		l.drop(e)
		return nil, nil
	}
	return e, w
}

// find is for the portal: somebody who is signed in looks at it.
func (l *lobby) find(id string, now time.Time) (gateway.Arrival, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, w := l.get(id, now)
	if w == nil {
		return gateway.Arrival{}, false
	}
	if !w.seen {
		l.order.Remove(e)
		w.seen = true
		l.all[id] = l.seen.PushBack(w)
	}
	return w.Arrival, true
}

// back finds the browser that waits already with that cookie, for an
// application. It comes with another page: that one it gets.
func (l *lobby) back(cookie, target, path string, now time.Time) (gateway.Arrival, bool) {
	if cookie == "" {
		return gateway.Arrival{}, false
	}
	sum := digest(cookie[min(len(cookie), 32):]) // ids are in front of secrets, see cookieOf
	l.mu.Lock()
	defer l.mu.Unlock()
	_, w := l.get(cookie[:min(len(cookie), 32)], now)
	if w == nil || w.Target != target || w.seat != nil || subtle.ConstantTimeCompare(sum[:], w.secret[:]) != 1 {
		return gateway.Arrival{}, false
	}
	w.Path = path
	return w.Arrival, true
}

// admit keeps the way in of one that was let in; false when it waits no more, or was let in before.
func (l *lobby) admit(id string, s *seat, cookie string, now time.Time) (code string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, w := l.get(id, now)
	if w == nil || w.seat != nil {
		return "", false
	}
	code, w.code = secret()
	w.seat, w.cookie, w.until = s, cookie, now.Add(codeLife)
	return code, true
}

// codeLife is how long the way in stays open.
const codeLife = time.Minute

// enter lets in the browser that arrived, with its cookie and the code, once.
func (l *lobby) enter(cookie, code, target string, now time.Time) (a gateway.Arrival, s *seat, seatCookie string) {
	if len(cookie) < 32 {
		return gateway.Arrival{}, nil, ""
	}
	sum, given := digest(cookie[32:]), digest(code)
	l.mu.Lock()
	defer l.mu.Unlock()
	e, w := l.get(cookie[:32], now)
	if w == nil || w.seat == nil || w.Target != target ||
		subtle.ConstantTimeCompare(sum[:], w.secret[:]) != 1 || subtle.ConstantTimeCompare(given[:], w.code[:]) != 1 {
		return gateway.Arrival{}, nil, ""
	}
	a, s, seatCookie = w.Arrival, w.seat, w.cookie
	w.seat = nil
	l.drop(e)
	return a, s, seatCookie
}

// cookieOf is the cookie of a browser that waits: whose it is, and the secret.
func cookieOf(a gateway.Arrival, secret string) string { return a.ID + secret }

// wide is the network that counts as one source.
func wide(ip string) netip.Prefix {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return netip.Prefix{}
	}
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // there are as many bits
	return p
}
