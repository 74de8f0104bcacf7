package sshproxy

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockbox/approvals"
	"lockbox/gateway/sshproxy/console"
	"lockbox/policy"
	"lockbox/tests/world"
)

func TestTheCommandLine(t *testing.T) {
	h := newHouse(t)
	c := h.dial(t, "cli", h.Eng)
	for _, row := range []struct {
		rule, command string
		status        int
		out, err      string
	}{
		{"help", "help", 0, "ssh GATEWAY request TARGET", ""},
		{"nothing", "", 0, "ssh GATEWAY request TARGET", ""},
		{"a list of nothing", "status", 0, "You have no open requests.", ""},
		{"no grants", "grants", 0, "You have no grants.", ""},
		{"no grants, as JSON", "grants --json", 0, "[]", ""},
		{"targets", "targets", 0, "db1.prod  support_{{customer}}, deploy", ""},
		{"an unknown command", "rm -rf /", 2, "", `there is no command "rm"`},
		{"an unknown option", "request db1.prod --force", 2, "", "unknown option --force"},
		{"an option twice", "request db1.prod --for 1h --for 2h", 2, "", "--for is given twice"},
		{"an option without a value", "request db1.prod --for --json", 2, "", "--for needs a value"},
		{"a quote that is not closed", `request "`, 2, "", "cannot be read"},
		{"no target", "request --reason it is broken", 2, "", "name one target"},
		{"an unknown target", "request db9.prod --reason it is broken", 78, "", `there is no target "db9.prod"`},
		{"no customer", "request db1.prod --reason it is broken here", 78, "", "say which (nord, syd)"},
		{"no such login", "request db1.prod --login root --code outage --reason it is broken here", 78, "", `no login "root"`},
		{"two targets of status", "status ZZZZ --all", 2, "", "status --all"},
		{"no reason", "request db1.prod --customer nord --code outage", 2, "", "say why"},
		{"no kind of reason", "request db1.prod --customer nord --reason it is broken here", 2, "", "[customer-case outage planned security-review legal-order]"},
		{"a bad time", "request db1.prod --customer nord --code outage --reason it is broken here --for ever", 2, "", "Write a time"},
		{"too long", "request db1.prod --customer nord --code outage --reason it is broken here --for 9h", 77, "", "at most 4h"},
		{"a secret", "request db1.prod --customer nord --code outage --reason password=hunter22 does not work", 77, "", "leave it out"},
		{"an unknown request", "status ZZZZ", 78, "", "there is no such request"},
		{"what is no code", "cancel ../../x", 78, "", "there is no such request"},
		{"options that are not theirs", "cancel ZZZZ --for 1h", 2, "", "belongs to `request`"},
	} {
		got := run(t, c, row.command)
		if got.Status != row.status || !strings.Contains(got.Stdout, row.out) || !strings.Contains(got.Stderr, row.err) || row.err == "" && got.Stderr != "" || row.out == "" && got.Stdout != "" {
			t.Errorf("%s: got %+v, want %d %q %q", row.rule, got, row.status, row.out, row.err)
		}
	}
}

func TestARequestByCommand(t *testing.T) {
	h := newHouse(t)
	c := h.dial(t, "cli", h.Eng)
	const ask = "request db1.prod --customer nord --code outage --for 45m --reason INC-7: two rows are wrong, check them --json"
	var made console.Item
	got := run(t, c, ask)
	if err := json.Unmarshal([]byte(got.Stdout), &made); err != nil || got.Status != 0 {
		t.Fatalf("got %+v, %v", got, err)
	}
	want := console.Item{
		Request: made.Request, Target: "db1.prod", Login: "support_nord", Customers: []string{"nord"}, Actions: made.Actions, Reason: "outage",
		Need: "INC-7: two rows are wrong, check them", For: "45m", At: made.At, Phase: "pending", Stages: made.Stages, URL: portal + "/r/" + made.Request,
		To: []string{}, Votes: []console.Vote{}, Promises: []string{}, Thread: []approvals.Remark{}, Accepted: true,
	}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if again := run(t, c, ask); !strings.Contains(again.Stdout, made.Request) {
		t.Errorf("the same again: got %+v", again)
	}
	code := made.Request
	if got := run(t, c, "status "+strings.ToLower(code)); got.Status != 75 || !strings.Contains(got.Stdout, code+"  support_nord@db1.prod  waiting for approval") {
		t.Errorf("pending: got %+v", got)
	}
	if got := run(t, h.dial(t, "cli", h.Mate), "status "+code); got.Status != 78 || !strings.Contains(got.Stderr, "no such request") {
		t.Errorf("somebody else's: got %+v", got)
	}
	if got := run(t, h.dial(t, "cli", h.Mate), "cancel "+code); got.Status != 78 {
		t.Errorf("somebody else cancels: got %+v", got)
	}
	for _, by := range []*world.Human{h.Ceo, h.Ann} {
		if err := h.Approve(t, by, code); err != nil {
			t.Fatal(err)
		}
	}
	if got := run(t, c, "status "+code); got.Status != 0 || !strings.Contains(got.Stdout, "approved for 45m; start before") {
		t.Errorf("approved: got %+v", got)
	}
	if got := run(t, c, "cancel "+code); got.Status != 77 || !strings.Contains(got.Stderr, "give-back") {
		t.Errorf("cancel a grant: got %+v", got)
	}
}

func TestAGrantByCommand(t *testing.T) {
	h := newHouse(t)
	c := h.dial(t, "cli", h.Eng)
	code := h.granted(t, h.Eng, 45*time.Minute)
	f := onScreen(t, h.dial(t, login, h.Eng), "")
	f.expect("recorded")
	if got := run(t, c, "grants"); got.Status != 0 || !strings.Contains(got.Stdout, "44:5") && !strings.Contains(got.Stdout, "45:00") {
		t.Errorf("grants: got %+v", got)
	}
	if got := run(t, c, "request db1.prod --customer nord --code outage --reason once more please"); got.Status != 77 || !strings.Contains(got.Stderr, "in force already") {
		t.Errorf("a second request: got %+v", got)
	}
	if got := run(t, c, "give-back "+code); got.Status != 0 || !strings.Contains(got.Stdout, "given back") {
		t.Errorf("give back: got %+v", got)
	}
	f.expect("revoked by eng@x.eu: given back")
	if got := f.wait(time.Second); got != 77 {
		t.Errorf("exit %d, want 77", got)
	}
	if got := run(t, c, "status "+code); got.Status != 77 {
		t.Errorf("given back: got %+v", got)
	}
	code = h.Ask(t, h.Eng, "syd", time.Hour)
	if got := run(t, c, "cancel "+code); got.Status != 0 || !strings.Contains(got.Stdout, "withdrawn") {
		t.Errorf("cancel: got %+v", got)
	}
}

func TestTheCommandLineOnATerminal(t *testing.T) {
	h := newHouse(t)
	code := h.Ask(t, h.Eng, "nord", time.Hour)
	c := h.dial(t, "cli", h.Eng)
	f := onScreen(t, c, "")
	f.expect(`lockbox · You are Eng`)
	f.expect(code + `  support_nord@db1\.prod  waiting for approval\r\n`)
	f.expect(`ssh GATEWAY help`)
	if got := f.wait(time.Second); got != 0 {
		t.Errorf("exit %d", got)
	}
	f = onScreen(t, c, "request db1.prod")
	f.expect(`2  syd  Syd Bank`)
	f.send("2\r")
	f.expect(`Kind of reason`)
	f.send("2\r")
	f.expect(`Reason`)
	f.send("two rows are wrong\r")
	f.expect(`How long`)
	f.send("\r")
	f.expect(`Send`)
	f.send("\r")
	f.expect(`sent .* as request`)
	if got := f.wait(time.Second); got != 0 {
		t.Errorf("exit %d", got)
	}
	if got := run(t, c, "targets --json"); !strings.Contains(got.Stdout, `{"target":"db1.prod","class":"production","customers":["nord","syd"],"logins":[{"name":"support_{{customer}}","one_customer":true,"read_only":false},{"name":"deploy"`) {
		t.Errorf("targets: got %+v", got)
	}
}

// TestApplicationsAreListedWithWhereTheyAre: they are opened in a browser, and nothing else is done there.
func TestApplicationsAreListedWithWhereTheyAre(t *testing.T) {
	h := newHouse(t, func(d *Door) { d.Apps = func(target string) string { return "https://" + target + ".gw.example.eu" } })
	p := *h.Policy()
	p.Targets = maps.Clone(p.Targets)
	p.Targets["wiki"] = &policy.Target{Name: "wiki", Kind: "http", Address: "127.0.0.1:1", Owner: "eng@x.eu", Location: "here", Logins: []policy.Login{{Name: "web"}}, Labels: map[string]string{"env": "web"}}
	r := p.Rules[0]
	r.Name, r.Actions, r.Labels, r.Targets = "web", policy.OnTarget(), nil, []string{"wiki"}
	p.Rules = append(slices.Clone(p.Rules), r)
	h.SetPolicy(&p)
	c := h.dial(t, "cli", h.Eng)
	if got := run(t, c, "targets"); !strings.Contains(got.Stdout, "wiki  web\n      https://wiki.gw.example.eu\n") || !strings.Contains(got.Stdout, "db1.prod  ") {
		t.Errorf("got %s", got.Stdout)
	}
	if got := run(t, c, "targets --json"); !strings.Contains(got.Stdout, `{"target":"wiki","url":"https://wiki.gw.example.eu","class":"production"`) {
		t.Errorf("got %s", got.Stdout)
	}
	if got := run(t, c, "request wiki --code outage --reason the start page shows an error"); got.Status != 0 || strings.Contains(got.Stdout, "host key") {
		t.Errorf("got %+v", got)
	}
	mine, err := h.Desk.Mine(t.Context(), h.Eng.ID)
	if err != nil || len(mine) != 1 || !slices.Equal(mine[0].Request.Actions, []policy.Action{policy.HTTPGet, policy.HTTPPut}) {
		t.Errorf("asked for %+v, %v", mine, err)
	}
	if got := run(t, c, "ssh-config"); strings.Contains(got.Stdout, "wiki") {
		t.Errorf("it is written for ssh: %s", got.Stdout)
	}
}
