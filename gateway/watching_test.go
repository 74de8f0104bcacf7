package gateway_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// watchedGrant is a grant of Eng's under which one who decides has to watch.
func watchedGrant(t *testing.T, w *world.World) string {
	t.Helper()
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	for _, h := range []*world.Human{w.Ceo, w.Ann} {
		b, err := w.Desk.Prepare(t.Context(), h.Principal, code, policy.Terms{Watched: h == w.Ann})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Desk.Approve(t.Context(), h.Principal, b.Nonce, w.Sign(t, h, statement.ForApproval, b.Statement)); err != nil {
			t.Fatal(err)
		}
	}
	return code
}

// watch takes a place until the test or leave ends it.
func watch(t *testing.T, w *world.World, h *world.Human, session string) (ctx context.Context, leave func()) {
	t.Helper()
	in, leave := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(leave)
	watcher, ctx, err := w.Gateway.Watch(in, h.Principal, session, "to see what is done")
	if err != nil {
		t.Fatalf("%s: %v", h.ID, err)
	}
	if watcher.Live == nil || watcher.Session.ID != session {
		t.Fatalf("got %+v", watcher)
	}
	return ctx, leave
}

// halts waits until what holds the visit back is as it should be.
func halts(t *testing.T, v *gateway.Visit, what string, is func(gateway.Halt) bool) gateway.Halt {
	t.Helper()
	var h gateway.Halt
	becomes(t, v, what, func(gateway.Frozen) bool { h, _ = v.Halted(); return is(h) })
	return h
}

func runs(h gateway.Halt) bool  { return h == gateway.Halt{} }
func alone(h gateway.Halt) bool { return h.Watch }

// eventually waits until it is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for late := time.After(5 * time.Second); !is(); {
		select {
		case <-late:
			t.Fatalf("it does not come to this: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func ended(t *testing.T, ctx context.Context, d time.Duration) error {
	t.Helper()
	select {
	case <-ctx.Done():
	case <-time.After(d):
		t.Fatalf("the watching still lasts after %s", d)
	}
	return context.Cause(ctx)
}

func TestWhoWatchesIsDecidedAndWrittenDown(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	for _, h := range []*world.Human{w.Mate, w.Bo, w.Lone} {
		if _, _, err := w.Gateway.Watch(t.Context(), h.Principal, v.Session.ID, "to see"); !errors.Is(err, approvals.ErrUnknown) {
			t.Errorf("%s watches: %v", h.ID, err)
		}
	}
	for _, id := range []string{"", "../../etc", strings.Repeat("0", 26)} {
		if _, _, err := w.Gateway.Watch(t.Context(), w.Ceo.Principal, id, "to see"); !errors.Is(err, approvals.ErrUnknown) {
			t.Errorf("%q: got %v", id, err)
		}
	}
	if _, _, err := w.Gateway.Watch(t.Context(), w.Ceo.Principal, v.Session.ID, " "); err == nil {
		t.Error("somebody watches for no reason")
	}
	_, leave := watch(t, w, w.Ann, v.Session.ID)
	_, twice := watch(t, w, w.Ann, v.Session.ID)
	ctx, _ := watch(t, w, w.Ceo, v.Session.ID)
	if got := w.Gateway.Watchers(v.Session.ID); len(got) != 2 || got[0].ID != w.Ann.ID || got[1].ID != w.Ceo.ID {
		t.Errorf("got %v", got)
	}
	leave()
	twice()
	eventually(t, "Ann has left", func() bool { return len(w.Gateway.Watchers(v.Session.ID)) == 1 })
	v.Leave()
	if end := (*gateway.Ending)(nil); !errors.As(ended(t, ctx, time.Second), &end) {
		t.Errorf("got %v", context.Cause(ctx))
	}
	in, out := events(t, w, "session.watched"), events(t, w, "session.unwatched")
	if len(in) != 3 || len(out) != 3 || in[0].Actor != w.Ann.ID || in[0].Private["purpose"] != "to see what is done" || !slices.Equal(in[0].Customers, []string{"nord"}) {
		t.Errorf("got %+v, %+v", in, out)
	}
	if end := events(t, w, "session.close"); len(end) != 1 || out[2].Seq > end[0].Seq {
		t.Error("somebody watches a session that is over")
	}
	if _, _, err := w.Gateway.Watch(t.Context(), w.Ceo.Principal, v.Session.ID, "to see"); !errors.Is(err, recorder.ErrNotLive) {
		t.Errorf("after the end: got %v", err)
	}
}

func TestNoMoreWatchThanCan(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	leave := func() {}
	for range 64 {
		_, leave = watch(t, w, w.Ceo, v.Session.ID)
	}
	if _, _, err := w.Gateway.Watch(t.Context(), w.Ann.Principal, v.Session.ID, "to see"); err == nil || !strings.Contains(err.Error(), "as can") {
		t.Errorf("got %v", err)
	}
	leave()
	eventually(t, "there is a place again", func() bool {
		_, _, err := w.Gateway.Watch(t.Context(), w.Ann.Principal, v.Session.ID, "to see")
		return err == nil
	})
}

func TestWatchingEndsWithTheRightTo(t *testing.T) {
	w := newWorld(t)
	w.Admit(t)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	ctx, _ := watch(t, w, w.Cto, v.Session.ID)
	stays, _ := watch(t, w, w.Ceo, v.Session.ID)
	w.Pass(t, policy.Motion{Kind: policy.ToDismiss, About: w.Cto.ID, Key: w.Cto.Fingerprint}, w.Ceo, w.Lone)
	if got := ended(t, ctx, time.Second); !strings.Contains(got.Error(), "may not watch") {
		t.Errorf("got %v", got)
	}
	if stays.Err() != nil {
		t.Errorf("the other was sent away: %v", context.Cause(stays))
	}
}

func TestNothingPassesUntilOneOfThoseWhoDecideWatches(t *testing.T) {
	w := newWorld(t)
	watchedGrant(t, w)
	v := visit(t, w, w.Eng)
	if h, _ := v.Halted(); !h.Watch || !h.Until.IsZero() || !blocked(t, v) {
		t.Fatalf("something passes: %+v", h)
	}
	if d, err := v.May(t.Context(), policy.Exec); err != nil || d.Verdict != policy.Deny || d.Code != policy.NotYet {
		t.Errorf("another channel: got %v %v, %v", d.Verdict, d.Code, err)
	}
	_, own := watch(t, w, w.Eng, v.Session.ID)
	if h, _ := v.Halted(); !h.Watch {
		t.Error("who works in it watches it")
	}
	own()
	_, leave := watch(t, w, w.Ann, v.Session.ID)
	if h, _ := v.Halted(); !runs(h) || blocked(t, v) {
		t.Errorf("nothing passes: %+v", h)
	}
	_, other := watch(t, w, w.Ceo, v.Session.ID)
	leave()
	eventually(t, "Ann has left", func() bool { return len(events(t, w, "session.unwatched")) == 2 })
	if blocked(t, v) {
		t.Error("nothing passes although one watches")
	}
	other()
	h := halts(t, v, "paused", alone)
	if left := time.Until(h.Until); left > time.Minute || left < 55*time.Second || !blocked(t, v) {
		t.Errorf("it ends in %s, and something passes", left)
	}
	watch(t, w, w.Cto, v.Session.ID)
	if h, _ := v.Halted(); !runs(h) || blocked(t, v) {
		t.Errorf("nothing passes: %+v", h)
	}
}

func TestASessionThatNobodyWatchesAnyMoreEnds(t *testing.T) {
	w := newWorld(t)
	w.Gateway.Grace = 500 * time.Millisecond
	watchedGrant(t, w)
	v := visit(t, w, w.Eng)
	_, leave := watch(t, w, w.Ann, v.Session.ID)
	leave()
	endsWithin(t, v, 2*time.Second, "none of those who decide watches")
}

func TestAFreezeHoldsUntilThoseLetItGoOn(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	id := v.Session.ID
	for _, h := range []*world.Human{w.Eng, w.Mate, w.Bo} {
		if err := w.Gateway.Freeze(t.Context(), h.Principal, id, "stop"); err == nil {
			t.Errorf("%s freezes it", h.ID)
		}
	}
	must(t, w.Gateway.Freeze(t.Context(), w.Ann.Principal, id, "what is this?"))
	if h, _ := v.Halted(); h.By != "Nord Legal" || h.Why != "what is this?" || v.Open() || !blocked(t, v) {
		t.Errorf("got %+v, and something passes", h)
	}
	if left := time.Until(must1(v.Halted()).Until); left > gateway.FreezeMost || left < gateway.FreezeMost-5*time.Second {
		t.Errorf("for %s", left)
	}
	if d, err := v.May(t.Context(), policy.Exec); err != nil || d.Verdict != policy.Deny || !strings.Contains(d.Why.String(), "frozen by Nord Legal") {
		t.Errorf("another channel: got %v, %v", d, err)
	}
	wantNo(t, w.Gateway.Freeze(t.Context(), w.Ann.Principal, id, ""), "frozen already")
	wantNo(t, w.Gateway.Thaw(t.Context(), w.Ceo.Principal, id), "somebody else froze it")
	must(t, w.Gateway.Freeze(t.Context(), w.Ceo.Principal, id, ""))
	must(t, w.Gateway.Thaw(t.Context(), w.Ann.Principal, id))
	if h, _ := v.Halted(); h.By != "Ceo" || v.Open() {
		t.Errorf("one let it go on that two froze: %+v", h)
	}
	if err := w.Gateway.Thaw(t.Context(), w.Eng.Principal, id); err == nil {
		t.Error("who works in it lets it go on")
	}
	must(t, w.Gateway.Thaw(t.Context(), w.Cto.Principal, id))
	if h, _ := v.Halted(); !runs(h) || blocked(t, v) {
		t.Errorf("nothing passes: %+v", h)
	}
	wantNo(t, w.Gateway.Thaw(t.Context(), w.Cto.Principal, id), "not frozen")
	frozen := events(t, w, "session.frozen-by")
	if len(frozen) != 2 || frozen[0].Actor != w.Ann.ID || frozen[0].Private[ledger.Whose] != "nord" || frozen[0].Private["why"] != "what is this?" || len(events(t, w, "session.thawed")) != 2 {
		t.Errorf("got %+v", frozen)
	}
	if fails := w.Failures(); len(fails) != 0 {
		t.Errorf("reported %v", fails)
	}
}

func TestAFreezeEndsTheSessionWhenNobodyComesBack(t *testing.T) {
	w := newWorld(t)
	w.Gateway.Hold = 300 * time.Millisecond
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	must(t, w.Gateway.Freeze(t.Context(), w.Ann.Principal, v.Session.ID, ""))
	endsWithin(t, v, 2*time.Second, "nobody let the session go on: it was frozen by Nord Legal")
}

func TestWhatIsFrozenByAPersonStillEndsForEveryOtherReason(t *testing.T) {
	w := newWorld(t)
	_, v := brief(t, w, time.Second)
	must(t, w.Gateway.Freeze(t.Context(), w.Ceo.Principal, v.Session.ID, ""))
	endsWithin(t, v, 3*time.Second, "time of the grant is up")
	v.Leave()
	code := w.Grant(t, w.Eng, time.Hour)
	v = visit(t, w, w.Eng)
	must(t, w.Gateway.Freeze(t.Context(), w.Ceo.Principal, v.Session.ID, ""))
	must(t, w.Desk.Revoke(t.Context(), w.Ann.Principal, code, ""))
	endsWithin(t, v, time.Second, "revoked")
}

func TestLettingGoOnGivesNoMoreThanTheGrant(t *testing.T) {
	w := newWorld(t)
	code, v := brief(t, w, 1500*time.Millisecond)
	must(t, w.Gateway.Freeze(t.Context(), w.Ceo.Principal, v.Session.ID, ""))
	x := extend(t, w, code)
	becomes(t, v, "frozen", isFrozen)
	must(t, w.Gateway.Thaw(t.Context(), w.Ceo.Principal, v.Session.ID))
	if v.Open() || !blocked(t, v) {
		t.Error("something passes after the end of the grant")
	}
	must(t, w.Gateway.Freeze(t.Context(), w.Ceo.Principal, v.Session.ID, ""))
	approve(t, w, x)
	becomes(t, v, "extended", func(gateway.Frozen) bool { return v.Grant().ID == x })
	if v.Open() || !blocked(t, v) {
		t.Error("more time lets a frozen session go on")
	}
	must(t, w.Gateway.Thaw(t.Context(), w.Ceo.Principal, v.Session.ID))
	if blocked(t, v) {
		t.Error("nothing passes")
	}
}

func TestASessionIsEndedAndItsGrantStays(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	a, b := visit(t, w, w.Eng), visit(t, w, w.Eng)
	for _, h := range []*world.Human{w.Mate, w.Bo} {
		if err := w.Gateway.EndSession(t.Context(), h.Principal, a.Session.ID, ""); err == nil {
			t.Errorf("%s ends it", h.ID)
		}
	}
	must(t, w.Gateway.EndSession(t.Context(), w.Ann.Principal, a.Session.ID, "enough"))
	endsWithin(t, a, time.Second, "the session was ended by Nord Legal: enough")
	if b.Context().Err() != nil {
		t.Error("the other session ended, too")
	}
	if err := a.Gate(t.Context()); err == nil {
		t.Error("something passes after the end")
	}
	a.Leave()
	wantNo(t, w.Gateway.EndSession(t.Context(), w.Ann.Principal, a.Session.ID, ""), "over")
	visit(t, w, w.Eng)
}

func TestNoCustomerIsToldOfAnother(t *testing.T) {
	w := newWorld(t)
	v := shared(t, w)
	id := v.Session.ID
	must(t, w.Gateway.Freeze(t.Context(), w.Bo.Principal, id, "syd saw something"))
	must(t, w.Gateway.Thaw(t.Context(), w.Bo.Principal, id))
	must(t, w.Gateway.EndSession(t.Context(), w.Bo.Principal, id, "syd wants it to end"))
	endsWithin(t, v, time.Second, "ended by Syd Bank")
	v.Leave()
	must(t, w.Gateway.Say(t.Context(), w.Ceo.Principal, id, gateway.Remark{Text: "syd asked about it"}))
	must(t, w.Gateway.Keep(t.Context(), w.Ceo.Principal, id, "a case"))
	all, err := w.Gateway.SessionsOf(t.Context(), w.Ann.Principal, v.Session.Request)
	if err != nil || len(all) != 1 || strings.Contains(strings.ToLower(all[0].Cause), "syd") || all[0].Cause != "the session was ended" {
		t.Errorf("got %+v, %v", all, err)
	}
	for _, e := range nordSees(t, w) {
		for _, text := range append([]string{e.Actor}, append(e.Subjects, slices.Collect(values(e))...)...) {
			if strings.Contains(strings.ToLower(text), "syd") {
				t.Errorf("nord reads %q in %s", text, e.Kind)
			}
		}
	}
}
