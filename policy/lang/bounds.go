package lang

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"lockbox/policy"
)

func sqlBounds() value[*policy.SQL] {
	type t = policy.SQL
	v := tableOf(shape[t]{of: "sql", fields: []field[t]{
		must("target_tls", choice("how the server is spoken to", "require", "verify", "off"),
			"Between gateway and server: TLS is required, its certificate is verified too, or there is none.",
			func(t *t, v string) { t.TargetTLS = v }),
	}})
	return mapped(v, func(s t) *t { return &s })
}

// safe are the methods of http-read, and unsafe those of http-write.
func safe() []string   { return []string{"GET", "HEAD", "OPTIONS"} }
func unsafe() []string { return []string{"POST", "PUT", "PATCH", "DELETE"} }

func httpBounds() value[*policy.HTTP] {
	type t = policy.HTTP
	v := tableOf(shape[t]{of: "http", some: []string{"methods", "paths", "max_body", "rate"}, fields: []field[t]{
		has("methods", listOf("methods", choice("a method", slices.Concat(safe(), unsafe())...)),
			"Methods that pass; without it, every method of the actions.",
			func(t *t, v []string) { t.Methods = v }),
		has("paths", listOf("paths", word(aPath("a path", true))),
			"Paths that pass: exact, or everything below one with /** at the end. Without it, every path.",
			func(t *t, v []string) { t.Paths = v }),
		has("max_body", size("max_body"), "The largest body of a request.",
			func(t *t, v int64) { t.MaxBody = v }),
		has("rate", rate(), "Requests that pass, for each second or minute: 50/s, 10/m.",
			func(t *t, v float64) { t.Rate = v }),
	}})
	return mapped(v, func(h t) *t { return &h })
}

func sftpBounds() value[*policy.SFTP] {
	type t = policy.SFTP
	v := tableOf(shape[t]{of: "sftp", some: []string{"paths", "max_file"}, fields: []field[t]{
		has("paths", listOf("paths", word(aPath("a path", false))),
			"Files that may be transferred: exact, or everything below a directory with /** at the end. Without it, every file.",
			func(t *t, v []string) { t.Paths = v }),
		has("max_file", size("max_file"), "The largest file.",
			func(t *t, v int64) { t.MaxFile = v }),
	}})
	return mapped(v, func(s t) *t { return &s })
}

// aPath is absolute, written in one way only, and may end in /**. That of a
// URL holds nothing that would be escaped in one.
func aPath(of string, url bool) grammar {
	g := grammar{of: of, most: maxText, pattern: `^/([^*]*/\*\*|\*\*|[^*]*)$`}
	g.wrong = func(s string) string {
		plain := strings.TrimSuffix(s, "/**")
		switch {
		case !strings.HasPrefix(s, "/"):
			return "begin it with /"
		case strings.Contains(plain, "*"):
			return "write ** only at the end, behind a /, as in /api/**"
		case url && strings.ContainsFunc(plain, func(r rune) bool {
			return r > unicode.MaxASCII || strings.ContainsRune(` "#%<>?[\]^{|}`+"`", r)
		}):
			return "write the path alone, without query, escapes or spaces"
		case strings.Contains(plain, `\`):
			return "write / between directories"
		case strings.Contains(plain, "//"), plain != s && strings.HasSuffix(plain, "/"):
			return "write each / once"
		case !url && plain != "/" && strings.HasSuffix(plain, "/"):
			return "write " + plain + "** for what is in the directory"
		case slices.ContainsFunc(strings.Split(plain, "/"), func(part string) bool { return part == "." || part == ".." }):
			return "write it without . and .."
		}
		return ""
	}
	return g
}

func units() []string { return []string{"KiB", "MiB", "GiB"} }

// size reads a number of bytes.
func size(of string) value[int64] {
	return value[int64]{
		schema: schema{Type: "string", Pattern: `^[1-9][0-9]{0,3}(KiB|MiB|GiB)$`, of: "a size, as in 10MiB"},
		read: func(r *reader, n *node) (int64, bool) {
			for i, u := range units() {
				if digits, ok := strings.CutSuffix(n.text, u); ok && n.form == text && whole(digits, 4) {
					v, _ := strconv.ParseInt(digits, 10, 64) // four digits
					return v << (10 * (i + 1)), true
				}
			}
			r.refuse(n, "write a whole number and KiB, MiB or GiB, as in 10MiB", "%s is a size, and this is none", of)
			return 0, false
		},
	}
}

// whole says whether s is a whole number of at most so many digits, from 1.
func whole(s string, digits int) bool {
	return s != "" && len(s) <= digits && s[0] != '0' && only(s, "0123456789")
}

func sizeText(v int64) string {
	i := 0
	for i < len(units())-1 && v%(1<<(10*(i+2))) == 0 {
		i++
	}
	return strconv.FormatInt(v>>(10*(i+1)), 10) + units()[i]
}

// rate reads requests a second.
func rate() value[float64] {
	return value[float64]{
		schema: schema{Type: "string", Pattern: `^[1-9][0-9]{0,4}/[sm]$`, of: "a rate, as in 50/s"},
		read: func(r *reader, n *node) (float64, bool) {
			digits, per, _ := strings.Cut(n.text, "/")
			if n.form != text || !whole(digits, 5) || per != "s" && per != "m" {
				r.refuse(n, "write a whole number and /s or /m, as in 50/s", "rate is so many requests a second or minute, and this is none")
				return 0, false
			}
			v, _ := strconv.Atoi(digits) // five digits
			if per == "m" {
				return float64(v) / 60, true
			}
			return float64(v), true
		},
	}
}

func rateText(v float64) string {
	if v == math.Trunc(v) {
		return strconv.Itoa(int(v)) + "/s"
	}
	return strconv.Itoa(int(math.Round(v*60))) + "/m"
}

// sense refuses bounds of actions that a rule does not permit, and a tunnel to
// anywhere.
func sense(r *reader, n *node, t *rule) {
	if len(t.Actions) == 0 {
		return // refused already
	}
	if carries(t, policy.Forward) && n.child("to") == nil {
		r.refuse(n.find("permit", string(policy.Forward)), `add to, as in to: ["127.0.0.1:5432"]`, `forward is permitted only with "to"`)
	}
	for _, a := range []policy.Action{policy.Agent, policy.X11} {
		if carries(t, a) && !carries(t, policy.Shell, policy.Exec) {
			r.refuse(n.find("permit", string(a)), "permit shell or exec in the same rule", "%s is used by what runs in a terminal or a command, and the rule permits neither", a)
		}
	}
	for _, b := range bounded() {
		if key := n.key(b.field); key != nil && !carries(t, b.of...) {
			r.refuse(key, "remove it, or permit "+b.words, "%q is for %s, which the rule does not permit", b.field, b.words)
		}
	}
	if t.Bounds.HTTP != nil && len(t.Bounds.HTTP.Methods) > 0 {
		r.methods(n.find("http", "methods"), n.find("permit"), t)
	}
}

type bound struct {
	field, words string
	of           []policy.Action
}

// bounded says which fields go with which actions.
func bounded() []bound {
	return []bound{
		{"to", "forward", []policy.Action{policy.Forward}},
		{"sql", "forward", []policy.Action{policy.Forward}},
		{"http", "http-read or http-write", []policy.Action{policy.HTTPGet, policy.HTTPPut}},
		{"sftp", "sftp-get or sftp-put", []policy.Action{policy.SFTPGet, policy.SFTPPut}},
	}
}

// methods refuses a method that no action of the rule has, and an action that
// is left without one.
func (r *reader) methods(n, actions *node, t *rule) {
	for _, side := range []struct {
		action  policy.Action
		methods []string
	}{{policy.HTTPGet, safe()}, {policy.HTTPPut, unsafe()}} {
		found := false
		for i, m := range t.Bounds.HTTP.Methods {
			if !slices.Contains(side.methods, m) {
				continue
			}
			found = true
			if !carries(t, side.action) {
				r.refuse(n.vals[i], "remove it, or permit "+string(side.action), "%s is a method of %s, which the rule does not permit", m, side.action)
			}
		}
		if !found && carries(t, side.action) {
			r.refuse(actions.find(string(side.action)), "remove it, or add one of its methods: "+or(side.methods), "%s is permitted, and none of its methods is", side.action)
		}
	}
}
