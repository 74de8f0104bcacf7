//go:build look

package portal

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/tests/e2e/harness"
	"lockbox/tests/world"
)

const shots = "/tmp/w/shots"

func audit(t *testing.T, p *harness.Person, name string) {
	src, err := os.ReadFile("/tmp/w/axe/package/axe.min.js")
	must(t, err)
	p.Eval(string(src) + `;window.__r="";axe.run(document,{runOnly:["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa","best-practice"]}).then(r=>{if(!window.__n){console.log("axe");}window.__r="done "+(r.passes.length<5?"too few passes "+r.passes.length:"")+r.violations.map(v=>v.id+": "+v.nodes.map(n=>n.target.join(" ")+" "+n.failureSummary.slice(0,200)).join(" | ")).join("\n")},e=>{window.__r="done failed "+e});""`)
	for range 100 {
		if r := p.Eval(`window.__r`); strings.HasPrefix(r, "done") {
			if r != "done " {
				t.Errorf("%s: axe: %s", name, r)
			}
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%s: axe does not end", name)
}

func shoot(t *testing.T, p *harness.Person, name string) {
	must(t, os.MkdirAll(shots, 0o755))
	save := func(suffix string, png []byte) {
		must(t, os.WriteFile(filepath.Join(shots, name+"-"+suffix+".png"), png, 0o644))
	}
	for _, v := range []struct {
		w, h int
		dark bool
		s    string
	}{{390, 844, false, "phone-light"}, {1280, 900, true, "desk-dark"}} {
		save(v.s, p.Screenshot(v.w, v.h, v.dark))
		audit(t, p, name+" "+v.s)
	}
	for _, v := range []struct {
		w    int
		dark bool
		s    string
	}{{390, true, "tall-dark"}, {1280, false, "desk-light"}, {320, false, "320"}} {
		p.Screen(v.w, 844, v.dark)
		wide, _ := strconv.Atoi(p.Eval(`""+document.documentElement.scrollWidth`))
		inner, _ := strconv.Atoi(p.Eval(`""+document.documentElement.clientWidth`))
		if wide > inner {
			t.Errorf("%s at %d: scrolls sideways: %d > %d: %s", name, v.w, wide, inner, p.Eval(`[...document.querySelectorAll("body *")].filter(e=>e.getBoundingClientRect().right>document.documentElement.clientWidth+1).map(e=>e.tagName+"."+e.className).join(" ")`))
		}
		h, _ := strconv.Atoi(p.Eval(`""+Math.max(844, document.documentElement.scrollHeight)`))
		save(v.s, p.Screenshot(v.w, h, v.dark))
	}
	p.Screen(390, 844, false)
}

func TestLook(t *testing.T) {
	pol := world.Policy("127.0.0.1:1", "")
	pol.Groups[policy.Operators] = []string{"ops@x.eu"}
	pol.Rules[0].Ticket = `INC-[0-9]+`
	s := newSite(t, pol)
	b := harness.StartBrowser(t)
	eng, ceo, ann, mate, bo := b.Person("eng"), b.Person("ceo"), b.Person("ann"), b.Person("mate"), b.Person("bo")
	enrol := func(p *harness.Person, name string, v identity.Invite) {
		p.Goto(s.invite(v))
		if name != "" {
			shoot(t, p, name+"1")
		}
		p.Press("Make the passkey")
		p.WaitText("Your passkey is made")
		if name != "" {
			shoot(t, p, name+"2")
		}
	}
	enrol(ceo, "", identity.Invite{ID: "ceo@x.eu", Name: "Clara Eskildsen", Kind: policy.Executive, Founds: true})
	enrol(ann, "", identity.Invite{ID: "ann@nord.x", Name: "Ann Nordby", Kind: policy.Reviewer, Customer: "nord", Founds: true})
	enrol(bo, "", identity.Invite{ID: "bo@syd.x", Name: "Bo Sydholm", Kind: policy.Reviewer, Customer: "syd", Founds: true})
	enrol(eng, "enroll", identity.Invite{ID: "eng@x.eu", Name: "Mads Holm", Kind: policy.Staff, SSHKey: sshKey(t), Founds: true})
	eng.Press("Sign with your passkey")
	eng.WaitText("The SSH key is yours.")
	enrol(mate, "waiting", identity.Invite{ID: "mate@x.eu", Name: "Karen Vestergaard-Christiansen", Kind: policy.Staff})
	mate.Goto(s.url + "/")
	shoot(t, mate, "signin")
	mate.Press("Sign in with a passkey")
	mate.WaitText("Waiting for confirmation")
	shoot(t, mate, "patience")

	eng.Goto(s.url + "/r/new")
	eng.Press("Sign in with a passkey")
	eng.WaitText("To what?")
	shoot(t, eng, "targets")
	eng.Goto(s.url + "/r/new?t=db1.prod")
	shoot(t, eng, "ask")
	eng.Choose("#customer", "nord")
	eng.Choose("#reason", "outage")
	eng.Eval(`document.querySelector("#text").value = "contract stuck in state 7, check two rows"`)
	eng.Eval(`document.querySelector("#ticket").value = "4312"`)
	eng.Press("Send the request")
	eng.WaitText("not sent")
	shoot(t, eng, "askwrong")
	eng.Eval(`document.querySelector("#ticket").value = "INC-4312"`)
	eng.Press("Send the request")
	eng.WaitText("Waiting for an answer.")
	shoot(t, eng, "request-pending")
	code := eng.URL()[strings.LastIndex(eng.URL(), "/")+1:]

	v, err := s.Desk.Submit(t.Context(), s.principal("eng@x.eu"), approvals.Application{
		Target: "db1.prod", Login: "deploy", Do: policy.Shell, For: 4 * time.Hour,
		Need: policy.Need{Reason: "customer-case", Text: "the nightly export of two customers did not finish and holds a lock; look at the queue, then restart the exporter", Ticket: "INC-4313"},
	})
	must(t, err)

	ceo.Goto(s.url + "/")
	ceo.Press("Sign in with a passkey")
	ceo.WaitText("Needs you")
	shoot(t, ceo, "inbox-board")
	ceo.Goto(s.url + "/a/" + v.Request.ID)
	shoot(t, ceo, "board2")
	ceo.Goto(s.url + "/a/" + code)
	shoot(t, ceo, "board")
	ceo.Press("30 min")
	ceo.WaitText("lockbox-approval/v1")
	shoot(t, ceo, "sign")
	ceo.Press("Sign with your passkey")
	ceo.WaitText("You approved this for 30 minutes.")
	shoot(t, ceo, "board-done")

	ann.Goto(s.url + "/c/" + code)
	ann.Press("Sign in with a passkey")
	ann.WaitText("for 30 minutes")
	shoot(t, ann, "customer")
	ann.Goto(s.url + "/c/" + v.Request.ID)
	shoot(t, ann, "customer2")
	ann.Goto(s.url + "/c/" + code)
	ann.Press("Approve 30 min")
	ann.Press("Sign with your passkey")
	ann.WaitText("All have approved.")
	shoot(t, ann, "customer-done")
	ann.Goto(s.url + "/")
	shoot(t, ann, "inbox-customer")

	eng.WaitText("Approved for 30 minutes.") // by itself
	shoot(t, eng, "request-approved")
	var number string
	for i := range 2 {
		touch, err := s.Desk.AskTouch(t.Context(), approvals.Terminal{
			Person: s.principal("eng@x.eu"), Key: "SHA256:DkMyKTk2mEyeVQDwZOrEBC46xyJvEtPmIu1xcPkc0VY", Source: fmt.Sprintf("2001:db8::%d", i+7), Target: "db1.prod", Login: "support_nord", Grant: code,
		})
		must(t, err)
		number = touch.Number
		eng.Goto(s.url + "/t/" + code)
		shoot(t, eng, fmt.Sprintf("touch%d", i+1))
	}
	eng.Goto(s.url + "/")
	shoot(t, eng, "inbox-eng")
	eng.Goto(s.url + "/t/" + code)
	eng.Type("input.number", "01")
	eng.Press("Go on")
	eng.WaitText("not the number")
	shoot(t, eng, "touchwrong")
	_ = number
	open, err := s.Desk.Touches(t.Context(), s.principal("eng@x.eu"), code)
	must(t, err)
	_ = open
	id := s.session("eng@x.eu", code, func(r *recorder.Recording) {
		tr, err := r.Track(recorder.Header{Kind: "pty", Term: "xterm", Cols: 80, Rows: 24})
		must(t, err)
		for i := range 30 {
			must(t, tr.Output([]byte(fmt.Sprintf("\x1b[32mmads@db1\x1b[0m:~$ select %d from contracts;\r\n state │ count\r\n ──────┼──────\r\n     7 │ 2\r\n\x1b]52;c;ZXZpbA==\x07\x1b]0;evil\x07\x1b[6n", i))))
			time.Sleep(20 * time.Millisecond)
		}
		must(t, tr.Exit(0))
		must(t, tr.Close())
		tr, err = r.Track(recorder.Header{Kind: "exec", Command: "pg_dump --table contracts --data-only | head -n 20 | sed 's/[0-9]/x/g' | sort -u"})
		must(t, err)
		must(t, tr.Output([]byte("row 1\nrow 2\n")))
		must(t, tr.Exit(3))
		must(t, tr.Close())
	})
	eng.Goto(s.url + "/r/" + code)
	shoot(t, eng, "request-session")
	eng.Goto(s.url + "/s/" + id)
	shoot(t, eng, "session")
	eng.Type("#purpose", "compare with what I remember")
	eng.Press("Show the recording")
	eng.WaitText("Terminal")
	time.Sleep(time.Second)
	shoot(t, eng, "replay")
	fmt.Println("complaints after player:", eng.Complaints())
	eng.Click(".ap-overlay-start, .ap-player, .player")
	time.Sleep(1500 * time.Millisecond)
	shoot(t, eng, "replaying")
	fmt.Println("complaints playing:", eng.Complaints())
	eng.Goto(s.url + "/s/" + id + "#exec1")
	time.Sleep(time.Second)
	shoot(t, eng, "replay-exec")
	eng.Goto(s.url + "/me/keys")
	shoot(t, eng, "keys")
	eng.Eval(`document.querySelector("#line").value = "` + sshKey(t) + `"`)
	eng.Press("Add the key")
	eng.WaitText("lockbox-ssh-key/v1")
	shoot(t, eng, "keysign")
	ceo.Goto(s.url + "/people")
	shoot(t, ceo, "people")
	ceo.Goto(s.url + "/status")
	shoot(t, ceo, "status")
	ceo.Goto(s.url + "/r/" + code)
	shoot(t, ceo, "request-ceo")
	ceo.Goto(s.url + "/r/ZZZZ")
	shoot(t, ceo, "unknown")
	ceo.Goto(s.url + "/legal/recording-notice")
	shoot(t, ceo, "notice")
	ceo.Goto(s.url + "/a/" + v.Request.ID + "?lang=da")
	shoot(t, ceo, "board-da")
	ann.Goto(s.url + "/c/" + v.Request.ID + "?lang=da")
	shoot(t, ann, "customer-da")
	ann.Goto(s.url + "/r/" + v.Request.ID + "?lang=da")
	shoot(t, ann, "request-da")
	for _, p := range []*harness.Person{eng, ceo, ann, mate} {
		fmt.Println(p.Name, p.Complaints())
	}
}
