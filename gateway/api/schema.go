package api

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"lockbox/policy"
)

// schemas are JSON Schemas of Go types, by name.
type schemas map[string]any

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// of is the schema of a type: a reference where the type has a name and fields.
func (s schemas) of(t reflect.Type) node {
	if n := known(t); n != nil {
		return n
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return node{"type": "string", "contentEncoding": "base64"}
		}
		return node{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return node{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.String:
		return node{"type": "string"}
	case reflect.Bool:
		return node{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Uint32, reflect.Uint64:
		return node{"type": "integer"}
	case reflect.Struct:
		return s.named(t)
	}
	return node{}
}

// known are the types that write themselves, and the words that have a list.
func known(t reflect.Type) node {
	words := func(all ...string) node { return node{"type": "string", "enum": all} }
	switch t {
	case typeOf[time.Time]():
		return node{"type": "string", "format": "date-time"}
	case typeOf[Span]():
		return node{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(h|m|s))+$`, "examples": []string{"1h30m"}}
	case typeOf[json.RawMessage]():
		return node{}
	case typeOf[policy.Action]():
		return words(texts(policy.OnTarget())...)
	case typeOf[policy.Reason]():
		return words(texts(policy.Reasons())...)
	case typeOf[policy.MotionKind]():
		return words(texts(motionKinds())...)
	case typeOf[policy.Phase]():
		return words(texts([]policy.Phase{policy.Pending, policy.Approved, policy.Rejected, policy.Expired, policy.Withdrawn})...)
	}
	if t.Implements(typeOf[json.Marshaler]()) {
		return node{}
	}
	if t.Implements(typeOf[encoding.TextMarshaler]()) {
		return node{"type": "string"}
	}
	return nil
}

func texts[T ~string](all []T) (out []string) {
	for _, w := range all {
		out = append(out, string(w))
	}
	return out
}

// named puts a struct among the schemas and refers to it.
func (s schemas) named(t reflect.Type) node {
	name := t.Name()
	if t.PkgPath() != typeOf[Failure]().PkgPath() {
		name = t.String() // "policy.Request": there is an api.Request too
	}
	if _, ok := s[name]; !ok {
		s[name] = node{} // for types that hold themselves
		s[name] = s.object(t)
	}
	return node{"$ref": "#/components/schemas/" + name}
}

// closed is the schema of a body: nothing else may stand in it.
func (s schemas) closed(t reflect.Type) node {
	ref := s.named(t)
	if body, ok := s[t.Name()].(node); ok {
		body["additionalProperties"] = false
	}
	return ref
}

func (s schemas) object(t reflect.Type) node {
	props, required := node{}, []string{}
	s.fields(t, props, &required)
	n := node{"type": "object", "properties": props}
	if len(required) > 0 {
		n["required"] = required
	}
	return n
}

// fields adds those of t, and of what is embedded in it.
func (s schemas) fields(t reflect.Type, props node, required *[]string) {
	for f := range fieldsOf(t) {
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			s.fields(f.Type, props, required)
			continue
		case !f.IsExported() || name == "-":
			continue
		case name == "":
			name = f.Name
		}
		n := s.of(f.Type)
		if doc := f.Tag.Get("doc"); doc != "" {
			n["description"] = doc
		}
		props[name] = n
		if !strings.Contains(rest, "omit") {
			*required = append(*required, name)
		}
	}
}

func fieldsOf(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}
