package lang

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A reader turns nodes into words of policy and gathers what is wrong on the way.
type reader struct {
	src  *Source
	errs Errors
	seen map[string]*node // what is defined: "target db1.prod"

	zones map[string]*time.Location // that were found
}

// refuse notes a mistake at n.
func (r *reader) refuse(n *node, fix, msg string, args ...any) {
	if len(r.errs) >= maxErrors {
		return // one would be enough
	}
	r.errs = append(r.errs, n.file.errorAt(n.line, n.col, fmt.Sprintf(msg, args...), fix))
}

// define refuses a second definition of the same thing, in any file.
func (r *reader) define(kind string, key *node) bool {
	id := kind + " " + key.text
	if first := r.seen[id]; first != nil {
		r.refuse(key, "remove one, or give it another name", "%s %q is already at %s", kind, key.text, first.where())
		return false
	}
	r.seen[id] = key
	return true
}

// each calls fn for every field of a table whose names are free.
func (r *reader) each(n *node, of string, fn func(key, val *node)) bool {
	if n.form != table {
		r.refuse(n, "write fields, name: value", "%s is a table, not %s", of, n.form)
		return false
	}
	first := twins{}
	for i, key := range n.keys {
		switch twin := first.of(n.keys[:i], key); {
		case key.form != text:
			r.refuse(key, "write it in quotes", "the name of a field is text, not %s", key.form)
		case twin != nil:
			r.refuse(key, "keep one", "%q already stands in line %d", key.text, twin.line)
		default:
			fn(key, n.vals[i])
		}
	}
	return true
}

// twins remembers the words of a list that is longer than one looks through.
type twins struct{ seen map[string]*node }

// of is the node among those before n that says the same; nil for none.
func (t *twins) of(before []*node, n *node) *node {
	const few = 16
	if len(before) < few {
		for _, b := range before {
			if b.text == n.text && b.form == n.form {
				return b
			}
		}
		return nil
	}
	if t.seen == nil {
		t.seen = map[string]*node{}
		for _, b := range before {
			t.seen[b.text] = b
		}
	}
	twin := t.seen[n.text]
	t.seen[n.text] = n
	return twin
}

// items reads a list. An empty one is refused: here it would mean nobody, there everybody.
func items[T any](r *reader, n *node, of string, read func(*node) (T, bool)) []T {
	switch {
	case n.form != list:
		r.refuse(n, "write [ … ]", "%s is a list, not %s", of, n.form)
		return nil
	case len(n.vals) == 0:
		r.refuse(n, "write at least one, or remove the field", "%s is empty", of)
		return nil
	}
	out := make([]T, 0, len(n.vals))
	first := twins{}
	for i, v := range n.vals {
		if v.text != "" && first.of(n.vals[:i], v) != nil {
			r.refuse(v, "keep one", "%q stands twice in %s", abridged(v.text), of)
			continue
		}
		if one, ok := read(v); ok {
			out = append(out, one)
		}
	}
	return out
}

const maxText = 200 // characters of one value

// text reads a value that people are shown. It is "" where it is refused.
func (r *reader) text(n *node, of string) string { return r.textOf(n, of, maxText) }

func (r *reader) textOf(n *node, of string, most int) string {
	switch {
	case n.form == number || n.form == truth:
		r.refuse(n, "write "+strconv.Quote(n.text), "%s is text, not %s", of, n.form)
	case n.form != text:
		r.refuse(n, "write text", "%s is text, not %s", of, n.form)
	case n.text == "" || strings.TrimSpace(n.text) != n.text:
		r.refuse(n, "write it without", "%s is empty, or begins or ends with a space", of)
	case utf8.RuneCountInString(n.text) > most:
		r.refuse(n, "shorten it", "%s is longer than %d characters", of, most)
	default:
		return n.text
	}
	return ""
}

// word reads a text of a grammar. It is "" where it is refused.
func (r *reader) word(n *node, g grammar) string {
	s := r.textOf(n, g.of, max(g.most, maxText)) // below, a grammar says more
	if s == "" {
		return ""
	}
	if fix := g.wrong(s); fix != "" {
		r.refuse(n, fix, "%q is not %s", abridged(s), g.of)
		return ""
	}
	return s
}

// choice reads one of a few words.
func (r *reader) choice(n *node, of string, words ...string) string {
	if n.form == number || n.form == truth {
		r.refuse(n, instead(n.text, words), "%s is text, not %s", of, n.form)
		return ""
	}
	s := r.text(n, of)
	if s == "" || slices.Contains(words, s) {
		return s
	}
	r.refuse(n, instead(s, words), "%q is not %s", s, of)
	return ""
}

func (r *reader) flag(n *node, of string) bool {
	if n.form != truth || n.text != "true" && n.text != "false" {
		r.refuse(n, "write true or false", "%s is true or false, not %s", of, n.form)
	}
	return n.form == truth && n.text == "true"
}

// count reads a whole number, to 99. It is 0 where it is refused.
func (r *reader) count(n *node, of, what string, least, most int) int {
	c, err := strconv.Atoi(n.text)
	if n.form != number || err != nil || c < least || c > most || strconv.Itoa(c) != n.text {
		r.refuse(n, fmt.Sprintf("write a whole number from %d to %d", least, most), "%s is a number of %s", of, what)
		return 0
	}
	return c
}
