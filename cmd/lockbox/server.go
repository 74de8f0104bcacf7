package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"filippo.io/age"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/identity"
	"lockbox/gateway/keys"
	"lockbox/gateway/portal"
	"lockbox/gateway/sshproxy"
	"lockbox/policy"
	"lockbox/policy/lang"
	"lockbox/policy/statement"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
)

// A Server is the whole gateway, wired. Run serves until its context ends;
// Close gives back what Open took.
type Server struct {
	Config  Config
	Policy  *policy.Policy
	Keys    *keys.Ring
	Ledger  *ledger.Ledger
	People  *identity.Directory
	Desk    *approvals.Desk
	Gateway *gateway.Gateway
	Shelf   *recorder.Shelf
	Ready   func(*Server) // called once every door is open
	Origins []string      // of the portal besides Config.URL

	log                    *slog.Logger
	ssh, web, ops, control net.Listener
}

// Open opens the ledger and the keys, reads the policy, and mends what a crash
// left. Nobody can come in yet.
func Open(ctx context.Context, c Config, log *slog.Logger) (s *Server, err error) {
	s = &Server{Config: c, log: log}
	if s.Keys, err = keys.Load(c.Keys.Dir); err != nil {
		return nil, err
	}
	source, err := lang.Load(c.Policy.Dir)
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	if err := source.Valid(); err != nil {
		return nil, &exit{exitUsage, err}
	}
	s.Policy = source.Policy
	engine, err := boltengine.Open(c.Store.Bbolt)
	if err != nil {
		return nil, err
	}
	s.Ledger, err = ledger.Open(ctx, engine, ledger.Options{
		Origin: c.Log, Signer: s.Keys.Log, Verifier: s.Keys.LogVerifier, Now: time.Now,
		Newest: []string{"grant/", "request/", "person/", "credential/", "sshkey/", "pins/", "proof/"},
	})
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	s.wire()
	if err := s.settle(ctx); err != nil {
		return nil, errors.Join(err, s.Ledger.Close())
	}
	return s, nil
}

// wire ties the rooms together.
func (s *Server) wire() {
	c := s.Config
	inForce := func() *policy.Policy { return s.Policy }
	party := statement.Party{ID: c.host(), Origins: []string{c.URL}}
	report := func(err error) { s.log.Error("failure", "err", err) }
	s.People = &identity.Directory{Ledger: s.Ledger, Log: c.Log, Party: party, Policy: inForce, Now: time.Now}
	s.Desk = &approvals.Desk{Ledger: s.Ledger, People: s.People, Policy: inForce, Log: c.Log, Party: party}
	s.Shelf = &recorder.Shelf{
		Dir: c.Recordings.Dir, Recipients: []age.Recipient{s.Keys.Vault.Recipient()}, AtRest: s.Keys.AtRest,
		Signer: s.Keys.Log, Verifier: s.Keys.LogVerifier, Now: time.Now,
	}
	s.Gateway = &gateway.Gateway{Desk: s.Desk, Ledger: s.Ledger, Shelf: s.Shelf, Report: report}
}

// settle founds what the policy pins and closes what a crash left open.
func (s *Server) settle(ctx context.Context) error {
	if err := s.People.Check(); err != nil {
		return err
	}
	customers := map[string][]string{}
	for id, c := range s.Policy.Customers {
		customers[id] = c.FoundedBy
	}
	if err := s.People.Found(ctx, s.Policy.Executives, customers); err != nil {
		return err
	}
	if err := s.notePolicy(ctx); err != nil {
		return err
	}
	return s.Gateway.Recover(ctx)
}

// notePolicy puts into the log which policy is in force from now on, when it is
// another than before.
func (s *Server) notePolicy(ctx context.Context) error {
	const key = "policy/loaded"
	return s.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		var before string
		if _, err := tx.Get(key, &before); err != nil || before == s.Policy.Digest {
			return err
		}
		if err := tx.Put(key, s.Policy.Digest); err != nil {
			return err
		}
		_, err := tx.Append(ledger.Event{
			Kind: "policy.loaded", Actor: localUser(), Detail: map[string]string{"policy-sha256": s.Policy.Digest, "before": before},
		})
		return err
	})
}

// Listen opens every door's socket, so that nothing is half open.
func (s *Server) Listen() (err error) {
	defer func() {
		if err != nil {
			s.hangUp()
		}
	}()
	if s.ssh, err = net.Listen("tcp", s.Config.SSH.Listen); err != nil {
		return unavailable("open the SSH door: %w", err)
	}
	if s.web, err = net.Listen("tcp", s.Config.HTTP.Listen); err != nil {
		return unavailable("open the portal: %w", err)
	}
	if s.Config.HTTP.TLS.Cert != "" {
		if s.web, err = secure(s.web, s.Config.HTTP.TLS.Cert, s.Config.HTTP.TLS.Key); err != nil {
			return err
		}
	}
	if s.Config.Ops.Listen != "" {
		if s.ops, err = net.Listen("tcp", s.Config.Ops.Listen); err != nil {
			return unavailable("open the operations listener: %w", err)
		}
	}
	s.control, err = listenControl(s.Config.Control)
	return err
}

func unavailable(format string, args ...any) error {
	return &exit{exitUnavailable, fmt.Errorf(format, args...)}
}

func (s *Server) hangUp() {
	for _, l := range []net.Listener{s.ssh, s.web, s.ops, s.control} {
		if l != nil {
			_ = l.Close() // closed once already where it served
		}
	}
}

// secure puts TLS 1.3 on a listener.
func secure(l net.Listener, cert, key string) (net.Listener, error) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return l, usage("read the certificate: %w", err)
	}
	return tls.NewListener(l, &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13, NextProtos: []string{"h2", "http/1.1"},
	}), nil
}

// Run serves until ctx ends, then ends every visit and waits for all of it.
func (s *Server) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	serve := func(what string, fn func(context.Context) error) {
		wg.Go(func() {
			if err := fn(ctx); err != nil && ctx.Err() == nil {
				stop(fmt.Errorf("%s: %w", what, err))
			}
		})
	}
	report := func(err error) { s.log.Error("failure", "err", err) }
	door := &sshproxy.Door{
		Gateway: s.Gateway, Desk: s.Desk, People: s.People, Keys: s.Keys, Portal: s.Config.URL, Report: report, Now: time.Now,
	}
	pages := &portal.Portal{
		Gateway: s.Gateway, Desk: s.Desk, People: s.People, Ledger: s.Ledger, Shelf: s.Shelf, Vault: []age.Identity{s.Keys.Vault},
		URL: s.Config.URL, Report: report, Now: time.Now, Evidence: s.receipt, Command: s.Config.command,
	}
	serve("ssh door", func(ctx context.Context) error { return door.Serve(ctx, s.ssh) })
	serve("portal", func(ctx context.Context) error { return serveHTTP(ctx, pages.Server(), s.web) })
	serve("control", func(ctx context.Context) error { return serveHTTP(ctx, s.controlServer(), s.control) })
	if s.ops != nil {
		serve("operations", func(ctx context.Context) error { return serveHTTP(ctx, s.opsServer(), s.ops) })
	}
	wg.Go(func() { s.Desk.SweepEvery(ctx, 15*time.Second, report) })
	wg.Go(func() { every(ctx, time.Minute, func() error { return s.People.Sweep(ctx) }, report) })
	wg.Go(func() { every(ctx, recheck, s.untampered(ctx, stop), report) })
	if s.Ready != nil {
		s.Ready(s)
	}
	<-ctx.Done()
	s.Gateway.Close("the gateway is stopping")
	wg.Wait()
	s.hangUp()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// recheck is how often the whole log is held against the state.
const recheck = 15 * time.Minute

// untampered checks the whole ledger. Nobody stays in over one that somebody
// else has changed: it ends the gateway.
func (s *Server) untampered(ctx context.Context, stop context.CancelCauseFunc) func() error {
	return func() error {
		err := s.Ledger.Check(ctx)
		if errors.Is(err, ledger.ErrTampered) {
			stop(err)
		}
		return err
	}
}

// receipt is the evidence of a request as a file.
func (s *Server) receipt(ctx context.Context, who policy.Principal, code string) ([]byte, error) {
	r, err := s.Gateway.Receipt(ctx, who, code)
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(r, "", "  ")
}

// Close gives back what Open took.
func (s *Server) Close() error { return s.Ledger.Close() }

func every(ctx context.Context, d time.Duration, fn func() error, report func(error)) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := fn(); err != nil && ctx.Err() == nil {
			report(err)
		}
	}
}

// serveHTTP serves until ctx ends; what does not finish in a second is cut.
func serveHTTP(ctx context.Context, h *http.Server, l net.Listener) error {
	h.BaseContext = func(net.Listener) context.Context { return ctx }
	done := make(chan error, 1)
	go func() { done <- h.Serve(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer stop()
	if h.Shutdown(grace) != nil {
		_ = h.Close() // what is left is cut
	}
	<-done
	return nil
}

// opsServer answers whether the gateway lives, and whether it would let somebody in.
func (s *Server) opsServer() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		err := s.Shelf.Ready()
		if err == nil {
			err = s.Ledger.View(r.Context(), func(*ledger.Tx) error { return nil })
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	return &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
}

// listenControl opens the socket for the commands on this machine.
func listenControl(path string) (net.Listener, error) {
	if c, err := net.Dial("unix", path); err == nil {
		_ = c.Close() // it was only asked whether somebody answers
		return nil, unavailable("another lockbox answers on %s; stop it first", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, unavailable("open the control socket: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, unavailable("open the control socket: %w", err)
	}
	mask := syscall.Umask(0o077) // nobody else can connect between Listen and Chmod
	l, err := net.Listen("unix", path)
	syscall.Umask(mask)
	if err != nil {
		return nil, unavailable("open the control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(unavailable("open the control socket: %w", err), l.Close())
	}
	return l, nil
}
