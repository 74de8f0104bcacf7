package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

const maxDepth = 8 // of JSON in JSON

// read takes the body into v: one JSON object of exactly v's fields.
func (c *call) read(v any) error {
	if kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return errKind
	}
	if len(c.r.Header.Values("Content-Encoding")) > 0 {
		return errKind
	}
	body, err := io.ReadAll(c.r.Body)
	if long := new(http.MaxBytesError); errors.As(err, &long) {
		return errTooLong
	}
	if err != nil {
		return malformed("the body did not arrive whole")
	}
	return strict(body, v)
}

// strict reads one JSON object and refuses whatever two readers could read
// differently: unknown and repeated names, names in another case, text after
// the end, text that is not UTF-8, and null.
func strict(body []byte, v any) error {
	if !utf8.Valid(body) {
		return malformed("the body is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return malformed("the body must be one JSON object; {} where there is nothing to say")
	}
	if err := object(d, 1); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return malformed("something follows the JSON object")
	}
	d = json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return malformed("%s", whatIsWrong(err))
	}
	return nil
}

// whatIsWrong tells of a body without repeating any of it but names of ours.
func whatIsWrong(err error) string {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		return fmt.Sprintf("the field %q takes another type of value", kind.Field)
	case errors.Is(err, errSpan):
		return errSpan.Error()
	case strings.HasPrefix(err.Error(), "json: unknown field"):
		return "the body has a field that is unknown here"
	}
	return "a value in the body cannot be read"
}

// object walks through an object that has begun.
func object(d *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		switch {
		case err != nil || !ok || depth > maxDepth:
			return errNotJSON()
		case seen[name]:
			return malformed("a field is given twice")
		case strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "":
			return malformed("the body has a field that is unknown here")
		}
		seen[name] = true
		if err := value(d, depth); err != nil {
			return err
		}
	}
	return closing(d)
}

// value walks through one value.
func value(d *json.Decoder, depth int) error {
	t, err := d.Token()
	switch {
	case err != nil || depth > maxDepth:
		return errNotJSON()
	case t == nil:
		return malformed("leave a field out rather than giving null")
	case t == json.Delim('{'):
		return object(d, depth+1)
	case t == json.Delim('['):
		for d.More() {
			if err := value(d, depth+1); err != nil {
				return err
			}
		}
		return closing(d)
	}
	return nil
}

func closing(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return errNotJSON()
	}
	return nil
}

func errNotJSON() error { return malformed("the body is not JSON, or too deep") }
