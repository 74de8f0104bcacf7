package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// TestC28EveryAddressOfThisWeekIsToldOfTheChange: a stolen session that changes
// the address twice does not take it from the one who could do something about it.
func TestC28EveryAddressOfThisWeekIsToldOfTheChange(t *testing.T) {
	w := newWorld(t, &hook{name: "mail"})
	defer func() { must(t, w.Ledger.Close()) }()
	set := &Settings{Ledger: w.Ledger, Planner: w.planner}
	who := w.who("ceo@x.eu")
	var err error
	for i := 0; err == nil && i < 20; i++ {
		err = set.Set(t.Context(), who, Setting{Mail: fmt.Sprintf("thief%d@evil.example", i)})
	}
	if no := (*approvals.Refusal)(nil); !errors.As(err, &no) {
		t.Errorf("an address is changed as often as one likes: %v", err)
	}
	must(t, w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
		all, err := Addresses(tx, who, Account)
		if !slices.Contains(all, who.ID) || !slices.Contains(all, "thief0@evil.example") {
			t.Errorf("only %v are told", all)
		}
		if all, _ = Addresses(tx, who, Waits); len(all) != 1 {
			t.Errorf("%v are asked", all)
		}
		return err
	}))
}

// TestC22OnePersonFillsNoChannel: neither by tests nor by what others are told
// of them; what is for somebody else arrives.
func TestC22OnePersonFillsNoChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		h := &hook{name: "mail"}
		h.send = func(context.Context, Notice) error {
			if down {
				return errors.New("no answer")
			}
			return nil
		}
		w := newWorld(t, h)
		following(t, w, func(f *Follower) {
			tests := 0
			for range 50 {
				if _, err := f.Test(t.Context(), "eng1@x.eu"); err == nil {
					tests++
				}
			}
			if tests > 1 {
				t.Errorf("%d tests are under way to one person", tests)
			}
			must(t, pause(t.Context(), time.Hour))
			down = false
			must(t, pause(t.Context(), time.Hour))
			if _, err := f.Test(t.Context(), "eng1@x.eu"); err != nil {
				t.Errorf("the next test: %v", err)
			}
		})
		must(t, w.Ledger.Close())
	})
}

// TestADeadReceiverIsNotAnAlarmEachMinute: what is given up one after another is
// told when it begins, and then now and then.
func TestADeadReceiverIsNotAnAlarmEachMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := &hook{name: "webhook:gone", send: func(context.Context, Notice) error { return ErrNever }}
		good := &hook{name: "good"}
		w := newWorld(t, gone, good)
		gone.off = map[string]bool{}
		for _, p := range w.crowd.all {
			gone.off[p.ID] = true
		}
		w.planner.Places = []Place{{Channel: "webhook:gone", To: "gone", Topics: []Topic{Deed}}}
		following(t, w, func(f *Follower) {
			code := w.submit(t, "eng1@x.eu", "support_nord")
			for i := range 40 {
				_, err := w.Say(t.Context(), w.who("eng1@x.eu"), code, "", fmt.Sprint("and another thing, number ", i))
				must(t, err)
				must(t, pause(t.Context(), 3*time.Minute))
			}
			must(t, pause(t.Context(), 3*time.Hour))
			dead, err := f.Outbox.Dead()
			must(t, err)
			if i := slices.IndexFunc(dead, func(d Dead) bool { return !d.Told }); i >= 0 || len(dead) < 40 {
				t.Errorf("of %d that were given up, one was told to nobody", len(dead))
			}
		})
		n := strings.Count(strings.Join(w.all(t), " "), deadEvent)
		if n == 0 || n > 8 {
			t.Errorf("%d alarms in five hours", n)
		}
		must(t, w.Ledger.Close())
	})
}

// TestC28QuietHoursHideNoTheft: a stolen session that makes it quiet first does
// not keep its person from hearing what it does next.
func TestC28QuietHoursHideNoTheft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // midnight, UTC
		h := &hook{name: "mail"}
		w := newWorld(t, h)
		set := &Settings{Ledger: w.Ledger, Planner: w.planner}
		following(t, w, func(*Follower) {
			must(t, set.Set(t.Context(), w.who("ceo@x.eu"), Setting{Quiet: Quiet{From: 0, To: 24*time.Hour - time.Minute}}))
			must(t, pause(t.Context(), time.Minute))
			if n := h.count(func(n Notice) bool { return n.To == "ceo@x.eu" && n.Kind == "notify.changed" }); n != 1 {
				t.Error("the change that makes it quiet is not told")
			}
		})
		must(t, w.Ledger.Close())
	})
}

// TestC22ALoopOfSessionsIsNoFloodOfNotices: a script that comes in a thousand times
// under one grant is told of now and then; how it stands at last is told, and
// what others do to it is told each time.
func TestC22ALoopOfSessionsIsNoFloodOfNotices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hook{name: "mail"}
		w := newWorld(t, h)
		following(t, w, func(*Follower) {
			code := w.submit(t, "eng1@x.eu", "support_nord")
			must(t, w.approve("ceo@x.eu", code))
			must(t, w.approve("ann@nord.x", code))
			event := func(kind, session, by string) {
				must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
					_, err := tx.Append(ledger.Event{Kind: kind, Actor: by, Subjects: []string{session, code}})
					return err
				}))
			}
			for i := range 500 {
				id := fmt.Sprintf("S%025d", i)
				event("session.open", id, "eng1@x.eu")
				if i%100 == 0 {
					event("session.frozen-by", id, "cto@x.eu")
				}
				event("session.close", id, "eng1@x.eu")
				must(t, pause(t.Context(), time.Second))
			}
			must(t, pause(t.Context(), 3*time.Hour))
			of := func(kind string) int {
				return h.count(func(n Notice) bool { return n.To == "ceo@x.eu" && n.Topic == Session && n.Kind == kind })
			}
			if n := of("session.open") + of("session.close"); n < 2 || n > 3*often {
				t.Errorf("%d notices of beginnings and ends", n)
			}
			if n := of("session.frozen-by"); n != 5 {
				t.Errorf("%d of 5 notices of what somebody did to a session", n)
			}
			last := w.Ledger.Last()
			if h.count(func(n Notice) bool { return n.To == "ceo@x.eu" && n.Kind == "session.close" && n.Seq >= last-3 }) != 1 {
				t.Error("the last end is not told")
			}
		})
		must(t, w.Ledger.Close())
	})
}

// TestC22AnEmergencyIsToldHoweverMuchWaits: a channel that is full, or was down
// for long, gives up what can wait.
func TestC22AnEmergencyIsToldHoweverMuchWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hook{name: "mail"}
		w := newWorld(t, h)
		following(t, w, func(f *Follower) {
			f.carriers["mail"].mu.Lock()
			f.carriers["mail"].size += mostWaiting
			f.carriers["mail"].mu.Unlock()
			must(t, f.Again(
				Notice{Channel: "mail", To: "ceo@x.eu", Topic: Glass, About: "7KQM", Seq: 1, Kind: "glass.broken"},
				Notice{Channel: "mail", To: "ceo@x.eu", Topic: Digest, About: "7KQN", Seq: 2, Kind: "month.stated"}))
			must(t, pause(t.Context(), time.Second))
			if n := h.count(func(n Notice) bool { return n.Topic == Glass }); n != 1 {
				t.Error("the emergency was given up")
			}
			if n := h.count(func(n Notice) bool { return n.Topic == Digest }); n != 0 {
				t.Error("nothing was given up")
			}
			f.carriers["mail"].mu.Lock()
			f.carriers["mail"].size -= mostWaiting
			f.carriers["mail"].mu.Unlock()
		})
		must(t, w.Ledger.Close())
	})
}

// TestWhatIsGivenUpHasABound: a receiver that is gone for a month costs neither
// the memory nor the disk of the gateway.
func TestWhatIsGivenUpHasABound(t *testing.T) {
	w := newWorld(t)
	defer func() { must(t, w.Ledger.Close()) }()
	o := w.outbox(t)
	defer func() { must(t, o.Close()) }()
	must(t, o.db.Update(func(tx *bbolt.Tx) error { // as if they had been given up before
		for i := range mostDead {
			b, err := json.Marshal(Dead{Notice: Notice{Channel: "webhook:gone", Topic: Deed}, Num: uint64(i + 1), Gone: time.Now()})
			must(t, errors.Join(err, tx.Bucket([]byte(inDead)).Put(num(uint64(i+1)), b)))
		}
		return nil
	}))
	must(t, o.told(nil, time.Now()))
	for i := range 10 {
		must(t, o.give(&entry{Notice: Notice{Channel: "mail", Topic: Waits}, Num: uint64(mostDead + i + 1)}, "gone", "", false, time.Now()))
	}
	all, err := o.Dead()
	must(t, err)
	if len(all) > mostDead || all[len(all)-1].Channel != "mail" || all[0].Num <= 1 {
		t.Errorf("%d are kept, from %d on", len(all), all[0].Num)
	}
	if back, err := o.revive("mail", nil, time.Now()); err != nil || len(back) != 10 {
		t.Errorf("%d come back, %v", len(back), err)
	}
}

// TestC25ATryThatAWrongClockPutOffComesSoon: the clock was ten years ahead when a
// try failed, and is set right while the gateway is restarted.
func TestC25ATryThatAWrongClockPutOffComesSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hook{name: "mail"}
		w := newWorld(t, h)
		o := w.outbox(t)
		at := time.Now().AddDate(10, 0, 0)
		must(t, o.later(&entry{Notice: Notice{Channel: "mail", To: "ceo@x.eu", Topic: Account, About: "ceo@x.eu", Kind: "key.added"}, Num: 7, Since: at, Next: at, Tries: 1}))
		last, err := (&Follower{Ledger: w.Ledger}).end(t.Context())
		must(t, err)
		_, err = o.advance(last, nil, nil, time.Now())
		must(t, errors.Join(err, o.Close()))
		following(t, w, func(*Follower) {
			must(t, pause(t.Context(), 2*time.Hour))
			if n := h.count(func(n Notice) bool { return n.Kind == "key.added" }); n != 1 {
				t.Error("it waits for ten years")
			}
		})
		must(t, w.Ledger.Close())
	})
}

// TestAnEditedOutboxStopsNothing, and tells nobody what they may not see: what
// cannot be read is passed over, and whoever is named reads as themselves.
func TestAnEditedOutboxStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		words, err := NewWords()
		must(t, err)
		w := newWorld(t)
		teller := &Teller{Ledger: w.Ledger, Planner: w.planner, URL: "https://lock.example.eu", Words: words}
		leaked := 0
		h := &hook{name: "mail", send: func(ctx context.Context, n Notice) error {
			s, err := teller.Story(ctx, n)
			if err == nil && s.View.Request != nil && strings.HasPrefix(n.To, "eng2") {
				leaked++
			}
			return err
		}}
		w.planner.Channels = []Channel{h}
		code := w.submit(t, "eng1@x.eu", "support_nord")
		o := w.outbox(t)
		last, err := (&Follower{Ledger: w.Ledger}).end(t.Context())
		must(t, err)
		_, err = o.advance(last, nil, nil, time.Now())
		must(t, err)
		must(t, o.db.Update(func(tx *bbolt.Tx) error {
			for i, v := range []string{"", "{", "null", `{"channel":7}`, `{"channel":"mail","to":"ceo@x.eu","topic":"waits","about":"` + code + `","stage":-1,"rung":-7,"num":5}`,
				`{"channel":"mail","to":"ceo@x.eu","topic":"session","about":"\u0000","seq":-9,"num":6}`} {
				must(t, errors.Join(tx.Bucket([]byte(inWait)).Put(num(uint64(i+1)), []byte(v)), tx.Bucket([]byte(inDead)).Put(num(uint64(i+1)), []byte(v))))
			}
			return nil
		}))
		for i, topic := range []Topic{Waits, Decided, Said, Session, Ended, Motion, Glass, Account, "x", Deed} {
			n := Notice{Channel: "mail", To: "eng2@x.eu", Topic: topic, About: code, Kind: "grant.made", Stage: i % 3, At: time.Now()}
			must(t, o.later(&entry{Notice: n, Num: uint64(20 + i), Since: time.Now()}))
			must(t, o.db.Update(func(tx *bbolt.Tx) error {
				return tx.Bucket([]byte(inSaid)).Put(under(n.About, n.Channel, n.To), []byte{1})
			}))
		}
		must(t, o.Close())
		following(t, w, func(f *Follower) {
			_, err := w.Say(t.Context(), w.who("eng1@x.eu"), code, "", "which rows are these")
			must(t, err)
			must(t, pause(t.Context(), time.Minute))
			if n := h.count(func(n Notice) bool { return n.Topic == Said && n.To == "cto@x.eu" }); n != 1 {
				t.Error("nobody is told any more")
			}
			if _, err := f.Outbox.Dead(); err != nil {
				t.Error(err)
			}
			_, err = f.Retry("")
			must(t, err)
			must(t, pause(t.Context(), time.Hour))
		})
		v, err := w.seen(t, "ceo@x.eu", code)
		if leaked > 0 || err != nil || len(v.Request.Votes) > 0 {
			t.Errorf("%d times somebody read what they may not see, or there are votes: %v", leaked, err)
		}
		must(t, w.Ledger.Close())
	})
}

func (w *world) seen(t *testing.T, id, code string) (v approvals.View, err error) {
	err = w.Ledger.View(t.Context(), func(tx *ledger.Tx) error { v, err = w.SeeIn(tx, w.who(id), code); return err })
	return v, err
}

// TestAChannelThatPanicsEndsNothing: neither when it is asked where it reaches
// people nor when it is to send.
func TestAChannelThatPanicsEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &mad{})
		following(t, w, func(f *Follower) {
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan bool)
			go func() {
				defer close(done)
				f.LookEvery(ctx, time.Minute)
			}()
			w.submit(t, "eng1@x.eu", "support_nord")
			must(t, pause(t.Context(), 5*time.Minute))
			stop()
			<-done
		})
		must(t, w.Ledger.Close())
	})
}

// mad is a channel that panics.
type mad struct{}

func (*mad) Name() string                                         { return "mad" }
func (*mad) Address(*ledger.Tx, policy.Principal) (string, error) { panic("no address") }
func (*mad) Send(context.Context, Notice) error                   { panic("not now") }
