package lang_test

import (
	"strings"
	"testing"
)

// TestAnExpectationHoldsAtEveryTimeAndForEveryReason: deny means at no time of
// the year, and the stages are those of every reason.
func TestAnExpectationHoldsAtEveryTimeAndForEveryReason(t *testing.T) {
	const rule = "rules:\n"
	for _, c := range []struct {
		name, rules, test string
		ok                bool
		why               string
	}{
		{"only while New York has summer time and Copenhagen has not", `  - { name: no, forbid: [sftp-get], on: { kinds: [ssh] }, hours: { days: [Mon-Sun], from: "00:00", to: "12:00", zone: Europe/Copenhagen } }
  - { name: no later, forbid: [sftp-get], on: { kinds: [ssh] }, hours: { days: [Mon-Sun], from: "13:00", to: "24:00", zone: Europe/Copenhagen } }
  - { name: gap, permit: [sftp-get], who: { groups: [engineers] }, on: { kinds: [ssh] }, hours: { days: [Mon-Sun], from: "07:00", to: "08:00", zone: America/New_York }, stages: [{ executive: {} }, { customer: {} }] }
`, "do: sftp-get, on: db1.prod, expect: deny", false, "expected deny, got ask"},
		{"never: the hours of the two cities do not meet", `  - { name: no, forbid: [sftp-get], on: { kinds: [ssh] }, hours: { days: [Mon-Sun], from: "00:00", to: "14:00", zone: Europe/Copenhagen } }
  - { name: gap, permit: [sftp-get], who: { groups: [engineers] }, on: { kinds: [ssh] }, hours: { days: [Mon-Sun], from: "07:00", to: "08:00", zone: America/New_York }, stages: [{ executive: {} }, { customer: {} }] }
`, "do: sftp-get, on: db1.prod, expect: deny", true, ""},
		{"another reason takes others", `  - { name: planned, permit: [sftp-get], who: { groups: [engineers] }, on: { kinds: [ssh] }, reasons: [planned], stages: [{ executive: {} }, { customer: {} }] }
  - { name: legal, permit: [sftp-get], who: { groups: [engineers] }, on: { kinds: [ssh] }, stages: [{ executive: {} }, { customer: {} }, { executive: { group: board } }] }
`, "do: sftp-get, on: db1.prod, expect: ask, stages: [executive, customer]", false, `by rule "legal"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(before, rule, rule+c.rules, 1) + "tests: [ { as: eng@example.eu, " + c.test + " } ]\n"
			r := read(t, text).Test()[0]
			if r.OK != c.ok || !c.ok && !strings.Contains(r.Why, c.why) {
				t.Errorf("OK is %v, %q; want %v, %q", r.OK, r.Why, c.ok, c.why)
			}
		})
	}
}
