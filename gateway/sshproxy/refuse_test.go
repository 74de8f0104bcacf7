package sshproxy

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockbox/policy"
	"lockbox/tests/world"
)

func TestARefusalWithoutATerminal(t *testing.T) {
	h := newHouse(t)
	code := h.Ask(t, h.Mate, "nord", time.Hour)
	for _, c := range []struct {
		rule, user string
		who        *world.Human
		env        []string
		status     int
		stderr     string
	}{
		{"no grant", login, h.Eng, nil, 255, `lockbox: no active grant for support_nord on db1.prod
lockbox: ask in a terminal with the same command, on the page below, or: ssh GATEWAY request support_nord%db1.prod --reason "..."
lockbox-json: {"lockbox":1,"code":"LBX-NOGRANT","target":"db1.prod","request":null,"retryable":false,"url":"http://localhost:8080/r/new?t=db1.prod"}
`},
		{"no grant, with sysexits", login, h.Eng, []string{"LOCKBOX_EXIT=sysexits"}, 77, ""},
		{"pending", login, h.Mate, nil, 255, `lockbox: request ` + code + ` for db1.prod is waiting for its approval
lockbox: run the same command later, or with LOCKBOX_WAIT=10m to wait for it
lockbox-json: {"lockbox":1,"code":"LBX-PENDING","target":"db1.prod","request":"` + code + `","retryable":true,"url":"http://localhost:8080/r/` + code + `"}
`},
		{"pending, with sysexits", login, h.Mate, []string{"LOCKBOX=EXIT=sysexits"}, 75, ""},
		{"unknown target", "db9.prod", h.Eng, nil, 255, "lockbox: there is no target \"db9.prod\" for you; `targets` lists those you may ask for\n" +
			"lockbox: ssh GATEWAY targets lists those you may ask for\n" +
			`lockbox-json: {"lockbox":1,"code":"LBX-TARGET","target":"db9.prod","request":null,"retryable":false,"url":"http://localhost:8080"}` + "\n"},
		{"unknown target, with sysexits", "x%y", h.Eng, []string{"LOCKBOX_EXIT=sysexits"}, 78, ""},
		{"unknown login", "root%db1.prod", h.Eng, nil, 255, ""},
		{"which customer", "db1.prod", h.Eng, nil, 255, `lockbox: that login reaches one customer: say which (nord, syd)
lockbox: set LOCKBOX_CUSTOMER
lockbox-json: {"lockbox":1,"code":"LBX-POLICY","target":"db1.prod","request":null,"retryable":false,"url":"http://localhost:8080/r/new?t=db1.prod"}
`},
		{"a customer", "db1.prod", h.Eng, []string{"LOCKBOX_CUSTOMER=syd", "LANG=da_DK.UTF-8"}, 255, `lockbox: no active grant for support_syd on db1.prod
lockbox: spørg i en terminal med samme kommando, på siden herunder, eller: ssh GATEWAY request db1.prod --reason "..."
lockbox-json: {"lockbox":1,"code":"LBX-NOGRANT","target":"db1.prod","request":null,"retryable":false,"url":"http://localhost:8080/r/new?t=db1.prod"}
`},
		{"escapes", "\x1b]2;x\x07\nlockbox-json: {}%a.b", h.Eng, nil, 255, ""},
	} {
		got := run(t, h.dial(t, c.user, c.who), "cat /etc/passwd", c.env...)
		if got.Status != c.status || got.Stdout != "" {
			t.Errorf("%s: exit %d, stdout %q", c.rule, got.Status, got.Stdout)
		}
		if diff := cmp.Diff(c.stderr, got.Stderr); c.stderr != "" && diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.rule, diff)
		}
		lines := strings.Split(strings.TrimSuffix(got.Stderr, "\n"), "\n")
		if len(lines) > 3 || !strings.HasPrefix(lines[len(lines)-1], `lockbox-json: {"lockbox":1,`) {
			t.Errorf("%s: got %q", c.rule, lines)
		}
		for _, l := range lines {
			if !strings.HasPrefix(l, "lockbox") || strings.ContainsAny(l, "\x1b\x07") {
				t.Errorf("%s: got line %q", c.rule, l)
			}
		}
	}
}

func TestARefusalForARequestThatWasDeclined(t *testing.T) {
	h := newHouse(t)
	code := h.Ask(t, h.Eng, "nord", time.Hour)
	for _, who := range []*world.Human{h.Ceo, h.Cto} {
		if _, err := h.Desk.Reject(t.Context(), who.Principal, code, "not today"); err != nil {
			t.Fatal(err)
		}
	}
	got := run(t, h.dial(t, login, h.Eng), "true")
	if got.Status != 255 || !strings.Contains(got.Stderr, "was declined. Ceo: not today; Cto: not today") || !strings.Contains(got.Stderr, `"code":"LBX-REJECTED","target":"db1.prod","request":"`+code+`"`) {
		t.Errorf("got %+v", got)
	}
}

func TestWhoAsksToWaitWithoutATerminalGetsIn(t *testing.T) {
	h := newHouse(t)
	s, err := h.dial(t, login, h.Eng).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"WAIT": "1m", "REASON": "INC-7: check two rows", "CODE": "outage", "FOR": "30m"} {
		if err := s.Setenv("LOCKBOX_"+name, value); err != nil {
			t.Fatal(err)
		}
	}
	stdout, stderr := newScreenful(t), newScreenful(t)
	s.Stdout, s.Stderr = stdout, stderr
	if err := s.Start("echo in; exit 6"); err != nil {
		t.Fatal(err)
	}
	code := stderr.expect(`^lockbox: request ([0-9A-Z]+) is waiting for its approval: http://localhost:8080/r/([0-9A-Z]+)\n`)[1]
	if h.grantedSome(t) != code {
		t.Errorf("another request than %s was sent", code)
	}
	number := stderr.expect(`^lockbox: touch your passkey at http://localhost:8080/t/` + code + ` and type the number (\d\d) there\n`)[1]
	open, err := h.Desk.Touches(t.Context(), h.Eng.Principal, code)
	if err != nil || len(open) != 1 {
		t.Fatalf("got %d touches, %v", len(open), err)
	}
	h.TouchNumber(t, h.Eng, open[0].ID, number)
	if got := exitOf(t, s.Wait()); got != 6 {
		t.Errorf("exit %d, want 6", got)
	}
	if out, _ := stdout.read(); out != "in\n" {
		t.Errorf("stdout %q", out)
	}
	if rest, _ := stderr.read(); strings.Count(rest, "\n") != 2 {
		t.Errorf("stderr %q", rest)
	}
	all, err := h.Desk.Mine(t.Context(), h.Eng.ID)
	if err != nil || len(all) != 1 || all[0].Request.For != 30*time.Minute || all[0].Request.Need.Text != "INC-7: check two rows" {
		t.Errorf("got %+v, %v", all, err)
	}
}

func TestPatienceEnds(t *testing.T) {
	h := newHouse(t)
	c := h.dial(t, login, h.Eng)
	env := []string{"LOCKBOX_WAIT=700ms", "LOCKBOX_REASON=check two rows", "LOCKBOX_EXIT=sysexits"}
	if got := run(t, c, "true", env...); got.Status != 77 || !strings.Contains(got.Stderr, "say what kind of reason it is: customer-case, outage, planned, security-review, legal-order") {
		t.Errorf("without a code: got %+v", got)
	}
	if got := run(t, c, "true", append(env, "LOCKBOX_CODE=outage", "LOCKBOX_FOR=9h")...); got.Status != 77 || !strings.Contains(got.Stderr, "at most 4h") {
		t.Errorf("too long: got %+v", got)
	}
	got := run(t, c, "true", append(env, "LOCKBOX_CODE=outage")...)
	if got.Status != 75 || got.Stdout != "" || strings.Count(got.Stderr, "\n") > 3 || !strings.Contains(got.Stderr, "was not ready in the time you gave") || !strings.Contains(got.Stderr, `"code":"LBX-PENDING"`) {
		t.Errorf("got %+v", got)
	}
	code := h.grantedSome(t)
	got = run(t, c, "true", env...)
	if got.Status != 75 || strings.Count(got.Stderr, "\n") > 3 || !strings.Contains(got.Stderr, `"request":"`+code+`"`) {
		t.Errorf("no touch: got %+v", got)
	}
	got = run(t, c, "true")
	if got.Status != 255 || !strings.Contains(got.Stderr, `"code":"LBX-TOUCH"`) || !strings.Contains(got.Stderr, "first start support_nord%db1.prod in a terminal") || !strings.Contains(got.Stderr, "counts for 15m") {
		t.Errorf("no touch, no patience: got %+v", got)
	}
}

// grantedSome approves the only open request.
func (h *house) grantedSome(t *testing.T) string {
	t.Helper()
	all, err := h.Desk.Mine(t.Context(), h.Eng.ID)
	if err != nil || len(all) != 1 {
		t.Fatalf("got %d requests, %v", len(all), err)
	}
	for _, by := range []*world.Human{h.Ceo, h.Ann} {
		if err := h.Approve(t, by, all[0].Request.ID); err != nil {
			t.Fatal(err)
		}
	}
	return all[0].Request.ID
}

func TestAnInternalErrorIsAReference(t *testing.T) {
	reported := make(chan error, 10)
	h := newHouse(t, func(d *Door) { d.Report = func(err error) { reported <- err } })
	code := h.granted(t, h.Eng, time.Hour)
	h.forge(t, code, func(g *policy.Grant) { g.For = 90 * time.Hour })
	got := run(t, h.dial(t, login, h.Eng), "true")
	if got.Status != 255 || !strings.Contains(got.Stderr, "lockbox: internal error, reference e-") || strings.Contains(got.Stderr, "grant "+code) {
		t.Fatalf("got %+v", got)
	}
	_, ref, _ := strings.Cut(got.Stderr, "reference ")
	ref, _, _ = strings.Cut(ref, "\n")
	if said := <-reported; !strings.HasPrefix(said.Error(), ref+": ") || !strings.Contains(said.Error(), "not proven") {
		t.Errorf("reported %v for %q", said, ref)
	}
}

func TestAGrantForAnotherMachineOfThatNameIsNoGrant(t *testing.T) {
	h := newHouse(t)
	h.granted(t, h.Eng, time.Hour)
	p := *h.Policy()
	moved := *p.Targets["db1.prod"]
	moved.Address = "127.0.0.1:1"
	p.Targets = map[string]*policy.Target{"db1.prod": &moved}
	h.SetPolicy(&p)
	if got := run(t, h.dial(t, login, h.Eng), "true"); got.Status != 255 || !strings.Contains(got.Stderr, `"code":"LBX-NOGRANT"`) {
		t.Errorf("got %+v", got)
	}
}
