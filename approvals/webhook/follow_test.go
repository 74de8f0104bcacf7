package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/approvals/notify"
	"lockbox/approvals/webhook"
	"lockbox/tests/fakes/receiver"
	"lockbox/tests/world"
)

// followed has a receiver told of what happens, until the test ends.
func followed(t *testing.T, w *world.World, s *receiver.Server, give time.Duration) *notify.Follower {
	t.Helper()
	h := hook(t, w, s, nil)
	p := &notify.Planner{
		Desk: w.Desk, People: w.People, Channels: []notify.Channel{h},
		Places: []notify.Place{{Channel: h.Name(), To: "siem", Topics: []notify.Topic{notify.Deed}, Kinds: []string{"request.*", "vote.*", "notice.dead"}}},
	}
	box, err := notify.OpenOutbox(filepath.Join(t.TempDir(), "notify.db"))
	must(t, err)
	f := &notify.Follower{Ledger: w.Ledger, Planner: p, Outbox: box, Give: give, Report: func(err error) { t.Logf("reported: %v", err) }}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := f.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		wg.Wait()
		must(t, box.Close())
	})
	until(t, "the start", func() bool { by, behind := f.Counts(); return len(by) > 0 && behind == 0 })
	return f
}

func until(t *testing.T, what string, yes func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for !yes() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// came are the numbers of the events that came about one thing.
func came(t *testing.T, s *receiver.Server, about string) (all []int64) {
	t.Helper()
	posts, bad := s.Posts()
	if len(bad) > 0 {
		t.Errorf("%v", bad)
	}
	for _, p := range posts {
		var e webhook.Event
		must(t, json.Unmarshal(p.Body, &e))
		if slices.Contains(e.Data.Subjects, about) {
			all = append(all, e.Data.Seq)
		}
	}
	return all
}

// TestAReceiverHearsInOrderWhateverItDoes: it fails, lies and comes back; then it is told again from a number on.
func TestAReceiverHearsInOrderWhateverItDoes(t *testing.T) {
	w := world.New(t, "127.0.0.1:1", "")
	s := receiver.Start(t, newSecret)
	f := followed(t, w, s, 0)
	s.Do(receiver.Way{Code: 500, Forget: true})
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	until(t, "the first try", func() bool { return s.Tries() > 0 })
	must(t, w.Approve(t, w.Ceo, code))
	s.Do(receiver.Way{})
	var first int64
	until(t, "both", func() bool {
		all := came(t, s, code)
		first = all[0]
		return len(slices.Compact(slices.Sorted(slices.Values(all)))) >= 2
	})
	all := came(t, s, code)
	if !slices.IsSorted(all) || len(all) < 3 { // the first one twice, at least
		t.Errorf("they came as %v", all)
	}
	until(t, "the rest", func() bool { by, behind := f.Counts(); return behind == 0 && by["webhook:siem"].Waiting == 0 })
	posts, _ := s.Posts()
	before := len(posts)
	r, err := f.Replay(t.Context(), "webhook:siem", first)
	must(t, err)
	if want := (notify.Replayed{Count: r.Count, From: first, To: w.Ledger.Last(), End: w.Ledger.Last()}); r != want || r.Count < 2 {
		t.Errorf("%+v, want %+v", r, want)
	}
	until(t, "the replay", func() bool { posts, _ := s.Posts(); return len(posts) == before+r.Count })
	posts, _ = s.Posts()
	ids := map[string]bool{}
	for _, p := range posts[:before] {
		ids[p.ID] = true
	}
	for _, p := range posts[before:] {
		if !ids[p.ID] {
			t.Errorf("%s is a new id", p.ID)
		}
	}
	for _, c := range []struct {
		name string
		from int64
		want string
	}{{"webhook:other", 0, "no webhook of that name"}, {"mail", 0, "no webhook of that name"}, {"webhook:siem", -1, "events have the numbers"}, {"webhook:siem", w.Ledger.Last() + 1, "events have the numbers"}} {
		var no *approvals.Refusal
		if r, err := f.Replay(t.Context(), c.name, c.from); !errors.As(err, &no) || !strings.Contains(no.Why, c.want) || r.Count != 0 {
			t.Errorf("%s from %d: %+v, %v", c.name, c.from, r, err)
		}
	}
}

// TestWhatAReceiverDoesNotTakeIsADeadLetter, which can be tried again. That it is an alarm, and after a day, is tested in notify.
func TestWhatAReceiverDoesNotTakeIsADeadLetter(t *testing.T) {
	w := world.New(t, "127.0.0.1:1", "")
	s := receiver.Start(t, newSecret)
	f := followed(t, w, s, time.Nanosecond)
	s.Do(receiver.Way{Code: 500})
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	var dead []notify.Dead
	until(t, "the dead letter", func() (yes bool) {
		var err error
		dead, err = f.Outbox.Dead()
		must(t, err)
		return len(dead) > 0
	})
	for _, d := range dead {
		if d.Channel != "webhook:siem" || strings.Contains(d.Why, "/hook") || strings.Contains(d.Why, newSecret) || !strings.Contains(d.Why, "500") {
			t.Errorf("%+v", d)
		}
	}
	if got := came(t, s, code); len(got) != 0 {
		t.Errorf("it took %v", got)
	}
	s.Do(receiver.Way{})
	n, err := f.Retry("webhook:siem")
	must(t, err)
	until(t, "what was dead", func() bool { return len(came(t, s, code)) > 0 })
	if n == 0 {
		t.Error("nothing was brought back")
	}
}
