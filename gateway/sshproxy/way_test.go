package sshproxy

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/policy"
	"lockbox/tests/world"
)

func TestATicketIsAskedForWhereTheRuleWantsOne(t *testing.T) {
	h := newHouse(t)
	p := *h.Policy()
	p.Rules = append([]policy.Rule(nil), p.Rules...)
	p.Rules[0].Ticket, p.Rules[0].Reasons = `(INC|SUP)-[0-9]+`, []policy.Reason{"outage"}
	h.SetPolicy(&p)
	c := h.dial(t, "deploy%db1.prod", h.Eng)
	f := onScreen(t, c, "")
	f.expect(`Customer data: Nord Legal, Syd Bank\. Approval: a board member, then Nord Legal and Syd Bank\.`)
	f.expect(`Reason`) // the only kind of reason is not asked for
	f.send("two rows are wrong\r")
	f.expect(`Ticket`)
	f.send("7\r")
	f.expect(`A ticket is needed that matches \(INC\|SUP\)-\[0-9\]\+`)
	f.send("SUP-7\r")
	f.expect(`How long`)
	f.send("90\r")
	f.expect(`Send`)
	f.send("\r")
	f.expect(`waiting for`)
	all, err := h.Desk.Mine(t.Context(), h.Eng.ID)
	if err != nil || len(all) != 1 || all[0].Request.Need.Ticket != "SUP-7" || all[0].Request.For != 90*time.Minute || all[0].Request.Need.Reason != "outage" {
		t.Fatalf("got %+v, %v", all, err)
	}
	f.send("\x03")
	f.expect(`Request [0-9A-Z]+ stays open; the same command resumes here`)
	if got := f.wait(time.Second); got != 75 {
		t.Errorf("exit %d, want 75", got)
	}
	if err := h.Desk.Withdraw(t.Context(), h.Eng.Principal, all[0].Request.ID); err != nil {
		t.Fatal(err)
	}
	g := onScreen(t, c, "")
	g.expect(`Reason`)
	g.send("INC-12: two rows are wrong\r")
	g.expect(`How long`)
	g.send("\r")
	g.expect(`Send`)
	g.send("\r")
	g.expect(`waiting for`)
	if all, err := h.Desk.Mine(t.Context(), h.Eng.ID); err != nil || len(all) != 1 || all[0].Request.Need.Ticket != "INC-12" {
		t.Errorf("got %+v, %v", all, err)
	}
}

func TestLeavingTheFormSendsNothing(t *testing.T) {
	h := newHouse(t)
	c := h.dial(t, login, h.Eng)
	for what, keys := range map[string][]string{
		"Ctrl-C": {"\x03"}, "Ctrl-D": {"\x04"}, "no": {"1\r", "the reason is long\r", "\r", "n\r"},
	} {
		f := onScreen(t, c, "")
		for _, k := range keys {
			f.expect(`› `)
			f.send(k)
		}
		f.expect(`Nothing was sent`)
		if got := f.wait(time.Second); got != 77 {
			t.Errorf("%s: exit %d, want 77", what, got)
		}
	}
	if all, err := h.Desk.Mine(t.Context(), h.Eng.ID); err != nil || len(all) != 0 {
		t.Errorf("got %+v, %v", all, err)
	}
}

func TestWhichCustomerIsAskedFor(t *testing.T) {
	h := newHouse(t)
	f := onScreen(t, h.dial(t, "db1.prod", h.Eng), "")
	f.expect(`1  nord`)
	f.expect(`Which customer`)
	f.send("3\r")
	f.expect(`number from 1 to 2`)
	f.send("syd\r")
	f.expect(`lockbox · db1\.prod · support_syd`)
	f.expect(`Customer data: Syd Bank`)
	code := h.Ask(t, h.Mate, "nord", time.Hour)
	g := onScreen(t, h.dial(t, "db1.prod", h.Mate), "") // an open request says which
	g.expect(`support_nord · request ` + code)
	g.expect(`waiting for a board member`)
}

func TestPlainLinesAndDanish(t *testing.T) {
	h := newHouse(t)
	code := h.Ask(t, h.Eng, "nord", time.Hour)
	f := onScreen(t, h.dial(t, login, h.Eng), "", "LOCKBOX_PLAIN=1", "LC_MESSAGES=da_DK.UTF-8")
	f.expect(`Du er Eng`)
	f.expect(`Godkendelse: et bestyrelsesmedlem, derefter Nord Legal\.`)
	f.expect(`venter på et bestyrelsesmedlem`)
	if err := h.Approve(t, h.Ceo, code); err != nil {
		t.Fatal(err)
	}
	f.expect(`Ceo godkendte i 1h`)
	f.expect(`venter på Nord Legal`)
	if err := h.Approve(t, h.Ann, code); err != nil {
		t.Fatal(err)
	}
	f.expect(`Rør ved din adgangsnøgle`)
	if text, _ := f.read(); strings.ContainsAny(text, "\x1b█") {
		t.Errorf("plain lines have escapes: %q", text)
	}
}

func TestARequestThatIsDeclinedOrWithdrawnEndsTheWait(t *testing.T) {
	h := newHouse(t)
	c := h.dial(t, login, h.Eng)
	code := h.Ask(t, h.Eng, "nord", time.Hour)
	f := onScreen(t, c, "")
	f.expect(`waiting for`)
	if _, err := h.Desk.Reject(t.Context(), h.Ceo.Principal, code, "not \x1b today"); err == nil {
		t.Error("a comment with an escape was taken")
	}
	for _, who := range []*world.Human{h.Ceo, h.Cto} {
		if _, err := h.Desk.Reject(t.Context(), who.Principal, code, "not today"); err != nil {
			t.Fatal(err)
		}
	}
	f.expect(`Ceo declined`)
	f.expect(`was declined\. Ceo: not today; Cto: not today`)
	f.expect(`You may ask again`)
	if got := f.wait(time.Second); got != 77 {
		t.Errorf("exit %d, want 77", got)
	}
	g := onScreen(t, c, "")
	g.expect(`was declined`)
	g.expect(`Kind of reason`) // and the form
	code = h.Ask(t, h.Mate, "nord", time.Hour)
	f = onScreen(t, h.dial(t, login, h.Mate), "")
	f.expect(`waiting for`)
	if err := h.Desk.Withdraw(t.Context(), h.Mate.Principal, code); err != nil {
		t.Fatal(err)
	}
	f.expect(`was withdrawn`)
	if got := f.wait(time.Second); got != 77 {
		t.Errorf("exit %d, want 77", got)
	}
}

// wrongNumbers voids the newest touch of a grant.
func (h *house) wrongNumbers(t *testing.T, code, right string) {
	t.Helper()
	open, err := h.Desk.Touches(t.Context(), h.Eng.Principal, code)
	if err != nil || len(open) == 0 {
		t.Fatalf("got %d touches, %v", len(open), err)
	}
	for range 3 {
		if _, err := h.Desk.PrepareTouch(t.Context(), h.Eng.Principal, open[0].ID, "1"+right); err == nil {
			t.Fatal("a wrong number was taken")
		}
	}
}

func TestThreeWrongNumbersAndANewOne(t *testing.T) {
	h := newHouse(t)
	code := h.Grant(t, h.Eng, time.Hour)
	f := onScreen(t, h.dial(t, login, h.Eng), "")
	h.wrongNumbers(t, code, f.expect(`number:  (\d\d)`)[1])
	f.expect(`That touch is void: three wrong numbers`)
	f.send("x\r")
	h.touchShown(t, f, h.Eng)
	f.expect(`touched`)
	f.expect(`This session is recorded`)
}

func TestANumberGrowsOld(t *testing.T) {
	now := time.Now
	h := newHouse(t, func(d *Door) { d.Now = func() time.Time { return now().Add(11 * time.Minute) } })
	h.Grant(t, h.Eng, time.Hour)
	f := onScreen(t, h.dial(t, login, h.Eng), "")
	f.expect(`number:  (\d\d)`)
	f.expect(`That number is too old`)
	f.send("\r")
	f.expect(`number:  (\d\d)`)
	f.expect(`That number is too old`)
	f.send("\x03")
	f.expect(`Not started`)
	if got := f.wait(time.Second); got != 75 {
		t.Errorf("exit %d, want 75", got)
	}
}

func TestAGrantThatIsRevokedEndsTheWaitForTheTouch(t *testing.T) {
	h := newHouse(t)
	code := h.Grant(t, h.Eng, time.Hour)
	f := onScreen(t, h.dial(t, login, h.Eng), "")
	f.expect(`number:  (\d\d)`)
	if err := h.Desk.Revoke(t.Context(), h.Ann.Principal, code, "changed my mind"); err != nil {
		t.Fatal(err)
	}
	f.expect(`revoked by ann@nord\.x: changed my mind`)
	if got := f.wait(time.Second); got != 77 {
		t.Errorf("exit %d, want 77", got)
	}
}

func TestATouchCountsForTheSameAddressOnly(t *testing.T) {
	h := newHouse(t)
	h.granted(t, h.Eng, time.Hour)
	f := onScreen(t, h.dial(t, login, h.Eng), "")
	f.expect(`This session is recorded`)
	d := dialFrom("127.0.0.2")
	conn, err := d.Dial("tcp", h.Addr)
	if err != nil {
		t.Fatal(err)
	}
	sc, channels, requests, err := ssh.NewClientConn(conn, h.Addr, h.clientConfig(login, h.Eng.SSH))
	if err != nil {
		t.Fatal(err)
	}
	c := ssh.NewClient(sc, channels, requests)
	defer c.Close()
	if got := run(t, c, "true"); got.Status != 255 || !strings.Contains(got.Stderr, "LBX-TOUCH") {
		t.Errorf("from another address: got %+v", got)
	}
}

func TestANarrowTerminalHasNoSquare(t *testing.T) {
	h := newHouse(t)
	h.Grant(t, h.Eng, time.Hour)
	s, err := h.dial(t, login, h.Eng).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	f := newScreenful(t)
	s.Stdout = f
	if err := s.RequestPty("xterm", 24, 59, ssh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	f.expect(`/t/[0-9A-Z]+\r\n`)
	if text, _ := f.read(); strings.Contains(text, "█") {
		t.Error("a QR code is shown under 60 columns")
	}
}
