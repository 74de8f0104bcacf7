package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"lockbox/gateway"
	"lockbox/gateway/keys"
	"lockbox/recorder"
)

// A look is how a recording is opened here: by its session's ID on the gateway's
// own machine, or as a copy by who holds a key to it.
type look struct {
	config, purpose, identity *string
}

func lookFlags(c *cobra.Command) look {
	return look{
		config:   configFlag(c),
		purpose:  c.Flags().String("purpose", "", "on the gateway's machine: why you look; it is written down, and the customer can read it"),
		identity: c.Flags().String("identity", "", "file with the age identity of somebody whom the recording was sealed to"),
	}
}

// open opens the recording that is named; did is what is written down about it.
// What a copy was not held against is told. done must be called.
func (l look) open(ctx context.Context, tell io.Writer, name, did string) (p *recorder.Playback, done func(), err error) {
	ids, err := l.identities()
	if err != nil {
		return nil, nil, err
	}
	session, path, err := l.find(name)
	switch {
	case err != nil:
		return nil, nil, err
	case session != "":
		p, err = l.here(ctx, session, did, ids)
		return p, func() {}, err
	case len(ids) == 0:
		return nil, nil, usage("say with which key: --identity FILE, an age identity that the recording was sealed to")
	}
	fmt.Fprintf(tell, "lockbox: this copy is played as it is; \"lockbox verify %s --pins pins.json\" says whether all of it is there\n", name)
	return copied(path, ids)
}

// identities reads the keys given; none where none are.
func (l look) identities() ([]age.Identity, error) {
	if *l.identity == "" {
		return nil, nil
	}
	b, err := readFile(*l.identity, 1<<20)
	if err != nil {
		return nil, usage("read the identity: %w", err)
	}
	if strings.HasPrefix(string(b), "age-encryption.org/v1") || strings.HasPrefix(string(b), "-----BEGIN AGE ENCRYPTED FILE") {
		return nil, usage("%s is encrypted itself: `age --decrypt` it first", *l.identity)
	}
	ids, err := age.ParseIdentities(strings.NewReader(string(b)))
	if err != nil { // it may quote what it read
		return nil, usage("%s holds no age identity (AGE-SECRET-KEY-…)", *l.identity)
	}
	return ids, nil
}

// find tells a session of this machine's gateway from a copy. A copy that is
// the gateway's own folder is no copy: its looks are written down, too.
func (l look) find(name string) (session, path string, err error) {
	if gateway.ValidSession(name) {
		if _, err := os.Lstat(name); err != nil {
			return name, "", nil
		}
	}
	if _, err := os.Stat(name); err != nil {
		return "", "", &exit{exitRefused, fmt.Errorf("there is no recording %q here, and no file or folder", name)}
	}
	path, err = filepath.EvalSymlinks(name)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", "", usage("find the recording: %w", err)
	}
	if conf, err := readConfig(*l.config); err == nil && inside(path, conf.Recordings.Dir) && gateway.ValidSession(filepath.Base(path)) {
		return filepath.Base(path), "", nil
	}
	return "", path, nil
}

// inside says whether a path leads through a folder, under whatever name.
func inside(path, folder string) bool {
	want, err := os.Stat(folder)
	if err != nil {
		return false
	}
	for at := path; ; at = filepath.Dir(at) {
		if got, err := os.Stat(at); err == nil && os.SameFile(got, want) {
			return true
		}
		if at == filepath.Dir(at) {
			return false
		}
	}
}

// here opens a recording of the gateway on this machine, once that is written down.
func (l look) here(ctx context.Context, session, did string, ids []age.Identity) (*recorder.Playback, error) {
	conf, err := readConfig(*l.config)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(*l.purpose) == "" {
		return nil, usage("say why: --purpose \"…\"; it is written down, and the customer can read it")
	}
	ring, err := keys.Load(conf.Keys.Dir)
	if err != nil {
		return nil, err
	}
	switch {
	case len(ids) > 0:
	case ring.Vault == nil:
		return nil, usage("the vault's key is kept elsewhere: bring it, --identity FILE")
	default:
		ids = []age.Identity{ring.Vault}
	}
	var done string
	if err := askWithin(ctx, 10*time.Minute, conf.Control, "/look", looked{session, *l.purpose, did}, &done); err != nil {
		return nil, err
	}
	shelf := &recorder.Shelf{Dir: conf.Recordings.Dir, AtRest: ring.AtRest, Signer: ring.Log, Verifier: ring.LogVerifier, Now: time.Now}
	p, err := shelf.Play(session, ids...)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &exit{exitRefused, fmt.Errorf("there is no recording of session %s that can be opened; its key may have been destroyed: %w", session, err)}
	}
	return p, unsealed(err)
}

// copied opens a recording that was downloaded or copied.
func copied(path string, ids []age.Identity) (p *recorder.Playback, done func(), err error) {
	folder, done, err := unpacked(path)
	if err != nil {
		return nil, nil, err
	}
	if p, err = recorder.Open(folder, ids...); err != nil {
		done()
		return nil, nil, unsealed(err)
	}
	return p, done, nil
}

// unsealed says what to do about a key that does not fit.
func unsealed(err error) error {
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return &exit{exitRefused, errors.New("the recording is not sealed to this key: bring that of the vault, or of a reader whom the rule named")}
	}
	return err
}

// unpacked is the folder of a recording. Out of a tar it is a temporary one, as
// sealed as the tar; done removes it.
func unpacked(path string) (folder string, done func(), err error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return path, func() {}, nil
	}
	o, err := open(path)
	if err != nil {
		return "", nil, &exit{exitRefused, err}
	}
	defer o.close()
	if o.kind != aRecording || o.files == nil {
		return "", nil, &exit{exitRefused, fmt.Errorf("%s is a %s, not a recording", path, o.kind)}
	}
	tmp, err := os.MkdirTemp("", "lockbox-recording-")
	if err != nil {
		return "", nil, err
	}
	done = func() { _ = os.RemoveAll(tmp) } // the system's folder is swept
	folder = filepath.Join(tmp, o.session)
	sub, err := fs.Sub(o.files, o.session)
	if err == nil {
		err = os.CopyFS(folder, sub)
	}
	if err != nil {
		done()
		return "", nil, fmt.Errorf("unpack %s: %w", path, err)
	}
	return folder, done, nil
}
