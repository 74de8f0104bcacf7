package recorder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"lockbox/policy"
	"lockbox/recorder/redact"
)

// objectMost is how many bytes of JSON one operation may have.
const objectMost = 64 << 10

// ErrLong: an object of more than 64 KiB is not taken.
var ErrLong = errors.New("an object of more than 64 KiB")

// Object takes one operation of sftp, http or sql: v is, or becomes, a JSON
// object of at most 64 KiB. What the Header redacts is taken out of its strings,
// and the whole value of a member named as a password or a secret header is.
func (t *Track) Object(v any) error {
	if !t.head.objects() {
		return fmt.Errorf("record %s: it takes no objects", t.name)
	}
	if o, is := v.(*HTTPObject); is {
		if done, err := t.http(o); done {
			return err
		}
	}
	b, err := json.Marshal(v)
	if err == nil && t.head.Redact != 0 {
		t.cleaning.Lock()
		b, err = t.cleaner.object(b)
		t.cleaning.Unlock()
	}
	if err != nil {
		return fmt.Errorf("record %s: %w", t.name, err)
	}
	return t.object(b)
}

// noteMost is how many bytes are kept for the next object.
const noteMost = 4 << 10

// http takes an object of an http track, unless encoding/json has to say why not.
func (t *Track) http(o *HTTPObject) (done bool, err error) {
	notes := &t.rec.shelf.notes
	p, ok := notes.Get().(*[]byte)
	if !ok {
		p = new(make([]byte, 0, noteMost))
	}
	var clean func(string) string
	if t.head.Redact != 0 {
		t.cleaning.Lock()
		clean = t.cleaner.text
	}
	b, done := o.append(*p, clean)
	if clean != nil {
		t.cleaning.Unlock()
	}
	if done {
		err = t.object(b)
	}
	if cap(b) <= noteMost {
		clear(b) // it may be a secret
		*p = b[:0]
		notes.Put(p)
	}
	return done, err
}

// object takes JSON.
func (t *Track) object(b []byte) error {
	switch {
	case len(b) == 0 || b[0] != '{':
		return fmt.Errorf("record %s: not a JSON object", t.name)
	case len(b) > objectMost:
		return fmt.Errorf("record %s: %d bytes: %w", t.name, len(b), ErrLong)
	}
	if err := t.rec.add(t, CodeObject, b); err != nil {
		return fmt.Errorf("record %s: %w", t.name, err)
	}
	return nil
}

// A cleaner takes secrets out of texts, one after the other.
type cleaner struct {
	want policy.Redact
	red  *redact.Redactor // nil until there is something
}

// object takes secrets out of the strings of JSON. Numbers stay.
func (c *cleaner) object(b []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(c.value(v))
}

func (c *cleaner) value(v any) any {
	switch v := v.(type) {
	case string:
		return c.text(v)
	case []any:
		for i := range v {
			v[i] = c.value(v[i])
		}
	case map[string]any:
		clean := make(map[string]any, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			in, name := c.value(v[k]), c.text(k)
			if kind := redactMember(k, c.want); kind != "" && in != nil && in != "" {
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

// text takes secrets out of a whole text.
func (c *cleaner) text(s string) string {
	if c.want == 0 || s == "" {
		return s
	}
	if c.red == nil {
		c.red = redact.New(c.want)
	}
	c.red.Reset()
	out := append([]byte(nil), c.red.Write([]byte(s))...)
	out = append(out, c.red.Flush()...)
	if !c.red.Taken() {
		return s
	}
	return string(out)
}

// redactText takes secrets out of a whole text.
func redactText(s string, want policy.Redact) string { return (&cleaner{want: want}).text(s) }
