package lang

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lockbox/policy"
)

// note keeps one difference, with the first question that shows it.
func (v *view) note(x delta, q policy.Question) {
	x.Do = []policy.Action{v.do}
	k := x.key()
	if _, ok := v.found[k]; ok {
		v.found[k]++
		return
	}
	v.found[k] = 1
	x.Example = Example{Do: q.Do, Login: q.Login, Customer: q.Customer, To: q.To, At: q.Now.Format(time.RFC3339), Reason: q.Reason, Emergency: q.Emergency}
	if q.From.IsValid() {
		x.Example.From = q.From.String()
	}
	v.out = append(v.out, x)
}

// deltas puts together what was seen.
func (v *view) deltas() []delta {
	for i := range v.out {
		v.out[i].Part = v.found[v.out[i].key()] < v.common
	}
	v.one(Gain, v.gained, v.asks[0] > 0, 1)
	v.one(Lose, v.taken, v.asks[1] > 0, 0)
	return v.out
}

// one notes what only one side (0 old, 1 new) permits: by each rule once.
func (v *view) one(what string, all []seen, part bool, side int) {
	for _, s := range all {
		x := delta{Change{What: what, Part: part}}
		other := policy.Decision{}
		if part {
			other = []policy.Decision{v.is, v.was}[side]
		}
		here, there := v.rule(s.d, side), v.rule(other, 1-side)
		var mine, theirs string
		switch {
		case part && !v.by[1-side][way{s.q.Login, s.q.Customer}]:
			x.Way, mine, other = "logins", reachText(s.d), policy.Decision{}
		case part && s.q.To != "" && (there == nil || !slices.Contains(there.Bounds.To, s.q.To)):
			x.Way, mine, other = "addresses", "to "+s.q.To, policy.Decision{}
		case part && here != nil && there != nil && conditionsOf(here) != conditionsOf(there):
			x.Way, mine, theirs = conditionsApart(here, there)
		case part:
			x.Way, mine, theirs = "other", always(here), always(there)
		default: // nothing stands on the other side: say what it takes
			mine = takes(s.d, here)
		}
		if x.Old, x.New, x.OldRule, x.NewRule = theirs, mine, refOf(other), refOf(s.d); side == 0 {
			x.Old, x.New, x.OldRule, x.NewRule = mine, theirs, refOf(s.d), refOf(other)
		}
		v.note(x, s.q)
	}
}

// rule is the one that decided.
func (v *view) rule(d policy.Decision, side int) *policy.Rule {
	return v.rules[side][d.Position+d.Rule]
}

// conditionsApart says in which conditions two rules differ, and only these.
func conditionsApart(a, b *policy.Rule) (way, mine, theirs string) {
	names := [3]string{"hours", "networks", "reasons"}
	anyOf := [3]string{"at any time", "from anywhere", "for any reason"}
	x, y := conditionsOf(a), conditionsOf(b)
	var which, left, right []string
	for i := range x {
		if x[i] != y[i] {
			which, left, right = append(which, names[i]), append(left, orElse(x[i], anyOf[i])), append(right, orElse(y[i], anyOf[i]))
		}
	}
	return strings.Join(which, " and "), strings.Join(left, ", "), strings.Join(right, ", ")
}

func always(r *policy.Rule) string {
	if r == nil {
		return ""
	}
	return orElse(conditionsText(r), "always")
}

func takes(d policy.Decision, r *policy.Rule) string {
	s := stagesText(ruleStages(r, d)) + "; " + limitsText(d.Limits)
	if r != nil && conditionsText(r) != "" {
		s += "; only " + conditionsText(r)
	}
	return s
}

// approvals says whose yes two decisions take: in general where the customers
// are the same, else by name, and with all there is where nothing else differs.
func (v *view) approvals(old, new policy.Decision) (was, is string) {
	a, b := old.Stages(), new.Stages()
	if slices.Equal(slices.Sorted(slices.Values(old.Customers)), slices.Sorted(slices.Values(new.Customers))) {
		x, y := ruleStages(v.rule(old, 0), old), ruleStages(v.rule(new, 1), new)
		if detailText(x) != detailText(y) {
			a, b = x, y
		}
	}
	if was, is = stagesText(a), stagesText(b); was == is {
		was, is = detailText(a), detailText(b)
	}
	return was, is
}

// A gathering puts people and targets together for which a change is the same.
type gathering struct{ all []gathered }

// A gathered is one delta, for one player and one spot.
type gathered struct {
	x       Change
	players []player
	spots   []*spot
	key     string
}

func (g *gathering) add(x delta, p player, s *spot) {
	g.all = append(g.all, gathered{x: x.Change, players: []player{p}, spots: []*spot{s}, key: x.key()})
}

// changes merges: first the actions of one player on one spot, then the spots
// of one player, then the players of the same spots.
func (g *gathering) changes() []Change {
	who := func(x gathered) string {
		s := ""
		for _, p := range x.players {
			s += p.group + strings.Join(p.names, ",") + ";"
		}
		return s
	}
	where := func(x gathered) string {
		s := ""
		for _, p := range x.spots {
			s += p.names[0] + ";"
		}
		return s
	}
	what := func(x gathered) string { // all but the action
		c := x.x
		c.Do = []policy.Action{""}
		return delta{c}.key()
	}
	doing := func(x gathered) string { return fmt.Sprint(x.x.Do) }
	merge := func(key func(gathered) string, join func(into *gathered, from gathered)) {
		at, out := map[string]int{}, []gathered(nil)
		for _, x := range g.all {
			k := key(x)
			if i, ok := at[k]; ok {
				join(&out[i], x)
				continue
			}
			at[k] = len(out)
			out = append(out, x)
		}
		g.all = out
	}
	merge(func(x gathered) string { return what(x) + "|" + who(x) + "|" + where(x) },
		func(a *gathered, b gathered) { a.x.Do = union(a.x.Do, b.x.Do) })
	merge(func(x gathered) string { return what(x) + "|" + who(x) + "|" + doing(x) },
		func(a *gathered, b gathered) { a.spots = append(a.spots, b.spots...) })
	merge(func(x gathered) string { return what(x) + "|" + where(x) + "|" + doing(x) },
		func(a *gathered, b gathered) { a.players = append(a.players, b.players...) })
	out := make([]Change, 0, len(g.all))
	for _, x := range g.all {
		out = append(out, x.change())
	}
	slices.SortStableFunc(out, byRank)
	return out
}

func union(a, b []policy.Action) []policy.Action {
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

const fewNames = 5 // of a Crowd

// change fills in who and where.
func (x gathered) change() Change {
	c := x.x
	var people, groups, targets []string
	for _, p := range x.players {
		people = append(people, p.names...)
		if p.group != "" {
			groups = append(groups, strings.ReplaceAll(p.group, "=", ""))
		}
	}
	for _, s := range x.spots {
		targets = append(targets, s.names...)
	}
	slices.Sort(people)
	slices.Sort(targets)
	slices.Sort(groups)
	groups = slices.Compact(groups)
	c.Who, c.On = crowd(people), crowd(targets)
	c.Who.Groups = groups
	c.Example.On = targets[0]
	switch {
	case len(people) > 0:
		c.Example.As = people[0]
	default:
		c.Example.As = somebody
		c.Example.Groups = strings.Split(groups[0], " + ")
		if id := c.Example.Groups[0]; strings.Contains(id, "@") {
			c.Example.As, c.Example.Groups = id, c.Example.Groups[1:]
		}
	}
	return c
}

func crowd(all []string) Crowd {
	return Crowd{Count: len(all), Names: append([]string{}, all[:min(len(all), fewNames)]...)}
}
