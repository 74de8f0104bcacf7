package notify

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A hook is a channel that does what the test says.
type hook struct {
	name string
	send func(context.Context, Notice) error
	off  map[string]bool // whom it does not reach

	post
}

func (h *hook) Name() string { return h.name }

func (h *hook) Address(_ *ledger.Tx, who policy.Principal) (string, error) {
	if h.off[who.ID] {
		return "", nil
	}
	return who.ID, nil
}

func (h *hook) Send(ctx context.Context, n Notice) error {
	if h.send != nil {
		if err := h.send(ctx, n); err != nil {
			return err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.came = append(h.came, n)
	return nil
}

// all is what came, in order.
func (h *hook) all() []Notice {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.came)
}

func (h *hook) count(match func(Notice) bool) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.came {
		if match(c) {
			n++
		}
	}
	return n
}

// following runs fn while a follower runs.
func following(t *testing.T, w *world, fn func(f *Follower)) {
	t.Helper()
	o := w.outbox(t)
	f := &Follower{Ledger: w.Ledger, Planner: w.planner, Outbox: o, Report: func(err error) { t.Logf("reported: %v", err) }}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	synctest.Wait()
	fn(f)
	stop()
	must(t, <-done)
	must(t, o.Close())
}

func (w *world) all(t *testing.T) (kinds []string) {
	t.Helper()
	events, err := w.Ledger.After(t.Context(), -1, 1000)
	must(t, err)
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// TestWhatIsGivenUpIsAnAlarm: at once where it can never be delivered, after a day
// else; the other channel tells the operators, and a person can have it tried again.
func TestWhatIsGivenUpIsAnAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := true
		bad := &hook{name: "bad"}
		bad.send = func(_ context.Context, n Notice) error {
			switch {
			case !broken:
				return nil
			case n.To == "ceo@x.eu":
				return ErrNever
			}
			return errors.New("refused")
		}
		good := &hook{name: "good"}
		w := newWorld(t, bad, good)
		following(t, w, func(f *Follower) {
			code := w.submit(t, "eng1@x.eu", "support_nord")
			_, err := w.Say(t.Context(), w.who("ceo@x.eu"), code, "", "which rows are these")
			must(t, err)
			must(t, pause(t.Context(), 5*time.Minute))
			if n := good.count(func(n Notice) bool { return n.Kind == deadEvent && strings.HasPrefix(n.To, "ops") }); n != 2 {
				t.Errorf("%d operators were told of what can never be delivered", n)
			}
			must(t, pause(t.Context(), 26*time.Hour))
			dead, err := f.Outbox.Dead()
			must(t, err)
			if len(dead) < 3 { // ceo at once; what was said to cto, and to who asked, after a day
				t.Errorf("%d were given up", len(dead))
			}
			broken = false
			n, err := f.Retry("bad")
			must(t, err)
			must(t, pause(t.Context(), time.Hour))
			if got := bad.count(func(n Notice) bool { return n.Topic == Said }); n != len(dead) || got != 2 {
				t.Errorf("%d of %d came back, %d arrived", n, len(dead), got)
			}
		})
		must(t, w.Ledger.Close())
	})
}

// TestQuietHoursHoldWhatCanWait, and not the last step of an escalation.
func TestQuietHoursHoldWhatCanWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // midnight, UTC
		h := &hook{name: "mail"}
		w := newWorld(t, h)
		w.policy.Rules[0].Stages[0].Escalate = []policy.Rung{{After: 5 * time.Minute, Remind: "all"}}
		set := &Settings{Ledger: w.Ledger, Planner: w.planner}
		must(t, set.Set(t.Context(), w.who("ceo@x.eu"), Setting{Quiet: Quiet{From: 22 * time.Hour, To: 7 * time.Hour}}))
		following(t, w, func(*Follower) {
			w.submit(t, "eng1@x.eu", "support_nord")
			to := func(id string, rung int) int {
				return h.count(func(n Notice) bool { return n.To == id && n.Topic == Waits && n.Rung == rung })
			}
			must(t, pause(t.Context(), time.Minute))
			if to("ceo@x.eu", 0) != 0 || to("cto@x.eu", 0) != 1 {
				t.Error("the quiet hours did not hold, or held for somebody else")
			}
			must(t, pause(t.Context(), 10*time.Minute))
			must(t, w.Sweep(t.Context()))
			must(t, pause(t.Context(), time.Minute))
			if to("ceo@x.eu", 1) != 1 || to("ceo@x.eu", 0) != 0 {
				t.Error("the last step did not come alone")
			}
			_, err := w.Say(t.Context(), w.who("cto@x.eu"), w.mine(t, "eng1@x.eu"), "", "which rows are these")
			must(t, err)
			must(t, pause(t.Context(), time.Hour))
			said := func() int {
				return h.count(func(n Notice) bool { return n.To == "ceo@x.eu" && n.Topic == Said })
			}
			if said() != 0 {
				t.Error("a remark woke somebody")
			}
			must(t, pause(t.Context(), 7*time.Hour))
			if said() != 1 {
				t.Error("what was held never came")
			}
		})
		must(t, w.Ledger.Close())
	})
}

func (w *world) mine(t *testing.T, id string) string {
	t.Helper()
	all, err := w.Mine(t.Context(), id)
	must(t, err)
	return all[0].Request.ID
}

// TestTheLastWayCannotBeTakenAway, and nonsense is refused.
func TestTheLastWayCannotBeTakenAway(t *testing.T) {
	w := newWorld(t, &hook{name: "mail"}, &hook{name: "slack", off: map[string]bool{"cto@x.eu": true}})
	defer func() { must(t, w.Ledger.Close()) }()
	set := &Settings{Ledger: w.Ledger, Planner: w.planner}
	for _, c := range []struct {
		who string
		set Setting
		ok  bool
	}{
		{"ceo@x.eu", Setting{Off: []string{"mail"}}, true},
		{"ceo@x.eu", Setting{Off: []string{"mail", "slack"}}, false},
		{"cto@x.eu", Setting{Off: []string{"mail"}}, false},
		{"cto@x.eu", Setting{Mail: "cto@home.example", Lang: "da"}, true},
		{"cto@x.eu", Setting{Mail: "a@b.eu\r\nBcc: c@d.eu"}, false},
		{"cto@x.eu", Setting{Mail: "A <a@b.eu>"}, false},
		{"cto@x.eu", Setting{Lang: "tlh"}, false},
		{"cto@x.eu", Setting{Quiet: Quiet{From: 25 * time.Hour}}, false},
		{"cto@x.eu", Setting{Quiet: Quiet{Zone: "../../etc/passwd"}}, false},
	} {
		err := set.Set(t.Context(), w.who(c.who), c.set)
		if r := (*approvals.Refusal)(nil); (err == nil) != c.ok || err != nil && !errors.As(err, &r) {
			t.Errorf("%s %+v: %v", c.who, c.set, err)
		}
	}
	must(t, w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
		all, err := Addresses(tx, w.who("cto@x.eu"), Account)
		if len(all) != 2 || all[1] != "cto@x.eu" {
			t.Errorf("the address before is not told of the change: %v", all)
		}
		return err
	}))
}

// TestTooFewReachedIsAnAlarmOnce, until enough are.
func TestTooFewReachedIsAnAlarmOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hook{name: "mail", off: map[string]bool{"cto@x.eu": true}}
		w := newWorld(t, h)
		following(t, w, func(f *Follower) {
			must(t, f.Look(t.Context()))
			must(t, f.Look(t.Context()))
			delete(h.off, "cto@x.eu")
			must(t, f.Look(t.Context()))
			must(t, pause(t.Context(), time.Minute))
		})
		kinds := strings.Join(w.all(t), " ")
		for kind, want := range map[string]int{"notice.unreachable": 1, "notice.reachable": 1, "notify.tested": 1} {
			if got := strings.Count(kinds, kind); got != want {
				t.Errorf("%d %s: %s", got, kind, kinds)
			}
		}
		if n := h.count(func(n Notice) bool { return n.Topic == Ping && n.To == "ceo@x.eu" }); n != 1 {
			t.Errorf("%d tests", n)
		}
		must(t, w.Ledger.Close())
	})
}

// TestWhoMayNotSeeIsToldNothing, a reviewer nothing of another customer, and a place no reason.
func TestWhoMayNotSeeIsToldNothing(t *testing.T) {
	w := newWorld(t, &hook{name: "mail"})
	defer func() { must(t, w.Ledger.Close()) }()
	w.planner.Places = []Place{{Channel: "mail", To: "#prod", Topics: []Topic{Waits}}}
	words, err := NewWords()
	must(t, err)
	teller := &Teller{Ledger: w.Ledger, Planner: w.planner, URL: "https://lock.example.eu", Words: words}
	v, err := w.Submit(t.Context(), w.who("eng1@x.eu"), approvals.Application{Target: "db1.prod", Login: "deploy", Do: policy.Shell,
		Need: policy.Need{Reason: "outage", Text: "see https://evil.example/x or call +45 12 34 56 78, a@b.eu"}})
	must(t, err)
	code := v.Request.ID
	must(t, w.approve("ceo@x.eu", code))
	tell := func(to string, topic Topic) (string, error) {
		s, err := teller.Story(t.Context(), Notice{Channel: "mail", To: to, Topic: topic, About: code, Stage: 1})
		var all []string
		for _, f := range s.Facts {
			all = append(all, f.Text)
		}
		return strings.Join(append(all, s.Title, s.Lead, s.Outcome, s.Question, s.Next, strings.Join(s.Entries, " ")), " | "), err
	}
	for _, stranger := range []string{"eng2@x.eu", "ops@x.eu", "nobody@x.eu"} {
		if got, err := tell(stranger, Waits); !errors.Is(err, ErrMoot) {
			t.Errorf("%s: %q, %v", stranger, got, err)
		}
	}
	ann, err := tell("ann@nord.x", Waits)
	must(t, err)
	if strings.Contains(ann, "Syd") || !strings.Contains(ann, "Nord Legal") {
		t.Errorf("ann reads: %s", ann)
	}
	for _, bad := range []string{"evil.example", "12 34 56 78", "a@b.eu", "://"} {
		if strings.Contains(ann, bad) {
			t.Errorf("%q left the house: %s", bad, ann)
		}
	}
	place, err := tell("#prod", Waits)
	must(t, err)
	for _, bad := range []string{"evil", "Nord", "Syd", "call"} {
		if strings.Contains(place, bad) {
			t.Errorf("the place reads %q: %s", bad, place)
		}
	}
}

// TestEverySentenceHasDanish: those in the code, and no others.
func TestEverySentenceHasDanish(t *testing.T) {
	words, err := NewWords()
	must(t, err)
	for _, en := range sentences(t, "teller.go", "teller_others.go", "language.go", "../mail/message.go") {
		if words.da.words[en] == "" {
			t.Errorf("no Danish for %q", en)
		}
	}
}
