package lang_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockbox/policy"
	"lockbox/policy/lang"
)

// aQuestion is one that `before` answers with ask.
func aQuestion(change func(*policy.Question)) policy.Question {
	q := policy.Question{
		Now: time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC), Who: policy.Principal{ID: "eng@example.eu", Kind: policy.Staff},
		Do: policy.Shell, On: "db1.prod", From: netip.MustParseAddr("10.1.2.3"), Reason: "outage",
	}
	change(&q)
	return q
}

func TestExplainSaysWhoDecidesAndInWhichLine(t *testing.T) {
	more := strings.Replace(before, "rules:", "rules:\n  - { name: never, forbid: [exec], on: { targets: [web1.prod] } }", 1)
	s := read(t, more)
	for _, c := range []struct {
		rule    string
		q       func(*policy.Question)
		verdict string
		by      string
		line    string
		says    string
		holds   string // of production, where another decides or none
	}{
		{"the rule that permits", func(*policy.Question) {}, "ask", "production", "- name: production",
			"eng@example.eu may ask for shell on db1.prod as deploy: it takes 1 of board, then 1 reviewer of nord and 1 reviewer of syd", ""},
		{"the rule that forbids", func(q *policy.Question) { q.Do, q.On = policy.Exec, "web1.prod" }, "deny", "never",
			"- { name: never, forbid: [exec], on: { targets: [web1.prod] } }", `eng@example.eu may not use exec on web1.prod: rule "never" forbids exec on web1.prod`, "Mon-Fri 07:00-19:00 Europe/Copenhagen, from 10.0.0.0/8, for outage"},
		{"no rule, and the condition", func(q *policy.Question) { q.From = netip.MustParseAddr("192.0.2.1") }, "deny", "", "",
			`eng@example.eu may not use shell on db1.prod: rule "production" permits it only from its networks`, "Mon-Fri 07:00-19:00 Europe/Copenhagen, from 10.0.0.0/8, for outage"},
		{"a stranger is told of, not hidden from", func(q *policy.Question) { q.Who.ID = "who@example.eu" }, "deny", "", "",
			"who@example.eu may not use shell on db1.prod: no rule permits them anything there", ""},
		{"a group of the identity provider", func(q *policy.Question) {
			q.Who = policy.Principal{ID: "new@x.eu", Kind: policy.Staff, Groups: []string{"engineers"}}
		},
			"ask", "production", "- name: production", "new@x.eu may ask for shell on db1.prod as deploy: it takes 1 of board, then 1 reviewer of nord and 1 reviewer of syd", ""},
		{"who approves does not go in", func(q *policy.Question) { q.Who.Kind = policy.Executive }, "deny", "", "",
			"eng@example.eu may not use shell on db1.prod: who is executive approves or reads, and does not go in", "Mon-Fri 07:00-19:00 Europe/Copenhagen, from 10.0.0.0/8, for outage"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			x, err := s.Explain(aQuestion(c.q))
			if err != nil {
				t.Fatal(err)
			}
			var by, line string
			if x.Rule != nil {
				by, line = x.Rule.Rule, x.Rule.Line
			}
			if x.Verdict != c.verdict || by != c.by || line != c.line || x.Sentence != c.says {
				t.Errorf("got  %s by %q %q\n%s\nwant %s by %q %q\n%s", x.Verdict, by, line, x.Sentence, c.verdict, c.by, c.line, c.says)
			}
			if n := len(x.Others); x.Rule != nil && n != 1 || x.Rule == nil && n != 2 {
				t.Errorf("%d others, want every rule but the one that decided: %+v", n, x.Others)
			}
			for _, o := range x.Others {
				if o.Why == "" || o.Position == "" {
					t.Errorf("rule %q says nothing", o.Rule)
				}
				if o.Rule == "production" && c.holds != o.Holds {
					t.Errorf("rule %q holds %q, want %q", o.Rule, o.Holds, c.holds)
				}
			}
		})
	}
}

func TestExplainNamesWhoCouldSayYesAndNeverTheOneWhoAsks(t *testing.T) {
	s := read(t, strings.Replace(before, "[eng@example.eu, ops@example.eu]", "[eng@example.eu, ceo@example.eu]", 1))
	x, err := s.Explain(aQuestion(func(q *policy.Question) { q.Who.ID = "ceo@example.eu" }))
	if err != nil {
		t.Fatal(err)
	}
	want := []lang.Waiting{
		{Step: 1, Kind: policy.ByExecutive, Group: "board", Count: 1, Expires: "12h", Who: []string{"cto@example.eu", "cfo@example.eu"}, Text: "1 of board"},
		{Step: 2, Kind: policy.ByCustomer, Customer: "nord", Count: 1, Expires: "4d", Text: "1 reviewer of nord"},
		{Step: 2, Kind: policy.ByCustomer, Customer: "syd", Count: 1, Expires: "4d", Text: "1 reviewer of syd"},
	}
	for i := range x.Stages {
		if len(x.Stages[i].Who) == 0 {
			x.Stages[i].Who = nil
		}
	}
	if diff := cmp.Diff(want, x.Stages); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
}

// TestWhatIsNotThereCannotBeAskedAbout: deny would be no answer to a slip of the pen.
func TestWhatIsNotThereCannotBeAskedAbout(t *testing.T) {
	s := read(t, before)
	for _, c := range []struct {
		of   string
		q    func(*policy.Question)
		want string
	}{
		{"target", func(q *policy.Question) { q.On = "db1.prd" }, `there is no target "db1.prd"; did you mean db1.prod?`},
		{"far target", func(q *policy.Question) { q.On = "mainframe.old" }, `there is no target "mainframe.old"; write db1.prod or web1.prod`},
		{"action", func(q *policy.Question) { q.Do = "shel" }, `"shel" is no action; did you mean shell?`},
		{"reason", func(q *policy.Question) { q.Reason = "outtage" }, `"outtage" is no reason; did you mean outage?`},
		{"login", func(q *policy.Question) { q.Login = "deply" }, `db1.prod has no login "deply"; did you mean deploy?`},
		{"customer", func(q *policy.Question) { q.Customer = "nrd" }, `db1.prod holds no data of customer "nrd"; did you mean nord?`},
	} {
		if _, err := s.Explain(aQuestion(c.q)); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.of, err, c.want)
		}
	}
	x, err := s.Explain(aQuestion(func(q *policy.Question) { q.Who.ID = "emg@example.eu" }))
	if err != nil || len(x.Notes) != 1 || x.Notes[0] != "no file names emg@example.eu; did you mean eng@example.eu?" {
		t.Errorf("notes %q, %v", x.Notes, err)
	}
}

func TestTheDeclarationIsSaidAndIsNoDeny(t *testing.T) {
	s := read(t, before)
	s.Policy.Declaration = &policy.Declaration{Version: "2026-1", Text: "I keep it."}
	x, err := s.Explain(aQuestion(func(*policy.Question) {}))
	if err != nil || x.Verdict != "ask" || x.Declaration != "2026-1" {
		t.Errorf("got %s, declaration %q, %v; want ask, 2026-1", x.Verdict, x.Declaration, err)
	}
}
