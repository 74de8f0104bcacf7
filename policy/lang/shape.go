package lang

import (
	"slices"
	"strings"
)

// A value is one kind of value: how it is read from a node, and what the
// schema and the reference say of it. Both are made in one place, so that they
// cannot come to differ.
type value[V any] struct {
	read   func(*reader, *node) (V, bool) // false where it was refused
	schema schema
}

// A field is a named value of a table that describes a T.
type field[T any] struct {
	name   string
	doc    string // a sentence, for the schema and the reference
	need   bool
	schema schema
	read   func(*reader, *node, *T)
}

// has is a field that may stand there.
func has[T, V any](name string, v value[V], doc string, set func(*T, V)) field[T] {
	return field[T]{name: name, doc: doc, schema: v.schema, read: func(r *reader, n *node, t *T) {
		if one, ok := v.read(r, n); ok {
			set(t, one)
		}
	}}
}

// must is a field that has to stand there.
func must[T, V any](name string, v value[V], doc string, set func(*T, V)) field[T] {
	f := has(name, v, doc, set)
	f.need = true
	return f
}

// A shape says which fields a table has.
type shape[T any] struct {
	of     string // "a target"
	fields []field[T]
	some   []string          // at least one of these fields must stand there
	later  []string          // fields of the promised shape that this version does not know
	known  []string          // fields that are told apart elsewhere, and passed over here
	start  T                 // what holds where nothing is written
	never  map[string]string // fields that one might expect, and why there is none
	check  func(r *reader, n *node, t *T)
	extra  map[string]any // of the schema: what check refuses, as far as a schema can say it
}

// tableOf is a table of a shape.
func tableOf[T any](s shape[T]) value[T] {
	index := map[string]*field[T]{}
	for i := range s.fields {
		if f := &s.fields[i]; index[f.name] == nil {
			index[f.name] = f
		}
	}
	return value[T]{schema: s.schema(), read: func(r *reader, n *node) (T, bool) {
		t := s.start
		before := len(r.errs)
		s.fill(r, n, &t, index)
		return t, len(r.errs) == before
	}}
}

// fill reads the fields of n in the order of the file.
func (s *shape[T]) fill(r *reader, n *node, t *T, index map[string]*field[T]) {
	stray := false
	ok := r.each(n, s.of, func(key, val *node) {
		f := index[key.text]
		switch {
		case f == nil && slices.Contains(s.known, key.text):
		case f == nil && s.never[key.text] != "":
			r.refuse(val, "remove it", "%s", s.never[key.text])
		case f == nil:
			stray = true
			s.unknown(r, key)
		case val.form == nothing:
			r.refuse(key, "write one, or remove the field", "%s has no value", key.text)
		default:
			f.read(r, val, t)
		}
	})
	if !ok {
		return
	}
	if !stray { // what is missing may be what is misspelt
		s.missing(r, n)
	}
	if s.check != nil {
		s.check(r, n, t)
	}
}

func (s *shape[T]) unknown(r *reader, key *node) {
	if slices.Contains(s.later, key.text) {
		r.refuse(key, "remove it", "%q is not known to this version of lockbox", key.text)
		return
	}
	var names []string
	for _, f := range s.fields {
		names = append(names, f.name)
	}
	slices.Sort(names)
	r.refuse(key, instead(key.text, slices.Compact(names)), "%s has no field %q", s.of, key.text)
}

func (s *shape[T]) missing(r *reader, n *node) {
	for _, f := range s.fields {
		if f.need && n.child(f.name) == nil {
			r.refuse(n, "add "+f.name, "%s has no %s", s.of, f.name)
		}
	}
	if len(s.some) == 0 || slices.ContainsFunc(s.some, func(name string) bool { return n.child(name) != nil }) {
		return
	}
	if len(n.keys) == 0 {
		r.refuse(n, "write "+or(s.some), "%s is empty", s.of)
		return
	}
	r.refuse(n, "add "+or(s.some), "%s has no %s", s.of, or(s.some))
}

// schema is what a JSON Schema says of a table of this shape.
func (s *shape[T]) schema() schema {
	out := schema{Type: "object", Closed: true, of: s.of, Extra: s.extra}
	for _, f := range s.fields {
		one := f.schema
		one.Description, one.name = f.doc, f.name
		out.fields = append(out.fields, one)
		if f.need {
			out.Required = append(out.Required, f.name)
		}
	}
	for _, name := range s.some {
		out.AnyOf = append(out.AnyOf, schema{Required: []string{name}})
	}
	return out
}

// listOf is a list of values. An empty one is refused: here it would mean
// nobody, there everybody.
func listOf[V any](of string, v value[V]) value[[]V] {
	return value[[]V]{
		schema: schema{Type: "array", Items: &v.schema, MinItems: 1, Unique: true},
		read: func(r *reader, n *node) ([]V, bool) {
			before := len(r.errs)
			out := items(r, n, of, func(one *node) (V, bool) { return v.read(r, one) })
			return out, len(r.errs) == before && len(out) > 0
		},
	}
}

// oneOrMore is a value, or a list of them.
func oneOrMore[V any](of string, v value[V]) value[[]V] {
	several := listOf(of, v)
	return value[[]V]{
		schema: schema{AnyOf: []schema{v.schema, several.schema}},
		read: func(r *reader, n *node) ([]V, bool) {
			if n.form == list {
				return several.read(r, n)
			}
			one, ok := v.read(r, n)
			return []V{one}, ok
		},
	}
}

// word is a text of a grammar.
func word(g grammar) value[string] {
	return value[string]{
		schema: schema{Type: "string", Pattern: g.pattern, MaxLength: g.most, MinLength: 1, of: g.of},
		read: func(r *reader, n *node) (string, bool) {
			s := r.word(n, g)
			return s, s != ""
		},
	}
}

// choice is one of a few words.
func choice[V ~string](of string, words ...V) value[V] {
	var known []string
	for _, w := range words {
		known = append(known, string(w))
	}
	return value[V]{
		schema: schema{Type: "string", Enum: known, of: of},
		read: func(r *reader, n *node) (V, bool) {
			s := r.choice(n, of, known...)
			return V(s), s != ""
		},
	}
}

// mapped is a value of another type, made of what is read.
func mapped[V, W any](v value[V], to func(V) W) value[W] {
	return value[W]{schema: v.schema, read: func(r *reader, n *node) (W, bool) {
		one, ok := v.read(r, n)
		if !ok {
			var none W
			return none, false
		}
		return to(one), true
	}}
}

// flag is true or false.
func flag(of string) value[bool] {
	return value[bool]{
		schema: schema{Type: "boolean"},
		read:   func(r *reader, n *node) (bool, bool) { return r.flag(n, of), true },
	}
}

// persons is a whole number of people.
func persons(of string, least int) value[int] { return several(of, "people", least, 99) }

// several is a whole number of something.
func several(of, what string, least, most int) value[int] {
	return value[int]{
		schema: schema{Type: "integer", Minimum: least, Maximum: most},
		read: func(r *reader, n *node) (int, bool) {
			c := r.count(n, of, what, least, most)
			return c, c != 0
		},
	}
}

// named is a table in which people choose the names: of a grammar, for values
// that each reads.
func named(of string, key grammar, val schema, each func(r *reader, key, val *node)) value[bool] {
	k := word(key)
	return value[bool]{
		schema: schema{Type: "object", Names: &k.schema, Each: &val, of: of},
		read: func(r *reader, n *node) (bool, bool) {
			return true, r.each(n, of, func(key, val *node) {
				if _, ok := k.read(r, key); ok {
					each(r, key, val)
				}
			})
		},
	}
}

// or is "a, b or c".
func or(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
