package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/backup"
	"lockbox/recorder/proof"
	"lockbox/recorder/witness"
)

// peers are the configured witnesses. None counts twice, and none has the key
// of the log, where that is known already.
func (c Config) peers(logKey string) (all []witness.Peer, err error) {
	var keys, names, raw []string
	for i, w := range c.Witnesses {
		at := fmt.Sprintf("witnesses[%d]", i)
		switch {
		case w.Name == "" || len(w.Name) > 64 || slices.Contains(names, w.Name):
			return nil, fmt.Errorf("%s: give it a name of its own, of at most 64 letters", at)
		case w.Key == "":
			return nil, fmt.Errorf("%s: key is missing; `lockbox witness --init` prints it", at)
		}
		v, err := proof.NewCosignatureVerifier(w.Key)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		own := w.Key[strings.LastIndex(w.Key, "+")+1:]
		if slices.Contains(raw, own) {
			return nil, fmt.Errorf("%s: another witness has the same key, and one does not count twice", at)
		}
		raw = append(raw, own)
		if err := webAddress(w.URL); w.URL != "" && err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		names, keys = append(names, w.Name), append(keys, w.Key)
		all = append(all, witness.Peer{Name: w.Name, Key: v, URL: w.URL})
	}
	if logKey != "" {
		_, err = proof.NewQuorum(len(keys), logKey, keys...)
	}
	return all, err
}

// webAddress refuses what is no place on the web to ask: https, or http on this machine.
func webAddress(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("url: %q is no address; write one such as https://witness.example", text)
	}
	ip, _ := netip.ParseAddr(u.Hostname())
	if here := u.Hostname() == "localhost" || ip.IsLoopback(); u.Scheme != "https" && !(u.Scheme == "http" && here) {
		return fmt.Errorf("url: %q is not https; plain http is for this machine only", text)
	}
	return nil
}

// witnesses wires who is asked to cosign the log, what needs that, and what shows how far each is.
func (s *Server) witnesses() error {
	peers, err := s.Config.peers(s.Keys.LogKey)
	if err != nil {
		return usage("%w", err)
	}
	report := func(err error) { s.log.Error("failure", "err", err) }
	s.asker = &witness.Asker{
		Origin: s.Config.Log, Key: s.Keys.LogVerifier, Log: s.Ledger.Main(), Peers: peers, Keep: s.Ledger.Cosign, Tell: s.outage, Report: report, Now: time.Now,
	}
	s.Book.Witnesses, s.Gateway.Witnesses, s.Witnessed = len(peers), s.asker, s.witnessed
	return s.seen.all.Register(newLag(s.asker, func() int64 { return s.Ledger.Last() + 1 }))
}

// outage tells operators, and the log, that a witness is behind or back.
func (s *Server) outage(o witness.Outage) {
	if o.Back {
		s.log.Info("a witness is back", "witness", o.Witness, "entries", o.Size)
	} else {
		s.log.Error("a witness is behind", "witness", o.Witness, "entries", o.Size, "err", o.Err)
	}
	if err := s.Gateway.NoteWitness(context.Background(), o.Witness, o.Back, o.Size, o.Err); err != nil {
		s.log.Error("write down how a witness is", "witness", o.Witness, "err", err)
	}
}

// heard is how long witnesses have to say, at the start, what they hold.
const heard = 5 * time.Second

// witnessed gives what witnesses hold of which this ledger is not the
// continuation. They tell a size, and no root.
func (s *Server) witnessed(ctx context.Context) (all []backup.Held, err error) {
	ctx, stop := context.WithTimeout(ctx, heard)
	defer stop()
	for _, h := range s.asker.Latest(ctx) {
		switch {
		case errors.Is(h.Err, witness.ErrAhead), errors.Is(h.Err, witness.ErrForked):
			all = append(all, backup.Held{By: "witness " + h.Witness, Checkpoint: proof.Checkpoint{Origin: s.Config.Log, Tree: tlog.Tree{N: h.Size}}})
		case h.Err != nil:
			err = errors.Join(err, fmt.Errorf("witness %s: %w", h.Witness, h.Err))
		}
	}
	return all, err
}

// cosign asks the witnesses for every new checkpoint, until ctx ends.
func (s *Server) cosign(ctx context.Context) error {
	if len(s.asker.Peers) == 0 {
		return nil
	}
	done, from := make(chan struct{}), s.Ledger.Last()
	go func() {
		defer close(done)
		for _, err := range s.Ledger.Watch(ctx, from) {
			if err != nil {
				return // the ledger's end is told elsewhere; Run looks again by itself
			}
			s.asker.Nudge()
		}
	}()
	err := s.asker.Run(ctx)
	<-done
	return err
}

// beside serves what witnesses read that look by themselves, before all else.
func (s *Server) beside(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	public := s.asker.Public(nil)
	for _, path := range []string{"/checkpoint", "/growth", "/cosignature"} {
		mux.Handle(path, public)
	}
	mux.Handle("/", h)
	return mux
}

// lag is how far each witness is, for who watches the gateway.
type lag struct {
	asker *witness.Asker
	size  func() int64 // of the log

	entries, seconds *prometheus.Desc
}

func newLag(a *witness.Asker, size func() int64) *lag {
	return &lag{
		a, size,
		prometheus.NewDesc("lockbox_witness_lag_entries", "Entries of the log that a witness has not cosigned.", []string{"witness"}, nil),
		prometheus.NewDesc("lockbox_witness_seen_seconds", "Seconds since a witness last cosigned; -1: not since the start.", []string{"witness"}, nil),
	}
}

// Describe tells what Collect gives.
func (l *lag) Describe(out chan<- *prometheus.Desc) { out <- l.entries; out <- l.seconds }

// Collect gives one number of each kind for each witness.
func (l *lag) Collect(out chan<- prometheus.Metric) {
	for _, h := range l.asker.Status() {
		ago := -1.0
		if !h.Seen.IsZero() {
			ago = time.Since(h.Seen).Seconds()
		}
		out <- prometheus.MustNewConstMetric(l.entries, prometheus.GaugeValue, float64(max(0, l.size()-h.Size)), h.Witness)
		out <- prometheus.MustNewConstMetric(l.seconds, prometheus.GaugeValue, ago, h.Witness)
	}
}
