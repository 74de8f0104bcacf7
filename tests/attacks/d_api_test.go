package attacks

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/api"
	"lockbox/gateway/portal"
	"lockbox/policy"
	"lockbox/tests/world"
)

// A front is the API beside the pages, on a real listener with its limits.
type front struct {
	*world.World
	t      *testing.T
	url    string
	tokens *api.Tokens
	ahead  atomic.Int64 // of the clock by which calls are counted
}

func newFront(t *testing.T) *front {
	t.Helper()
	w := newWorld(t)
	f := &front{World: w, t: t, tokens: &api.Tokens{Ledger: w.Ledger, People: w.People}}
	l := httptest.NewUnstartedServer(nil)
	f.url = "http://" + l.Listener.Addr().String()
	report := func(err error) { t.Errorf("reported: %v", err) }
	pages := &portal.Portal{
		Gateway: w.Gateway, Desk: w.Desk, People: w.People, Charter: w.Charter, Ledger: w.Ledger, Shelf: w.Shelf, URL: f.url, Report: report,
	}
	programs := &api.API{Gateway: w.Gateway, Desk: w.Desk, Charter: w.Charter, Tokens: f.tokens, URL: f.url, Report: report}
	programs.Now = func() time.Time { return time.Now().Add(time.Duration(f.ahead.Load())) }
	l.Config = pages.Server()
	l.Config.Handler = programs.Beside(l.Config.Handler)
	l.Start()
	t.Cleanup(l.Close)
	return f
}

// token makes one with every scope, or those given.
func (f *front) token(h *world.Human, scopes ...string) string {
	f.t.Helper()
	key := h.Fingerprint
	if h.SSH != nil {
		key = ssh.FingerprintSHA256(h.SSH.PublicKey())
	}
	if scopes == nil {
		scopes = api.Scopes()
	}
	secret, _, err := f.tokens.Issue(f.t.Context(), h.Principal, key, scopes, 0)
	must(f.t, err)
	return secret
}

// An answer is what came back. Its head is all but the date.
type answer struct {
	status     int
	head, body string
}

// call calls the API; its errors are the test's.
func (f *front) call(method, path, token, body string) (a answer, err error) {
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.url+path, strings.NewReader(body))
	if err != nil {
		return a, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	got, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return a, err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	got.Header.Del("Date")
	return answer{got.StatusCode, fmt.Sprint(got.Header), string(text)}, err
}

func (f *front) get(path, token string) answer {
	f.t.Helper()
	a, err := f.call("GET", "/api/v1"+path, token, "")
	must(f.t, err)
	return a
}

func (f *front) post(path, token, body string) answer {
	f.t.Helper()
	a, err := f.call("POST", "/api/v1"+path, token, body)
	must(f.t, err)
	return a
}

// TestD29OnePersonDoesNotTakeEveryPlaceToWait: with as many tokens as they like.
func TestD29OnePersonDoesNotTakeEveryPlaceToWait(t *testing.T) {
	f := newFront(t)
	code := f.Ask(t, f.Eng, "nord", time.Hour)
	var greedy []string
	for range 3 {
		greedy = append(greedy, f.token(f.Eng, api.Read))
	}
	var mu sync.Mutex
	got := map[int]int{}
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			a, err := f.call("GET", "/api/v1/requests/"+code+"?wait=20s", greedy[i%3], "")
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			got[a.status]++
		})
	}
	refused := func() int {
		mu.Lock()
		defer mu.Unlock()
		return got[429]
	}
	for tick := time.NewTicker(10 * time.Millisecond); refused() < 40; {
		<-tick.C
	}
	if a := f.get("/requests/"+code+"?wait=10ms", f.token(f.Ann)); a.status != 200 {
		t.Errorf("Ann has to go away: %d %s", a.status, a.body)
	}
	must(t, f.Desk.Withdraw(t.Context(), f.Eng.Principal, code)) // all are answered
	all.Wait()
	if got[200] != 20 || got[429] != 40 {
		t.Errorf("got %v, want 20 that wait and 40 that are told to come back", got)
	}
}

// TestD12AForeignCodeIsAsOneThatIsNot: in every place where a code can stand,
// with the same status, head and body.
func TestD12AForeignCodeIsAsOneThatIsNot(t *testing.T) {
	f := newFront(t)
	request := f.Ask(t, f.Eng, "syd", time.Hour)
	v, err := f.Charter.Propose(t.Context(), f.Bo.Principal, policy.Motion{Kind: policy.ToSet, Customer: "syd", Quorum: 1})
	must(t, err)
	for _, who := range []*world.Human{f.Ann, f.Mate, f.Lone} {
		token := f.token(who)
		for _, place := range []struct{ method, path, body string }{
			{"GET", "/requests/%s", ""}, {"GET", "/requests/%s?wait=1ms", ""}, {"GET", "/requests?list=history&before=%s", ""},
			{"GET", "/requests/%s/sessions", ""}, {"GET", "/receipts/%s", ""}, {"GET", "/motions/%s", ""},
			{"POST", "/requests/%s/withdraw", "{}"}, {"POST", "/requests/%s/extend", `{"for":"5m","why":"two rows are left"}`},
			{"POST", "/requests/%s/say", `{"text":"which rows?"}`}, {"POST", "/requests/%s/accept", "{}"}, {"POST", "/requests/%s/reject", "{}"},
			{"POST", "/requests/%s/approve", "{}"}, {"POST", "/grants/%s/give-back", "{}"}, {"POST", "/grants/%s/revoke", "{}"},
			{"POST", "/motions/%s/oppose", "{}"}, {"POST", "/motions/%s/end", "{}"}, {"POST", "/motions/%s/sign", "{}"},
		} {
			if who == f.Lone && place.method == "POST" { // whether they count is said first, of every code
				continue
			}
			ask := func(code string) answer {
				f.ahead.Add(int64(3 * time.Second)) // guesses come back with time
				a, err := f.call(place.method, "/api/v1"+fmt.Sprintf(place.path, code), token, place.body)
				must(t, err)
				return a
			}
			none, last := ask("ZZZZ"), f.Ledger.Last()
			for _, code := range []string{request, v.Motion.ID, "..", "%5A%5A%5A%5A", "ZZZZZZZZZ"} {
				if strings.Contains(place.path, "before") && strings.HasPrefix(code, "%") {
					continue // a query may be written so
				}
				if got := ask(code); got != none || got.status != 404 {
					t.Errorf("%s, %s %s with %s: got %+v, want %+v", who.Name, place.method, place.path, code, got, none)
				}
			}
			if f.Ledger.Last() != last {
				t.Errorf("%s, %s %s wrote something", who.Name, place.method, place.path)
			}
		}
	}
}

// TestD27AProgramGetsNoMoreThanItsTokenGives: no address makes, widens or lengthens a token.
func TestD27AProgramGetsNoMoreThanItsTokenGives(t *testing.T) {
	f := newFront(t)
	token := f.token(f.Eng, api.Read)
	for _, path := range []string{"/tokens", "/tokens?scope=end", "/me", "/tokens/new", "/token"} {
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			a, err := f.call(method, "/api/v1"+path, token, `{"scopes":["read","ask","end"],"for":"1h"}`)
			must(t, err)
			if a.status < 400 || strings.Contains(a.body, "lbx_") {
				t.Errorf("%s %s: %+v", method, path, a)
			}
		}
	}
	left, err := f.tokens.List(t.Context(), f.Eng.Principal)
	must(t, err)
	if len(left) != 1 || !slices.Equal(left[0].Scopes, []string{api.Read}) {
		t.Errorf("there are %+v", left)
	}
}

// TestC24TextOfOtherProgramsIsRefusedAsOnPages: what cannot be seen, is too long or holds a secret is not written down.
func TestC24TextOfOtherProgramsIsRefusedAsOnPages(t *testing.T) {
	f := newFront(t)
	eng, ann := f.token(f.Eng), f.token(f.Ann)
	code := f.Ask(t, f.Eng, "nord", time.Hour)
	say := func(v any) string {
		b, err := json.Marshal(v)
		must(t, err)
		return string(b)
	}
	for name, text := range map[string]string{
		"turns the line around": "please \u202eevorppa", "hides": "please\u200b approve", "draws": "please \x1b[2Japprove", "breaks the line": "please\nVotes: yes",
		"tags": "please \U000e0041 approve", "is long": strings.Repeat("x", 3000), "is a secret": "password=hunter22 does not work",
	} {
		last := f.Ledger.Last()
		for path, in := range map[string]struct {
			token string
			body  any
		}{
			"/requests":                       {eng, api.Wish{Target: "db1.prod", Login: "deploy", Reason: "outage", Need: text}},
			"/requests/" + code + "/say":      {eng, api.Word{Text: text}},
			"/requests/" + code + "/withdraw": {eng, map[string]string{"comment": text}},
		} {
			if a := f.post(path, in.token, say(in.body)); a.status < 400 {
				t.Errorf("a text that %s: %s: %+v", name, path, a)
			}
		}
		if name != "is a secret" { // a comment and a motion may speak of passwords
			if a := f.post("/requests/"+code+"/reject", ann, say(api.Comment{Comment: text})); a.status < 400 {
				t.Errorf("a comment that %s: %+v", name, a)
			}
			p := api.Proposal{Kind: policy.ToSet, Customer: "nord", Quorum: 1, Text: text}
			if a := f.post("/motions", ann, say(p)); a.status < 400 {
				t.Errorf("a motion that %s: %+v", name, a)
			}
		}
		if f.Ledger.Last() != last {
			t.Errorf("a text that %s: something was written", name)
		}
	}
}

// TestC22OnePersonDoesNotFillTheCharter: motions that wait are bounded for each person.
func TestC22OnePersonDoesNotFillTheCharter(t *testing.T) {
	f := newFront(t)
	token := f.token(f.Ann)
	made := 0
	for i := range 40 {
		b, err := json.Marshal(api.Proposal{Kind: policy.ToSet, Customer: "nord", Quorum: 1, Text: fmt.Sprint("settings ", i)})
		must(t, err)
		if a := f.post("/motions", token, string(b)); a.status == 200 {
			made++
		}
	}
	if made == 0 || made > 20 {
		t.Errorf("%d motions wait", made)
	}
}

// TestC06NoProgramProposesAPolicy: only the gateway itself does, of files that it has read.
func TestC06NoProgramProposesAPolicy(t *testing.T) {
	f := newFront(t)
	digest := strings.Repeat("ab", 32)
	for _, who := range []*world.Human{f.Eng, f.Ceo, f.Ann, f.Lone} {
		b, err := json.Marshal(api.Proposal{Kind: policy.ToActivate, About: digest})
		must(t, err)
		if a := f.post("/motions", f.token(who), string(b)); a.status < 400 {
			t.Errorf("%s: %+v", who.Name, a)
		}
	}
	if all, err := f.Charter.List(t.Context(), f.Ceo.Principal, policy.ToActivate); err != nil || len(all) != 0 {
		t.Errorf("there are %d, %v", len(all), err)
	}
}
