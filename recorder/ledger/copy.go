package ledger

import (
	"bytes"
	"net/netip"
	"reflect"
	"time"
)

// A kind is how values of a type are made to share nothing with another that they
// are an assignment of. Nil: they share nothing then.
type kind struct {
	how    reflect.Kind // Invalid: nobody can do it
	bytes  bool         // it is a slice of them
	elem   *kind
	fields []field // of a struct, whose kinds are not nil
}

type field struct {
	i int
	*kind
}

// whole are types that nobody can change from outside: an assignment copies them.
func whole(t reflect.Type) bool {
	return t == reflect.TypeFor[time.Time]() || t == reflect.TypeFor[netip.Addr]() || t == reflect.TypeFor[netip.Prefix]()
}

// flat values are copied by an assignment.
func flat(t reflect.Type) bool {
	k := t.Kind()
	return k >= reflect.Bool && k <= reflect.Complex128 && k != reflect.Uintptr || k == reflect.String
}

// kindOf is the kind of a type. It is Invalid where something in it is hidden, or is an interface.
func kindOf(t reflect.Type) *kind { return kinds{}.of(t) }

// kinds are those of a type and what is in it. They are no use for another: of
// one in a type that holds itself it is not known yet whether it can be done.
type kinds map[reflect.Type]*kind

func (all kinds) of(t reflect.Type) *kind {
	if whole(t) || flat(t) {
		return nil
	}
	k, known := all[t]
	if known { // or is on its way, in a type that holds itself: then the rest decides
		return k
	}
	k = &kind{how: t.Kind()}
	all[t] = k
	fine := false
	switch t.Kind() {
	case reflect.Slice:
		k.bytes = t.Elem().Kind() == reflect.Uint8
		fallthrough
	case reflect.Pointer, reflect.Array:
		k.elem = all.of(t.Elem())
		fine = k.elem.can()
	case reflect.Map:
		k.elem = all.of(t.Elem())
		fine = flat(t.Key()) && k.elem.can()
	case reflect.Struct:
		fine = all.parts(k, t)
	}
	if !fine {
		k.how = reflect.Invalid
	}
	return k
}

// parts finds the kinds of a struct's fields.
func (all kinds) parts(k *kind, t reflect.Type) (fine bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			return false
		}
		switch part := all.of(f.Type); {
		case !part.can():
			return false
		case part != nil:
			k.fields = append(k.fields, field{i, part})
		}
	}
	return true
}

func (k *kind) can() bool { return k == nil || k.how != reflect.Invalid }

// part makes v, which is settable and an assignment of another, share nothing with it.
func (k *kind) part(v reflect.Value) {
	if k == nil {
		return
	}
	switch k.how {
	case reflect.Struct:
		for _, f := range k.fields {
			f.part(v.Field(f.i))
		}
	case reflect.Array:
		k.each(v)
	case reflect.Slice:
		k.slice(v)
	case reflect.Pointer:
		if !v.IsNil() {
			to := reflect.New(v.Type().Elem())
			to.Elem().Set(v.Elem())
			k.elem.part(to.Elem())
			v.Set(to)
		}
	case reflect.Map:
		k.pairs(v)
	}
}

func (k *kind) slice(v reflect.Value) {
	switch {
	case v.IsNil():
	case k.bytes:
		v.SetBytes(bytes.Clone(v.Bytes()))
	default:
		to := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(to, v)
		v.Set(to)
		k.each(v)
	}
}

func (k *kind) each(v reflect.Value) {
	if k.elem == nil {
		return
	}
	for i := range v.Len() {
		k.elem.part(v.Index(i))
	}
}

func (k *kind) pairs(v reflect.Value) {
	if v.IsNil() {
		return
	}
	to := reflect.MakeMapWithSize(v.Type(), v.Len())
	for all := v.MapRange(); all.Next(); {
		one := reflect.New(v.Type().Elem()).Elem()
		one.Set(all.Value())
		k.elem.part(one)
		to.SetMapIndex(all.Key(), one)
	}
	v.Set(to)
}
