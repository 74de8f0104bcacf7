package lang

import (
	"encoding/base64"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// A grammar is a kind of word.
type grammar struct {
	of      string              // "a name"
	pattern string              // a regular expression (ECMA 262) that no right word fails
	most    int                 // characters
	wrong   func(string) string // what to write instead; "" where s is right
}

const small = "abcdefghijklmnopqrstuvwxyz0123456789"

// aName is what groups, customers, labels and their values are called.
func aName(of string) grammar {
	return grammar{of, `^[a-z0-9][a-z0-9._-]*$`, 64, func(s string) string {
		if !isName(s, "._-") {
			return "use small letters, digits, and . _ - after the first (at most 64)"
		}
		return ""
	}}
}

func isName(s, extra string) bool {
	return s != "" && len(s) <= 64 && strings.Contains(small, s[:1]) && only(s, small+extra)
}

func only(s, set string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(set, r) })
}

// aTarget has a dot in its name where it is reached with ssh, which tells it so
// from a command, and none where it is the first part of a host name; see speaks.
func aTarget() grammar {
	return grammar{"the name of a target", `^[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*$`, 64, func(s string) string {
		switch {
		case !isName(s, "._-"):
			return "use small letters, digits, and . _ - after the first (at most 64)"
		case strings.HasSuffix(s, ".") || strings.Contains(s, ".."):
			return "put something after each dot"
		}
		return ""
	}}
}

// aPerson is the id of a person, as their identity provider says it.
func aPerson(of string) grammar {
	return grammar{of, aPersonPattern, maxText, func(s string) string {
		user, host, ok := strings.Cut(s, "@")
		switch {
		case strings.ToLower(s) != s:
			return "write it in small letters"
		case !ok || !isName(user, "._+-") || !isHost(host):
			return "write it like eng@example.eu"
		}
		return ""
	}}
}

const aPersonPattern = `^[a-z0-9][a-z0-9._+-]{0,63}@[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`

// anOwner is a person, or a group.
func anOwner() grammar {
	person, group := aPerson("the owner"), aName("the owner")
	return grammar{"the owner", person.pattern + "|" + group.pattern, maxText, func(s string) string {
		switch {
		case isName(s, "._-"):
			return ""
		case !strings.Contains(s, "@"):
			return "write the id of a person, as in eng@example.eu, or the name of a group"
		}
		return person.wrong(s)
	}}
}

// anSSO is how an identity provider names one of its groups.
func anSSO() grammar {
	const signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZ._:/@+=-"
	return grammar{"the id of a group of the identity provider", `^[A-Za-z0-9._:/@+=-]+$`, 128, func(s string) string {
		if len(s) > 128 || !only(s, small+signs) {
			return "use letters, digits and . _ : / @ + = - (at most 128)"
		}
		return ""
	}}
}

func isHost(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || len(part) > 63 || part[0] == '-' || part[len(part)-1] == '-' || !only(part, small+"-") {
			return false
		}
	}
	return true
}

// anAddress is host:port, or [ip]:port.
func anAddress() grammar {
	return grammar{"an address", `^(\[[0-9a-f:]+\]|[a-z0-9.-]+):[1-9][0-9]{0,4}$`, maxText, func(s string) string {
		host, port, err := net.SplitHostPort(s)
		if err != nil {
			return "write host:port, as in 10.0.0.5:22 or [fd00::5]:22"
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return "write a port from 1 to 65535"
		}
		ip, err := netip.ParseAddr(host)
		switch {
		case net.JoinHostPort(oneSpelling(host), port) != s: // one machine has one address
			return "write " + net.JoinHostPort(oneSpelling(host), port)
		case err == nil && (ip.Is4In6() || ip.Zone() != "" || ip.IsUnspecified() || ip.IsMulticast()):
			return "write the address of one machine"
		case err != nil && (!isHost(host) || only(host, "0123456789.")):
			return "write a host name in small letters, or an IP address"
		}
		return ""
	}}
}

// oneSpelling is the one way to write a host.
func oneSpelling(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.String()
	}
	return host
}

// aFingerprint is what ssh-keygen -l prints of a key.
func aFingerprint(of string) grammar {
	return grammar{of, `^SHA256:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]$`, 50, func(s string) string {
		sum, ok := strings.CutPrefix(s, "SHA256:")
		raw, err := base64.RawStdEncoding.Strict().DecodeString(sum)
		if !ok || err != nil || len(raw) != 32 {
			return "write SHA256: and the 43 characters that ssh-keygen -l prints"
		}
		return ""
	}}
}

const perCustomer = "{{customer}}"

// aLogin is the name of an account, with {{customer}} at most once.
func aLogin() grammar {
	return grammar{"a login", `^_*([a-z0-9][a-z0-9._-]*(\{\{customer\}\}[a-z0-9._-]*)?|\{\{customer\}\}[a-z0-9._-]*)$`, 43, func(s string) string {
		if strings.Count(s, perCustomer) > 1 {
			return "write " + perCustomer + " once"
		}
		if account := strings.Replace(s, perCustomer, "x", 1); !isName(strings.TrimLeft(account, "_"), "._-") || len(account) > 32 {
			return "use small letters, digits and . _ - (at most 32), and " + perCustomer + " where the customer's id goes"
		}
		return ""
	}}
}

// aTitle is a name that people read: of a rule, a customer, a place.
func aTitle(of string) grammar {
	return grammar{of, unspaced, 80, func(s string) string {
		if len(s) > 80 {
			return "shorten it to 80 bytes"
		}
		return ""
	}}
}

const unspaced = `^[^ ]([^\n]*[^ ])?$` // neither begins nor ends with a space

// aParagraph is text that people read.
func aParagraph(of string) grammar {
	return grammar{of, unspaced, maxParagraph, func(string) string { return "" }}
}

const maxParagraph = 600 // characters: it stands on one line, however it is quoted
