package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"lockbox/tests/world"
)

// A cell is one use of a route: by whom, what is sent.
type cell struct {
	name  string
	route string // as in the table of routes
	send  func(s *hall, token string) reply
	want  [8]int // in the order of audiences
}

// audiences: nobody, the requester, another engineer, an executive, a reviewer
// of this customer, of another, an auditor, an executive who is not pinned.
func (s *hall) audiences() []*world.Human {
	return []*world.Human{nil, s.Eng, s.Mate, s.Ceo, s.Ann, s.Bo, s.Aud, s.Lone}
}

func all(n int) [8]int { return [8]int{n, n, n, n, n, n, n, n} }

// golden is who gets what. The rows are the law; a route without one fails.
func golden() []cell {
	everybody := [8]int{401, 200, 200, 200, 200, 200, 200, 200}
	seen := [8]int{401, 200, 404, 200, 200, 404, 200, 404}
	owner := [8]int{401, 200, 404, 403, 403, 404, 403, 404}
	nord := [8]int{401, 404, 404, 404, 200, 404, 200, 404}
	nordActs := [8]int{401, 404, 404, 404, 200, 404, 403, 404}
	get := func(path string) func(*hall, string) reply {
		return func(s *hall, token string) reply { return s.get(token, path) }
	}
	getAt := func(path string, code func(*hall) string) func(*hall, string) reply {
		return func(s *hall, token string) reply { return s.get(token, fmt.Sprintf(path, code(s))) }
	}
	post := func(path string, code func(*hall) string, body string) func(*hall, string) reply {
		return func(s *hall, token string) reply { return s.post(token, fmt.Sprintf(path, code(s)), body) }
	}
	const wish = `{"target":"db1.prod","login":"support_nord","reason":"outage","need":"contract stuck in state 9","for":"30m"}`
	return []cell{
		{"", "GET /me", get("/me"), everybody},
		{"", "GET /targets", get("/targets"), everybody},
		{"", "GET /policy", get("/policy"), everybody},
		{"", "GET /openapi.json", get("/openapi.json"), all(200)},
		{"mine", "GET /requests", get("/requests"), everybody},
		{"inbox", "GET /requests", get("/requests?list=inbox"), everybody},
		{"history", "GET /requests", get("/requests?list=history&limit=3"), everybody},
		{"", "POST /requests", func(s *hall, token string) reply { s.fresh(); return s.post(token, "/requests", wish) },
			[8]int{401, 200, 200, 403, 403, 403, 403, 403}},
		{"", "GET /requests/{code}", getAt("/requests/%s", (*hall).fresh), seen},
		{"", "POST /requests/{code}/withdraw", post("/requests/%s/withdraw", (*hall).fresh, `{}`), owner},
		{"granted", "POST /requests/{code}/withdraw", post("/requests/%s/withdraw", (*hall).granted, `{}`), [8]int{401, 403, 404, 403, 403, 404, 403, 404}},
		{"", "POST /requests/{code}/extend", post("/requests/%s/extend", (*hall).used, `{"for":"30m","why":"the index is not built yet"}`), owner},
		{"", "POST /requests/{code}/say", post("/requests/%s/say", (*hall).fresh, `{"text":"how far is it?"}`), [8]int{401, 200, 404, 200, 200, 404, 403, 404}},
		{"", "POST /requests/{code}/accept", post("/requests/%s/accept", (*hall).promised, `{}`), owner},
		{"", "POST /requests/{code}/reject", post("/requests/%s/reject", (*hall).fresh, `{"comment":"not today"}`), [8]int{401, 403, 404, 200, 403, 404, 403, 404}},
		{"the customer's turn", "POST /requests/{code}/reject", func(s *hall, token string) reply {
			code := s.fresh()
			must(s.t, s.Approve(s.t, s.Ceo, code))
			return s.post(token, "/requests/"+code+"/reject", `{}`)
		}, [8]int{401, 403, 404, 403, 200, 404, 403, 404}},
		{"", "POST /requests/{code}/approve", post("/requests/%s/approve", (*hall).fresh, `{}`), [8]int{401, 403, 404, 403, 403, 404, 403, 404}},
		{"", "GET /requests/{code}/sessions", getAt("/requests/%s/sessions", (*hall).granted), seen},
		{"", "GET /receipts/{code}", getAt("/receipts/%s", (*hall).granted), seen},
		{"mine", "GET /grants", get("/grants"), everybody},
		{"all", "GET /grants", get("/grants?list=all"), everybody},
		{"", "POST /grants/{code}/give-back", post("/grants/%s/give-back", (*hall).granted, `{}`), owner},
		{"", "POST /grants/{code}/revoke", post("/grants/%s/revoke", (*hall).granted, `{"comment":"stop"}`), [8]int{401, 200, 404, 200, 200, 404, 403, 404}},
		{"", "GET /motions", get("/motions"), everybody},
		{"", "POST /motions", func(s *hall, token string) reply {
			return s.post(token, "/motions", `{"kind":"settings","customer":"nord","quorum":1}`)
		}, [8]int{401, 403, 403, 403, 200, 403, 403, 403}},
		{"", "GET /motions/{code}", getAt("/motions/%s", (*hall).moved), nord},
		{"", "POST /motions/{code}/oppose", post("/motions/%s/oppose", (*hall).moved, `{"comment":"no"}`), nordActs},
		{"", "POST /motions/{code}/end", post("/motions/%s/end", (*hall).moved, `{}`), nordActs},
		{"", "POST /motions/{code}/sign", post("/motions/%s/sign", (*hall).moved, `{}`), [8]int{401, 404, 404, 404, 403, 404, 403, 404}},
		{"", "POST /logins", func(s *hall, token string) reply { return s.post(token, "/logins", s.terminal()) }, all(200)},
		{"of no terminal", "POST /logins/wait", func(s *hall, token string) reply {
			return s.post(token, "/logins/wait", `{"secret":"x"}`)
		}, all(404)},
		{"of nobody", "POST /logins/end", func(s *hall, token string) reply {
			return s.post(token, "/logins/end", `{"certificate":"x","signature":""}`)
		}, all(400)},
		{"", "GET /tokens", get("/tokens"), everybody},
		{"of the requester", "POST /tokens/{id}/revoke", func(s *hall, token string) reply {
			k, _, err := s.api.Tokens.Lookup(s.t.Context(), s.token(s.Eng))
			must(s.t, err)
			return s.post(token, "/tokens/"+k.ID+"/revoke", `{}`)
		}, [8]int{401, 200, 404, 404, 404, 404, 404, 404}},
	}
}

func TestEveryRouteGivesEachPersonWhatIsTheirs(t *testing.T) {
	s := newHall(t)
	tokens := map[*world.Human]string{}
	for _, h := range s.audiences() {
		tokens[h] = s.token(h)
	}
	rows := golden()
	for _, r := range s.api.routes() {
		if !slices.ContainsFunc(rows, func(c cell) bool { return c.route == r.method+" "+r.path }) {
			t.Errorf("%s %s is a new route: write down who gets what", r.method, r.path)
		}
	}
	for _, c := range rows {
		t.Run(c.route+" "+c.name, func(t *testing.T) {
			for i, h := range s.audiences() {
				who := "nobody"
				if h != nil {
					who = h.Name
				}
				s.api.limits.by = nil // the table guesses a lot
				if _, _, err := s.api.Tokens.Lookup(t.Context(), tokens[h]); h != nil && err != nil {
					t.Fatalf("%s: token: %v", who, err)
				}
				got := c.send(s, tokens[h])
				if got.status != c.want[i] {
					t.Errorf("%s: got %d %s, want %d", who, got.status, got.body, c.want[i])
				}
				if got.status == http.StatusNotFound && got.code() != CodeUnknown || strings.Contains(got.body, tokens[h]) && h != nil {
					t.Errorf("%s: got %s", who, got.body)
				}
			}
		})
	}
}

func TestATokenDoesNoMoreThanItsScopes(t *testing.T) {
	s := newHall(t)
	tokens := map[string]string{}
	for _, scope := range Scopes() {
		tokens[scope] = s.token(s.Eng, scope)
	}
	for _, r := range s.api.routes() {
		path := strings.NewReplacer("{code}", "ZZZZ", "{id}", "none").Replace(r.path)
		for _, scope := range Scopes() {
			s.api.limits.by = nil
			got := s.do(s.request(r.method, path, tokens[scope], `{`)) // a scope is looked at before a body
			if refused := got.code() == CodeScope; refused == (r.open || r.scope == "" || r.scope == scope) {
				t.Errorf("%s %s with the scope %s: %d %s", r.method, r.path, scope, got.status, got.body)
			}
		}
		if r.method == http.MethodGet && !r.open && r.scope != Read {
			t.Errorf("GET %s takes the scope %q", r.path, r.scope)
		}
	}
}

// TestNoTokenVotesYes counts the votes after every route was tried with every
// scope by those who could approve.
func TestNoTokenVotesYes(t *testing.T) {
	s := newHall(t)
	code := s.fresh()
	for _, h := range []*world.Human{s.Ceo, s.Ann} {
		token := s.token(h)
		for _, body := range []string{`{}`, `{"verdict":"approve"}`, `{"comment":"yes"}`} {
			for _, do := range []string{"approve", "vote", "sign", "accept", "touch", "prepare"} {
				if got := s.post(token, "/requests/"+code+"/"+do, body); got.status < 400 {
					t.Errorf("%s: %s %s: %d %s", h.Name, do, body, got.status, got.body)
				}
			}
		}
		got := s.post(token, "/requests/"+code+"/approve", `{}`)
		page := map[*world.Human]string{s.Ceo: "/a/", s.Ann: "/c/"}[h] + code
		if got.status != http.StatusForbidden || got.code() != CodePasskey || !strings.Contains(got.body, here+page) {
			t.Errorf("%s: approve: %d %s, want 403 and %s", h.Name, got.status, got.body, page)
		}
	}
	v, err := s.Desk.See(t.Context(), s.Ceo.Principal, code)
	must(t, err)
	if len(v.Request.Votes) != 0 || v.Grant != nil {
		t.Errorf("there are votes: %+v", v.Request.Votes)
	}
}
