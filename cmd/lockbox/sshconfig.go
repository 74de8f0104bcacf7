package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"lockbox/gateway/keys"
	"lockbox/gateway/sshproxy/sshconfig"
	"lockbox/policy"
	"lockbox/policy/lang"
)

func sshConfigCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "ssh-config [GATEWAY]", Short: "Print blocks for ~/.ssh/config, by which `ssh TARGET` goes through the gateway", Args: cobra.MaximumNArgs(1),
		Long: "Print blocks for ~/.ssh/config, by which `ssh TARGET` and everything built on ssh goes through the gateway, and lines for\n" +
			"known_hosts. GATEWAY is asked over ssh, and is written as for ssh: HOST, HOST:PORT, or a name of your ~/.ssh/config. Without\n" +
			"it, --config is read, on the gateway's own machine.",
	}
	config := configFlag(c)
	name := c.Flags().String("name", "lockbox", "the name that the gateway gets")
	known := c.Flags().String("known-hosts", "", "file that the lines for known_hosts are added to, and that the blocks then name; what stands in it stays")
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		var s sshconfig.Setup
		n := sshconfig.Names{Gateway: *name}
		if len(args) == 1 {
			s, err = askSetup(c, args[0], &n)
		} else {
			s, err = readSetup(*config)
		}
		if err != nil {
			return err
		}
		if *known != "" {
			if n.Known, err = keepKnown(*known, s.KnownHosts()); err != nil {
				return err
			}
		}
		if jsonWanted(c) {
			return json.NewEncoder(c.OutOrStdout()).Encode(s)
		}
		text, err := s.Config("", n)
		if err != nil {
			return usage("%w", err)
		}
		_, err = fmt.Fprint(c.OutOrStdout(), text)
		return err
	}
	return c
}

// askSetup has the gateway say what there is. What it says is written out here,
// and only what has the form of it: it ends up where ssh does as it reads.
func askSetup(c *cobra.Command, gateway string, n *sshconfig.Names) (s sshconfig.Setup, err error) {
	to, err := gatewayArgs(gateway)
	if err != nil {
		return s, err
	}
	options, err := sshOptions(c.Context(), to)
	if err != nil {
		return s, err
	}
	// Any user name without a dot leads to the gateway itself.
	text, err := runSSH(c.Context(), c.ErrOrStderr(), append([]string{"-T", "-l", "lockbox"}, append(to, "ssh-config", "--json")...))
	if err != nil {
		return s, unavailable("ask %s: %w; `ssh %s help` shows whether it is there", plain(gateway), err, strings.Join(to, " "))
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, unavailable("no Lockbox answers at %s, or a newer one than this program", plain(gateway))
	}
	host := to[len(to)-1]
	s.Host = options["hostname"]
	if s.Port, err = strconv.Atoi(options["port"]); err != nil {
		return s, unavailable("ssh -G %s names no port", plain(host))
	}
	if len(to) == 1 && !strings.EqualFold(s.Host, host) { // a name of the person's own ssh_config, with all that is set there
		n.Gateway, n.Own = host, true
	}
	if err := s.Valid(); err != nil {
		return s, unavailable("the answer of %s cannot be used: %w", plain(gateway), err)
	}
	return s, nil
}

// gatewayArgs are the arguments of ssh for a gateway, the host last.
func gatewayArgs(gateway string) ([]string, error) {
	host, port, err := net.SplitHostPort(gateway)
	if err != nil {
		host, port = gateway, ""
	}
	if host == "" || strings.HasPrefix(host, "-") || strings.ContainsAny(host, "@/ ") {
		return nil, usage("write the gateway as HOST, HOST:PORT, or a name of your ~/.ssh/config")
	}
	if port == "" {
		return []string{host}, nil
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return nil, usage("%q is no port", plain(port))
	}
	return []string{"-p", port, host}, nil
}

// sshOptions are those that ssh would use, by their names in small letters.
func sshOptions(ctx context.Context, to []string) (map[string]string, error) {
	text, err := runSSH(ctx, io.Discard, append([]string{"-G"}, to...))
	if err != nil {
		return nil, unavailable("ask ssh for its configuration: %w; install OpenSSH's client", err)
	}
	options := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		options[name] = cmp.Or(options[name], value)
	}
	return options, nil
}

// runSSH gives what ssh printed. ssh may ask the person something, on their terminal.
func runSSH(ctx context.Context, errs io.Writer, args []string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "ssh", args...)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, &limited{&out, maxReply}, errs
	err := cmd.Run()
	return out.Bytes(), err
}

// A limited writer takes so many bytes.
type limited struct {
	w    io.Writer
	left int
}

var errTooLong = errors.New("the answer is too long")

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errTooLong
	}
	return l.w.Write(p)
}

// readSetup is for who can read the gateway's files: all targets are in it.
func readSetup(config string) (s sshconfig.Setup, err error) {
	conf, err := readConfig(config)
	if err != nil {
		return s, fmt.Errorf("%w; elsewhere than on the gateway: `lockbox ssh-config GATEWAY`", err)
	}
	ring, err := keys.Load(conf.Keys.Dir)
	if err != nil {
		return s, err
	}
	source, err := lang.Load(conf.Policy.Dir)
	if err != nil {
		return s, &exit{exitUsage, err}
	}
	return conf.setup(ring, source.Policy.Targets)
}

// setup is what a client needs to reach these targets.
func (c Config) setup(ring *keys.Ring, targets map[string]*policy.Target) (s sshconfig.Setup, err error) {
	host, port, err := net.SplitHostPort(c.SSH.Listen)
	if err != nil {
		return s, usage("ssh.listen: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = c.host()
	}
	s = sshconfig.Setup{Host: host, HostKey: sshconfig.Line(ring.Host.PublicKey()), Targets: []sshconfig.Target{}}
	if s.Port, err = strconv.Atoi(port); err != nil {
		return s, usage("ssh.listen: %q is no port", port)
	}
	if ring.HostCA != nil {
		s.HostCA = sshconfig.Line(ring.HostCA.PublicKey())
	}
	for _, name := range slices.Sorted(maps.Keys(targets)) {
		if t := targets[name]; t.Kind == "ssh" {
			s.Targets = append(s.Targets, sshconfig.Target{Name: name, Login: firstLogin(t)})
		}
	}
	return s, s.Valid()
}

// firstLogin is the account that is meant where none is named; "" where that takes a customer.
func firstLogin(t *policy.Target) string {
	switch {
	case len(t.Logins) == 0:
		return ""
	case len(t.Customers) == 1:
		return strings.ReplaceAll(t.Logins[0].Name, "{{customer}}", t.Customers[0])
	case strings.Contains(t.Logins[0].Name, "{{customer}}"):
		return ""
	}
	return t.Logins[0].Name
}

// keepKnown adds to a known_hosts file what is not in it, and gives its full name.
func keepKnown(file string, lines []string) (string, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return "", usage("--known-hosts: %w", err)
	}
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", usage("--known-hosts: %w", err)
	}
	var more strings.Builder
	if len(old) > 0 && old[len(old)-1] != '\n' {
		more.WriteString("\n")
	}
	have := strings.Split(string(old), "\n")
	for _, line := range lines {
		if !slices.Contains(have, line) {
			more.WriteString(line + "\n")
		}
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return "", usage("--known-hosts: %w", err)
	}
	_, err = f.WriteString(more.String())
	if err = errors.Join(err, f.Close()); err != nil {
		return "", unavailable("write known hosts: %w", err)
	}
	return file, nil
}
