package lang_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/policy/lang"
)

// aRequest is one of the past, as the policy of `before` let it be made.
func aRequest(t *testing.T, change func(*lang.Asked)) lang.Asked {
	t.Helper()
	q := aQuestion(func(*policy.Question) {})
	d := read(t, before).Policy.Decide(q)
	a := lang.Asked{
		Code: "7KQM", At: q.Now, Who: q.Who, Do: []policy.Action{policy.Shell, policy.Exec}, On: q.On, Login: d.Login, From: q.From.String(),
		Reason: q.Reason, For: 2 * time.Hour, Rule: d.Rule, Stages: d.Stages(), Phase: policy.Approved,
	}
	for i := range a.Stages {
		a.Stages[i].Of = 3 // who could vote then says nothing of the policy
	}
	change(&a)
	return a
}

// TestReplayTellsWhatWouldGoOtherwise reads as the list of what it can say.
func TestReplayTellsWhatWouldGoOtherwise(t *testing.T) {
	same := func(*lang.Asked) {}
	for _, c := range []struct {
		change, old, new string
		asked            func(*lang.Asked)
		want             string
	}{
		{"nothing", "", "", same, ""},
		{"its own time counts, not now", "", "", func(a *lang.Asked) { a.At = a.At.AddDate(0, 0, 3) }, "denied [shell exec]"},
		{"the address is not known: from anywhere", "", "", func(a *lang.Asked) { a.From = "" }, ""},
		{"a known address counts", "", "", func(a *lang.Asked) { a.From = "192.0.2.1" }, "denied [shell exec]"},
		{"the person is not in the group any more", "[eng@example.eu, ", "[", same, "denied [shell exec]"},
		{"the target is gone", "db1.prod:", "db9.prod:", same, "denied [shell exec]"},
		{"an action less", "[shell, exec]", "[shell]", same, "narrower [exec]"},
		{"a reason less", "[outage]", "[planned]", same, "denied [shell exec]"},
		{"more approvals", "count: 1 }", "count: 2 }", same, "more [shell exec]"},
		{"a customer less", "customers: [nord, syd]", "customers: [nord]", same, "fewer [shell exec]"},
		{"a customer's own quorum stays", "", "", func(a *lang.Asked) { a.Stages[1].Count = 3 }, ""},
		{"another group", "group: board, count: 1", "count: 1", same, "others [shell exec]"},
		{"shorter", "max: 4h", "max: 1h", same, "shorter [shell exec]"},
		{"long enough", "max: 4h", "max: 2h", same, ""},
		{"longer", "max: 4h", "max: 8h", same, ""},
		{"shorter, and a touch that counts less", "{ default: 1h, max: 4h }\n    touch: { within: 15m }", "{ default: 1h, max: 1h }\n    touch: { within: 1m }", same, "shorter [shell exec]"},
	} {
		t.Run(c.change, func(t *testing.T) {
			a := aRequest(t, c.asked)
			var got []string
			for _, r := range lang.Replay(read(t, strings.Replace(before, c.old, c.new, 1)).Policy, []lang.Asked{a}) {
				for _, o := range r.Becomes {
					got = append(got, fmt.Sprint(o.What, " ", o.Do))
					if o.New == "" {
						t.Errorf("%s says nothing", o.What)
					}
				}
			}
			if s := strings.Join(got, " | "); s != c.want {
				t.Errorf("got %q, want %q", s, c.want)
			}
		})
	}
}

func TestARequestOfThePastIsExplained(t *testing.T) {
	s := read(t, before)
	x, err := s.Past(aRequest(t, func(*lang.Asked) {}))
	if err != nil || len(x) != 2 || x[0].Verdict != "ask" || x[1].Question.Do != policy.Exec {
		t.Errorf("got %+v, %v; want ask for shell and exec", x, err)
	}
	if _, err := s.Past(aRequest(t, func(a *lang.Asked) { a.On = "gone.prod" })); err == nil || !strings.Contains(err.Error(), "7KQM") {
		t.Errorf("error %v, want one that names the request", err)
	}
}

func TestSpan(t *testing.T) {
	for s, want := range map[string]time.Duration{"90d": 90 * 24 * time.Hour, "4h": 4 * time.Hour, "30m": 30 * time.Minute, "90": 0, "": 0, "-1d": 0, "1y": 0} {
		if d, err := lang.Span(s); d != want || (err == nil) != (want > 0) {
			t.Errorf("Span(%q) = %v, %v, want %v", s, d, err, want)
		}
	}
}
