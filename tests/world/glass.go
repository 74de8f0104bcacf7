package world

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/policy/statement"
)

// WithGlass adds a rule for emergencies to the world's policy: engineers may
// break the glass for any of its production, and one of oncall has to say yes.
func (w *World) WithGlass() {
	p := *w.Policy()
	p.Groups = map[string][]string{"oncall": {"eng@x.eu", "mate@x.eu", "ceo@x.eu"}}
	for name, members := range w.Policy().Groups {
		p.Groups[name] = members
	}
	p.Rules = append(slices.Clone(p.Rules), policy.Rule{
		Name: "emergency", Position: "policy/rules.yaml:20:1", Actions: []policy.Action{policy.Shell, policy.Exec}, Groups: []string{"engineers"},
		Labels: map[string]string{"env": "prod"}, Fresh: 15 * time.Minute,
		Stages: []policy.Stage{{Kind: policy.ByGlass, Group: "oncall", Count: 1, Expires: 15 * time.Minute}},
		Limits: policy.Limits{Default: 30 * time.Minute, Max: time.Hour, ActivateWithin: 15 * time.Minute},
	})
	w.SetPolicy(&p)
}

// Sealed makes one code for all targets.
func (w *World) Sealed(t testing.TB) approvals.Sealed {
	t.Helper()
	made, err := w.Desk.Seal(t.Context(), "operator@localhost", "", 1)
	must(t, err)
	return made.Codes[0]
}

// Emergency is what people of these tests break the glass for.
func Emergency() approvals.Application {
	return approvals.Application{
		Target: "db1.prod", Login: "support_nord", Do: policy.Shell, From: netip.MustParseAddr("127.0.0.1"),
		Need: policy.Need{Reason: "outage", Text: "all is down, and nobody answers"},
	}
}

// Break lets h break the glass and second say yes: there is a grant then.
func (w *World) Break(t testing.TB, h, second *Human) string {
	t.Helper()
	v, err := w.Desk.BreakGlass(t.Context(), h.Principal, Emergency(), w.Sealed(t))
	must(t, err)
	must(t, w.Approve(t, second, v.Request.ID))
	return v.Request.ID
}

// Ratify lets executives sign for an emergency: one in time, two after it.
func (w *World) Ratify(t testing.TB, code string, by ...*Human) error {
	t.Helper()
	v, err := w.Charter.Propose(t.Context(), by[0].Principal, policy.Motion{Kind: policy.ToRatify, About: code})
	if err != nil {
		return err
	}
	for _, h := range by {
		b, err := w.Charter.Prepare(t.Context(), h.Principal, v.Motion.ID)
		if err != nil {
			return err
		}
		if _, err := w.Charter.Sign(t.Context(), h.Principal, b.Nonce, w.Sign(t, h, statement.ForRatify, b.Statement)); err != nil {
			return err
		}
	}
	return nil
}
