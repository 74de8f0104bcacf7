package lang

import (
	"time"

	"lockbox/policy"
)

// Bounds that no rule may pass.
const (
	mostTime   = 8 * time.Hour // that a grant may last
	mostWait   = 30 * day      // for a yes
	mostStages = 8
)

// rules reads who may do what, in the order of the file.
func (r *reader) rules(n *node) {
	items(r, n, "rules", func(v *node) (bool, bool) {
		rule := policy.Rule{Position: v.where()}
		if v.child("permit") != nil {
			r.permit(v, &rule)
		} else {
			r.forbid(v, &rule)
		}
		r.src.Policy.Rules = append(r.src.Policy.Rules, rule)
		r.src.rules = append(r.src.rules, v)
		return true, true
	})
}

// conditions are the fields of both kinds of rule.
func (r *reader) conditions(rule *policy.Rule) map[string]func(*node) {
	return map[string]func(*node){
		"name": func(v *node) {
			if rule.Name = r.word(v, aTitle("the name of a rule")); rule.Name != "" {
				r.define("rule", v)
			}
		},
		"who":     func(v *node) { r.who(v, rule) },
		"on":      func(v *node) { r.on(v, rule) },
		"reasons": func(v *node) { rule.Reasons = r.reasons(v) },
		"hours":   func(v *node) { rule.Hours = r.hours(v) },
		"from":    func(v *node) { rule.From = r.prefixes(v) },
	}
}

func notYet() []string { return []string{"to", "sql", "http", "sftp"} }

func (r *reader) permit(n *node, rule *policy.Rule) {
	rule.Limits = policy.Limits{Default: time.Hour, Max: 4 * time.Hour, ActivateWithin: time.Hour}
	rule.Fresh = 15 * time.Minute
	fields := r.conditions(rule)
	fields["permit"] = func(v *node) { rule.Actions = r.actions(v, "permit") }
	fields["stages"] = func(v *node) { rule.Stages = r.stages(v) }
	fields["limits"] = func(v *node) { r.limits(v, &rule.Limits) }
	fields["touch"] = func(v *node) {
		r.table(v, shape{of: "touch", need: []string{"within"}, fields: map[string]func(*node){
			"within": func(v *node) { rule.Fresh = r.span(v, "within", mostTime) },
		}})
	}
	fields["record"] = func(v *node) { r.record(v, &rule.Record) }
	fields["ticket"] = func(v *node) { rule.Ticket = r.ticket(v) }
	if second := n.child("forbid"); second != nil {
		r.refuse(second, "make two rules of it", "a rule permits or forbids, not both")
		fields["forbid"] = func(*node) {}
	}
	r.table(n, shape{of: "a rule that permits", need: []string{"name", "who", "on", "stages"}, later: notYet(), fields: fields})
}

// forbid reads a rule that takes away; without who it is for everybody.
func (r *reader) forbid(n *node, rule *policy.Rule) {
	rule.Forbid = true
	fields := r.conditions(rule)
	fields["forbid"] = func(v *node) { rule.Actions = r.actions(v, "forbid") }
	s := shape{of: "a rule that forbids", need: []string{"name", "on"}, later: notYet(), fields: fields}
	if n.form == table && n.child("forbid") == nil {
		s.of, s.need = "a rule", []string{"permit or forbid", "name"}
		for _, f := range []string{"permit", "stages", "limits", "touch", "record", "ticket"} {
			fields[f] = func(*node) {} // known, but not read without permit
		}
	}
	r.table(n, s)
}

func (r *reader) actions(n *node, of string) []policy.Action {
	return items(r, n, of, func(v *node) (policy.Action, bool) { return r.action(v, of == "permit") })
}

func (r *reader) action(n *node, permit bool) (policy.Action, bool) {
	var known []string
	for _, a := range policy.OnTarget() {
		known = append(known, string(a))
	}
	switch {
	case n.text == "http-read" || n.text == "http-write":
		r.refuse(n, "remove it", "%q is not known to this version of lockbox", n.text)
		return "", false
	case permit && n.text == string(policy.Forward): // it would be to anywhere
		r.refuse(n, "remove it", `forward is permitted only with "to", which is not known to this version of lockbox`)
		return "", false
	}
	a := policy.Action(r.choice(n, "an action", known...))
	return a, a != ""
}

func (r *reader) who(n *node, rule *policy.Rule) {
	r.table(n, shape{of: "who", fields: map[string]func(*node){
		"groups": func(v *node) { rule.Groups = r.texts(v, "groups", aName("the name of a group")) },
		"people": func(v *node) { rule.People = r.texts(v, "people", aPerson("the id of a person")) },
	}})
	r.notEmpty(n, "who", "groups or people")
}

func (r *reader) on(n *node, rule *policy.Rule) {
	r.table(n, shape{of: "on", fields: map[string]func(*node){
		"targets": func(v *node) { rule.Targets = r.texts(v, "targets", aTarget()) },
		"kinds": func(v *node) {
			rule.Kinds = items(r, v, "kinds", func(k *node) (string, bool) {
				s := r.choice(k, "a kind of target", "ssh", "http")
				return s, s != ""
			})
		},
		"labels": func(v *node) { rule.Labels = r.labels(v) },
	}})
	r.notEmpty(n, "on", "targets, kinds or labels")
}

func (r *reader) notEmpty(n *node, of, write string) {
	if n.form == table && len(n.keys) == 0 {
		r.refuse(n, "write "+write, "%s is empty", of)
	}
}

func (r *reader) reasons(n *node) []policy.Reason {
	var known []string
	for _, k := range policy.Reasons() {
		known = append(known, string(k))
	}
	return items(r, n, "reasons", func(v *node) (policy.Reason, bool) {
		s := r.choice(v, "a reason", known...)
		return policy.Reason(s), s != ""
	})
}

func (r *reader) limits(n *node, l *policy.Limits) {
	r.table(n, shape{of: "limits", fields: map[string]func(*node){
		"default":         func(v *node) { l.Default = r.span(v, "default", mostTime) },
		"max":             func(v *node) { l.Max = r.span(v, "max", mostTime) },
		"idle":            func(v *node) { l.Idle = r.span(v, "idle", mostTime) },
		"activate_within": func(v *node) { l.ActivateWithin = r.span(v, "activate_within", mostTime) },
	}})
	r.notEmpty(n, "limits", "default, max, idle or activate_within")
	if l.Max > 0 && l.Default > l.Max {
		if written := n.child("default"); written != nil {
			r.refuse(written, "write "+spanText(l.Max)+" or less, or a longer max", "default is longer than max, which is %s", spanText(l.Max))
		}
		l.Default = l.Max // where only max is written
	}
}

func (r *reader) record(n *node, rec *policy.Recording) {
	full := func(of string) func(*node) {
		return func(v *node) { r.choice(v, "how "+of+" is recorded", "full") }
	}
	r.table(n, shape{of: "record", later: []string{"sftp", "http"}, fields: map[string]func(*node){
		"pty":   full("pty"),
		"exec":  full("exec"),
		"input": func(v *node) { rec.Input = r.choice(v, "whether input is recorded", "off", "on") == "on" },
		"keep":  func(v *node) { rec.Keep = r.span(v, "keep", 0) },
	}})
	r.notEmpty(n, "record", "pty, exec, input or keep")
}

// stages reads whose yes a rule waits for: each is one step, in the order of the file.
func (r *reader) stages(n *node) []policy.Stage {
	if len(n.vals) > mostStages {
		r.refuse(n, "put them together", "there are more than %d stages", mostStages)
		return nil
	}
	step, asked := -1, false
	return items(r, n, "stages", func(v *node) (policy.Stage, bool) {
		step++
		s := policy.Stage{Count: 1, Step: step}
		r.table(v, shape{of: "a stage", later: []string{"peer", "owner", "break-glass"}, fields: map[string]func(*node){
			"executive": func(v *node) { r.stage(v, &s, policy.ByExecutive) },
			"customer":  func(v *node) { r.stage(v, &s, policy.ByCustomer) },
		}})
		if v.form == table && len(v.keys) != 1 {
			r.refuse(v, "write { executive: { count: 1 } } or { customer: { count: 1 } }", "a stage is one of executive and customer")
		}
		if s.Kind == policy.ByCustomer && asked {
			r.refuse(v, "remove it, and write a larger count in the first", "each customer is asked once, and there is a customer stage already")
		}
		asked = asked || s.Kind == policy.ByCustomer
		return s, s.Kind != ""
	})
}

func (r *reader) stage(n *node, s *policy.Stage, k policy.StageKind) {
	s.Kind, s.Expires = k, 12*time.Hour
	fields := map[string]func(*node){
		"count":   func(v *node) { s.Count = r.count(v, "count") },
		"expires": func(v *node) { s.Expires = r.span(v, "expires", mostWait) },
		"group":   func(v *node) { s.Group = r.word(v, aName("the name of a group")) },
	}
	if k == policy.ByCustomer {
		s.Expires = 96 * time.Hour
		fields["group"] = func(v *node) {
			r.refuse(v, "remove it", "who speaks for a customer is the customer's to say")
		}
	}
	r.table(n, shape{of: "the " + string(k) + " stage", later: []string{"escalate"}, fields: fields})
}
