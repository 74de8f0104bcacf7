package slack

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// patience is how long Slack waits for an answer.
const patience = 3 * time.Second

// An Answer is what became of something that somebody did.
type Answer struct {
	Late   bool // Slack showed an error: there was no answer in time
	Status int  // over HTTP
	Body   []byte
	Took   time.Duration
}

// Shown is what a user reads in the answer to a command, or what is wrong with a form.
func (a Answer) Shown() string {
	var in struct {
		Text   string
		Blocks []struct{ Text struct{ Text string } }
		Errors map[string]string
	}
	if len(a.Body) == 0 || json.Unmarshal(a.Body, &in) != nil {
		return ""
	}
	all := []string{in.Text}
	for _, b := range in.Blocks {
		all = append(all, b.Text.Text)
	}
	for k, v := range in.Errors {
		all = append(all, k+": "+v)
	}
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(strings.Join(all, "\n"))
}

func (s *Slack) trigger(user string) (id string) {
	s.with(func() {
		id = fmt.Sprintf("%s.%d.abc", user, s.id())
		s.triggers[id] = time.Now()
	})
	return id
}

// Payload is what Slack says of something that a user did.
func (s *Slack) Payload(kind, user string) map[string]any {
	return object{
		"type": kind, "token": "verification", "api_app_id": App, "trigger_id": s.trigger(user), "is_enterprise_install": false,
		"team": object{"id": Team, "domain": "fake"}, "enterprise": nil,
		"user":         object{"id": user, "username": "somebody", "name": "somebody", "team_id": Team},
		"response_url": "http://127.0.0.1:9/respond",
	}
}

// Press is the payload of a button; it is sent with Do.
func (s *Slack) Press(user string, m Message, b Button) map[string]any {
	p := s.Payload("block_actions", user)
	p["channel"] = object{"id": m.Channel, "name": "directmessage"}
	p["container"] = object{"type": "message", "message_ts": m.TS, "channel_id": m.Channel}
	p["actions"] = []object{{"action_id": b.ID, "block_id": b.Block, "type": "button", "value": b.Value, "action_ts": "1.2"}}
	return p
}

// Click presses a button of a message; the user confirms it, where they are asked to.
func (s *Slack) Click(user string, m Message, action string) Answer {
	s.t.Helper()
	for _, b := range m.Buttons {
		if b.ID == action {
			return s.Do("interactive", s.Press(user, m, b))
		}
	}
	s.t.Fatalf("slack: the message has no button %q: %s", action, m.Shown)
	return Answer{}
}

// Submission is the payload of a form that was filled in.
func (s *Slack) Submission(user string, f *Form, values map[string]string) map[string]any {
	state := object{}
	for _, id := range f.Fields {
		v := object{"type": "plain_text_input", "value": values[id]}
		if f.Options[id] != nil {
			v = object{"type": "static_select", "selected_option": object{"value": values[id]}}
		}
		state[id] = object{id: v}
	}
	p := s.Payload("view_submission", user)
	p["view"] = object{
		"id": "V1", "team_id": Team, "app_id": App, "callback_id": f.Callback, "private_metadata": f.Meta, "state": object{"values": state},
	}
	return p
}

// Submit sends the form that is before a user. It stays there where something was wrong with it.
func (s *Slack) Submit(user string, values map[string]string) Answer {
	s.t.Helper()
	f := s.Open(user)
	if f == nil {
		s.t.Fatal("slack: there is no form before " + user)
	}
	a := s.Do("interactive", s.Submission(user, f, values))
	if !a.Late && !strings.Contains(string(a.Body), "errors") {
		s.with(func() { delete(s.forms, user) })
	}
	return a
}

// Typed is the payload of a command.
func (s *Slack) Typed(user, text string) map[string]any {
	command, rest, _ := strings.Cut(text, " ")
	return object{
		"token": "verification", "team_id": Team, "team_domain": "fake", "channel_id": Channel, "channel_name": "general", "user_id": user,
		"user_name": "somebody", "command": command, "text": rest, "api_app_id": App, "is_enterprise_install": "false",
		"response_url": "http://127.0.0.1:9/respond", "trigger_id": s.trigger(user),
	}
}

// Type has a user type a command: "/lockbox list".
func (s *Slack) Type(user, text string) Answer { return s.Do("slash_commands", s.Typed(user, text)) }

// Do sends a payload the way that the app is set up for.
func (s *Slack) Do(kind string, payload map[string]any) Answer {
	target := ""
	s.with(func() { target = s.target })
	if target == "" {
		return s.overSocket(kind, payload)
	}
	return s.Post(s.Signed(kind, payload))
}

// Signed is the request that Slack would make.
func (s *Slack) Signed(kind string, payload map[string]any) *http.Request {
	target, path, form := "", "/slack/interactions", url.Values{}
	s.with(func() { target = s.target })
	if kind == "slash_commands" {
		path = "/slack/commands"
		for k, v := range payload {
			form.Set(k, fmt.Sprint(v))
		}
	} else {
		raw, err := json.Marshal(payload)
		if err != nil {
			s.t.Fatal(err)
		}
		form.Set("payload", string(raw))
	}
	return Sign(target+path, []byte(form.Encode()), Secret, time.Now())
}

// Sign makes a signed request.
func Sign(url string, body []byte, secret string, at time.Time) *http.Request {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%d:%s", at.Unix(), body)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Slack-Request-Timestamp", fmt.Sprint(at.Unix()))
	r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	return r
}

// Post sends a request and waits as long as Slack does.
func (s *Slack) Post(r *http.Request) Answer {
	began := time.Now()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	w, err := client.Do(r)
	if err != nil {
		return Answer{Late: true, Took: time.Since(began)}
	}
	defer func() { _ = w.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(w.Body, 1<<20))
	return Answer{Status: w.StatusCode, Body: body, Took: time.Since(began)}
}
