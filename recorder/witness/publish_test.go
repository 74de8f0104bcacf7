package witness_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lockbox/recorder/proof"
	"lockbox/recorder/witness"
)

// looks is a witness that looks at a gateway by itself, and nobody asks.
func looks(t *testing.T, c *chain, gateway string) (*witness.Witness, *served) {
	t.Helper()
	s := serve(t, "w.test", c)
	must(t, s.Close())
	o := s.o
	o.Logs = []witness.Log{{Origin: origin, Key: c.key, From: gateway}}
	w, err := witness.New(o)
	must(t, err)
	t.Cleanup(func() { _ = w.Close() })
	s.peer.URL = ""
	return w, s
}

func TestAWitnessBehindAFirewallLooksAndBringsItsCosignature(t *testing.T) {
	c := newChain(t)
	c.grow(t, "a", "b")
	var gateway string
	w, s := looks(t, c, "http://127.0.0.1:1")
	if err := w.Look(t.Context()); err == nil {
		t.Error("nobody is there, and it says nothing")
	}
	must(t, w.Close())
	a := ask(t, c, s.peer)
	gateway = listen(t, &http.Server{Handler: a.Public(nil), ReadHeaderTimeout: time.Second})
	o := s.o
	o.Logs = []witness.Log{{Origin: origin, Key: c.key, From: gateway}}
	w, err := witness.New(o)
	must(t, err)
	defer func() { _ = w.Close() }()
	a.run(t)
	for range 3 {
		c.grow(t, "more")
		must(t, w.Look(t.Context()))
		if names, err := a.cosigned(t, c, c.n, 1, time.Second); err != nil || len(names) != 1 {
			t.Fatalf("got %v, %v", names, err)
		}
	}
	must(t, w.Look(t.Context())) // nothing is new
}

// TestWhatIsPublicAnswersUniformly: and takes cosignatures of the configured witnesses only.
func TestWhatIsPublicAnswersUniformly(t *testing.T) {
	c := newChain(t)
	c.grow(t, "a", "b")
	w, stranger := serve(t, "w.test", c), serve(t, "stranger.test", c)
	note := func(s *served, log *chain) string {
		_, _, said := post(t, s.at+"/add-checkpoint", log.body(t, 0))
		b, err := log.Checkpoint(t.Context())
		must(t, err)
		return string(b) + said
	}
	good, foreign := note(w, c), note(stranger, c)
	h := ask(t, c, w.peer).Public(nil)
	for _, row := range []struct {
		name, method, path, body string
		status                   int
	}{
		{"the checkpoint", "GET", "/checkpoint", "", 200},
		{"growth from nothing", "GET", "/growth?old=0", "", 200},
		{"growth from here", "GET", "/growth?old=2", "", 200},
		{"growth from beyond", "GET", "/growth?old=3", "", 409},
		{"growth from before the beginning", "GET", "/growth?old=-1", "", 400},
		{"growth from no number", "GET", "/growth?old=%2b1", "", 400},
		{"growth from nowhere", "GET", "/growth", "", 400},
		{"a cosignature", "POST", "/cosignature", good, 200},
		{"the same again", "POST", "/cosignature", good, 200},
		{"one of a witness that is not configured", "POST", "/cosignature", foreign, 403},
		{"a checkpoint that nobody cosigned", "POST", "/cosignature", good[:strings.Index(good, "— w.test")], 403},
		{"a damaged one", "POST", "/cosignature", good[:len(good)-9] + "AAAA" + good[len(good)-5:], 403},
		{"a huge one", "POST", "/cosignature", strings.Repeat("x", 1<<20), 400},
		{"nothing", "POST", "/cosignature", "", 403},
		{"the wrong way", "PUT", "/checkpoint", "", 405},
		{"another place", "GET", "/state", "", 404},
	} {
		url := listen(t, &http.Server{Handler: h, ReadHeaderTimeout: time.Second})
		r, err := http.NewRequest(row.method, url+row.path, strings.NewReader(row.body))
		must(t, err)
		resp, err := http.DefaultClient.Do(r)
		must(t, err)
		b, err := io.ReadAll(resp.Body)
		must(t, err)
		_ = resp.Body.Close()
		if resp.StatusCode != row.status {
			t.Errorf("%s: got %d %q, want %d", row.name, resp.StatusCode, b, row.status)
		}
	}
}

func TestOneSourceAsksAFewTimesASecond(t *testing.T) {
	c := newChain(t)
	c.grow(t, "a")
	url := listen(t, &http.Server{Handler: ask(t, c).Public(nil), ReadHeaderTimeout: time.Second})
	refused := 0
	for range 60 {
		resp, err := http.Get(url + "/checkpoint")
		must(t, err)
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 {
		t.Error("60 requests at once all pass")
	}
}

// TestALookAtAForkedOrRewoundLogIsAnAlarm: the error holds it, so that --once can end with it.
func TestALookAtAForkedOrRewoundLogIsAnAlarm(t *testing.T) {
	c := newChain(t)
	c.grow(t, "a", "b", "c", "d")
	other := c.fork(2)
	other.grow(t, "x", "y", "z")
	for _, row := range []struct {
		name string
		log  *chain
		kind witness.Kind
	}{
		{"set back", c.fork(2), witness.Rewound},
		{"set back to nothing", c.fork(0), witness.Rewound},
		{"forked", other.fork(4), witness.Forked},
		{"rewritten and longer", other, witness.Unproven},
	} {
		t.Run(row.name, func(t *testing.T) {
			url := listen(t, &http.Server{Handler: ask(t, row.log).Public(nil), ReadHeaderTimeout: time.Second})
			s := serve(t, "w.test", c)
			post(t, s.at+"/add-checkpoint", c.body(t, 0))
			must(t, s.Close())
			o := s.o
			o.Logs = []witness.Log{{Origin: origin, Key: c.key, From: url}}
			w, err := witness.New(o)
			must(t, err)
			defer func() { _ = w.Close() }()
			for range 2 { // as often as it looks
				alarm := (*witness.Alarm)(nil)
				if err := w.Look(t.Context()); !errors.As(err, &alarm) || alarm.Kind != row.kind {
					t.Errorf("got %v, want %s", err, row.kind)
				}
			}
			if got := s.told(); len(got) != 1 {
				t.Errorf("told %d times", len(got))
			}
		})
	}
}

// TestAnAlarmReachesTheWebhook: signed, and again until it is taken.
func TestAnAlarmReachesTheWebhook(t *testing.T) {
	secret := []byte("between us")
	var tries atomic.Int64
	got := make(chan witness.Alarm, 1)
	url := listen(t, handle(func(out http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || tries.Add(1) < 3 {
			out.WriteHeader(500)
			return
		}
		var at int64
		var sum string
		if _, err := fmt.Sscanf(strings.Replace(r.Header.Get("Lockbox-Signature"), ",", " ", 1), "t=%d v1=%s", &at, &sum); err != nil {
			t.Error(err)
		}
		m := hmac.New(sha256.New, secret)
		_, _ = fmt.Fprintf(m, "%d.%s", at, b)
		if sum != hex.EncodeToString(m.Sum(nil)) || time.Since(time.Unix(at, 0)).Abs() > time.Minute || r.Header.Get("Lockbox-Id") == "" {
			t.Errorf("the signature %q does not hold", r.Header.Get("Lockbox-Signature"))
		}
		var a witness.Alarm
		if err := json.Unmarshal(b, &a); err != nil {
			t.Error(err)
		}
		got <- a
	}))
	k := &witness.Hook{URL: url, Secret: secret, Report: func(err error) { t.Log(err) }, Now: time.Now, Wait: time.Millisecond}
	alarms := witness.NewAlarms()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); k.Run(ctx, alarms) }()
	alarms <- witness.Alarm{Kind: witness.Forked, Origin: origin}
	if a := <-got; a.Kind != witness.Forked || tries.Load() != 3 {
		t.Errorf("got %+v after %d tries", a, tries.Load())
	}
	stop()
	<-done
	k.URL = "http://127.0.0.1:1"
	if err := k.Deliver(t.Context(), witness.Alarm{}); err == nil {
		t.Error("nobody is there, and it says nothing")
	}
}

// FuzzSubmission: what is taken is printed back the same.
func FuzzSubmission(f *testing.F) {
	c := newChain(f)
	c.grow(f, "a", "b", "c")
	f.Add([]byte(c.body(f, 0)))
	f.Add([]byte(c.body(f, 2)))
	f.Fuzz(func(t *testing.T, b []byte) {
		again, err := witness.Reprint(b)
		if err == nil && string(again) != string(b) {
			t.Errorf("%q is printed as %q", b, again)
		}
	})
}

// FuzzSize: so is the size in a 409.
func FuzzSize(f *testing.F) {
	f.Add([]byte("20852014\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := witness.ParseSize(b)
		if err == nil && fmt.Sprintf("%d\n", n) != string(b) {
			t.Errorf("%q is read as %d", b, n)
		}
	})
}

// FuzzState: a state is taken only with both signatures, whatever stands there.
func FuzzState(f *testing.F) {
	c := newChain(f)
	c.grow(f, "a")
	s := serve(f, "w.test", c)
	post(f, s.at+"/add-checkpoint", c.body(f, 0))
	must(f, s.Close())
	path := s.state + "/" + files(f, s.state, "log-")[0]
	good, err := os.ReadFile(path)
	must(f, err)
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		must(t, os.WriteFile(path, b, 0o600))
		w, err := witness.New(s.o)
		if err != nil {
			return
		}
		defer func() { _ = w.Close() }()
		if held := w.Held()[origin]; held.Note != nil {
			if _, err := proof.Open(held.Note, origin, c.key, s.o.Own); err != nil || !strings.HasSuffix(string(b), string(held.Note)) {
				t.Errorf("%q was taken: %v", b, err)
			}
		}
	})
}
