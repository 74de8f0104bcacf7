package approvals

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

func (w *world) say(h *human, code, thread, text string) error {
	_, err := w.Say(context.Background(), h.Principal, code, thread, text)
	return err
}

func (w *world) both(t *testing.T) string {
	t.Helper()
	a := app()
	a.Login = "deploy"
	v, err := w.Submit(t.Context(), w.eng.Principal, a)
	if err != nil {
		t.Fatal(err)
	}
	return v.Request.ID
}

func texts(v View) (all []string) {
	for _, r := range v.Thread {
		all = append(all, r.Thread+": "+r.Text)
	}
	return all
}

func TestAThreadIsSeenByThoseWhoseItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.both(t)
	for _, one := range []struct {
		who          *human
		thread, text string
	}{
		{w.ceo, "", "why not tomorrow?"}, {w.eng, "", "it blocks payroll"}, {w.ann, "", "which rows?"}, {w.eng, "nord", "two contracts"},
		{w.bo, "nord", "is it about us at all?"}, {w.ceo, "syd", "yes, one row"},
	} {
		if err := w.say(one.who, code, one.thread, one.text); err != nil {
			t.Fatal(one.text, err)
		}
	}
	all := []string{": why not tomorrow?", ": it blocks payroll", "nord: which rows?", "nord: two contracts", "syd: is it about us at all?", "syd: yes, one row"}
	for _, c := range []struct {
		who  *human
		want []string
	}{{w.eng, all}, {w.ceo, all}, {w.aud, all}, {w.ann, all[2:4]}, {w.bo, all[4:]}} {
		v, err := w.See(t.Context(), c.who.Principal, code)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.want, texts(v)); d != "" {
			t.Errorf("%s sees %s", c.who.ID, d)
		}
	}
}

func TestARemarkIsRefusedWithWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.submit(t)
	for _, c := range []struct {
		rule         string
		who          *human
		thread, text string
		why          string
	}{
		{"nothing", w.eng, "", " ", "write something"},
		{"two lines", w.eng, "", "a\nb", "one line"},
		{"too long", w.eng, "", strings.Repeat("æ", 1001), "at most 1000"},
		{"a CPR number", w.eng, "", "it is 010203-1234", "CPR"},
		{"a secret", w.eng, "", "password: hunter22", "password"},
		{"another customer", w.eng, "syd", "hello", "no such customer"},
		{"an auditor only looks", w.aud, "", "hello", "not yours"},
	} {
		t.Run(c.rule, func(t *testing.T) { wantRefusal(t, w.say(c.who, code, c.thread, c.text), c.why) })
	}
	for _, h := range []*human{w.mate, w.bo, w.lone} {
		if err := w.say(h, code, "", "hello"); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s writes: %v", h.ID, err)
		}
	}
	for i := range remarksMost {
		if err := w.say(w.eng, code, "", "question "+strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	wantRefusal(t, w.say(w.ceo, code, "", "one more"), "thread is full")
	if err := w.say(w.ann, code, "", "and ours?"); err != nil {
		t.Errorf("the board's full thread closes the customer's: %v", err)
	}
}

func TestAThreadClosesAWeekAfterTheRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.granted(t)
	if err := w.GiveBack(t.Context(), w.eng.Principal, code); err != nil {
		t.Fatal(err)
	}
	w.later(remarkLate - time.Minute)
	if err := w.say(w.eng, code, "", "what we found"); err != nil {
		t.Error(err)
	}
	w.later(time.Minute)
	wantRefusal(t, w.say(w.eng, code, "", "too late"), "closed")
}

// TestAnAlteredThreadOpensNothing: the thread lies in the request's row, so
// that a remark put into it, or taken out, is seen where the row is proven.
func TestAnAlteredThreadOpensNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.submit(t)
	if err := w.say(w.ann, code, "", "only the two contracts"); err != nil {
		t.Fatal(err)
	}
	for _, h := range []*human{w.ceo, w.ann} {
		if err := w.approve(t, h, code, 0); err != nil {
			t.Fatal(err)
		}
	}
	key := []byte(nil)
	var was []byte
	err := w.engine.View(t.Context(), func(r ledger.Reader) error {
		return r.Scan(nil, func(k, v []byte) (bool, error) {
			if strings.HasSuffix(string(k), requestKey(code)) && strings.Contains(string(v), "two contracts") {
				key, was = append([]byte(nil), k...), append([]byte(nil), v...)
			}
			return true, nil
		})
	})
	if err != nil || key == nil {
		t.Fatal("no row", err)
	}
	changed := []byte(strings.Replace(string(was), "two contracts", "ten contracts", 1))
	if err := w.engine.Update(t.Context(), func(e ledger.Writer) error { return e.Put(key, changed) }); err != nil {
		t.Fatal(err)
	}
	if g, err := w.standing(t, code); !errors.Is(err, ledger.ErrTampered) {
		t.Errorf("got %+v, %v", g, err)
	}
}

// TestACustomerLearnsNothingByTermsOfAnother: what another customer's vote
// narrows or asks to be promised is not shown, neither before nor after.
func TestACustomerLearnsNothingByTermsOfAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t).files()
	code := w.both(t)
	for _, c := range []struct {
		who   *human
		terms policy.Terms
	}{{w.ceo, policy.Terms{Promise: "be quick"}}, {w.bo, policy.Terms{For: 7 * time.Minute, NoFiles: true, Promise: "call Syd"}}} {
		if err := w.vote(c.who, code, c.terms); err != nil {
			t.Fatal(err)
		}
	}
	v, err := w.See(t.Context(), w.ann.Principal, code)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"be quick"}, v.Status.Promises); d != "" || v.Status.For != time.Hour || len(v.Status.Actions) != 4 {
		t.Errorf("nord sees %+v", v.Status)
	}
	if err := w.vote(w.ann, code, policy.Terms{Actions: []policy.Action{policy.SFTPGet, policy.Exec}, Promise: "call Nord"}); err != nil {
		t.Fatal(err)
	}
	if v, err = w.See(t.Context(), w.ann.Principal, code); err != nil || v.Grant == nil {
		t.Fatal("no grant", err)
	}
	if d := cmp.Diff([]string{"be quick", "call Nord"}, v.Grant.Promises); d != "" || len(v.Grant.Stages) != 2 {
		t.Errorf("nord sees %+v", v.Grant)
	}
	for _, st := range v.Status.Stages {
		for _, b := range st.Yes {
			if b.By.ID != w.ann.ID && b.Statement != nil {
				t.Errorf("nord sees what %s signed", b.By.ID)
			}
		}
	}
	if whole := w.grant(t, code); len(whole.Promises) != 3 || len(whole.Actions) != 1 {
		t.Errorf("the grant is %+v", whole)
	}
}
