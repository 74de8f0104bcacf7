package portal

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"filippo.io/age"

	"lockbox/approvals"
	"lockbox/approvals/charter"
	"lockbox/approvals/notify"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

const here = "http://localhost:8080" // where the people of world sign

// A stage is a portal over a whole gateway with people.
type stage struct {
	*world.World
	*Portal
	Aud *world.Human // auditor
	New *world.Human // enrolled, not confirmed

	t     *testing.T
	pages http.Handler
	calls atomic.Int32
}

func newStage(t *testing.T) *stage {
	t.Helper()
	w := world.New(t, "127.0.0.1:1", "")
	w.Desk.Daily = 10_000 // the tables ask a lot
	w.Shelf.MinFree, w.Shelf.MinFreePercent = -1, -1
	s := &stage{World: w, t: t, Portal: &Portal{
		Gateway: w.Gateway, Desk: w.Desk, People: w.People, Ledger: w.Ledger, Shelf: w.Shelf, URL: here,
		Vault: []age.Identity{w.Keys.Vault}, Report: func(err error) { t.Errorf("reported: %v", err) },
		LogKey: w.Keys.LogKey, Pins: func(ctx context.Context) (p approvals.Pinned, err error) {
			err = w.Ledger.View(ctx, func(tx *ledger.Tx) error {
				pins, err := w.People.Pins(tx)
				p = approvals.Pinned{Log: world.Log, LogKey: w.Keys.LogKey, Party: world.Party(), Executives: pins.Executives, Customers: pins.Customers}
				return err
			})
			return p, err
		},
	}}
	s.wire()
	planner := &notify.Planner{Desk: w.Desk, People: w.People}
	s.Settings = &notify.Settings{Ledger: w.Ledger, Planner: planner}
	box, err := notify.OpenOutbox(filepath.Join(w.Dir, "notify.db"))
	must(t, err)
	t.Cleanup(func() { must(t, box.Close()) })
	s.Notices = &notify.Follower{Ledger: w.Ledger, Planner: planner, Outbox: box, Report: s.Report}
	s.Aud = w.Enrol(t, identity.Invite{ID: "aud@x.eu", Name: "Aud", Kind: policy.Auditor}, false)
	w.Confirm(t, w.Cto, s.Aud)
	s.New = w.Enrol(t, identity.Invite{ID: "new@x.eu", Name: "New", Kind: policy.Staff}, false)
	s.pages = s.Handler()
	return s
}

// wire gives the stage a charter, as the program does.
func (s *stage) wire() {
	w := s.World
	c := &charter.Charter{Ledger: w.Ledger, People: w.People, Policy: w.Policy, Log: world.Log, Party: world.Party(), Effect: w.Charter.Effect, Over: w.Gateway.Over, Glass: w.Desk.Glass, Opposed: w.Desk.Opposed, Digest: w.Desk.DigestHash}
	s.Portal.Charter, w.Desk.Charter, w.People.Charter = c, c, c
}

// A visitor is a browser without scripts, with the cookies of one person; nil for nobody.
type visitor struct {
	s       *stage
	who     *world.Human
	cookies []*http.Cookie
}

// visitor signs somebody in; nil stays nobody.
func (s *stage) visitor(h *world.Human) *visitor {
	s.t.Helper()
	v := &visitor{s: s, who: h}
	if h == nil {
		return v
	}
	var asked struct {
		ID      string          `json:"id"`
		Options json.RawMessage `json:"options"`
	}
	v.json("/sign-in/begin", `{}`).into(&asked)
	got := v.json("/sign-in", fmt.Sprintf(`{"id":%q,"credential":%s}`, asked.ID, s.handled(h, h.Answer(s.t, asked.Options))))
	if got.status != http.StatusOK {
		s.t.Fatalf("%s: sign in: %d %s", h.Name, got.status, got.body)
	}
	v.cookies = got.cookies
	return v
}

// handled adds to a passkey's answer whose it is, as a passkey does that was not asked for by name.
func (s *stage) handled(h *world.Human, answer []byte) []byte {
	s.t.Helper()
	p, err := s.World.People.Person(s.t.Context(), h.ID)
	must(s.t, err)
	a, err := statement.ParseAssertion(answer)
	must(s.t, err)
	a.UserHandle = p.Handle
	b, err := json.Marshal(a)
	must(s.t, err)
	return b
}

// A reply is what came back.
type reply struct {
	t       *testing.T
	status  int
	header  http.Header
	body    string
	cookies []*http.Cookie
}

func (r reply) into(v any) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.body), v); err != nil {
		r.t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
}

// request makes one as a browser on one of our pages would.
func (v *visitor) request(method, path, kind, body string) *http.Request {
	r := httptest.NewRequestWithContext(v.s.t.Context(), method, here+path, strings.NewReader(body))
	n := v.s.calls.Add(1)
	r.RemoteAddr = fmt.Sprintf("192.0.%d.%d:999", n/250%250, n%250+1)
	if method == http.MethodPost {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("Origin", "null") // our pages send no referrer
		r.Header.Set("Content-Type", kind)
	}
	for _, c := range v.cookies {
		r.AddCookie(c)
	}
	return r
}

func (v *visitor) do(r *http.Request) reply {
	w := httptest.NewRecorder()
	v.s.pages.ServeHTTP(w, r)
	got := w.Result()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		v.s.t.Fatal(err)
	}
	return reply{v.s.t, got.StatusCode, got.Header, string(body), got.Cookies()}
}

func (v *visitor) get(path string) reply { return v.do(v.request(http.MethodGet, path, "", "")) }

func (v *visitor) json(path, body string) reply {
	return v.do(v.request(http.MethodPost, path, "application/json", body))
}

// post sends a form: name, value, name, value.
func (v *visitor) post(path string, fields ...string) reply {
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return v.do(v.request(http.MethodPost, path, "application/x-www-form-urlencoded", form.Encode()))
}

// A shownSheet is what a sheet asks to be signed.
type shownSheet struct{ text, words, domain, id, to, options string }

var attribute = regexp.MustCompile(`data-([a-z]+)="([^"]*)"`)

// sheet reads a signing sheet as a browser would.
func (r reply) sheet() (s shownSheet) {
	r.t.Helper()
	_, rest, ok := strings.Cut(r.body, `<pre class="statement"`)
	_, rest, ok2 := strings.Cut(rest, ">")
	text, rest, ok3 := strings.Cut(rest, "</pre>")
	if r.status != http.StatusOK || !ok || !ok2 || !ok3 {
		r.t.Fatalf("no sheet: %d %s", r.status, r.body)
	}
	s.text = html.UnescapeString(text)
	_, words, _ := strings.Cut(rest, `<p class="words" lang="en">`)
	s.words, _, _ = strings.Cut(words, "</p>")
	for _, m := range attribute.FindAllStringSubmatch(rest, -1) {
		switch value := html.UnescapeString(m[2]); m[1] {
		case "domain":
			s.domain = value
		case "id":
			s.id = value
		case "sign":
			s.to = value
		case "options":
			s.options = value
		}
	}
	return s
}

// sign signs a sheet and sends it to where it wants to go.
func (v *visitor) sign(s shownSheet) reply {
	return v.json(s.to, fmt.Sprintf(`{"id":%q,"credential":%s}`, s.id, v.who.Answer(v.s.t, []byte(s.options))))
}

// approve goes through the pages as an approver with a passkey does.
func (v *visitor) approve(code string) reply {
	v.s.t.Helper()
	path := "/a/" + code
	if v.who.Kind == policy.Reviewer {
		path = "/c/" + code
	}
	return v.sign(v.post(path, "do", "approve").sheet())
}
