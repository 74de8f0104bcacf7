package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"lockbox/gateway"
	"lockbox/gateway/httpproxy"
	"lockbox/gateway/keys"
	"lockbox/gateway/portal"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
	weblog "lockbox/recorder/requests"
)

// Requests is the log of requests to applications, for operators. It is sealed, and the oldest lines go first.
type Requests struct {
	Dir  string `yaml:"dir"`  // "requests", beside the recordings, where it is not said
	Keep string `yaml:"keep"` // "7d" where it is not said
	Size string `yaml:"size"` // "256MiB" where it is not said

	bounds weblog.Bounds
}

func (r *Requests) check(recordings string) (err error) {
	r.Dir = cmp.Or(r.Dir, filepath.Join(filepath.Dir(recordings), "requests"))
	if r.Keep != "" {
		if r.bounds.Keep, err = span(r.Keep); err != nil {
			return fmt.Errorf("requests.keep: %w", err)
		}
	}
	if r.Size != "" {
		if r.bounds.Bytes, err = mebibytes(r.Size); err != nil {
			return fmt.Errorf("requests.size: %w", err)
		}
	}
	return nil
}

var sizeText = regexp.MustCompile(`^([1-9][0-9]{0,3})(MiB|GiB)$`)

func mebibytes(text string) (int64, error) {
	m := sizeText.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("%q is no size; write 256MiB, or 1GiB", text)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if m[2] == "GiB" {
		n <<= 10
	}
	return n << 20, err
}

// A webDoor is what the HTTP door has besides what every door has.
type webDoor struct {
	keys *keys.Web
	log  *weblog.Log

	mu   sync.Mutex // guards left
	left []string   // who is to be taken out of log

	listen net.Listener
	shown  *shown // nil: plain, on loopback
}

// openApps makes ready what the HTTP door needs; nothing where there is none.
func (s *Server) openApps() (err error) {
	c := s.Config
	if c.Apps.wanted() {
		if s.apps.keys, err = keys.OpenWeb(c.Keys.Dir, time.Now); err != nil {
			return err
		}
	} else if _, err := os.Stat(c.Requests.Dir); err != nil { // where there was one, what it has goes in its time
		return nil
	}
	seal, err := s.Keys.Requests()
	if err != nil {
		return err
	}
	if s.apps.log, err = weblog.Open(c.Requests.Dir, seal, c.Requests.bounds, s.failed); err != nil {
		return err
	}
	s.apps.log.Tell = s.tellRequest
	s.Gateway.Archive = &requestless{s.Gateway.Archive, s.apps.log}
	forget := s.Desk.Forget
	s.Desk.Forget = func(tx *ledger.Tx, request, person string, by int64) error {
		s.apps.leaves(person)
		return forget(tx, request, person, by)
	}
	return nil
}

// requestless destroys recordings together with what the request log has of their sessions.
type requestless struct {
	gateway.Archive
	log *weblog.Log
}

func (a *requestless) Destroy(ctx context.Context, session string) ([]string, error) {
	began := recorder.IDTime(session)
	err := a.log.Erase(ctx, began.Add(-time.Minute), began.Add(24*time.Hour), func(l weblog.Line) bool { return l.Session == session })
	if err != nil {
		return nil, err
	}
	return a.Archive.Destroy(ctx, session)
}

// leaves has a person taken out of the request log, soon.
func (d *webDoor) leaves(person string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Contains(d.left, person) {
		d.left = append(d.left, person)
	}
}

// forgetRequests takes those out of the request log who were erased: what they asked for.
func (s *Server) forgetRequests(ctx context.Context) error {
	d := &s.apps
	d.mu.Lock()
	left := d.left
	d.left = nil
	d.mu.Unlock()
	if len(left) == 0 {
		return nil
	}
	err := d.log.Erase(ctx, time.Time{}, time.Now(), func(l weblog.Line) bool { return slices.Contains(left, l.Who) })
	if err != nil {
		for _, person := range left {
			d.leaves(person)
		}
	}
	return err
}

// tellRequest is the line of operations: who, from where and which page are in the sealed log alone, found by the id.
func (s *Server) tellRequest(l weblog.Line) {
	s.log.Info("request", "id", l.ID, "target", l.Target, "session", l.Session, "method", l.Method, "status", l.Status, "code", l.Code,
		"outcome", l.Outcome, "ms", l.Milli, "in", l.In, "out", l.Out)
}

// listenApps opens the HTTP door's socket.
func (s *Server) listenApps() (err error) {
	c := s.Config.Apps
	if !c.wanted() {
		return nil
	}
	if c.TLS.Cert != "" {
		if s.apps.shown, err = c.TLS.open("a." + c.domain()); err != nil {
			return err
		}
	}
	if s.apps.listen, err = net.Listen("tcp", c.Listen); err != nil {
		return unavailable("open the HTTP door: %w", err)
	}
	return nil
}

// runApps serves the HTTP door, where there is one, and turns the keys by which applications know who is there.
func (s *Server) runApps(serve func(string, func(context.Context) error), pages *portal.Portal) {
	if s.apps.listen == nil {
		return
	}
	door := s.appsDoor(pages)
	s.seen.apps(door, s.apps.log)
	var conf *tls.Config
	if s.apps.shown != nil {
		conf = s.apps.shown.config()
	}
	serve("http door", func(ctx context.Context) error { return door.Serve(ctx, s.apps.listen, conf) })
	serve("request log", func(ctx context.Context) error {
		every(ctx, 15*time.Second, func() error { return s.forgetRequests(ctx) }, s.failed)
		return nil
	})
	serve("keys for applications", func(ctx context.Context) error {
		every(ctx, time.Hour, s.apps.keys.Turn, s.failed)
		return nil
	})
}

// appsDoor is the HTTP door, and puts it behind the portal.
func (s *Server) appsDoor(pages *portal.Portal) *httpproxy.Door {
	door := &httpproxy.Door{
		Gateway: s.Gateway, Desk: s.Desk, People: s.People, Portal: s.Config.URL, Apps: s.Config.Apps.URL, Report: s.failed, Now: time.Now,
		Sign: func(c httpproxy.Claims) (string, error) { return s.apps.keys.Sign(c) }, Keys: s.apps.keys.JWKS, Requests: s.apps.log,
		Own: s.own(), Certs: filepath.Join(s.Config.Keys.Dir, "http"),
	}
	pages.Apps, pages.Requests = door, s.apps.log
	return door
}

// closeApps gives back what openApps took.
func (s *Server) closeApps() error {
	if s.apps.log == nil {
		return nil
	}
	return s.apps.log.Close()
}
