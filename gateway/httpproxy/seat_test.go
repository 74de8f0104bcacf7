package httpproxy_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/tests/door"
)

func TestASessionThatNobodyUsesEnds(t *testing.T) {
	for _, c := range []struct {
		rule, idle time.Duration
		want       int
	}{{0, 14 * time.Minute, 200}, {0, 15 * time.Minute, 403}, {time.Hour, 59 * time.Minute, 200}, {time.Minute, time.Minute, 403}} {
		w := door.NewWeb(t, target(t, func(http.ResponseWriter, *http.Request) {}), under(func(r *policy.Rule) { r.Limits.Idle = c.rule }))
		b := w.In(t, w.Eng, true, policy.HTTPGet, "/")
		w.Door.Idle(c.idle)
		if res, got := fetch(t, b.Browser, "GET", w.URL("/")); res.StatusCode != c.want || c.want == 403 && !strings.Contains(got, "LBX-EXPIRED") {
			t.Errorf("%v: got %d %s", c, res.StatusCode, got)
		}
	}
}

// TestNothingPassesWhileASessionIsFrozen: requests are told so, and what is open waits.
func TestNothingPassesWhileASessionIsFrozen(t *testing.T) {
	more := make(chan struct{})
	w := door.NewWeb(t, target(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			w.(http.Flusher).Flush()
			<-more
			_, _ = io.WriteString(w, "later")
		}
	}))
	b := w.In(t, w.Eng, true, policy.HTTPGet, "/")
	res, err := b.Get(w.URL("/events"))
	must(t, err)
	session := w.Gateway.Visits()[0].ID
	must(t, w.Gateway.Freeze(t.Context(), w.Ceo.Principal, session, "look"))
	close(more)
	if res, got := fetch(t, b.Browser, "GET", w.URL("/")); res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(got, `"code":"LBX-PENDING"`) || !strings.Contains(got, `"retryable":true`) {
		t.Errorf("got %d %s", res.StatusCode, got)
	}
	read := make(chan string)
	go func() {
		b, _ := io.ReadAll(res.Body)
		read <- string(b)
	}()
	select {
	case got := <-read:
		t.Errorf("%q passed", got)
	case <-time.After(300 * time.Millisecond):
	}
	must(t, w.Gateway.Thaw(t.Context(), w.Ceo.Principal, session))
	if got := <-read; got != "later" {
		t.Errorf("afterwards came %q", got)
	}
}

// TestAChangeOfTheRuleEndsWhatItNoLongerLetsPass, open streams too.
func TestAChangeOfTheRuleEndsWhatItNoLongerLetsPass(t *testing.T) {
	address := target(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		if r.URL.Path == "/events" {
			<-r.Context().Done()
		}
	})
	w := door.NewWeb(t, address)
	b := w.In(t, w.Eng, true, policy.HTTPGet, "/")
	res, err := b.Get(w.URL("/events"))
	must(t, err)
	p := door.WebPolicy(address)
	p.Rules[len(p.Rules)-1].Bounds.HTTP = &policy.HTTP{Paths: []string{"/"}}
	w.SetPolicy(p)
	if res, _ := fetch(t, b.Browser, "GET", w.URL("/events")); res.StatusCode != http.StatusForbidden {
		t.Errorf("the next request got %d", res.StatusCode)
	}
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("the stream ended as if it were whole")
	}
}

// TestAnAdmissionThatNobodyTakesUpEnds: with the place of the browser that arrived,
// which those who come later and are unknown do not take.
func TestAnAdmissionThatNobodyTakesUpEnds(t *testing.T) {
	w := door.NewWeb(t, target(t, func(http.ResponseWriter, *http.Request) {}))
	w.Grant(t, w.Eng, policy.HTTPGet)
	_, web := w.SignIn(t, w.Eng)
	b := w.Browser(t, true)
	id := b.Arrive(t, "/")
	looked, unseen := w.Browser(t, true).Arrive(t, "/"), w.Browser(t, true).Arrive(t, "/")
	if _, ok := w.Door.Arrival(looked); !ok {
		t.Fatal("it does not wait")
	}
	address := w.Admit(t, w.Eng, id, web)
	for range 100 { // a source has room for 64
		w.Browser(t, true).Arrive(t, "/")
	}
	if _, ok := w.Door.Arrival(looked); !ok {
		t.Error("one that somebody looks at has gone")
	}
	if _, ok := w.Door.Arrival(unseen); ok {
		t.Error("the oldest that nobody looked at stays")
	}
	if res := b.Navigate(t, address); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/" || len(w.Gateway.Visits()) != 1 {
		t.Errorf("who was let in got %d to %q", res.StatusCode, res.Header.Get("Location"))
	}
	other := w.Browser(t, true).Arrive(t, "/")
	w.Admit(t, w.Eng, other, web)
	if n := len(w.Gateway.Visits()); n != 2 {
		t.Fatalf("%d sessions are open", n)
	}
	w.Door.Drop(other)
	for tries := 0; len(w.Gateway.Visits()) > 1; tries++ {
		if tries > 1_000_000 {
			t.Fatal("the session stays")
		}
	}
}
