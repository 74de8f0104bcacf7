package redact

import (
	"slices"
	"strings"

	"lockbox/policy"
)

// A form is how a token looks: a beginning that is its own, and at least so
// many characters of a set behind.
type form struct {
	begin string
	least int
	more  string // characters besides letters and digits
	kind  string
}

func (f *form) takes(b byte) bool { return isWord(b) && b != '_' || strings.IndexByte(f.more, b) >= 0 }

// forms are the tokens that are known. None begins as another does.
func forms(want policy.Redact) (fs []form) {
	if want&policy.RedactKeys != 0 {
		fs = append(fs, form{"AGE-SECRET-KEY-", 40, "-", "key"})
	}
	if want&policy.RedactTokens == 0 {
		return fs
	}
	for _, f := range []struct {
		least  int
		more   string
		begins string
	}{
		{16, "", "AKIA ASIA"},                 // AWS
		{30, "-_", "AIza"},                    // Google
		{20, "-_.", "ya29. GOCSPX-"},          // the same
		{30, "_", "ghp_ gho_ ghu_ ghs_ ghr_"}, // GitHub
		{20, "_", "github_pat_"},              // the same
		{20, "-_.", "glpat- gldt- glrt- glcbt- glptt- gloas- glsoat- glft- glimt- glagent-"}, // GitLab
		{10, "-", "xoxa- xoxb- xoxe- xoxp- xoxr- xoxs- xoxe.xoxp- xapp-"},                    // Slack
		{20, "/", "hooks.slack.com/services/"},
		{10, "", "sk_live_ sk_test_ rk_live_ rk_test_"}, // Stripe
		{20, "+/=", "whsec_"}, // the same
		{20, "-_", "sk-ant- sk-proj- pypi-AgEI hvs. npm_ dop_v1_"}, // others
		{20, "-_.", "SG."}, // SendGrid
		{10, "-_.=", "eyJhbGciOi eyJ0eXAiOi eyJraWQiOi eyJjdHkiOi eyJlbmMiOi eyJ4NXQ eyJqa3UiOi"}, // JWT: its header's first member
	} {
		for b := range strings.FieldsSeq(f.begins) {
			fs = append(fs, form{b, f.least, f.more, "token"})
		}
	}
	return fs
}

// azure is the form of an application's secret behind its first six characters.
func azure() *form { return &form{least: 28, more: "-_.~", kind: "token"} }

// NamesSecret says whether what such a name has is secret. All end in d, e, n, t or y.
func NamesSecret(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	return slices.ContainsFunc([]string{
		"password", "passwd", "passphrase", "adgangskode", "kodeord", "mysql_pwd", "secret_key", "client_secret", "access_key", "api_key",
		"apikey", "access_token", "refresh_token", "auth_token", "id_token", "private_token", "accountkey", "sharedaccesskey", "secretaccesskey",
		"sharedaccesssignature",
	}, func(s string) bool { return strings.HasSuffix(name, s) })
}

// endsName says whether a byte may be the last before "=" or ":", behind the
// name of a secret or a header: of the name, or a quote or space behind it.
func endsName(b byte) bool { return strings.IndexByte("degntyDEGNTY\"' \t", b) >= 0 }

// NamesHeader says whether such a header of HTTP is secret.
func NamesHeader(name string) bool {
	return slices.ContainsFunc([]string{
		"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Api-Key", "X-Auth-Token", "X-Amz-Security-Token",
	}, func(s string) bool { return strings.EqualFold(s, name) })
}

func isWord(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_'
}

// Classes of bytes.
const (
	classWord  byte = 1 << iota
	classDigit      // where numbers are looked for
	classFirst      // of a token
	classSign       // may stand before a secret
	classEscape
)

func (r *Redactor) classify() {
	for b := range r.class {
		if isWord(byte(b)) {
			r.class[b] |= classWord
		}
	}
	for b := '0'; b <= '9'; b++ {
		r.class[b] |= classDigit
	}
	for _, f := range r.forms {
		r.class[f.begin[0]] |= classFirst
		r.second[f.begin[0]] += f.begin[1:2]
	}
	for _, b := range []byte("-=:/~") {
		r.class[b] |= classSign
	}
	r.class[0x1b] |= classEscape
}

// plain is how much of p, from its beginning, neither is nor begins anything
// that must be looked at.
func (r *Redactor) plain(p []byte) int {
	prev := byte(' ')
	if n := len(r.seen); n > 0 {
		prev = r.seen[n-1]
	}
	for i, b := range p {
		c := r.class[b]
		if c&^classWord != 0 && (c&classWord == 0 || r.class[prev]&classWord == 0) && r.worth(c, prev, b, p[i+1:]) {
			return i
		}
		prev = b
	}
	return len(p)
}

// countable says whether the number that goes on with next may be one that is looked for.
func countable(next []byte) bool {
	n := 0
	for n < len(next) && next[n] >= '0' && next[n] <= '9' {
		n++
	}
	if n == len(next) || next[n] == 0x1b {
		return true
	}
	size := n + 1
	return size == 10 || size >= 13 && size <= 19 || (size == 4 || size == 6) && (next[n] == ' ' || next[n] == '-')
}

// worth says whether a byte must be looked at.
func (r *Redactor) worth(c, prev, b byte, next []byte) bool {
	switch {
	case c&classDigit != 0:
		return r.want&(policy.RedactCPR|policy.RedactCards) != 0 && countable(next)
	case c&classFirst != 0:
		return len(next) == 0 || next[0] == 0x1b || strings.IndexByte(r.second[b], next[0]) >= 0
	case b == '-', b == '/':
		return prev == b
	case b == '~':
		return prev == 'Q'
	case b == '=', b == ':':
		return endsName(prev)
	}
	return true
}
