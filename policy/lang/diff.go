package lang

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"lockbox/policy"
)

// A Difference is what a new policy changes, for whom and where.
type Difference struct {
	Old    string   `json:"old"` // digest
	New    string   `json:"new"`
	Facts  []Fact   `json:"facts"`  // what changes besides access
	Access []Change `json:"access"` // who may ask for what, and what it takes
}

// Empty says whether every question gets the same answer and takes the same
// yes as before.
func (d Difference) Empty() bool { return len(d.Facts)+len(d.Access) == 0 }

// What a Change changes.
const (
	Gain      = "gain"
	Lose      = "lose"
	Approvals = "approvals"
	TheLimits = "limits"
	TheTouch  = "touch"
	Records   = "recording"
	Opened    = "readers"   // whose keys open the recordings
	Retention = "retention" // how long they are kept
	Cosigned  = "witnesses"
	TheTicket = "ticket"
	TheBounds = "bounds"
	TheLogin  = "login"
)

// A Change is one change of access, for everybody and every target that it is
// the same for.
type Change struct {
	What    string          `json:"what"`          // Gain, Lose, …
	Way     string          `json:"way,omitempty"` // "more", "fewer", "longer", "shorter" or "other"
	Part    bool            `json:"part"`          // only at some times, from some networks, for some reasons or logins
	Who     Crowd           `json:"who"`
	Do      []policy.Action `json:"do"`
	On      Crowd           `json:"on"`
	Old     string          `json:"old,omitempty"`
	New     string          `json:"new,omitempty"`
	OldRule *Ref            `json:"old_rule,omitempty"`
	NewRule *Ref            `json:"new_rule,omitempty"`
	Example Example         `json:"example"`
}

// A Crowd is people or targets, of whom a few are named.
type Crowd struct {
	Count  int      `json:"count"`
	Names  []string `json:"names"`            // at most five
	Groups []string `json:"groups,omitempty"` // and whomever the identity provider puts into these; "a + b" is both
}

// A Ref is a rule and where it stands.
type Ref struct {
	Rule     string `json:"rule"`
	Position string `json:"position"`
}

// An Example is a question whose answer changed, as `policy explain` takes it.
type Example struct {
	As       string        `json:"as"`
	Groups   []string      `json:"groups,omitempty"`
	Do       policy.Action `json:"do"`
	On       string        `json:"on"`
	Login    string        `json:"login,omitempty"`
	Customer string        `json:"customer,omitempty"`
	To       string        `json:"to,omitempty"`   // of forward: where the tunnel ends
	At       string        `json:"at"`             // RFC 3339
	From     string        `json:"from,omitempty"` // "" for an unknown address
	Reason   policy.Reason `json:"reason,omitempty"`

	Emergency bool `json:"emergency,omitempty"` // by breaking the glass
}

// Diff compares what two policies answer. It is exact: for whomever the files
// name, as they are, and for whomever the identity provider puts into any
// groups, every question about access is answered alike (verdict, account,
// stages, limits, and what else a decision carries) where there is no Change,
// and differently where there is one. Time zones are taken as of 2026 and 2027.
func Diff(old, new *policy.Policy) Difference {
	d := &differ{old: newBook(old), new: newBook(new), told: map[string][]delta{}, when: calendar{}}
	d.cast()
	all := &gathering{}
	for _, p := range d.places() {
		d.place(p, all)
	}
	return Difference{Old: old.Digest, New: new.Digest, Facts: facts(old, new), Access: all.changes()}
}

// A differ holds two policies against each other.
type differ struct {
	old, new book
	people   []player           // those who differ in who they are
	told     map[string][]delta // by rules, target and action
	when     calendar
}

// A book is a policy, prepared.
type book struct {
	*policy.Policy
	means  []string // of each rule: all it says but its name, place, who and on
	whom   []string // of each rule
	groups map[string]bool
	listed map[string]bool // targets that a rule names
}

// A player is who plays the same part in both policies: some people, or
// whoever the identity provider puts into a group.
type player struct {
	names    []string
	group    string
	old, new map[string]bool // atoms: groups, and "=id" of the person
}

// real says whether it is people and not a group.
func (p player) real() bool { return p.group == "" }

// cast finds the players: people with the same atoms are one.
func (d *differ) cast() {
	ids, groups := map[string]bool{}, map[string]bool{}
	for _, b := range []book{d.old, d.new} {
		for _, members := range b.Groups {
			for _, id := range members {
				ids[id] = true
			}
		}
		for i := range b.Rules {
			for _, id := range b.Rules[i].People {
				ids[id] = true
			}
		}
		maps.Copy(groups, b.groups)
	}
	belongs := [2]map[string][]string{d.old.belongs(), d.new.belongs()}
	at := map[string]int{}
	for _, id := range sortedKeys(ids) {
		old, new := belongs[0][id], belongs[1][id]
		key := strings.Join(old, ",") + "|" + strings.Join(new, ",")
		if i, ok := at[key]; ok {
			d.people[i].names = append(d.people[i].names, id)
			continue
		}
		at[key] = len(d.people)
		d.people = append(d.people, player{names: []string{id}, old: set(old), new: set(new)})
	}
	for _, g := range sortedKeys(groups) {
		d.people = append(d.people, player{group: g, old: set([]string{g}), new: set([]string{g})})
	}
}

// belongs gives the atoms of every person, sorted.
func (b book) belongs() map[string][]string {
	out := map[string][]string{}
	for _, g := range sortedKeys(b.groups) {
		for _, id := range b.Groups[g] {
			if all := out[id]; !slices.Contains(all, g) {
				out[id] = append(all, g)
			}
		}
	}
	named := map[string]bool{}
	for i := range b.Rules {
		for _, id := range b.Rules[i].People {
			if !named[id] {
				named[id] = true
				out[id] = append(out[id], "="+id)
			}
		}
	}
	return out
}

func set(list []string) map[string]bool {
	out := map[string]bool{}
	for _, s := range list {
		out[s] = true
	}
	return out
}

// A spot is targets that are alike in both policies.
type spot struct {
	names    []string
	old, new *policy.Target // nil: not there
	rules    [2][]int       // that cover them, in the order of the policy
}

// places groups the targets of both policies by what can matter to an answer.
func (d *differ) places() []*spot {
	names := map[string]bool{}
	for name := range d.old.Targets {
		names[name] = true
	}
	for name := range d.new.Targets {
		names[name] = true
	}
	found, known := map[string]*spot{}, [2]map[string][]int{{}, {}}
	var out []*spot
	for _, name := range sortedKeys(names) {
		s := spot{old: d.old.Targets[name], new: d.new.Targets[name]}
		s.rules = [2][]int{d.old.covering(s.old, known[0]), d.new.covering(s.new, known[1])}
		key := listed(s.rules[0]) + "|" + listed(s.rules[1]) + "|" + d.old.shapeOf(s.old) + "|" + d.new.shapeOf(s.new)
		if found[key] == nil {
			found[key] = &s
			out = append(out, &s)
		}
		found[key].names = append(found[key].names, name)
	}
	return out
}

func listed(numbers []int) string {
	b := make([]byte, 0, 2*len(numbers))
	for _, n := range numbers {
		b = append(b, byte(n), byte(n>>8), byte(n>>16))
	}
	return string(b)
}

// covering lists the rules about a target. Targets that no rule tells apart
// are looked at once.
func (b book) covering(t *policy.Target, known map[string][]int) []int {
	if t == nil {
		return nil
	}
	key := t.Kind
	for _, k := range sortedKeys(t.Labels) {
		key += "\x00" + k + "=" + t.Labels[k]
	}
	if b.listed[t.Name] {
		key += "\x00\x00" + t.Name
	}
	if list, ok := known[key]; ok {
		return list
	}
	list := []int{}
	for i := range b.Rules {
		if r := &b.Rules[i]; covers(r, t) || r.Forbid && len(r.Targets)+len(r.Kinds)+len(r.Labels) == 0 {
			list = append(list, i)
		}
	}
	known[key] = list
	return list
}

// shapeOf is what a target and its customers add to an answer besides the rules about it.
func (b book) shapeOf(t *policy.Target) string {
	if t == nil {
		return "none"
	}
	var out strings.Builder
	for _, l := range t.Logins {
		out.WriteString(l.Name)
		out.WriteString(map[bool]string{true: "\x01", false: "\x02"}[l.One])
		out.WriteString(map[bool]string{true: "\x01", false: "\x02"}[l.ReadOnly])
	}
	out.WriteString("\x00" + t.Owner + "\x00" + strings.Join(t.Customers, "\x01"))
	if t.Production() {
		out.WriteString("\x00production")
	}
	for _, id := range t.Customers {
		if c := b.Customers[id]; c.Keep > 0 || len(c.SealTo) > 0 {
			fmt.Fprintf(&out, "\x00%s %d %t", id, c.Keep, len(c.SealTo) > 0)
		}
	}
	if len(b.Auditors) > 0 {
		out.WriteString("\x00audited")
	}
	return out.String()
}

// place gathers what changes on some targets.
func (d *differ) place(s *spot, all *gathering) {
	alike := d.old.shapeOf(s.old) == d.new.shapeOf(s.new) && slices.EqualFunc(s.rules[0], s.rules[1], func(a, b int) bool {
		return d.old.means[a] == d.new.means[b] && d.old.whom[a] == d.new.whom[b]
	})
	told := map[string]bool{}
	for _, p := range d.people {
		if alike && (!p.real() || maps.Equal(p.old, p.new)) {
			continue
		}
		for _, x := range d.meet(s, p) {
			told[x.key()+"|"+p.group] = true
			for _, id := range p.names {
				told[x.key()+"|="+id] = true
			}
			all.add(x, p, s)
		}
	}
	if alike {
		return
	}
	d.pairs(s, func(p player, x delta) {
		a, b, _ := strings.Cut(p.group, " + ")
		if k := x.key(); !told[k+"|"+a] && !told[k+"|"+b] {
			all.add(x, p, s)
		}
	})
}

// pairs meets whoever is two at once: in two groups, or named and in a group.
// More than two are never needed: one rule decided before, and one decides now.
func (d *differ) pairs(s *spot, add func(player, delta)) {
	atoms := map[string]bool{}
	for i, b := range []book{d.old, d.new} {
		for _, n := range s.rules[i] {
			for _, g := range b.Rules[n].Groups {
				atoms[g] = true
			}
			for _, id := range b.Rules[n].People {
				atoms["="+id] = true
			}
		}
	}
	list := sortedKeys(atoms) // "=" comes before every name
	for i, a := range list {
		for _, b := range list[i+1:] {
			if strings.HasPrefix(b, "=") {
				continue
			}
			p := player{group: a + " + " + b, old: d.atoms(a, 0), new: d.atoms(a, 1)}
			p.old[b], p.new[b] = true, true
			for _, x := range d.meet(s, p) {
				add(p, x)
			}
		}
	}
}

// atoms are those of a group, or all that a named person has by the files.
func (d *differ) atoms(a string, side int) map[string]bool {
	for _, p := range d.people {
		if id, ok := strings.CutPrefix(a, "="); ok && slices.Contains(p.names, id) {
			return maps.Clone([]map[string]bool{p.old, p.new}[side])
		}
	}
	return set([]string{a})
}

// meet compares the answers to one player on one spot, for every action.
func (d *differ) meet(s *spot, p player) []delta {
	old, new := d.old.row(s.rules[0], p.old), d.new.row(s.rules[1], p.new)
	if len(old) == 0 && len(new) == 0 {
		return nil
	}
	var out []delta
	for _, do := range policy.OnTarget() {
		a, b := d.old.about(old, do), d.new.about(new, do)
		if len(a) == 0 && len(b) == 0 {
			continue
		}
		out = append(out, d.compare(s, a, b, do)...)
	}
	return out
}

// row lists the rules, of some, that apply to whoever has the atoms.
func (b book) row(rules []int, atoms map[string]bool) []int {
	var out []int
	for _, i := range rules {
		r := &b.Rules[i]
		if r.Forbid && len(r.People)+len(r.Groups) == 0 ||
			slices.ContainsFunc(r.Groups, func(g string) bool { return atoms[g] }) ||
			slices.ContainsFunc(r.People, func(id string) bool { return atoms["="+id] }) {
			out = append(out, i)
		}
	}
	return out
}

func (b book) about(rules []int, do policy.Action) []int {
	return slices.DeleteFunc(slices.Clone(rules), func(i int) bool { return !slices.Contains(b.Rules[i].Actions, do) })
}

func (c Change) rank() int {
	return slices.Index([]string{Gain, Approvals, TheLimits, TheTouch, Cosigned, Opened, Retention, Records, TheBounds, TheTicket, TheLogin, Lose}, c.What)
}

func byRank(a, b Change) int {
	return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(b.Who.Count*b.On.Count, a.Who.Count*a.On.Count),
		slices.Compare(a.Who.Names, b.Who.Names), slices.Compare(a.On.Names, b.On.Names))
}
