package lang

import (
	"net/netip"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a policy means the same on a machine without zone files

	"lockbox/policy"
)

// span reads a length of time: digits and m, h or d. It is 0 where refused.
func (r *reader) span(n *node, of string, most time.Duration) time.Duration {
	d := parseSpan(n.text)
	switch {
	case n.form != text && n.form != number || d == 0:
		r.refuse(n, "write a whole number and m, h or d, as in 30m, 4h or 90d", "%s is a length of time, and this is none", of)
		return 0
	case most > 0 && d > most:
		r.refuse(n, "write "+spanText(most)+" or less", "%s is longer than %s", of, spanText(most))
		return 0
	}
	return d
}

func parseSpan(s string) time.Duration {
	if len(s) < 2 || len(s) > 6 || s[0] == '0' || !only(s[:len(s)-1], "0123456789") {
		return 0
	}
	n, _ := strconv.Atoi(s[:len(s)-1]) // at most 5 digits: 99999d is 273 years and no overflow
	switch s[len(s)-1] {
	case 'm':
		return time.Duration(n) * time.Minute
	case 'h':
		return time.Duration(n) * time.Hour
	case 'd':
		return time.Duration(n) * day
	}
	return 0
}

const day = 24 * time.Hour

func spanText(d time.Duration) string {
	switch {
	case d > 2*day && d%day == 0:
		return strconv.Itoa(int(d/day)) + "d"
	case d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	}
	return strconv.Itoa(int(d/time.Minute)) + "m"
}

// hours reads when a rule holds.
func (r *reader) hours(n *node) *policy.Hours {
	h := &policy.Hours{}
	r.table(n, shape{of: "hours", need: []string{"days", "from", "to", "zone"}, fields: map[string]func(*node){
		"days": func(v *node) { h.Days = r.days(v) },
		"from": func(v *node) { h.From = r.clock(v) },
		"to":   func(v *node) { h.To = r.clock(v) },
		"zone": func(v *node) { h.Zone = r.zone(v) },
	}})
	if from, to := n.child("from"), n.child("to"); from != nil && to != nil && isClock(from.text) && isClock(to.text) && h.To <= h.From {
		r.refuse(to, "write a later time; hours over midnight take two rules", "these hours are empty: they end at %s and begin at %s", to.text, from.text)
	}
	return h
}

// clock reads a time of day, 00:00 to 24:00.
func (r *reader) clock(n *node) time.Duration {
	if n.form != text || !isClock(n.text) {
		r.refuse(n, `write it like "07:00"`, "this is no time of day")
		return 0
	}
	h, _ := strconv.Atoi(n.text[:2])
	m, _ := strconv.Atoi(n.text[3:])
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
}

func isClock(s string) bool {
	return len(s) == 5 && s[2] == ':' && only(s[:2]+s[3:], "0123456789") && s[3] < '6' && (s[:2] < "24" || s == "24:00")
}

// zone reads a time zone. The machine's own is refused: it may change.
func (r *reader) zone(n *node) *time.Location {
	s := r.text(n, "zone")
	if s == "" {
		return nil
	}
	z, err := time.LoadLocation(s)
	if err != nil || s == "Local" {
		r.refuse(n, "write one like Europe/Copenhagen or UTC", "there is no time zone %q", s)
		return nil
	}
	return z
}

func weekdays() []string { return []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"} }

// days reads Mon-Fri, Sat, or a list of such, in the order of the week.
func (r *reader) days(n *node) []time.Weekday {
	parts := []*node{n}
	if n.form == list {
		parts = n.vals
	}
	on := map[time.Weekday]bool{}
	for _, p := range parts {
		for _, d := range r.dayRange(p) {
			if on[d] {
				r.refuse(p, "write each day once", "%s is in days twice", d)
			}
			on[d] = true
		}
	}
	var out []time.Weekday
	for i := range 7 {
		if d := time.Weekday((i + 1) % 7); on[d] {
			out = append(out, d)
		}
	}
	if len(parts) == 0 {
		r.refuse(n, "write at least one, as in Mon-Fri", "days is empty")
	}
	return out
}

func (r *reader) dayRange(n *node) []time.Weekday {
	s := r.text(n, "days")
	if s == "" {
		return nil
	}
	first, last, ranged := strings.Cut(s, "-")
	if !ranged {
		last = first
	}
	from, to := slices.Index(weekdays(), first), slices.Index(weekdays(), last)
	switch {
	case from < 0 || to < 0:
		r.refuse(n, "write Mon, Tue, Wed, Thu, Fri, Sat, Sun, or a range as in Mon-Fri", "%q is no day", s)
		return nil
	case ranged && to <= from:
		r.refuse(n, "begin with the earlier day; a week begins on Mon, so Sat-Mon is [Mon, Sat-Sun]", "%q runs backwards", s)
		return nil
	}
	var out []time.Weekday
	for i := from; i <= to; i++ {
		out = append(out, time.Weekday((i+1)%7))
	}
	return out
}

// prefixes reads the networks a rule holds for.
func (r *reader) prefixes(n *node) []netip.Prefix {
	return items(r, n, "from", func(v *node) (netip.Prefix, bool) {
		s := r.text(v, "a network")
		if s == "" {
			return netip.Prefix{}, false
		}
		p, err := netip.ParsePrefix(s)
		a, bare := netip.ParseAddr(s)
		switch {
		case bare == nil && !a.Is4In6() && a.Zone() == "":
			r.refuse(v, "write "+netip.PrefixFrom(a, a.BitLen()).String(), "%q is no network", s)
		case err != nil || p.Addr().Is4In6():
			r.refuse(v, "write one like 10.0.0.0/8 or fd00::/8", "%q is no network", s)
		case p.Masked().String() != s:
			r.refuse(v, "write "+p.Masked().String(), "%q is not written as a network is", s)
		default:
			return p, true
		}
		return netip.Prefix{}, false
	})
}

// ticket reads a pattern that a ticket must match from its first to its last
// character.
func (r *reader) ticket(n *node) string {
	s := r.text(n, "ticket")
	if s == "" {
		return ""
	}
	re, err := syntax.Parse(s, syntax.Perl)
	switch {
	case err != nil:
		r.refuse(n, "write a pattern like "+exampleTicket, "ticket is no regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	case !anchored(re):
		r.refuse(n, "write "+anchor(s), "ticket does not hold from the first to the last character")
	default:
		return s
	}
	return ""
}

const exampleTicket = `'^(INC|SUP)-[0-9]+$'`

// anchor is what to write for a pattern that holds only in the middle.
func anchor(s string) string {
	s = "^(" + strings.TrimSuffix(strings.TrimPrefix(s, "^"), "$") + ")$"
	if _, err := syntax.Parse(s, syntax.Perl); err != nil || strings.Contains(s, "(?") || strings.Contains(s, "'") {
		return "a pattern like " + exampleTicket
	}
	return "'" + s + "'"
}

func anchored(re *syntax.Regexp) bool {
	if re.Op != syntax.OpConcat || len(re.Sub) < 2 {
		return false
	}
	last := re.Sub[len(re.Sub)-1]
	return re.Sub[0].Op == syntax.OpBeginText && last.Op == syntax.OpEndText
}
