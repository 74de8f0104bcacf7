package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// description is /openapi.json as a program reads it, without a token.
func description(t *testing.T) (*hall, node) {
	t.Helper()
	s := newHall(t)
	got := s.get("", "/openapi.json")
	if got.status != 200 {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	var d node
	must(t, json.Unmarshal([]byte(got.body), &d))
	return s, d
}

// dig follows names into a description; nil where there is nothing.
func dig(d any, names ...string) any {
	for _, name := range names {
		m, ok := d.(node)
		if !ok {
			return nil
		}
		d = m[name]
	}
	return d
}

func TestEveryRouteIsDescribed(t *testing.T) {
	s, d := description(t)
	ids, described := map[any]bool{}, 0
	for path, methods := range dig(d, "paths").(node) {
		described += len(methods.(node))
		if !strings.HasPrefix(path, "/") {
			t.Errorf("the path %q does not begin with a slash", path)
		}
	}
	routes := s.api.routes()
	for _, r := range routes {
		op, _ := dig(d, "paths", r.path, strings.ToLower(r.method)).(node)
		if op == nil {
			t.Errorf("%s %s is not described", r.method, r.path)
			continue
		}
		if ids[op["operationId"]] || op["operationId"] == nil || op["summary"] == "" {
			t.Errorf("%s %s: id %v is there twice, or says nothing", r.method, r.path, op["operationId"])
		}
		ids[op["operationId"]] = true
		for _, want := range [][]string{{"responses", "200", "content", "application/json", "schema"}, {"responses", "default", "$ref"}} {
			if dig(op, want...) == nil {
				t.Errorf("%s %s has no %v", r.method, r.path, want)
			}
		}
		if has := dig(op, "requestBody", "content", "application/json", "schema") != nil; has != (r.method == "POST") {
			t.Errorf("%s %s: a body is described: %t", r.method, r.path, has)
		}
		checkParams(t, r, op)
	}
	if described != len(routes) {
		t.Errorf("%d operations are described, there are %d", described, len(routes))
	}
	if dig(d, "openapi") != "3.1.0" || dig(d, "info", "title") == nil || dig(d, "info", "version") == nil || dig(d, "components", "securitySchemes", "token") == nil {
		t.Error("the head of the description is not whole")
	}
}

// checkParams wants every part of the path, and every parameter of the query.
func checkParams(t *testing.T, r route, op node) {
	t.Helper()
	have := []string{}
	params, _ := op["parameters"].([]any)
	for _, p := range params {
		have = append(have, fmt.Sprint(dig(p, "in"), " ", dig(p, "name")))
		if dig(p, "schema", "type") == nil || dig(p, "in") == "path" && dig(p, "required") != true {
			t.Errorf("%s %s: the parameter %v is not whole", r.method, r.path, p)
		}
	}
	want := []string{}
	for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(r.path, -1) {
		want = append(want, "path "+m[1])
	}
	for _, p := range r.query {
		want = append(want, "query "+p.name)
	}
	if !slices.Equal(have, want) {
		t.Errorf("%s %s has the parameters %v, want %v", r.method, r.path, have, want)
	}
}

func TestTheSchemasAreWhole(t *testing.T) {
	_, d := description(t)
	kinds := []any{nil, "string", "integer", "boolean", "array", "object"}
	used := map[string]bool{}
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case []any:
			for i, e := range v {
				walk(fmt.Sprint(at, "/", i), e)
			}
		case node:
			if ref, ok := v["$ref"].(string); ok {
				used[ref] = true
				if dig(d, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...) == nil {
					t.Errorf("%s refers to %s, which is not there", at, ref)
				}
			}
			for _, name := range slices.Sorted(maps.Keys(v)) {
				walk(at+"/"+name, v[name])
			}
		}
	}
	walk("", d)
	name := regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	for n, schema := range dig(d, "components", "schemas").(node) {
		if !name.MatchString(n) || dig(schema, "type") != "object" || !used["#/components/schemas/"+n] {
			t.Errorf("the schema %s is not an object, not used, or its name is not one", n)
		}
		props := dig(schema, "properties").(node)
		for field, p := range props {
			if !slices.Contains(kinds, dig(p, "type")) || dig(p, "type") == "array" && dig(p, "items") == nil {
				t.Errorf("%s.%s is %v", n, field, p)
			}
		}
		required, _ := dig(schema, "required").([]any)
		for _, r := range required {
			if props[fmt.Sprint(r)] == nil {
				t.Errorf("%s requires %v, which it does not have", n, r)
			}
		}
	}
	if dig(d, "components", "schemas", "Wish", "additionalProperties") != false {
		t.Error("a body may hold anything")
	}
	if dig(d, "components", "schemas", "Motion", "properties", "kind") == nil {
		t.Error("what is embedded is not described")
	}
}

// TestAnAnswerIsAsItIsDescribed holds real answers against their schemas.
func TestAnAnswerIsAsItIsDescribed(t *testing.T) {
	s, d := description(t)
	code := s.granted()
	for _, tt := range []struct{ path, schema string }{
		{"/me", "Me"}, {"/targets", "TargetList"}, {"/policy", "Policy"}, {"/requests", "RequestList"}, {"/requests/" + code, "Request"},
		{"/requests/" + code + "/sessions", "SessionList"}, {"/grants", "RequestList"}, {"/tokens", "TokenList"}, {"/receipts/" + code, "approvals.Receipt"},
	} {
		var v any
		s.get(s.token(s.Eng), tt.path).into(&v)
		fits(t, d, tt.path, node{"$ref": "#/components/schemas/" + tt.schema}, v)
	}
	var failure any
	must(t, json.Unmarshal([]byte(s.get("", "/me").body), &failure))
	fits(t, d, "failure", node{"$ref": "#/components/schemas/Failure"}, failure)
}

// fits wants a value to be what a schema says, and nothing that it does not know.
func fits(t *testing.T, d node, at string, schema any, v any) {
	t.Helper()
	if ref, ok := dig(schema, "$ref").(string); ok {
		schema = dig(d, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	switch kind := dig(schema, "type"); kind {
	case "object":
		m, ok := v.(node)
		if !ok {
			t.Errorf("%s is %v, not an object", at, v)
			return
		}
		props, _ := dig(schema, "properties").(node)
		for name, e := range m {
			inner := dig(schema, "additionalProperties")
			if p := props[name]; p != nil {
				inner = p
			}
			if inner == nil || inner == false {
				t.Errorf("%s.%s is not described", at, name)
				continue
			}
			fits(t, d, at+"."+name, inner, e)
		}
		required, _ := dig(schema, "required").([]any)
		for _, r := range required {
			if _, ok := m[fmt.Sprint(r)]; !ok {
				t.Errorf("%s.%v is missing", at, r)
			}
		}
	case "array":
		list, ok := v.([]any)
		if !ok && v != nil {
			t.Errorf("%s is %v, not a list", at, v)
		}
		for i, e := range list {
			fits(t, d, fmt.Sprint(at, "[", i, "]"), dig(schema, "items"), e)
		}
	case nil:
	default:
		if got := fmt.Sprintf("%T", v); got != map[any]string{"string": "string", "boolean": "bool", "integer": "float64"}[kind] {
			t.Errorf("%s is %v, not a %v", at, v, kind)
		}
	}
}
