package notify

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lockbox/recorder/ledger"
)

// mailboxes take mail, but those that are gone.
type mailboxes struct {
	mu   sync.Mutex
	gone map[string]bool
}

func (m *mailboxes) are(ids ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gone = map[string]bool{}
	for _, id := range ids {
		m.gone[id] = true
	}
}

func (m *mailboxes) send(_ context.Context, n Notice) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone[n.To] {
		return ErrNever
	}
	return nil
}

// TestWhoseMailboxRefusesIsNotReached: that it cannot be delivered is an alarm for
// the stage within minutes, until something goes through again.
func TestWhoseMailboxRefusesIsNotReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := &mailboxes{gone: map[string]bool{"cto@x.eu": true}}
		h := &hook{name: "mail", send: gone.send}
		w := newWorld(t, h)
		following(t, w, func(f *Follower) {
			w.planner.Deaf = f.Outbox.Deaf
			ctx, stop := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() { f.LookEvery(ctx, 24*time.Hour) })
			must(t, pause(ctx, 5*time.Minute)) // the first look has everybody tested
			if got := w.deaf(t); !slices.Equal(got, []string{"cto@x.eu"}) {
				t.Errorf("not reached: %v", got)
			}
			if kinds := strings.Join(w.all(t), " "); strings.Count(kinds, "notice.unreachable") != 1 && strings.Count(kinds, "notice.unreachable") != 2 || strings.Contains(kinds, "notice.reachable") {
				t.Errorf("the log: %s", kinds)
			}
			alarms := h.count(func(n Notice) bool { return n.Kind == "notice.unreachable" && strings.HasPrefix(n.To, "ops") })
			if alarms == 0 {
				t.Error("no operator was told")
			}
			if kinds := strings.Join(w.all(t), " "); strings.Contains(kinds, "notice.nobody") {
				t.Errorf("somebody is reached: %s", kinds)
			}
			gone.are("cto@x.eu", "ceo@x.eu")
			_, err := f.Test(ctx, "ceo@x.eu")
			must(t, err)
			must(t, pause(ctx, 5*time.Minute))
			if n := h.count(func(n Notice) bool { return n.Kind == "notice.nobody" && strings.HasPrefix(n.To, "ops") }); n != 2 {
				t.Errorf("%d operators were told that nobody is reached", n)
			}
			gone.are()
			for _, id := range []string{"ceo@x.eu", "cto@x.eu"} {
				_, err := f.Test(ctx, id)
				must(t, err)
			}
			must(t, pause(ctx, time.Minute))
			must(t, f.Look(ctx))
			if got := w.deaf(t); len(got) != 0 {
				t.Errorf("still not reached: %v", got)
			}
			if kinds := strings.Join(w.all(t), " "); !strings.Contains(kinds, "notice.reachable") {
				t.Errorf("the log: %s", kinds)
			}
			stop()
			wg.Wait()
		})
		must(t, w.Ledger.Close())
	})
}

// deaf lists the board's people who are not reached.
func (w *world) deaf(t *testing.T) (ids []string) {
	t.Helper()
	must(t, w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
		all, err := w.planner.Reachable(tx)
		for _, r := range all {
			for _, p := range r.People {
				for _, way := range p.Ways {
					if way.Deaf && !slices.Contains(ids, p.ID) {
						ids = append(ids, p.ID)
					}
				}
			}
		}
		return err
	}))
	return ids
}

// TestDeafnessIsOfAnAddress, and survives a restart.
func TestDeafnessIsOfAnAddress(t *testing.T) {
	w := newWorld(t)
	defer func() { must(t, w.Ledger.Close()) }()
	o := w.outbox(t)
	e := &entry{Notice: Notice{Channel: "mail", To: "ceo@x.eu", Topic: Ping, ID: "1"}, Num: 1}
	must(t, o.give(e, "refused", "ceo@x.eu", false, time.Now()))
	must(t, o.Close())
	o = w.outbox(t)
	defer func() { must(t, o.Close()) }()
	for _, c := range []struct {
		channel, who, at string
		want             bool
	}{{"mail", "ceo@x.eu", "ceo@x.eu", true}, {"mail", "ceo@x.eu", "ceo@new.eu", false}, {"slack", "ceo@x.eu", "ceo@x.eu", false}, {"mail", "cto@x.eu", "ceo@x.eu", false}} {
		if got, err := o.Deaf(c.channel, c.who, c.at); err != nil || got != c.want {
			t.Errorf("%v: %v, %v", c, got, err)
		}
	}
	again := &entry{Notice: e.Notice, Num: 2}
	must(t, o.done(again, true)) // it was perhaps sent
	if yes, err := o.Deaf("mail", "ceo@x.eu", "ceo@x.eu"); !yes || err != nil {
		t.Errorf("%v, %v", yes, err)
	}
	again.heard = true
	must(t, o.done(again, true))
	if yes, err := o.Deaf("mail", "ceo@x.eu", "ceo@x.eu"); yes || err != nil {
		t.Errorf("%v, %v", yes, err)
	}
}
