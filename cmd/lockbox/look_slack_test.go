package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"lockbox/approvals"
	"lockbox/approvals/notify"
	"lockbox/approvals/slack"
	"lockbox/gateway/identity"
	"lockbox/gateway/portal"
	"lockbox/recorder/ledger"
	fake "lockbox/tests/fakes/slack"
)

// withSlack is a server that has only the app, in a fake Slack.
func withSlack(t *testing.T, change func(*slack.Options)) (*Server, *fake.Slack) {
	t.Helper()
	f := fake.New(t)
	o := slack.Options{
		Team: fake.Team, App: fake.App, Bot: fake.Bot, Signing: fake.Secret, Portal: "https://lock.example.eu", File: filepath.Join(t.TempDir(), "slack.db"),
		Desk: &approvals.Desk{}, Ledger: &ledger.Ledger{}, Users: identity.SlackUsers{}, Teller: &notify.Teller{}, Report: func(error) {}, API: f.API(),
	}
	change(&o)
	app, err := slack.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &Server{seen: newSeen()}
	s.Config.URL, s.tells.slack = o.Portal, app
	return s, f
}

func found(all []finding) (text string) {
	for _, f := range all {
		text += string(f.Level) + " " + f.Text + "\n"
	}
	return text
}

func TestTheDoctorSaysWhetherSlackIsReached(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*slack.Options)
		fault  *fake.Fault
		want   string
	}{
		"well":                 {func(*slack.Options) {}, nil, "it answers; since the start 1 calls went well"},
		"no answer":            {func(*slack.Options) {}, &fake.Fault{Times: -1}, "slack: auth.test: no answer"},
		"a token that ended":   {func(*slack.Options) {}, &fake.Fault{Times: -1, Error: "token_revoked"}, "slack: auth.test: token_revoked"},
		"another workspace":    {func(o *slack.Options) { o.Team = "T0OTHER" }, nil, `of workspace "T024BE7LD"`},
		"another organisation": {func(o *slack.Options) { o.Enterprise = "E0OTHER" }, nil, `of workspace "T024BE7LD"`},
		"no socket":            {func(o *slack.Options) { o.Signing, o.Socket = "", fake.AppToken }, nil, "no socket is open"},
		"links alone":          {func(o *slack.Options) { o.Signing = "" }, nil, "messages hold links alone"},
	} {
		s, f := withSlack(t, c.change)
		if c.fault != nil {
			f.Break(*c.fault)
		}
		if got := found(s.lookAtSlack(t.Context())); !strings.Contains(got, c.want) || strings.Contains(got, "xoxb") || strings.Contains(got, "127.0.0.1") {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

// C10 at the door: what Slack may post to is handed on, unsigned it is refused, and it is counted.
func TestC10TheDoorHandsNothingOnThatIsNotSigned(t *testing.T) {
	s, _ := withSlack(t, func(*slack.Options) {})
	s.seen.slack(s.tells.slack)
	passed := 0
	door := s.clicks(&portal.Portal{}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed++ }))
	for path, want := range map[string]int{
		"/slack/interactions": 401, "/slack/commands": 401, "/slack/": 404, "/slack/events": 404, "/slack/../me/slack": 307, "/slack//interactions": 307,
	} {
		w := httptest.NewRecorder()
		door.ServeHTTP(w, httptest.NewRequest("POST", "https://lock.example.eu"+path, strings.NewReader("payload={}")))
		if w.Code != want && !(want == 307 && w.Code >= 300 && w.Code < 500) {
			t.Errorf("%s: got %d, want %d", path, w.Code, want)
		}
	}
	if passed > 0 {
		t.Errorf("%d went on to the portal", passed)
	}
	if got := found(s.lookAtSlack(t.Context())); !strings.Contains(got, "2 calls were not signed by Slack") {
		t.Errorf("the doctor says %s", got)
	}
	w := httptest.NewRecorder()
	s.seen.handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{`lockbox_slack_heard_total{what="not signed"} 2`, `lockbox_slack_heard_total{what="block_actions"} 0`, `lockbox_slack_calls_total{outcome="ok"} 1`, "lockbox_slack_socket 0"} {
		if !strings.Contains(w.Body.String(), want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
}
