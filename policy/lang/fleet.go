package lang

import (
	"slices"

	"lockbox/policy"
)

// A fleet is some of the targets, by their place in the order of names: 10,000
// of them for each of 1,000 rules are compared in no time.
type fleet []uint64

func (s fleet) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s fleet) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

func (s fleet) empty() bool { return !slices.ContainsFunc(s, func(w uint64) bool { return w != 0 }) }

// in says whether all of s is in t.
func (s fleet) in(t fleet) bool {
	for i, w := range s {
		if w&^t[i] != 0 {
			return false
		}
	}
	return true
}

// and is what is in both; nothing is in a nil set.
func (s fleet) and(t fleet) fleet {
	out := make(fleet, len(s))
	for i := range t {
		out[i] = s[i] & t[i]
	}
	return out
}

func (s fleet) without(t fleet) fleet {
	out := slices.Clone(s)
	for i := range out {
		out[i] &^= t[i]
	}
	return out
}

// join adds all of t.
func (s fleet) join(t fleet) {
	for i, w := range t {
		s[i] |= w
	}
}

// An inventory finds targets by what rules say of them.
type inventory struct {
	targets []*policy.Target // by name
	place   map[string]int
	labels  map[[2]string]fleet
	kinds   map[string]fleet

	production, concerned fleet // has customers
}

func newInventory(all map[string]*policy.Target) *inventory {
	v := &inventory{place: make(map[string]int, len(all)), labels: map[[2]string]fleet{}, kinds: map[string]fleet{}}
	names := sortedKeys(all)
	v.production, v.concerned = v.none(len(all)), v.none(len(all))
	for i, name := range names {
		t := all[name]
		v.targets = append(v.targets, t)
		v.place[name] = i
		put(v.kinds, t.Kind, i, len(all))
		for k, is := range t.Labels {
			put(v.labels, [2]string{k, is}, i, len(all))
		}
		if t.Production() {
			v.production.add(i)
		}
		if len(t.Customers) > 0 {
			v.concerned.add(i)
		}
	}
	return v
}

func put[K comparable](in map[K]fleet, k K, i, n int) {
	s := in[k]
	if s == nil {
		s = make(fleet, (n+63)/64)
		in[k] = s
	}
	s.add(i)
}

func (v *inventory) none(n int) fleet { return make(fleet, (n+63)/64) }

// covered are the targets that a rule is about: as policy says, those of which
// all that stands in on is true.
func (v *inventory) covered(r *policy.Rule) fleet {
	n := len(v.targets)
	out := v.none(n)
	if len(r.Targets)+len(r.Kinds)+len(r.Labels) == 0 {
		return out
	}
	for i := range out {
		out[i] = ^uint64(0)
	}
	if n%64 != 0 {
		out[len(out)-1] = 1<<(n%64) - 1
	}
	if len(r.Targets) > 0 {
		named := v.none(n)
		for _, name := range r.Targets {
			if i, ok := v.place[name]; ok {
				named.add(i)
			}
		}
		out = out.and(named)
	}
	if len(r.Kinds) > 0 {
		kinds := v.none(n)
		for _, k := range r.Kinds {
			kinds.join(v.kinds[k])
		}
		out = out.and(kinds)
	}
	for k, is := range r.Labels {
		labelled := v.labels[[2]string{k, is}]
		if labelled == nil {
			return v.none(n)
		}
		out = out.and(labelled)
	}
	return out
}

// of are the targets of a fleet, by name.
func (v *inventory) of(s fleet) []*policy.Target {
	var out []*policy.Target
	for i, t := range v.targets {
		if s.has(i) {
			out = append(out, t)
		}
	}
	return out
}
