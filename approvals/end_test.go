package approvals

import (
	"context"
	"encoding/json"
	"errors"
	"lockbox/policy"
	"strings"
	"testing"
	"time"
)

func TestTimeEndsRequestsAndGrants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pending := w.submit(t)
	w.later(13 * time.Hour)
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v, err := w.See(t.Context(), w.eng.Principal, pending); err != nil || v.Status.Phase != policy.Expired {
		t.Errorf("got %s, %v; an expired request stays visible", v.Status.Phase, err)
	}
	code := w.granted(t)
	w.later(time.Hour)
	if g, err := w.standing(t, code); err != nil || g.Over(time.Now().Add(14*time.Hour+time.Minute)) == "" {
		t.Errorf("got %+v, %v", g, err)
	}
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if mine, err := w.Mine(t.Context(), w.eng.ID); err != nil || len(mine) != 0 {
		t.Errorf("%d are still open, %v", len(mine), err)
	}
	wantRefusal(t, w.GiveBack(t.Context(), w.eng.Principal, code), "nothing to end")
}

func TestWhoEndsAGrant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.granted(t)
	for _, h := range []*human{w.mate, w.bo} {
		if err := w.Revoke(t.Context(), h.Principal, code, "no"); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: got %v", h.ID, err)
		}
	}
	wantRefusal(t, w.Revoke(t.Context(), w.aud.Principal, code, "no"), "not yours")
	wantRefusal(t, w.Withdraw(t.Context(), w.eng.Principal, code), "give-back")
	if err := w.Revoke(t.Context(), w.ann.Principal, code, "we see nothing stuck"); err != nil {
		t.Fatal(err)
	}
	if why, err := w.Ended(t.Context(), code); err != nil || why.Code != policy.WasRevoked {
		t.Errorf("got %+v, %v", why, err)
	}
	other := app()
	other.For = time.Minute
	v, err := w.Submit(t.Context(), w.eng.Principal, other)
	if err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, w.GiveBack(t.Context(), w.eng.Principal, v.Request.ID), "no grant")
	if err := w.Withdraw(t.Context(), w.eng.Principal, v.Request.ID); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, w.approve(t, w.ceo, v.Request.ID, 0), "withdrawn")
}

func TestACustomerSeesNothingOfAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := app()
	a.Login = "deploy"
	v, err := w.Submit(t.Context(), w.eng.Principal, a)
	if err != nil {
		t.Fatal(err)
	}
	code := v.Request.ID
	if err := w.approve(t, w.ceo, code, 0); err != nil {
		t.Fatal(err)
	}
	if err := w.approve(t, w.bo, code, 0); err != nil {
		t.Fatal(err)
	}
	b, err := w.Prepare(t.Context(), w.ann.Principal, code, policy.Terms{})
	if err != nil {
		t.Fatal(err)
	}
	seen, err := w.See(t.Context(), w.ann.Principal, code)
	if err != nil {
		t.Fatal(err)
	}
	if len(seen.Request.Customers) != 1 || len(seen.Request.Votes) != 1 || len(seen.Request.Stages) != 2 || len(seen.Status.Stages) != 2 {
		t.Errorf("nord sees %+v", seen.Request)
	}
	if strings.Contains(string(b.Statement), "syd") {
		t.Errorf("nord signs\n%s", b.Statement)
	}
	if _, err := w.Approve(t.Context(), w.ann.Principal, b.Nonce, w.ann.sign(b.Challenge())); err != nil {
		t.Fatal(err)
	}
	if _, err := w.standing(t, code); err != nil {
		t.Error(err)
	}
	r, err := w.Receipt(t.Context(), w.ann.Principal, code, nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"syd", "Bo"} {
		if strings.Contains(string(data), `"`+secret) {
			t.Errorf("nord gets a receipt with %s in it", secret)
		}
	}
}

func TestFollowTellsEveryChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.submit(t)
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	phases := make(chan View, 16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for v, err := range w.Follow(ctx, w.eng.Principal, code) {
			if err != nil {
				return
			}
			phases <- v
		}
	}()
	until := func(fit func(View) bool) {
		t.Helper()
		for {
			select {
			case v := <-phases:
				if fit(v) {
					return
				}
			case <-ctx.Done():
				t.Fatal("never told")
			}
		}
	}
	until(func(v View) bool { return v.Status.Phase == policy.Pending })
	if err := w.approve(t, w.ceo, code, 0); err != nil {
		t.Fatal(err)
	}
	until(func(v View) bool { return len(v.Request.Votes) == 1 })
	if err := w.approve(t, w.ann, code, 0); err != nil {
		t.Fatal(err)
	}
	until(func(v View) bool { return v.Grant != nil })
	if err := w.Revoke(t.Context(), w.ceo.Principal, code, ""); err != nil {
		t.Fatal(err)
	}
	until(func(v View) bool { return !v.Grant.Revoked.IsZero() })
	stop()
	<-done
	for _, err := range w.Follow(t.Context(), w.mate.Principal, code) {
		if !errors.Is(err, ErrUnknown) {
			t.Errorf("another engineer follows: %v", err)
		}
		break
	}
}
