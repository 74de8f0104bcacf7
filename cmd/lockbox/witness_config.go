package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"golang.org/x/mod/sumdb/note"

	"lockbox/recorder/proof"
	"lockbox/recorder/witness"
)

// witnessConfig is witness.yaml. Paths are relative to the file.
type witnessConfig struct {
	Key     string        `yaml:"key"`    // file of the private key, mode 0600
	State   string        `yaml:"state"`  // folder of what was cosigned
	Logs    []witnessLog  `yaml:"logs"`   // that are cosigned
	Listen  string        `yaml:"listen"` // for gateways that ask; "" for not at all
	TLS     witnessTLS    `yaml:"tls"`    // without it, loopback only
	Every   time.Duration `yaml:"every"`  // between two looks at a gateway; 0: 30s
	Webhook struct {
		URL    string `yaml:"url"`    // hears of alarms
		Secret string `yaml:"secret"` // file, mode 0600
	} `yaml:"webhook"`
}

type witnessLog struct {
	Origin  string `yaml:"origin"`  // the name of the log
	Key     string `yaml:"key"`     // its public key
	Gateway string `yaml:"gateway"` // URL, to look there; "" to be asked only
}

type witnessTLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

type witnessKey struct {
	private string
	public  string
	own     note.Verifier
}

func readWitness(path string) (c witnessConfig, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return c, usage("read the configuration: %w; `lockbox witness --init DIR` writes one", err)
	}
	if len(data) > maxConfig {
		return c, usage("%s: longer than %d bytes", path, maxConfig)
	}
	if err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict(), yaml.DisallowUnknownField()).Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		var at yaml.Error
		if errors.As(err, &at) && at.GetToken() != nil {
			p := at.GetToken().Position
			return c, usage("%s:%d:%d: %s", path, p.Line, p.Column, at.GetMessage())
		}
		return c, usage("%s: %w", path, err)
	}
	if err := c.check(); err != nil {
		return c, usage("%s: %w", path, err)
	}
	for _, p := range []*string{&c.Key, &c.State, &c.TLS.Cert, &c.TLS.Key, &c.Webhook.Secret} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(filepath.Dir(path), *p)
		}
	}
	return c, nil
}

func (c witnessConfig) every() time.Duration {
	if c.Every == 0 {
		return 30 * time.Second
	}
	return c.Every
}

// check says what is missing or cannot be.
func (c witnessConfig) check() error {
	switch {
	case c.Key == "":
		return errors.New("key is missing")
	case c.State == "":
		return errors.New("state is missing")
	case len(c.Logs) == 0:
		return errors.New("logs is missing: name the log to cosign, with its key, then run `lockbox witness --init` on this folder again")
	case (c.TLS.Cert == "") != (c.TLS.Key == ""):
		return errors.New("tls: cert and key belong together")
	case c.Listen != "" && c.TLS.Cert == "" && !loopback(c.Listen):
		return fmt.Errorf("listen: without tls the witness listens on loopback only, not on %s", c.Listen)
	case (c.Webhook.URL == "") != (c.Webhook.Secret == ""):
		return errors.New("webhook: url and secret belong together")
	case c.Every != 0 && c.Every < time.Second:
		return fmt.Errorf("every: %s is less than 1s", c.Every)
	}
	looks := false
	for i, l := range c.Logs {
		if l.Origin == "" || strings.ContainsAny(l.Origin, "\n+ ") {
			return fmt.Errorf("logs[%d]: origin %q is no name of a log; it is what lockbox.yaml has as log", i, l.Origin)
		}
		if _, err := note.NewVerifier(l.Key); err != nil {
			return fmt.Errorf("logs[%d]: key: %q is no public key of a log; `lockbox found` prints it", i, l.Key)
		}
		if err := webAddress(l.Gateway); l.Gateway != "" && err != nil {
			return fmt.Errorf("logs[%d]: gateway: %w", i, err)
		}
		looks = looks || l.Gateway != ""
	}
	if c.Listen == "" && !looks {
		return errors.New("it neither listens nor looks at a gateway; set listen, or gateway in a log")
	}
	return nil
}

// read gives the key and the logs.
func (c witnessConfig) read() (k witnessKey, logs []witness.Log, err error) {
	if k, err = readWitnessKey(c.Key); err != nil {
		return k, nil, usage("%w", err)
	}
	for _, l := range c.Logs {
		v, err := note.NewVerifier(l.Key)
		if err != nil {
			return k, nil, usage("logs: %w", err)
		}
		logs = append(logs, witness.Log{Origin: l.Origin, Key: v, From: l.Gateway})
	}
	return k, logs, nil
}

// readWitnessKey reads both halves: the private one on the first line, the public one on the second.
func readWitnessKey(path string) (k witnessKey, err error) {
	b, err := privateFile(path)
	if err != nil {
		return k, fmt.Errorf("read the key of the witness: %w", err)
	}
	k.private, k.public, _ = strings.Cut(strings.TrimSpace(string(b)), "\n")
	by, err := proof.NewCosigner(k.private, time.Now)
	if err == nil {
		k.own, err = proof.NewCosignatureVerifier(k.public)
	}
	if err == nil && (by.Name() != k.own.Name() || by.KeyHash() != k.own.KeyHash()) {
		err = errors.New("its two lines are of two keys")
	}
	if err != nil {
		return k, fmt.Errorf("read the key of the witness: %s: %w", path, err)
	}
	return k, nil
}

// initWitness makes what is missing in a folder, and touches nothing that is there.
func initWitness(out io.Writer, dir, name, logKey, gateway string) error {
	if err := os.MkdirAll(filepath.Join(dir, "state"), 0o700); err != nil {
		return usage("make the folder: %w", err)
	}
	k, err := readWitnessKey(filepath.Join(dir, "key"))
	if errors.Is(err, fs.ErrNotExist) {
		k, err = newWitnessKey(filepath.Join(dir, "key"), name)
	}
	if err != nil {
		return usage("%w", err)
	}
	path := filepath.Join(dir, "witness.yaml")
	_, err = os.Stat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	if fresh {
		if err := os.WriteFile(path, []byte(newWitnessConfig(logKey, gateway)), 0o600); err != nil {
			return usage("write the configuration: %w", err)
		}
	}
	c, err := readWitness(path)
	if origin, _, _ := strings.Cut(logKey, "+"); !fresh && logKey != "" && !slices.ContainsFunc(c.Logs, func(l witnessLog) bool { return l.Key == logKey }) {
		return usage("%s was there already and is not changed: add %s, with its key, to its logs yourself, then run `lockbox witness --init %s` again", path, origin, dir)
	}
	if err == nil {
		var logs []witness.Log
		if _, logs, err = c.read(); err == nil {
			err = witness.Begin(c.State, logs)
		}
	}
	if err != nil && logKey != "" {
		return usage("%w", err)
	}
	fmt.Fprintf(out, "The public key of this witness, for the operator's lockbox.yaml:\n\n%s\n\n", k.public)
	if err != nil {
		fmt.Fprintf(out, "Next: name the log in %s, then run `lockbox witness --init %s` again (%v).\n", path, dir, err)
		return nil
	}
	fmt.Fprintf(out, "Next: lockbox witness --config %s\n", path)
	return nil
}

func newWitnessKey(path, name string) (k witnessKey, err error) {
	if name == "" {
		return k, errors.New("give the new key a name: --name witness.example")
	}
	skey, vkey, err := proof.NewWitnessKey(name)
	if err != nil {
		return k, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return k, err
	}
	_, err = f.WriteString(skey + "\n" + vkey + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return k, err
	}
	return readWitnessKey(path)
}

// newWitnessConfig is a commented configuration.
func newWitnessConfig(logKey, gateway string) string {
	logs := "logs: []                       # as in the line above"
	if origin, _, ok := strings.Cut(logKey, "+"); ok {
		logs = fmt.Sprintf("logs:\n  - origin: %q\n    key: %q", origin, logKey)
		if gateway != "" {
			logs += fmt.Sprintf("\n    gateway: %q", gateway)
		}
	}
	listen := `listen: "127.0.0.1:8090"       # for gateways that ask; remove it to look only`
	if gateway != "" {
		listen = `# listen: "127.0.0.1:8090"     # for gateways that ask, too`
	}
	return fmt.Sprintf(`# witness.yaml: a witness of a gateway's log. Paths are relative to this file.
# Do not copy the folder to run it twice: two witnesses with one key could cosign two histories.

key: key                       # private key, mode 0600; who has it can cosign anything
state: state                   # what was cosigned. If it is lost, make a new witness with a new key
# The logs, by the name and the key that you were given by more than one person ("lockbox found" prints both).
# With gateway this witness looks there by itself, which works from behind a firewall:
#   - { origin: lockbox.example, key: "lockbox.example+…", gateway: "https://lock.example.eu" }
%s
%s
# tls: { cert: chain.pem, key: key.pem }   # TLS 1.3; without it, loopback only
every: 30s                     # between two looks at a gateway. Where rules need this witness: 2s
# webhook: { url: "https://alarms.example/lockbox", secret: webhook-secret }   # alarms, signed with HMAC-SHA256
`, logs, listen)
}
