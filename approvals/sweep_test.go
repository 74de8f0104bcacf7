package approvals

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// ladder lets the board be reminded after 5 minutes and the cto stand by after
// 15, and nord's reviewers be reminded 10 minutes after their stage opened.
func (w *world) ladder() *world {
	w.policy.Groups["board"], w.policy.Groups["deputies"] = []string{w.ceo.ID}, []string{w.cto.ID, w.ceo.ID, w.lone.ID}
	w.policy.Rules[0].Stages = []policy.Stage{
		{Kind: policy.ByExecutive, Group: "board", Count: 1, Expires: 12 * time.Hour, Escalate: []policy.Rung{{After: 5 * time.Minute, Remind: "all"}, {After: 15 * time.Minute, To: "deputies"}}},
		{Kind: policy.ByCustomer, Count: 1, Expires: 96 * time.Hour, Step: 1, Escalate: []policy.Rung{{After: 10 * time.Minute, Remind: "all"}}},
	}
	return w
}

// events lists what was written down about a request, oldest first.
func (w *world) events(t testing.TB, code string, kinds ...string) (all []ledger.Event) {
	t.Helper()
	written, err := w.Ledger.After(t.Context(), -1, int(w.Ledger.Last())+1)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range written {
		if slices.Contains(e.Subjects, code) && (len(kinds) == 0 || slices.Contains(kinds, e.Kind)) {
			all = append(all, e)
		}
	}
	return all
}

func TestRungsCountThoseWhomTheyAdd(t *testing.T) {
	t.Parallel()
	w := newWorld(t).ladder()
	code := w.submit(t)
	v, err := w.See(t.Context(), w.eng.Principal, code)
	if err != nil {
		t.Fatal(err)
	}
	if s := v.Request.Stages[0]; s.Of != 1 || s.Escalate[1].Of != 1 { // the ceo is asked already, and nobody pinned the third
		t.Errorf("got %+v", s)
	}
	if w.policy.Rules[0].Stages[0].Escalate[1].Of != 0 {
		t.Error("the policy's own stages were changed")
	}
	wantUnknown := w.approve(t, w.cto, code, 0)
	if !errors.Is(wantUnknown, ErrUnknown) {
		t.Errorf("before the rung: %v", wantUnknown)
	}
	w.later(15 * time.Minute)
	if err := w.approve(t, w.cto, code, 0); err != nil {
		t.Errorf("after it: %v", err)
	}
	if err := w.approve(t, w.ann, code, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := w.standing(t, code); err != nil {
		t.Error(err)
	}
	w.policy.Groups["deputies"] = nil
	if _, err := w.standing(t, code); err == nil {
		t.Error("the vote of somebody who left the group of the rung counts")
	}
}

// TestEachRungIsWrittenDownOnceAndOnTime: also where the next tick is an hour away.
func TestEachRungIsWrittenDownOnceAndOnTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t).ladder()
		a := app()
		a.Login = "deploy"
		v, err := w.Submit(t.Context(), w.eng.Principal, a)
		if err != nil {
			t.Fatal(err)
		}
		code, began := v.Request.ID, v.Request.At
		if err := w.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.SweepEvery(ctx, 5*time.Minute, func(err error) { t.Error(err) })
		}()
		time.Sleep(20 * time.Minute)
		if err := w.approve(t, w.ceo, code, 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(97 * time.Hour)
		stop()
		<-done
		var got []string
		for _, e := range w.events(t, code, "request.reminded", "request.escalated", "request.expired") {
			got = append(got, e.At.Sub(began).Round(time.Second).String()+" "+e.Kind+" "+e.Detail["stage"]+" "+strings.Join(e.Subjects, " "))
		}
		want := []string{
			"5m0s request.reminded 1 executive board " + code + " nord syd",
			"15m0s request.escalated 1 executive board " + code + " nord syd",
			"30m0s request.reminded customer nord " + code + " nord", "30m0s request.reminded customer syd " + code + " syd",
			"96h0m0s request.expired  " + code + " db1.prod nord syd",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

// TestTheTimerWakesAtTheInstant: not only at each tick.
func TestTheTimerWakesAtTheInstant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t).ladder()
		code := w.submit(t)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.SweepEvery(ctx, 4*time.Minute, func(err error) { t.Error(err) })
		}()
		time.Sleep(5*time.Minute + time.Second)
		synctest.Wait()
		if got := w.events(t, code, "request.reminded"); len(got) != 1 {
			t.Errorf("%d reminders a second after the rung; the tick comes at 8 minutes", len(got))
		}
		stop()
		<-done
	})
}

func TestLateRungsAreWrittenDownInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t).ladder()
	code := w.submit(t)
	w.later(time.Hour)
	for range 2 {
		if err := w.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, e := range w.events(t, code, "request.reminded", "request.escalated") {
		got = append(got, e.Kind)
	}
	if d := cmp.Diff([]string{"request.reminded", "request.escalated"}, got); d != "" {
		t.Error(d)
	}
}

// TestEndedRequestsStayVisible to those who might see them while they were open.
func TestEndedRequestsStayVisible(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var codes []string
	for i := range 4 {
		w.later(time.Minute)
		codes = append([]string{w.submitFor(t, time.Duration(i+1)*time.Minute)}, codes...)
	}
	w.later(13 * time.Hour)
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	codes = append([]string{w.both(t)}, codes...)
	list := func(h *human, before string, n int) (got []string) {
		t.Helper()
		all, err := w.History(t.Context(), h.Principal, before, n)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range all {
			got = append(got, v.Request.ID)
		}
		return got
	}
	for _, c := range []struct {
		rule   string
		who    *human
		before string
		n      int
		want   []string
	}{
		{"one's own, newest first", w.eng, "", 9, codes},
		{"a page", w.eng, "", 2, codes[:2]},
		{"the next page", w.eng, codes[1], 2, codes[2:4]},
		{"the last page", w.eng, codes[4], 2, nil},
		{"none", w.eng, "", 0, nil},
		{"the board", w.ceo, "", 9, codes},
		{"the auditor", w.aud, "", 9, codes},
		{"the customer", w.ann, "", 9, codes},
		{"another customer", w.bo, "", 9, codes[:1]},
		{"another engineer", w.mate, "", 9, nil},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if d := cmp.Diff(c.want, list(c.who, c.before, c.n)); d != "" {
				t.Error(d)
			}
		})
	}
	for _, before := range []string{"ZZZZZ", "../x", codes[2]} {
		if _, err := w.History(t.Context(), w.mate.Principal, before, 2); !errors.Is(err, ErrUnknown) {
			t.Errorf("before %s: %v", before, err)
		}
	}
	all, err := w.History(t.Context(), w.bo.Principal, "", 9)
	if err != nil || len(all) != 1 || len(all[0].Request.Customers) != 1 {
		t.Errorf("syd sees %+v, %v", all, err)
	}
}

func TestAskedTellsWhatAPolicyCanBeAskedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.submit(t)
	w.later(14 * time.Hour)
	since := time.Now().Add(13 * time.Hour)
	a := app()
	a.From = loopback()
	v, err := w.Submit(t.Context(), w.eng.Principal, a)
	if err != nil {
		t.Fatal(err)
	}
	all, err := w.Asked(t.Context(), since)
	if err != nil {
		t.Fatal(err)
	}
	q := v.Request
	want := []Asking{{
		Code: q.ID, At: q.At, Who: q.Who, Do: q.Actions, On: "db1.prod", Login: "support_nord", From: "127.0.0.1", Reason: "outage",
		For: time.Hour, Rule: "prod", Stages: q.Stages, Phase: policy.Pending,
	}}
	if d := cmp.Diff(want, all); d != "" {
		t.Error(d)
	}
	all, err = w.Asked(t.Context(), time.Time{})
	if err != nil || len(all) != 2 || all[1].Code != old || all[1].Phase != policy.Expired {
		t.Errorf("got %+v, %v", all, err)
	}
}

// TestSweepForgetsWhatNobodyNeeds and nothing that still counts.
func TestSweepForgetsWhatNobodyNeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.granted(t)
	at := w.terminal(code)
	shown, err := w.PrepareTouch(t.Context(), w.eng.Principal, w.askTouch(t, at).ID, w.askTouch(t, at).Number)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Touched(t.Context(), w.eng.Principal, shown.ID, w.eng.sign(shown.Challenge())); err != nil {
		t.Fatal(err)
	}
	other := w.submitFor(t, 7*time.Minute)
	if _, err := w.Prepare(t.Context(), w.ceo.Principal, other, policy.Terms{}); err != nil {
		t.Fatal(err)
	}
	rows := func(prefix string) (n int) {
		t.Helper()
		err := w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
			n = 0
			return tx.Scan(prefix, func(string, json.RawMessage) (bool, error) { n++; return true, nil })
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, c := range []struct {
		after                  time.Duration
		ballots, proofs, tally int
	}{{0, 1, 1, 1}, {6 * time.Minute, 0, 1, 1}, {24 * time.Hour, 0, 1, 0}, {10 * time.Minute, 0, 0, 0}} {
		w.later(c.after)
		if err := w.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if b, p, n := rows("ballot/"), rows("proof/"), rows("asked/"); b != c.ballots || p != c.proofs || n > 1 || c.tally == 0 && n != 0 {
			t.Errorf("after %s more: %d ballots, %d proofs, %d counters; want %+v", c.after, b, p, n, c)
		}
	}
}
