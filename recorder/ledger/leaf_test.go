package ledger_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockbox/recorder/ledger"
)

func commitment(b byte) (c ledger.Commitment) {
	for i := range c {
		c[i] = b
	}
	return c
}

// leaves are printed in testdata as they were when this was written.
func leaves() map[string]ledger.Leaf {
	at := time.Date(2026, 11, 21, 14, 0, 0, 123456000, time.UTC)
	return map[string]ledger.Leaf{
		"least": {Kind: "x", At: at.Truncate(time.Second)},
		"most": {
			Seq: 1<<63 - 1, At: at, Kind: "vote.approve", Actor: commitment(0xff), Subjects: []string{"7KQM", "", "kunde \"ø\" <&> \u2028"},
			Detail:  map[string]string{"": "", "b": "\x00\b\t\n\f\r\x1f\x7f\\/", "a": "€😀"},
			Private: map[string]ledger.Commitment{"ip": commitment(1), "comment": commitment(2)},
			Rows:    []ledger.RowMark{{Fold: commitment(3), Row: commitment(4)}, {Fold: commitment(5), Row: commitment(6)}},
			Erased:  []int64{0, 7},
		},
	}
}

func TestOldLeavesReadForEver(t *testing.T) {
	for name, want := range leaves() {
		b, err := os.ReadFile("testdata/leaf-v1-" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		got, err := ledger.ParseLeaf(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if again := ledger.Bytes(want); !bytes.Equal(again, b) {
			t.Errorf("%s: got %s, want %s", name, again, b)
		}
	}
}

func TestALeafIsJSON(t *testing.T) {
	for name, want := range leaves() {
		var got ledger.Leaf
		if err := json.Unmarshal(ledger.Bytes(want), &got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestParseLeafTakesOneSpelling(t *testing.T) {
	full := leaves()["most"]
	full.Subjects, full.Seq = []string{"a\n"}, 12
	good := string(ledger.Bytes(full))
	if _, err := ledger.ParseLeaf([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, old, new string }{
		{"space", `"seq":12`, `"seq": 12`},
		{"another order", `{"v":1,"seq":12`, `{"seq":12,"v":1`},
		{"another version", `"v":1`, `"v":2`},
		{"leading zero", `"seq":12`, `"seq":012`},
		{"plus", `"seq":12`, `"seq":+12`},
		{"negative", `"seq":12`, `"seq":-12`},
		{"fraction", `"seq":12`, `"seq":12.0`},
		{"too large", `"seq":12`, `"seq":9223372036854775808`},
		{"no number", `"seq":12`, `"seq":`},
		{"another zone", `.123456Z`, `.123456+00:00`},
		{"trailing zero of time", `.123456Z`, `.1234560Z`},
		{"comma in time", `.123456Z`, `,123456Z`},
		{"no time", `2026-11-21T`, `2026-13-21T`},
		{"large name", `"kind"`, `"Kind"`},
		{"unknown field", `"kind"`, `"x":1,"kind"`},
		{"empty list", `["a\n"]`, `[]`},
		{"null", `["a\n"]`, `null`},
		{"list goes on", `["a\n"]`, `["a\n",]`},
		{"long escape", `a\n`, `a\u000a`},
		{"needless escape", `a\n`, `a\/`},
		{"needless long escape", `a\n`, `\u0061\n`},
		{"large hex", `\u001f`, `\u001F`},
		{"Go's escape", `a\n`, `a\x0a`},
		{"Go's bell", `a\n`, `a\a`},
		{"quote as octal", `a\n`, `a\042`},
		{"escape cut", `a\n`, `a\`},
		{"raw control character", `a\n`, "a\n"},
		{"not UTF-8", `a\n`, "a\xff"},
		{"not UTF-8, with an escape", `a\n`, "a\xff\\n"},
		{"names out of order", `"a":"€😀","b":`, `"c":"€😀","b":`},
		{"name twice", `"a":"€😀","b":`, `"b":"€😀","b":`},
		{"short commitment", `"////`, `"///`},
		{"commitment, another spelling", `//8="`, `//9="`},
		{"commitment without padding", `//8="`, `//8"`},
		{"line after", `]}`, "]}\n"},
		{"more after", `]}`, "]}}"},
		{"cut", `]}`, "]"},
	} {
		i := strings.LastIndex(good, c.old)
		if i < 0 {
			t.Fatalf("%s: %s is not in %s", c.name, c.old, good)
		}
		bad := good[:i] + c.new + good[i+len(c.old):]
		if f, err := ledger.ParseLeaf([]byte(bad)); err == nil {
			t.Errorf("%s: got %+v from %s", c.name, f, bad)
		}
	}
	if _, err := ledger.ParseLeaf(make([]byte, 1<<16)); !says(err, "at most 65535") {
		t.Errorf("too long: got %v", err)
	}
}

func FuzzParseLeaf(f *testing.F) {
	for _, l := range leaves() {
		f.Add(ledger.Bytes(l))
	}
	b := newBook(f)
	story(b)
	for i := range int64(5) {
		in, err := b.entry(i)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(in.Leaf)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ledger.ParseLeaf(b)
		if err != nil {
			return
		}
		if again := ledger.Bytes(l); !bytes.Equal(again, b) {
			t.Fatalf("got %s, want %s", again, b)
		}
		var std ledger.Leaf // and it says the same to everybody
		if err := json.Unmarshal(b, &std); err != nil {
			t.Fatalf("encoding/json: %v", err)
		}
		if d := cmp.Diff(l, std); d != "" {
			t.Fatalf("encoding/json (-ledger +json):\n%s", d)
		}
	})
}

func TestCommitmentHasOneSpelling(t *testing.T) {
	text := commitment(7).String()
	var c ledger.Commitment
	if err := c.UnmarshalText([]byte(text)); err != nil || c != commitment(7) {
		t.Errorf("got %v, %v", c, err)
	}
	for _, bad := range []string{"", "AAAA", text[:43] + "A", text[:42] + "==", text[:42] + "9=", text + "=", strings.Replace(text, "B", "\n", 1), strings.Repeat("=", 44), strings.Repeat("-", 43) + "="} {
		if err := c.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
