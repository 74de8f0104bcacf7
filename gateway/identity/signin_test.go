package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
)

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	d, e := w.ceo()
	ask, err := w.BeginSignIn(t.Context(), here)
	w.must(err)
	challengeOf(t, ask)
	cookie, who, err := w.FinishSignIn(t.Context(), ask.ID, d.get(ask.Options), here)
	w.must(err)
	l, err := w.Session(t.Context(), cookie)
	w.must(err)
	if who.ID != e.ID || l.ID != e.ID || l.Kind != policy.Executive || !l.Confirmed || l.Fingerprint != e.Fingerprint ||
		!l.At.Equal(w.now()) || !l.Until.Equal(w.now().Add(webLife)) || len(cookie) != 43 {
		t.Errorf("got %+v, %+v", who, l)
	}
}

func TestASignInIsAnsweredOnceInTimeByItsOwner(t *testing.T) {
	w := newWorld(t)
	d, _ := w.ceo()
	other, _ := w.eng(d, "")
	for _, c := range []struct {
		name   string
		answer func(a Ask) (id string, answer []byte)
		want   string
	}{
		{"too late", func(a Ask) (string, []byte) { w.pass(ceremonyLife); return a.ID, d.get(a.Options) }, "too long"},
		{"an ask nobody made", func(a Ask) (string, []byte) { return "x", d.get(a.Options) }, "too long"},
		{"another ask's", func(a Ask) (string, []byte) { return a.ID, d.get(w.begin(t).Options) }, "challenge"},
		{"nothing", func(a Ask) (string, []byte) { return a.ID, nil }, "cannot be read"},
		{"an empty answer", func(a Ask) (string, []byte) { return a.ID, []byte(`{}`) }, "cannot be read"},
		{"a method without an assertion", func(a Ask) (string, []byte) { return a.ID, []byte(`{"method":"passkey"}`) }, "cannot be read"},
		{"another domain", func(a Ask) (string, []byte) { return a.ID, wire(d.sign(statement.ForTouch, a.Text)) }, "challenge"},
		{"without a user handle", func(a Ask) (string, []byte) {
			x := d.sign(statement.ForSignIn, a.Text)
			x.UserHandle = nil
			return a.ID, wire(x)
		}, "not enrolled here"},
		{"with another's user handle", func(a Ask) (string, []byte) {
			x := d.sign(statement.ForSignIn, a.Text)
			x.UserHandle = other.auth.Options.UserHandle
			return a.ID, wire(x)
		}, "not enrolled here"},
		{"without user verification", func(a Ask) (string, []byte) {
			x := *d
			x.auth.Options.UserNotVerified = true
			return a.ID, x.get(a.Options)
		}, "not verified"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.pass(time.Minute) // so that the limit is not what refuses
			ask := w.begin(t)
			id, answer := c.answer(ask)
			_, _, err := w.FinishSignIn(t.Context(), id, answer, here)
			wantRefusal(t, err, c.want)
			if id != ask.ID {
				return
			}
			_, _, err = w.FinishSignIn(t.Context(), ask.ID, d.get(ask.Options), here)
			wantRefusal(t, err, "used already") // deleted before it was verified
		})
	}
}

func (w *world) begin(t *testing.T) Ask {
	t.Helper()
	a, err := w.BeginSignIn(t.Context(), here)
	w.must(err)
	return a
}

func wire(a statement.Assertion) []byte {
	b, err := json.Marshal(a)
	if err != nil {
		panic(err)
	}
	return b
}

func TestASignInReplayedAtOnceCountsOnce(t *testing.T) {
	w := newWorld(t)
	d, _ := w.ceo()
	ask := w.begin(t)
	answer := d.get(ask.Options)
	var wg sync.WaitGroup
	var errs [20]error
	for i := range errs {
		wg.Go(func() {
			_, _, errs[i] = w.FinishSignIn(t.Context(), ask.ID, answer, Meta{Source: fmt.Sprintf("192.0.2.%d", i)})
		})
	}
	wg.Wait()
	ok := 0
	for _, err := range errs {
		if err == nil {
			ok++
		}
	}
	if ok != 1 {
		t.Errorf("%d signed in, want 1", ok)
	}
}

func TestBeginningToSignInWritesNothing(t *testing.T) {
	w := newWorld(t)
	before := string(w.Ledger.Checkpoint())
	for range 10 {
		w.begin(t)
	}
	if got := string(w.Ledger.Checkpoint()); got != before {
		t.Errorf("the log grew:\n%s", got)
	}
}

func TestWhoIsNotConfirmedIsSignedInToSeeThat(t *testing.T) {
	w := newWorld(t)
	ceo, _ := w.ceo()
	d, e := w.enrol(Invite{ID: "eng@example.eu", Kind: policy.Staff})
	cookie, _, err := w.signIn(d)
	w.must(err)
	l, err := w.Session(t.Context(), cookie)
	w.must(err)
	if l.Confirmed || l.Fingerprint != e.Fingerprint {
		t.Errorf("got %+v, want one who waits with %s", l, e.Fingerprint)
	}
	w.must(w.vouch(ceo, "ceo@example.eu", e.ID, e.Fingerprint))
	if l, err = w.Session(t.Context(), cookie); err != nil || !l.Confirmed {
		t.Errorf("got %+v, %v, want one who is confirmed", l, err)
	}
}

func TestASessionEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(w *world, cookie string)
		in   bool
	}{
		{"at once, no", func(*world, string) {}, true},
		{"just before it is idle, no", func(w *world, _ string) { w.pass(webIdle - time.Second) }, true},
		{"idle", func(w *world, _ string) { w.pass(webIdle) }, false},
		{"used all day, at its end", func(w *world, c string) { w.stay(c, webLife) }, false},
		{"used all day, before its end, no", func(w *world, c string) { w.stay(c, webLife-time.Minute) }, true},
		{"signed out", func(w *world, c string) { w.must(w.SignOut(w.t.Context(), c)) }, false},
		{"revoked", func(w *world, c string) { w.must(w.RevokeAll(w.t.Context(), "op@example.eu", "ceo@example.eu")) }, false},
		{"somebody else revoked, no", func(w *world, c string) { w.must(w.RevokeAll(w.t.Context(), "op@example.eu", "eng@example.eu")) }, true},
		{"swept, no", func(w *world, c string) { w.must(w.Sweep(w.t.Context())) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			d, _ := w.ceo()
			cookie, _, err := w.signIn(d)
			w.must(err)
			c.do(w, cookie)
			l, err := w.Session(t.Context(), cookie)
			if c.in && (err != nil || l.ID != "ceo@example.eu") {
				t.Errorf("got %+v, %v, want a session", l, err)
			}
			if !c.in && (!errors.Is(err, ErrSignedOut) || l.ID != "") {
				t.Errorf("got %+v, %v, want ErrSignedOut", l, err)
			}
		})
	}
}

// stay uses a session every ten minutes.
func (w *world) stay(cookie string, d time.Duration) {
	for ; d > 10*time.Minute; d -= 10 * time.Minute {
		w.pass(10 * time.Minute)
		_, err := w.Session(w.t.Context(), cookie)
		w.must(err)
	}
	w.pass(d)
}

func TestACookieThatIsNoneIsSignedOut(t *testing.T) {
	w := newWorld(t)
	for _, cookie := range []string{"", "x", "web/1", string(make([]byte, 1<<16))} {
		if _, err := w.Session(t.Context(), cookie); !errors.Is(err, ErrSignedOut) {
			t.Errorf("%.20q: got %v, want ErrSignedOut", cookie, err)
		}
		w.must(w.SignOut(t.Context(), cookie))
	}
}

func TestASessionIsWrittenDownOnceAMinute(t *testing.T) {
	w := newWorld(t)
	d, _ := w.ceo()
	cookie, _, err := w.signIn(d)
	w.must(err)
	for range 60 {
		w.pass(3 * time.Second)
		_, err := w.Session(t.Context(), cookie)
		w.must(err)
	}
	if got := w.kinds("session.seen"); got != 3 {
		t.Errorf("got %d events in 3 minutes, want 3", got)
	}
}

func TestSweepForgetsSessionsThatEnded(t *testing.T) {
	w := newWorld(t)
	d, _ := w.ceo()
	for range 3 {
		_, _, err := w.signIn(d)
		w.must(err)
	}
	w.pass(webIdle)
	_, _, err := w.signIn(d)
	w.must(err)
	w.must(w.Sweep(t.Context()))
	w.must(w.Sweep(t.Context()))
	if got := w.kinds("session.signed-out"); got != 1 {
		t.Errorf("got %d events, want one for all three", got)
	}
}

func TestASourceThatGuessesIsSlowedAndNobodyElse(t *testing.T) {
	w := newWorld(t)
	d, _ := w.ceo()
	guesser := Meta{Source: "2001:db8::1"}
	n := 0
	for ; n < 100; n++ {
		_, _, err := w.BeginEnroll(t.Context(), "guess", guesser)
		var r *Refusal
		if errors.As(err, &r) && contains(r, "too many") {
			break
		}
	}
	if n > 10 {
		t.Errorf("%d guesses before it was slowed", n)
	}
	_, err := w.BeginSignIn(t.Context(), Meta{Source: "2001:db8::ffff"}) // the same /64
	wantRefusal(t, err, "too many")
	if _, _, err := w.signIn(d); err != nil {
		t.Errorf("another source: %v", err)
	}
	w.pass(time.Minute)
	if _, err := w.BeginSignIn(t.Context(), guesser); err != nil {
		t.Errorf("after a minute: %v", err)
	}
}

func TestLimitsAreBounded(t *testing.T) {
	var l limits
	now := time.Now()
	ip := netip.MustParseAddr("10.0.0.0")
	for range maxSources + 100 {
		l.of(ip.String(), now).AllowN(now, 1)
		ip = ip.Next()
	}
	if len(l.by) != maxSources {
		t.Errorf("%d sources, want %d", len(l.by), maxSources)
	}
	if l.of(ip.String(), now) != l.rest || l.of("no address", now) != l.rest {
		t.Error("sources without room do not share one limit")
	}
	now = now.Add(time.Hour)
	if l.of(ip.String(), now) == l.rest || len(l.by) != 1 {
		t.Errorf("%d sources, want the idle ones forgotten", len(l.by))
	}
	if l.of("::ffff:10.1.1.1", now) != l.of("10.1.1.1", now) {
		t.Error("one address in two forms is two sources")
	}
}

func TestWhatWaitsIsBounded(t *testing.T) {
	var s asks
	now := time.Now()
	for i := range maxAsks + 10 {
		s.put(now, Ask{ID: fmt.Sprint(i), until: now.Add(ceremonyLife + time.Duration(i))})
	}
	if len(s.byID) != maxAsks {
		t.Errorf("%d wait, want %d", len(s.byID), maxAsks)
	}
	if _, err := s.take(now, "0"); err == nil {
		t.Error("the oldest is still there")
	}
	if _, err := s.take(now, fmt.Sprint(maxAsks)); err != nil {
		t.Error(err)
	}
}
