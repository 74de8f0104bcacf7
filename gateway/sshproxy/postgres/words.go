package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	gotext "unicode/utf8"
)

// An object is one entry of the record.
type object = map[string]any

// utf8 is text as JSON can hold it: a byte that is not of UTF-8 becomes the
// character that ISO 8859-1 has for it.
func utf8(text string) string {
	if gotext.ValidString(text) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := gotext.DecodeRuneInString(text[i:])
		if r == gotext.RuneError && n == 1 {
			r = rune(text[i])
		}
		b.WriteRune(r)
		i += n
	}
	return b.String()
}

// short is the beginning of a text, of at most so many bytes.
func short(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !gotext.RuneStart(text[most]) {
		most--
	}
	return strings.Clone(text[:most]) // and not all of it with it
}

// partMost is how much of JSON one part of a text has: an object may have 64 KiB.
const partMost = 40 << 10

// parts cuts a text into what fits into one entry each: between words where it
// can, so that no secret is torn apart.
func parts(text string) (all []string) {
	for {
		n := fits(text)
		if n == len(text) {
			return append(all, text)
		}
		if i := strings.LastIndexAny(text[n/2:n], " \n\t"); i >= 0 {
			n = n/2 + i + 1
		}
		all, text = append(all, text[:n]), text[n:]
	}
}

// fits is how much of the beginning of a text fits into one part.
func fits(text string) int {
	n := len(short(text, partMost))
	for quoted(text[:n]) > partMost {
		n = len(short(text, n*3/4))
	}
	return n
}

// quoted is the size of a text in JSON.
func quoted(text string) int {
	b, err := json.Marshal(text)
	if err != nil {
		return 6 * len(text) // text can be written
	}
	return len(b)
}

// valueMost is how much is kept of one value, and valuesMost of those of a statement.
const (
	valueMost  = 2 << 10
	valuesMost = 16 << 10
	valueCount = 500
)

// values are the parameters of a statement: text as text, what is binary in
// hexadecimal, and of what is long its size and hash.
func values(params [][]byte, formats []int16) []any {
	out, size := make([]any, 0, min(len(params), valueCount+1)), 0
	for i, v := range params {
		binary := len(formats) == 1 && formats[0] == 1 || len(formats) > 1 && i < len(formats) && formats[i] == 1
		one := value(v, binary, size < valuesMost)
		size += quotedSize(one)
		if len(out) == valueCount {
			return append(out, object{"more": len(params) - i})
		}
		out = append(out, one)
	}
	return out
}

func value(v []byte, binary, room bool) any {
	switch {
	case v == nil:
		return nil
	case len(v) > valueMost || !room:
		o := object{"bytes": len(v)}
		if len(v) > valueMost { // of a short one a hash would let it be guessed
			sum := sha256.Sum256(v)
			o["sha256"] = hex.EncodeToString(sum[:])
		}
		return o
	case binary:
		return object{"binary": hex.EncodeToString(v)}
	}
	return utf8(string(v))
}

func quotedSize(v any) int {
	b, err := json.Marshal(v)
	if err != nil {
		return valuesMost // texts and numbers can be written
	}
	return len(b)
}
