package lang_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lockbox/policy"
	"lockbox/policy/lang"
)

// tunnels are two rules that lead to different places.
const tunnels = `rules:
  - { name: psql, permit: [forward], to: ["127.0.0.1:5432"], sql: { target_tls: off }, who: { groups: [engineers] }, on: { targets: [db1.prod] }, stages: [{ executive: {} }, { customer: {} }] }
  - { name: web, permit: [forward], to: ["127.0.0.1:80"], who: { groups: [engineers] }, on: { targets: [db1.prod] }, stages: [{ executive: { group: board } }, { customer: {} }] }
`

func TestDiffTellsWhereTunnelsLead(t *testing.T) {
	from := strings.Replace(before, "rules:\n", tunnels, 1)
	const rule = "eng@example.eu ops@example.eu +engineers: forward on db1.prod"
	for _, c := range []struct{ change, old, new, want string }{
		{"one address more", `["127.0.0.1:80"]`, `["127.0.0.1:80", "10.0.0.9:80"]`, "gain addresses in part: " + rule + " | bounds other in part: " + rule},
		{"one address less", `, on: { targets: [db1.prod] }, stages: [{ executive: { group`, `, on: { targets: [web1.prod] }, stages: [{ executive: { group`,
			"gain: eng@example.eu ops@example.eu +engineers: forward on web1.prod | lose addresses in part: " + rule},
		{"the same from elsewhere", `"psql"`, `"psql"`, ""},
	} {
		d := lang.Diff(read(t, from).Policy, read(t, strings.Replace(from, c.old, c.new, 1)).Policy)
		if diff := cmp.Diff(c.want, short(d)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.change, diff)
		}
	}
}

func TestExplainSaysWhichRuleLeadsThere(t *testing.T) {
	s := read(t, strings.Replace(before, "rules:\n", tunnels, 1))
	for to, want := range map[string]string{
		"": "ask psql", "127.0.0.1:5432": "ask psql", "127.0.0.1:80": "ask web", "localhost:80": "deny", "127.0.0.1": "error", "0.0.0.0:80": "error",
	} {
		x, err := s.Explain(aQuestion(func(q *policy.Question) { q.Do, q.To = policy.Forward, to }))
		got := x.Verdict
		if x.Rule != nil {
			got += " " + x.Rule.Rule
		}
		if err != nil {
			got = "error"
		}
		if got != want || err == nil && x.Question.To != to {
			t.Errorf("to %q: got %s, want %s: %s, %v", to, got, want, x.Sentence, err)
		}
	}
	if _, err := s.Explain(aQuestion(func(q *policy.Question) { q.To = "127.0.0.1:80" })); err == nil {
		t.Error("a shell that leads somewhere was explained")
	}
}

func TestReplayAsksOfEveryPlace(t *testing.T) {
	now := strings.Replace(before, "rules:\n", tunnels, 1)
	asked := aRequest(t, func(a *lang.Asked) { a.Do, a.To = []policy.Action{policy.Forward}, []string{"127.0.0.1:80"} })
	for _, c := range []struct {
		change, old, new string
		want             int
	}{
		{"nothing", "", "", 0},
		{"it leads there no more", "127.0.0.1:80", "127.0.0.1:81", 1},
	} {
		got := lang.Replay(read(t, strings.Replace(now, c.old, c.new, 1)).Policy, []lang.Asked{asked})
		if len(got) != c.want {
			t.Errorf("%s: got %+v", c.change, got)
		}
	}
}
