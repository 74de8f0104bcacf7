package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"lockbox/gateway/keys"
	"lockbox/recorder/backup"
	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
)

const defaultNight = "02:30"

func (c Config) checkBackup() error {
	if _, err := c.night(); err != nil {
		return err
	}
	_, err := c.sealTo()
	return err
}

// night is when backups are made.
func (c Config) night() (backup.Schedule, error) {
	at := c.Backup.At
	if at == "" {
		at = defaultNight
	}
	t, err := time.Parse("15:04", at)
	if err != nil {
		return backup.Schedule{}, fmt.Errorf("backup.at: %q is not a time of day; write %q, in UTC", at, defaultNight)
	}
	return backup.Schedule{At: time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute}, nil
}

// sealTo are the people who can open the backups; none where none are named.
func (c Config) sealTo() (to []age.Recipient, err error) {
	classic := 0
	for i, text := range c.Backup.Recipients {
		one, err := age.ParseRecipients(strings.NewReader(text))
		if err != nil || len(one) != 1 {
			return nil, fmt.Errorf("backup.recipients: number %d is no age public key; write the age1… that `age-keygen -pq` prints", i+1)
		}
		if _, ok := one[0].(*age.X25519Recipient); ok {
			classic++
		}
		to = append(to, one[0])
	}
	if classic != 0 && classic != len(to) {
		return nil, errors.New("backup.recipients: keys of both kinds, age1pq1… and age1…, cannot open one file; use one kind")
	}
	return to, nil
}

// maker makes the backups of a ledger that is open.
func (c Config) maker(ring *keys.Ring, l *ledger.Ledger, o ledger.Options, engine *boltengine.Engine) (*backup.Maker, error) {
	to, err := c.sealTo()
	if err != nil {
		return nil, err
	}
	m := &backup.Maker{
		Ledger: l, Options: o, Copy: engine.Copy, Store: c.Store.Bbolt, To: to, Keys: len(to) > 0, Dir: c.Backup.Dir, Actor: "lockbox",
	}
	if len(to) == 0 { // who can read the vault key can read the ledger already
		m.To = []age.Recipient{ring.VaultTo}
	}
	m.Files = func() (map[string]backup.Source, error) { return c.backedUp(m.Keys) }
	return m, nil
}

// backedUp are the files in a backup besides the ledger.
func (c Config) backedUp(withKeys bool) (map[string]backup.Source, error) {
	all, err := backup.Tree(backup.IsPolicy, c.below(c.Policy.Dir, "policy"), c.Policy.Dir)
	if err != nil {
		return nil, err
	}
	all["lockbox.yaml"] = backup.Source{Role: backup.IsConfig, Path: c.file}
	if !withKeys {
		return all, nil
	}
	some, err := backup.Tree(backup.IsKey, c.below(c.Keys.Dir, "keys"), c.Keys.Dir)
	maps.Copy(all, some)
	return all, err
}

// below is what a path is called from the folder of lockbox.yaml; or, outside of it, in a backup.
func (c Config) below(path, outside string) string {
	rel, err := filepath.Rel(filepath.Dir(c.file), path)
	if err != nil || !filepath.IsLocal(rel) || rel == "." {
		return outside
	}
	return filepath.ToSlash(rel)
}

// backUp keeps the head of the ledger, and makes backups by the schedule, until ctx ends.
func (s *Server) backUp(ctx context.Context, report func(error)) {
	done := make(chan struct{})
	go func() { defer close(done); s.head.Run(ctx, headEvery, report) }()
	defer func() { <-done }()
	night, err := s.Config.night()
	switch {
	case err != nil:
		report(err)
		return
	case s.Config.Backup.Dir == "":
		s.log.Warn("no backups are made: lockbox.yaml has no backup.dir")
		return
	case !s.backups.Keys:
		s.log.Warn("the keys folder is not in the backups, and without it they cannot be opened: name somebody in backup.recipients", "keys", s.Config.Keys.Dir)
	}
	s.backups.Run(ctx, night, report)
}

// headEvery is how often the newest checkpoint is kept beside the ledger.
const headEvery = 5 * time.Second

// A toMake asks for a backup.
type toMake struct {
	To string `json:"to,omitempty"` // file; "": where the nightly ones are
}

// makeBackup makes one more now.
func (c Config) makeBackup(ctx context.Context, m *backup.Maker, v toMake) (backup.Made, error) {
	if v.To != "" {
		return m.MakeTo(ctx, v.To)
	}
	if c.Backup.Dir == "" {
		return backup.Made{}, errors.New("lockbox.yaml has no backup.dir; give the file with --to")
	}
	night, err := c.night()
	if err != nil {
		return backup.Made{}, err
	}
	return m.Now(ctx, night)
}

// backupRoutes are the questions about backups that the control socket answers.
func (s *Server) backupRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /backup", func(w http.ResponseWriter, r *http.Request) {
		var v toMake
		answer(w, r, &v, func() (any, error) { return s.Config.makeBackup(r.Context(), s.backups, v) })
	})
	mux.HandleFunc("POST /doctor", func(w http.ResponseWriter, r *http.Request) {
		var v sinceNotes
		answer(w, r, &v, func() (any, error) {
			return slices.Concat(s.Config.lookInside(r.Context(), s.Ledger, s.reader(), v), s.lookAtNotices(r.Context()), s.lookAtGlass(r.Context())), nil
		})
	})
}

func backupCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "backup", Short: "Make a sealed copy of the ledger now, verified by restoring it", Args: cobra.NoArgs,
		Long: "Make a sealed copy of the ledger, lockbox.yaml, the policy and, where backup.recipients names people, the keys; not of\n" +
			"recordings. The running gateway makes it; when none runs, this does. It counts as tonight's, unless --to names a file.",
	}
	config := configFlag(c)
	to := c.Flags().String("to", "", "write it to this new file instead, which is never deleted")
	c.RunE = func(c *cobra.Command, _ []string) error {
		conf, err := readConfig(*config)
		if err != nil {
			return err
		}
		v := toMake{*to}
		if v.To != "" {
			if v.To, err = filepath.Abs(v.To); err != nil {
				return usage("--to: %w", err)
			}
		}
		made, err := conf.backupNow(c.Context(), v)
		if err != nil {
			return err
		}
		if jsonWanted(c) {
			return json.NewEncoder(c.OutOrStdout()).Encode(made)
		}
		printMade(c.OutOrStdout(), made)
		return nil
	}
	return c
}

func printMade(w io.Writer, m backup.Made) {
	fmt.Fprintf(w, "%s\n%d bytes, %d events, made and verified by restoring in %.1f s\nsha256 %s\n", m.Path, m.Size, m.Events, m.Took.Seconds(), m.SHA256)
	if !m.Keys {
		fmt.Fprintln(w, "the keys are not in it: it opens only with the vault key in the keys folder; keep a copy of that folder elsewhere")
	}
	for _, name := range m.Deleted {
		fmt.Fprintf(w, "deleted %s\n", name)
	}
}

// backupNow asks the gateway, or does it where none runs.
func (c Config) backupNow(ctx context.Context, v toMake) (made backup.Made, err error) {
	err = askWithin(ctx, longAsk, c.Control, "/backup", v, &made)
	if e := new(exit); !errors.As(err, &e) || e.code != exitUnavailable {
		return made, err
	}
	o, err := c.open(ctx)
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if err := c.startable(ctx, o); err != nil { // an event would make a fork of what was put back
		return made, err
	}
	m, err := c.maker(o.ring, o.Ledger, o.options, o.engine)
	if err != nil {
		return made, err
	}
	m.Actor = localUser()
	return c.makeBackup(ctx, m, v)
}

// longAsk is for what takes as long as the ledger is large.
const longAsk = 6 * time.Hour

// opened is the ledger of a gateway that does not run.
type opened struct {
	*ledger.Ledger
	ring    *keys.Ring
	options ledger.Options
	engine  *boltengine.Engine
}

// open opens the ledger where no gateway runs.
func (c Config) open(ctx context.Context) (o opened, err error) {
	if o.ring, err = keys.Load(c.Keys.Dir); err != nil {
		return o, err
	}
	switch _, err := os.Stat(c.Store.Bbolt); {
	case errors.Is(err, os.ErrNotExist): // none is made here
		return o, fmt.Errorf("there is no %s yet: the first `lockbox serve` makes it; where there was one, restore a backup into a new folder", c.Store.Bbolt)
	case err != nil:
		return o, fmt.Errorf("open the ledger: %w", err)
	}
	if o.engine, err = boltengine.Open(c.Store.Bbolt); err != nil {
		return o, err
	}
	o.options = ledger.Options{Origin: c.Log, Signer: o.ring.Log, Verifier: o.ring.LogVerifier, Now: time.Now}
	if o.Ledger, err = ledger.Open(ctx, o.engine, o.options); err != nil {
		return o, errors.Join(err, o.engine.Close())
	}
	return o, nil
}

// startable refuses a ledger with which the gateway would not start as it is.
func (c Config) startable(ctx context.Context, o opened) error {
	mark, err := backup.ReadMark(c.Store.Bbolt)
	if err != nil {
		return err
	}
	if mark != nil {
		return errors.New("this ledger was restored, and the gateway has not run since: start it first")
	}
	r := backup.Reader{Origin: c.Log, Verifier: o.ring.LogVerifier}
	held, err := c.held(r)
	if err != nil {
		return err
	}
	bad, err := backup.Compare(ctx, o.Ledger, r, held)
	if bad != nil {
		return bad
	}
	return err
}
