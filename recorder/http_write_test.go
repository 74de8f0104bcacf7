package recorder

import (
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"lockbox/policy"
)

// FuzzHTTPObject: an object is written as encoding/json writes it, whatever is in it.
func FuzzHTTPObject(f *testing.F) {
	f.Add("/a?b=\"<&>\u2028\x00\x1f\\\n\r\t\b\f\x7f", "\xff\xfeä€𝄞", int64(1), 1.5, []byte("x"), true)
	f.Add("", "", int64(0), 0.0, []byte(nil), false)
	f.Add("\u2029", "\xed\xa0\x80", int64(-7), 1e-7, []byte{}, false)
	f.Add("\ufffd", "é\xc3", int64(math.MinInt64), 1e21, []byte{0xff}, true)
	f.Add("010190-1234 glpat-xxxxxxxxxxxxxxxxxxxxxxxx", "password=hunter2 AKIAIOSFODNN7EXAMPLE", int64(3), 1234567.891, []byte("010190-1234"), true)
	f.Add("c", "d", int64(2), 0.001, []byte(nil), true)
	f.Add("c", "d", int64(2), 999999999.9995, []byte(nil), true)
	f.Add("a", "b", int64(9), math.Inf(1), []byte(nil), true)
	f.Fuzz(func(t *testing.T, s, u string, n int64, ms float64, data []byte, more bool) {
		pairs := [][2]string{{s, u}, {u, ""}, {"Accept", s}}[:uint64(n)%4]
		for _, o := range []*HTTPObject{
			{Op: s, N: uint64(n)},
			{Op: HTTPExchange, N: 1, Request: &HTTPRequest{ID: u, Client: s, Method: u, Host: s, Scheme: u, URL: u, Proto: s, Header: pairs, More: int(n)}},
			{Response: &HTTPResponse{Status: int(n), Proto: s, Header: pairs, More: int(n), New: more, Conn: ms, Sent: -ms, Head: ms}, From: s, Type: u, Field: s, File: u},
			{Code: int(n), Text: s, Data: data, Bytes: n, SHA256: u, More: more, Outcome: s, Milli: ms, In: &HTTPBody{}, Out: &HTTPBody{n, n, s, n}, Trailer: pairs},
		} {
			got, ok := o.append([]byte("before"), nil)
			want, err := json.Marshal(o)
			if ok && (err != nil || string(got) != "before"+string(want)) {
				t.Fatalf("got  %s\nwant %s, %v", got, want, err)
			}
			if ok {
				sameClean(t, o, want)
			}
			if !ok && (ms == 0 || math.Abs(ms) >= 1e-6 && math.Abs(ms) < 1e21) {
				t.Fatalf("it was not written: %s", want)
			}
		}
	})
}

// sameClean says whether the same is taken out of an object as out of its JSON.
func sameClean(t *testing.T, o *HTTPObject, text []byte) {
	t.Helper()
	every := policy.RedactTokens | policy.RedactKeys | policy.RedactCPR | policy.RedactCards
	old, err := (&cleaner{want: every}).object(text)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := o.append(nil, (&cleaner{want: every}).text)
	var got, want any
	if json.Unmarshal(b, &got) != nil || json.Unmarshal(old, &want) != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %s\nwant %s", b, old)
	}
}

func TestAnIDIsItsTimeAndChance(t *testing.T) {
	at := time.UnixMilli(1795348800123)
	one, two := NewID(at), NewID(at)
	b, err := base32.NewEncoding(crockford).WithPadding(base32.NoPadding).DecodeString(one)
	if err != nil || len(b) != 16 || checkID(one) != nil {
		t.Fatalf("got %q: % x, %v", one, b, err)
	}
	if got := int64(binary.BigEndian.Uint64(b) >> 16); got != at.UnixMilli() || one == two || one[:9] != two[:9] {
		t.Errorf("got %q and %q, of %d", one, two, got)
	}
	if base32.NewEncoding(crockford).WithPadding(base32.NoPadding).EncodeToString(b) != one {
		t.Errorf("%q is not as base32 writes it", one)
	}
}

// TestEveryFieldOfAnObjectIsWritten: also one that is new.
func TestEveryFieldOfAnObjectIsWritten(t *testing.T) {
	var o HTTPObject
	furnish(reflect.ValueOf(&o).Elem())
	got, ok := o.append(nil, nil)
	want, err := json.Marshal(&o)
	if err != nil || !ok || string(got) != string(want) {
		t.Errorf("got  %s\nwant %s, %v", got, want, err)
	}
}

// furnish gives every field within v a value that is not zero.
func furnish(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		furnish(v.Elem())
	case reflect.Struct:
		for _, f := range v.Fields() {
			furnish(f)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		furnish(v.Index(0))
	case reflect.Array:
		for i := range v.Len() {
			furnish(v.Index(i))
		}
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(7)
	}
}
