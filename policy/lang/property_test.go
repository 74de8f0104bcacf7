package lang_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/policy/lang"
)

// FuzzParse: no text makes Parse or Check panic, what is refused is nil, and
// what is valid lets nobody into production without an executive, nor to
// customers' data without the customer.
func FuzzParse(f *testing.F) {
	base, cases := refusals(f)
	f.Add([]byte(base))
	for _, c := range cases {
		f.Add([]byte(strings.Replace(base, c[1], c[2], 1)))
	}
	seeds, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range seeds {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := lang.Parse(map[string][]byte{"a.yaml": data})
		if err != nil {
			if s != nil {
				t.Fatal("there is an error and a source")
			}
			placed(t, data, err)
			return
		}
		_ = s.Test()
		if s.Valid() == nil {
			safe(t, s.Policy)
		}
	})
}

// placed checks that every error stands in the file.
func placed(t *testing.T, data []byte, err error) {
	t.Helper()
	errs, ok := err.(lang.Errors)
	if !ok || len(errs) == 0 {
		t.Fatalf("error is %T %v, want Errors", err, err)
	}
	lines := strings.Split(string(data), "\n")
	for _, e := range errs {
		switch {
		case e.Line == 0:
		case e.Line > len(lines) || e.Col < 1 || e.Col > len([]rune(lines[e.Line-1]))+1:
			t.Errorf("%s is not in the file", e.Where())
		case !strings.HasSuffix(e.Caret, "^"):
			t.Errorf("%s has no caret: %q", e.Where(), e.Caret)
		}
		if e.Msg == "" || e.Fix == "" || strings.ContainsAny(e.Msg+e.Fix, "\n\x1b") {
			t.Errorf("error %q %q", e.Msg, e.Fix)
		}
	}
}

func safe(t *testing.T, p *policy.Policy) {
	t.Helper()
	for _, r := range p.Rules {
		if r.Forbid {
			continue
		}
		if r.Limits.Max > 8*time.Hour || r.Limits.Default > r.Limits.Max || r.Limits.Default <= 0 || r.Fresh <= 0 || len(r.Stages) == 0 {
			t.Errorf("rule %q has the limits %v, touch %v, %d stages", r.Name, r.Limits, r.Fresh, len(r.Stages))
		}
		for _, target := range p.Targets {
			alone := policy.Policy{Targets: map[string]*policy.Target{target.Name: target}, Rules: []policy.Rule{r}}
			alone.Rules[0].Groups, alone.Rules[0].People, alone.Rules[0].Hours, alone.Rules[0].From = nil, []string{"e@x.eu"}, nil, nil
			d := alone.Decide(policy.Question{Now: noon(), Who: policy.Principal{ID: "e@x.eu", Kind: policy.Staff}, Do: r.Actions[0], On: target.Name})
			if d.Verdict != policy.Ask {
				continue
			}
			has := func(k policy.StageKind) bool {
				return slices.ContainsFunc(r.Stages, func(s policy.Stage) bool { return s.Kind == k && s.Count > 0 })
			}
			if target.Production() && !has(policy.ByExecutive) || len(target.Customers) > 0 && !has(policy.ByCustomer) {
				t.Errorf("rule %q lets into %s with the stages %v", r.Name, target.Name, r.Stages)
			}
		}
	}
}

func noon() time.Time { return time.Date(2026, time.January, 7, 12, 0, 0, 0, time.UTC) }

// TestCheckCoversWhatPolicyCovers: Check and Decide agree on what a rule is about.
func TestCheckCoversWhatPolicyCovers(t *testing.T) {
	const on = "on: { labels: { env: prod } }"
	for _, targets := range []string{"", "targets: [db1.prod]", "targets: [old.test]", "targets: [old.test, db1.prod]"} {
		for _, kinds := range []string{"", "kinds: [ssh]"} {
			for _, labels := range []string{"", "labels: { env: prod }"} {
				parts := slices.DeleteFunc([]string{targets, kinds, labels}, func(s string) bool { return s == "" })
				if len(parts) == 0 {
					continue
				}
				s := parsed(t, on, "on: { "+strings.Join(parts, ", ")+" }")
				entered := map[string]bool{"db1.prod": true, "old.test": true}
				nothing := false
				for _, f := range s.Check() {
					nothing = nothing || strings.Contains(f.Msg, "can never match")
					if name, ok := strings.CutPrefix(f.Msg, "no rule permits anything on "); ok {
						entered[name] = false
					}
				}
				for name := range maps.Keys(entered) {
					s.Policy.Rules[0].Hours, s.Policy.Rules[0].From = nil, nil
					d := s.Policy.Decide(policy.Question{Now: noon(), Who: policy.Principal{ID: "eng@example.eu", Kind: policy.Staff}, Do: policy.Shell, On: name})
					if got := d.Verdict == policy.Ask; got != entered[name] {
						t.Errorf("on %v: Decide covers %s: %v, Check: %v", parts, name, got, entered[name])
					}
				}
				if nothing != (!entered["db1.prod"] && !entered["old.test"]) {
					t.Errorf("on %v: Check says it can never match: %v", parts, nothing)
				}
			}
		}
	}
}

func TestTheDigestIsOfNamesLengthsAndBytes(t *testing.T) {
	digest := func(files map[string]string) string {
		in := map[string][]byte{}
		for name, data := range files {
			in[name] = []byte(data)
		}
		s, err := lang.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		return s.Policy.Digest
	}
	first := digest(map[string]string{"p/a.yaml": "version: 1\n", "p/b.yaml": "version: 1"})
	if again := digest(map[string]string{"q/a.yaml": "version: 1\n", "q/b.yaml": "version: 1"}); again != first || len(first) != 64 {
		t.Errorf("in another directory it is %s, want %s", again, first)
	}
	for name, files := range map[string]map[string]string{
		"another name":   {"p/a.yaml": "version: 1\n", "p/c.yaml": "version: 1"},
		"a moved byte":   {"p/a.yaml": "version: 1", "p/b.yaml": "version: 1\n"},
		"a comment":      {"p/a.yaml": "version: 1\n#", "p/b.yaml": "version: 1"},
		"one file fewer": {"p/a.yaml": "version: 1\n"},
	} {
		if digest(files) == first {
			t.Errorf("%s: the digest is the same", name)
		}
	}
}
