package redact

import (
	"strings"

	"lockbox/policy"
)

// A tokenAt is what may become a token.
type tokenAt struct {
	start int
	n     int // bytes of the beginning
	text  [32]byte
	form  *form
	count int // characters behind the beginning
}

func (t *tokenAt) see(r *Redactor, b byte) {
	if t.form == nil {
		if !t.match(r, b) {
			r.live &^= liveToken
		}
		return
	}
	if !t.form.takes(b) {
		r.live &^= liveToken
		return
	}
	if t.count++; t.count >= t.form.least {
		r.confirm()
	}
}

// match says whether what began may still be a form.
func (t *tokenAt) match(r *Redactor, b byte) bool {
	t.text[t.n] = b
	t.n++
	got, may := string(t.text[:t.n]), false
	for i := range r.forms {
		switch f := &r.forms[i]; {
		case f.begin == got:
			t.form = f
			return true
		case strings.HasPrefix(f.begin, got):
			may = true
		}
	}
	return may
}

// confirm takes the token out, and what is still to come of it.
func (r *Redactor) confirm() {
	r.replace(r.token.start, len(r.out), r.token.form.kind)
	r.eats(eater{mode: eatRun, form: r.token.form})
}

// A numberAt is digits, in groups, that may become a person or card number.
type numberAt struct {
	groups [5]group
	n      int  // groups
	sep    byte // behind the last digit; 0 for none
	digits []byte
}

type group struct {
	start, size int
	sep         byte // before it
}

func (m *numberAt) shift(n int) {
	for i := range m.groups {
		m.groups[i].start = max(0, m.groups[i].start-n)
	}
}

// start begins with the digit that was put last.
func (m *numberAt) start(r *Redactor) {
	n := len(r.seen)
	if r.want&(policy.RedactCPR|policy.RedactCards) == 0 || n > 1 && r.seen[n-2] == '+' ||
		n > 2 && r.seen[n-2] == '.' && r.class[r.seen[n-3]]&classDigit != 0 {
		return
	}
	r.live |= liveNumber
	m.n, m.sep, m.digits = 1, 0, append(m.digits[:0], r.seen[n-1])
	m.groups[0] = group{start: len(r.out) - 1, size: 1}
}

// see takes the byte that is to come next.
func (m *numberAt) see(r *Redactor, b byte) {
	last := &m.groups[m.n-1]
	switch {
	case r.class[b]&classDigit != 0:
		if m.sep != 0 {
			last = m.next(len(r.out))
		}
		if last.size++; last.size > 19 {
			r.live &^= liveNumber
			return
		}
		m.digits = append(m.digits, b)
	case m.sep != 0, m.judge(r, b), b != '-' && b != ' ', last.size != 4 && last.size != 6:
		r.live &^= liveNumber
	default:
		m.sep = b
	}
}

// next begins a group behind a separator; the oldest goes when there are too many.
func (m *numberAt) next(start int) *group {
	if m.n == len(m.groups) {
		m.digits = append(m.digits[:0], m.digits[m.groups[0].size:]...)
		m.n = copy(m.groups[:], m.groups[1:])
	}
	m.groups[m.n] = group{start: start, sep: m.sep}
	m.n++
	m.sep = 0
	return &m.groups[m.n-1]
}

// judge takes a number out that ends before b.
func (m *numberAt) judge(r *Redactor, b byte) bool {
	if m.sep != 0 || r.class[b]&classWord != 0 {
		return false
	}
	for i := range m.n {
		gs := m.groups[i:m.n]
		n := 0
		for _, g := range gs {
			n += g.size
		}
		switch d := m.digits[len(m.digits)-n:]; {
		case r.want&policy.RedactCPR != 0 && shapedCPR(gs) && isCPR(d):
			r.replace(gs[0].start, len(r.out), "cpr")
			return true
		case r.want&policy.RedactCards != 0 && shapedCard(gs) && isCard(d):
			r.replace(gs[0].start, len(r.out), "card")
			return true
		}
	}
	return false
}

// shapedCPR: ten digits, or six and four with a dash, and no dash before.
func shapedCPR(gs []group) bool {
	if gs[0].sep == '-' {
		return false
	}
	return len(gs) == 1 && gs[0].size == 10 || len(gs) == 2 && gs[0].size == 6 && gs[1].size == 4 && gs[1].sep == '-'
}

// isCPR: the number of a Danish person; the day first, and the seventh digit
// says the century. The check digit is not looked at: since 2007 there are
// numbers without. The days 61 to 91 are of replacement numbers.
func isCPR(d []byte) bool {
	two := func(i int) int { return int(d[i]-'0')*10 + int(d[i+1]-'0') }
	day, month, year := two(0), two(2), two(4)
	if day > 60 {
		day -= 60
	}
	switch c := d[6]; {
	case c >= '5' && c <= '8' && year > 57: // of the nineteenth century
		return false
	case c > '3' && year < 58 && (c != '4' && c != '9' || year < 37):
		year += 2000
	default:
		year += 1900
	}
	days := 31
	switch month {
	case 4, 6, 9, 11:
		days = 30
	case 2:
		days = 28
		if year%4 == 0 && year != 1900 {
			days = 29
		}
	}
	return day >= 1 && day <= days && month >= 1 && month <= 12
}

// shapedCard: 13 to 19 digits, or in the groups that are printed on cards.
func shapedCard(gs []group) bool {
	if len(gs) == 1 {
		return gs[0].size >= 13
	}
	for _, g := range gs[1:] {
		if g.sep != gs[1].sep {
			return false
		}
	}
	four := len(gs) >= 4
	for _, g := range gs[:min(4, len(gs))] {
		four = four && g.size == 4
	}
	switch len(gs) {
	case 3: // American Express
		return gs[0].size == 4 && gs[1].size == 6 && gs[2].size == 5
	case 4:
		return four
	case 5:
		return four && gs[4].size == 3
	}
	return false
}

// isCard: of an issuer, of the issuer's length, and right by Luhn's check.
func isCard(d []byte) bool {
	sum := 0
	for i, b := range d {
		n := int(b - '0')
		if (len(d)-i)%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	if sum%10 != 0 {
		return false
	}
	in := func(digits, from, to int) bool {
		n := 0
		for _, b := range d[:digits] {
			n = n*10 + int(b-'0')
		}
		return n >= from && n <= to
	}
	switch n := len(d); {
	case in(1, 4, 4): // Visa
		return n == 13 || n == 16 || n == 19
	case in(2, 51, 55), in(4, 2221, 2720), in(4, 5019, 5019): // Mastercard, Dankort
		return n == 16
	case in(2, 34, 34), in(2, 37, 37): // American Express
		return n == 15
	case in(3, 300, 305), in(2, 36, 36), in(2, 38, 39): // Diners Club
		return n >= 14
	case in(4, 3528, 3589), in(1, 6, 6), in(2, 50, 50), in(2, 56, 58): // JCB, Discover, UnionPay, Maestro
		return n >= 16
	}
	return false
}

// A uriAt is what follows "://" and may be a user and a password.
type uriAt struct {
	start int
	colon int  // behind the first; -1 while there is none
	at    int  // of the last '@'; -1
	no    bool // behind the colon is more than a port
}

func (u *uriAt) shift(n int) {
	u.start = max(0, u.start-n)
	if u.colon >= 0 {
		u.colon = max(0, u.colon-n)
	}
	if u.at >= 0 {
		u.at = max(0, u.at-n)
	}
}

// see takes the byte that is to come next.
func (u *uriAt) see(r *Redactor, b byte) {
	switch {
	case endsUser(b):
		u.judge(r)
		r.live &^= liveURI
	case b == '@':
		u.at = len(r.out)
	case u.at >= 0:
	case b == ':' && u.colon < 0:
		u.colon = len(r.out) + 1
	case u.colon >= 0 && r.class[b]&classDigit == 0:
		u.no = true
	}
}

// judge takes the password out.
func (u *uriAt) judge(r *Redactor) bool {
	if u.colon < 0 || u.at <= u.colon {
		return false
	}
	r.replace(u.colon, u.at, "password")
	return true
}

// pause is when what is held back must go: what cannot be a port is a password.
func (u *uriAt) pause(r *Redactor) {
	switch {
	case u.judge(r):
		r.live &^= liveURI
	case u.no && u.at < 0 && u.colon <= len(r.out):
		r.replace(u.colon, len(r.out), "password")
		r.eats(eater{mode: eatUser})
		r.live &^= liveURI
	}
}

// endsUser says whether no user or password of a URI holds the byte.
func endsUser(b byte) bool {
	return b <= ' ' && b != '\b' || strings.IndexByte("/?#\"'<>`{}|\\", b) >= 0
}
