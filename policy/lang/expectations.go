package lang

import "lockbox/policy"

// A Test is what a file expects of the policy: one person, one action, one
// target. It names no time, place or reason: it asks whether there are any.
type Test struct {
	Position string             `json:"position"` // "file:line:col"
	As       string             `json:"as"`
	Do       policy.Action      `json:"do"`
	On       string             `json:"on"`
	Login    string             `json:"login,omitempty"` // "" is the target's first
	To       string             `json:"to,omitempty"`    // of forward: host:port; "" is any
	Expect   string             `json:"expect"`          // "allow", "ask" or "deny"
	Stages   []policy.StageKind `json:"stages,omitempty"`

	Emergency bool `json:"emergency,omitempty"` // by breaking the glass

	node *node
}

func aTest() value[Test] {
	return tableOf(shape[Test]{of: "a test", fields: []field[Test]{
		must("as", word(aPerson("the id of a person")), "The person who would ask.",
			func(t *Test, v string) { t.As = v }),
		must("do", choice("an action", policy.OnTarget()...), "The action.",
			func(t *Test, v policy.Action) { t.Do = v }),
		must("on", word(aTarget()), "The target.",
			func(t *Test, v string) { t.On = v }),
		has("login", word(aLogin()), "The login; without it the target's first.",
			func(t *Test, v string) { t.Login = v }),
		has("to", word(anAddress()), "Where the tunnel would end, as host:port; without it anywhere. Only with forward.",
			func(t *Test, v string) { t.To = v }),
		must("expect", choice("an answer", "allow", "ask", "deny"),
			"ask: there is a time and a place at which a request can be made. deny: there is none. allow: there is access without a request, which there never is.",
			func(t *Test, v string) { t.Expect = v }),
		has("stages", listOf("stages", choice("a stage", policy.ByExecutive, policy.ByCustomer, policy.ByPeer, policy.ByOwner, policy.ByGlass)),
			"Whose yes it would take, in order. Only with ask.",
			func(t *Test, v []policy.StageKind) { t.Stages = v }),
		has("emergency", flag("emergency"), "true: the person would break the glass. Rules with a break-glass stage answer that, and no others.",
			func(t *Test, v bool) { t.Emergency = v }),
	}, check: func(r *reader, n *node, t *Test) {
		if to := n.child("to"); to != nil && t.Do != "" && t.Do != policy.Forward {
			r.refuse(to, "remove it, or do: forward", "only a tunnel leads somewhere")
		}
		if s := n.child("stages"); s != nil && (t.Expect == "allow" || t.Expect == "deny") {
			r.refuse(s, "remove it, or expect ask", "nobody is asked where the answer is %s", t.Expect)
		}
	}, extra: map[string]any{"dependentSchemas": object{"to": object{"properties": object{"do": object{"const": "forward"}}}}}})
}

// tests reads what the files expect of themselves.
func tests() value[bool] {
	one := aTest()
	return value[bool]{
		schema: schema{Type: "array", Items: &one.schema, MinItems: 1},
		read: func(r *reader, n *node) (bool, bool) {
			items(r, n, "tests", func(v *node) (bool, bool) {
				t, _ := one.read(r, v)
				t.Position, t.node = v.where(), v
				r.src.Tests = append(r.src.Tests, t)
				return true, true
			})
			return true, true
		},
	}
}
