package gateway_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
	"lockbox/recorder/proof"
	"lockbox/recorder/witness"
	"lockbox/tests/world"
)

// A guard is a witness of the world's log that can be made silent.
type guard struct {
	*witness.Witness
	peer   witness.Peer
	silent atomic.Bool
}

// guarded gives the world n witnesses, really asked over HTTP, and its rule the wish for k of them.
func guarded(t testing.TB, w *world.World, n, k int) (all []*guard) {
	t.Helper()
	var peers []witness.Peer
	for i := range n {
		g := newGuard(t, w, string(rune('a'+i))+".witness.test")
		all, peers = append(all, g), append(peers, g.peer)
	}
	a := &witness.Asker{
		Origin: world.Log, Key: w.Keys.LogVerifier, Log: w.Ledger.Main(), Peers: peers, Keep: w.Ledger.Cosign, Now: time.Now,
		Report: func(err error) { t.Log("asker:", err) },
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = a.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	w.Gateway.Witnesses, w.Gateway.Patience = a, 2*time.Second
	wants(w, k)
	return all
}

// wants puts a policy in force in which the rule wants k witnesses.
func wants(w *world.World, k int) {
	p := *w.Policy()
	p.Rules = slices.Clone(p.Rules)
	p.Rules[0].Witnesses = k
	w.SetPolicy(&p)
}

func newGuard(t testing.TB, w *world.World, name string) *guard {
	t.Helper()
	g := &guard{}
	skey, vkey, err := proof.NewWitnessKey(name)
	must(t, err)
	own, err := proof.NewCosignatureVerifier(vkey)
	must(t, err)
	logs := []witness.Log{{Origin: world.Log, Key: w.Keys.LogVerifier}}
	state := t.TempDir()
	must(t, witness.Begin(state, logs))
	g.Witness, err = witness.New(witness.Options{Key: skey, Own: own, State: state, Logs: logs, Now: time.Now})
	must(t, err)
	h := g.Server(func(err error) { t.Error(err) })
	inner := h.Handler
	h.Handler = http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		for g.silent.Load() {
			select {
			case <-r.Context().Done():
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
		inner.ServeHTTP(out, r)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() { defer close(done); _ = h.Serve(l) }()
	t.Cleanup(func() { _ = h.Close(); <-done; _ = g.Close() })
	g.peer = witness.Peer{Name: name, Key: own, URL: "http://" + l.Addr().String()}
	return g
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// kinds are those of the world's events.
func kinds(t testing.TB, w *world.World) (all []string) {
	t.Helper()
	events, err := w.Ledger.After(t.Context(), -1, 1000)
	must(t, err)
	for _, e := range events {
		all = append(all, e.Kind)
	}
	return all
}

// TestASessionOpensOnlyUnderACosignedCheckpoint: votes, touch and session.open are in it.
func TestASessionOpensOnlyUnderACosignedCheckpoint(t *testing.T) {
	w := newWorld(t)
	g := guarded(t, w, 2, 2)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	if !v.Open() || v.Decision().Witnesses != 2 {
		t.Errorf("open %v, %d witnesses", v.Open(), v.Decision().Witnesses)
	}
	events, err := w.Ledger.After(t.Context(), -1, 1000)
	must(t, err)
	at := slices.IndexFunc(events, func(e ledger.Event) bool { return e.Kind == "session.open" })
	for _, one := range g {
		if held := one.Held()[world.Log]; held.N <= int64(at) {
			t.Errorf("%s holds %d entries, session.open is entry %d", one.peer.Name, held.N, at)
		}
	}
	v.Leave()
}

// TestWithoutEnoughWitnessesNothingPasses: the recording is closed, the end and its code are in the log.
func TestWithoutEnoughWitnessesNothingPasses(t *testing.T) {
	for _, row := range []struct {
		name      string
		n, k      int
		silent    int
		none      bool
		opens     bool
		patiently bool // it takes all the time there is
	}{
		{"one of one", 1, 1, 0, false, true, false},
		{"one of two, one silent", 2, 1, 1, false, true, false},
		{"two of two, one silent", 2, 2, 1, false, false, true},
		{"two of one", 1, 2, 0, false, false, false},
		{"one of none", 1, 1, 0, true, false, false},
		{"none of one, silent", 1, 0, 1, false, true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			all := guarded(t, w, row.n, row.k)
			w.Gateway.Patience = 600 * time.Millisecond
			if row.none {
				w.Gateway.Witnesses = nil
			}
			w.Grant(t, w.Eng, time.Hour)
			for _, g := range all[:row.silent] {
				g.silent.Store(true)
			}
			began := time.Now()
			v, _, err := w.Visit(t, w.Eng, knock(w.Eng))
			if row.opens {
				must(t, err)
				v.Leave()
				return
			}
			var end *gateway.Ending
			if v != nil || !errors.As(err, &end) || end.Code != gateway.NoWitness || !strings.Contains(end.Why, "cosigned by") {
				t.Fatalf("got %v, %v", v, err)
			}
			if took := time.Since(began); took > 3*time.Second || row.patiently && took < 500*time.Millisecond {
				t.Errorf("it took %s", took)
			}
			if len(w.Gateway.Visits()) != 0 {
				t.Error("a visit is left")
			}
			events, err := w.Ledger.After(t.Context(), -1, 1000)
			must(t, err)
			got := kinds(t, w)
			last := slices.IndexFunc(events, func(e ledger.Event) bool { return e.Kind == "session.close" })
			if !slices.Contains(got, "session.unwitnessed") || last < 0 || events[last].Detail["code"] != string(gateway.NoWitness) {
				t.Errorf("the log says %v", got)
			}
			recs, err := w.Shelf.Recover()
			if err != nil || slices.ContainsFunc(recs, func(r recorder.Recovered) bool { return r.Err != nil }) || len(recs) > 0 {
				t.Errorf("the recording was left: %v, %v", recs, err)
			}
		})
	}
}

// TestWhoIsRevokedWhileWitnessesAreAskedDoesNotComeIn: and who goes away does not stay.
func TestWhoIsRevokedWhileWitnessesAreAskedDoesNotComeIn(t *testing.T) {
	w := newWorld(t)
	g := guarded(t, w, 1, 1)[0]
	code := w.Grant(t, w.Eng, time.Hour)
	open := func(ctx context.Context) chan error {
		a, err := w.Gateway.Enter(t.Context(), knock(w.Eng))
		must(t, err)
		if a.Verdict == policy.Prove {
			w.Touch(t, w.Eng, a.Terminal)
		}
		g.silent.Store(true)
		done := make(chan error, 1)
		go func() {
			v, _, err := w.Gateway.Visit(ctx, knock(w.Eng))
			if v != nil {
				v.Leave()
				err = errors.New("it opened")
			}
			done <- err
		}()
		for len(w.Gateway.Visits()) == 0 {
			select {
			case err := <-done:
				t.Fatal(err)
			case <-time.After(time.Millisecond):
			}
		}
		return done
	}
	ctx, leave := context.WithCancel(t.Context())
	done := open(ctx)
	leave()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("who went away: %v", err)
	}
	g.silent.Store(false)
	done = open(t.Context())
	must(t, w.Desk.Revoke(t.Context(), w.Ceo.Principal, code, "no"))
	g.silent.Store(false)
	if err := <-done; err != nil { // it is an answer, or an ending; never a visit
		t.Log(err)
	}
	if len(w.Gateway.Visits()) != 0 {
		t.Error("a visit is left")
	}
}

// TestARuleThatWantsMoreWitnessesAsksOpenSessionsToo: a session that has them goes on, another ends.
func TestARuleThatWantsMoreWitnessesAsksOpenSessionsToo(t *testing.T) {
	w := newWorld(t)
	all := guarded(t, w, 2, 1)
	w.Gateway.Patience = time.Second
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	wants(w, 2)
	stir(t, w)
	until(t, "two have cosigned", func() bool { return all[0].Held()[world.Log].N > 0 && all[1].Held()[world.Log].N > 0 })
	if v.Context().Err() != nil {
		t.Fatal(context.Cause(v.Context()))
	}
	wants(w, 3) // more than there are
	stir(t, w)
	endsWithin(t, v, 4*time.Second, "cosigned by 3 witnesses")
	v.Leave()
}

// stir makes every open visit be asked about again.
func stir(t testing.TB, w *world.World) {
	t.Helper()
	must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{Kind: "policy.active", Actor: "test"})
		return err
	}))
}

func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !is(); <-tick.C {
		if time.Now().After(end) {
			t.Fatal("not in time: " + what)
		}
	}
}

// TestAnExtensionIsCosignedBeforeTheSessionGoesOn: while witnesses are silent it is frozen, then it goes on.
func TestAnExtensionIsCosignedBeforeTheSessionGoesOn(t *testing.T) {
	for _, silent := range []bool{false, true} {
		w := newWorld(t)
		g := guarded(t, w, 1, 1)[0]
		w.Gateway.Patience = 10 * time.Second // of a session with witnesses: they are silent here until that was seen
		code, v := brief(t, w, 6*time.Second) // in which, on a busy machine, the extension has to be asked for
		next := extend(t, w, code)
		g.silent.Store(silent) // before anybody has a say: what they say is cosigned by nobody, however long it takes
		approve(t, w, next)
		if silent {
			becomes(t, v, "frozen", func(f gateway.Frozen) bool { return f.Extension == next })
			if v.Open() {
				t.Error("something passes while witnesses are asked")
			}
			g.silent.Store(false)
		}
		becomes(t, v, "under the next grant", func(gateway.Frozen) bool { return v.Grant().ID == next })
		until(t, "it is open", v.Open)
		v.Leave()
	}
}

// BenchmarkVisit opens and closes sessions, without witnesses and with one that is asked over loopback.
func BenchmarkVisit(b *testing.B) {
	for name, k := range map[string]int{"without": 0, "with one witness": 1} {
		b.Run(name, func(b *testing.B) {
			w := world.New(b, "127.0.0.1:1", "SHA256:x")
			guarded(b, w, 1, k)
			w.Grant(b, w.Eng, time.Hour)
			first, _, err := w.Visit(b, w.Eng, knock(w.Eng))
			must(b, err)
			first.Leave()
			var all []time.Duration
			for b.Loop() {
				began := time.Now()
				v, _, err := w.Gateway.Visit(b.Context(), knock(w.Eng))
				must(b, err)
				all = append(all, time.Since(began))
				v.Leave()
			}
			slices.Sort(all)
			b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "ms-median")
		})
	}
}
