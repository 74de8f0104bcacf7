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
	Expect   string             `json:"expect"`          // "allow", "ask" or "deny"
	Stages   []policy.StageKind `json:"stages,omitempty"`

	node *node
}

func (r *reader) tests(n *node) {
	items(r, n, "tests", func(v *node) (bool, bool) {
		t := Test{Position: v.where(), node: v}
		r.table(v, shape{of: "a test", need: []string{"as", "do", "on", "expect"}, fields: map[string]func(*node){
			"as":     func(v *node) { t.As = r.word(v, aPerson("the id of a person")) },
			"do":     func(v *node) { t.Do, _ = r.action(v, false) },
			"on":     func(v *node) { t.On = r.word(v, aTarget()) },
			"login":  func(v *node) { t.Login = r.word(v, aLogin()) },
			"expect": func(v *node) { t.Expect = r.choice(v, "an answer", "allow", "ask", "deny") },
			"stages": func(v *node) {
				t.Stages = items(r, v, "stages", func(k *node) (policy.StageKind, bool) {
					s := r.choice(k, "a stage", string(policy.ByExecutive), string(policy.ByCustomer))
					return policy.StageKind(s), s != ""
				})
			},
		}})
		if s := v.child("stages"); s != nil && (t.Expect == "allow" || t.Expect == "deny") {
			r.refuse(s, "remove it, or expect ask", "nobody is asked where the answer is %s", t.Expect)
		}
		r.src.Tests = append(r.src.Tests, t)
		return true, true
	})
}
