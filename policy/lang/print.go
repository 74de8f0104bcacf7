package lang

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockbox/policy"
)

// Print is the whole policy and its tests as one file in canonical form:
// sections and names in one order, what was left to a default written out, no
// comments. Parse gives an equal policy of it, but for its digest and
// positions, where it is not larger than a file may be; to print that again
// changes nothing.
func (s *Source) Print() []byte {
	p := s.Policy
	root := newDraft()
	root.put("version", &node{form: number, text: "1"})
	root.each("groups", sortedKeys(p.Groups), func(name string) *node {
		m := split(p.Groups[name])
		return newDraft().list("members", m.members).list("sso", m.sso).node()
	})
	root.each("customers", sortedKeys(p.Customers), func(id string) *node {
		c := p.Customers[id]
		return newDraft().text("name", c.Name).list("founded_by", c.FoundedBy).list("seal_to", c.SealTo).span("keep", c.Keep).node()
	})
	if len(p.Executives) > 0 {
		root.put("executives", newDraft().list("founded_by", p.Executives).node())
	}
	if len(p.Auditors) > 0 {
		root.put("auditors", newDraft().list("seal_to", p.Auditors).node())
	}
	if d := p.Declaration; d != nil {
		root.put("declaration", newDraft().text("version", d.Version).list("text", strings.Split(d.Text, paragraphs)).node())
	}
	if p.Activation > 0 {
		root.put("activation", newDraft().number("executives", p.Activation).node())
	}
	bound := newDraft()
	for _, h := range holders() {
		if slices.Contains(p.DeviceBound, h.kind) {
			bound.text(h.name, deviceBound)
		}
	}
	if len(p.DeviceBound) > 0 {
		root.put("passkeys", bound.node())
	}
	root.each("targets", sortedKeys(p.Targets), func(name string) *node { return printTarget(p.Targets[name]) })
	root.items("rules", len(p.Rules), func(i int) *node { return printRule(&p.Rules[i]) })
	root.items("tests", len(s.Tests), func(i int) *node { return printTest(&s.Tests[i]) })
	var b printer
	b.fields(root.node(), 0, 0)
	return []byte(b.String())
}

func printTarget(t *policy.Target) *node {
	out := newDraft().text("kind", t.Kind).text("address", t.Address).text("host_key", t.HostKey).text("host_ca", t.HostCA)
	logins := newDraft()
	for _, l := range t.Logins {
		one := newDraft().text("reaches", map[bool]string{true: "one", false: "all"}[l.One])
		if l.ReadOnly {
			one.put("read_only", &node{form: truth, text: "true"})
		}
		logins.put(l.Name, one.node())
	}
	out.put("logins", logins.node())
	out.text("class", t.Class).text("owner", t.Owner).text("location", t.Location).list("customers", t.Customers)
	out.labels(t.Labels)
	printWeb(out, &t.Web)
	return out.node()
}

func printRule(r *policy.Rule) *node {
	out := newDraft().text("name", r.Name).list(verb(r), texts(r.Actions))
	if len(r.Groups)+len(r.People) > 0 {
		out.put("who", newDraft().list("groups", r.Groups).list("people", r.People).node())
	}
	out.put("on", newDraft().list("targets", r.Targets).list("kinds", r.Kinds).labels(r.Labels).node())
	out.list("reasons", texts(r.Reasons))
	if h := r.Hours; h != nil {
		out.put("hours", newDraft().days(h.Days).text("from", clockText(h.From)).text("to", clockText(h.To)).text("zone", h.Zone.String()).node())
	}
	var from []string
	for _, p := range r.From {
		from = append(from, p.String())
	}
	out.list("from", from)
	if r.Forbid {
		return out.node()
	}
	printBounds(out, &r.Bounds)
	out.put("stages", printStages(r.Stages))
	out.put("limits", newDraft().span("default", r.Limits.Default).span("max", r.Limits.Max).span("idle", r.Limits.Idle).span("activate_within", r.Limits.ActivateWithin).node())
	out.put("touch", newDraft().span("within", r.Fresh).node())
	out.put("record", printRecord(r.Record))
	if r.Witnesses > 0 {
		out.number("witnesses", r.Witnesses)
	}
	return out.text("ticket", r.Ticket).node()
}

// printRecord leaves out of the later fields what is not said: a file without them prints as it always did.
func printRecord(r policy.Recording) *node {
	input := map[bool]string{true: "on", false: "off"}[r.Input]
	out := newDraft().text("sftp", r.SFTP).text("http", r.HTTP).text("input", input).span("keep", r.Keep)
	if r.Strict {
		out.text("strict", "on")
	}
	return out.size("bulk", r.Bulk).list("redact", bitWords(r.Redact, redactions())).list("seal", bitWords(r.Seal, readers())).node()
}

func printBounds(out draft, b *policy.Bounds) {
	out.list("to", b.To)
	if b.SQL != nil {
		out.put("sql", newDraft().text("target_tls", b.SQL.TargetTLS).node())
	}
	if h := b.HTTP; h != nil {
		o := newDraft().list("methods", h.Methods).list("paths", h.Paths).size("max_body", h.MaxBody)
		if h.Rate > 0 {
			o.text("rate", rateText(h.Rate))
		}
		out.put("http", o.node())
	}
	if b.SFTP != nil {
		out.put("sftp", newDraft().list("paths", b.SFTP.Paths).size("max_file", b.SFTP.MaxFile).node())
	}
}

// printStages puts those of one step into one item.
func printStages(stages []policy.Stage) *node {
	out := &node{form: list}
	for i := 0; i < len(stages); {
		item := newDraft()
		for step := stages[i].Step; i < len(stages) && stages[i].Step == step; i++ {
			s := &stages[i]
			one := newDraft().text("group", s.Group)
			if s.Kind != policy.ByOwner {
				one.number("count", s.Count)
			}
			one.span("expires", s.Expires)
			one.items("escalate", len(s.Escalate), func(j int) *node {
				return newDraft().span("after", s.Escalate[j].After).text("remind", s.Escalate[j].Remind).text("to", s.Escalate[j].To).node()
			})
			item.put(string(s.Kind), one.node())
		}
		out.vals = append(out.vals, item.node())
	}
	return out
}

func printTest(t *Test) *node {
	out := newDraft().text("as", t.As).text("do", string(t.Do)).text("on", t.On).text("login", t.Login).text("to", t.To).text("expect", t.Expect).list("stages", texts(t.Stages))
	if t.Emergency {
		out.put("emergency", &node{form: truth, text: "true"})
	}
	return out.node()
}

func texts[T ~string](in []T) []string {
	var out []string
	for _, one := range in {
		out = append(out, string(one))
	}
	return out
}

func clockText(d time.Duration) string {
	two := func(n int) string { return strconv.Itoa(n/10) + strconv.Itoa(n%10) }
	return two(int(d/time.Hour)) + ":" + two(int(d%time.Hour/time.Minute))
}

// days writes those that follow one another as Mon-Fri.
func (o draft) days(days []time.Weekday) draft {
	var parts []string
	for i := 0; i < len(days); {
		first := i
		for i++; i < len(days) && days[i] == (days[i-1]+1)%7; i++ {
		}
		part := dayName(days[first])
		if i-first > 1 {
			part += "-" + dayName(days[i-1])
		}
		parts = append(parts, part)
	}
	if len(parts) == 1 {
		return o.text("days", parts[0])
	}
	return o.list("days", parts)
}

func dayName(d time.Weekday) string { return weekdays()[(d+6)%7] }

func (o draft) labels(labels map[string]string) draft {
	if len(labels) == 0 {
		return o
	}
	out := newDraft()
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		out.text(k, labels[k])
	}
	o.put("labels", out.node())
	return o
}
