package lang_test

import (
	"strings"
	"testing"

	"lockbox/policy"
	"lockbox/policy/lang"
)

// cosigned is the policy of these tests, with so many witnesses.
func cosigned(n string) string {
	return strings.Replace(before, "    touch: { within: 15m }\n", "    touch: { within: 15m }\n    witnesses: "+n+"\n", 1)
}

func TestRulesSayHowManyWitnessesASessionNeeds(t *testing.T) {
	s := read(t, cosigned("2"))
	if got := s.Policy.Rules[0].Witnesses; got != 2 {
		t.Errorf("got %d", got)
	}
	x, err := s.Explain(aQuestion(func(*policy.Question) {}))
	if err != nil || x.Witnesses != 2 {
		t.Errorf("explain says %d, %v", x.Witnesses, err)
	}
	for _, c := range []struct {
		old, new string
		way      string
		says     string
	}{
		{before, cosigned("2"), "more", "2 witnesses must have cosigned the log"},
		{cosigned("2"), cosigned("1"), "fewer", "1 witness must have cosigned the log"},
		{cosigned("1"), before, "fewer", "no witness is asked"},
	} {
		d := lang.Diff(read(t, c.old).Policy, read(t, c.new).Policy)
		if len(d.Facts) != 0 || len(d.Access) == 0 {
			t.Fatalf("got %+v", d)
		}
		for _, got := range d.Access {
			if got.What != lang.Cosigned || got.Way != c.way || got.New != c.says {
				t.Errorf("got %s %s %q, want %s %q", got.What, got.Way, got.New, c.way, c.says)
			}
		}
	}
}

func TestMoreWitnessesThanThereAreAreRefusedWithTheirLine(t *testing.T) {
	s := read(t, cosigned("2"))
	for n, want := range []string{"wants 2 witnesses, and 0 are configured", "wants 2 witnesses, and 1 are configured", "", ""} {
		err := s.Witnessed(n)
		if want == "" && err == nil {
			continue
		}
		if err == nil || want == "" || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), ".yaml:39:16: ") || !strings.Contains(err.Error(), "lockbox.yaml") {
			t.Errorf("%d configured: %v", n, err)
		}
	}
}
