package lang_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"lockbox/policy/lang"
)

// compiled is the schema as a program reads it, held against the one of JSON Schema itself.
func compiled(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(lang.Schema())))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("policy.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("policy.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON is a policy file as JSON.
func asJSON(t testing.TB, data []byte) any {
	t.Helper()
	tree, ok := lang.Tree(data)
	if !ok {
		t.Fatalf("not read: %s", data)
	}
	return numbers(tree)
}

func numbers(v any) any {
	switch v := v.(type) {
	case lang.Number:
		if json.Valid([]byte(v)) {
			return json.Number(v)
		}
		return json.Number("0.5") // some number: no field takes it
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	}
	return v
}

// TestTheSchemaAgreesWithTheReader: what the reader accepts the schema accepts;
// what it refuses the schema refuses, but for what no schema can say, which is
// listed here.
func TestTheSchemaAgreesWithTheReader(t *testing.T) {
	beyond := map[string]string{
		"a target without a dot": "what a name may be depends on the kind", "an application with a dot": "the same", "tls of what speaks none": "a value that depends on another",
		"two rules of one name": "it is of the whole of the files",
		"more than eight hours": "a schema compares no times", "a default longer than max": "the same",
		"a default longer than the max of every rule": "the same", "a touch that lasts too long": "the same", "a stage that waits too long": "the same", "an emergency that waits long": "the same",
		"hours that are empty": "the same", "hours that end when they begin": "the same", "an escalation that runs backwards": "the same", "an escalation after the stage is over": "the same",
		"days that run backwards": "a schema knows no order of days", "a day twice": "the same", "a zone that is none": "the list is the library's", "the zone of the machine": "the same", "the zone of the machine under another name": "the same",
		"a network with bits of a host": "a schema does not compute", "a network that is none": "the same",
		"a ticket that is no pattern": "the same", "a ticket of which one half is not anchored": "the same",
		"a customer asked twice": "a schema does not count across items", "a customer asked twice, the second time beside others": "the same",
		"more stages than anybody waits for, side by side": "the same",
		"a template for all": "a value that depends on its name", "one account for each customer": "the same",
		"a port that is none": "a schema does not compute", "an address that is none": "the same", "an address of every machine": "the same",
		"forward to every machine":               "the same",
		"a method that the action does not have": "the same", "an action without a method": "the same",
		"a path that goes up": "the same", "a path with a query": "the same", "a path with an escape": "the same", "a path with two slashes": "the same", "a path with a slash at its end": "the same", "a path with a backslash": "the same",
		"a test that says what nobody is asked": "the same",
		"a recording that is kept too briefly":  "a schema compares no times", "a customer whose data is kept too briefly": "the same",
		"too much of a stream": "a schema compares no sizes", "a key that is mistyped": "a schema does not compute",
	}
	schema, used := compiled(t), map[string]bool{}
	all := corpus(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		tree, ok := lang.Tree(all[name])
		if !ok {
			continue // no YAML for us: a schema is never asked
		}
		_, err := lang.Parse(map[string][]byte{"a.yaml": all[name]})
		refused := schema.Validate(numbers(tree))
		switch {
		case err == nil && refused != nil:
			t.Errorf("%s: the reader accepts it, the schema says %v", name, refused)
		case err != nil && refused == nil && beyond[name] == "":
			t.Errorf("%s: the schema accepts it, the reader says %v", name, err)
		case err != nil && refused == nil:
			used[name] = true
		}
	}
	for name := range beyond {
		if !used[name] {
			t.Errorf("%q is listed as beyond the schema, and is not", name)
		}
	}
}

// TestEveryFieldIsDescribed, in the schema and in the reference.
func TestEveryFieldIsDescribed(t *testing.T) {
	var root any
	if err := json.Unmarshal(lang.Schema(), &root); err != nil {
		t.Fatal(err)
	}
	reference, fields := lang.Reference(), 0
	var walk func(path string, v any)
	walk = func(path string, v any) {
		table, ok := v.(map[string]any)
		if !ok {
			return
		}
		properties, _ := table["properties"].(map[string]any)
		for name, field := range properties {
			one, ok := field.(map[string]any)
			if !ok || strings.Contains(path, "/if") || strings.Contains(path, "/dependentSchemas") {
				continue
			}
			fields++
			doc, _ := one["description"].(string)
			if !strings.HasSuffix(doc, ".") {
				t.Errorf("%s/%s is described as %q", path, name, doc)
			}
			if !strings.Contains(reference, fmt.Sprintf("| `%s` |", name)) || !strings.Contains(reference, doc) {
				t.Errorf("%s/%s is not in the reference", path, name)
			}
		}
		for key, sub := range table {
			walk(path+"/"+key, sub)
			if list, ok := sub.([]any); ok {
				for _, one := range list {
					walk(path+"/"+key, one)
				}
			}
		}
	}
	walk("", root)
	if fields < 80 {
		t.Errorf("%d fields, want at least 80", fields)
	}
}
