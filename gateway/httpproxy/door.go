package httpproxy

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/identity"
	"lockbox/recorder/requests"
)

// A Door serves the applications. Its fields are set before its first use.
type Door struct {
	Gateway *gateway.Gateway
	Desk    *approvals.Desk
	People  *identity.Directory
	Portal  string // origin of the portal: "https://lock.example.eu"
	Apps    string // origin of the applications without their names: "https://gw.example.eu"; TARGET is at https://TARGET.gw.example.eu
	Report  func(error)
	Now     func() time.Time // nil: time.Now

	// Sign makes the identity header: a JWT of these claims, see Claims. nil: no
	// request passes.
	Sign func(Claims) (string, error)
	// Keys is the JSON Web Key Set that verifies it (RFC 7517).
	Keys func() []byte

	// Own is where the gateway listens: no target is there, whatever its address says.
	Own []net.Addr

	// Certs is the folder of the client certificates that targets ask for:
	// TARGET.crt and TARGET.key. "": there are none.
	Certs string

	// Requests is the log of requests that operators read; nil: there is none.
	Requests *requests.Log

	once   sync.Once
	site   site
	waits  lobby
	seats  seats
	ways   ways
	joined sync.WaitGroup // seats that are held

	buffers buffers

	answered [6]atomic.Uint64 // by the class of the status; see Counts
	open     atomic.Int64
}

// Counts are for who watches the door.
type Counts struct {
	Answered [6]uint64 // requests by the first digit of their status; 0: none came
	Sessions int       // browsers that are in
	Open     int       // exchanges under way
	Waiting  int       // browsers that were sent to the portal
}

// Counts says how the door fares.
func (d *Door) Counts() (c Counts) {
	d.prepare()
	for i := range d.answered {
		c.Answered[i] = d.answered[i].Load()
	}
	c.Sessions, c.Waiting, c.Open = d.seats.count(), d.waits.count(), int(d.open.Load())
	return c
}

// Claims are what an application is told of who is there, and why they may be (RFC 7519).
type Claims struct {
	Issuer    string   `json:"iss"` // Door.Portal
	Subject   string   `json:"sub"` // the person's id
	Audience  string   `json:"aud"` // the target's name
	IssuedAt  int64    `json:"iat"` // Unix seconds
	NotBefore int64    `json:"nbf"`
	Expires   int64    `json:"exp"` // 60 s after iat
	ID        string   `json:"jti"` // the correlation id of the first request that it serves; one token serves those of a second
	Name      string   `json:"name,omitempty"`
	Email     string   `json:"email,omitempty"` // where the person's id is an address
	Grant     string   `json:"grant"`
	Session   string   `json:"session"` // of the recording
	Login     string   `json:"login"`
	Customers []string `json:"customers"`
	Actions   []string `json:"actions"`
}

func (d *Door) prepare() {
	d.once.Do(func() {
		d.site = newSite(d.Apps)
		d.waits.prepare()
		d.seats.prepare()
		d.ways.door = d
	})
}

func (d *Door) now() time.Time {
	if d.Now == nil {
		return time.Now()
	}
	return d.Now()
}

// Handler serves every application; any other host gets 421.
func (d *Door) Handler() http.Handler {
	d.prepare()
	return http.HandlerFunc(d.serve)
}

// Arrival finds a browser that waits; false when there is none of that id, or no more.
func (d *Door) Arrival(id string) (gateway.Arrival, bool) {
	d.prepare()
	return d.waits.find(id, d.now())
}

// Address is where an application is, for who may get there.
func (d *Door) Address(target string) string {
	d.prepare()
	return d.site.origin(target) + "/"
}

// Close waits for what is left of the sessions, once Gateway.Close has ended them.
func (d *Door) Close() {
	d.joined.Wait()
	d.ways.close()
}

// detached is a context for what outlives a request.
func detached(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }
