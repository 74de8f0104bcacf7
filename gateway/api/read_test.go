package api

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

func TestASpanReadsWhatItWrites(t *testing.T) {
	for _, tt := range []struct {
		d    time.Duration
		text string
	}{
		{0, "0s"}, {time.Second, "1s"}, {time.Minute, "1m"}, {90 * time.Second, "1m30s"}, {time.Hour, "1h"}, {90 * time.Minute, "1h30m"},
		{time.Hour + time.Second, "1h0m1s"}, {10 * time.Hour, "10h"}, {20 * time.Minute, "20m"}, {100 * time.Second, "1m40s"},
	} {
		var back Span
		if err := back.UnmarshalText([]byte(tt.text)); Span(tt.d).String() != tt.text || err != nil || back != Span(tt.d) {
			t.Errorf("%s is written %s and read as %s: %v", tt.d, Span(tt.d), back, err)
		}
	}
}

// FuzzBody: what is accepted is printed back and read as the same, and reading
// never takes what encoding/json alone would take for something else.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		someWish, `{}`, `{"for":"1h30m"}`, `{"target":"a","target":"b"}`, `{"TARGET":"a"}`, `{"target":null}`, `{"\u0074arget":"x"}`,
		`{"kind":"standing","scope":{"hours":{"days":["Mon"],"from":"07:00","to":"24:00","zone":"Europe/Copenhagen"}},"uses":3}`,
		`{"from":"2026-01-01T00:00:00Z","quorum":2,"notice":true}`, `{"scope":{"actions":["shell"],"reasons":[]}}`, `[[[[[`, `{"text":"æ\u0000"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, zero := range []func() any{func() any { return new(Wish) }, func() any { return new(Proposal) }, func() any { return new(Comment) }} {
			v := zero()
			if strict(body, v) != nil {
				continue
			}
			out, err := json.Marshal(v)
			if err != nil {
				t.Fatalf("%q was read, and cannot be written: %v", body, err)
			}
			back := zero()
			if err := strict(out, back); err != nil {
				t.Fatalf("%q was read, and %q is not: %v", body, out, err)
			}
			again, err := json.Marshal(back)
			if err != nil || string(again) != string(out) || !reflect.DeepEqual(reflect.TypeOf(v), reflect.TypeOf(back)) {
				t.Fatalf("%q is written %q and then %q", body, out, again)
			}
			if p, ok := v.(*Proposal); ok && p.Scope != nil {
				_, _ = p.Scope.Hours.read() // whatever it is, it does not panic
			}
		}
	})
}
