package rulebook

import (
	"fmt"
	"slices"
	"strings"

	"lockbox/policy"
	"lockbox/policy/lang"
)

const tellMost = 1500 // bytes

// summary tells executives in one line what they sign: what it is, and what it
// changes, alarms first. What does not fit is counted; `lockbox policy diff` tells all.
func (b *Book) summary(p *policy.Policy) string {
	mode := "outside production, where later changes need no signatures"
	if b.Production {
		mode = "in production"
	}
	out := fmt.Sprintf("%d rules and %d targets, %s.", len(p.Rules), len(p.Targets), mode)
	was := b.InForce()
	if was == nil || was.Digest == bareDigest {
		return out + " It is the first that is signed with this configuration."
	}
	all := tell(lang.Diff(was, p))
	if len(all) == 0 {
		return out + " Nothing changes in who may do what."
	}
	for i, s := range all {
		if len(out)+len(s) > tellMost {
			return fmt.Sprintf("%s And %d more changes.", out, len(all)-i)
		}
		out += " " + s
	}
	return out
}

func tell(d lang.Difference) (all []string) {
	for _, f := range d.Facts {
		all = append(all, capital(f.Text)+".")
	}
	order := []string{lang.Gain, lang.Approvals, lang.Opened, lang.TheLimits}
	slices.SortStableFunc(d.Access, func(a, b lang.Change) int { return rank(order, a.What) - rank(order, b.What) })
	for _, c := range d.Access {
		s := fmt.Sprintf("%s: %s, %s on %s", headline(c), names(c.Who), actions(c.Do), names(c.On))
		if c.Old != "" || c.New != "" {
			s += fmt.Sprintf(" (%s, before %s)", or(c.New), or(c.Old))
		}
		all = append(all, s+".")
	}
	return all
}

// headline is "New access", "More approvals", "Longer limits".
func headline(c lang.Change) string {
	switch {
	case c.What == lang.Gain:
		return "New access"
	case c.What == lang.Lose:
		return "No access any more"
	case c.What == lang.Opened:
		return capital(c.Way) + " readers of recordings"
	case c.What == lang.Retention:
		return "Recordings kept " + c.Way
	}
	return capital(strings.TrimSpace(c.Way + " " + c.What))
}

func rank(order []string, what string) int {
	if i := slices.Index(order, what); i >= 0 {
		return i
	}
	return len(order)
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func or(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func actions(all []policy.Action) string {
	var out []string
	for _, a := range all {
		out = append(out, string(a))
	}
	return strings.Join(out, ", ")
}

func names(c lang.Crowd) string {
	out := slices.Clone(c.Names)
	for _, g := range c.Groups {
		out = append(out, "group "+g)
	}
	if more := c.Count - len(c.Names); more > 0 {
		out = append(out, fmt.Sprintf("%d more", more))
	}
	return strings.Join(out, ", ")
}
