package ledger

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Leaves outlive encoding/json's habits, and thousands are read at each start.
// So they are printed here, in the one spelling that the parser takes: no
// space, names in order, strings as in RFC 8785.

// A printer appends JSON to b.
type printer struct{ b []byte }

func (p *printer) raw(s string) { p.b = append(p.b, s...) }
func (p *printer) num(n int64)  { p.b = strconv.AppendInt(p.b, n, 10) }

func (p *printer) name(s string) *printer {
	p.b = append(p.b, ',')
	p.text(s)
	p.b = append(p.b, ':')
	return p
}

// text wants UTF-8.
func (p *printer) text(s string) {
	p.b = append(p.b, '"')
	done := 0
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			p.raw(s[done:i])
			p.raw(escape(c))
			done = i + 1
		}
	}
	p.raw(s[done:])
	p.b = append(p.b, '"')
}

// escape is the one escape of a character that needs it.
func escape(c byte) string {
	switch c {
	case '"', '\\':
		return `\` + string(rune(c))
	case '\b':
		return `\b`
	case '\t':
		return `\t`
	case '\n':
		return `\n`
	case '\f':
		return `\f`
	case '\r':
		return `\r`
	}
	return fmt.Sprintf(`\u%04x`, c)
}

func list[T any](p *printer, all []T, one func(T)) {
	for i, v := range all {
		p.raw([]string{"[", ","}[min(i, 1)])
		one(v)
	}
	p.raw("]")
}

func object[T any](p *printer, all map[string]T, one func(T)) {
	p.raw("{")
	for i, k := range slices.Sorted(maps.Keys(all)) {
		if i > 0 {
			p.raw(",")
		}
		p.text(k)
		p.raw(":")
		one(all[k])
	}
	p.raw("}")
}

// A parser takes from rest. Once bad, it stays bad and takes nothing.
type parser struct {
	rest string
	bad  bool
}

func (p *parser) maybe(s string) bool {
	rest, ok := strings.CutPrefix(p.rest, s)
	if ok {
		p.rest = rest
	}
	return ok
}

func (p *parser) raw(s string) {
	if !p.maybe(s) {
		p.fail()
	}
}

func (p *parser) fail() { p.rest, p.bad = "", true }

// num is from 0 on.
func (p *parser) num() int64 {
	end := strings.IndexFunc(p.rest, func(c rune) bool { return c < '0' || c > '9' })
	if end < 0 {
		p.fail()
		return 0
	}
	digits := p.rest[:end]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || len(digits) > 1 && digits[0] == '0' {
		p.fail()
		return 0
	}
	p.rest = p.rest[end:]
	return n
}

func (p *parser) text() string {
	p.raw(`"`)
	for i := range len(p.rest) {
		switch c := p.rest[i]; {
		case c == '"':
			return p.valid(p.rest[:i], p.rest[i+1:])
		case c == '\\':
			return p.escaped()
		case c < ' ':
			p.fail()
			return ""
		}
	}
	p.fail()
	return ""
}

func (p *parser) valid(s, rest string) string {
	if !utf8.ValidString(s) {
		p.fail()
		return ""
	}
	p.rest = rest
	return s
}

func (p *parser) escaped() string {
	var s strings.Builder
	for !p.bad && !p.maybe(`"`) {
		s.WriteString(p.piece())
	}
	return p.valid(s.String(), p.rest)
}

// piece takes one byte of a string, or one escape.
func (p *parser) piece() string {
	n := 1
	switch {
	case p.rest == "" || p.rest[0] < ' ':
		p.fail()
		return ""
	case strings.HasPrefix(p.rest, `\u`):
		n = 6
	case p.rest[0] == '\\':
		n = 2
	}
	n = min(n, len(p.rest))
	s := p.rest[:n]
	p.rest = p.rest[n:]
	if n == 1 && s != `\` {
		return s
	}
	c, err := strconv.Unquote(`"` + s + `"`)
	if err != nil || len(c) != 1 || escape(c[0]) != s || c[0] >= ' ' && n > 2 {
		p.fail()
	}
	return c
}

func (p *parser) time() time.Time {
	s := p.text()
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || string(t.UTC().AppendFormat(make([]byte, 0, 64), time.RFC3339Nano)) != s {
		p.fail()
		return time.Time{}
	}
	return t.UTC()
}

func (p *parser) commitment() (c Commitment) {
	if c.UnmarshalText(append(make([]byte, 0, 64), p.text()...)) != nil {
		p.fail()
	}
	return c
}

func readList[T any](p *parser, one func() T) (all []T) {
	p.raw("[")
	for {
		all = append(all, one())
		if !p.maybe(",") {
			p.raw("]")
			return all
		}
	}
}

// readObject wants names in order, each once.
func readObject[T any](p *parser, one func() T) map[string]T {
	all := map[string]T{}
	p.raw("{")
	for last := ""; ; {
		k := p.text()
		if len(all) > 0 && k <= last {
			p.fail()
		}
		p.raw(":")
		all[k] = one()
		last = k
		if !p.maybe(",") {
			p.raw("}")
			return all
		}
	}
}
