package ledger_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"lockbox/recorder/ledger"
)

func TestClock(t *testing.T) {
	start := time.Date(2026, 11, 21, 14, 0, 0, 123456789, time.FixedZone("CET", 3600))
	first := start.UTC().Truncate(time.Microsecond)
	for _, c := range []struct {
		name       string
		wall, mono time.Duration // since the first event
		at         time.Duration // of the next event
		want       string
	}{
		{"time passes", time.Hour, time.Hour, time.Hour, ""},
		{"no time passes", 0, 0, 0, ""},
		{"a little back", -5 * time.Second, 0, 0, ""},
		{"a little back, while time passes", -4 * time.Second, time.Second, 0, ""},
		{"further back", -5*time.Second - time.Millisecond, 0, 0, "the clock went back by 5.001s"},
		{"back, but not before the last event", time.Second, 7 * time.Second, 0, "the clock went back by 6s"},
		{"a day back", -24 * time.Hour, time.Second, 0, "the clock went back by 24h0m1s"},
		{"a little ahead", 5 * time.Second, 0, 5 * time.Second, ""},
		{"further ahead", 5*time.Second + time.Millisecond, 0, 0, "the clock jumped ahead by 5.001s"},
		{"a year ahead", 8760 * time.Hour, time.Minute, 0, "the clock jumped ahead by 8759h59m0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &hands{wall: start}
			o := h.options(t)
			o.Elapsed = func() time.Duration { return h.mono }
			b := bookOf(t, o)
			b.put("a/1", "first")
			h.wall, h.mono = h.wall.Add(c.wall), h.mono+c.mono
			ran := false
			for name, run := range map[string]func() error{
				"Update": func() error {
					return b.Update(t.Context(), func(tx *ledger.Tx) error {
						ran = true
						_, err := tx.Append(did("x"))
						return err
					})
				},
				"View": func() error { return b.View(t.Context(), func(tx *ledger.Tx) error { ran = true; return nil }) },
			} {
				err := run()
				if !says(err, c.want) || err != nil && !errors.Is(err, ledger.ErrClock) {
					t.Errorf("%s: got %v, want %q", name, err, c.want)
				}
			}
			es := b.events() // the past can be read by any clock
			if got := len(es) == 2; got != (c.want == "") || ran != got {
				t.Fatalf("got %d events, fn ran: %v", len(es), ran)
			}
			if got := es[0].At; !got.Equal(first) || got.Location() != time.UTC {
				t.Errorf("first event at %s, want %s", got, first)
			}
			if want := first.Add(c.at); c.want == "" && !es[1].At.Equal(want) {
				t.Errorf("second event at %s, want %s", es[1].At, want)
			}
			h.wall, h.mono = start.Add(time.Hour), time.Hour // set right
			b.put("a/1", "second")
		})
	}
}

func TestClockThatStoodAheadIsRefusedAfterARestart(t *testing.T) {
	h := &hands{wall: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}
	b := bookOf(t, h.options(t))
	b.put("a/1", 1)
	h.wall = h.wall.AddDate(0, -1, 0)
	if err := b.reopen(); err != nil {
		t.Fatal(err)
	}
	err := b.Update(t.Context(), func(*ledger.Tx) error { return nil })
	if !errors.Is(err, ledger.ErrClock) || !says(err, "wait until it has caught up") {
		t.Errorf("got %v, want ErrClock", err)
	}
}

func TestATransactionHasOneNow(t *testing.T) {
	h := &hands{wall: time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)}
	b := bookOf(t, h.options(t))
	b.must(func(tx *ledger.Tx) error {
		now := tx.Now()
		_, err := tx.Append(did("x"))
		h.pass(time.Minute)
		_, err2 := tx.Append(did("x"))
		if got := tx.Now(); !got.Equal(now) {
			t.Errorf("got %s, then %s", now, got)
		}
		return errors.Join(err, err2)
	})
	es := b.events()
	if !es[0].At.Equal(es[1].At) {
		t.Errorf("got events at %s and %s, want one time", es[0].At, es[1].At)
	}
}

func TestEventsNeverGoBackInTime(t *testing.T) {
	h := &hands{wall: time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)}
	b := bookOf(t, h.options(t))
	for _, d := range []time.Duration{time.Second, -4 * time.Second, time.Second, -time.Second, 10 * time.Second, -5 * time.Second, 0} {
		h.pass(d)
		b.put("a/1", d)
	}
	var last time.Time
	for _, e := range b.events() {
		if e.At.Before(last) {
			t.Errorf("event %d at %s, before %s", e.Seq, e.At, last)
		}
		last = e.At
	}
}

func TestMonotonicReadingOfNowIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t)
		b := bookOf(t, o) // time.Now, which has one
		time.Sleep(48 * time.Hour)
		b.put("a/1", 1)
		jump := time.Duration(0)
		o.Now = func() time.Time { return time.Now().Round(0).Add(jump) } // which has none
		c := bookOf(t, o)
		jump = time.Hour
		c.put("a/1", 1)
		o.Elapsed = func() time.Duration { return time.Since(start(t)) }
		d := bookOf(t, o)
		jump += time.Hour
		err := d.Update(t.Context(), func(*ledger.Tx) error { return nil })
		if !errors.Is(err, ledger.ErrClock) {
			t.Errorf("got %v, want ErrClock", err)
		}
	})
}

func start(t *testing.T) time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }
