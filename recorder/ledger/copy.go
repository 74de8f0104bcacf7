package ledger

import (
	"net/netip"
	"reflect"
	"slices"
	"time"
)

// whole are kinds that nobody can change from outside: an assignment copies them.
func whole(t reflect.Type) bool {
	return t == reflect.TypeFor[time.Time]() || t == reflect.TypeFor[netip.Addr]() || t == reflect.TypeFor[netip.Prefix]()
}

// copyable says whether copied makes a value of that kind which shares nothing
// with the other: it has nothing that is hidden, and no interfaces.
func copyable(t reflect.Type, above []reflect.Type) bool {
	if whole(t) || slices.Contains(above, t) { // of a kind that holds itself the rest decides
		return true
	}
	above = append(above, t)
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return copyable(t.Elem(), above)
	case reflect.Map:
		return flat(t.Key()) && copyable(t.Elem(), above)
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); !f.IsExported() || !copyable(f.Type, above) {
				return false
			}
		}
		return true
	}
	return flat(t)
}

// flat values are copied by an assignment.
func flat(t reflect.Type) bool {
	k := t.Kind()
	return k >= reflect.Bool && k <= reflect.Complex128 && k != reflect.Uintptr || k == reflect.String
}

// copied makes to, which is settable, what from is.
func copied(to, from reflect.Value) {
	t := from.Type()
	switch k := t.Kind(); {
	case whole(t) || flat(t):
		to.Set(from)
	case k == reflect.Struct:
		for i := range t.NumField() {
			copied(to.Field(i), from.Field(i))
		}
	case k == reflect.Array:
		for i := range t.Len() {
			copied(to.Index(i), from.Index(i))
		}
	case from.IsNil():
		to.SetZero()
	case k == reflect.Pointer:
		to.Set(reflect.New(t.Elem()))
		copied(to.Elem(), from.Elem())
	case k == reflect.Slice:
		to.Set(reflect.MakeSlice(t, from.Len(), from.Len()))
		if flat(t.Elem()) {
			reflect.Copy(to, from)
			return
		}
		for i := range from.Len() {
			copied(to.Index(i), from.Index(i))
		}
	case k == reflect.Map:
		to.Set(reflect.MakeMapWithSize(t, from.Len()))
		for all := from.MapRange(); all.Next(); {
			one := reflect.New(t.Elem()).Elem()
			copied(one, all.Value())
			to.SetMapIndex(all.Key(), one)
		}
	}
}
