package policy

import "slices"

// An index finds the rules that can matter to a question without looking at
// all: of every action, person, group and target it knows the set of rules
// about it; what those have in common is left.
type index struct {
	places  map[string]*place // by the target's name
	actions [10]set           // by Action.place; at 0 rules that permit anything
	persons map[string]set    // by id: rules that name the person, or a group of the policy that holds them
	groups  map[string]set    // rules that name the group
	all     set               // rules for everybody

	declaration string // Declaration.Digest
	keeps       bool   // a customer says for how long recordings are kept
}

// A place is what of a target is worked out before anybody asks.
type place struct {
	target  *Target
	rules   set // that cover it
	machine string
	logins  map[string]reach // by name
	named   map[named]reach  // with the customer named beside it
}

type named struct{ login, customer string }

// Ready makes the index. A policy must not change after it; one without an
// index decides the same, slower.
func (p *Policy) Ready() {
	n := len(p.Rules)
	x := &index{places: map[string]*place{}, persons: map[string]set{}, groups: map[string]set{}, all: newSet(n)}
	for i := range p.Rules {
		x.add(&p.Rules[i], i, n)
	}
	for g, members := range p.Groups {
		for _, id := range members {
			if named := x.groups[g]; named != nil {
				x.persons[id] = x.persons[id].or(named)
			}
		}
	}
	for id, named := range x.persons {
		x.persons[id] = named.or(x.all)
	}
	asked := dimensions(p.Rules)
	for name, t := range p.Targets {
		if t != nil {
			x.places[name] = t.place(asked, n)
		}
	}
	if p.Declaration != nil {
		x.declaration = p.Declaration.Digest()
	}
	for _, c := range p.Customers {
		x.keeps = x.keeps || c.Keep > 0
	}
	p.index = x
}

// add puts rule i of n where it is looked for.
func (x *index) add(r *Rule, i, n int) {
	for _, a := range r.Actions {
		x.actions[a.place()].put(i, n) // one that is not on a target is never looked for …
	}
	for _, id := range r.People {
		put(x.persons, id, i, n)
	}
	for _, g := range r.Groups {
		put(x.groups, g, i, n)
	}
	if !r.Forbid {
		x.actions[anything.place()].put(i, n)
	}
	if r.everybody() {
		x.all.put(i, n)
	}
}

// people adds the sets of rules that concern a person to some.
func (x *index) people(to []set, who *Principal) []set {
	if x == nil {
		return nil
	}
	named := x.persons[who.ID]
	if named == nil {
		named = x.all
	}
	to = append(to, named)
	for _, g := range who.Groups {
		if named := x.groups[g]; named != nil {
			to = append(to, named)
		}
	}
	return to
}

// place works out what can be said of a target ahead.
func (t *Target) place(asked []*dimension, rules int) *place {
	in := &place{target: t, rules: newSet(rules), machine: t.Machine(), logins: map[string]reach{}, named: map[named]reach{}}
	for i := range in.rules {
		in.rules[i] = ^uint64(0)
	}
	for _, d := range asked {
		by := d.by[d.of(t)]
		for w := range in.rules {
			ok := d.free[w]
			if by != nil {
				ok |= by[w]
			}
			in.rules[w] &= ok
		}
	}
	for _, l := range append(slices.Clip(t.Logins), Login{}) { // "" is the first
		in.know(l.Name)
		for _, c := range t.Customers {
			if r, why := t.login(l.Name, c); why.IsZero() && r.name != l.Name {
				in.named[named{l.Name, c}] = r
				in.know(r.name)
			}
		}
	}
	return in
}

// know works out a login.
func (in *place) know(login string) {
	if _, known := in.logins[login]; known {
		return
	}
	if r, why := in.target.login(login, ""); why.IsZero() {
		in.logins[login] = r
	}
}

// login is Target.login, where it was worked out ahead.
func (in *place) login(name, customer string) (r reach, ok bool) {
	if in == nil {
		return reach{}, false
	}
	if r, ok = in.logins[name]; ok && customer != "" {
		r, ok = in.named[named{name, customer}]
	}
	return r, ok
}

// A dimension is one thing that rules ask of a target: its name, its kind, a label.
type dimension struct {
	of    func(*Target) string
	wants func(*Rule) []string // any of these; none: it does not ask
	by    map[string]set       // rules that want the value
	free  set                  // rules that do not ask
}

// dimensions lists what the rules ask of targets.
func dimensions(rules []Rule) []*dimension {
	out := []*dimension{
		{of: func(t *Target) string { return t.Name }, wants: func(r *Rule) []string { return r.Targets }},
		{of: func(t *Target) string { return t.Kind }, wants: func(r *Rule) []string { return r.Kinds }},
	}
	seen := map[string]bool{}
	for _, r := range rules {
		for k := range r.Labels {
			if !seen[k] {
				seen[k] = true
				out = append(out, label(k))
			}
		}
	}
	for _, d := range out {
		d.by, d.free = map[string]set{}, newSet(len(rules))
		for i := range rules {
			d.learn(&rules[i], i, len(rules))
		}
	}
	return out
}

func label(k string) *dimension {
	wants := func(r *Rule) []string {
		if v, ok := r.Labels[k]; ok {
			return []string{v}
		}
		return nil
	}
	return &dimension{of: func(t *Target) string { return t.Labels[k] }, wants: wants}
}

func (d *dimension) learn(r *Rule, i, n int) {
	values := d.wants(r)
	for _, v := range values {
		put(d.by, v, i, n)
	}
	if len(values) == 0 && !r.nowhere() {
		d.free.put(i, n)
	}
}
