package lang_test

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"lockbox/policy/lang"
)

// agreed holds what we read of a file against another reader of YAML: it must
// read the same, or else a reviewer's tools show what the gateway does not see.
func agreed(t *testing.T, data []byte) {
	t.Helper()
	ours, ok := lang.Tree(data)
	if !ok {
		return
	}
	var theirs any
	if err := yaml.Unmarshal(data, &theirs); err != nil {
		if strings.Contains(err.Error(), "already defined") {
			return // a field twice: refused later, with both places
		}
		t.Fatalf("we read it, another reader says %v\n%s", err, data)
	}
	if at := apart("", ours, theirs); at != "" {
		t.Errorf("at %s we read %v, another reader %v\n%s", at, ours, theirs, data)
	}
}

// apart is where two trees differ; "" where they do not. What is a number for
// us may be none for others: no field takes it for text.
func apart(path string, ours, theirs any) string {
	switch ours := ours.(type) {
	case lang.Number:
		switch theirs.(type) {
		case []any, map[string]any, nil:
			return path + "/"
		}
		return ""
	case []any:
		list, ok := theirs.([]any)
		if !ok || len(list) != len(ours) {
			return path + "/"
		}
		for i := range ours {
			if at := apart(path+"/-", ours[i], list[i]); at != "" {
				return at
			}
		}
		return ""
	case map[string]any:
		table, ok := theirs.(map[string]any)
		if !ok || len(table) != len(ours) {
			return path + "/"
		}
		for k := range ours {
			if at := apart(path+"/"+k, ours[k], table[k]); at != "" {
				return at
			}
		}
		return ""
	}
	if ours != theirs {
		return path + "/"
	}
	return ""
}

func TestAnotherReaderOfYAMLReadsTheSame(t *testing.T) {
	for name, data := range corpus(t) {
		t.Run(name, func(t *testing.T) { agreed(t, data) })
	}
	for _, text := range []string{
		"a: b #c\n", "a : b\n", "a: b#c\n", "a#b: c # d\n", "a: [b#c, d] # e\n", "a: [b, c, ]\n", "a: {b: c, }\n", "a:\n- b\n-\n  c: d\n", "a: {\n  b: [c,\n  d] # e\n}\n", "a: ~\n", "a: 2026-1\n", "a: 'it''s'\n",
		"a: \"\\\\ \\\"\"\n", "a: [b c, d]\n", "a:\n  b: c\n  d:\n    - e: f\n      g: h\n", "a: -b\n", "a: x]y\n", "a: {b: -c}\n", "'a b': c\n", "a: b:c\n", "- a\n- b: c\n", "a: b'c\n", "a: 07:00\n",
		"a:\n  - b\n\n  # c\n  - d\n", "a:   \n  b: c  \n", "a: 0x1F\n", "a: 1_000\n", "a: y\n", "a: off\n", "a: .5\n", "a: 1e3\n", "a: 012\n",
	} {
		t.Run(text, func(t *testing.T) {
			if _, ok := lang.Tree([]byte(text)); !ok {
				t.Error("it is not read")
			}
			agreed(t, []byte(text))
		})
	}
}
