package recorder

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"lockbox/policy"
	"lockbox/recorder/redact"
)

// objectMost is how many bytes of JSON one operation may have.
const objectMost = 64 << 10

// Object takes one operation of sftp, http or sql: v is, or becomes, a JSON
// object of at most 64 KiB. What the Header redacts is taken out of its strings,
// and the whole value of a member named as a password or a secret header is.
func (t *Track) Object(v any) error {
	if !t.head.objects() {
		return fmt.Errorf("record %s: it takes no objects", t.name)
	}
	b, err := json.Marshal(v)
	if err == nil && t.head.Redact != 0 {
		b, err = redactObject(b, t.head.Redact)
	}
	switch {
	case err != nil:
		return fmt.Errorf("record %s: %w", t.name, err)
	case len(b) == 0 || b[0] != '{':
		return fmt.Errorf("record %s: not a JSON object", t.name)
	case len(b) > objectMost:
		return fmt.Errorf("record %s: an object of %d bytes, more than %d", t.name, len(b), objectMost)
	}
	if err := t.rec.add(t, CodeObject, b); err != nil {
		return fmt.Errorf("record %s: %w", t.name, err)
	}
	return nil
}

// redactObject takes secrets out of the strings of JSON. Numbers stay.
func redactObject(b []byte, want policy.Redact) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(redactValueOf(v, want))
}

func redactValueOf(v any, want policy.Redact) any {
	switch v := v.(type) {
	case string:
		return redactText(v, want)
	case []any:
		for i := range v {
			v[i] = redactValueOf(v[i], want)
		}
	case map[string]any:
		clean := make(map[string]any, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			in, name := redactValueOf(v[k], want), redactText(k, want)
			if kind := redactMember(k, want); kind != "" && in != nil && in != "" {
				in = "‹redacted:" + kind + "›"
			}
			for _, twice := clean[name]; twice; _, twice = clean[name] {
				name += "′"
			}
			clean[name] = in
		}
		return clean
	}
	return v
}

// redactMember is the kind of secret that a member of such a name is; "" for none.
func redactMember(name string, want policy.Redact) string {
	switch {
	case want&policy.RedactTokens == 0:
	case redact.NamesHeader(name):
		return "header"
	case redact.NamesSecret(name):
		return "password"
	}
	return ""
}

// redactText takes secrets out of a whole text.
func redactText(s string, want policy.Redact) string {
	if want == 0 || s == "" {
		return s
	}
	r := redact.New(want)
	out := append([]byte(nil), r.Write([]byte(s))...)
	return string(append(out, r.Flush()...))
}
