package slack_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lockbox/approvals/notify"
	"lockbox/approvals/slack"
	"lockbox/policy"
	fake "lockbox/tests/fakes/slack"
)

// waits is a stage over HTTP with a request that waits for the board, and its card.
func waits(t *testing.T) (*stage, string, fake.Message) {
	t.Helper()
	s := newStage(t, "http")
	code := s.Ask(t, s.Eng, "nord", 0)
	s.tell(t, s.Ceo.ID, notify.Waits, code)
	return s, code, s.card(t, ceoIn)
}

// press is the request by which the board member declines.
func (s *stage) press(card fake.Message) (*http.Request, []byte) {
	r := s.slack.Signed("interactive", s.slack.Press(ceoIn, card, card.Buttons[1]))
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r, body
}

// again is the same request once more.
func again(r *http.Request, body []byte) *http.Request {
	n := r.Clone(r.Context())
	n.Body = io.NopCloser(bytes.NewReader(body))
	return n
}

// unmoved wants that nobody has voted, and that nothing was tried after all.
func (s *stage) unmoved(t *testing.T, what, code string) {
	t.Helper()
	if v := s.see(t, code); len(v.Request.Votes) > 0 || len(v.Thread) > 0 || v.Status.Phase != policy.Pending {
		t.Errorf("%s: got %s, votes %+v", what, v.Status.Phase, v.Request.Votes)
	}
}

func TestC10NothingIsHeardThatIsNotSigned(t *testing.T) {
	s, code, card := waits(t)
	for _, path := range []string{"/slack/interactions", "/slack/commands", "/slack/", "/slack/events", "/slack/options", "/slack/interactions/", "/SLACK/interactions"} {
		r, body := s.press(card)
		r.URL.Path = path
		r.Header.Del("X-Slack-Signature")
		if a := s.slack.Post(again(r, body)); a.Status != 401 && a.Status != 404 {
			t.Errorf("%s: got %d", path, a.Status)
		}
		r.Header.Set("X-Slack-Signature", "v0="+strings.Repeat("0", 64))
		if a := s.slack.Post(again(r, body)); a.Status != 401 && a.Status != 404 {
			t.Errorf("%s: got %d", path, a.Status)
		}
	}
	s.unmoved(t, "unsigned", code)
	if got := s.reported(); !strings.Contains(got, "not signed") || strings.Contains(got, fake.Secret) || strings.Count(got, "\n") > 0 {
		t.Errorf("it was reported: %q", got)
	}
}

func TestC11ASecretThatCouldBeGuessedIsRefused(t *testing.T) {
	s, code, card := waits(t)
	for _, secret := range []slack.Secret{" ", "12345678", slack.Secret(strings.Repeat("0", 32)), slack.Secret(strings.Repeat(" ", 32)), "changeme-changeme-changeme-change", slack.Secret(fake.Secret[:31])} {
		o := s.opts
		o.Signing, o.File = secret, t.TempDir()+"/x.db"
		if app, err := slack.New(o); err == nil {
			t.Errorf("%q is taken", string(secret))
			must(t, app.Close())
		} else if strings.Contains(err.Error(), string(secret)) && secret != " " {
			t.Errorf("the secret stands in %v", err)
		}
	}
	_, body := s.press(card)
	target := s.slack.Signed("interactive", nil).URL.String()
	for _, secret := range []string{"", " ", "secret"} {
		if a := s.slack.Post(fake.Sign(target, body, secret, time.Now())); a.Status != 401 {
			t.Errorf("signed with %q: got %d", secret, a.Status)
		}
	}
	s.unmoved(t, "signed with another secret", code)
	if got := fmt.Sprintf("%v %+v %#v %s", s.opts.Signing, s.opts.Bot, s.opts.Socket, s.opts.Signing); strings.Contains(got, fake.Secret) || strings.Contains(got, fake.Bot) {
		t.Error("a secret is printed")
	}
}

func TestC12AClickCountsOnceAlsoAfterARestart(t *testing.T) {
	s, code, card := waits(t)
	ask := s.slack.Signed("interactive", s.slack.Press(ceoIn, card, card.Buttons[2]))
	body, err := io.ReadAll(ask.Body)
	must(t, err)
	for i := range 10 {
		if a := s.slack.Post(again(ask, body)); a.Status != 200 {
			t.Errorf("time %d: got %d", i, a.Status)
		}
	}
	until(t, "the form is open", func() bool { return s.slack.Calls()["views.open"] == 1 })
	s.stop()
	s.start(t)
	re := fake.Sign(s.slack.Signed("interactive", nil).URL.String(), body, fake.Secret, time.Now())
	re.Header.Set("X-Slack-Retry-Num", "1") // C21: signed anew, the same click
	old := again(ask, body)
	old.URL = re.URL
	for name, r := range map[string]*http.Request{"replayed": old, "tried again by Slack": re} {
		if a := s.slack.Post(r); a.Status != 200 {
			t.Errorf("%s: got %d", name, a.Status)
		}
	}
	if n := s.app.Counts(); n["heard before"] != 2 || n["block_actions"] != 0 {
		t.Errorf("after the restart: %v", n)
	}
	s.unmoved(t, "replayed", code)
}

func TestC13OddHeadersAreRefused(t *testing.T) {
	s, code, card := waits(t)
	r, body := s.press(card)
	sig, at := r.Header.Get("X-Slack-Signature"), r.Header.Get("X-Slack-Request-Timestamp")
	signedAt := func(when time.Time) http.Header { return fake.Sign(r.URL.String(), body, fake.Secret, when).Header }
	for name, h := range map[string]http.Header{
		"stale":            signedAt(time.Now().Add(-301 * time.Second)),
		"of the future":    signedAt(time.Now().Add(310 * time.Second)),
		"of 1970":          signedAt(time.Unix(0, 0)),
		"no time":          {"X-Slack-Signature": {sig}},
		"no signature":     {"X-Slack-Request-Timestamp": {at}},
		"two times":        {"X-Slack-Signature": {sig}, "X-Slack-Request-Timestamp": {at, at}},
		"two signatures":   {"X-Slack-Signature": {sig, sig}, "X-Slack-Request-Timestamp": {at}},
		"a wrong one more": {"X-Slack-Signature": {sig, "v0=" + strings.Repeat("0", 64)}, "X-Slack-Request-Timestamp": {at}},
		"a word":           {"X-Slack-Signature": {sig}, "X-Slack-Request-Timestamp": {"now"}},
		"a float":          {"X-Slack-Signature": {sig}, "X-Slack-Request-Timestamp": {at + ".0"}},
		"a sign":           {"X-Slack-Signature": {sig}, "X-Slack-Request-Timestamp": {"+" + at}},
		"huge":             {"X-Slack-Signature": {sig}, "X-Slack-Request-Timestamp": {strings.Repeat("9", 30)}},
		"v1":               {"X-Slack-Signature": {"v1" + sig[2:]}, "X-Slack-Request-Timestamp": {at}},
		"upper case":       {"X-Slack-Signature": {"v0=" + strings.ToUpper(sig[3:])}, "X-Slack-Request-Timestamp": {at}},
		"63 digits":        {"X-Slack-Signature": {sig[:66]}, "X-Slack-Request-Timestamp": {at}},
		"65 digits":        {"X-Slack-Signature": {sig + "0"}, "X-Slack-Request-Timestamp": {at}},
		"packed":           {"X-Slack-Signature": {sig}, "X-Slack-Request-Timestamp": {at}, "Content-Encoding": {"gzip"}},
	} {
		n := again(r, body)
		n.Header = h
		n.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if a := s.slack.Post(n); a.Status != 401 {
			t.Errorf("%s: got %d", name, a.Status)
		}
	}
	s.unmoved(t, "odd headers", code)
}

func TestC14TheBytesAreVerifiedAsTheyCameAndReadOnce(t *testing.T) {
	s, code, card := waits(t)
	r, body := s.press(card)
	target := r.URL.String()
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, err := zip.Write(body)
	must(t, err)
	must(t, zip.Close())
	for name, c := range map[string]struct {
		body   []byte
		signed []byte
		want   int
	}{
		"another encoding of the same": {bytes.ReplaceAll(body, []byte("%20"), []byte("+")), append(body[:len(body):len(body)], '&'), 401},
		"a byte more":                  {append(body[:len(body):len(body)], '&'), body, 401},
		"the payload twice":            {[]byte(string(body) + "&" + string(body)), nil, 400},
		"something before it":          {[]byte("payload=%7B%7D&" + string(body)), nil, 400},
		"packed":                       {packed.Bytes(), body, 401},
		"JSON":                         {[]byte(`{"type":"block_actions"}`), nil, 400},
		"nothing":                      {nil, nil, 400},
		"too long":                     {bytes.Repeat([]byte("a"), 1<<20+1), nil, 413},
		"ten MiB":                      {bytes.Repeat([]byte("a"), 10<<20), nil, 413},
	} {
		signed := c.signed
		if signed == nil {
			signed = c.body
		}
		n := fake.Sign(target, signed, fake.Secret, time.Now())
		n.Body, n.ContentLength = io.NopCloser(bytes.NewReader(c.body)), -1 // in chunks
		if a := s.slack.Post(n); a.Status != c.want && !(c.want == 413 && a.Late) {
			t.Errorf("%s: got %d, want %d", name, a.Status, c.want)
		}
	}
	n := fake.Sign(target+"?payload=%7B%7D", body, fake.Secret, time.Now())
	if a := s.slack.Post(n); a.Status != 400 {
		t.Errorf("with a query: got %d", a.Status)
	}
	s.unmoved(t, "odd bodies", code)
}

// Clicks that Slack signs, of another app or of a channel that is shared with others.
func TestC16OnlyOurWorkspaceAppAndPeopleAreHeard(t *testing.T) {
	s, code, card := waits(t)
	user := func(set map[string]any) map[string]any {
		u := map[string]any{"id": ceoIn, "team_id": fake.Team}
		for k, v := range set {
			u[k] = v
		}
		return u
	}
	for name, set := range map[string]map[string]any{
		"another workspace":         {"team": map[string]any{"id": "T0OTHER"}},
		"no workspace":              {"team": nil},
		"a workspace in lower case": {"team": map[string]any{"id": strings.ToLower(fake.Team)}},
		"another app":               {"api_app_id": "A0OTHER"},
		"no app":                    {"api_app_id": nil},
		"an organisation":           {"enterprise": map[string]any{"id": "E0OTHER"}},
		"a whole organisation":      {"is_enterprise_install": true},
		"a stranger":                {"user": user(map[string]any{"is_stranger": true})},
		"of a shared channel":       {"user": user(map[string]any{"team_id": "T0OTHER"})},
	} {
		p := s.slack.Press(ceoIn, card, card.Buttons[1])
		for k, v := range set {
			p[k] = v
		}
		if a := s.slack.Do("interactive", p); a.Status != 403 {
			t.Errorf("%s: got %d", name, a.Status)
		}
	}
	for name, set := range map[string]string{"team_id": "T0OTHER", "api_app_id": "A0OTHER", "enterprise_id": "E0OTHER", "is_enterprise_install": "true"} {
		p := s.slack.Typed(ceoIn, "/lockbox revoke "+code)
		p[name] = set
		if a := s.slack.Do("slash_commands", p); a.Status != 403 {
			t.Errorf("a command with %s: got %d", name, a.Status)
		}
	}
	for _, id := range []string{"U0сEO", "ceo@x.eu", "Ceo", "U0CEO ", "u0ceo", "W0CEO"} {
		p := s.slack.Press(ceoIn, card, card.Buttons[1])
		p["user"] = user(map[string]any{"id": id, "name": "Ceo", "username": "ceo"})
		s.slack.Do("interactive", p)
	}
	s.unmoved(t, "strangers", code)
}

func TestC19NothingIsSentWhereAClickSays(t *testing.T) {
	s, code, card := waits(t)
	var hits atomic.Int64
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer canary.Close()
	for _, to := range []string{canary.URL, canary.URL + "/https://hooks.slack.com/", strings.Replace(canary.URL, "http://", "http://hooks.slack.com@", 1), "file:///etc/passwd"} {
		p := s.slack.Press(ceoIn, card, card.Buttons[2])
		p["response_url"], p["response_urls"] = to, []any{map[string]any{"response_url": to}}
		s.slack.Do("interactive", p)
		c := s.slack.Typed(ceoIn, "/lockbox list")
		c["response_url"] = to
		if a := s.slack.Do("slash_commands", c); !strings.Contains(a.Shown(), code) {
			t.Errorf("got %q", a.Shown())
		}
	}
	until(t, "the clicks are worked on", func() bool { return s.slack.Calls()["views.open"] == 4 })
	if n := hits.Load(); n > 0 {
		t.Errorf("it was sent to %d times", n)
	}
}

func TestC01C20AButtonCarriesNothingThatIsBelieved(t *testing.T) {
	s, code, card := waits(t)
	other := s.Ask(t, s.Mate, "syd", 0)
	digest := s.see(t, code).Digest
	for name, value := range map[string]string{
		"another digest":      code + "." + strings.Repeat("0", 64),
		"another's digest":    other + "." + digest,
		"a part of it":        code + "." + digest[:63],
		"no digest":           code,
		"a version":           code + ".v1",
		"upper case":          code + "." + strings.ToUpper(digest),
		"a path":              "../grant/" + code + "." + digest,
		"none":                "",
		"no such":             "ZZZZ." + digest,
		"more":                code + "." + digest + ".approve",
		"a digest alone":      "." + digest,
		"a line and then it":  "x\n" + code + "." + digest,
		"in the cyrillic way": strings.Replace(code, "A", "А", 1) + "а." + digest,
	} {
		for _, id := range []string{"decline", "ask"} {
			b := fake.Button{ID: id, Block: "lockbox", Value: value}
			before := len(s.slack.Messages(ceoIn))
			if a := s.slack.Do("interactive", s.slack.Press(ceoIn, card, b)); a.Status != 200 {
				t.Errorf("%s: got %d", name, a.Status)
			}
			until(t, name+" is answered", func() bool { return len(s.slack.Messages(ceoIn)) > before })
		}
		f := &fake.Form{Callback: "ask", Meta: value, Fields: []string{"text"}}
		if a := s.slack.Do("interactive", s.slack.Submission(ceoIn, f, map[string]string{"text": "why is this?"})); a.Shown() == "" {
			t.Errorf("%s: a form is taken: %d %s", name, a.Status, a.Body)
		}
	}
	s.unmoved(t, "tampered", code)
	if v, err := s.Desk.See(t.Context(), s.Mate.Principal, other); err != nil || len(v.Request.Votes)+len(v.Thread) > 0 {
		t.Errorf("got %+v, %v", v, err)
	}
}

// C04, C03: whoever is not asked says nothing, with a true card of somebody else's.
func TestC04WhoIsNotAskedDeclinesNothing(t *testing.T) {
	s, code, card := waits(t)
	for _, user := range []string{engIn, mateIn, nobodyIn} {
		before := len(s.slack.Messages(user))
		s.slack.Do("interactive", s.slack.Press(user, card, card.Buttons[1]))
		until(t, user+" is answered", func() bool { return len(s.slack.Messages(user)) > before })
		if m := s.card(t, user); strings.Contains(m.Shown, "You declined") {
			t.Errorf("%s reads %q", user, m.Shown)
		}
	}
	s.unmoved(t, "by others", code)
}

func TestC09OnePersonIsOneVote(t *testing.T) {
	s, code, card := waits(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = s.Desk.Reject(t.Context(), s.Ceo.Principal, code, "at the portal")
	}()
	for range 5 {
		s.slack.Click(ceoIn, card, "decline")
	}
	<-done
	until(t, "all is worked on", func() bool { return len(s.slack.Messages(ceoIn)) == 6 })
	if v := s.see(t, code); len(v.Request.Votes) != 1 {
		t.Errorf("got %+v", v.Request.Votes)
	}
}

// C17: who was known a moment ago is nobody now, also with a card before them.
func TestC17WhoIsNotKnownAnyMoreSaysNothing(t *testing.T) {
	s, code, card := waits(t)
	must(t, s.People.UnbindSlack(t.Context(), s.Ceo.ID))
	s.slack.Click(ceoIn, card, "decline")
	until(t, "it is answered", func() bool { return len(s.slack.Messages(ceoIn)) > 1 })
	s.unmoved(t, "by a user that was unbound", code)
	err := s.app.Send(t.Context(), notify.Notice{ID: "x", To: s.Ceo.ID, Topic: notify.Waits, About: code})
	if err == nil || !strings.Contains(err.Error(), "not known") {
		t.Errorf("it was sent all the same: %v", err)
	}
}

// C31: whoever opens what stands in messages changes nothing.
func TestC31NoMessageHoldsALinkThatDoesSomething(t *testing.T) {
	s, code, card := waits(t)
	a := s.slack.Type(nobodyIn, "/lockbox link")
	for _, l := range append([]string{card.Buttons[0].URL}, card.Links...) {
		u, err := url.Parse(l)
		if err != nil || u.Host != "localhost:8080" || u.RawQuery != "" {
			t.Errorf("got %q, %v", l, err)
		}
	}
	var body struct {
		Unfurl *bool `json:"unfurl_links"`
	}
	if err := json.Unmarshal(a.Body, &body); err != nil || body.Unfurl == nil || *body.Unfurl {
		t.Errorf("got %s, %v", a.Body, err)
	}
	s.unmoved(t, "opened", code)
}
