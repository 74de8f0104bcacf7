package lang

import (
	"slices"
	"time"

	"lockbox/policy"
)

// Bounds that no rule may pass.
const (
	mostTime   = policy.HardMax // that a grant may last
	mostWait   = 30 * day       // for a yes
	mostStages = 8
)

type rule = policy.Rule

// rules reads who may do what, in the order of the file.
func rules() value[bool] {
	one := aRule()
	return value[bool]{
		schema: schema{Type: "array", Items: &one.schema, MinItems: 1},
		read: func(r *reader, n *node) (bool, bool) {
			items(r, n, "rules", func(v *node) (bool, bool) {
				rule, _ := one.read(r, v)
				rule.Position = v.where()
				r.src.Policy.Rules = append(r.src.Policy.Rules, rule)
				r.src.rules = append(r.src.rules, v)
				return true, true
			})
			return true, true
		},
	}
}

// aRule is one that permits or one that forbids: they have other fields.
func aRule() value[rule] {
	permit, forbid := permits(), forbids()
	neither := shape[rule]{of: "a rule", some: []string{"permit", "forbid"}, fields: conditions()}
	for _, f := range slices.Concat(permit.fields, forbid.fields)[len(neither.fields):] {
		f.need, f.read = false, func(*reader, *node, *rule) {} // known, but not read without permit
		neither.fields = append(neither.fields, f)
	}
	yes, no, none := tableOf(permit), tableOf(forbid), tableOf(neither)
	return value[rule]{
		schema: schema{If: &schema{Required: []string{"permit"}}, Then: &yes.schema, Else: &no.schema},
		read: func(r *reader, n *node) (rule, bool) {
			switch second := n.child("forbid"); {
			case n.form == table && n.child("permit") != nil:
				if second != nil {
					r.refuse(second, "make two rules of it", "a rule permits or forbids, not both")
				}
				return yes.read(r, n)
			case n.form == table && second != nil:
				return no.read(r, n)
			}
			return none.read(r, n)
		},
	}
}

// conditions are the fields of both kinds of rule.
func conditions() []field[rule] {
	return []field[rule]{
		must("name", ruleName(), "What people call the rule; no two rules share a name.",
			func(t *rule, v string) { t.Name = v }),
		has("who", aWhom(), "Whom the rule is about: members of any of the groups, or any of the people. A rule that forbids and has no who is about everybody.",
			func(t *rule, v whom) { t.Groups, t.People = v.groups, v.people }),
		must("on", aPlace(), "Which targets the rule is about: those for which all of targets, kinds and labels are true.",
			func(t *rule, v place) { t.Targets, t.Kinds, t.Labels = v.targets, v.kinds, v.labels }),
		has("reasons", listOf("reasons", choice("a reason", policy.Reasons()...)), "Reason codes the rule holds for; without it, every reason.",
			func(t *rule, v []policy.Reason) { t.Reasons = v }),
		has("hours", hours(), "Days and times of day at which the rule holds; without it, always.",
			func(t *rule, v *policy.Hours) { t.Hours = v }),
		has("from", listOf("from", network()), "Networks from which the rule holds, as in 10.0.0.0/8; without it, anywhere.",
			func(t *rule, v []prefix) { t.From = v }),
	}
}

// start is what a rule that permits gives where it says nothing.
func start() rule {
	return rule{
		Limits: policy.Limits{Default: time.Hour, Max: 4 * time.Hour, ActivateWithin: time.Hour},
		Fresh:  15 * time.Minute,
		Record: policy.Recording{SFTP: "digest", HTTP: "metadata"},
	}
}

func permits() shape[rule] {
	own := []field[rule]{
		must("permit", listOf("permit", choice("an action", policy.OnTarget()...)), "Actions that may be asked for together.",
			func(t *rule, v []policy.Action) { t.Actions = v }),
		has("to", listOf("to", word(anAddress())), "Addresses that a tunnel may reach, as the target sees them: host:port. Needed where forward is permitted, and only there.",
			func(t *rule, v []string) { t.Bounds.To = v }),
		has("sql", sqlBounds(), "The tunnel carries PostgreSQL: its statements are recorded. Only with forward.",
			func(t *rule, v *policy.SQL) { t.Bounds.SQL = v }),
		has("http", httpBounds(), "What may reach a web application. Only with http-read or http-write.",
			func(t *rule, v *policy.HTTP) { t.Bounds.HTTP = v }),
		has("sftp", sftpBounds(), "Which files may be transferred. Only with sftp-get or sftp-put.",
			func(t *rule, v *policy.SFTP) { t.Bounds.SFTP = v }),
		must("stages", stages(), "Whose yes it takes, in order: a stage opens once all before it have passed. Those that stand in one item are open together.",
			func(t *rule, v []policy.Stage) { t.Stages = v }),
		has("limits", limits(), "How long access lasts.",
			func(t *rule, v policy.Limits) { t.Limits = v }),
		has("touch", touch(), "How fresh the passkey touch must be that starts a session.",
			func(t *rule, v time.Duration) { t.Fresh = v }),
		has("record", record(), "What is written down. A session is always recorded.",
			func(t *rule, v policy.Recording) { t.Record = v }),
		has("witnesses", several("witnesses", "witnesses", 1, 99), "So many of the witnesses in lockbox.yaml must have cosigned the log, with every statement that a session rests on, before anything passes in it; without it, none. None within 10 s: no session.",
			func(t *rule, v int) { t.Witnesses = v }),
		has("ticket", ticket(), "A regular expression that the ticket of a request must match from its first to its last character; without it none is needed.",
			func(t *rule, v string) { t.Ticket = v }),
	}
	s := shape[rule]{of: "a rule that permits", fields: append(conditions(), own...), known: []string{"forbid"}, start: start(), check: sense}
	s.need("who")
	s.extra = permitSense()
	return s
}

// need makes a field one that must stand there.
func (s *shape[T]) need(name string) {
	for i := range s.fields {
		s.fields[i].need = s.fields[i].need || s.fields[i].name == name
	}
}

func forbids() shape[rule] {
	return shape[rule]{of: "a rule that forbids", start: rule{Forbid: true}, fields: append(conditions(),
		must("forbid", listOf("forbid", choice("an action", policy.OnTarget()...)), "Actions that nobody whom the rule is about gets, whatever another rule permits.",
			func(t *rule, v []policy.Action) { t.Actions = v }))}
}

// ruleName is a name that no other rule has.
func ruleName() value[string] {
	v := word(aTitle("the name of a rule"))
	plain := v.read
	v.read = func(r *reader, n *node) (string, bool) {
		s, ok := plain(r, n)
		return s, ok && r.define("rule", n)
	}
	return v
}

type whom struct{ groups, people []string }

func aWhom() value[whom] {
	return tableOf(shape[whom]{of: "who", some: []string{"groups", "people"}, fields: []field[whom]{
		has("groups", listOf("groups", word(aName("the name of a group"))), "Members of any of these groups.",
			func(t *whom, v []string) { t.groups = v }),
		has("people", listOf("people", word(aPerson("the id of a person"))), "These people, by id.",
			func(t *whom, v []string) { t.people = v }),
	}})
}

type place struct {
	targets, kinds []string
	labels         map[string]string
}

func aPlace() value[place] {
	return tableOf(shape[place]{of: "on", some: []string{"targets", "kinds", "labels"}, fields: []field[place]{
		has("targets", listOf("targets", word(aTarget())), "Targets by name.",
			func(t *place, v []string) { t.targets = v }),
		has("kinds", listOf("kinds", choice("a kind of target", "ssh", "http")), "Targets of these kinds.",
			func(t *place, v []string) { t.kinds = v }),
		has("labels", labels(), "Targets that have all of these labels.",
			func(t *place, v map[string]string) { t.labels = v }),
	}})
}

func limits() value[policy.Limits] {
	type t = policy.Limits
	return tableOf(shape[t]{of: "limits", some: []string{"default", "max", "idle", "activate_within"}, start: start().Limits, fields: []field[t]{
		has("default", span("default", mostTime), "What is given where nobody asks for a time. 1h where it is not said, or max where that is less.",
			func(t *t, v time.Duration) { t.Default = v }),
		has("max", span("max", mostTime), "The longest that may be asked for; 4h where it is not said, and 8h at most.",
			func(t *t, v time.Duration) { t.Max = v }),
		has("idle", span("idle", mostTime), "A session in which nothing happens for so long ends; without it none does.",
			func(t *t, v time.Duration) { t.Idle = v }),
		has("activate_within", span("activate_within", mostTime), "The time runs from the first use, and at the latest so long after the last yes. 1h where it is not said.",
			func(t *t, v time.Duration) { t.ActivateWithin = v }),
	}, check: func(r *reader, n *node, l *t) {
		if l.Default <= l.Max {
			return
		}
		if written := n.child("default"); written != nil {
			r.refuse(written, "write "+spanText(l.Max)+" or less, or a longer max", "default is longer than max, which is %s", spanText(l.Max))
		}
		l.Default = l.Max // where only max is written
	}})
}

func touch() value[time.Duration] {
	type t = time.Duration
	return tableOf(shape[t]{of: "touch", fields: []field[t]{
		must("within", span("within", mostTime), "One touch counts for so long, for the same person, key, address, target and grant. 15m where it is not said.",
			func(t *t, v time.Duration) { *t = v }),
	}})
}

// carries says whether the rule permits one of the actions.
func carries(t *rule, of ...policy.Action) bool {
	return slices.ContainsFunc(of, func(a policy.Action) bool { return slices.Contains(t.Actions, a) })
}
