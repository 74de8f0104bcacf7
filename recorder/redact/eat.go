package redact

import (
	"bytes"
	"strings"

	"lockbox/policy"
)

// An eater takes the rest of a secret whose beginning is known.
type eater struct {
	kind  string // of the label; "" once it is written
	wait  bool   // the value has not begun
	quote byte   // it ends with
	stops string // it ends before; besides what its mode ends before
	mode  eatMode
	form  *form // of eatRun
	n     int   // bytes
	dash  int   // '-' in a row
	run   int   // bytes since a space
	word  bool  // letters are among them
	last  byte
}

type eatMode byte

const (
	eatWord eatMode = iota // to the next space
	eatLine                // to the end of the line
	eatRun                 // as long as the form's characters go on
	eatUser                // to the end of a URI's user and password
	eatKey                 // to the dashes that end a private key
)

// sign looks at a byte that may stand before a secret.
func (r *Redactor) sign(b byte) {
	switch s := r.seen; {
	case b == '-':
		if r.want&policy.RedactKeys != 0 && opensKey(s) {
			r.eats(eater{kind: "key", mode: eatKey})
			r.label()
		}
	case r.want&policy.RedactTokens == 0:
	case b == '/':
		if n := len(s); n > 3 && string(s[n-3:]) == "://" && r.class[s[n-4]]&classWord != 0 {
			r.live |= liveURI
			r.uri = uriAt{start: len(r.out), colon: -1, at: -1}
		}
	case b == '~': // the secret of an Azure application
		if n := len(s); n > 5 && s[n-2] == 'Q' && r.class[s[n-3]]&classDigit != 0 && r.class[s[n-4]]&classWord != 0 {
			r.live |= liveToken
			r.token = tokenAt{start: len(r.out), form: azure()}
		}
	default:
		r.named(s[:len(s)-1], b)
	}
}

// opensKey says whether the text ends in the first line of a private key.
func opensKey(s []byte) bool {
	n := len(s) - 5
	if n < 0 || string(s[n:]) != "-----" || !bytes.HasSuffix(s[:n], []byte("PRIVATE KEY")) && !bytes.HasSuffix(s[:n], []byte("PRIVATE KEY BLOCK")) {
		return false
	}
	s = s[:n]
	i := bytes.LastIndex(s, []byte("-----BEGIN "))
	return i >= 0 && !bytes.ContainsAny(s[i:], "\r\n") && !bytes.Contains(s[i+len("-----BEGIN "):], []byte("-----"))
}

// named looks whether what ends before '=' or ':' names a secret.
func (r *Redactor) named(s []byte, b byte) {
	s = bytes.TrimRight(s[max(0, len(s)-mostSeen):], " \t")
	n := len(s)
	if n > 0 && (s[n-1] == '"' || s[n-1] == '\'') {
		s = s[:n-1]
	}
	from := len(s)
	if from == 0 || !endsName(s[from-1]) { // no name ends so
		return
	}
	for from > 0 && (r.class[s[from-1]]&classWord != 0 || s[from-1] == '-') && s[from-1] < 0x80 {
		from--
	}
	e := eater{wait: true}
	switch name := string(s[from:]); {
	case len(name) > 40, from > 0 && s[from-1] == '/': // a path
		return
	case NamesHeader(name) && b == ':':
		e.kind, e.mode = "header", eatLine
	case NamesSecret(name), b == '=' && strings.EqualFold(name, "sig"):
		e.kind = "password"
	default:
		return
	}
	if from > 0 && len(s) == n { // not "name": but "name:
		switch c := s[from-1]; c {
		case '"', '\'', '`':
			e.stops = string(c)
		case '?', '&', ';':
			e.stops = "&;"
		}
	}
	r.eats(e)
}

func (r *Redactor) eats(e eater) {
	r.eat = e
	r.live = r.live&^(liveToken|liveNumber) | liveEat
}

// label writes that something was taken out.
func (r *Redactor) label() {
	r.out = append(r.out, "‹redacted:"+r.eat.kind+"›"...)
	r.eat.kind, r.eat.wait, r.taken = "", false, true
}

// begin looks at a byte before the value: it may begin it.
func (r *Redactor) begin(b byte) {
	e := &r.eat
	e.n++
	switch {
	case e.n > 64:
		r.live &^= liveEat
	case strings.IndexByte(" \t=:>", b) >= 0:
	case e.quote == 0 && (b == '"' || b == '\'') && strings.IndexByte(e.stops, b) < 0:
		e.quote = b
	case e.ends(b):
		r.live &^= liveEat
	default:
		e.n = 0
		r.label()
	}
}

// takes says whether the byte is of the secret.
func (e *eater) takes(b byte) bool {
	if e.wait {
		return b == ' '
	}
	e.n++
	last := e.last
	e.last = b
	if e.quote != 0 && last == '\\' && (b == e.quote || b == last) {
		e.last = 0
		return e.n <= mostValue
	}
	switch e.mode {
	case eatKey:
		return e.n <= mostKey && e.takesKey(b)
	case eatRun:
		return e.n <= mostValue && (e.form.takes(b) || b == '\b')
	case eatLine:
		return e.n <= mostLine && !e.ends(b)
	}
	if last == '\b' && b == ' ' { // "\b \b" rubs a character out
		return true
	}
	return e.n <= mostValue && !e.ends(b)
}

// kept is how many dashes of those that end a key were taken already.
func (e *eater) kept() int {
	if e.mode != eatKey || e.dash < 5 {
		return 0
	}
	return 4
}

// ends says whether the value ends before the byte.
func (e *eater) ends(b byte) bool {
	switch {
	case b == '\b' || b == 0x7f:
		return false
	case b == '\t':
		return e.quote == 0 && e.mode != eatLine
	case b < ' ' || strings.IndexByte(e.stops, b) >= 0:
		return true
	case e.quote != 0:
		return b == e.quote
	case e.mode == eatLine:
		return false
	case e.mode == eatUser:
		return b == '@' || endsUser(b)
	}
	return strings.IndexByte(" \"'`", b) >= 0
}

// takesKey: of the inside of a private key, also where its lines are numbered,
// written as \n or with a space between. The fifth dash ends it, and so does a
// space behind a word: then it is text, and the key was not printed whole.
func (e *eater) takesKey(b byte) bool {
	switch {
	case b == '-':
		e.dash++
		return e.dash < 5
	case b == ' ':
		if e.word && e.run > 0 && e.run < 20 {
			return false
		}
		e.run, e.word = 0, false
	case b == '\t', b == '\r', b == '\n', b == ':', b == ',':
		e.run, e.word = 0, false
	case isWord(b) && b != '_', strings.IndexByte("+/=.\\\"", b) >= 0:
		e.run++
		e.word = e.word || b > '9'
	default:
		return false
	}
	e.dash = 0
	return true
}
