package attacks

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/httpproxy"
	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/tests/door"
	"lockbox/tests/world"
)

// TestC33ARestartBetweenStepsChangesNothing: each step begins on a ledger that was
// opened and checked anew, and opens as little as it would have.
func TestC33ARestartBetweenStepsChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.WithGlass()
	c := w.Sealed(t)
	again := func() *world.World {
		t.Helper()
		n, err := restarted(t, w, time.Now)
		must(t, err)
		n.Charter, n.Desk.Charter = w.Charter, w.Charter
		n.Desk.Forget, n.Desk.Over = n.Gateway.Forget, n.Gateway.Over
		return n
	}
	n := again()
	code, err := breaks(t, n, n.Eng, c)
	must(t, err)
	for _, step := range []func(){
		func() {},
		func() { _, err = breaks(t, n, n.Mate, c); wantNo(t, err, "waits with another request") },
	} {
		if n = again(); lets(t, n.Gateway, knock(n.Eng)) {
			t.Fatal("a restart opens the door to a code alone")
		}
		step()
	}
	b, err := n.Desk.Prepare(t.Context(), n.Mate.Principal, code, policy.Terms{})
	must(t, err)
	a := n.Sign(t, n.Mate, b.Domain(), b.Statement)
	n = again() // between the sheet and the signature
	_, err = n.Desk.Approve(t.Context(), n.Mate.Principal, b.Nonce, a)
	must(t, err)
	n = again()
	_, err = n.Desk.Approve(t.Context(), n.Mate.Principal, b.Nonce, a)
	wantNo(t, err, "used already")
	for _, h := range []*world.Human{n.Eng, n.Mate} {
		_, err = breaks(t, n, h, c)
		wantNo(t, err, "was used for "+code)
	}
	if got, err := n.Gateway.Enter(t.Context(), knock(n.Eng)); err != nil || got.Verdict != policy.Prove {
		t.Errorf("after a restart: %+v, %v, want a touch", got.Decision, err)
	}
	in := visit(t, n, knock(n.Eng))
	in.Leave()
	n = again()
	x, err := n.Desk.IncidentOf(t.Context(), n.Ceo.Principal, code)
	if err != nil || !x.Settled.IsZero() || x.Motion == "" {
		t.Errorf("the incident is %+v, %v", x, err)
	}
	must(t, n.Ledger.Check(t.Context()))
}

// TestC33AFullDiskKeepsRoomForAnEmergency, and for nothing else.
func TestC33AFullDiskKeepsRoomForAnEmergency(t *testing.T) {
	w := newWorld(t)
	w.WithGlass()
	w.Shelf.MinFree = 1 << 60 // it is full
	w.Grant(t, w.Mate, time.Hour)
	v, _, err := w.Visit(t, w.Mate, knock(w.Mate))
	if err == nil || v != nil {
		t.Fatal("a normal session opens on a full disk")
	}
	wantNo(t, err, "the recorder cannot write")
	w.Break(t, w.Eng, w.Mate)
	in := visit(t, w, knock(w.Eng))
	tr, err := in.Recording.Track(recorder.Header{Kind: "pty"})
	must(t, err)
	must(t, tr.Output([]byte("it is recorded")))
	in.Leave()
}

// webGlass adds to a web application's policy that the glass may be broken for it.
func webGlass(p *policy.Policy, do ...policy.Action) {
	p.Groups["oncall"] = []string{"eng@x.eu", "mate@x.eu"}
	p.Rules = append(p.Rules, policy.Rule{
		Name: "emergency", Position: "policy/rules.yaml:20:1", Actions: do, Groups: []string{"engineers"}, Targets: []string{"db1.prod", door.Wiki}, Fresh: 15 * time.Minute,
		Stages: []policy.Stage{{Kind: policy.ByGlass, Group: "oncall", Count: 1, Expires: 15 * time.Minute}},
		Limits: policy.Limits{Default: 30 * time.Minute, Max: time.Hour, ActivateWithin: 15 * time.Minute},
	})
}

// TestC33TheHTTPDoorOpensOnlyToWhatTheRuleNames: an emergency for a shell is none
// for an application, and one for reading is none for writing.
func TestC33TheHTTPDoorOpensOnlyToWhatTheRuleNames(t *testing.T) {
	t.Parallel()
	c := newCanary(t)
	s := door.NewWeb(t, c.Listener.Addr().String(), func(p *policy.Policy, _ *httpproxy.Door) { webGlass(p, policy.Shell, policy.HTTPGet) })
	at := gateway.Knock{Who: s.Eng.Principal, Key: approvals.Browser + strings.Repeat("a0", 16), From: netip.MustParseAddr("127.0.0.1"), Do: policy.HTTPGet, On: door.Wiki, Login: "web"}
	_, at.Web = s.SignIn(t, s.Eng)
	s.Break(t, s.Eng, s.Mate) // a shell on db1.prod
	if lets(t, s.Gateway, at) {
		t.Error("an emergency for a shell opens an application")
	}
	a := approvals.Application{Target: door.Wiki, Do: policy.HTTPPut, From: at.From, Need: world.Emergency().Need}
	_, err := s.Desk.BreakGlass(t.Context(), s.Eng.Principal, a, s.Sealed(t))
	wantNo(t, err, "no rule lets you break the glass for http-write")
	a.Do = policy.HTTPGet
	v, err := s.Desk.BreakGlass(t.Context(), s.Eng.Principal, a, s.Sealed(t))
	must(t, err)
	must(t, s.Approve(t, s.Mate, v.Request.ID))
	web := at
	web.Do = policy.HTTPPut
	if lets(t, s.Gateway, web) {
		t.Error("an emergency for reading writes")
	}
	b := s.Browser(t, false)
	s.Admit(t, s.Eng, b.Arrive(t, "/"), at.Web)
	k := knock(s.Eng)
	k.On, k.Login = door.Wiki, "web"
	if lets(t, s.Gateway, k) {
		t.Error("an emergency for an application is one for a shell")
	}
}

// TestC33TheLockShutsBothDoors at the instant, and ends what is open at either,
// whatever let it in; two executives open them again.
func TestC33TheLockShutsBothDoors(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		p := *w.Policy()
		web := door.WebPolicy("127.0.0.1:2")
		p.Targets = map[string]*policy.Target{"db1.prod": p.Targets["db1.prod"], door.Wiki: web.Targets[door.Wiki]}
		p.Rules = append(p.Rules, web.Rules[len(web.Rules)-1])
		w.SetPolicy(&p)
		code := w.Break(t, w.Eng, w.Mate)
		time.Sleep(policy.RatifyWithin - 10*time.Minute)
		site := door.Web{World: w}
		w.Grant(t, w.Mate, time.Hour)
		shell := knock(w.Mate)                                                                                                                                            // on the machine that is to be locked
		page := gateway.Knock{Who: w.Eng.Principal, Key: approvals.Browser + strings.Repeat("a0", 16), From: shell.From, Do: policy.HTTPGet, On: door.Wiki, Login: "web"} // of the person who is
		_, page.Web = site.SignIn(t, w.Eng)
		site.Grant(t, w.Eng, policy.HTTPGet)
		a, err := w.Gateway.Enter(t.Context(), page)
		must(t, err)
		site.TouchHere(t, w.Eng, a.Terminal)
		in, got, err := w.Visit(t, w.Mate, shell)
		if err != nil || in == nil {
			t.Fatalf("got %+v, %v", got.Decision, err)
		}
		t.Cleanup(in.Leave)
		on := visit(t, w, page)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		for where, v := range map[string]*gateway.Visit{"the SSH door": in, "the HTTP door": on} {
			if v.Context().Err() == nil {
				t.Errorf("a session at %s outlives the lock", where)
			}
		}
		for _, k := range []gateway.Knock{shell, page} {
			if got, err := w.Gateway.Enter(t.Context(), k); err != nil || got.Verdict != policy.Deny || !strings.Contains(got.Why.String(), "nobody ratified it") {
				t.Errorf("%s on %s: got %+v, %v", k.Do, k.On, got.Decision, err)
			}
		}
		must(t, w.Ratify(t, code, w.Ceo, w.Cto))
		for _, k := range []gateway.Knock{shell, page} {
			if !lets(t, w.Gateway, k) {
				t.Errorf("two executives do not unlock %s on %s", k.Do, k.On)
			}
		}
	})
}
