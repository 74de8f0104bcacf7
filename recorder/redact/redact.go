package redact

import (
	"lockbox/policy"
)

// Bounds of what a Redactor holds back, remembers and takes out.
const (
	mostHeld  = 256      // bytes held back because they may begin a secret
	mostSeen  = 96       // bytes of text in which the name of what follows is looked for
	mostValue = 4 << 10  // bytes of a password or token
	mostLine  = 8 << 10  // of a header
	mostKey   = 16 << 10 // of a private key
)

// A Redactor takes secrets out of one stream, and writes ‹redacted:kind› in
// their place. It reads the text without escape sequences, which stay; the
// pieces that come in may be cut anywhere. It holds back what may be the
// beginning of a secret, at most mostHeld bytes, until Flush.
//
// Not caught: what is encoded, wrapped to a further line, or drawn out of
// order; values without a name ("-p hunter2"); names not in the list; tokens of
// unknown form; person numbers with a space in the middle; and of what comes
// slower than Flush, the characters that were let go.
type Redactor struct {
	want   policy.Redact
	forms  []form
	class  [256]byte
	second [256]string // of forms, by the first
	out    []byte      // not given out yet, or just now
	given  int         // bytes of out that were given out
	first  Escape      // where out[0] stands in an escape sequence
	escape Escape
	seen   []byte // the newest text
	live   byte   // which of the following go on
	token  tokenAt
	number numberAt
	uri    uriAt
	eat    eater
	taken  bool // something was taken out
}

// What goes on in a Redactor.
const (
	liveToken byte = 1 << iota
	liveNumber
	liveURI
	liveEat
)

// New makes a Redactor of one stream, that takes out what want says.
func New(want policy.Redact) *Redactor {
	r := &Redactor{want: want, forms: forms(want)}
	r.classify()
	return r
}

// Reset makes r ready for another stream.
func (r *Redactor) Reset() {
	clear(r.out)
	clear(r.seen)
	r.out, r.seen, r.given, r.live, r.taken = r.out[:0], r.seen[:0], 0, 0, false
	r.first, r.escape = Ground, Ground
	r.token, r.uri, r.eat = tokenAt{}, uriAt{}, eater{}
	r.number = numberAt{digits: r.number.digits[:0]}
}

// Taken says whether anything was taken out yet.
func (r *Redactor) Taken() bool { return r.taken }

// Write takes a piece in and gives what can go on. It is valid until the next call.
func (r *Redactor) Write(p []byte) []byte {
	r.shift()
	for len(p) > 0 {
		if r.live == 0 && r.escape == Ground {
			n := r.plain(p)
			r.out = append(r.out, p[:n]...)
			r.remember(p[:n])
			if p = p[n:]; len(p) == 0 {
				break
			}
		}
		r.step(p[0])
		p = p[1:]
	}
	r.given = r.hold()
	return r.out[:r.given]
}

// Flush gives what is held back. A secret that is only whole now is taken out;
// of one that is not, what comes later is.
func (r *Redactor) Flush() []byte {
	r.shift()
	if r.live&liveNumber != 0 && r.number.judge(r, 0) {
		r.live &^= liveNumber
	}
	r.likely()
	if r.live&liveURI != 0 {
		r.uri.pause(r)
	}
	r.given = len(r.out)
	return r.out
}

// likely takes out what is a token but for its length.
func (r *Redactor) likely() {
	if r.live&liveToken != 0 && r.token.form != nil && r.token.count >= 8 {
		r.confirm()
	}
}

// Held says whether something is held back.
func (r *Redactor) Held() bool { return r.given < len(r.out) }

// Rest lets memory go that is not needed while nothing comes.
func (r *Redactor) Rest() {
	if !r.Held() {
		r.shift()
		r.out = nil
	}
}

// shift forgets what was given out.
func (r *Redactor) shift() {
	if r.given == 0 {
		return
	}
	r.first = Ground // what is held back begins with text
	if r.given == len(r.out) {
		r.first = r.escape
	}
	clear(r.out[copy(r.out, r.out[r.given:]):])
	r.out = r.out[:len(r.out)-r.given]
	r.token.start = max(0, r.token.start-r.given)
	r.number.shift(r.given)
	r.uri.shift(r.given)
	r.given = 0
}

// hold is how much of out can go on.
func (r *Redactor) hold() int {
	n := len(r.out)
	if r.live&liveToken != 0 {
		n = min(n, r.token.start)
	}
	if r.live&liveNumber != 0 {
		n = min(n, r.number.groups[0].start)
	}
	if r.live&liveURI != 0 {
		n = min(n, r.uri.start)
	}
	return n
}

// step takes one byte.
func (r *Redactor) step(b byte) {
	was := r.escape
	r.escape = was.Next(b)
	switch {
	case was == Ground && r.escape == Ground, was != Ground && b < ' ' && b != 0x1b, b >= 0x80:
		r.text(b)
	default: // it is of an escape sequence, and stays
		r.out = append(r.out, b)
		if gap := was.Moved(b); gap != 0 {
			r.gap(gap)
		}
	}
	for r.live&^liveEat != 0 && len(r.out)-r.hold() > mostHeld {
		r.drop()
	}
}

// drop gives the oldest candidate up.
func (r *Redactor) drop() {
	switch at := r.hold(); {
	case r.live&liveURI != 0 && r.uri.start == at:
		r.uri.pause(r)
		r.live &^= liveURI
	case r.live&liveToken != 0 && r.token.start == at:
		r.likely()
		r.live &^= liveToken
	default:
		r.live &^= liveNumber
	}
}

// gap is a movement of the cursor: as a space, or a new line, that is not there.
func (r *Redactor) gap(b byte) {
	if r.live&liveEat != 0 && r.eat.takes(b) {
		return
	}
	r.live &^= liveEat
	r.before(b)
	r.live &^= liveToken
	r.remember([]byte{b})
}

// text takes a byte that is not of an escape sequence.
func (r *Redactor) text(b byte) {
	if r.live&liveEat != 0 {
		if r.eat.wait {
			r.begin(b)
		}
		switch {
		case r.live&liveEat == 0:
		case r.eat.wait:
			r.before(b)
			r.put(b)
			return
		case r.eat.takes(b):
			return
		default:
			r.live &^= liveEat
			for range r.eat.kept() {
				r.put('-')
			}
		}
	}
	r.before(b)
	fresh := !r.inWord()
	r.put(b)
	switch {
	case r.live&liveToken != 0:
		r.token.see(r, b)
	case fresh && r.class[b]&classFirst != 0:
		r.live |= liveToken
		r.token = tokenAt{start: len(r.out) - 1}
		r.token.see(r, b)
	}
	r.after(b, fresh)
}

// before judges what b ends.
func (r *Redactor) before(b byte) {
	if r.live&liveNumber != 0 {
		r.number.see(r, b)
	}
	if r.live&liveURI != 0 {
		r.uri.see(r, b)
	}
}

// after looks at what b may begin.
func (r *Redactor) after(b byte, fresh bool) {
	switch c := r.class[b]; {
	case c&classDigit != 0 && fresh && r.live&liveNumber == 0:
		r.number.start(r)
	case c&classSign != 0:
		r.sign(b)
	}
}

// put adds a byte of text.
func (r *Redactor) put(b byte) {
	r.out = append(r.out, b)
	if len(r.seen) == cap(r.seen) {
		r.remember(nil)
	}
	r.seen = append(r.seen, b)
}

// remember notes text that was added.
func (r *Redactor) remember(p []byte) {
	if cap(r.seen) == 0 {
		r.seen = make([]byte, 0, 4*mostSeen)
	}
	p = p[max(0, len(p)-mostSeen):]
	if len(r.seen)+len(p) >= cap(r.seen) {
		n := copy(r.seen, r.seen[max(0, len(r.seen)-mostSeen):])
		clear(r.seen[n:])
		r.seen = r.seen[:n]
	}
	r.seen = append(r.seen, p...)
}

// inWord says whether the text so far ends in a word.
func (r *Redactor) inWord() bool {
	return len(r.seen) > 0 && r.class[r.seen[len(r.seen)-1]]&classWord != 0
}

// replace puts a label in the place of text.
func (r *Redactor) replace(from, to int, kind string) {
	s := Ground
	if from == 0 {
		s = r.first
	}
	tail := string(r.out[to:])
	kept := s.sequences(r.out[from:to])
	r.out = append(r.out[:from], "‹redacted:"+kind+"›"...)
	r.out = append(append(r.out, kept...), tail...)
	r.taken = true
}
