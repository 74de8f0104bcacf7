package lang_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lockbox/policy"
	"lockbox/policy/lang"
)

// meaning compares what two sources say, wherever it is written.
func meaning() cmp.Options {
	return cmp.Options{
		cmpopts.IgnoreUnexported(policy.Policy{}, lang.Test{}),
		cmpopts.IgnoreFields(policy.Policy{}, "Digest"),
		cmpopts.IgnoreFields(policy.Rule{}, "Position"),
		cmpopts.IgnoreFields(lang.Test{}, "Position"),
		cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	}
}

// printed holds what is printed of s against s.
func printed(t *testing.T, s *lang.Source) {
	t.Helper()
	text := s.Print()
	if len(text) > 1<<20 {
		return // more than one file may hold
	}
	again, err := lang.Parse(map[string][]byte{"a.yaml": text})
	if err != nil {
		t.Fatalf("what is printed is refused: %v\n%s", err, text)
	}
	if diff := cmp.Diff(s.Policy, again.Policy, meaning()); diff != "" {
		t.Errorf("policy (-read +printed and read):\n%s\n%s", diff, text)
	}
	if diff := cmp.Diff(s.Tests, again.Tests, meaning()); diff != "" {
		t.Errorf("tests (-read +printed and read):\n%s\n%s", diff, text)
	}
	if diff := cmp.Diff(string(text), string(again.Print())); diff != "" {
		t.Errorf("printed again (-first +second):\n%s", diff)
	}
}

// FuzzPrint: what the language accepts, it prints back the same; the schema
// accepts both; and what is read as YAML at all, another reader reads the same.
func FuzzPrint(f *testing.F) {
	for _, data := range corpus(f) {
		f.Add(data)
	}
	schema := compiled(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		agreed(t, data)
		s, err := lang.Parse(map[string][]byte{"a.yaml": data})
		if err != nil {
			return
		}
		printed(t, s)
		for _, text := range [][]byte{data, s.Print()} {
			if err := schema.Validate(asJSON(t, text)); err != nil && len(text) < 1<<20 {
				t.Errorf("the schema refuses what is accepted: %v\n%s", err, text)
			}
		}
	})
}

// corpus is every file in testdata, and base.yaml with each mistake.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	base, cases := refusals(t)
	out := map[string][]byte{"base": []byte(base)}
	for _, c := range cases {
		out[c[0]] = []byte(strings.Replace(base, c[1], c[2], 1))
	}
	names, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if out[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestWhatIsAcceptedIsPrintedBackTheSame(t *testing.T) {
	for name, data := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			if s, err := lang.Parse(map[string][]byte{"a.yaml": data}); err == nil {
				printed(t, s)
			}
		})
	}
	for _, dir := range []string{"testdata/good", "testdata/promised", "testdata/all"} {
		t.Run(dir, func(t *testing.T) {
			s, err := lang.Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			printed(t, s)
		})
	}
}

func TestTheCanonicalFormIsThis(t *testing.T) {
	s, err := lang.Load("testdata/all")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/all.printed")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(s.Print())); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
}

// TestTextThatMeansSomethingInYAMLKeepsItsQuotes: names are what people choose.
func TestTextThatMeansSomethingInYAMLKeepsItsQuotes(t *testing.T) {
	for _, name := range []string{
		"true", "null", "~", "12", "1e3", "0x1f", ".5", "yes", "off", "n", "a: b", "a #b", "#a", "- a", "-", "it's", `"a"`, `a\b`, `both ' and " and \`,
		"[a]", "{a}", "a, b", "@a", "*a", "&a", "!a", "%a", "|", ">", "?", ":", "a:", "<<", "12:30", "2026-01-01", "æøå", "1.2.3.4", "+1", ".inf", "---", "=",
		strings.Repeat("'", 40) + strings.Repeat(`"`, 40),
	} {
		quoted := "'" + strings.ReplaceAll(name, "'", "''") + "'"
		t.Run(name, func(t *testing.T) {
			s, err := lang.Parse(map[string][]byte{"a.yaml": []byte("version: 1\nrules:\n- { name: " + quoted + ", forbid: [shell], on: { kinds: [ssh] } }\n")})
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Policy.Rules[0].Name; got != name {
				t.Errorf("the name is %q, want %q", got, name)
			}
			printed(t, s)
		})
	}
}
