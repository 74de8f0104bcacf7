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

// span is a length of time: digits and m, h or d.
func span(of string, most time.Duration) value[time.Duration] {
	words := "a length of time, as in 30m, 4h or 90d"
	if most > 0 {
		words += ", to " + spanText(most)
	}
	return value[time.Duration]{
		schema: schema{Type: "string", Pattern: `^[1-9][0-9]{0,4}[mhd]$`, of: words},
		read: func(r *reader, n *node) (time.Duration, bool) {
			d := r.span(n, of, most)
			return d, d != 0
		},
	}
}

// span is 0 where it is refused.
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
func hours() value[*policy.Hours] {
	type t = policy.Hours
	v := tableOf(shape[t]{of: "hours", fields: []field[t]{
		must("days", value[[]time.Weekday]{schema: daysSchema(), read: (*reader).days}, "Days of the week: Mon-Fri, Sat, or a list of such.",
			func(t *t, v []time.Weekday) { t.Days = v }),
		must("from", clock(), "The time of day from which it holds.",
			func(t *t, v time.Duration) { t.From = v }),
		must("to", clock(), "The time of day up to which it holds, later than from and not itself in it. 24:00 is the end of the day.",
			func(t *t, v time.Duration) { t.To = v }),
		must("zone", value[*time.Location]{schema: schema{Type: "string", MinLength: 1, of: "a time zone, as in Europe/Copenhagen"}, read: (*reader).zone},
			"The time zone in which days and times are meant.",
			func(t *t, v *time.Location) { t.Zone = v }),
	}, check: func(r *reader, n *node, h *t) {
		if from, to := n.child("from"), n.child("to"); from != nil && to != nil && isClock(from.text) && isClock(to.text) && h.To <= h.From {
			r.refuse(to, "write a later time; hours over midnight take two rules", "these hours are empty: they end at %s and begin at %s", to.text, from.text)
		}
	}})
	return mapped(v, func(h t) *t { return &h })
}

func clock() value[time.Duration] {
	return value[time.Duration]{
		schema: schema{Type: "string", Pattern: `^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$`, of: "a time of day, as in 07:00"},
		read:   (*reader).clock,
	}
}

func daysSchema() schema {
	one := schema{Type: "string", Pattern: `^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)(-(Mon|Tue|Wed|Thu|Fri|Sat|Sun))?$`, of: "days, as in Mon-Fri"}
	return schema{AnyOf: []schema{one, {Type: "array", Items: &one, MinItems: 1, Unique: true}}}
}

// clock reads a time of day, 00:00 to 24:00.
func (r *reader) clock(n *node) (time.Duration, bool) {
	if n.form != text || !isClock(n.text) {
		r.refuse(n, `write it like "07:00"`, "this is no time of day")
		return 0, false
	}
	h, _ := strconv.Atoi(n.text[:2])
	m, _ := strconv.Atoi(n.text[3:])
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute, true
}

func isClock(s string) bool {
	return len(s) == 5 && s[2] == ':' && only(s[:2]+s[3:], "0123456789") && s[3] < '6' && (s[:2] < "24" || s == "24:00")
}

// zone reads a time zone. The machine's own is refused: it may change.
func (r *reader) zone(n *node) (*time.Location, bool) {
	s := r.text(n, "zone")
	if s == "" {
		return nil, false
	}
	if z := r.zones[s]; z != nil {
		return z, true
	}
	z, err := time.LoadLocation(s)
	if err != nil || s == "Local" || s == "localtime" || s[0] < 'A' || s[0] > 'Z' { // those would be the machine's own
		r.refuse(n, "write one like Europe/Copenhagen or UTC", "there is no time zone %q", s)
		return nil, false
	}
	r.zones[s] = z
	return z, true
}

func weekdays() []string { return []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"} }

// days reads Mon-Fri, Sat, or a list of such, in the order of the week.
func (r *reader) days(n *node) ([]time.Weekday, bool) {
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
	return out, len(out) > 0
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

type prefix = netip.Prefix

// network reads one network that a rule holds for.
func network() value[prefix] {
	return value[prefix]{
		schema: schema{Type: "string", Pattern: `^[0-9a-f.:]+/[0-9]{1,3}$`, of: "a network, as in 10.0.0.0/8"},
		read: func(r *reader, n *node) (prefix, bool) {
			s := r.text(n, "a network")
			if s == "" {
				return prefix{}, false
			}
			p, err := netip.ParsePrefix(s)
			a, bare := netip.ParseAddr(s)
			switch {
			case bare == nil && !a.Is4In6() && a.Zone() == "":
				r.refuse(n, "write "+netip.PrefixFrom(a, a.BitLen()).String(), "%q is no network", s)
			case err != nil || p.Addr().Is4In6():
				r.refuse(n, "write one like 10.0.0.0/8 or fd00::/8", "%q is no network", s)
			case p.Masked().String() != s:
				r.refuse(n, "write "+p.Masked().String(), "%q is not written as a network is", s)
			default:
				return p, true
			}
			return prefix{}, false
		},
	}
}

// ticket reads a pattern that a ticket must match from its first to its last
// character.
func ticket() value[string] {
	return value[string]{
		schema: schema{Type: "string", Pattern: `^\^.*\$$`, MaxLength: maxText, of: "a regular expression, as in " + exampleTicket},
		read: func(r *reader, n *node) (string, bool) {
			s := r.ticket(n)
			return s, s != ""
		},
	}
}

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
