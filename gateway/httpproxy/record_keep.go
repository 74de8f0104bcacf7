package httpproxy

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"unicode/utf8"

	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/recorder/redact"
)

// redactor takes out of a text what the rule says; nil: nothing.
func (r *reel) redactor() *redact.Redactor {
	if r.rule.Redact == 0 {
		return nil
	}
	return redact.New(r.rule.Redact)
}

// typed takes passwords out, too: for what people type into forms.
func (r *reel) typed() *redact.Redactor { return redact.New(r.rule.Redact | policy.RedactTokens) }

// hashLeast is how many bytes of what is not kept have a hash: a hash of less
// would let them be guessed.
const hashLeast = 64

// A hashed hashes what passes.
type hashed struct {
	sum   hash.Hash
	bytes int64
	kept  int64
	red   *redact.Redactor // that what is kept went through
}

func (r *reel) hashed(red *redact.Redactor) *hashed { return &hashed{sum: sha256.New(), red: red} }

func (d *hashed) write(p []byte) error {
	d.bytes += int64(len(p))
	_, _ = d.sum.Write(p) // never fails
	return nil
}

// end has no hash where it would let be guessed what was taken out, what nobody
// looked at whether it was to be, or what is short.
func (d *hashed) end() (b recorder.HTTPBody, _ error) {
	b.Kept = d.kept
	looked := d.red == nil || !d.red.Taken() && (d.kept == d.bytes || d.kept == 0)
	if d.bytes > 0 && looked && (d.kept > 0 || d.bytes >= hashLeast) {
		b.SHA256 = hex.EncodeToString(d.sum.Sum(nil))
	}
	return b, nil
}

// pieceMost is how many bytes of text one object has: all of them escaped fit.
const pieceMost = 8 << 10

// A text keeps a body up to the rule's limit.
type text struct {
	*hashed
	out  func(*recorder.HTTPObject) error
	like recorder.HTTPObject // of each piece
	is   func([]byte) bool   // nil: it is text
	not  bool                // it is none from here on
	left int64
	tail []byte // of a character that was cut
}

// text keeps what is text, until is says that a piece is none.
func (r *reel) text(t *take, from string, is func([]byte) bool, red *redact.Redactor) *text {
	return &text{
		hashed: r.hashed(red), out: t.write, is: is, left: r.rule.Kept(),
		like: recorder.HTTPObject{Op: recorder.HTTPBodyOp, N: t.n, From: from},
	}
}

func (x *text) write(p []byte) error {
	_ = x.hashed.write(p) // never fails
	x.not = x.not || x.is != nil && !x.is(p)
	if x.not || x.left <= 0 {
		return nil
	}
	p = p[:min(int64(len(p)), x.left)]
	x.left -= int64(len(p))
	x.kept += int64(len(p))
	if x.red != nil {
		p = x.red.Write(p)
	}
	return x.put(p, false)
}

// put writes pieces down; a character that is cut waits, but at the end.
func (x *text) put(p []byte, end bool) error {
	if len(x.tail) > 0 {
		p = append(x.tail, p...)
		x.tail = nil
	}
	if n := cutRune(p); n > 0 && !end {
		x.tail = append([]byte(nil), p[len(p)-n:]...)
		p = p[:len(p)-n]
	}
	for len(p) > 0 {
		n := min(len(p), pieceMost)
		if n < len(p) {
			n -= cutRune(p[:n])
		}
		o := x.like
		content(&o, p[:n])
		if err := x.out(&o); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

func (x *text) end() (recorder.HTTPBody, error) {
	var p []byte
	if x.red != nil {
		p = x.red.Flush()
	}
	err := x.put(p, true)
	b, _ := x.hashed.end() // never fails
	return b, err
}

// content puts bytes into an object.
func content(o *recorder.HTTPObject, p []byte) {
	if utf8.Valid(p) {
		o.Text = string(p)
	} else {
		o.Data = append([]byte(nil), p...)
	}
}

// cutRune is how many bytes at the end of p begin a character of which more is to come.
func cutRune(p []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		if b := p[len(p)-n]; utf8.RuneStart(b) {
			if b >= utf8.RuneSelf && !utf8.FullRune(p[len(p)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}
