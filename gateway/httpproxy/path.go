package httpproxy

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Bounds of every URL.
const (
	urlMost    = 8 << 10
	paramsMost = 256
)

// wrongURL says what is wrong with the URL of a request; "" where nothing is.
// There is one way to write each path, so that policy and target cannot read it
// differently, and what is decided on is byte for byte what goes up.
func wrongURL(r *http.Request) string {
	raw, query, _ := strings.Cut(r.RequestURI, "?")
	switch {
	case len(r.RequestURI) > urlMost:
		return "the address is too long"
	case !strings.HasPrefix(raw, "/") || r.URL.Host != "" || r.URL.Opaque != "" || r.URL.User != nil:
		return "the address is not a path"
	case strings.ContainsAny(r.RequestURI, "#"):
		return "the address holds a fragment"
	case raw != r.URL.EscapedPath() || query != r.URL.RawQuery:
		return "the address is not written as browsers write it"
	case strings.Count(query, "&") >= paramsMost:
		return "the address has too many parameters"
	}
	return wrongPath(raw)
}

// wrongPath says what is wrong with an escaped path.
func wrongPath(raw string) string {
	plain, err := url.PathUnescape(raw)
	switch {
	case err != nil || !utf8.ValidString(plain):
		return "the address holds wrong escapes"
	case strings.ContainsFunc(plain, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "the address holds control characters"
	case strings.ContainsAny(plain, `\;`):
		return `an address with \ or ; does not pass here`
	}
	for i, part := range strings.Split(raw[1:], "/") {
		last := i == strings.Count(raw[1:], "/")
		if part == "" && !last || strings.HasSuffix(part, ".") {
			return "the address is not canonical: write each / once, and nothing that ends in a dot"
		}
	}
	for rest := raw; ; {
		_, after, ok := strings.Cut(rest, "%")
		if !ok {
			return ""
		}
		if disguised(after) {
			return "the address escapes what needs no escape, or what may be read as a path"
		}
		rest = after[2:]
	}
}

// disguised says whether an escape, of which after is what follows the %, hides
// a character that has a meaning in paths, one that needs none, or another escape.
func disguised(after string) bool {
	c, err := url.PathUnescape("%" + after[:2])
	if err != nil {
		return true
	}
	switch b := c[0]; {
	case b == '/', b == '%' && len(after) >= 4 && isHex(after[2:4]):
		return true
	default:
		return b == '-' || b == '.' || b == '_' || b == '~' || '0' <= b && b <= '9' || 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z'
	}
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdefABCDEF") == "" }

// matches says whether a path is one of those that a rule lists: exact, or below
// one that ends in /**. None lists all.
func matches(patterns []string, path string) bool {
	if len(patterns) == 0 {
		return true
	}
	for _, p := range patterns {
		below, all := strings.CutSuffix(p, "**")
		if path == p || all && strings.HasPrefix(path, below) {
			return true
		}
	}
	return false
}
