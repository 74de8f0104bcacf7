package portal

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"filippo.io/age"

	"lockbox/approvals"
	"lockbox/approvals/charter"
	"lockbox/approvals/notify"
	"lockbox/gateway"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
	weblog "lockbox/recorder/requests"
)

// A Portal serves the pages. Its fields are set before Handler or Server is called.
type Portal struct {
	Gateway *gateway.Gateway
	Desk    *approvals.Desk
	Leaving func(context.Context) ([]policy.Move, error) // what leaves a customer or production, with its delay; nil: nothing
	Charter *charter.Charter                             // nil: there are no motions, and their pages are not there
	People  *identity.Directory
	Ledger  *ledger.Ledger
	Shelf   *recorder.Shelf
	Vault   []age.Identity   // opens recordings here; without one a replay page says that it cannot
	LogKey  string           // the log's public key as text, for people to pin
	URL     string           // public origin: "https://lock.example.eu"; any other Host is refused
	Report  func(error)      // hears of failures; the person gets a reference that is in it
	Now     func() time.Time // nil: time.Now

	// Evidence gives the download of /r/{code}/evidence.json, for who may see the
	// request. nil: no page offers it.
	Evidence func(ctx context.Context, who policy.Principal, code string) ([]byte, error)

	// Pins are what a verifier pins, as the gateway has it: pages check receipts against
	// them before they tell what is in one. nil: there are no receipts.
	Pins func(context.Context) (approvals.Pinned, error)

	// Command gives what to type in a terminal to reach a target: "ssh db1.prod@gw.example.eu".
	// nil: pages only say "in a terminal".
	Command func(target, login string) string

	// Try says what is the matter with a target now, in a word or two of the language,
	// on behalf of somebody who may ask for it; "" when it answers as it should. An
	// error is that nobody knows. nil: pages offer no such test.
	Try func(ctx context.Context, who policy.Principal, target, language string) (matter string, err error)

	// Bring brings a recording back that is only in the object storage. nil: all are here.
	Bring func(ctx context.Context, session string) error

	// Apps are the applications behind the HTTP door. nil: there are none.
	Apps Apps

	// Requests is the request log of the HTTP door. nil: its page is not there.
	Requests *weblog.Log

	// Settings are where people say how they are told. nil: no page offers it.
	Settings *notify.Settings
	// Notices tells them. nil: nobody is told.
	Notices *notify.Follower

	// Tried gives how recordings stood when they were last tried. nil: none are.
	Tried func() Tried

	limits  limits
	looks   looks
	streams streams
	pulses  pulses
	readers readers
	newest  newest

	once  sync.Once
	pages pages
	quit  chan struct{} // closed when a Server shuts down: streams end
	stop  func()        // closes it
}

func (p *Portal) prepare() {
	p.once.Do(func() {
		p.pages = parsePages()
		p.quit = make(chan struct{})
		p.stop = sync.OnceFunc(func() { close(p.quit) })
	})
}

// Handler serves every route. It is whole: headers, limits and sign-in are inside.
func (p *Portal) Handler() http.Handler {
	p.prepare()
	mux := http.NewServeMux()
	for pattern, methods := range p.table() {
		mux.Handle(pattern, p.serve(methods))
	}
	return p.guard(mux)
}

// Server is an http.Server for Handler with the limits that the pages need. The
// caller gives it an address and, off loopback, a TLS configuration.
func (p *Portal) Server() *http.Server {
	s := &http.Server{
		Handler:                      p.Handler(),
		ReadHeaderTimeout:            5 * time.Second,
		ReadTimeout:                  30 * time.Second,
		WriteTimeout:                 60 * time.Second, // streams put it off, see patient
		IdleTimeout:                  60 * time.Second,
		MaxHeaderBytes:               16 << 10,
		DisableGeneralOptionsHandler: true,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: 100},
		Protocols:                    new(http.Protocols),
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true) // over TLS only
	s.RegisterOnShutdown(p.stop)
	return s
}

func (p *Portal) now() time.Time {
	if p.Now == nil {
		return time.Now()
	}
	return p.Now()
}

// host is the one name that the portal answers to.
func (p *Portal) host() string {
	u, err := url.Parse(p.URL)
	if err != nil {
		return ""
	}
	return u.Host
}

func (p *Portal) secure() bool { return strings.HasPrefix(p.URL, "https://") }
