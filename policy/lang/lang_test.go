package lang_test

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockbox/policy"
	"lockbox/policy/lang"
)

const nordKey = "SHA256:LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564"

func TestWhatIsWrittenIsWhatIsRead(t *testing.T) {
	s, err := lang.Load("testdata/good")
	if err != nil {
		t.Fatal(err)
	}
	copenhagen, err := time.LoadLocation("Europe/Copenhagen")
	if err != nil {
		t.Fatal(err)
	}
	p := s.Policy
	wantRules := []policy.Rule{{
		Name: "production shell", Position: "good/rules.yaml:3:5",
		Actions: []policy.Action{policy.Shell, policy.Exec, policy.SFTPGet},
		Groups:  []string{"engineers"}, Labels: map[string]string{"env": "prod"},
		Reasons: []policy.Reason{"customer-case", "outage"},
		Hours: &policy.Hours{
			Days: []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday},
			From: 7 * time.Hour, To: 19 * time.Hour, Zone: copenhagen,
		},
		From:   []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Ticket: "^(INC|SUP)-[0-9]+$",
		Stages: []policy.Stage{
			{Kind: policy.ByExecutive, Group: "executive-board", Count: 1, Expires: 12 * time.Hour},
			{Kind: policy.ByCustomer, Count: 1, Expires: 96 * time.Hour, Step: 1},
		},
		Limits: policy.Limits{Default: time.Hour, Max: 4 * time.Hour, Idle: 15 * time.Minute, ActivateWithin: time.Hour},
		Fresh:  15 * time.Minute,
		Record: policy.Recording{Keep: 90 * 24 * time.Hour, SFTP: "digest", HTTP: "metadata"},
	}, {
		Name: "never", Position: "good/rules.yaml:17:5", Forbid: true,
		Actions: []policy.Action{policy.Forward, policy.SFTPPut}, Labels: map[string]string{"role": "cache"},
	}}
	wantTarget := &policy.Target{
		Name: "db1.prod", Kind: "ssh", Address: "10.0.0.5:22",
		HostKey: "SHA256:GKwpgzeMGIDx6VdXJJGDMKuYuLhL7/iYXw9Uv8ys5ac",
		Logins: []policy.Login{
			{Name: "deploy"}, {Name: "support_{{customer}}", One: true}, {Name: "support_ro", ReadOnly: true},
		},
		Class: "production", Owner: "platform@example.eu", Location: "EU-West",
		Customers: []string{"nord", "fjord"}, Labels: map[string]string{"env": "prod", "role": "db"},
	}
	same := cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
	prefix := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	for _, diff := range []string{
		cmp.Diff(wantRules, p.Rules, same, prefix),
		cmp.Diff(wantTarget, p.Targets["db1.prod"]),
		cmp.Diff(map[string][]string{
			"engineers": {"eng@example.eu", "ops@example.eu"}, "executive-board": {"ceo@example.eu", "cto@example.eu"},
		}, p.Groups),
		cmp.Diff(policy.Customer{
			ID: "nord", Name: "Nord Legal", FoundedBy: []string{nordKey, "SHA256:/N4rLtula/QIYB+3If6bXDONEO5CnqBPrlURto+/j7k"},
		}, p.Customers["nord"]),
		cmp.Diff([]string{"SHA256:PiPoFgA5WUozB6wN5AvE1LMZFQUnExdo1PZfo0WcMmc"}, p.Executives),
	} {
		if diff != "" {
			t.Errorf("policy (-want +got):\n%s", diff)
		}
	}
}

func TestATargetWithoutAClassIsProduction(t *testing.T) {
	s, err := lang.Load("testdata/good")
	if err != nil {
		t.Fatal(err)
	}
	if !s.Policy.Targets["cache1.prod"].Production() {
		t.Error("cache1.prod is not production, want it to be")
	}
}

func TestWhatARuleDoesNotSayHasADefault(t *testing.T) {
	const rule = "version: 1\nrules: [{ name: a, permit: [shell], who: { people: [e@x.eu] }, on: { kinds: [ssh] }, " +
		"stages: [{ executive: {} }, { customer: {} }]"
	for _, row := range []struct {
		name, more string
		want       policy.Limits
	}{
		{"nothing is said", " }]", policy.Limits{Default: time.Hour, Max: 4 * time.Hour, ActivateWithin: time.Hour}},
		{"a shorter max shortens the default", ", limits: { max: 30m } }]", policy.Limits{Default: 30 * time.Minute, Max: 30 * time.Minute, ActivateWithin: time.Hour}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := lang.Parse(map[string][]byte{"a.yaml": []byte(rule + row.more)})
			if err != nil {
				t.Fatal(err)
			}
			r := s.Policy.Rules[0]
			wantStages := []policy.Stage{
				{Kind: policy.ByExecutive, Count: 1, Expires: 12 * time.Hour},
				{Kind: policy.ByCustomer, Count: 1, Expires: 96 * time.Hour, Step: 1},
			}
			if diff := cmp.Diff(wantStages, r.Stages); diff != "" {
				t.Errorf("stages (-want +got):\n%s", diff)
			}
			if r.Limits != row.want || r.Fresh != 15*time.Minute {
				t.Errorf("limits %v fresh %v, want %v and 15m", r.Limits, r.Fresh, row.want)
			}
		})
	}
}

// refusals reads testdata/refused.txt.
func refusals(t testing.TB) (base string, cases [][4]string) {
	t.Helper()
	b, err := os.ReadFile("testdata/base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadFile("testdata/refused.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(all), "\n\n# ")
	for block := range strings.SplitSeq(strings.TrimSpace(body), "\n\n# ") {
		name, rest, _ := strings.Cut(block, "\n")
		c := [4]string{name}
		for line := range strings.SplitAfterSeq(rest, "\n") {
			switch {
			case strings.HasPrefix(line, "-"):
				c[1] += line[1:]
			case strings.HasPrefix(line, "+"):
				c[2] += line[1:]
			default:
				c[3] += line
			}
		}
		cases = append(cases, c)
	}
	return string(b), cases
}

func TestAMistakeIsToldWithItsPlaceAndWhatToWrite(t *testing.T) {
	base, cases := refusals(t)
	for _, c := range cases {
		name, old, new, want := c[0], c[1], c[2], strings.TrimSuffix(c[3], "\n")
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(base, old) {
				t.Fatalf("base.yaml has no lines %q", old)
			}
			s, err := lang.Parse(map[string][]byte{"policy/p.yaml": []byte(strings.Replace(base, old, new, 1))})
			if (s == nil) != (err != nil) {
				t.Errorf("Parse = %v, %v: want a source or an error", s, err)
			}
			if err == nil {
				err = s.Valid()
			}
			var errs lang.Errors
			if !errors.As(err, &errs) {
				t.Fatalf("error is %T (%v), want Errors", err, err)
			}
			if diff := cmp.Diff(want, err.Error()); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
	if len(cases) < 205 {
		t.Errorf("%d cases, want at least 205", len(cases))
	}
}

func TestTheBaseOfTheMistakesHasNone(t *testing.T) {
	base, _ := refusals(t)
	s, err := lang.Parse(map[string][]byte{"policy/p.yaml": []byte(base)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Valid(); err != nil {
		t.Error(err)
	}
}
