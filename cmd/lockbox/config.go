package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"lockbox/gateway/keys"
)

// Config is lockbox.yaml. The comments are its manual; paths are relative to
// the file. Secrets are files, never values.
type Config struct {
	// Log is the name of the ledger, as every statement and checkpoint carries it: "lockbox.example".
	Log string `yaml:"log"`
	// URL is where people find the portal: "https://lock.example.eu". Its host is the passkeys' relying party.
	URL string `yaml:"url"`
	// SSH is the SSH door.
	SSH struct {
		Listen string `yaml:"listen"` // "127.0.0.1:2222"
		// PerPerson is how many connections one person has at a time: 20 where it is not said. Ansible opens one a fork.
		PerPerson int `yaml:"per_person"`
		// Exempt are networks from which failed attempts have no consequences, such as a load balancer that shows its
		// own address: "10.0.0.9/32". Loopback is where nothing is said.
		Exempt []string `yaml:"exempt"`

		exempt []netip.Prefix
	} `yaml:"ssh"`
	// HTTP is the portal. Without TLS it listens on loopback only.
	HTTP struct {
		Listen string      `yaml:"listen"` // "127.0.0.1:8080"
		TLS    Certificate `yaml:"tls"`
	} `yaml:"http"`
	// Apps is the HTTP door, for web applications; without it there is none.
	Apps Apps `yaml:"apps"`
	// Requests is where requests to applications are listed.
	Requests Requests `yaml:"requests"`
	// Ops serves /healthz and /readyz; "" for not at all.
	Ops struct {
		Listen string `yaml:"listen"`
	} `yaml:"ops"`
	// Store is the ledger.
	Store struct {
		Bbolt string `yaml:"bbolt"` // file
	} `yaml:"store"`
	// Recordings are kept here. They are sealed: whoever holds the copies cannot read them.
	Recordings struct {
		Dir string `yaml:"dir"`
		// Store keeps them in object storage, too: "s3://bucket?region=eu-north-1" or "azblob://container". Segments go
		// there while the session runs. Credentials come from the environment or the machine, never from here. "": none.
		Store string `yaml:"store"`
		// Local is how long a copy stays here once the store has it whole: "30d". "": for ever.
		Local string `yaml:"local"`
		// Patience is how long a session stays frozen when its recording cannot be written, before it ends: "1s" where it
		// is not said, "5s" at most.
		Patience string `yaml:"patience"`

		local, patience time.Duration
	} `yaml:"recordings"`
	// Keys is the folder of the gateway's own keys, mode 0700.
	Keys struct {
		Dir string `yaml:"dir"`
	} `yaml:"keys"`
	// Mode is "production", in which a change of the policy, or of what signs and proves, is in force only once
	// executives have signed it; or "development", in which the files are in force as they are.
	Mode string `yaml:"mode"`
	// Witnesses cosign the log for those who do not trust this gateway: customers, auditors, board members. Rules say
	// how many of them a session needs (witnesses). Executives sign this list together with the policy.
	Witnesses []struct {
		Name string `yaml:"name"` // what people call it: "nord"
		Key  string `yaml:"key"`  // public, as "lockbox witness --init" prints it
		URL  string `yaml:"url"`  // "https://witness.nord.example"; "" where it looks here by itself
	} `yaml:"witnesses"`
	// Policy is the folder of the policy files.
	Policy struct {
		Dir string `yaml:"dir"`
	} `yaml:"policy"`
	// Control is the socket for the commands on this machine, mode 0600.
	Control string `yaml:"control"`
	// Backup keeps sealed copies of the ledger, this file, the policy and, where people are named to seal them to,
	// the keys: of 7 nights and 3 months. Recordings are not in it.
	Backup struct {
		Dir        string   `yaml:"dir"`        // "": none are made
		Recipients []string `yaml:"recipients"` // age public keys of people who keep theirs offline; all age1pq1…, or all age1…
		At         string   `yaml:"at"`         // "02:30", UTC
	} `yaml:"backup"`
	// Held is a folder of checkpoints that others hold, one a file: the gateway starts on no ledger that does not
	// lead to each of them. "": held, beside this file.
	Held string `yaml:"held"`
	// Notify is how people and programs are told of what concerns them.
	Notify Notify `yaml:"notify"`

	file string // this one
}

const (
	modeProduction  = "production"
	modeDevelopment = "development"
)

const maxConfig = 1 << 20 // bytes

// readConfig reads lockbox.yaml. Its error names the line and what is wrong.
func readConfig(path string) (Config, error) {
	var c Config
	data, err := os.ReadFile(path)
	if err != nil {
		return c, usage("read the configuration: %w; `lockbox init DIR` writes one", err)
	}
	if len(data) > maxConfig {
		return c, usage("%s: longer than %d bytes", path, maxConfig)
	}
	d := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict(), yaml.DisallowUnknownField())
	if err := d.Decode(&c); err != nil {
		var at yaml.Error
		if errors.As(err, &at) && at.GetToken() != nil {
			p := at.GetToken().Position
			return c, usage("%s:%d:%d: %s", path, p.Line, p.Column, at.GetMessage())
		}
		return c, usage("%s: %w", path, err)
	}
	c.file = path
	if err := c.check(); err != nil {
		return c, c.wrong("%w", err)
	}
	if c.Held == "" {
		c.Held = "held"
	}
	c.absolute(filepath.Dir(path))
	return c, nil
}

// check says what is missing or cannot be.
func (c *Config) check() error {
	for _, f := range []struct{ name, value string }{
		{"log", c.Log}, {"url", c.URL}, {"ssh.listen", c.SSH.Listen}, {"http.listen", c.HTTP.Listen}, {"store.bbolt", c.Store.Bbolt},
		{"recordings.dir", c.Recordings.Dir}, {"keys.dir", c.Keys.Dir}, {"policy.dir", c.Policy.Dir}, {"control", c.Control},
	} {
		if f.value == "" {
			return fmt.Errorf("%s is missing", f.name)
		}
	}
	if c.Mode != modeProduction && c.Mode != modeDevelopment {
		return fmt.Errorf("mode: %q is not one; write production, or development while you set it up", c.Mode)
	}
	if strings.ContainsAny(c.Log, " +\n") {
		return fmt.Errorf("log: %q holds a space or a +; write a name such as lockbox.example", c.Log)
	}
	u, err := origin("url", c.URL, "https://lock.example.eu")
	if err != nil {
		return err
	}
	if net.ParseIP(u.Hostname()) != nil {
		return fmt.Errorf("url: passkeys need a name, not the address %s", u.Hostname())
	}
	if u.Scheme == "http" && u.Hostname() != localhost {
		return fmt.Errorf("url: %q is not https; passkeys work over plain http on localhost only", c.URL)
	}
	if (c.HTTP.TLS.Cert == "") != (c.HTTP.TLS.Key == "") {
		return errors.New("http.tls: cert and key belong together")
	}
	if c.HTTP.TLS.Cert == "" && !loopback(c.HTTP.Listen) {
		return fmt.Errorf("http.listen: without tls the portal listens on loopback only, not on %s", c.HTTP.Listen)
	}
	if err := c.Apps.check(u.Hostname()); err != nil {
		return err
	}
	if c.Ops.Listen != "" && !loopback(c.Ops.Listen) {
		return fmt.Errorf("ops.listen: %s is not on loopback", c.Ops.Listen)
	}
	if c.SSH.PerPerson < 0 {
		return fmt.Errorf("ssh.per_person: %d is no number of connections; leave it out for 20", c.SSH.PerPerson)
	}
	for _, text := range c.SSH.Exempt {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("ssh.exempt: %q is no network; write 10.0.0.9/32", text)
		}
		c.SSH.exempt = append(c.SSH.exempt, network)
	}
	if _, err := c.peers(""); err != nil {
		return err
	}
	if err := errors.Join(c.Requests.check(c.Recordings.Dir), c.Notify.check(c.Mode == modeDevelopment)); err != nil {
		return err
	}
	if err := c.checkRecordings(); err != nil {
		return err
	}
	return c.checkBackup()
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// absolute makes every path independent of where the program runs.
func (c *Config) absolute(dir string) {
	for _, p := range []*string{&c.HTTP.TLS.Cert, &c.HTTP.TLS.Key, &c.Apps.TLS.Cert, &c.Apps.TLS.Key, &c.Store.Bbolt, &c.Recordings.Dir, &c.Requests.Dir, &c.Keys.Dir, &c.Policy.Dir, &c.Control, &c.Backup.Dir, &c.Held, &c.Notify.Mail.CA} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	for i := range c.Notify.Webhooks {
		if p := &c.Notify.Webhooks[i].CA; *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}

// signed is the digest of what executives sign together with a policy: the mode,
// the ledger's name, where people sign, the public halves of the gateway's keys, and the witnesses.
func (c Config) signed(ring *keys.Ring) string {
	h := sha256.New()
	for _, s := range []string{
		"lockbox/config/v1", c.Mode, c.Log, c.URL, ring.LogKey, string(ring.TargetCA.PublicKey().Marshal()), string(ring.PeopleCA.PublicKey().Marshal()),
		string(ring.Host.PublicKey().Marshal()), ring.VaultTo.String(),
	} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	if ring.HostCA != nil { // a ring may be older than it
		for _, s := range []string{"host-ca", string(ring.HostCA.PublicKey().Marshal())} {
			fmt.Fprintf(h, "%d:%s", len(s), s)
		}
	}
	for _, w := range c.Witnesses {
		for _, s := range []string{"witness", w.Name, w.Key, w.URL} {
			fmt.Fprintf(h, "%d:%s", len(s), s)
		}
	}
	if c.Apps.URL != "" {
		for _, s := range []string{"apps", c.Apps.URL} {
			fmt.Fprintf(h, "%d:%s", len(s), s)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// host is the relying party of the passkeys.
func (c Config) host() string {
	u, err := url.Parse(c.URL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// command is what an engineer types to reach a target.
func (c Config) command(target, login string) string {
	if login != "" {
		target = login + "%" + target
	}
	host, port, err := net.SplitHostPort(c.SSH.Listen)
	if err != nil || port == "22" {
		return "ssh " + target + "@" + c.host()
	}
	if host == "" || !loopback(c.SSH.Listen) {
		host = c.host()
	}
	return "ssh -p " + port + " " + target + "@" + host
}
