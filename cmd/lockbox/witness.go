package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"lockbox/recorder/witness"
)

const exitAlarm = 1

func witnessCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "witness", Short: "Cosign the log of a gateway that you do not run", Args: cobra.NoArgs,
		Long: "Cosign the checkpoints of a gateway's log, for a customer, an auditor or a board member. A witness signs only\n" +
			"what grows out of what it signed before, and writes that down before it answers. A log that was rewritten or set\n" +
			"back is refused, kept as evidence and told as an alarm: in the log, to the webhook, and with --once as exit code 1.\n\n" +
			"Exit: 0 done, 1 alarm, 2 wrong usage or configuration, 69 the gateway was not reached.",
	}
	config := c.Flags().String("config", "witness.yaml", "the witness's configuration")
	once := c.Flags().Bool("once", false, "look at each gateway once, cosign, and end")
	initDir := c.Flags().String("init", "", "make key, state and a commented configuration in this folder; again after logs were added")
	name := c.Flags().String("name", "", "name of the new key, a host name of yours is best; with --init")
	log := c.Flags().String("log-key", "", "public key of the log, as `lockbox found` prints it; with --init")
	gateway := c.Flags().String("gateway", "", "URL of the gateway to look at; with --init")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *initDir != "" {
			return initWitness(c.OutOrStdout(), *initDir, *name, *log, *gateway)
		}
		conf, err := readWitness(*config)
		if err != nil {
			return err
		}
		r := &witnessRun{conf: conf, out: c.OutOrStdout(), json: jsonWanted(c)}
		r.log = slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
		if r.json {
			r.log = slog.New(slog.NewJSONHandler(c.ErrOrStderr(), nil))
		}
		return r.run(c.Context(), *once)
	}
	return c
}

// A witnessRun is one run of a witness.
type witnessRun struct {
	conf   witnessConfig
	out    io.Writer
	log    *slog.Logger
	json   bool
	w      *witness.Witness
	hook   *witness.Hook
	alarms chan witness.Alarm
}

func (r *witnessRun) run(ctx context.Context, once bool) (err error) {
	key, logs, err := r.conf.read()
	if err != nil {
		return err
	}
	if u := r.conf.Webhook.URL; u != "" {
		secret, err := privateFile(r.conf.Webhook.Secret)
		if err != nil {
			return usage("webhook.secret: %w", err)
		}
		r.hook = &witness.Hook{URL: u, Secret: secret, Report: r.report, Now: time.Now}
	}
	r.alarms = witness.NewAlarms()
	r.w, err = witness.New(witness.Options{Key: key.private, Own: key.own, State: r.conf.State, Logs: logs, Now: time.Now, Alarm: r.alarm})
	if err != nil {
		return usage("%w", err)
	}
	defer func() { err = errors.Join(err, r.w.Close()) }()
	if once {
		return r.once(ctx)
	}
	return r.serve(ctx)
}

func (r *witnessRun) report(err error) { r.log.Error("failure", "err", err) }

// alarm tells of what does not go together. It is on the disk already.
func (r *witnessRun) alarm(a witness.Alarm) {
	r.log.Error(a.Text, "kind", a.Kind, "origin", a.Origin, "evidence", filepath.Join(r.conf.State, a.File))
	if r.hook == nil {
		return
	}
	select {
	case r.alarms <- a:
	default:
		r.log.Error("too many alarms wait for the webhook; this one is in the log and on the disk only", "evidence", a.File)
	}
}

// once looks at each gateway and says what it found.
func (r *witnessRun) once(ctx context.Context) error {
	if !slices.ContainsFunc(r.conf.Logs, func(l witnessLog) bool { return l.Gateway != "" }) {
		return usage("no log has a gateway to look at; add gateway: https://… to it")
	}
	err := r.w.Look(ctx)
	if r.hook != nil {
		r.deliver(ctx)
	}
	if perr := r.print(err); perr != nil {
		return perr
	}
	no, alarm := (*witness.Refusal)(nil), (*witness.Alarm)(nil)
	switch {
	case errors.As(err, &alarm):
		return &exit{exitAlarm, err}
	case errors.As(err, &no):
		return &exit{exitUnavailable, fmt.Errorf("the gateway's answer is of no use: %w", err)}
	case err != nil:
		return &exit{exitUnavailable, err}
	}
	return nil
}

// deliver sends what waits for the webhook.
func (r *witnessRun) deliver(ctx context.Context) {
	for {
		select {
		case a := <-r.alarms:
			if err := r.hook.Deliver(ctx, a); err != nil {
				r.report(err)
			}
		default:
			return
		}
	}
}

// print says how far each log is.
func (r *witnessRun) print(failed error) error {
	type row struct {
		Origin string    `json:"origin"`
		Size   int64     `json:"size"`
		Root   string    `json:"root,omitempty"`
		At     time.Time `json:"at,omitzero"` // of the cosignature
	}
	var rows []row
	held := r.w.Held()
	for _, l := range r.conf.Logs {
		one := row{Origin: l.Origin}
		if c := held[l.Origin]; c.Note != nil {
			one = row{l.Origin, c.N, c.Hash.String(), c.Cosigned[0].At}
		}
		rows = append(rows, one)
	}
	if r.json {
		answer := struct {
			Logs  []row          `json:"logs"`
			Alarm *witness.Alarm `json:"alarm,omitempty"`
			Error string         `json:"error,omitempty"`
		}{Logs: rows}
		if failed != nil {
			answer.Error = failed.Error()
		}
		_ = errors.As(failed, &answer.Alarm) // nil where there is none
		e := json.NewEncoder(r.out)
		e.SetIndent("", "  ")
		return e.Encode(answer)
	}
	for _, one := range rows {
		if one.Root == "" {
			fmt.Fprintf(r.out, "%s: nothing cosigned yet\n", one.Origin)
			continue
		}
		fmt.Fprintf(r.out, "%s: %d entries cosigned, root %s, at %s\n", one.Origin, one.Size, one.Root, one.At.Format(time.RFC3339))
	}
	return nil
}

// serve answers who asks, and looks by itself where it can, until ctx ends.
func (r *witnessRun) serve(ctx context.Context) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var l net.Listener
	var cert *shown
	if r.conf.Listen != "" {
		if l, err = net.Listen("tcp", r.conf.Listen); err != nil {
			return unavailable("listen: %w", err)
		}
		if r.conf.TLS.Cert != "" {
			if l, cert, err = secure(l, Certificate{r.conf.TLS.Cert, r.conf.TLS.Key}, ""); err != nil {
				return err
			}
		}
		fmt.Fprintf(r.out, "lockbox witness listens on %s\n", l.Addr())
	} else {
		fmt.Fprintf(r.out, "lockbox witness looks every %s\n", r.conf.every())
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.w.Watch(ctx, r.conf.every(), r.report)
	}()
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		every(ctx, time.Minute, func() error { _, err := cert.renew(time.Now()); return err }, r.report)
	}()
	told := make(chan struct{})
	go func() {
		defer close(told)
		if r.hook != nil {
			r.hook.Run(ctx, r.alarms)
		}
	}()
	if l != nil {
		err = serveHTTP(ctx, r.w.Server(r.report), l)
	}
	if err == nil {
		<-ctx.Done()
	}
	stop()
	<-done
	<-told
	<-renewed
	return err
}

func privateFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others may read %s; run: chmod 600 %s", path, path)
	}
	b, err := os.ReadFile(path)
	if err == nil && (len(b) == 0 || len(b) > 4096) {
		err = fmt.Errorf("%s has %d bytes; a secret has 1 to 4096", path, len(b))
	}
	return b, err
}
