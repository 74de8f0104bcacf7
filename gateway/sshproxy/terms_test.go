package sshproxy

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/sshproxy/console"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/tests/e2e/harness"
	"lockbox/tests/world"
)

// says lets somebody approve for less.
func (h *house) says(t *testing.T, who *world.Human, code string, terms policy.Terms) {
	t.Helper()
	b, err := h.Desk.Prepare(t.Context(), who.Principal, code, terms)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Desk.Approve(t.Context(), who.Principal, b.Nonce, h.Sign(t, who, statement.ForApproval, b.Statement)); err != nil {
		t.Fatal(err)
	}
}

// withKey gives somebody who only decides an SSH key.
func (h *house) withKey(t *testing.T, who *world.Human) *ssh.Client {
	t.Helper()
	i := harness.NewIdentity(t)
	h.addKey(t, who, i)
	c, err := ssh.Dial("tcp", h.Addr, h.clientConfig("cli", i.Signer(t)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // it may be closed already
	return c
}

func expectRun(t *testing.T, c *ssh.Client, command string, status int, out, wrong string) result {
	t.Helper()
	got := run(t, c, command)
	if got.Status != status || !strings.Contains(got.Stdout, out) || !strings.Contains(got.Stderr, wrong) || wrong == "" && got.Stderr != "" {
		t.Errorf("%s: got %+v, want %d %q %q", command, got, status, out, wrong)
	}
	return got
}

const promised = "no names leave this machine"

func TestWhatIsPromisedIsAcceptedFirst(t *testing.T) {
	h := newHouse(t)
	c, in := h.dial(t, "cli", h.Eng), h.dial(t, login, h.Eng)
	code := h.Ask(t, h.Eng, "nord", time.Hour)
	h.says(t, h.Ceo, code, policy.Terms{For: 45 * time.Minute, Promise: promised})
	expectRun(t, c, "status "+code, 75, "Ceo: yes for 45m · to promise: “"+promised+"”", "")
	expectRun(t, c, "accept "+code, 77, "", "nothing to accept before it is approved")
	h.says(t, h.Ann, code, policy.Terms{For: 30 * time.Minute})
	expectRun(t, c, "status "+code, 75, "approved for 30m, if you promise something: accept "+code, "")
	expectRun(t, c, "status "+code, 75, "30m instead of 1h", "")
	got := run(t, in, "true")
	if got.Status != 255 || !strings.Contains(got.Stderr, "“"+promised+"”") || !strings.Contains(got.Stderr, "accept "+code) || !strings.Contains(got.Stderr, `"code":"LBX-PENDING"`) {
		t.Errorf("got %+v", got)
	}
	f := onScreen(t, in, "")
	f.expect(`30m instead of 1h`)
	f.expect(`“` + promised + `”`)
	f.expect(`not enforced`)
	f.expect(`Accept\? \[y/N\]`)
	f.send("\r")
	f.expect(`Nothing is lost: grant ` + code + ` waits`)
	if got := f.wait(time.Second); got != 75 {
		t.Errorf("exit %d, want 75", got)
	}
	f = onScreen(t, in, "")
	f.expect(`Accept\?`)
	f.send("y\r")
	f.expect(`Accepted: grant ` + code)
	h.touchShown(t, f, h.Eng)
	f.expect(`30:00 left \(starts now\)`)
	expectRun(t, c, "accept "+code, 0, "“"+promised+"”", "")
	var i console.Item
	if err := json.Unmarshal([]byte(run(t, c, "status --json "+code).Stdout), &i); err != nil || !i.Accepted || len(i.Votes) != 2 || i.Votes[0].Promise != promised || i.Votes[0].For != "45m" {
		t.Errorf("got %+v, %v", i, err)
	}
}

func TestAGrantThatStartsLaterIsWaitedFor(t *testing.T) {
	h := newHouse(t)
	in := h.dial(t, login, h.Eng)
	code := h.Ask(t, h.Eng, "nord", time.Hour)
	f := onScreen(t, in, "")
	f.expect(`waiting for`)
	h.says(t, h.Ceo, code, policy.Terms{})
	start := time.Now().Add(5 * time.Second).Truncate(time.Second)
	h.says(t, h.Ann, code, policy.Terms{NotBefore: start})
	f.expect(`Ann \(Nord Legal\) approved for 1h \(signed with passkey\): not before`)
	f.expect(`◐ 00:0\d  grant ` + code + ` starts at`)
	if got := run(t, in, "true"); got.Status != 255 || !strings.Contains(got.Stderr, "starts at") || !strings.Contains(got.Stderr, "LBX-PENDING") {
		t.Errorf("got %+v", got)
	}
	h.touchShown(t, f, h.Eng)
	if early := time.Until(start); early > 0 {
		t.Errorf("the touch was asked for %s too early", early)
	}
	f.expect(`This session is recorded`)
}

func TestWhoHasNotSignedTheDeclarationIsLedThere(t *testing.T) {
	h := newHouse(t)
	p := *h.Policy()
	p.Declaration = &policy.Declaration{Version: "3", Text: "I keep to myself what I see."}
	h.SetPolicy(&p)
	in := h.dial(t, login, h.Eng)
	if got := run(t, in, "true"); got.Status != 255 || !strings.Contains(got.Stderr, "declaration") || !strings.Contains(got.Stderr, `"code":"LBX-POLICY"`) || !strings.Contains(got.Stderr, `/me/declaration"`) {
		t.Errorf("got %+v", got)
	}
	f := onScreen(t, in, "")
	f.expect(`declaration \(version 3\)`)
	f.expect(portal + `/me/declaration`)
	f.expect(`waiting for your signature`)
	m, err := h.Charter.Propose(t.Context(), h.Eng.Principal, policy.Motion{Kind: policy.ToDeclare, About: "3"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := h.Charter.Prepare(t.Context(), h.Eng.Principal, m.Motion.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Charter.Sign(t.Context(), h.Eng.Principal, b.Nonce, h.Sign(t, h.Eng, b.Domain, b.Statement)); err != nil {
		t.Fatal(err)
	}
	f.expect(`✔ signed`)
	f.expect(`Kind of reason`)
}

func TestAThreadInTheTerminal(t *testing.T) {
	h := newHouse(t)
	code := h.Ask(t, h.Eng, "nord", time.Hour)
	f := onScreen(t, h.dial(t, login, h.Eng), "")
	f.expect(`waiting for`)
	f.send("rm -rf /\r") // nobody asked
	ceo := h.withKey(t, h.Ceo)
	expectRun(t, ceo, "say "+code+" which two rows are they", 0, "thread of request "+code, "")
	f.expect(`Ceo: which two rows are they`)
	f.expect(`Type an answer`)
	f.send("7 and 9, \x1b[A thos\x7fse\r")
	f.expect(`Eng: `)
	v, err := h.Desk.See(t.Context(), h.Ceo.Principal, code)
	if err != nil || len(v.Thread) != 2 || v.Thread[1].Text != "7 and 9,  those" {
		t.Fatalf("got %+v, %v", v.Thread, err)
	}
	expectRun(t, h.dial(t, "cli", h.Eng), "status "+code, 75, "Ceo: which two rows are they", "")
	expectRun(t, h.dial(t, "cli", h.Eng), "say "+code+" --to nord it is urgent", 0, "thread", "")
	ann := h.withKey(t, h.Ann)
	if got := expectRun(t, ann, "status "+code, 75, "Eng (Nord Legal): it is urgent", ""); strings.Contains(got.Stdout, "which two rows") {
		t.Errorf("the customer reads the board's thread: %+v", got)
	}
}

func TestWhoDecidesDoesSoByCommandButForAYes(t *testing.T) {
	h := newHouse(t)
	ceo, cto, lone, eng := h.withKey(t, h.Ceo), h.withKey(t, h.Cto), h.withKey(t, h.Lone), h.dial(t, "cli", h.Eng)
	code := h.Ask(t, h.Eng, "nord", time.Hour)
	expectRun(t, ceo, "status", 0, code+"  support_nord@db1.prod  Eng  waiting for approval", "")
	expectRun(t, ceo, "approve "+code, 77, "", "no command gives it: "+portal+"/a/"+code)
	expectRun(t, eng, "reject "+code+" not mine", 77, "", "their own request")
	expectRun(t, lone, "reject "+code+" no", 78, "", "no such request")
	expectRun(t, ceo, "reject "+code, 2, "", "say why")
	expectRun(t, ceo, "reject "+code+" not today", 0, "has your no", "")
	expectRun(t, cto, "reject "+code+" nor tomorrow", 0, "has your no", "")
	expectRun(t, eng, "status "+code, 77, "declined: Ceo: not today; Cto: nor tomorrow", "")
	held := h.Grant(t, h.Mate, time.Hour)
	expectRun(t, eng, "revoke "+held+" no", 78, "", "no such request")
	expectRun(t, ceo, "revoke "+held+" it is done", 0, "is revoked", "")
	expectRun(t, h.dial(t, "cli", h.Mate), "status "+held, 77, "revoked by ceo@x.eu: it is done", "")
	expectRun(t, h.dial(t, "cli", h.Mate), "status --all", 0, held, "")
	expectRun(t, eng, "extend "+code+" soon", 2, "", "say for how long")
	expectRun(t, eng, "extend "+code+" 30m", 77, "", "nothing to extend")
	expectRun(t, eng, "say "+code, 2, "", "say what")
	expectRun(t, eng, "status --to nord", 2, "", "--to belongs to `say`")
}

func TestMoreTimeByCommand(t *testing.T) {
	h := newHouse(t)
	c := h.dial(t, "cli", h.Eng)
	code := h.granted(t, h.Eng, time.Hour)
	f := onScreen(t, h.dial(t, login, h.Eng), "")
	f.expect("recorded")
	h.happens(t, "session.open")
	var x console.Item
	got := expectRun(t, c, "extend "+code+" 30m --reason two rows are left --json", 0, "", "")
	if err := json.Unmarshal([]byte(got.Stdout), &x); err != nil || x.Extends != code || x.For != "30m" {
		t.Errorf("got %+v, %v", got, err)
	}
	expectRun(t, c, "status "+x.Request, 75, "more time for "+code, "")
	expectRun(t, c, "extend "+code+" 20m", 77, "", "open already")
}

func TestAWarningSaysWhatComesAfterTheEnd(t *testing.T) {
	for _, row := range []struct{ rule, want string }{
		{"nothing was asked for", `more time: ssh GATEWAY extend (\w+) 30m`},
		{"it is asked for", `extension \w+ waits for its approval`},
		{"it is given", `then it goes on under \w+ for 10m`},
	} {
		h, _ := stubHouse(t, echo)
		code := h.short(t, time.Minute+2*time.Second)
		f := onScreen(t, h.dial(t, login, h.Eng), "")
		f.expect("recorded")
		if row.rule != "nothing was asked for" {
			x := h.extension(t, code)
			if row.rule == "it is given" {
				h.approved(t, x)
			}
		}
		f.expect(`ends in 1 min · ` + row.want)
	}
}

func TestWhatIsRefusedIsWrittenDownOnce(t *testing.T) {
	h := newHouse(t)
	c := h.dial(t, login, h.Eng)
	for range 3 {
		if _, _, err := c.OpenChannel("direct-tcpip", nil); err == nil {
			t.Fatal("a forward was opened")
		}
		ch, requests, err := c.OpenChannel("session", nil)
		if err != nil {
			t.Fatal(err)
		}
		go ssh.DiscardRequests(requests)
		if ok, err := ch.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"netconf"})); !ok || err != nil {
			t.Fatalf("got %t, %v", ok, err)
		}
		if said, err := io.ReadAll(ch.Stderr()); err != nil || !strings.Contains(string(said), "the only subsystem that passes") {
			t.Errorf("got %q, %v", said, err)
		}
	}
	_ = c.Close()
	want := map[string]bool{"channel direct-tcpip": true, "subsystem netconf": true}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	for e, err := range h.Ledger.Watch(ctx, -1) {
		if err != nil {
			t.Fatalf("not written down: %v", want)
		}
		if e.Kind != "channel.refused" {
			continue
		}
		if !want[e.Detail["what"]] || e.Actor != h.Eng.ID || !slices.Contains(e.Subjects, "db1.prod") {
			t.Errorf("got %+v", e)
		}
		if delete(want, e.Detail["what"]); len(want) == 0 {
			break
		}
	}
}
