package portal

import (
	"slices"
	"strings"
	"testing"

	"lockbox/policy"
	"lockbox/tests/world"
)

// emergencies lets the stage's people break the glass, as often as tables ask.
func (s *stage) emergencies() {
	s.World.Desk.Broken = 10_000
	if !slices.ContainsFunc(s.World.Policy().Rules, func(r policy.Rule) bool { return r.Emergency() }) {
		s.World.WithGlass()
	}
}

// broken makes a new emergency of Eng's for nord's login, which Mate said yes to.
func (c cell) broken() string {
	c.stage.t.Helper()
	c.emergencies()
	return c.World.Break(c.stage.t, c.Eng, c.Mate)
}

// asksGlass is what the form of /glass sends, with a code.
func asksGlass(v *visitor, code string) reply {
	return v.post("/glass?t=db1.prod", "target", "db1.prod", "login", "support_{{customer}}", "customer", "nord",
		"reason", "outage", "text", "all is down, and nobody answers", "for", "30", "sealed", code)
}

// matrixOfGlass is the part of the table about emergencies.
func (s *stage) matrixOfGlass() []matrixRow {
	members := [8]int{401, 200, 200, 200, 200, 200, 200, 403}
	return []matrixRow{
		{"break the glass", "GET /glass", get(func(c cell) string { c.emergencies(); return "/glass?t=db1.prod" }), [8]int{401, 200, 200, 404, 404, 404, 404, 403}},
		{"where it can be broken", "GET /glass", get(func(c cell) string { c.emergencies(); return "/glass" }), [8]int{401, 200, 200, 404, 404, 404, 404, 403}},
		{"break it with no code", "POST /glass", func(c cell, v *visitor) reply {
			c.emergencies()
			return asksGlass(v, "0000-0000")
		}, [8]int{401, 422, 422, 404, 404, 404, 404, 403}},
		{"break it", "POST /glass", func(c cell, v *visitor) reply {
			c.emergencies()
			return asksGlass(v, c.World.Sealed(s.t).Reveal())
		}, [8]int{401, 303, 303, 404, 404, 404, 404, 403}},
		{"emergencies", "GET /incidents", get(same("/incidents")), members},
		{"an emergency", "GET /incidents/{code}", get(func(c cell) string { return "/incidents/" + c.broken() }), [8]int{401, 200, 200, 200, 200, 404, 200, 403}},
		{"ask to ratify it", "POST /incidents/{code}", func(c cell, v *visitor) reply {
			return v.post("/incidents/"+c.broken(), "do", "ratify")
		}, [8]int{401, 403, 403, 303, 403, 404, 403, 403}},
		{"second person's sheet", "POST /a/{code}", func(c cell, v *visitor) reply {
			c.emergencies()
			a, err := c.Desk().BreakGlass(s.t.Context(), s.Eng.Principal, world.Emergency(), c.World.Sealed(s.t))
			must(s.t, err)
			return v.post("/a/"+a.Request.ID, "do", "approve", "for", "15")
		}, [8]int{401, 403, 200, 403, 403, 404, 403, 403}},
	}
}

// TestC33ThePagesOfAnEmergency: what who asks, says yes and judges reads; and the
// code stands on no page.
func TestC33ThePagesOfAnEmergency(t *testing.T) {
	s := newStage(t)
	s.emergencies()
	eng, mate, ceo, ann, bo := s.visitor(s.Eng), s.visitor(s.Mate), s.visitor(s.Ceo), s.visitor(s.Ann), s.visitor(s.Bo)
	wants := func(r reply, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(r.body, w) {
				t.Errorf("%d: no %q in\n%s", r.status, w, r.body)
			}
		}
	}
	wants(eng.get("/"), "/glass", "/incidents")
	wants(eng.get("/glass"), "Break the glass", `href="/glass?t=db1.prod"`, "24 hours")
	code := s.World.Sealed(t).Reveal()
	bad := eng.post("/glass?t=db1.prod", "target", "db1.prod", "login", "support_{{customer}}", "customer", "nord", "reason", "outage", "text", "short", "for", "30", "sealed", code)
	wants(bad, "at least 10 characters")
	if strings.Contains(bad.body, code) {
		t.Error("the code is shown again")
	}
	made := asksGlass(eng, code)
	request := strings.TrimPrefix(made.header.Get("Location"), "/r/")
	wants(eng.get("/r/"+request), "EMERGENCY", "A second person (oncall)")
	wants(mate.get("/"), "Decide")
	wants(mate.get("/a/"+request), "EMERGENCY", "Say yes only if you know that Eng needs this now")
	sheet := mate.post("/a/"+request, "do", "approve")
	wants(sheet, "THE GLASS IS BROKEN", "not-asked: executives, customer nord")
	must(t, s.World.Approve(t, s.Mate, request))
	wants(ceo.get("/"), "Ratify emergency "+request)
	wants(ceo.get("/incidents"), "Eng · db1.prod", "to be ratified")
	wants(ceo.get("/incidents/"+request), "Eng broke the glass for db1.prod", "Ratify by", "Mate", "Ratify it, or say no")
	wants(ann.get("/incidents/"+request), "Eng broke the glass for db1.prod", "Nord Legal")
	wants(ann.get("/customers"), "the glass is never broken where our data is")
	if r := bo.get("/incidents"); strings.Contains(r.body, request) {
		t.Error("another customer reads of the emergency")
	}
	for _, v := range []*visitor{eng, mate, ceo, ann} {
		if strings.Contains(v.get("/r/"+request).body, code) {
			t.Error("the code stands on a page")
		}
	}
}
