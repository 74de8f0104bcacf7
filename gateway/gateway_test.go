package gateway_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

func newWorld(t *testing.T) *world.World { return world.New(t, "127.0.0.1:1", "SHA256:none") }

func knock(h *world.Human) gateway.Knock {
	return gateway.Knock{
		Who: h.Principal, Key: ssh.FingerprintSHA256(h.SSH.PublicKey()), From: netip.MustParseAddr("127.0.0.1"),
		Do: policy.Shell, On: "db1.prod", Login: "support_nord",
	}
}

func enter(t *testing.T, w *world.World, k gateway.Knock) gateway.Answer {
	t.Helper()
	a, err := w.Gateway.Enter(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func visit(t *testing.T, w *world.World, h *world.Human) *gateway.Visit {
	t.Helper()
	v, a, err := w.Visit(t, h, knock(h))
	if err != nil || v == nil {
		t.Fatalf("got %+v, %v", a.Decision, err)
	}
	t.Cleanup(v.Leave)
	return v
}

func endsWithin(t *testing.T, v *gateway.Visit, d time.Duration, why string) {
	t.Helper()
	select {
	case <-v.Context().Done():
	case <-time.After(d):
		t.Fatalf("the visit still lasts after %s", d)
	}
	if got := context.Cause(v.Context()).Error(); !strings.Contains(got, why) {
		t.Errorf("it ended because %q, want %q", got, why)
	}
}

func TestAKnockIsAnsweredWithWhatToDoNext(t *testing.T) {
	w := newWorld(t)
	k := knock(w.Eng)
	if a := enter(t, w, k); a.Verdict != policy.Ask || a.Request != nil {
		t.Errorf("without a request: got %v %q", a.Verdict, a.Why)
	}
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	if a := enter(t, w, k); a.Verdict != policy.Ask || a.Request == nil || a.Status.Phase != policy.Pending {
		t.Errorf("with a request: got %v %q", a.Verdict, a.Why)
	}
	for _, h := range []*world.Human{w.Ceo, w.Ann} {
		if err := w.Approve(t, h, code); err != nil {
			t.Fatal(err)
		}
	}
	a := enter(t, w, k)
	if a.Verdict != policy.Prove || a.Grant == nil {
		t.Fatalf("with a grant: got %v %q", a.Verdict, a.Why)
	}
	w.Touch(t, w.Eng, a.Terminal)
	if a := enter(t, w, k); a.Verdict != policy.Allow {
		t.Errorf("after the touch: got %v %q", a.Verdict, a.Why)
	}
	other := k
	other.From = netip.MustParseAddr("127.0.0.2")
	if a := enter(t, w, other); a.Verdict != policy.Prove {
		t.Errorf("another address: got %v, want another touch", a.Verdict)
	}
	other = k
	other.Key = knock(w.Mate).Key
	if a := enter(t, w, other); a.Verdict != policy.Deny {
		t.Errorf("another's key: got %v", a.Verdict)
	}
	mate := knock(w.Mate)
	if a := enter(t, w, mate); a.Verdict != policy.Ask || a.Grant != nil || a.Request != nil {
		t.Errorf("somebody else: got %v with %v", a.Verdict, a.Grant)
	}
	k.Login = "deploy"
	if a := enter(t, w, k); a.Verdict != policy.Ask || a.Grant != nil {
		t.Errorf("another login: got %v", a.Verdict)
	}
	k.On = "db9.prod"
	if a := enter(t, w, k); a.Verdict != policy.Deny || a.Code != policy.NoTarget {
		t.Errorf("an unknown target: got %v %v", a.Verdict, a.Code)
	}
}

func TestAVisitIsRecordedAndWrittenDown(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	track, err := v.Recording.Track(recorder.Header{Kind: "exec", Command: "true"})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(track.Output([]byte("hello")), track.Exit(0), track.Close()); err != nil {
		t.Fatal(err)
	}
	if got := w.Gateway.Visits(); len(got) != 1 || got[0].ID != v.Session.ID {
		t.Errorf("got %v", got)
	}
	v.Leave()
	v.Leave() // once more does nothing
	all, err := w.Gateway.SessionsOf(t.Context(), w.Ceo.Principal, code)
	if err != nil || len(all) != 1 || all[0].Root == "" || all[0].Ended.IsZero() || all[0].Cause != "closed by the person" {
		t.Errorf("got %+v, %v", all, err)
	}
	r, err := w.Gateway.Receipt(t.Context(), w.Ann.Principal, code)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := r.Verify(approvals.Pinned{
		Log: world.Log, LogKey: w.Keys.LogKey, Party: world.Party(),
		Executives: []string{w.Ceo.Fingerprint}, Customers: map[string][]string{"nord": {w.Ann.Fingerprint}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		if !s.OK {
			t.Errorf("%+v", s)
		}
	}
	if fails := w.Failures(); len(fails) != 0 {
		t.Errorf("reported %v", fails)
	}
}

func TestAVisitEndsWhenItsGrantDoes(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	a, b := visit(t, w, w.Eng), visit(t, w, w.Eng)
	if d, err := a.May(t.Context(), policy.Exec); err != nil || d.Verdict != policy.Allow {
		t.Fatalf("got %v, %v", d, err)
	}
	if d, err := a.May(t.Context(), policy.Forward); err != nil || d.Verdict != policy.Deny {
		t.Errorf("what the grant lacks: got %v, %v", d.Verdict, err)
	}
	if err := w.Desk.Revoke(t.Context(), w.Ann.Principal, code, "enough"); err != nil {
		t.Fatal(err)
	}
	endsWithin(t, a, time.Second, "revoked by ann@nord.x: enough")
	endsWithin(t, b, time.Second, "revoked by")
	if d, err := a.May(t.Context(), policy.Shell); err != nil || d.Verdict != policy.Deny {
		t.Errorf("after the end: got %v, %v", d.Verdict, err)
	}
	if a := enter(t, w, knock(w.Eng)); a.Verdict != policy.Ask {
		t.Errorf("a revoked grant lets in: %v", a.Verdict)
	}
}

func TestAVisitEndsWhenItsTimeIsUp(t *testing.T) {
	w := newWorld(t)
	code := w.Ask(t, w.Eng, "nord", time.Minute)
	for _, h := range []*world.Human{w.Ceo, w.Ann} {
		if err := w.Approve(t, h, code); err != nil {
			t.Fatal(err)
		}
	}
	shorten(t, w, code, 1500*time.Millisecond)
	v := visit(t, w, w.Eng)
	endsWithin(t, v, 3*time.Second, "time of the grant is up")
}

// shorten makes a grant shorter than anybody can ask for; shorter is always allowed.
func shorten(t *testing.T, w *world.World, code string, d time.Duration) {
	t.Helper()
	err := w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		var g policy.Grant
		if _, err := tx.Get("grant/"+code, &g); err != nil {
			return err
		}
		g.For = d
		if err := tx.Put("grant/"+code, g); err != nil {
			return err
		}
		_, err := tx.Append(ledger.Event{Kind: "test.shorter", Actor: "test"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAVisitEndsWhenItsRuleGoes(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	p := *w.Policy()
	p.Rules = nil
	w.SetPolicy(&p)
	poke(t, w, code)
	endsWithin(t, v, time.Second, "there is no target")
}

// poke appends an event about a request, so that visits under it ask again at once.
func poke(t *testing.T, w *world.World, code string) {
	t.Helper()
	err := w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{Kind: "test.poke", Actor: "test", Subjects: []string{code}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
