package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"lockbox/gateway/keys"
	"lockbox/recorder/backup"
	"lockbox/recorder/ledger"
	"lockbox/recorder/proof"
)

// A restoring is what `lockbox restore` was asked to do.
type restoring struct {
	file, to, identity, keys, logKey string
	since                            []string
	accept                           bool
	why                              string
}

// restored is what came of it.
type restored struct {
	To         string    `json:"to"`
	Log        string    `json:"log"`
	LogKey     string    `json:"log_key"`
	Made       time.Time `json:"made"`
	Checkpoint string    `json:"checkpoint"`
	Events     int64     `json:"events"`
	Last       time.Time `json:"last,omitzero"`  // event
	Lost       []lost    `json:"lost,omitempty"` // what others hold beyond it
	Todo       []string  `json:"todo,omitempty"`
}

// lost says who holds what the restored ledger does not lead to.
type lost struct {
	By   string `json:"by"`
	Size int64  `json:"size"`
}

func restoreCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "restore [FILE]", Short: "Restore a backup into a new folder, and check all of it", Args: cobra.MaximumNArgs(1),
		Long: "Restore a backup into a new folder, never over a ledger, with a full check. The gateway that starts there ends every\n" +
			"grant, request, motion, delegation, token, link and sign-in first, retires every sealed code, and in production\n" +
			"executives sign the policy again.\n\n" +
			"Without FILE, and with --accept-loss: let the ledger of --config start although others hold a later checkpoint of it.",
	}
	var r restoring
	config := configFlag(c)
	f := c.Flags()
	f.StringVar(&r.to, "to", "", "new folder")
	f.StringVar(&r.identity, "identity", "", "file with the age identity of one of backup.recipients, or the vault key of the keys folder")
	f.StringVar(&r.keys, "keys", "", "the gateway's keys folder, where the keys are not in the backup")
	f.StringVar(&r.logKey, "log-key", "", "the log key that you pinned (`lockbox found`): a backup made with another is refused")
	f.StringArrayVar(&r.since, "since", nil, "file with a checkpoint that somebody holds; says what is lost after the backup")
	f.BoolVar(&r.accept, "accept-loss", false, "let it start although others hold more: what they saw after it is lost for good")
	f.StringVar(&r.why, "why", "", "why the loss is accepted; the log keeps it for ever")
	c.RunE = func(c *cobra.Command, args []string) error {
		if r.accept && strings.TrimSpace(r.why) == "" {
			return usage("say why: --why \"…\"; the log keeps it for ever")
		}
		if len(args) == 0 {
			return acceptLoss(c, *config, r)
		}
		if r.file = args[0]; r.to == "" || r.identity == "" {
			return usage("say where to and with which key: --to DIR --identity FILE")
		}
		done, err := r.run(c.Context())
		if err != nil {
			return &exit{exitRefused, err}
		}
		if jsonWanted(c) {
			return json.NewEncoder(c.OutOrStdout()).Encode(done)
		}
		done.print(c.OutOrStdout(), r)
		return nil
	}
	return c
}

// acceptLoss marks the ledger of a gateway that does not run.
func acceptLoss(c *cobra.Command, config string, r restoring) error {
	if !r.accept {
		return usage("give the backup to restore, or --accept-loss --why \"…\" for the ledger that is there")
	}
	conf, err := readConfig(config)
	if err != nil {
		return err
	}
	o, err := conf.open(c.Context())
	if err != nil {
		return err
	}
	mark, err := backup.MarkFor(o.Ledger)
	was, err2 := backup.ReadMark(conf.Store.Bbolt)
	if err := errors.Join(err, err2, o.Close()); err != nil {
		return err
	}
	if was != nil && was.Root == mark.Root { // when the backup was made stays known
		mark.Made = was.Made
	}
	mark.At, mark.By, mark.Accept, mark.Why = time.Now().UTC().Truncate(time.Second), localUser(), true, r.why
	if err := mark.Write(conf.Store.Bbolt); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "the next start goes on from event %d, ends everything that was open, and writes down why\n", mark.Size)
	return nil
}

// run restores into a folder beside the new one, which gets its name last.
func (r restoring) run(ctx context.Context) (done restored, err error) {
	if entries, err := os.ReadDir(r.to); !errors.Is(err, os.ErrNotExist) && (err != nil || len(entries) > 0) {
		return done, fmt.Errorf("%s is there already, and nothing is restored over anything: give a new folder", r.to)
	}
	to, err := filepath.Abs(r.to)
	if err != nil {
		return done, err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(to), ".restore-") // 0700
	if err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }() // gone after the rename
	u, err := r.unpack(tmp)
	if err != nil {
		return done, err
	}
	ring, err := r.ring(u)
	if err != nil {
		return done, err
	}
	if done, err = r.inspect(ctx, u, ring); err != nil {
		return done, err
	}
	done.To = to
	if done.Todo, err = r.place(u, to); err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	_ = os.Remove(to) // when it is there and empty
	return done, errors.Join(os.Rename(tmp, to), syncFolder(filepath.Dir(to)))
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (r restoring) unpack(dir string) (u backup.Unpacked, err error) {
	secret, err := os.Open(r.identity)
	if err != nil {
		return u, fmt.Errorf("read the identity: %w", err)
	}
	defer func() { _ = secret.Close() }() // read only
	ids, err := age.ParseIdentities(io.LimitReader(secret, maxConfig))
	if err != nil {
		return u, fmt.Errorf("%s is no file of age identities", r.identity) // the error would quote it
	}
	sealed, err := os.Open(r.file)
	if err != nil {
		return u, fmt.Errorf("read the backup: %w", err)
	}
	defer func() { _ = sealed.Close() }() // read only
	return backup.Unpack(sealed, dir, ids...)
}

// ring is the keys of the gateway that made the backup.
func (r restoring) ring(u backup.Unpacked) (*keys.Ring, error) {
	dir := r.keys
	for _, f := range u.Files {
		if f.Role == backup.IsKey && dir == "" {
			dir = filepath.Dir(u.Path(f))
		}
	}
	if dir == "" {
		return nil, errors.New("the keys are not in this backup: give the gateway's keys folder with --keys")
	}
	ring, err := keys.Load(dir)
	if err == nil && r.logKey != "" && strings.TrimSpace(r.logKey) != ring.LogKey {
		err = fmt.Errorf("the backup comes with the log key %s, and you pinned %s: it was not made by your gateway", ring.LogKey, r.logKey)
	}
	return ring, err
}

// inspect checks the whole ledger, holds it against what others hold, and marks it as restored.
func (r restoring) inspect(ctx context.Context, u backup.Unpacked, ring *keys.Ring) (done restored, err error) {
	l, err := backup.Open(ctx, u, ledger.Options{Origin: u.Log, Signer: ring.Log, Verifier: ring.LogVerifier, Now: time.Now})
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	done = restored{Log: u.Log, LogKey: ring.LogKey, Made: u.Made, Checkpoint: string(l.Checkpoint()), Events: l.Last() + 1}
	if last, err := l.After(ctx, l.Last()-1, 1); err != nil {
		return done, err
	} else if len(last) == 1 {
		done.Last = last[0].At
	}
	reader := backup.Reader{Origin: u.Log, Verifier: ring.LogVerifier}
	for _, path := range r.since {
		h, err := reader.File(path, path)
		if err != nil {
			return done, err
		}
		switch err := l.Extends(ctx, h.Checkpoint); {
		case errors.Is(err, ledger.ErrRewound):
			done.Lost = append(done.Lost, lost{path, h.N})
		case err != nil:
			return done, err
		}
	}
	mark, err := backup.MarkFor(l)
	mark.Made, mark.At, mark.By, mark.Accept, mark.Why = u.Made, time.Now().UTC().Truncate(time.Second), localUser(), r.accept, r.why
	return done, errors.Join(err, mark.Write(u.Path(u.Files[0])))
}

// place puts the ledger where lockbox.yaml looks for it, and what others hold
// into its folder; and says what is left for a person to do.
func (r restoring) place(u backup.Unpacked, to string) (todo []string, err error) {
	conf, err := readConfig(filepath.Join(u.Dir, "lockbox.yaml"))
	if err != nil {
		return nil, err
	}
	was, is := u.Path(u.Files[0]), conf.Store.Bbolt
	outside := func(path string) bool {
		rel, err := filepath.Rel(u.Dir, path)
		return err != nil || !filepath.IsLocal(rel)
	}
	for what, path := range map[string]string{"store.bbolt": is, "keys.dir": conf.Keys.Dir, "policy.dir": conf.Policy.Dir, "recordings.dir": conf.Recordings.Dir} {
		if outside(path) {
			todo = append(todo, fmt.Sprintf("lockbox.yaml: %s names %s, outside of %s: change it, or put the files there", what, path, to))
		}
	}
	if !outside(is) && is != was {
		err = errors.Join(os.MkdirAll(filepath.Dir(is), 0o700), os.Rename(was, is), os.Rename(backup.MarkPath(was), backup.MarkPath(is)))
	}
	if !u.Keys {
		todo = append(todo, "the keys are not in the backup: put your copy of the keys folder where keys.dir says")
	}
	todo = append(todo, "recordings are not in the backup: put your copy of them where recordings.dir says",
		"people and keys that were removed or erased after the backup are back: look at the page People before anybody signs the policy")
	held := conf.Held
	if outside(held) || len(r.since) == 0 {
		return todo, err
	}
	err = errors.Join(err, os.MkdirAll(held, 0o700))
	for i, path := range r.since {
		b, err2 := os.ReadFile(path)
		err = errors.Join(err, err2, os.WriteFile(filepath.Join(held, fmt.Sprintf("since-%d-%s", i+1, filepath.Base(path))), b, 0o600))
	}
	return todo, err
}

func (d restored) print(w io.Writer, r restoring) {
	c, _ := proof.Peek([]byte(d.Checkpoint)) // it was verified
	fmt.Fprintf(w, "restored %s into %s: every event, row and proof of it holds\n", d.Log, d.To)
	fmt.Fprintf(w, "it ends with %d events, the last of %s; the backup was made %s\nroot %s\n", d.Events, when(d.Last), when(d.Made), c.Hash)
	if r.logKey == "" {
		fmt.Fprintf(w, "made with the log key %s: compare it with the one that you pinned\n", d.LogKey)
	}
	for _, l := range d.Lost {
		if l.Size > d.Events {
			fmt.Fprintf(w, "LOST: %s proves that there were %d events: at least %d are missing here, revocations perhaps too\n", l.By, l.Size, l.Size-d.Events)
		} else {
			fmt.Fprintf(w, "LOST: %s proves that the log went another way before event %d\n", l.By, l.Size)
		}
	}
	if len(d.Lost) > 0 && !r.accept {
		fmt.Fprintf(w, "the gateway does not start on it: find a newer backup, or give --accept-loss --why \"…\"\n")
	}
	if len(r.since) == 0 {
		fmt.Fprintf(w, "whoever holds a checkpoint with more than %d events, in a receipt or as a witness, can prove what came after it and is lost: --since\n", d.Events)
	}
	fmt.Fprintln(w, "when the gateway starts, it ends every grant, request, motion, delegation, token, link and sign-in first,")
	fmt.Fprintln(w, "and retires every sealed code: make new ones (lockbox glass make), and destroy the old paper")
	for _, t := range d.Todo {
		fmt.Fprintf(w, "to do: %s\n", t)
	}
}

func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05 MST")
}
