package lang

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lockbox/policy"
)

// This file says things of a policy in words, as explain, diff and replay need them.

// stageText is "1 of executive-board", "2 executives", "1 reviewer of nord".
func stageText(s policy.Stage) string {
	many := func(one, more string) string {
		if s.Count == 1 {
			return "1 " + one
		}
		return fmt.Sprintf("%d %s", s.Count, more)
	}
	switch s.Kind {
	case policy.ByExecutive:
		if s.Group != "" {
			return fmt.Sprintf("%d of %s", s.Count, s.Group)
		}
		return many("executive", "executives")
	case policy.ByCustomer:
		whose := s.Customer
		if whose == "" {
			whose = "each customer"
		}
		return many("reviewer of ", "reviewers of ") + whose
	case policy.ByOwner:
		return strings.TrimSpace("the owner " + s.Group)
	}
	return fmt.Sprintf("%d %s of %s", s.Count, s.Kind, s.Group)
}

// stagesText is "1 executive, then 1 reviewer of fjord and 1 reviewer of nord".
func stagesText(stages []policy.Stage) string {
	var b strings.Builder
	last := 0
	for i, s := range canonical(stages) {
		switch {
		case i == 0:
		case s.Step == last:
			b.WriteString(" and ")
		default:
			b.WriteString(", then ")
		}
		last = s.Step
		b.WriteString(stageText(s))
	}
	if b.Len() == 0 {
		return "nobody"
	}
	return b.String()
}

// detailText is stagesText with what else there is to a stage.
func detailText(stages []policy.Stage) string {
	var parts []string
	for _, s := range canonical(stages) {
		t := fmt.Sprintf("step %d: %s, waiting %s", s.Step+1, stageText(s), lengthText(s.Expires))
		for _, r := range s.Escalate {
			switch {
			case r.To != "":
				t += fmt.Sprintf(", after %s also %s", lengthText(r.After), r.To)
			case r.Remind != "":
				t += fmt.Sprintf(", after %s reminded", lengthText(r.After))
			}
		}
		parts = append(parts, t)
	}
	return strings.Join(parts, "; ")
}

// canonical is the stages in an order of their own, with steps counted from 0:
// in which order the customers of one step are listed says nothing.
func canonical(stages []policy.Stage) []policy.Stage {
	out := slices.Clone(stages)
	slices.SortStableFunc(out, func(a, b policy.Stage) int {
		if a.Step != b.Step {
			return a.Step - b.Step
		}
		return strings.Compare(string(a.Kind)+"\x00"+a.Customer+"\x00"+a.Group, string(b.Kind)+"\x00"+b.Customer+"\x00"+b.Group)
	})
	step, last := -1, 0
	for i := range out {
		if i == 0 || out[i].Step != last {
			step, last = step+1, out[i].Step
		}
		out[i].Step, out[i].Of = step, 0
		out[i].Escalate = slices.Clone(out[i].Escalate)
		for j := range out[i].Escalate {
			out[i].Escalate[j].Of = 0
		}
	}
	return out
}

func lengthText(d time.Duration) string {
	if d == 0 {
		return "none"
	}
	if d%time.Minute != 0 {
		return d.String()
	}
	return spanText(d)
}

// witnessesText is "2 witnesses must have cosigned the log".
func witnessesText(n int) string {
	switch n {
	case 0:
		return "no witness is asked"
	case 1:
		return "1 witness must have cosigned the log"
	}
	return fmt.Sprintf("%d witnesses must have cosigned the log", n)
}

// limitsText is "up to 4h (1h by default), idle 15m, to be started within 1h".
func limitsText(l policy.Limits) string {
	s := "up to " + lengthText(l.Max)
	if l.Default != l.Max {
		s += fmt.Sprintf(" (%s by default)", lengthText(l.Default))
	}
	if l.Idle > 0 {
		s += ", idle " + lengthText(l.Idle)
	}
	return s + ", started within " + lengthText(l.ActivateWithin)
}

// conditionsOf are when, from where and for which reasons a rule holds; ""
// where it always does.
func conditionsOf(r *policy.Rule) [3]string {
	var out [3]string
	if r.Hours != nil {
		out[0] = hoursText(r.Hours)
	}
	if len(r.From) > 0 {
		var nets []string
		for _, p := range r.From {
			nets = append(nets, p.String())
		}
		out[1] = "from " + strings.Join(nets, " or ")
	}
	if len(r.Reasons) > 0 {
		var all []string
		for _, x := range r.Reasons {
			all = append(all, string(x))
		}
		out[2] = "for " + strings.Join(all, " or ")
	}
	return out
}

// conditionsText is all of them; "" where there are none.
func conditionsText(r *policy.Rule) string {
	all := conditionsOf(r)
	return strings.Join(slices.DeleteFunc(all[:], func(s string) bool { return s == "" }), ", ")
}

// ruleStages are what a rule takes, whoever the customers and owners are,
// where that is all that the decision takes; else those of the decision.
func ruleStages(r *policy.Rule, d policy.Decision) []policy.Stage {
	stages := d.Stages()
	if r == nil || slices.ContainsFunc(stages, func(s policy.Stage) bool {
		return !slices.ContainsFunc(r.Stages, func(x policy.Stage) bool { return x.Kind == s.Kind })
	}) {
		return stages
	}
	return r.Stages
}

// hoursText is "Mon-Fri 07:00-19:00 Europe/Copenhagen".
func hoursText(h *policy.Hours) string {
	on := make([]bool, 8)
	for _, d := range h.Days {
		on[(int(d)+6)%7] = true
	}
	var days []string
	for i := 0; i < 7; i++ {
		if !on[i] {
			continue
		}
		first := i
		for on[i+1] {
			i++
		}
		if name := weekdays()[first]; first == i {
			days = append(days, name)
		} else {
			days = append(days, name+"-"+weekdays()[i])
		}
	}
	clock := func(d time.Duration) string { return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60) }
	zone := "in no time zone"
	if h.Zone != nil {
		zone = h.Zone.String()
	}
	return fmt.Sprintf("%s %s-%s %s", strings.Join(days, ","), clock(h.From), clock(h.To), zone)
}

// boundsText is what an action is allowed besides its name.
func boundsText(b policy.Bounds) string {
	var parts []string
	if len(b.To) > 0 {
		parts = append(parts, "to "+strings.Join(b.To, ", "))
	}
	if b.SQL != nil {
		parts = append(parts, "sql with tls "+b.SQL.TargetTLS)
	}
	if h := b.HTTP; h != nil {
		parts = append(parts, fmt.Sprintf("http methods %v paths %v body %d rate %g", h.Methods, h.Paths, h.MaxBody, h.Rate))
	}
	if f := b.SFTP; f != nil {
		parts = append(parts, fmt.Sprintf("sftp paths %v files up to %d", f.Paths, f.MaxFile))
	}
	if len(parts) == 0 {
		return "no bounds"
	}
	return strings.Join(parts, "; ")
}
