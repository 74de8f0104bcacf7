package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"syscall"
	"time"

	"lockbox/approvals"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// The control socket is for whoever may open a file of the gateway's own user:
// the commands of this machine. It can invite, show what is pinned, and write
// a look down. It can approve nothing, and whom it invites has no vote.

const (
	maxControl = 64 << 10 // bytes of one question
	maxAnswer  = 64 << 20 // bytes of one answer: `policy replay` reads every request of a year
)

// looked says that somebody on this machine is about to open a recording.
type looked struct {
	Session string `json:"session"`
	Purpose string `json:"purpose"`
	Did     string `json:"did"` // "played", or what is exported
}

func (s *Server) controlServer() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /invite", func(w http.ResponseWriter, r *http.Request) {
		var v identity.Invite
		answer(w, r, &v, func() (any, error) {
			v.Founds = false
			token, err := s.People.NewLink(r.Context(), localUser(), v)
			return s.Config.URL + "/enroll/" + token, err
		})
	})
	mux.HandleFunc("POST /look", func(w http.ResponseWriter, r *http.Request) {
		var v looked
		answer(w, r, &v, func() (any, error) {
			if err := s.Gateway.NoteLook(r.Context(), localUser(), v.Session, v.Purpose, v.Did); err != nil {
				return "", err
			}
			err := s.keeps.Bring(r.Context(), v.Session)
			if errors.Is(err, fs.ErrNotExist) {
				err = nil // whoever asked finds that out
			}
			return "written", err
		})
	})
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, &struct{}{}, func() (any, error) { return s.reload(r.Context()) })
	})
	mux.HandleFunc("POST /asked", func(w http.ResponseWriter, r *http.Request) {
		var v struct {
			Since time.Time `json:"since"`
		}
		answer(w, r, &v, func() (any, error) { return s.Desk.Asked(r.Context(), v.Since) })
	})
	mux.HandleFunc("POST /pins", func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, &struct{}{}, func() (any, error) { return s.pinned(r.Context()) })
	})
	s.backupRoutes(mux)
	s.notifyRoutes(mux)
	s.glassRoutes(mux)
	return &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
}

// answer reads the question into v, and writes what fn gives.
func answer(w http.ResponseWriter, r *http.Request, v any, fn func() (any, error)) {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out, err := fn()
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	if err := json.NewEncoder(w).Encode(out); err != nil {
		return // whoever asked is gone
	}
}

// ask asks the running gateway.
func ask(ctx context.Context, socket, path string, in, out any) error {
	return askWithin(ctx, 10*time.Second, socket, path, in, out)
}

func askWithin(ctx context.Context, long time.Duration, socket, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: long, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://lockbox"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return unavailable("no gateway answers on %s; start it with `lockbox serve` (%w)", socket, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the gateway's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return errors.New(string(bytes.TrimSpace(data)))
	}
	return json.Unmarshal(data, out)
}

func localUser() string {
	u, err := user.Current()
	if err != nil {
		return "operator@localhost"
	}
	return u.Username + "@localhost"
}

// pinned is what a verifier should pin, after comparing it with a second person.
func (s *Server) pinned(ctx context.Context) (p approvals.Pinned, err error) {
	err = s.Ledger.View(ctx, func(tx *ledger.Tx) error {
		pins, err := s.People.Pins(tx)
		p = approvals.Pinned{
			Log: s.Config.Log, LogKey: s.Keys.LogKey, Party: s.Desk.Party, Executives: pins.Executives, Customers: pins.Customers,
		}
		for _, w := range s.Config.Witnesses {
			p.Witnesses = append(p.Witnesses, w.Key)
		}
		return err
	})
	if len(p.Executives) > 0 || err != nil {
		return p, err
	}
	return s.toPin(ctx, p)
}

// toPin lists, before anybody was founded, the passkeys of those who enrolled.
func (s *Server) toPin(ctx context.Context, p approvals.Pinned) (approvals.Pinned, error) {
	all, err := s.People.People(ctx)
	p.Customers = map[string][]string{}
	for _, who := range all {
		switch who.Kind {
		case policy.Executive:
			p.Executives = append(p.Executives, who.Passkeys...)
		case policy.Reviewer:
			p.Customers[who.Customer] = append(p.Customers[who.Customer], who.Passkeys...)
		}
	}
	return p, err
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
