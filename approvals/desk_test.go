package approvals

import (
	"errors"
	"lockbox/policy"
	"strings"
	"testing"
	"time"
)

func wantRefusal(t *testing.T, err error, why string) {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) || !strings.Contains(r.Why, why) {
		t.Errorf("got %v, want a refusal that says %q", err, why)
	}
}

func TestTwoSignaturesMakeAGrant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.submit(t)
	if err := w.approve(t, w.ceo, code, 30*time.Minute); err != nil {
		t.Fatal(err)
	}
	if v, err := w.See(t.Context(), w.eng.Principal, code); err != nil || v.Grant != nil || v.Status.Phase != policy.Pending {
		t.Fatalf("after the board: %+v, %v", v.Status.Phase, err)
	}
	if err := w.approve(t, w.ann, code, 0); err != nil {
		t.Fatal(err)
	}
	v, err := w.See(t.Context(), w.eng.Principal, code)
	if err != nil || v.Grant == nil || v.Grant.For != 30*time.Minute {
		t.Fatalf("got %+v, %v; want a grant for the shortest window", v.Grant, err)
	}
	g, err := w.standing(t, code)
	if err != nil || g.ID != code {
		t.Errorf("got %+v, %v", g, err)
	}
}

func TestASubmissionIsRefusedWithWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		rule   string
		change func(*Application)
		why    string
	}{
		{"too short", func(a *Application) { a.Need.Text = "because" }, "at least 10"},
		{"too long", func(a *Application) { a.Need.Text = strings.Repeat("x", 1001) }, "at most 1000"},
		{"a new line", func(a *Application) { a.Need.Text = "contract stuck\nin state" }, "one line"},
		{"an escape", func(a *Application) { a.Need.Text = "contract \x1b[2J stuck" }, "one line"},
		{"a CPR number", func(a *Application) { a.Need.Text = "look at 010203-1234 please" }, "CPR"},
		{"a password", func(a *Application) { a.Need.Text = "login with password=hunter22" }, "password"},
		{"a key", func(a *Application) { a.Need.Text = "use -----BEGIN OPENSSH" }, "password, key"},
		{"another reason", func(a *Application) { a.Need.Reason = "curious" }, "for other reasons"},
		{"no reason", func(a *Application) { a.Need.Reason = "" }, "reason code"},
		{"no ticket", func(a *Application) { a.Need.Ticket = "" }, "ticket is needed"},
		{"half a ticket", func(a *Application) { a.Need.Ticket = "INC-1x" }, "ticket is needed"},
		{"a long ticket", func(a *Application) { a.Need.Ticket = strings.Repeat("I", 65) }, "64"},
		{"too much time", func(a *Application) { a.For = 5 * time.Hour }, "at most 4h"},
		{"negative time", func(a *Application) { a.For = -time.Hour }, "at least one minute"},
		{"an unknown target", func(a *Application) { a.Target = "x.prod" }, "no target"},
		{"no customer", func(a *Application) { a.Login = "" }, "say which"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			a := app()
			c.change(&a)
			_, err := w.Submit(t.Context(), w.eng.Principal, a)
			wantRefusal(t, err, c.why)
		})
	}
	_, err := w.Submit(t.Context(), w.ceo.Principal, app())
	wantRefusal(t, err, "there is no target")
	w.cto.pinned, w.ceo.pinned = false, false
	_, err = w.Submit(t.Context(), w.eng.Principal, app())
	wantRefusal(t, err, "1 executives must approve, and 0 could")
}

func TestIdenticalRequestsAreOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.submit(t)
	if again := w.submit(t); again != first {
		t.Errorf("the same request became %s and %s", first, again)
	}
	other := app()
	for i := range openRequests {
		other.For = time.Duration(i+2) * time.Minute
		v, err := w.Submit(t.Context(), w.eng.Principal, other)
		if i < openRequests-1 {
			if err != nil || v.Request.ID == first {
				t.Fatalf("another request is %v, %v", v.Request, err)
			}
			continue
		}
		wantRefusal(t, err, "open requests")
	}
}
