package gateway_test

import (
	"errors"
	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestNoRecordingNoSession(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	if err := os.WriteFile(filepath.Join(w.Dir, "recordings"), nil, 0o600); err != nil { // a file where the folder should be
		t.Fatal(err)
	}
	v, _, err := w.Visit(t, w.Eng, knock(w.Eng))
	var why *gateway.Ending
	if v != nil || !errors.As(err, &why) || why.Code != gateway.NoRecorder {
		t.Errorf("got %v, %v", v, err)
	}
	if len(w.Gateway.Visits()) != 0 {
		t.Error("a visit is left")
	}
}

// TestALiveRecordingThatFailsEndsTheSession takes the folder away under a busy
// session and under a quiet one, which writes nothing that could fail.
func TestALiveRecordingThatFailsEndsTheSession(t *testing.T) {
	for _, busy := range []bool{true, false} {
		w := newWorld(t)
		w.Grant(t, w.Eng, time.Hour)
		v := visit(t, w, w.Eng)
		track, err := v.Recording.Track(recorder.Header{Kind: "exec", Command: "yes"})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(w.Shelf.Dir, w.Shelf.Dir+".gone"); err != nil {
			t.Fatal(err)
		}
		for block := make([]byte, 32<<10); busy && v.Context().Err() == nil; {
			if err := track.Output(block); err != nil {
				break
			}
		}
		endsWithin(t, v, 2*time.Second, "recorder")
	}
}

func TestARevocationBetweenAskingAndOpeningIsSeen(t *testing.T) {
	w := newWorld(t)
	for range 18 { // a person may ask 20 times a day
		code := w.Grant(t, w.Eng, time.Hour)
		a := enter(t, w, knock(w.Eng))
		if a.Verdict == policy.Prove {
			w.Touch(t, w.Eng, a.Terminal)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := w.Desk.Revoke(t.Context(), w.Ceo.Principal, code, ""); err != nil {
				t.Error(err)
			}
		})
		v, _, err := w.Gateway.Visit(t.Context(), knock(w.Eng))
		if err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if v != nil {
			endsWithin(t, v, time.Second, "")
			v.Leave()
		}
	}
	if left := w.Gateway.Visits(); len(left) != 0 {
		t.Errorf("%d sessions outlive their revocation", len(left))
	}
}

func TestAForgedGrantLetsNobodyIn(t *testing.T) {
	w := newWorld(t)
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	forge := func(g policy.Grant) {
		t.Helper()
		err := w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
			if err := tx.Put("grant/"+code, g); err != nil {
				return err
			}
			_, err := tx.Append(ledger.Event{Kind: "grant.made", Actor: "lockbox", Subjects: []string{code}})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	asked, err := w.Desk.See(t.Context(), w.Eng.Principal, code)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	forge(policy.Grant{
		ID: code, Who: w.Eng.Principal, Target: "db1.prod", Login: "support_nord", Actions: []policy.Action{policy.Shell}, Customers: []string{"nord"},
		Reason: "outage", Machine: w.Policy().Targets["db1.prod"].Machine(), For: time.Hour, Made: now, ActivateBefore: now.Add(time.Hour), Stages: asked.Request.Stages,
	})
	var unproven *gateway.Unproven
	if a, err := w.Gateway.Enter(t.Context(), knock(w.Eng)); !errors.As(err, &unproven) {
		t.Errorf("got %v, %v", a.Verdict, err)
	}
	if v, _, err := w.Gateway.Visit(t.Context(), knock(w.Eng)); v != nil || err == nil {
		t.Error("a forged grant opens a session")
	}
}

func TestLooksAreDecidedAndWrittenDown(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	v.Leave()
	for _, h := range []*world.Human{w.Eng, w.Ceo, w.Ann} {
		if _, err := w.Gateway.Look(t.Context(), h.Principal, v.Session.ID, "to see"); err != nil {
			t.Errorf("%s: %v", h.ID, err)
		}
	}
	for _, h := range []*world.Human{w.Mate, w.Bo} {
		if _, err := w.Gateway.Look(t.Context(), h.Principal, v.Session.ID, "to see"); !errors.Is(err, approvals.ErrUnknown) {
			t.Errorf("%s: got %v", h.ID, err)
		}
	}
	for _, id := range []string{"", "../../etc", strings.Repeat("0", 26)} {
		if _, err := w.Gateway.Look(t.Context(), w.Ceo.Principal, id, ""); !errors.Is(err, approvals.ErrUnknown) {
			t.Errorf("%q: got %v", id, err)
		}
	}
	shared := w.Ask(t, w.Eng, "", time.Hour)
	for _, h := range []*world.Human{w.Ceo, w.Ann, w.Bo} {
		if err := w.Approve(t, h, shared); err != nil {
			t.Fatal(err)
		}
	}
	k := knock(w.Eng)
	k.Login = "deploy"
	both, _, err := w.Visit(t, w.Eng, k)
	if err != nil {
		t.Fatal(err)
	}
	both.Leave()
	for _, h := range []*world.Human{w.Ann, w.Bo} {
		if _, err := w.Gateway.Look(t.Context(), h.Principal, both.Session.ID, "to see"); !errors.Is(err, approvals.ErrUnknown) {
			t.Errorf("%s looks at what holds another customer's data: got %v", h.ID, err)
		}
	}
	looks := 0
	events, err := w.Ledger.After(t.Context(), -1, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Kind == "session.looked-at" {
			looks++
		}
	}
	if looks != 3 {
		t.Errorf("%d looks are written down, want 3", looks)
	}
}

func TestWhatACrashLeftIsClosed(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	s := recorder.Session{ID: recorder.NewID(time.Now()), Request: code, Target: "db1.prod", Login: "support_nord", Who: w.Eng.Principal, Began: time.Now()}
	err := w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		for key, v := range map[string]any{
			"open/" + s.ID: s.ID, "of/" + code + "/" + s.ID: s.ID, "session/" + s.ID: s,
		} {
			if err := tx.Put(key, v); err != nil {
				return err
			}
		}
		_, err := tx.Append(ledger.Event{Kind: "session.open", Actor: w.Eng.ID, Subjects: []string{s.ID, code}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second start finds nothing more
		if err := w.Gateway.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	all, err := w.Gateway.SessionsOf(t.Context(), w.Eng.Principal, code)
	if err != nil || len(all) != 1 || all[0].Ended.IsZero() || !strings.Contains(all[0].Cause, "could not be recovered") {
		t.Errorf("got %+v, %v", all, err)
	}
}

func TestACloseEndsAllAndLetsNobodyInAnyMore(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Gateway.Close("the gateway is stopping")
	}()
	endsWithin(t, v, time.Second, "stopping")
	v.Leave()
	<-done
	if v, _, err := w.Gateway.Visit(t.Context(), knock(w.Eng)); v != nil {
		t.Errorf("somebody came in: %v", err)
	}
}
