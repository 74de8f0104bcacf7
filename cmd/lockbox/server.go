package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"lockbox/approvals"
	"lockbox/approvals/charter"
	"lockbox/gateway"
	"lockbox/gateway/api"
	"lockbox/gateway/heap"
	"lockbox/gateway/identity"
	"lockbox/gateway/keys"
	"lockbox/gateway/portal"
	"lockbox/gateway/rulebook"
	"lockbox/gateway/sshproxy"
	"lockbox/policy"
	"lockbox/policy/lang"
	"lockbox/recorder"
	"lockbox/recorder/archive"
	"lockbox/recorder/backup"
	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
	"lockbox/recorder/witness"
)

// A Server is the whole gateway, wired. Run serves until its context ends;
// Close gives back what Open took.
type Server struct {
	Config  Config
	Book    *rulebook.Book
	Keys    *keys.Ring
	Ledger  *ledger.Ledger
	People  *identity.Directory
	Charter *charter.Charter
	Desk    *approvals.Desk
	Gateway *gateway.Gateway
	Shelf   *recorder.Shelf
	Tokens  *api.Tokens
	Ready   func(*Server) // called once every door is open
	Reloads bool          // SIGHUP has the policy read again
	// Witnessed says what the witnesses hold; nil where there are none.
	Witnessed func(context.Context) ([]backup.Held, error)

	asker                  *witness.Asker
	log                    *slog.Logger
	seen                   *seen
	backups                *backup.Maker
	head                   *backup.Head
	keeps                  *archive.Keeper
	tried                  trials
	apps                   webDoor
	tells                  teller
	webShown               *shown // nil: plain, on loopback
	ssh, web, ops, control net.Listener
}

// Open opens the ledger and the keys, reads the policy, and mends what a crash
// left. Nobody can come in yet.
func Open(ctx context.Context, c Config, log *slog.Logger) (s *Server, err error) {
	s = &Server{Config: c, log: log}
	if s.Keys, err = keys.Load(c.Keys.Dir); err != nil {
		return nil, err
	}
	engine, err := boltengine.Open(c.Store.Bbolt)
	if err != nil {
		return nil, err
	}
	secret, err := s.Keys.State()
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	o := ledger.Options{
		Origin: c.Log, Signer: s.Keys.Log, Verifier: s.Keys.LogVerifier, Secret: secret, Now: time.Now,
		Newest: []string{"grant/", "extension/", "request/", "person/", "credential/", "sshkey/", "login/", "pins/", "proof/", "touched/", "motion/", "motion-held/", "policy/", "token/", "uses/", "slack/", "slack-of/", "restored/", "shred/", "glass/", "incident/", "digest/"},
	}
	s.Ledger, err = ledger.Open(ctx, engine, o)
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	s.head = &backup.Head{Ledger: s.Ledger, Path: backup.HeadPath(c.Store.Bbolt)}
	if s.backups, err = c.maker(s.Keys, s.Ledger, o, engine); err != nil {
		return nil, errors.Join(err, s.Ledger.Close())
	}
	s.wire()
	if err = s.keeper(ctx); err == nil {
		err = s.witnesses()
	}
	if err == nil {
		err = s.settle(ctx)
	}
	if err == nil {
		err = s.openApps()
	}
	if err == nil {
		err = s.openNotify()
	}
	if err != nil {
		return nil, errors.Join(err, s.Ledger.Close())
	}
	return s, nil
}

// settle closes what a crash left open and puts a policy in force.
func (s *Server) settle(ctx context.Context) error {
	if err := s.unrewound(ctx); err != nil {
		return err
	}
	if err := s.People.Check(); err != nil {
		return err
	}
	if err := s.Gateway.Recover(ctx); err != nil { // first: it sees how long the log was silent
		return err
	}
	r, err := s.Book.Open(ctx)
	if errs := (lang.Errors)(nil); errors.As(err, &errs) {
		return &exit{exitUsage, err}
	}
	if err != nil {
		return err
	}
	if r.Outcome != rulebook.Unchanged && r.Outcome != rulebook.Activated {
		s.log.Warn("policy", "outcome", r.Outcome, "why", r.Why)
	}
	return nil
}

// reload reads the policy files again, and the certificates.
func (s *Server) reload(ctx context.Context) (rulebook.Result, error) {
	if err := s.renew(); err != nil {
		s.failed(err)
	}
	r, err := s.Book.Reload(ctx)
	if err == nil {
		s.log.Info("policy", "outcome", r.Outcome, "digest", r.Digest, "why", r.Why)
	}
	return r, err
}

// onHangup reloads at every SIGHUP, until ctx ends.
func (s *Server) onHangup(ctx context.Context, report func(error)) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
		}
		if _, err := s.reload(ctx); err != nil && ctx.Err() == nil {
			report(err)
		}
	}
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
		if s.web, s.webShown, err = secure(s.web, s.Config.HTTP.TLS, s.Config.host()); err != nil {
			return err
		}
	}
	if err := s.listenApps(); err != nil {
		return err
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
	for _, l := range []net.Listener{s.ssh, s.web, s.apps.listen, s.ops, s.control} {
		if l != nil {
			_ = l.Close() // closed once already where it served
		}
	}
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
	report := s.failed
	door := &sshproxy.Door{
		Gateway: s.Gateway, Desk: s.Desk, People: s.People, Keys: s.Keys, Portal: s.Config.URL, Report: report, Now: time.Now,
		Tokens: s.Tokens, Apps: s.Config.Apps.where(), Limits: sshproxy.Limits{PerPerson: s.Config.SSH.PerPerson, Exempt: s.Config.SSH.exempt}, Own: s.own(),
	}
	pages := &portal.Portal{
		Gateway: s.Gateway, Desk: s.Desk, People: s.People, Ledger: s.Ledger, Shelf: s.Shelf, Vault: s.vault(),
		URL: s.Config.URL, Report: report, Now: time.Now, Evidence: s.receipt, Command: s.Config.command, Charter: s.Charter, Leaving: s.Book.Leaving,
		LogKey: s.Keys.LogKey, Pins: s.pinned, Bring: s.keeps.Bring, Tried: s.tried.read, Try: door.Try, Settings: s.tells.settings, Notices: s.tells.follower,
	}
	serve("ssh door", func(ctx context.Context) error { return door.Serve(ctx, s.ssh) })
	programs := &api.API{
		Gateway: s.Gateway, Desk: s.Desk, Charter: s.Charter, Tokens: s.Tokens, Logins: s.People, URL: s.Config.URL, Apps: s.Config.Apps.where(), Report: report, Now: time.Now,
	}
	web := pages.Server()
	web.Handler = s.clicks(pages, s.beside(programs.Beside(web.Handler)))
	s.runApps(serve, pages)
	serve("portal", func(ctx context.Context) error { return serveHTTP(ctx, web, s.web) })
	serve("control", func(ctx context.Context) error { return serveHTTP(ctx, s.controlServer(), s.control) })
	if s.ops != nil {
		serve("operations", func(ctx context.Context) error { return serveHTTP(ctx, s.opsServer(), s.ops) })
	}
	serve("rulebook", s.Book.Run)
	serve("witnesses", s.cosign)
	s.chores(ctx, &wg, stop)
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

// chores are what the gateway does by itself, beside its doors.
func (s *Server) chores(ctx context.Context, wg *sync.WaitGroup, stop context.CancelCauseFunc) {
	report := s.failed
	if s.Reloads {
		wg.Go(func() { s.onHangup(ctx, report) })
	}
	wg.Go(func() { s.Desk.SweepEvery(ctx, 15*time.Second, report) })
	wg.Go(func() {
		every(ctx, time.Minute, func() error { return errors.Join(s.People.Sweep(ctx), s.Charter.Sweep(ctx), s.Tokens.Sweep(ctx)) }, report)
	})
	wg.Go(func() { s.keepCertificates(ctx) })
	wg.Go(func() { s.backUp(ctx, report) })
	wg.Go(func() { s.tend(ctx, report) })
	wg.Go(func() { s.keep(ctx, report) })
	wg.Go(func() { s.guard(ctx, stop, report) })
	wg.Go(func() { heap.Keep(ctx) })
	wg.Go(func() { s.tell(ctx) })
}

// own is where this gateway listens.
func (s *Server) own() (all []net.Addr) {
	for _, l := range []net.Listener{s.ssh, s.web, s.apps.listen, s.ops} {
		if l != nil {
			all = append(all, l.Addr())
		}
	}
	return all
}

// failed reports what went wrong and was not told to anybody.
func (s *Server) failed(err error) { s.log.Error("failure", "err", err) }

// receipt is the evidence of a request as a file.
func (s *Server) receipt(ctx context.Context, who policy.Principal, code string) ([]byte, error) {
	r, err := s.Gateway.Receipt(ctx, who, code)
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(r, "", "  ")
}

// Close gives back what Open took.
func (s *Server) Close() error {
	return errors.Join(s.closeNotify(), s.closeStore(), s.closeApps(), s.head.Write(), s.Ledger.Close())
}

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
	mux.Handle("GET /metrics", s.seen.handler())
	return &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
}
