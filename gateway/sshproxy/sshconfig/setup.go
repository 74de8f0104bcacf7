package sshconfig

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"lockbox/gateway/sshproxy/speech"
)

// A Setup is what OpenSSH's client needs to reach targets through a gateway, as
// `ssh GATEWAY ssh-config --json` gives it.
type Setup struct {
	Host    string   `json:"host"` // of the gateway
	Port    int      `json:"port"`
	HostKey string   `json:"host_key"` // as in authorized_keys
	HostCA  string   `json:"host_ca"`  // "" where there is none
	Targets []Target `json:"targets"`
}

// A Target is a target and the login that is meant where none is given.
type Target struct {
	Name  string `json:"target"`
	Login string `json:"login"` // "" where there is no such
}

// Names are what a Setup is written with.
type Names struct {
	Gateway  string // the name that the gateway gets in ssh_config
	Own      bool   // that name is in ssh_config already, and no block is written for it
	Identity string // file of a key, and then no other; "" is left to the client
	Known    string // known_hosts file; "" is the client's own, and then the lines stand in a comment
}

// Valid refuses what could say more in ssh_config or known_hosts than it should:
// another line, a pattern, a second word.
func (s Setup) Valid() error {
	host := regexp.MustCompile(`^[A-Za-z0-9:][A-Za-z0-9.:_-]{0,252}$`)
	target := regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	login := regexp.MustCompile(`^([A-Za-z0-9_][A-Za-z0-9_.@-]{0,63})?$`)
	if !host.MatchString(s.Host) || s.Port < 1 || s.Port > 65535 {
		return fmt.Errorf("%q, port %d, is no gateway", s.Host, s.Port)
	}
	for _, t := range s.Targets {
		if !target.MatchString(t.Name) || !login.MatchString(t.Login) {
			return fmt.Errorf("login %q on %q is none", t.Login, t.Name)
		}
	}
	if _, err := s.hostKey(); err != nil {
		return err
	}
	_, err := s.hostCA()
	return err
}

func (s Setup) hostKey() (ssh.PublicKey, error) { return oneKey(s.HostKey) }

// hostCA is nil where there is none.
func (s Setup) hostCA() (ssh.PublicKey, error) {
	if s.HostCA == "" {
		return nil, nil
	}
	return oneKey(s.HostCA)
}

func oneKey(line string) (ssh.PublicKey, error) {
	key, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil || len(rest) > 0 {
		return nil, errors.New("not one public key")
	}
	if _, ok := key.(*ssh.Certificate); ok {
		return nil, errors.New("a certificate where a key should be")
	}
	return key, nil
}

// KnownHosts are lines for known_hosts: the gateway, and who may speak for the
// targets behind it. It is for a Setup that is Valid.
func (s Setup) KnownHosts() (lines []string) {
	key, err := s.hostKey()
	if err != nil {
		return nil
	}
	lines = append(lines, knownhosts.Line([]string{net.JoinHostPort(s.Host, strconv.Itoa(s.Port))}, key))
	ca, err := s.hostCA()
	switch {
	case err != nil || len(s.Targets) == 0:
	case ca == nil:
		lines = append(lines, s.names(",")+" "+Line(key))
	default:
		lines = append(lines, "@cert-authority "+s.names(",")+" "+Line(ca))
	}
	return lines
}

// Line is a key as in authorized_keys, without a name.
func Line(k ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k)))
}

func (s Setup) names(between string) string {
	var all []string
	for _, t := range s.Targets {
		all = append(all, t.Name)
	}
	return strings.Join(all, between)
}

// Config is for ~/.ssh/config, with comments in the language of a locale. It is
// for a Setup that is Valid; what could end a line in n is an error.
func (s Setup) Config(locale string, n Names) (string, error) {
	say := english()
	if speech.Danish(locale) {
		say = danish()
	}
	if strings.ContainsFunc(n.Identity+n.Known, func(r rune) bool { return r < ' ' || strings.ContainsRune(`"\\$`, r) }) {
		return "", errors.New("a path holds a quote, a dollar sign or a new line; choose another folder")
	}
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$`).MatchString(n.Gateway) {
		return "", fmt.Errorf("%q cannot be the name of a gateway in ssh_config: use letters, digits, and . _ -", n.Gateway)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# "+say.head+"\n", n.Gateway)
	if n.Known == "" {
		fmt.Fprintf(&b, "# %s\n", say.known)
		for _, line := range s.KnownHosts() {
			fmt.Fprintf(&b, "#   %s\n", line)
		}
	}
	common := n.common()
	if !n.Own {
		fmt.Fprintf(&b, "\n# "+say.gateway+"\n", n.Gateway)
		fmt.Fprintf(&b, "Host %s\n  HostName %s\n  Port %d\n  User lockbox\n%s", n.Gateway, s.Host, s.Port, common)
	}
	if len(s.Targets) == 0 {
		return b.String(), nil
	}
	fmt.Fprintf(&b, "\n# "+say.targets+"\n", n.Gateway)
	fmt.Fprintf(&b, "Host %s\n  ProxyJump %s\n%s", s.names(" "), n.Gateway, common)
	for _, t := range s.Targets {
		if t.Login != "" {
			fmt.Fprintf(&b, "Host %s\n  User %s\n", t.Name, t.Login)
		}
	}
	return b.String(), nil
}

// common is what the blocks have alike.
func (n Names) common() string {
	text := "  ServerAliveInterval 30\n"
	path := func(p string) string { return strings.ReplaceAll(p, "%", "%%") }
	if n.Identity != "" {
		text += fmt.Sprintf("  IdentityFile \"%s\"\n  IdentitiesOnly yes\n", path(n.Identity))
	}
	if n.Known != "" {
		text += fmt.Sprintf("  UserKnownHostsFile \"%s\"\n  StrictHostKeyChecking yes\n", path(n.Known))
	}
	return text
}
