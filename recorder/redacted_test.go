package recorder

import (
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockbox/policy"
)

func TestEventsAreRedactedAgain(t *testing.T) {
	ms := time.Millisecond
	given := []Event{
		{0, "o", []byte("cpr 0101")}, {10 * ms, "e", []byte("ghp_")}, {20 * ms, "r", []byte("80x24")}, {30 * ms, "o", []byte("90-1234 ok 12")},
		{900 * ms, "k", []byte(`{"cols":80,"rows":24,"screen":"\u001b[H010190-1234\r\n"}`)},
		{901 * ms, "j", []byte(`{"password":"x"}`)}, {902 * ms, "m", []byte("note: 010190-1234")},
		{903 * ms, "cut", []byte(`{"stream":"o","kept":12,"bytes":12,"sha256":"ab"}`)}, {903 * ms, "cut", []byte(`{"stream":"e","kept":4,"bytes":4,"sha256":"cd"}`)},
		{903 * ms, "cut", []byte(`{"stream":"i","kept":4,"bytes":5,"sha256":"cd"}`)}, {903 * ms, "cut", []byte(`{"stream":"i","kept":5,"bytes":5,"sha256":"cd"}`)}, {903 * ms, "stdin", []byte(`{"bytes":8,"sha256":"cd"}`)},
		{903 * ms, "o", []byte(" 77")}, {904 * ms, "x", []byte("0")}, {905 * ms, "o", []byte(" 4111111111111111")},
	}
	want := []Event{
		{0, "o", []byte("cpr ")}, {20 * ms, "r", []byte("80x24")}, {30 * ms, "o", []byte("‹redacted:cpr› ok ")},
		{900 * ms, "k", []byte(`{"cols":80,"rows":24,"screen":"\u001b[H‹redacted:cpr›\r\n"}`)},
		{901 * ms, "j", []byte(`{"password":"‹redacted:password›"}`)}, {902 * ms, "m", []byte("note: ‹redacted:cpr›")},
		{903 * ms, "cut", []byte(`{"stream":"o","kept":12,"bytes":12}`)}, {903 * ms, "cut", []byte(`{"stream":"e","kept":4,"bytes":4}`)},
		{903 * ms, "cut", []byte(`{"stream":"i","kept":4,"bytes":5}`)}, {903 * ms, "cut", []byte(`{"stream":"i","kept":5,"bytes":5,"sha256":"cd"}`)}, {903 * ms, "stdin", []byte(`{"bytes":8}`)},
		{903 * ms, "o", []byte("12 ")}, {904 * ms, "o", []byte("77")}, {904 * ms, "e", []byte("ghp_")}, {904 * ms, "x", []byte("0")}, {905 * ms, "o", []byte(" ")}, {905 * ms, "o", []byte("‹redacted:card›")},
	}
	var got []Event
	for ev, err := range Redacted(all(given, nil), redactAll) {
		must(t, err)
		got = append(got, ev)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error("want -, got +", d)
	}
	bad := errors.New("bad")
	for _, r := range []policy.Redact{0, redactAll} {
		n := 0
		for ev, err := range Redacted(all(given[2:3], bad), r) {
			if n++; n == 2 && !errors.Is(err, bad) {
				t.Errorf("got %v, %v", ev, err)
			}
		}
		for ev := range Redacted(all(given, nil), r) {
			if strings.Contains(string(ev.Data), "0101") && r != 0 {
				t.Errorf("got %s", ev.Data)
			}
			break
		}
		if n != 2 {
			t.Errorf("got %d events", n)
		}
	}
}

func all(evs []Event, err error) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for _, ev := range evs {
			if !yield(ev, nil) {
				return
			}
		}
		if err != nil {
			yield(Event{}, err)
		}
	}
}
