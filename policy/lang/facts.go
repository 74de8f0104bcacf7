package lang

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"lockbox/policy"
)

// A Fact is a change that is no change of access but that people must see.
type Fact struct {
	What  string `json:"what"`  // "moved", "class", "machine", "target", "customer", "founders", "approvers", "declaration", "activation", "passkeys", "auditors", "seal_to", "keep"
	Alarm bool   `json:"alarm"` // it takes away a protection, or changes who can be one
	About string `json:"about"` // a target, customer or group
	Text  string `json:"text"`
}

// facts compares all that is no rule.
func facts(old, new *policy.Policy) []Fact {
	f := &finder{old: old, new: new, out: []Fact{}}
	f.moves()
	f.targets()
	f.customers()
	f.founders("the executives", old.Executives, new.Executives)
	f.approvers()
	if a, b := old.Activators(), new.Activators(); a != b {
		f.add("activation", b < a, "", "a change of the policy takes %d executives, before %d", b, a)
	}
	f.declaration()
	f.passkeys()
	f.recordings()
	slices.SortStableFunc(f.out, func(a, b Fact) int { return int(bit(b.Alarm)) - int(bit(a.Alarm)) })
	return f.out
}

type finder struct {
	old, new *policy.Policy
	out      []Fact
}

func (f *finder) add(what string, alarm bool, about, text string, args ...any) {
	f.out = append(f.out, Fact{What: what, Alarm: alarm, About: about, Text: fmt.Sprintf(text, args...)})
}

// moves are what a customer, or the executives, are told of before it holds: by
// the rule that keeps it from them, so that both say the same.
func (f *finder) moves() {
	_, held, _ := f.old.Keep(nil, firstWeek(), day)
	_, _, moves := f.new.Keep(held, firstWeek().Add(2*day), day)
	for _, m := range moves {
		switch {
		case m.Customer == "":
			f.add("class", true, m.Target, "%s goes down from production to %s: executives need not say yes there once the delay has passed", m.Target, f.new.Targets[m.Target].Class)
		case m.Login == "":
			f.add("moved", true, m.Target, "%s is taken away from customer %s: %s is told, and stays concerned until the delay has passed", m.Target, m.Customer, m.Customer)
		default:
			f.add("moved", true, m.Target, "%s on %s reaches one customer only: %s need not say yes for the others once the delay has passed", m.Login, m.Target, m.Customer)
		}
	}
}

// targets finds each old machine again: a new name does not make a new machine.
func (f *finder) targets() {
	taken := map[string]bool{}
	for _, name := range sortedKeys(f.old.Targets) {
		was := f.old.Targets[name]
		is := f.again(was)
		if is == nil {
			f.add("target", false, name, "%s is no target any more", name)
			continue
		}
		taken[is.Name] = true
		if is.Name != name {
			f.add("target", false, name, "%s is called %s now", name, is.Name)
		}
		f.target(was, is)
	}
	for _, name := range sortedKeys(f.new.Targets) {
		if !taken[name] {
			f.add("target", false, name, "%s is a new target", name)
		}
	}
}

// again is the machine under the policy that is new: by its host key, else its
// host CA and address, else its address, else its name.
func (f *finder) again(was *policy.Target) *policy.Target {
	same := []func(*policy.Target) bool{
		func(t *policy.Target) bool { return was.HostKey != "" && t.HostKey == was.HostKey },
		func(t *policy.Target) bool {
			return was.Address != "" && t.Address == was.Address
		},
	}
	if t := f.new.Targets[was.Name]; t != nil && slices.ContainsFunc(same, func(is func(*policy.Target) bool) bool { return is(t) }) {
		return t
	}
	for _, is := range same {
		for _, name := range sortedKeys(f.new.Targets) {
			if t := f.new.Targets[name]; is(t) {
				return t
			}
		}
	}
	return f.new.Targets[was.Name]
}

func (f *finder) target(was, is *policy.Target) {
	for _, c := range is.Customers {
		if !slices.Contains(was.Customers, c) {
			f.add("moved", false, is.Name, "%s holds data of customer %s now", is.Name, c)
		}
	}
	if a, b := orElse(was.Class, "production"), orElse(is.Class, "production"); a != b && (is.Production() || !was.Production()) {
		f.add("class", false, is.Name, "%s is %s, before %s", is.Name, b, a)
	}
	if is.Name == was.Name && (is.Kind != was.Kind || is.Address != was.Address || is.HostKey != was.HostKey || is.HostCA != was.HostCA) {
		f.add("machine", true, is.Name, "%s is another machine: %s; every grant for it ends", is.Name, machineText(was, is))
	}
	if is.Owner != was.Owner {
		f.add("target", false, is.Name, "%s belongs to %s, before %s", is.Name, is.Owner, was.Owner)
	}
}

func machineText(was, is *policy.Target) string {
	var parts []string
	for _, x := range []struct{ name, a, b string }{
		{"kind", was.Kind, is.Kind}, {"address", was.Address, is.Address}, {"host key", was.HostKey, is.HostKey}, {"host CA", was.HostCA, is.HostCA},
	} {
		if x.a != x.b {
			parts = append(parts, fmt.Sprintf("%s %s, before %s", x.name, orElse(x.b, "none"), orElse(x.a, "none")))
		}
	}
	return strings.Join(parts, "; ")
}

func (f *finder) customers() {
	all := maps.Clone(f.old.Customers)
	if all == nil {
		all = map[string]policy.Customer{}
	}
	maps.Copy(all, f.new.Customers)
	for _, id := range sortedKeys(all) {
		was, before := f.old.Customers[id]
		is, now := f.new.Customers[id]
		switch {
		case !before:
			f.add("customer", false, id, "%s (%s) is a new customer, founded by %d keys", id, is.Name, len(is.FoundedBy))
		case !now:
			f.add("customer", true, id, "%s (%s) is no customer any more", id, was.Name)
		default:
			if was.Name != is.Name {
				f.add("customer", false, id, "%s is called %q, before %q", id, is.Name, was.Name)
			}
			f.founders("customer "+id, was.FoundedBy, is.FoundedBy)
		}
	}
}

// founders compares the fingerprints of those who were first.
func (f *finder) founders(whose string, old, new []string) {
	in, out := less(new, old), less(old, new)
	if len(in)+len(out) == 0 {
		return
	}
	var parts []string
	for _, k := range out {
		parts = append(parts, "- "+k)
	}
	for _, k := range in {
		parts = append(parts, "+ "+k)
	}
	f.add("founders", true, strings.TrimPrefix(whose, "customer "), "founded_by of %s changes: %s", whose, strings.Join(parts, ", "))
}

// less is what of a is not in b.
func less(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// approvers compares the groups whose members may say yes.
func (f *finder) approvers() {
	asked := map[string]bool{}
	for _, p := range []*policy.Policy{f.old, f.new} {
		for _, r := range p.Rules {
			for _, s := range r.Stages {
				asked[s.Group] = true
				for _, rung := range s.Escalate {
					asked[rung.To] = true
				}
			}
		}
		for _, t := range p.Targets {
			asked[t.Owner] = true
		}
	}
	for _, g := range sortedKeys(asked) {
		in, out := less(f.new.Groups[g], f.old.Groups[g]), less(f.old.Groups[g], f.new.Groups[g])
		if len(in) > 0 {
			f.add("approvers", true, g, "%s may say yes as %s", strings.Join(in, ", "), g)
		}
		if len(out) > 0 {
			f.add("approvers", true, g, "%s may not say yes as %s any more", strings.Join(out, ", "), g)
		}
	}
}

func (f *finder) declaration() {
	was, is := f.old.Declaration, f.new.Declaration
	switch {
	case was == nil && is == nil:
	case was == nil:
		f.add("declaration", false, is.Version, "everybody must sign the declaration %s before they ask", is.Version)
	case is == nil:
		f.add("declaration", true, was.Version, "nobody must sign a declaration any more, before it was %s", was.Version)
	case was.Digest() != is.Digest():
		f.add("declaration", false, is.Version, "everybody must sign the declaration again: %s, before %s", is.Version, was.Version)
	}
}

func (f *finder) passkeys() {
	for _, h := range holders() {
		switch was, is := f.old.Copied(h.kind), f.new.Copied(h.kind); {
		case was && !is:
			f.add("passkeys", false, h.name, "passkeys of %s must be on one device: those that can be copied count no more", h.name)
		case is && !was:
			f.add("passkeys", true, h.name, "passkeys of %s may be copied between devices, before not", h.name)
		}
	}
}
