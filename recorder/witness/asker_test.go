package witness_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lockbox/recorder/proof"
	"lockbox/recorder/witness"
)

// An asking is an Asker that runs, and what it told.
type asking struct {
	*witness.Asker
	mu      sync.Mutex
	outages []witness.Outage
	kept    []string
	stop    func()
}

func ask(t testing.TB, c *chain, peers ...witness.Peer) *asking {
	t.Helper()
	a := &asking{}
	a.Asker = &witness.Asker{
		Origin: origin, Key: c.key, Log: c, Peers: peers, Now: time.Now, Report: func(err error) { t.Log("reported:", err) },
		Keep: func(_ context.Context, b []byte) error {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.kept = append(a.kept, string(b))
			return nil
		},
		Tell: func(o witness.Outage) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.outages = append(a.outages, o)
		},
	}
	return a
}

func (a *asking) run(t testing.TB) *asking {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = a.Run(ctx) }()
	a.stop = func() { stop(); <-done }
	t.Cleanup(a.stop)
	return a
}

func (a *asking) told() []witness.Outage {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]witness.Outage(nil), a.outages...)
}

// cosigned asks for k, and says who signed what came back.
func (a *asking) cosigned(t testing.TB, c *chain, size int64, k int, within time.Duration) (names []string, err error) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), within)
	defer stop()
	b, err := a.Cosigned(ctx, size, k)
	if err != nil {
		return nil, err
	}
	for _, p := range a.Peers {
		o, err := proof.Open(b, origin, c.key, p.Key)
		if err == nil && len(o.Cosigned) == 1 && o.N >= size {
			names = append(names, p.Name)
		}
	}
	return names, nil
}

func TestAskedWitnessesCosignOneCheckpoint(t *testing.T) {
	c := newChain(t)
	w1, w2 := serve(t, "w1.test", c), serve(t, "w2.test", c)
	c.grow(t, "a", "b")
	a := ask(t, c, w1.peer, w2.peer).run(t)
	for _, k := range []int{1, 2} {
		for range 20 {
			c.grow(t, "more")
			if names, err := a.cosigned(t, c, c.n, k, 5*time.Second); err != nil || len(names) < k {
				t.Fatalf("%d of %d: %v, %v", len(names), k, names, err)
			}
		}
	}
	if _, err := a.cosigned(t, c, 1, 3, time.Second); err == nil || !strings.Contains(err.Error(), "2 are configured") {
		t.Errorf("three of two: %v", err)
	}
	until(t, "the last is kept with both", time.Second, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return len(a.kept) > 0 && strings.Count(a.kept[len(a.kept)-1], "\n— w") == 2
	})
	if got := a.told(); len(got) != 0 {
		t.Errorf("told %v", got)
	}
}

func TestABusyLogIsCosignedByAll(t *testing.T) {
	c := newChain(t)
	w1, w2 := serve(t, "w1.test", c), serve(t, "w2.test", c)
	a := ask(t, c, w1.peer, w2.peer).run(t)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			c.grow(t, "noise")
			a.Nudge()
			<-tick.C
		}
	})
	for range 30 {
		wg.Go(func() {
			c.mu.Lock()
			n := c.n
			c.mu.Unlock()
			if names, err := a.cosigned(t, c, n, 2, 8*time.Second); err != nil || len(names) != 2 {
				t.Errorf("got %v, %v", names, err)
			}
		})
	}
	until(t, "all are served", 10*time.Second, func() bool { return a.Status()[0].Size > 100 })
	stop()
	wg.Wait()
}

// TestAWitnessThatHoldsMoreThanIsKnownIsCaughtUp: its 409 says where it is.
func TestAWitnessThatHoldsMoreThanIsKnownIsCaughtUp(t *testing.T) {
	c := newChain(t)
	c.grow(t, "a", "b", "c", "d")
	w := serve(t, "w.test", c)
	post(t, w.peer.URL+"/add-checkpoint", c.fork(3).body(t, 0))
	a := ask(t, c, w.peer).run(t)
	if names, err := a.cosigned(t, c, 4, 1, 5*time.Second); err != nil || len(names) != 1 {
		t.Errorf("got %v, %v", names, err)
	}
}

// TestLiesOfAWitnessCountForNothing asks an honest witness and one that lies.
func TestLiesOfAWitnessCountForNothing(t *testing.T) {
	c := newChain(t)
	c.grow(t, "a", "b")
	skey, vkey, err := proof.NewWitnessKey("liar.test")
	must(t, err)
	own, err := proof.NewCosignatureVerifier(vkey)
	must(t, err)
	past, err := proof.NewCosigner(skey, func() time.Time { return time.Now().Add(-time.Hour) })
	must(t, err)
	future, err := proof.NewCosigner(skey, func() time.Time { return time.Now().Add(time.Hour) })
	must(t, err)
	now, err := proof.NewCosigner(skey, time.Now)
	must(t, err)
	honest := serve(t, "honest.test", c)
	other := newChain(t)
	other.grow(t, "z")
	line := func(text string, by signer) string {
		b, err := cosign(text, by)
		must(t, err)
		return b
	}
	text := func(body string) string {
		note := body[strings.Index(body, "\n\n")+2:]
		return note[:strings.Index(note, "\n\n")+1]
	}
	for name, lie := range map[string]func(out http.ResponseWriter, body string){
		"the signature of nothing": func(out http.ResponseWriter, _ string) { _, _ = io.WriteString(out, "— liar.test AAAAAAAA\n") },
		"a damaged signature": func(out http.ResponseWriter, body string) {
			l := line(text(body), now)
			_, _ = io.WriteString(out, l[:len(l)-6]+"AAAA=\n")
		},
		"a signature over another log": func(out http.ResponseWriter, _ string) { _, _ = io.WriteString(out, line(text(other.body(t, 0)), now)) },
		"a signature of an hour ago":   func(out http.ResponseWriter, body string) { _, _ = io.WriteString(out, line(text(body), past)) },
		"a signature of the future":    func(out http.ResponseWriter, body string) { _, _ = io.WriteString(out, line(text(body), future)) },
		"its signature under the name of the honest one": func(out http.ResponseWriter, body string) {
			_, _ = io.WriteString(out, strings.Replace(line(text(body), now), "liar", "honest", 1))
		},
		"the signature of the honest one": func(out http.ResponseWriter, body string) {
			_, _, said := post(t, honest.peer.URL+"/add-checkpoint", body)
			_, _ = io.WriteString(out, said)
		},
		"nothing":                   func(http.ResponseWriter, string) {},
		"one line for ever":         func(out http.ResponseWriter, _ string) { _, _ = io.WriteString(out, strings.Repeat("— x ", 1<<18)) },
		"409 and no size":           func(out http.ResponseWriter, _ string) { out.WriteHeader(409); _, _ = io.WriteString(out, "soon") },
		"409 without its type":      func(out http.ResponseWriter, _ string) { out.WriteHeader(409); _, _ = io.WriteString(out, "1\n") },
		"409 with ever other sizes": func(out http.ResponseWriter, body string) { conflict(out, int64(len(body))%2) },
		"409 with the size asked":   func(out http.ResponseWriter, _ string) { conflict(out, 0) },
		"409 with what cannot be":   func(out http.ResponseWriter, _ string) { conflict(out, 1<<60) },
		"a redirect": func(out http.ResponseWriter, _ string) {
			out.Header().Set("Location", honest.peer.URL)
			out.WriteHeader(307)
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := listen(t, handle(func(out http.ResponseWriter, r *http.Request) {
				b, err := io.ReadAll(r.Body)
				if err == nil {
					lie(out, string(b))
				}
			}))
			a := ask(t, c, witness.Peer{Name: "liar", Key: own, URL: url}, honest.peer).run(t)
			if names, err := a.cosigned(t, c, 2, 1, 3*time.Second); err != nil || len(names) != 1 || names[0] != "honest.test" {
				t.Errorf("one: %v, %v", names, err)
			}
			if names, err := a.cosigned(t, c, 2, 2, 400*time.Millisecond); err == nil {
				t.Errorf("two: %v", names)
			}
			a.stop()
		})
	}
}

func conflict(out http.ResponseWriter, size int64) {
	out.Header().Set("Content-Type", "text/x.tlog.size")
	out.WriteHeader(409)
	_, _ = fmt.Fprintf(out, "%d\n", size)
}

// TestOneWitnessDoesNotCountTwice: not with many signatures, nor by bringing them again.
func TestOneWitnessDoesNotCountTwice(t *testing.T) {
	c := newChain(t)
	c.grow(t, "a")
	w, silent := serve(t, "w.test", c), serve(t, "silent.test", c)
	silent.peer.URL = ""
	a := ask(t, c, w.peer, silent.peer).run(t)
	if _, err := a.cosigned(t, c, 1, 1, 3*time.Second); err != nil {
		t.Fatal(err)
	}
	var b []byte
	for range 3 {
		_, _, said := post(t, w.peer.URL+"/add-checkpoint", c.body(t, w.Held()[origin].N))
		note, err := c.Checkpoint(t.Context())
		must(t, err)
		b = append(note, said...)
		must(t, a.Add(t.Context(), b))
	}
	if names, err := a.cosigned(t, c, 1, 2, 300*time.Millisecond); err == nil {
		t.Errorf("two of one: %v", names)
	}
	_, _, said := post(t, silent.at+"/add-checkpoint", c.body(t, 0))
	note, err := c.Checkpoint(t.Context())
	must(t, err)
	must(t, a.Add(t.Context(), append(note, said...)))
	if names, err := a.cosigned(t, c, 1, 2, time.Second); err != nil || len(names) != 2 {
		t.Errorf("two: %v, %v", names, err)
	}
}

// TestAnOutageIsToldOnce: not at every try, and so is its end.
func TestAnOutageIsToldOnce(t *testing.T) {
	t.Parallel() // it waits
	c := newChain(t)
	c.grow(t, "a")
	w := serve(t, "w.test", c)
	var down atomic.Bool
	down.Store(true)
	var tries atomic.Int64
	inner := w.Server(w.report).Handler
	url := listen(t, handle(func(out http.ResponseWriter, r *http.Request) {
		tries.Add(1)
		if down.Load() {
			http.Error(out, "down", http.StatusBadGateway)
			return
		}
		inner.ServeHTTP(out, r)
	}))
	w.peer.URL = url
	a := ask(t, c, w.peer).run(t)
	if _, err := a.cosigned(t, c, 1, 1, 6*time.Second); err == nil || !strings.Contains(err.Error(), "502") {
		t.Errorf("it is down, and: %v", err)
	}
	until(t, "an outage is told", 3*time.Second, func() bool { return len(a.told()) == 1 })
	if tries.Load() > 40 {
		t.Errorf("%d tries in 6 s", tries.Load())
	}
	down.Store(false)
	if _, err := a.cosigned(t, c, 1, 1, 5*time.Second); err != nil {
		t.Errorf("it is back, and: %v", err)
	}
	c.grow(t, "b")
	if _, err := a.cosigned(t, c, 2, 1, 5*time.Second); err != nil {
		t.Error(err)
	}
	if got := a.told(); len(got) != 2 || got[0].Back || !got[1].Back {
		t.Errorf("told %v, want behind and back", got)
	}
}

// TestAWitnessThatLooksByItselfAndDoesNotIsToldOfOnce: and of its return.
func TestAWitnessThatLooksByItselfAndDoesNotIsToldOfOnce(t *testing.T) {
	c := newChain(t)
	c.grow(t, "a")
	w := serve(t, "w.test", c)
	w.peer.URL = ""
	a := ask(t, c, w.peer)
	a.Silence = 50 * time.Millisecond
	a.run(t)
	for i := range 3 {
		until(t, "it is told", 3*time.Second, func() bool { a.Nudge(); return len(a.told()) == 1 })
		c.grow(t, fmt.Sprint(i))
	}
	_, _, said := post(t, w.at+"/add-checkpoint", c.body(t, 0))
	note, err := c.Checkpoint(t.Context())
	must(t, err)
	must(t, a.Add(t.Context(), append(note, said...)))
	if got := a.told(); len(got) != 2 || got[0].Back || !got[1].Back {
		t.Errorf("told %+v", got)
	}
	old := ask(t, c.fork(2), w.peer)
	if err := old.Add(t.Context(), append(note, said...)); !errors.Is(err, witness.ErrAhead) || len(old.told()) != 1 {
		t.Errorf("a log that was set back: %v, told %v", err, old.told())
	}
}

// TestASlowWitnessDoesNotHoldUpTheOthers: one is silent for eleven seconds.
func TestASlowWitnessDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel() // it waits
	c := newChain(t)
	c.grow(t, "a")
	fast, slow := serve(t, "fast.test", c), serve(t, "slow.test", c)
	inner := slow.Server(slow.report).Handler
	slow.peer.URL = listen(t, handle(func(out http.ResponseWriter, r *http.Request) {
		timer := time.NewTimer(11 * time.Second)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
		inner.ServeHTTP(out, r)
	}))
	a := ask(t, c, fast.peer, slow.peer).run(t)
	began := time.Now()
	for range 5 {
		c.grow(t, "more")
		if _, err := a.cosigned(t, c, c.n, 1, 2*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("five took %s", took)
	}
	if _, err := a.cosigned(t, c, 1, 2, 11*time.Second); err == nil {
		t.Error("the slow one counts")
	}
	until(t, "it is told", 2*time.Second, func() bool { return len(a.told()) == 1 })
	a.stop()
}

// TestAtTheStartAnOldOrOtherLedgerIsKnown asks each witness how far it is.
func TestAtTheStartAnOldOrOtherLedgerIsKnown(t *testing.T) {
	c := newChain(t)
	c.grow(t, "a", "b", "c", "d")
	other := c.fork(2)
	other.grow(t, "x", "y", "z")
	same := other.fork(4)
	for _, row := range []struct {
		name string
		log  *chain
		want error
	}{
		{"the same ledger", c, nil},
		{"an old copy", c.fork(2), witness.ErrAhead},
		{"a longer other history", other, witness.ErrForked},
		{"another history of the same size", same, witness.ErrForked},
		{"a new, empty ledger", c.fork(0), witness.ErrAhead},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := serve(t, "w.test", c)
			post(t, w.peer.URL+"/add-checkpoint", c.body(t, 0))
			gone := witness.Peer{Name: "gone", Key: serve(t, "gone.test", c).peer.Key, URL: "http://127.0.0.1:1"}
			got := ask(t, row.log, w.peer, gone).Latest(t.Context())
			if !errors.Is(got[0].Err, row.want) || row.want == nil && got[0].Err != nil {
				t.Errorf("got %v, want %v", got[0].Err, row.want)
			}
			if got[1].Err == nil || errors.Is(got[1].Err, witness.ErrAhead) || errors.Is(got[1].Err, witness.ErrForked) {
				t.Errorf("one that cannot be reached: %v", got[1].Err)
			}
		})
	}
}
