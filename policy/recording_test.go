package policy

import (
	"testing"
	"time"
)

// TestARecordingIsSealedAndKept reads as the specification of who can open a
// recording, and for how long there is one.
func TestARecordingIsSealedAndKept(t *testing.T) {
	both, nobody := "deploy", Readers(1<<7) // that no answer has
	for _, c := range []struct {
		rule  string
		login string
		rec   Recording
		p     func(*Policy)
		seal  Readers // as decided
		keep  time.Duration
	}{
		{"nothing said is the vault, for ever", "support_nord", Recording{}, nil, 0, 0},
		{"the customer and the vault", "support_nord", Recording{Seal: ToVault | ToCustomer}, nil, ToVault | ToCustomer, 0},
		{"the customer alone", "support_nord", Recording{Seal: ToCustomer}, nil, ToCustomer, 0},
		{"not where it reaches two", both, Recording{Seal: ToVault | ToCustomer}, nil, ToVault, 0},
		{"then nobody could open it", both, Recording{Seal: ToCustomer}, nil, nobody, 0},
		{"nor where the customer has no key", "support_syd", Recording{Seal: ToCustomer}, nil, nobody, 0},
		{"auditors, and not the vault", both, Recording{Seal: ToAuditor | ToCustomer}, nil, ToAuditor, 0},
		{"no auditors, nobody", both, Recording{Seal: ToAuditor}, func(p *Policy) { p.Auditors = nil }, nobody, 0},
		{"a customer that nobody knows has no key", "support_nord", Recording{Seal: ToCustomer}, func(p *Policy) { p.Customers = nil }, nobody, 0},
		{"the rule's time", "support_syd", Recording{Keep: time.Hour}, nil, 0, time.Hour},
		{"the customer's, where that is shorter", "support_nord", Recording{Keep: 9 * time.Hour}, nil, 0, 2 * time.Hour},
		{"or the rule says none", both, Recording{}, nil, 0, 2 * time.Hour},
		{"the rule's, where that is shorter", both, Recording{Keep: time.Hour}, nil, 0, time.Hour},
		{"the shortest of all", both, Recording{Keep: 9 * time.Hour}, func(p *Policy) { p.Customers["syd"] = Customer{Keep: time.Hour} }, 0, time.Hour},
	} {
		for _, ready := range []bool{false, true} {
			p := testPolicy(t)
			p.Customers = map[string]Customer{"nord": {SealTo: []string{"age1pq1nord"}, Keep: 2 * time.Hour}, "syd": {}}
			if c.keep == 0 { // of those rows that are about readers
				p.Customers["nord"] = Customer{SealTo: []string{"age1pq1nord"}}
			}
			p.Auditors = []string{"age1pq1aud"}
			p.Rules[0].Record = c.rec
			if c.p != nil {
				c.p(p)
			}
			if ready {
				p.Ready()
			}
			d := p.Decide(Question{Now: noon, Who: eng, Do: Shell, On: "db1.prod", Login: c.login, Reason: "outage"})
			if c.seal == nobody {
				check(t, d, Deny, ByPolicy, "nobody could open the recording")
				continue
			}
			if d.Verdict != Ask || d.Recording.Seal != c.seal || d.Recording.Keep != c.keep {
				t.Errorf("%s: got %v %q, sealed to %b, kept %s", c.rule, d.Verdict, d.Why, d.Recording.Seal, d.Recording.Keep)
			}
		}
	}
}

func TestARecordingSaysWhatItLeavesOut(t *testing.T) {
	if r := (Recording{}); r.Readers() != ToVault || r.Kept() != DefaultBulk {
		t.Errorf("got %b, %d", r.Readers(), r.Kept())
	}
	if r := (Recording{Seal: ToAuditor, Bulk: 1 << 10}); r.Readers() != ToAuditor || r.Kept() != 1<<10 {
		t.Errorf("got %b, %d", r.Readers(), r.Kept())
	}
}
