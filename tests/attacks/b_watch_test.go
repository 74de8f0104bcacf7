package attacks

import (
	"context"
	"errors"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder"
	"lockbox/tests/world"
)

// moderated is a session in which nothing passes while none of those who decide watches.
func moderated(t *testing.T, w *world.World) *gateway.Visit {
	t.Helper()
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	for _, h := range []*world.Human{w.Ceo, w.Ann} {
		b, err := w.Desk.Prepare(t.Context(), h.Principal, code, policy.Terms{Watched: h == w.Ann})
		must(t, err)
		_, err = w.Desk.Approve(t.Context(), h.Principal, b.Nonce, w.Sign(t, h, statement.ForApproval, b.Statement))
		must(t, err)
	}
	return visit(t, w, knock(w.Eng))
}

func sits(t *testing.T, w *world.World, h policy.Principal, session string) (ctx context.Context, leave func(), err error) {
	t.Helper()
	in, leave := context.WithCancel(t.Context())
	t.Cleanup(leave)
	_, ctx, err = w.Gateway.Watch(in, h, session, "to see what is done")
	return ctx, leave, err
}

func mustSit(t *testing.T, w *world.World, h *world.Human, session string) (context.Context, func()) {
	t.Helper()
	ctx, leave, err := sits(t, w, h.Principal, session)
	must(t, err)
	return ctx, leave
}

// pauses waits until nothing passes, at most for a second.
func pauses(t *testing.T, v *gateway.Visit) gateway.Halt {
	t.Helper()
	for late := time.After(time.Second); ; {
		h, moved := v.Halted()
		if h.Watch && !v.Open() {
			return h
		}
		select {
		case <-moved:
		case <-late:
			t.Fatal("something still passes after a second")
		}
	}
}

func TestB32OnlyThoseWhomItConcernsWatchAndListNobodyElse(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, knock(w.Eng))
	id := v.Session.ID
	if len(id) != 26 { // 80 bits of chance after the time
		t.Errorf("the session is called %q", id)
	}
	anonymous := policy.Principal{}
	pretender := policy.Principal{ID: "new@nord.x", Kind: policy.Reviewer, Customer: "nord"} // nobody pinned them
	for _, who := range []policy.Principal{w.Mate.Principal, w.Bo.Principal, w.Lone.Principal, anonymous, pretender} {
		_, _, err := sits(t, w, who, id)
		wantUnknown(t, who.ID+" watches", err)
		wantUnknown(t, who.ID+" freezes", w.Gateway.Freeze(t.Context(), who, id, ""))
		wantUnknown(t, who.ID+" ends", w.Gateway.EndSession(t.Context(), who, id, ""))
		wantUnknown(t, who.ID+" remarks", w.Gateway.Say(t.Context(), who, id, gateway.Remark{Text: "hm"}))
		_, err = w.Gateway.Remarks(t.Context(), who, id)
		wantUnknown(t, who.ID+" reads remarks", err)
		_, err = w.Gateway.Custody(t.Context(), who, id)
		wantUnknown(t, who.ID+" asks", err)
	}
	_, _, err := sits(t, w, w.Ann.Principal, recorder.NewID(time.Now()))
	wantUnknown(t, "a guess", err)
	if got := w.Gateway.Watchers(id); len(got) != 0 {
		t.Errorf("%v watch", got)
	}
	if v.Context().Err() != nil || !v.Open() {
		t.Error("one of them stopped it")
	}
}

func TestB33TheEngineerIsNoPairOfEyes(t *testing.T) {
	w := newWorld(t)
	v := moderated(t, w)
	id := v.Session.ID
	mustSit(t, w, w.Eng, id) // their own session they may watch
	_, _, err := sits(t, w, w.Mate.Principal, id)
	wantUnknown(t, "a colleague's, or the engineer's second, account", err)
	auditor := w.Enrol(t, identity.Invite{ID: "aud@x.eu", Name: "Aud", Kind: policy.Auditor}, false)
	mustSit(t, w, auditor, id)
	pauses(t, v)
	mustSit(t, w, w.Ann, id)
	if !v.Open() {
		t.Error("nothing passes although one who decides watches")
	}
}

func TestB33WhoConfirmedTheKeyOfTheEngineerIsNoPairOfEyes(t *testing.T) {
	w := newWorld(t)
	code := w.Ask(t, w.Mate, "nord", time.Hour) // whose key Cto confirmed
	for _, h := range []*world.Human{w.Ceo, w.Ann} {
		b, err := w.Desk.Prepare(t.Context(), h.Principal, code, policy.Terms{Watched: true})
		must(t, err)
		_, err = w.Desk.Approve(t.Context(), h.Principal, b.Nonce, w.Sign(t, h, statement.ForApproval, b.Statement))
		must(t, err)
	}
	k := knock(w.Mate)
	v, _, err := w.Visit(t, w.Mate, k)
	must(t, err)
	t.Cleanup(v.Leave)
	mustSit(t, w, w.Cto, v.Session.ID)
	pauses(t, v)
	mustSit(t, w, w.Ceo, v.Session.ID)
	if !v.Open() {
		t.Error("nothing passes")
	}
}

func TestB33TheWatcherLeavesOrLosesTheRight(t *testing.T) {
	for what, leaves := range map[string]func(*world.World, func()){
		"closes the tab": func(_ *world.World, leave func()) { leave() },
		"is dismissed": func(w *world.World, _ func()) {
			w.Pass(t, policy.Motion{Kind: policy.ToDismiss, About: w.Cto.ID, Key: w.Cto.Fingerprint}, w.Ceo, w.Lone)
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			w.Gateway.Grace = 2 * time.Second // else 60 s
			w.Admit(t)
			v := moderated(t, w)
			_, leave := mustSit(t, w, w.Cto, v.Session.ID)
			if !v.Open() {
				t.Fatal("nothing passes")
			}
			leaves(w, leave)
			h := pauses(t, v)
			if grace := h.Until.Sub(h.Since); grace != w.Gateway.Grace {
				t.Errorf("it ends after %s", grace)
			}
			select {
			case <-v.Context().Done():
				t.Errorf("it ended at once: %v", context.Cause(v.Context()))
			default:
			}
			select {
			case <-v.Context().Done():
				wantNo(t, context.Cause(v.Context()), "none of those who decide watches")
			case <-time.After(w.Gateway.Grace + time.Second):
				t.Error("it goes on for ever")
			}
		})
	}
}

func TestB33OneOfTwoWatchersLeaves(t *testing.T) {
	w := newWorld(t)
	v := moderated(t, w)
	_, first := mustSit(t, w, w.Ann, v.Session.ID)
	_, second := mustSit(t, w, w.Ceo, v.Session.ID)
	first()
	for late := time.After(time.Second); len(w.Gateway.Watchers(v.Session.ID)) > 1; {
		select {
		case <-late:
			t.Fatal("she is still there")
		case <-time.After(time.Millisecond):
		}
	}
	if !v.Open() {
		t.Error("nothing passes although one watches")
	}
	second()
	pauses(t, v)
	mustSit(t, w, w.Ann, v.Session.ID)
	if !v.Open() {
		t.Error("nothing passes although one has come back")
	}
}

func TestB33AnExtensionDoesNotTakeTheWatcherAway(t *testing.T) {
	w := newWorld(t)
	v := moderated(t, w)
	x, err := w.Desk.Extend(t.Context(), w.Eng.Principal, v.Grant().ID, 10*time.Minute, "two rows are left to mend")
	must(t, err)
	for _, h := range []*world.Human{w.Ceo, w.Ann} { // who do not ask for it again
		must(t, w.Approve(t, h, x.Request.ID))
	}
	got, err := w.Desk.See(t.Context(), w.Eng.Principal, x.Request.ID)
	must(t, err)
	if !got.Grant.Watched {
		t.Error("more time is without the condition")
	}
	pauses(t, v)
}

func TestG02NothingOfWhatIsHeldBackIsMadeUpForByAnotherChannel(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, knock(w.Eng))
	must(t, w.Gateway.Freeze(t.Context(), w.Ann.Principal, v.Session.ID, ""))
	for _, do := range []policy.Action{policy.Shell, policy.Exec} {
		if d, err := v.May(t.Context(), do); err != nil || d.Verdict == policy.Allow {
			t.Errorf("%s opens in a frozen session: %v", do, err)
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	if err := v.Gate(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the gate says %v", err)
	}
	wantNo(t, w.Gateway.Thaw(t.Context(), w.Eng.Principal, v.Session.ID), "not yours")
	if !errors.Is(w.Gateway.Thaw(t.Context(), w.Bo.Principal, v.Session.ID), approvals.ErrUnknown) {
		t.Error("another customer knows of it")
	}
}
