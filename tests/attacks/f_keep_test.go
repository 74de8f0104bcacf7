package attacks

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// A furnace counts what it is given.
type furnace struct{ n atomic.Int64 }

func (f *furnace) Destroy(context.Context, string) ([]string, error) {
	f.n.Add(1)
	return nil, nil
}

// keptFor is a session that is over, and whose recording is kept for so long.
func keptFor(t *testing.T, w *world.World, d time.Duration) string {
	t.Helper()
	change(w, func(p *policy.Policy) {
		p.Rules = slices.Clone(p.Rules)
		p.Rules[0].Record.Keep = d
	})
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, knock(w.Eng))
	v.Leave()
	return v.Session.ID
}

func TestF07AClockThatJumpsDestroysNoRecording(t *testing.T) {
	w := newWorld(t)
	keptFor(t, w, 24*time.Hour)
	var off atomic.Int64
	from := time.Now()
	l, err := ledger.Open(t.Context(), w.Engine, ledger.Options{
		Origin: world.Log, Signer: w.Keys.Log, Verifier: w.Keys.LogVerifier,
		Now: func() time.Time { return time.Now().Add(time.Duration(off.Load())) }, Elapsed: func() time.Duration { return time.Since(from) },
	})
	must(t, err)
	fire := new(furnace)
	g := &gateway.Gateway{Desk: &approvals.Desk{Ledger: l, Policy: w.Policy}, Ledger: l, Shelf: w.Shelf, Archive: fire, Report: func(error) {}}
	must(t, g.Recover(t.Context()))
	off.Store(int64(10 * 365 * 24 * time.Hour)) // while it runs
	if err := g.Retain(t.Context()); !errors.Is(err, ledger.ErrClock) || fire.n.Load() != 0 {
		t.Errorf("%d are destroyed: %v", fire.n.Load(), err)
	}
}

func TestF07AClockThatIsWrongFromTheStartDestroysNoRecordingUntilSomebodyCouldSeeIt(t *testing.T) {
	w := newWorld(t)
	keptFor(t, w, 24*time.Hour)
	n, err := restarted(t, w, later(10*365*24*time.Hour))
	must(t, err)
	fire, told := new(furnace), 0
	n.Gateway.Archive, n.Gateway.Report = fire, func(err error) { told++ }
	must(t, n.Gateway.Recover(t.Context()))
	must(t, n.Gateway.Retain(t.Context()))
	if fire.n.Load() != 0 || told != 1 {
		t.Errorf("%d are destroyed, and operators are told %d times", fire.n.Load(), told)
	}
}

func TestF07NobodyErasesWhatTheyMayNot(t *testing.T) {
	w := newWorld(t)
	id := keptFor(t, w, 0)
	for _, by := range []*world.Human{w.Eng, w.Mate, w.Bo, w.Ceo} {
		m := policy.Motion{Kind: policy.ToErase, Customer: by.Customer, About: policy.OfRecording(id), Text: "it shows me"}
		v, err := w.Charter.Propose(t.Context(), by.Principal, m)
		if by != w.Ceo {
			if err == nil {
				t.Errorf("%s proposes to erase it", by.ID)
			}
			continue
		}
		must(t, err)
		must(t, w.SignMotion(t, w.Ceo, v.Motion.ID))
	}
	fire := new(furnace)
	w.Gateway.Archive = fire
	must(t, w.Gateway.Retain(t.Context()))
	if fire.n.Load() != 0 {
		t.Error("one executive erases a recording")
	}
	must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error { // a thief writes the order
		_, err := tx.Append(ledger.Event{Kind: "recording.to-erase", Actor: "lockbox", Subjects: []string{id}})
		return errors.Join(err, tx.Put(approvals.ShredKey(id), approvals.Shred{Motion: "QMQM"}))
	}))
	must(t, w.Gateway.Retain(t.Context()))
	if fire.n.Load() != 0 {
		t.Error("an order that nobody signed was carried out")
	}
}

func TestF07AHoldThatComesWhileARecordingIsDestroyedIsRefused(t *testing.T) {
	w := newWorld(t)
	id := keptFor(t, w, time.Millisecond)
	slow := &slowly{began: make(chan struct{}), goes: make(chan struct{})}
	w.Gateway.Archive = slow
	done := make(chan error, 1)
	late := time.After(5 * time.Second)
	go func() {
		for {
			if err := w.Gateway.Retain(t.Context()); err != nil || slow.n.Load() > 0 {
				done <- err
				return
			}
		}
	}()
	select {
	case <-slow.began:
	case <-late:
		t.Fatal("its time is not up")
	}
	wantNo(t, w.Gateway.Keep(t.Context(), w.Ceo.Principal, id, "a case"), "being destroyed now")
	close(slow.goes)
	must(t, <-done)
	c, err := w.Gateway.Custody(t.Context(), w.Ann.Principal, id)
	if err != nil || c.Erased.IsZero() || c.Held != "" {
		t.Errorf("got %+v, %v", c, err)
	}
}

// slowly destroys while the test does something else.
type slowly struct {
	n           atomic.Int64
	began, goes chan struct{}
}

func (s *slowly) Destroy(context.Context, string) ([]string, error) {
	close(s.began)
	<-s.goes
	s.n.Add(1)
	return []string{"here"}, nil
}

var _ gateway.Archive = (*slowly)(nil)
