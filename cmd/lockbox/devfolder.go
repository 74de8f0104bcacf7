package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/keys"
	"lockbox/gateway/sshproxy/sshconfig"
	"lockbox/policy/lang"
)

const (
	devTarget = "db1.prod"
	devWiki   = "wiki"
	devLog    = "dev.lockbox.example"
)

// A devFolder is where `lockbox dev` keeps its state.
type devFolder struct {
	dir   string // absolute
	shown string // as the person wrote it
	ssh   string // listen addresses
	http  string
	web   string // of the HTTP door
}

func (f devFolder) path(name string) string { return filepath.Join(f.dir, name) }

// url is the portal's origin: passkeys need the name localhost.
func (f devFolder) url() string { return onLocalhost(f.http) }

// apps is the HTTP door. Browsers find every name below localhost on this machine.
func (f devFolder) apps() Apps { return Apps{Listen: f.web, URL: onLocalhost(f.web)} }

func onLocalhost(addr string) string {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	return "http://" + localhost + ":" + port
}

// prepare makes what is missing and keeps what is there.
func (f devFolder) prepare() (Config, error) {
	var c Config
	for name, addr := range map[string]string{"--ssh": f.ssh, "--http": f.http, "--apps": f.web} {
		if _, port, err := net.SplitHostPort(addr); err != nil || !loopback(addr) || port == "0" {
			return c, usage("%s: %q is not a loopback address with a port, such as 127.0.0.1:2222", name, addr)
		}
	}
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return c, usage("make the state folder: %w", err)
	}
	if _, err := os.Stat(f.path("keys")); errors.Is(err, fs.ErrNotExist) {
		if _, err := keys.Create(f.path("keys"), devLog); err != nil {
			return c, err
		}
	}
	for _, name := range []string{"engineer_key", "target_host_key"} {
		if err := f.sshKey(name); err != nil {
			return c, err
		}
	}
	if err := f.writePolicy(); err != nil {
		return c, err
	}
	if err := f.writeClient(); err != nil {
		return c, err
	}
	return f.writeConfig()
}

// sshKey makes an ed25519 key pair, once.
func (f devFolder) sshKey(name string) error {
	if _, err := os.Stat(f.path(name)); err == nil {
		return nil
	}
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	block, err := ssh.MarshalPrivateKey(priv, "lockbox dev "+name)
	if err != nil {
		return err
	}
	public, err := ssh.NewPublicKey(pub)
	if err != nil {
		return err
	}
	if err := os.WriteFile(f.path(name+".pub"), ssh.MarshalAuthorizedKey(public), 0o644); err != nil {
		return err
	}
	return os.WriteFile(f.path(name), pem.EncodeToMemory(block), 0o600)
}

// writePolicy writes the policy once: it may be edited afterwards.
func (f devFolder) writePolicy() error {
	file := f.path("policy/dev.yaml")
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	host, err := readSigner(f.path("target_host_key"))
	if err != nil {
		return err
	}
	addr, wiki, err := freePorts()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.path("policy"), 0o700); err != nil {
		return err
	}
	text := strings.NewReplacer("ADDRESS", addr, "WIKI", wiki, "HOSTKEY", ssh.FingerprintSHA256(host.PublicKey())).Replace(devPolicy)
	return os.WriteFile(file, []byte(text), 0o600)
}

// freePorts are two loopback addresses that are free now; they are kept from here on.
func freePorts() (one, other string, err error) {
	a, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	b, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", errors.Join(err, a.Close())
	}
	return a.Addr().String(), b.Addr().String(), errors.Join(a.Close(), b.Close())
}

const devPolicy = `# The policy of "lockbox dev". Edit it, then: lockbox policy reload --config lockbox.yaml (in the folder above).
version: 1
groups:
  engineers:       { members: [eva@example.eu] }
  executive-board: { members: [max@example.eu] }
  oncall:          { members: [eva@example.eu, ida@example.eu] }
customers:
  nord: { name: Nord Legal }
targets:
  db1.prod:
    kind: ssh
    address: ADDRESS
    host_key: HOSTKEY
    logins:
      deploy: { reaches: all }
      "support_{{customer}}": { reaches: one }
    class: production
    owner: eva@example.eu
    location: this machine
    customers: [nord]
    labels: { env: prod }
  wiki:
    kind: http
    address: WIKI
    http: { scheme: http }
    class: production
    owner: eva@example.eu
    location: this machine
    customers: []
rules:
  - name: production shell
    permit: [shell, exec]
    who: { groups: [engineers] }
    on: { labels: { env: prod } }
    reasons: [customer-case, outage, planned]
    stages:
      - { executive: { group: executive-board, count: 1, expires: 12h } }
      - { customer: { count: 1, expires: 96h } }
    limits: { default: 30m, max: 4h, activate_within: 60m }
    touch: { within: 15m }
    record: { input: on, redact: [tokens, keys, cpr, cards], keep: 90d }
  - name: web applications
    permit: [http-read, http-write]
    who: { groups: [engineers] }
    on: { kinds: [http] }
    reasons: [customer-case, outage, planned]
    stages:
      - { executive: { group: executive-board, count: 1, expires: 12h } }
    limits: { default: 30m, max: 4h, idle: 15m, activate_within: 60m }
    touch: { within: 15m }
    record: { http: full, redact: [tokens, keys, cpr, cards], keep: 90d }
  - name: break-glass # for emergencies alone: a sealed code, a second person of oncall, and one's own touch
    permit: [shell, exec]
    who: { groups: [engineers] }
    on: { labels: { env: prod } }
    reasons: [outage]
    stages: [ { break-glass: { group: oncall, count: 1, expires: 15m } } ]
    limits: { default: 30m, max: 1h }
    record: { input: on, redact: [tokens, keys, cpr, cards], keep: 90d }
tests:
  - { as: eva@example.eu, do: shell, on: db1.prod, expect: ask, stages: [executive, customer] }
  - { as: max@example.eu, do: shell, on: db1.prod, expect: deny }
  - { as: eva@example.eu, do: http-write, on: wiki, expect: ask, stages: [executive] }
  - { as: eva@example.eu, do: shell, on: db1.prod, emergency: true, expect: ask, stages: [break-glass] }
  - { as: eva@example.eu, do: http-read, on: wiki, emergency: true, expect: deny }
`

// writeClient writes what OpenSSH's client needs to find the door and its targets, and know them.
func (f devFolder) writeClient() error {
	ring, err := keys.Load(f.path("keys"))
	if err != nil {
		return err
	}
	source, err := lang.Load(f.path("policy"))
	if err != nil {
		return &exit{exitUsage, err}
	}
	var c Config
	c.SSH.Listen = f.ssh
	s, err := c.setup(ring, source.Policy.Targets)
	if err != nil {
		return err
	}
	known := f.path("known_hosts")
	text, err := s.Config("", sshconfig.Names{Gateway: "lockbox", Identity: f.path("engineer_key"), Known: known})
	return errors.Join(
		err,
		os.WriteFile(known, []byte(strings.Join(s.KnownHosts(), "\n")+"\n"), 0o644),
		os.WriteFile(f.path("ssh_config"), []byte(text), 0o644),
	)
}

// writeConfig writes lockbox.yaml at every start, for the addresses may have changed.
func (f devFolder) writeConfig() (Config, error) {
	text := fmt.Sprintf(`# Written by "lockbox dev" at every start.
log: %s
mode: development
url: %s
ssh: { listen: "%s" }
http: { listen: "%s" }
apps: { listen: "%s", url: %s }
store: { bbolt: ledger.db }
recordings: { dir: recordings }
keys: { dir: keys }
policy: { dir: policy }
control: control.sock
backup: { dir: backups, at: "02:30" }
`, devLog, f.url(), f.ssh, f.http, f.web, f.apps().URL)
	file := f.path("lockbox.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return Config{}, err
	}
	if err := os.MkdirAll(f.path("recordings"), 0o700); err != nil {
		return Config{}, err
	}
	return readConfig(file)
}
