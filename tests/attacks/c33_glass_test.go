package attacks

import (
	"testing"
	"testing/synctest"
	"time"

	"lockbox/policy"
	"lockbox/tests/world"
)

// inGlass is a world with a rule for emergencies, in a time of its own.
func inGlass(t *testing.T, test func(*testing.T, *world.World)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := world.New(t, "127.0.0.1:1", "SHA256:none")
		w.WithGlass()
		test(t, w)
	})
}

// TestC33TheGlassIsBrokenByACodeASecondPersonAndATouch is the whole story; each
// step before the last opens nothing.
func TestC33TheGlassIsBrokenByACodeASecondPersonAndATouch(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		if lets(t, w.Gateway, knock(w.Eng)) {
			t.Fatal("the gateway lets somebody in who asked for nothing")
		}
		v, err := w.Desk.BreakGlass(t.Context(), w.Eng.Principal, world.Emergency(), w.Sealed(t))
		must(t, err)
		code := v.Request.ID
		if a, err := w.Gateway.Enter(t.Context(), knock(w.Eng)); err != nil || a.Verdict == policy.Allow || a.Verdict == policy.Prove || a.Request == nil || a.Request.ID != code {
			t.Fatalf("the code alone: %+v, %v", a.Decision, err)
		}
		must(t, w.Approve(t, w.Mate, code))
		a, err := w.Gateway.Enter(t.Context(), knock(w.Eng))
		if err != nil || a.Verdict != policy.Prove || !a.Grant.Emergency || a.Grant.For > time.Hour {
			t.Fatalf("code and second person: %+v, %v", a, err)
		}
		visit := visit(t, w, knock(w.Eng))
		if g := visit.Grant(); g.ID != code || g.NotAfter.Sub(g.Activated) != 30*time.Minute {
			t.Errorf("got %+v", g)
		}
		x, err := w.Desk.IncidentOf(t.Context(), w.Ceo.Principal, code)
		if err != nil || x.Locked || !x.Settled.IsZero() || x.Motion == "" {
			t.Errorf("the incident is %+v, %v", x, err)
		}
		must(t, w.Ratify(t, code, w.Cto))
		if x, err = w.Desk.IncidentOf(t.Context(), w.Ann.Principal, code); err != nil || !x.InTime {
			t.Errorf("once ratified it is %+v, %v", x, err)
		}
		visit.Leave()
		time.Sleep(25 * time.Hour)
		w.Grant(t, w.Eng, time.Hour)
		if !lets(t, w.Gateway, knock(w.Eng)) {
			t.Error("an emergency that was ratified locks")
		}
	})
}

// TestC33WithoutRatificationPersonAndTargetAreLocked: whatever door, name or
// grant; and only two executives undo it.
func TestC33WithoutRatificationPersonAndTargetAreLocked(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		code := w.Break(t, w.Eng, w.Mate)
		visit(t, w, knock(w.Eng)).Leave()
		time.Sleep(24*time.Hour - 10*time.Minute)
		w.Grant(t, w.Eng, time.Hour)
		w.Grant(t, w.Mate, time.Hour)
		open := visit(t, w, knock(w.Eng))
		if left := time.Until(open.Until()); left > 10*time.Minute {
			t.Errorf("a session reaches %s into the lock", left-10*time.Minute)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if open.Context().Err() == nil {
			t.Error("an open session outlives the lock")
		}
		for _, h := range []*world.Human{w.Eng, w.Mate} {
			a, err := w.Gateway.Enter(t.Context(), knock(h))
			if err != nil || a.Verdict != policy.Deny {
				t.Fatalf("%s is not locked: %+v %v", h.ID, a.Decision, err)
			}
			wantSays(t, a.Why.String(), "two executives settle it at /incidents/"+code)
			_, err = w.Desk.Submit(t.Context(), h.Principal, world.Emergency())
			wantNo(t, err, "nobody ratified it")
			_, err = w.Desk.BreakGlass(t.Context(), h.Principal, world.Emergency(), w.Sealed(t))
			wantNo(t, err, "nobody ratified it")
		}
		must(t, w.Desk.Sweep(t.Context()))
		must(t, w.Ratify(t, code, w.Ceo))
		if lets(t, w.Gateway, knock(w.Mate)) {
			t.Error("one executive unlocks alone what was late")
		}
		must(t, w.Ratify(t, code, w.Cto))
		if !lets(t, w.Gateway, knock(w.Mate)) {
			t.Error("two executives do not unlock")
		}
	})
}

func wantSays(t testing.TB, got, says string) {
	t.Helper()
	wantNo(t, errText(got), says)
}

type errText string

func (e errText) Error() string { return string(e) }
