package console

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWordsAreSplitAsAShellDoes(t *testing.T) {
	for line, want := range map[string][]string{
		"":                             nil,
		"  \t ":                        nil,
		"request db1.prod --for 1h":    {"request", "db1.prod", "--for", "1h"},
		`--reason "a b" 'c d' e\ f`:    {"--reason", "a b", "c d", "e f"},
		`''`:                           {""},
		`a'b'"c"d`:                     {"abcd"},
		`"a\"b" 'a\b'`:                 {`a"b`, `a\b`},
		"$(x) `y` *":                   {"$(x)", "`y`", "*"},
		"--reason=\"INC-1: a\" --json": {"--reason=INC-1: a", "--json"},
	} {
		got, err := Split(line)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got)\n%s", line, err, diff)
		}
	}
	for _, line := range []string{`"`, `'a`, `a\`, `"a\"`} {
		if got, err := Split(line); err == nil {
			t.Errorf("%q: got %q", line, got)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(`request db1.prod --reason "a b" 'c' d\ e`)
	f.Add(`"\\" ''`)
	f.Fuzz(func(t *testing.T, line string) {
		words, err := Split(line)
		if err != nil {
			return
		}
		var quoted []string
		for _, w := range words {
			quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
		}
		again, err := Split(strings.Join(quoted, " "))
		if diff := cmp.Diff(words, again); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", line, err, diff)
		}
	})
}

func TestAReasonNeedsNoQuotes(t *testing.T) {
	words, err := Split("db1.prod --reason INC-1: two rows --for 1h --json")
	if err != nil {
		t.Fatal(err)
	}
	a, err := parseArgs(words)
	want := args{rest: []string{"db1.prod"}, json: true, flag: map[string]string{"--reason": "INC-1: two rows", "--for": "1h"}}
	if diff := cmp.Diff(want, a, cmp.AllowUnexported(args{})); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}
