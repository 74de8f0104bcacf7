package portal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// A cell is one try: what is sent, by whom.
type cell struct {
	*stage
	who *world.Human // nil: nobody
}

// code makes a new pending request of Eng for nord's login; the one before is withdrawn.
func (c cell) code() string {
	c.stage.t.Helper()
	ctx := c.stage.t.Context()
	mine, err := c.Desk().Mine(ctx, c.Eng.ID)
	must(c.stage.t, err)
	for _, v := range mine {
		switch {
		case v.Grant != nil:
			err = c.Desk().GiveBack(ctx, c.Eng.Principal, v.Request.ID)
		case v.Status.Phase == policy.Pending:
			err = c.Desk().Withdraw(ctx, c.Eng.Principal, v.Request.ID)
		}
		must(c.stage.t, err)
	}
	return c.World.Ask(c.stage.t, c.Eng, "nord", time.Hour)
}

// grant makes a new grant of Eng for nord's login.
func (c cell) grant() string {
	code := c.code()
	must(c.stage.t, c.World.Approve(c.stage.t, c.Ceo, code))
	must(c.stage.t, c.World.Approve(c.stage.t, c.Ann, code))
	return code
}

func (s *stage) Desk() *approvals.Desk { return s.World.Desk }

// signature answers for a statement with the passkey of who tries, or else with Ceo's.
func (c cell) signature(d statement.Domain, text []byte) string {
	c.stage.t.Helper()
	h := c.who
	if h == nil || h == c.New {
		h = c.Ceo
	}
	b, err := json.Marshal(c.World.Sign(c.stage.t, h, d, text))
	must(c.stage.t, err)
	return string(b)
}

// touch opens a touch for a terminal of Eng.
func (c cell) touch() approvals.Touch {
	c.stage.t.Helper()
	t, err := c.Desk().AskTouch(c.stage.t.Context(), approvals.Terminal{
		Person: c.Eng.Principal, Key: "SHA256:k", Source: "192.0.2.7", Target: "db1.prod", Login: "support_nord", Grant: c.code(),
	})
	must(c.stage.t, err)
	return t
}

// recorded stores a session of Eng with one track, as the SSH door would.
func (s *stage) recorded(code, login string, customers []string, output string) string {
	s.t.Helper()
	return s.recording(code, login, customers, func(r *recorder.Recording) {
		tr, err := r.Track(recorder.Header{Kind: "pty", Term: "xterm", Cols: 80, Rows: 24})
		must(s.t, err)
		must(s.t, tr.Output([]byte(output)))
		must(s.t, tr.Exit(0))
		must(s.t, tr.Close())
	})
}

// recording stores a session of Eng in which fn writes.
func (s *stage) recording(code, login string, customers []string, fn func(*recorder.Recording)) string {
	s.t.Helper()
	words := recorder.Session{
		ID: recorder.NewID(time.Now()), Request: code, Target: "db1.prod", Login: login, Remote: "192.0.2.7",
		Who: s.Eng.Principal, Customers: customers, Began: time.Now().UTC(),
	}
	r, err := s.World.Shelf.Open(words, recorder.How{})
	must(s.t, err)
	fn(r)
	seal, err := r.Close("closed by the person")
	must(s.t, err)
	words.Ended, words.Cause, words.Root = time.Now().UTC(), "closed by the person", seal.Root
	row := struct {
		recorder.Session
		Opened, Closed int64
	}{Session: words}
	about := append([]string{words.ID, code, words.Target}, customers...)
	must(s.t, s.World.Ledger.Update(s.t.Context(), func(tx *ledger.Tx) (err error) {
		row.Opened, err = tx.Append(ledger.Event{Kind: "session.open", Actor: s.Eng.ID, Subjects: about, Customers: customers})
		if err != nil {
			return err
		}
		if row.Closed, err = tx.Append(ledger.Event{Kind: "session.close", Actor: s.Eng.ID, Subjects: about, Customers: customers}); err != nil {
			return err
		}
		return errors.Join(tx.Put("session/"+words.ID, row), tx.Put("of/"+code+"/"+words.ID, words.ID))
	}))
	return words.ID
}

// link makes an enrolment link.
func (c cell) link() string {
	c.stage.t.Helper()
	token, err := c.World.People.NewLink(c.stage.t.Context(), "operator@localhost",
		identity.Invite{ID: fmt.Sprintf("p%d@x.eu", c.stage.calls.Load()), Name: "P", Kind: policy.Staff})
	must(c.stage.t, err)
	return token
}

// A row is one route, or one use of it, and the status that each audience gets.
type matrixRow struct {
	name  string
	route string // method and pattern
	send  func(cell, *visitor) reply
	want  [8]int // in the order of audiences
}

// audiences: nobody, the requester, another engineer, an executive, a reviewer of
// this customer, of another, an auditor, somebody unconfirmed.
func (s *stage) audiences() []*world.Human {
	return []*world.Human{nil, s.Eng, s.Mate, s.Ceo, s.Ann, s.Bo, s.Aud, s.New}
}

func get(path func(cell) string) func(cell, *visitor) reply {
	return func(c cell, v *visitor) reply { return v.get(path(c)) }
}

func same(path string) func(cell) string { return func(cell) string { return path } }

// matrix is the whole table of who gets what.
func (s *stage) matrix() []matrixRow {
	members := [8]int{401, 200, 200, 200, 200, 200, 200, 403}
	all := func(n int) [8]int { return [8]int{n, n, n, n, n, n, n, n} }
	seen := [8]int{401, 200, 404, 200, 200, 404, 200, 403}
	at := func(prefix, suffix string) func(cell) string {
		return func(c cell) string { return prefix + c.code() + suffix }
	}
	return []matrixRow{
		{"inbox", "GET /{$}", get(same("/")), members},
		{"begin to sign in", "POST /sign-in/begin", func(_ cell, v *visitor) reply { return v.json("/sign-in/begin", `{}`) }, all(200)},
		{"sign in with nothing", "POST /sign-in", func(_ cell, v *visitor) reply { return v.json("/sign-in", `{"id":"x","credential":{}}`) }, all(403)},
		{"sign out", "POST /sign-out", func(_ cell, v *visitor) reply { return v.post("/sign-out") }, [8]int{401, 303, 303, 303, 303, 303, 303, 303}},

		{"decision, board", "GET /a/{code}", get(at("/a/", "")), [8]int{401, 303, 404, 200, 303, 404, 303, 403}},
		{"decision, customer", "GET /c/{code}", get(at("/c/", "")), [8]int{401, 303, 404, 303, 200, 404, 303, 403}},
		{"sheet, board", "POST /a/{code}", func(c cell, v *visitor) reply {
			return v.post("/a/"+c.code(), "do", "approve", "for", "15")
		}, [8]int{401, 403, 404, 200, 403, 404, 403, 403}},
		{"decline, board", "POST /a/{code}", func(c cell, v *visitor) reply {
			return v.post("/a/"+c.code(), "do", "reject", "comment", "no")
		}, [8]int{401, 403, 404, 303, 403, 404, 403, 403}},
		{"decline, customer", "POST /c/{code}", func(c cell, v *visitor) reply {
			code := c.code()
			must(s.t, s.World.Approve(s.t, s.Cto, code))
			return v.post("/c/"+code, "do", "reject")
		}, [8]int{401, 403, 404, 403, 303, 404, 403, 403}},
		{"vote with Ceo's ballot", "POST /vote/{code}", func(c cell, v *visitor) reply {
			b, err := c.Desk().Prepare(s.t.Context(), s.Ceo.Principal, c.code(), policy.Terms{})
			must(s.t, err)
			return v.json("/vote/"+b.Request, fmt.Sprintf(`{"id":%q,"credential":%s}`, b.Nonce, c.signature(statement.ForApproval, b.Statement)))
		}, [8]int{401, 404, 404, 200, 404, 404, 404, 403}},
		{"vote with Ann's ballot", "POST /vote/{code}", func(c cell, v *visitor) reply {
			code := c.code()
			must(s.t, s.World.Approve(s.t, s.Ceo, code))
			b, err := c.Desk().Prepare(s.t.Context(), s.Ann.Principal, code, policy.Terms{})
			must(s.t, err)
			return v.json("/vote/"+code, fmt.Sprintf(`{"id":%q,"credential":%s}`, b.Nonce, c.signature(statement.ForApproval, b.Statement)))
		}, [8]int{401, 404, 404, 404, 200, 404, 404, 403}},

		{"terminals", "GET /t/{code}", func(c cell, v *visitor) reply { return v.get("/t/" + c.touch().Terminal.Grant) },
			[8]int{401, 200, 404, 404, 404, 404, 404, 403}},
		{"number", "POST /t/{code}", func(c cell, v *visitor) reply {
			t := c.touch()
			return v.post("/t/"+t.Terminal.Grant, "id", t.ID, "number", t.Number)
		}, [8]int{401, 200, 404, 404, 404, 404, 404, 403}},
		{"touch", "POST /t/{code}/sign", func(c cell, v *visitor) reply {
			t := c.touch()
			t, err := c.Desk().PrepareTouch(s.t.Context(), s.Eng.Principal, t.ID, t.Number)
			must(s.t, err)
			return v.json("/t/"+t.Terminal.Grant+"/sign", fmt.Sprintf(`{"id":%q,"credential":%s}`, t.ID, c.signature(statement.ForTouch, t.Statement)))
		}, [8]int{401, 200, 404, 404, 404, 404, 404, 403}},

		{"what to ask for", "GET /r/new", get(same("/r/new")), members},
		{"form to ask", "GET /r/new", get(same("/r/new?t=db1.prod")), [8]int{401, 200, 200, 403, 403, 403, 403, 403}},
		{"ask", "POST /r/new", func(_ cell, v *visitor) reply {
			return v.post("/r/new", "target", "db1.prod", "login", "support_{{customer}}", "customer", "nord", "reason", "outage", "text", "two rows are stuck", "for", "30")
		}, [8]int{401, 303, 303, 403, 403, 403, 403, 403}},
		{"test the way", "POST /r/new", func(_ cell, v *visitor) reply { return v.post("/r/new", "target", "db1.prod", "do", "try") },
			[8]int{401, 200, 200, 403, 403, 403, 403, 403}},
		{"timeline", "GET /r/{code}", get(at("/r/", "")), seen},
		{"live", "GET /r/{code}/live", func(c cell, v *visitor) reply {
			r := v.request(http.MethodGet, "/r/"+c.code()+"/live", "", "")
			ctx, cancel := context.WithTimeout(r.Context(), 30*time.Millisecond)
			defer cancel()
			return v.do(r.WithContext(ctx))
		}, seen},
		{"evidence", "GET /r/{code}/evidence.json", get(at("/r/", "/evidence.json")), seen},
		{"withdraw", "POST /r/{code}", func(c cell, v *visitor) reply { return v.post("/r/"+c.code(), "do", "withdraw") },
			[8]int{401, 303, 404, 403, 403, 404, 403, 403}},
		{"give back", "POST /r/{code}", func(c cell, v *visitor) reply { return v.post("/r/"+c.grant(), "do", "give-back") },
			[8]int{401, 303, 404, 403, 403, 404, 403, 403}},
		{"revoke", "POST /r/{code}", func(c cell, v *visitor) reply { return v.post("/r/"+c.grant(), "do", "revoke") },
			[8]int{401, 303, 404, 303, 303, 404, 403, 403}},

		{"link", "GET /enroll/{token}", func(c cell, v *visitor) reply { return v.get("/enroll/" + c.link()) }, all(200)},
		{"begin to enrol", "POST /enroll/{token}/begin", func(c cell, v *visitor) reply { return v.json("/enroll/"+c.link()+"/begin", `{}`) }, all(200)},
		{"enrol nothing", "POST /enroll/{token}", func(c cell, v *visitor) reply {
			return v.json("/enroll/"+c.link(), `{"credential":{}}`)
		}, all(403)},
		{"enrol no SSH key", "POST /enroll/{token}/ssh", func(c cell, v *visitor) reply {
			return v.json("/enroll/"+c.link()+"/ssh", `{"id":"x","credential":{}}`)
		}, all(403)},

		{"people", "GET /people", get(same("/people")), [8]int{401, 404, 404, 200, 404, 404, 404, 403}},
		{"compare", "POST /people", func(_ cell, v *visitor) reply {
			return v.post("/people", "person", s.New.ID, "fingerprint", s.New.Fingerprint, "compared", "yes")
		}, [8]int{401, 404, 404, 200, 404, 404, 404, 403}},
		{"vouch with nothing", "POST /people/vouch", func(_ cell, v *visitor) reply {
			return v.json("/people/vouch", `{"id":"x","credential":{}}`)
		}, [8]int{401, 404, 404, 403, 404, 404, 404, 403}},
		{"keys", "GET /me/keys", get(same("/me/keys")), [8]int{401, 200, 200, 200, 200, 200, 200, 200}},
		{"add a key", "POST /me/keys", func(_ cell, v *visitor) reply { return v.post("/me/keys", "do", "add", "line", sshKey(s.t)) }, members},
		{"remove another's key", "POST /me/keys", func(_ cell, v *visitor) reply {
			return v.post("/me/keys", "do", "remove", "fingerprint", "SHA256:"+strings.Repeat("A", 43))
		}, [8]int{401, 403, 403, 403, 403, 403, 403, 403}},
		{"sign for no key", "POST /me/keys/sign", func(_ cell, v *visitor) reply {
			return v.json("/me/keys/sign", `{"id":"x","credential":{}}`)
		}, [8]int{401, 403, 403, 403, 403, 403, 403, 403}},

		{"request log, for operators", "GET /requests", get(same("/requests")), [8]int{401, 404, 404, 404, 404, 404, 404, 403}},
		{"status", "GET /status", get(same("/status")), members},
		{"notice", "GET /legal/recording-notice", get(same("/legal/recording-notice")), all(200)},
		{"style", "GET /static/{name...}", get(same("/static/style.css")), all(200)},
		{"no such file", "GET /static/{name...}", get(same("/static/..%2fportal.go")), all(404)},
		{"no such page", "GET /", get(same("/admin")), all(404)},
		{"no such action", "POST /", func(_ cell, v *visitor) reply { return v.post("/admin") }, all(404)},
	}
}

// The table of every route and every audience (C05, F01). What a GET is given
// changes nothing (C31), and every answer carries every header.
func TestEveryRouteAnswersItsAudienceOnly(t *testing.T) {
	s := newStage(t)
	pol := *s.World.Policy()
	pol.Declaration = &policy.Declaration{Version: "1", Text: "I keep to myself what I see."}
	s.World.SetPolicy(&pol)
	s.declare(s.Eng, s.Mate)
	s.Evidence = func(context.Context, policy.Principal, string) ([]byte, error) { return []byte(`{}`), nil }
	s.Now = func() time.Time { return time.Now().Add(time.Duration(s.calls.Load()) * guessEach) } // nobody guesses too fast
	tried := map[string]bool{}
	visitors := make([]*visitor, 8)
	for _, row := range slices.Concat(s.matrix(), s.matrixOfSessions(), s.matrixOfMotions(), s.matrixOfLogs(), s.matrixOfKeys(), s.matrixOfLogins(), s.matrixOfSlack(), s.matrixOfNotices(), s.matrixOfApps(), s.matrixOfGlass()) {
		tried[row.route] = true
		for i, who := range s.audiences() {
			name := row.name + ", nobody"
			if who != nil {
				name = row.name + ", " + who.Name
			}
			if v := visitors[i]; v == nil || row.name == "sign out" {
				visitors[i] = s.visitor(who)
			}
			got := row.send(cell{s, who}, visitors[i])
			if row.name == "sign out" {
				visitors[i] = nil
			}
			if got.status != row.want[i] {
				t.Errorf("%s: %d, want %d: %.300s", name, got.status, row.want[i], body(got))
			}
			checkHeaders(t, name, got)
			if who == s.New && got.status == http.StatusForbidden && !strings.HasPrefix(row.name, "enrol") && !strings.HasPrefix(row.name, "sign in") &&
				!strings.Contains(got.body, "aits") && !strings.Contains(got.body, "Waiting for confirmation") {
				t.Errorf("%s: somebody unconfirmed reads %.200s", name, body(got))
			}
		}
	}
	for _, r := range s.routes() {
		if !tried[r.method+" "+r.pattern] {
			t.Errorf("%s %s is not in the table", r.method, r.pattern)
		}
	}
}

// body is the readable part of a page.
func body(r reply) string {
	_, main, ok := strings.Cut(r.body, `<main`)
	if !ok {
		main = r.body
	}
	return main
}

func checkHeaders(t *testing.T, name string, r reply) {
	t.Helper()
	for header, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := r.header.Get(header); got != want {
			t.Errorf("%s: %s is %q, want %q", name, header, got, want)
		}
	}
	csp := r.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("%s: policy %q lacks %s", name, csp, want)
		}
	}
	if strings.Contains(csp, "unsafe-inline") || strings.Contains(csp, "unsafe-eval'") && !strings.Contains(csp, "'wasm-unsafe-eval'") {
		t.Errorf("%s: policy %q is too wide", name, csp)
	}
	if cache := r.header.Get("Cache-Control"); cache != "no-store" && r.header.Get("ETag") == "" {
		t.Errorf("%s: Cache-Control is %q", name, cache)
	}
	if to := r.header.Get("Location"); to != "" && !local(to) {
		t.Errorf("%s: sends the browser to %q", name, to)
	}
	for _, c := range r.cookies {
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("%s: cookie %s", name, c)
		}
	}
}

// local says whether an address is a path of ours to every browser.
func local(to string) bool {
	u, err := url.Parse(to)
	return err == nil && u.Host == "" && u.Scheme == "" && strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") && !strings.Contains(to, `\`)
}

func TestAGetChangesNothing(t *testing.T) {
	s := newStage(t)
	var visitors []*visitor
	for _, who := range s.audiences() {
		visitors = append(visitors, s.visitor(who))
	}
	granted := cell{s, nil}.grant()
	id := s.recorded(granted, "support_nord", []string{"nord"}, "hello\r\n")
	token := cell{s, nil}.link()
	paths := []string{"/r/new?t=db1.prod", "/s/" + id + "/text/pty0", "/m/" + cell{s, nil}.boardMotion(), "/m/" + cell{s, nil}.nordMotion(), "/c/" + granted}
	for _, r := range s.routes() {
		if r.method == http.MethodGet && !strings.HasSuffix(r.pattern, "/live") {
			paths = append(paths, strings.NewReplacer("{$}", "", "{code}", granted, "{id}", id, "{track}", "pty0", "{token}", token, "{name...}", "app.js").Replace(r.pattern))
		}
	}
	before := s.World.Ledger.Last()
	for _, v := range visitors {
		for _, path := range paths {
			v.get(path)
			v.do(v.request(http.MethodHead, path, "", ""))
		}
	}
	if after := s.World.Ledger.Last(); after != before {
		events, err := s.World.Ledger.After(t.Context(), before, 10)
		t.Errorf("%d events: %v %v", after-before, slices.Collect(kinds(events)), err)
	}
}

func kinds(events []ledger.Event) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, e := range events {
			if !yield(e.Kind) {
				return
			}
		}
	}
}
