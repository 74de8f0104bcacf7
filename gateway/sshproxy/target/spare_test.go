package target

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"lockbox/policy"
)

// clean says at the end whether goroutines are left.
func clean(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

func TestAConnectionIsKeptAheadAndNobodyIsNamedInItsCertificateBeforeItIsClaimed(t *testing.T) {
	clean(t)
	s := newStub(t)
	d := newDialer(t, s.ca, withSpares)
	to := s.target()
	dial(t, d, callTo(to, "deploy", "r-1"))
	l := ready(t, d, placeOf(to, "deploy"))
	if _, _, certs := s.counts(); certs != 1 {
		t.Errorf("%d certificates were shown before anybody claimed the connection", certs)
	}
	second := dial(t, d, callTo(to, "deploy", "r-2"))
	echoes(t, second)
	if second.socket != l.socket {
		t.Error("the connection that was kept was not used")
	}
	s.mu.Lock()
	first, last := s.certs[0], s.certs[len(s.certs)-1]
	s.mu.Unlock()
	if first.KeyId != "r-1" || last.KeyId != "r-2" || string(first.Key.Marshal()) == string(last.Key.Marshal()) || last.Serial == first.Serial {
		t.Errorf("certificates %q and %q are not each for its own session", first.KeyId, last.KeyId)
	}
	s.cut()
	<-second.Gone()
}

func TestWhatIsKeptAheadIsForThatLoginOnThatMachineAlone(t *testing.T) {
	s := newStub(t)
	d := newDialer(t, s.ca, withSpares)
	to := s.target()
	d.Warm(to, "deploy")
	ready(t, d, placeOf(to, "deploy"))
	moved, renamed, other := *to, *to, *to
	moved.Address, renamed.Name, other.HostKey = "127.0.0.1:1", "db2.prod", ssh.FingerprintSHA256(newSigner(t).PublicKey())
	for what, at := range map[string]place{
		"another login": placeOf(to, "root"), "another address": placeOf(&moved, "deploy"),
		"another name": placeOf(&renamed, "deploy"), "another key": placeOf(&other, "deploy"),
	} {
		if d.take(at) != nil {
			t.Errorf("%s got it", what)
		}
	}
	l := d.take(placeOf(to, "deploy"))
	if l == nil {
		t.Fatal("it is gone")
	}
	l.hangUp()
}

func TestOneThatDiedMeanwhileIsNotNoticed(t *testing.T) {
	s := newStub(t)
	d := newDialer(t, s.ca, withSpares)
	to := s.target()
	d.Warm(to, "deploy")
	l := ready(t, d, placeOf(to, "deploy"))
	l.hangUp() // as when the target closes it in the moment of the claim
	echoes(t, dial(t, d, callTo(to, "deploy", "r-1")))
}

func TestOneThatIsSilentOnceClaimedIsNotWaitedFor(t *testing.T) {
	clean(t)
	s := newStub(t)
	through, lose := newCable(t, s.l.Addr().String())
	d := newDialer(t, s.ca, withSpares)
	to := s.target()
	to.Address = through
	d.Warm(to, "deploy")
	ready(t, d, placeOf(to, "deploy"))
	lose() // packets of the connections that are there
	began := time.Now()
	echoes(t, dial(t, d, callTo(to, "deploy", "r-1")))
	if took := time.Since(began); took < silence || took > silence+3*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestWhoIsRefusedOnWhatWasKeptIsNotTriedAgain(t *testing.T) {
	s := newStub(t, func(s *stub) { s.auth = func(ssh.ConnMetadata, *ssh.Certificate) bool { return false } })
	d := newDialer(t, s.ca, withSpares)
	to := s.target()
	d.Warm(to, "deploy")
	ready(t, d, placeOf(to, "deploy"))
	_, err := d.Dial(t.Context(), callTo(to, "deploy", "r-1"))
	if _, _, certs := s.counts(); KindOf(err) != Unwelcome || certs != 1 {
		t.Errorf("got %v, and %d certificates were shown", err, certs)
	}
}

func TestWhatIsKeptIsRenewedAndThenLetGo(t *testing.T) {
	clean(t)
	s := newStub(t)
	d := newDialer(t, s.ca, withSpares, func(d *Dialer) { d.Renew, d.Idle = time.Second, 2500*time.Millisecond })
	to := s.target()
	d.Warm(to, "deploy")
	ready(t, d, placeOf(to, "deploy"))
	done := make(chan struct{})
	go func() { defer close(done); d.wg.Wait() }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("it is kept for ever")
	}
	if conns, _, certs := s.counts(); conns < 2 || conns > 4 || certs != 0 {
		t.Errorf("%d connections, %d certificates", conns, certs)
	}
}

func TestNoMoreAreKeptThanAllowed(t *testing.T) {
	s := newStub(t)
	d := newDialer(t, s.ca, withSpares)
	for _, login := range []string{"a", "b", "c", "d", "e", "f"} {
		d.Warm(s.target(), login)
	}
	if n := kept(d); n != 4 {
		t.Errorf("%d are kept, want 4", n)
	}
	none := newDialer(t, s.ca)
	none.Warm(s.target(), "a")
	if len(none.spares) != 0 {
		t.Error("one is kept where none may be")
	}
}

func TestATargetThatClosesWhatIsKeptIsLeftInPeace(t *testing.T) {
	s := newStub(t, func(s *stub) { s.raw = func(c net.Conn) { _ = c.Close() } })
	d := newDialer(t, s.ca, withSpares)
	d.Warm(s.target(), "deploy")
	d.wg.Wait()
	if conns, _, _ := s.counts(); conns != 1 {
		t.Errorf("%d connections", conns)
	}
}

func TestAKeyOfAnotherTypeIsAskedForAndRemembered(t *testing.T) {
	pinned := ecdsaSigner(t)
	s := newStub(t, func(s *stub) { s.host = []ssh.Signer{pinned, newSigner(t)} })
	d := newDialer(t, s.ca)
	to := s.target()
	dial(t, d, callTo(to, "deploy", "r-1"))
	if conns, _, _ := s.counts(); conns != 2 {
		t.Errorf("%d connections at first, want 2", conns)
	}
	dial(t, d, callTo(to, "deploy", "r-2"))
	if conns, _, _ := s.counts(); conns != 3 {
		t.Errorf("%d connections, want one more", conns)
	}
	fresh := newDialer(t, s.ca, withSpares)
	fresh.Warm(to, "deploy")
	ready(t, fresh, placeOf(to, "deploy"))
}

func TestWhatIsFrozenPassesNothingAndIsGivenUpInTime(t *testing.T) {
	s := newStub(t)
	d := newDialer(t, s.ca)
	c := callTo(s.target(), "deploy", "r-1")
	c.Gate = func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }
	ctx, stop := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, errLate)
	defer stop()
	_, err := d.fresh(ctx, &c)
	if _, _, certs := s.counts(); KindOf(err) != Held || certs != 0 {
		t.Errorf("got %v, and %d certificates were shown", err, certs)
	}
}

func TestWhoLeavesHearsOfNoFault(t *testing.T) {
	s := newStub(t, func(s *stub) {
		s.raw = func(c net.Conn) { _, _ = c.Read(make([]byte, 1<<10)); _, _ = c.Read(make([]byte, 1<<10)) }
	})
	d := newDialer(t, s.ca)
	left := errors.New("left")
	ctx, leave := context.WithCancelCause(t.Context())
	time.AfterFunc(100*time.Millisecond, func() { leave(left) })
	if _, err := d.Dial(ctx, callTo(s.target(), "deploy", "r-1")); !errors.Is(err, left) || KindOf(err) != "" {
		t.Errorf("got %v", err)
	}
}

func TestNothingIsDialledWithoutAPinOrAGate(t *testing.T) {
	s := newStub(t)
	d := newDialer(t, s.ca, withSpares)
	bare := &policy.Target{Name: "db1.prod", Address: s.l.Addr().String()}
	if _, err := d.Dial(t.Context(), callTo(bare, "deploy", "r-1")); KindOf(err) != OtherKey {
		t.Errorf("got %v", err)
	}
	if err := d.Look(t.Context(), bare); KindOf(err) != OtherKey {
		t.Errorf("got %v", err)
	}
	if _, err := d.Dial(t.Context(), Call{Target: s.target(), Login: "deploy", KeyID: "r-1"}); err == nil {
		t.Error("a connection without a gate was made")
	}
	d.Warm(bare, "deploy")
	d.wg.Wait()
	if conns, _, _ := s.counts(); conns != 0 {
		t.Errorf("%d connections", conns)
	}
}

// kept is how many places are kept, the second of a place counted as well.
func kept(d *Dialer) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, all := range d.spares {
		n += len(all)
	}
	return n
}

// slowly is a stub whose connections exchange keys when told to: nil in the
// channel lets one go on.
func slowly(t *testing.T) (*stub, chan struct{}) {
	t.Helper()
	on := make(chan struct{}, 100)
	s := newStub(t, func(s *stub) {
		s.raw = func(c net.Conn) {
			if _, ok := <-on; ok {
				s.serve(c)
			}
		}
	})
	t.Cleanup(func() { close(on) })
	return s, on
}

// begins waits until so many lines are kept for a place, keyed or not.
func begins(t *testing.T, d *Dialer, at place, want int) {
	t.Helper()
	late := time.After(10 * time.Second)
	for lines(d, at) != want {
		select {
		case <-late:
			t.Fatalf("%d lines are kept, want %d", lines(d, at), want)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func lines(d *Dialer, at place) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.spares[at] {
		if s.line != nil {
			n++
		}
	}
	return n
}

// hasty claims the only line of a place before it is keyed.
func hasty(t *testing.T, d *Dialer, on chan struct{}, c Call) {
	t.Helper()
	at := placeOf(c.Target, c.Login)
	begins(t, d, at, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		for tick := time.Tick(time.Millisecond); lines(d, at) > 0; {
			<-tick
		}
		on <- struct{}{}
	})
	dial(t, d, c)
	wg.Wait()
}

func TestAPlaceUsedInQuickSuccessionKeepsASecondAndTheOneThatIsReadyIsClaimed(t *testing.T) {
	clean(t)
	s, on := slowly(t)
	d := newDialer(t, s.ca, withSpares)
	to := s.target()
	at := placeOf(to, "deploy")
	on <- struct{}{}
	dial(t, d, callTo(to, "deploy", "r-1"))
	if n := kept(d); n != 1 {
		t.Errorf("%d are kept after the first use, want 1", n)
	}
	hasty(t, d, on, callTo(to, "deploy", "r-2"))
	if n := kept(d); n != 2 {
		t.Errorf("%d are kept for one that had to wait, want 2", n)
	}
	begins(t, d, at, 2)
	on <- struct{}{}
	ready(t, d, at) // one of two
	echoes(t, dial(t, d, callTo(to, "deploy", "r-3")))
	if n := kept(d); n != 2 {
		t.Errorf("%d are kept for one that did not wait, want 2", n)
	}
	for range 10 {
		on <- struct{}{}
	}
	dial(t, d, callTo(to, "deploy", "r-4"))
	dial(t, d, callTo(to, "deploy", "r-5"))
	if n := kept(d); n > 2 {
		t.Errorf("%d are kept for one place", n)
	}
}

func TestTheSecondGoesWhenNobodyClaimsItAndTheFirstStays(t *testing.T) {
	clean(t)
	s, on := slowly(t)
	d := newDialer(t, s.ca, withSpares, func(d *Dialer) { d.Renew = 2 * time.Second }) // a handshake takes less
	to := s.target()
	on <- struct{}{}
	dial(t, d, callTo(to, "deploy", "r-1"))
	hasty(t, d, on, callTo(to, "deploy", "r-2"))
	if n := kept(d); n != 2 {
		t.Errorf("%d are kept, want 2", n)
	}
	for range 90 {
		on <- struct{}{}
	}
	for late := time.After(20 * time.Second); kept(d) != 1; {
		select {
		case <-late:
			t.Fatal("it is kept for ever")
		case <-time.After(10 * time.Millisecond):
		}
	}
	echoes(t, dial(t, d, callTo(to, "deploy", "r-3")))
}

func TestTheSecondCountsAmongAllThatMayBeKept(t *testing.T) {
	s, on := slowly(t)
	d := newDialer(t, s.ca, func(d *Dialer) { d.Spares = 1 })
	to := s.target()
	on <- struct{}{}
	dial(t, d, callTo(to, "deploy", "r-1"))
	hasty(t, d, on, callTo(to, "deploy", "r-2"))
	if n := kept(d); n > 1 {
		t.Errorf("%d are kept, want 1", n)
	}
}
