package lang

import (
	"time"

	"lockbox/policy"
)

type stage = policy.Stage

// stages reads whose yes a rule waits for: the items are steps, one after
// another, and what stands in one item is open together.
func stages() value[[]stage] {
	one := aStep()
	return value[[]stage]{
		schema: schema{Type: "array", Items: &one.schema, MinItems: 1, MaxItems: mostStages},
		read: func(r *reader, n *node) (out []stage, ok bool) {
			step, asked := -1, false
			items(r, n, "stages", func(v *node) (bool, bool) {
				step++
				list, _ := one.read(r, v)
				for _, s := range list {
					s.Step = step
					if s.Kind == policy.ByCustomer && asked {
						r.refuse(v, "remove it, and write a larger count in the first", "each customer is asked once, and there is a customer stage already")
					}
					asked = asked || s.Kind == policy.ByCustomer
					out = append(out, s)
				}
				return true, true
			})
			if len(out) > mostStages {
				r.refuse(n, "put them together", "there are more than %d stages", mostStages)
			}
			return out, len(out) > 0
		},
	}
}

func aStep() value[[]stage] {
	type t = []stage
	add := func(t *t, s stage) { *t = append(*t, s) }
	return tableOf(shape[t]{of: "a stage", some: []string{"executive", "customer", "peer", "owner", "break-glass"}, fields: []field[t]{
		has("executive", aStage(policy.ByExecutive), "Executives say yes. No configuration takes this stage away from production.", add),
		has("customer", aStage(policy.ByCustomer), "Each customer whose data the login reaches says yes, through its own reviewers.", add),
		has("peer", aStage(policy.ByPeer), "Members of a group say yes, who are not the one who asks.", add),
		has("owner", aStage(policy.ByOwner), "The owner of the target says yes: that person, or a member of that group.", add),
		has("break-glass", aStage(policy.ByGlass), "The rule is for emergencies alone: a sealed code is opened, and members of a group say yes who are not the one who asks, nor executives. It stands alone: executives and customers are told, and executives have 24h to ratify it, or person and target are locked.", add),
	}})
}

func aStage(kind policy.StageKind) value[stage] {
	s := shape[stage]{of: "the " + string(kind) + " stage", start: stage{Kind: kind, Count: 1, Expires: 12 * time.Hour}, check: ladder}
	group := has("group", word(aName("the name of a group")), "Only members of this group are asked.",
		func(t *stage, v string) { t.Group = v })
	count := has("count", persons("count", 1), "How many must say yes; one where it is not said.",
		func(t *stage, v int) { t.Count = v })
	expires := "How long the stage waits, from when the request is made; 12h where it is not said."
	switch kind {
	case policy.ByExecutive:
		s.fields = append(s.fields, group, count)
	case policy.ByPeer:
		group.need = true
		s.fields = append(s.fields, group, count)
	case policy.ByGlass:
		group.need, s.start.Expires = true, 15*time.Minute
		s.fields = append(s.fields, group, count, has("expires", span("expires", policy.GlassMost), "How long the stage waits, from when the request is made; 15m where it is not said.",
			func(t *stage, v time.Duration) { t.Expires = v }))
		return tableOf(s)
	case policy.ByCustomer:
		s.start.Expires = 96 * time.Hour
		s.fields = append(s.fields, count)
		s.never = map[string]string{"group": theirs}
		expires = "How long the stage waits, from when the request is made; 4 days where it is not said."
	}
	s.fields = append(s.fields,
		has("expires", span("expires", mostWait), expires, func(t *stage, v time.Duration) { t.Expires = v }),
		has("escalate", listOf("escalate", aRung(kind)), "What happens while nobody answers, in the order of after.",
			func(t *stage, v []policy.Rung) { t.Escalate = v }))
	return tableOf(s)
}

const theirs = "who speaks for a customer is the customer's to say"

// aRung reads one step of an escalation.
func aRung(kind policy.StageKind) value[policy.Rung] {
	type t = policy.Rung
	s := shape[t]{of: "a step of an escalation", some: []string{"remind", "to"}, fields: []field[t]{
		must("after", span("after", mostWait), "How long after the stage opened.",
			func(t *t, v time.Duration) { t.After = v }),
		has("remind", choice("who is reminded", "all"), "All whom the stage asks are told again.",
			func(t *t, v string) { t.Remind = v }),
	}}
	if kind == policy.ByCustomer {
		s.some, s.never = []string{"remind"}, map[string]string{"to": theirs}
	} else {
		s.fields = append(s.fields, has("to", word(aName("the name of a group")), "A group whose members may answer from then on, being of the kind that the stage asks.",
			func(t *t, v string) { t.To = v }))
	}
	return tableOf(s)
}

// ladder refuses an escalation that is not one step after another, within the
// time that the stage waits.
func ladder(r *reader, n *node, s *stage) {
	for i, rung := range s.Escalate {
		at := n.find("escalate").vals[i].find("after")
		switch {
		case i > 0 && rung.After <= s.Escalate[i-1].After:
			r.refuse(at, "write more than "+spanText(s.Escalate[i-1].After)+", or put the steps in order", "this step does not come after the one before it")
		case rung.After >= s.Expires:
			r.refuse(at, "write less than "+spanText(s.Expires)+", or a longer expires", "the stage is over by then: it waits %s", spanText(s.Expires))
		}
	}
}
