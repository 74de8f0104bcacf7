package gateway_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/recorder/archive"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// A crypt destroys recordings, on the real shelf, and counts.
type crypt struct {
	*archive.Keeper
	mu     sync.Mutex
	broken error
	gone   []string
}

func (c *crypt) Destroy(ctx context.Context, session string) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return nil, c.broken
	}
	c.gone = append(c.gone, session)
	return c.Keeper.Destroy(ctx, session)
}

func (c *crypt) breaks(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = err
}

func keeping(t *testing.T, rule, customer time.Duration) (*world.World, *crypt) {
	t.Helper()
	w := newWorld(t)
	p := *w.Policy()
	p.Rules = slices.Clone(p.Rules)
	p.Rules[0].Record.Keep = rule
	nord := p.Customers["nord"]
	nord.Keep = customer
	p.Customers = map[string]policy.Customer{"nord": nord, "syd": p.Customers["syd"]}
	w.SetPolicy(&p)
	c := &crypt{Keeper: &archive.Keeper{Shelf: w.Shelf, Now: time.Now, Report: func(err error) { t.Log(err) }}}
	w.Gateway.Archive = c
	return w, c
}

// over is a session that has ended.
func over(t *testing.T, w *world.World) (id, code string) {
	t.Helper()
	code = w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	v.Leave()
	return v.Session.ID, code
}

func custody(t *testing.T, w *world.World, id string) gateway.Custody {
	t.Helper()
	c, err := w.Gateway.Custody(t.Context(), w.Ann.Principal, id)
	must(t, err)
	return c
}

// retain goes until the recording is erased, or for a while.
func retain(t *testing.T, w *world.World, id string, d time.Duration) bool {
	t.Helper()
	for late := time.After(d); ; {
		must(t, w.Gateway.Retain(t.Context()))
		if !custody(t, w, id).Erased.IsZero() {
			return true
		}
		select {
		case <-late:
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestTheShortestTimeToKeepIsFixedWhenASessionOpens(t *testing.T) {
	for _, row := range []struct{ rule, customer, want time.Duration }{
		{0, 0, 0}, {time.Hour, 0, time.Hour}, {0, 2 * time.Hour, 2 * time.Hour}, {time.Hour, 2 * time.Hour, time.Hour}, {3 * time.Hour, 2 * time.Hour, 2 * time.Hour},
	} {
		w, _ := keeping(t, row.rule, row.customer)
		w.Grant(t, w.Eng, time.Hour)
		v := visit(t, w, w.Eng)
		p := *w.Policy()
		p.Customers = map[string]policy.Customer{"nord": {ID: "nord", Name: "Nord Legal", Keep: 1000 * time.Hour}, "syd": p.Customers["syd"]}
		w.SetPolicy(&p) // too late for this one
		v.Leave()
		c := custody(t, w, v.Session.ID)
		if row.want == 0 {
			if !c.Until.IsZero() {
				t.Errorf("%+v: kept until %s", row, c.Until)
			}
			continue
		}
		if got := c.Until.Sub(v.Session.Ended); got != row.want {
			t.Errorf("%+v: kept for %s", row, got)
		}
		if open := events(t, w, "session.open"); open[0].Detail["keep"] != row.want.String() {
			t.Errorf("the log says %q", open[0].Detail["keep"])
		}
	}
}

func TestALaterChannelMayMakeTheTimeShorterAndNeverLonger(t *testing.T) {
	w, _ := keeping(t, 2*time.Hour, 0)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	for _, keep := range []time.Duration{3 * time.Hour, time.Hour, 0} {
		p := *w.Policy()
		p.Rules = slices.Clone(p.Rules)
		p.Rules[0].Record.Keep = keep
		w.SetPolicy(&p)
		if d, err := v.May(t.Context(), policy.Exec); err != nil || d.Verdict != policy.Allow {
			t.Fatalf("got %v, %v", d, err)
		}
	}
	v.Leave()
	if got := custody(t, w, v.Session.ID).Until.Sub(v.Session.Ended); got != time.Hour {
		t.Errorf("kept for %s", got)
	}
	if said := events(t, w, "recording.keep"); len(said) != 1 || said[0].Detail["keep"] != "1h0m0s" {
		t.Errorf("got %+v", said)
	}
}

func TestARecordingIsErasedWhenItsTimeIsUpAndTheReceiptStillHolds(t *testing.T) {
	w, c := keeping(t, time.Second, 0)
	id, code := over(t, w)
	open := visit(t, w, w.Eng)
	if !retain(t, w, id, 10*time.Second) {
		t.Fatal("it is kept")
	}
	if got := custody(t, w, id); got.Why != "its time was up" || got.Stuck != "" {
		t.Errorf("got %+v", got)
	}
	said := events(t, w, "recording.erased")
	if len(said) != 1 || said[0].Detail["why"] != "its time was up" || said[0].Detail["copies"] != "1" || !slices.Equal(said[0].Customers, []string{"nord"}) {
		t.Errorf("got %+v", said)
	}
	if _, err := w.Shelf.Play(id, w.Keys.Vault); err == nil {
		t.Error("it plays")
	}
	must(t, w.Gateway.Retain(t.Context()))
	if len(c.gone) != 1 || slices.Contains(c.gone, open.Session.ID) {
		t.Errorf("destroyed %q", c.gone)
	}
	open.Leave()
	r, err := w.Gateway.Receipt(t.Context(), w.Ann.Principal, code)
	must(t, err)
	holds(t, w, r, "")
	wantNo(t, w.Gateway.Keep(t.Context(), w.Ceo.Principal, id, "a case"), "erased already")
	wantNo(t, w.Gateway.Say(t.Context(), w.Ceo.Principal, id, gateway.Remark{Reviewed: true}), "erased")
}

func TestAHoldBeatsTimeAndEveryOrder(t *testing.T) {
	w, c := keeping(t, time.Second, 0)
	id, _ := over(t, w)
	for _, h := range []*world.Human{w.Eng, w.Ann, w.Mate, w.Lone} {
		if err := w.Gateway.Keep(t.Context(), h.Principal, id, "a case"); err == nil {
			t.Errorf("%s holds it", h.ID)
		}
	}
	wantNo(t, w.Gateway.Keep(t.Context(), w.Ceo.Principal, id, " "), "say why")
	motion := shred(t, w, id)
	must(t, w.Gateway.Keep(t.Context(), w.Ceo.Principal, id, "case 12/2026"))
	wantNo(t, w.Gateway.Keep(t.Context(), w.Cto.Principal, id, "too"), "held already")
	if retain(t, w, id, 2500*time.Millisecond) || len(c.gone) != 0 {
		t.Fatalf("destroyed %q", c.gone)
	}
	if got := custody(t, w, id); got.Held != "case 12/2026" || got.By != "Ceo" || got.Ordered != motion {
		t.Errorf("got %+v", got)
	}
	wantNo(t, w.Gateway.Release(t.Context(), w.Ceo.Principal, id, "over"), "another executive")
	must(t, w.Gateway.Release(t.Context(), w.Cto.Principal, id, "the case is over"))
	if !retain(t, w, id, 5*time.Second) {
		t.Fatal("it is kept")
	}
	if got := custody(t, w, id); got.Why != "its erasure was signed: motion "+motion || got.Held != "" {
		t.Errorf("got %+v", got)
	}
	if held, free := events(t, w, "recording.held"), events(t, w, "recording.released"); len(held) != 1 || len(free) != 1 || held[0].Private["why"] != "case 12/2026" || !slices.Equal(held[0].Customers, []string{"nord"}) {
		t.Errorf("got %+v, %+v", held, free)
	}
	if must(t, w.Gateway.Retain(t.Context())); len(c.gone) != 1 {
		t.Errorf("destroyed %q", c.gone)
	}
}

// shred lets the executives sign that a recording is erased.
func shred(t *testing.T, w *world.World, id string) (motion string) {
	t.Helper()
	return w.Pass(t, policy.Motion{Kind: policy.ToErase, About: policy.OfRecording(id), Text: "it shows what nobody should keep"}, w.Ceo, w.Cto)
}

func TestAnOrderThatNobodySignedDestroysNothing(t *testing.T) {
	w, c := keeping(t, 0, 0)
	id, _ := over(t, w)
	must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{Kind: "recording.to-erase", Actor: "lockbox", Subjects: []string{"QMQM", id}})
		return errors.Join(err, tx.Put(approvals.ShredKey(id), approvals.Shred{Motion: "QMQM"}))
	}))
	must(t, w.Gateway.Retain(t.Context()))
	if got := custody(t, w, id); len(c.gone) != 0 || got.Stuck == "" || !got.Erased.IsZero() {
		t.Errorf("destroyed %q: %+v", c.gone, got)
	}
}

func TestNobodyOrdersTheEraseOfAnOpenSession(t *testing.T) {
	w, c := keeping(t, 0, 0)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	_, err := w.Charter.Propose(t.Context(), w.Ceo.Principal, policy.Motion{Kind: policy.ToErase, About: policy.OfRecording(v.Session.ID), Text: "it shows what nobody should keep"})
	wantNo(t, err, "is open")
	v.Leave()
	shred(t, w, v.Session.ID)
	if must(t, w.Gateway.Retain(t.Context())); len(c.gone) != 1 {
		t.Error("it is kept")
	}
}

func TestWhatCannotBeDestroyedIsSeenAndTriedAgain(t *testing.T) {
	w, c := keeping(t, time.Second, 0)
	id, _ := over(t, w)
	c.breaks(errors.New("the storage does not answer"))
	eventually(t, "it fails", func() bool {
		must(t, w.Gateway.Retain(t.Context()))
		return custody(t, w, id).Stuck != ""
	})
	must(t, w.Gateway.Retain(t.Context()))
	got := custody(t, w, id)
	if !strings.Contains(got.Stuck, "does not answer") || !got.Erased.IsZero() {
		t.Errorf("got %+v", got)
	}
	if fails := w.Failures(); len(fails) != 1 || !strings.Contains(fails[0].Error(), id) {
		t.Errorf("reported %v", fails)
	}
	must(t, w.Gateway.Keep(t.Context(), w.Ceo.Principal, id, "a case")) // it was not destroyed: it can be held
	c.breaks(nil)
	if must(t, w.Gateway.Retain(t.Context())); len(c.gone) != 0 {
		t.Error("a hold came first")
	}
}

func TestWithoutAnArchiveNothingIsDestroyedAndThatIsSaidOnce(t *testing.T) {
	w, _ := keeping(t, time.Second, 0)
	w.Gateway.Archive = nil
	id, _ := over(t, w)
	eventually(t, "it is said", func() bool {
		must(t, w.Gateway.Retain(t.Context()))
		return len(w.Failures()) > 0
	})
	must(t, w.Gateway.Retain(t.Context()))
	if fails := w.Failures(); len(fails) != 1 || !strings.Contains(fails[0].Error(), "nothing here destroys") || !custody(t, w, id).Erased.IsZero() {
		t.Errorf("reported %v", fails)
	}
}

func TestWhoMayNotSeeTheSessionLearnsNothingOfItsCustody(t *testing.T) {
	w, _ := keeping(t, time.Hour, 0)
	id, _ := over(t, w)
	for _, h := range []*world.Human{w.Mate, w.Bo} {
		if _, err := w.Gateway.Custody(t.Context(), h.Principal, id); !errors.Is(err, approvals.ErrUnknown) {
			t.Errorf("%s: got %v", h.ID, err)
		}
		for _, err := range []error{
			w.Gateway.Keep(t.Context(), h.Principal, id, "a case"), w.Gateway.Release(t.Context(), h.Principal, id, "a case"),
			w.Gateway.Say(t.Context(), h.Principal, id, gateway.Remark{Text: "hm"}), w.Gateway.Freeze(t.Context(), h.Principal, id, ""),
			w.Gateway.Thaw(t.Context(), h.Principal, id), w.Gateway.EndSession(t.Context(), h.Principal, id, ""),
		} {
			if !errors.Is(err, approvals.ErrUnknown) {
				t.Errorf("%s: got %v", h.ID, err)
			}
		}
	}
}
