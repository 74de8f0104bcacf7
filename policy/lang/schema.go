package lang

import (
	"encoding/json"
	"maps"
)

// A schema is what a JSON Schema says of a value, and what the reference does.
type schema struct {
	Description          string
	Type                 string
	Pattern              string
	MinLength, MaxLength int
	Minimum, Maximum     int
	Enum                 []string
	Items                *schema // of a list
	Unique               bool
	MinItems, MaxItems   int // of a list, or of a table in which people choose the names
	Names, Each          *schema
	Closed               bool // a table that has these fields and no others
	Required             []string
	AnyOf                []schema
	If, Then, Else       *schema
	Extra                map[string]any // other keywords

	fields []schema
	name   string // of a field
	of     string // what people call it
}

// json is the schema as it is written.
func (s *schema) json() map[string]any {
	out := map[string]any{}
	set := func(key string, v any, there bool) {
		if there {
			out[key] = v
		}
	}
	set("description", s.Description, s.Description != "")
	set("type", s.Type, s.Type != "")
	set("pattern", s.Pattern, s.Pattern != "")
	set("minLength", s.MinLength, s.MinLength > 0)
	set("maxLength", s.MaxLength, s.MaxLength > 0)
	set("minimum", s.Minimum, s.Maximum > 0)
	set("maximum", s.Maximum, s.Maximum > 0)
	set("enum", s.Enum, len(s.Enum) > 0)
	set("uniqueItems", true, s.Unique)
	set("required", s.Required, len(s.Required) > 0)
	if s.Type == "object" {
		set("minProperties", s.MinItems, s.MinItems > 0)
	} else {
		set("minItems", s.MinItems, s.MinItems > 0)
		set("maxItems", s.MaxItems, s.MaxItems > 0)
	}
	set("additionalProperties", false, s.Closed)
	for key, one := range map[string]*schema{"items": s.Items, "propertyNames": s.Names, "additionalProperties": s.Each, "if": s.If, "then": s.Then, "else": s.Else} {
		if one != nil {
			out[key] = one.json()
		}
	}
	var either []map[string]any
	for i := range s.AnyOf {
		either = append(either, s.AnyOf[i].json())
	}
	set("anyOf", either, len(either) > 0)
	properties := map[string]any{}
	for i := range s.fields {
		properties[s.fields[i].name] = s.fields[i].json()
	}
	set("properties", properties, len(properties) > 0)
	maps.Copy(out, s.Extra)
	return out
}

// Schema is the JSON Schema (2020-12) of one policy file, made of the shapes
// that the reader reads by. What it refuses, the reader refuses; the reader
// refuses more: what only the whole of the files shows, and what cannot be said
// of text, such as a field that stands twice.
func Schema() []byte {
	root := aFile().schema
	out := root.json()
	out["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	out["title"] = "Lockbox policy"
	data, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		panic(err) // made of maps, lists, text and numbers alone
	}
	return append(data, '\n')
}

type object = map[string]any

// permitSense is what a schema can say of sense.
func permitSense() map[string]any {
	permitting := func(actions []any) object {
		return object{"properties": object{"permit": object{"contains": object{"enum": actions}}}}
	}
	dependent := object{}
	for _, b := range bounded() {
		var actions []any
		for _, a := range b.of {
			actions = append(actions, string(a))
		}
		dependent[b.field] = permitting(actions)
	}
	dependent["forbid"] = false
	dependent["permit"] = object{"if": permitting([]any{"agent", "x11"}), "then": permitting([]any{"shell", "exec"})}
	return map[string]any{"dependentSchemas": dependent, "if": permitting([]any{"forward"}), "then": object{"required": []string{"to"}}}
}

// targetSense is what a schema can say of kind.
func targetSense() map[string]any {
	return map[string]any{
		"if": object{"properties": object{"kind": object{"const": "ssh"}}},
		"then": object{
			"properties": object{"http": false, "tls": false},
			"required":   []string{"logins"},
			"oneOf":      []object{{"required": []string{"host_key"}}, {"required": []string{"host_ca"}}},
		},
		"else": object{"properties": object{"host_key": false, "host_ca": false}},
	}
}
