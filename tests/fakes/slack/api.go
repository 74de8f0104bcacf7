package slack

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// call does one method: its answer is what the real one says.
func (s *Slack) call(method string, r *http.Request) object {
	raw, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return no("request_timeout")
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	form := url.Values{}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		if form, err = url.ParseQuery(string(raw)); err != nil {
			return no("invalid_form_data")
		}
		if token == "" {
			token = form.Get("token")
		}
		form.Del("token")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	want, scope := Bot, ""
	switch method {
	case "chat.postMessage", "chat.update":
		scope = "chat:write"
	case "apps.connections.open":
		want, scope = AppToken, "connections:write"
	}
	if token != want {
		return no("invalid_auth")
	}
	var out object
	switch method {
	case "auth.test":
		out = object{"ok": true, "team_id": Team, "user_id": "U0BOT", "bot_id": "B0BOT", "url": "https://fake.slack.com/"}
	case "chat.postMessage":
		out = s.postMessage(form)
	case "chat.update":
		out = s.updateMessage(form)
	case "views.open":
		out = s.openView(raw)
	case "apps.connections.open":
		out = object{"ok": true, "url": "ws" + strings.TrimPrefix(s.server.URL, "http") + "/socket?ticket=1"}
	default:
		s.t.Errorf("slack: an app calls %s", method)
		return no("unknown_method")
	}
	if out["ok"] != true {
		return out
	}
	s.calls[method]++
	if scope != "" {
		s.scopes[scope] = true
	}
	return out
}

// arguments refuses those that a method does not know, and those that come twice.
func (s *Slack) arguments(method string, form url.Values, known ...string) bool {
	for name, all := range form {
		if !slices.Contains(known, name) || len(all) != 1 {
			s.t.Errorf("slack: %s was called with %s=%q", method, name, all)
			return false
		}
	}
	return true
}

// A Message is one that stands in a channel.
type Message struct {
	Channel string
	TS      string
	Thread  string // the one that it is under; "" for none
	Text    string // where no blocks are shown, as it is read
	Shown   string // all that its blocks show, as it is read
	Buttons []Button
	Links   []string
	Edits   int
	Gone    bool
}

// A Button is what can be pressed.
type Button struct {
	ID, Block, Value, URL, Label string
	Confirm                      bool
}

func (s *Slack) postMessage(form url.Values) object {
	if !s.arguments("chat.postMessage", form, "channel", "text", "blocks", "thread_ts", "unfurl_links", "unfurl_media", "parse", "link_names") {
		return no("invalid_arguments")
	}
	channel := form.Get("channel")
	switch {
	case s.users[channel]:
		channel = "D" + channel[1:]
	case channel == Channel || strings.HasPrefix(channel, "D") && s.users["U"+channel[1:]]:
	default:
		return no("channel_not_found")
	}
	if form.Get("unfurl_links") != "false" || form.Get("unfurl_media") != "false" {
		s.t.Error("slack: a message has its links unfurled")
	}
	m := &Message{Channel: channel, TS: fmt.Sprintf("%d.%06d", time.Now().Unix(), s.id())}
	if on := s.find(channel, form.Get("thread_ts")); on != nil { // without its parent it stands by itself
		m.Thread = on.TS
	}
	if why := s.fill(m, form); why != "" {
		return no(why)
	}
	s.messages = append(s.messages, m)
	return object{"ok": true, "channel": channel, "ts": m.TS, "message": object{"text": m.Text}}
}

func (s *Slack) updateMessage(form url.Values) object {
	if !s.arguments("chat.update", form, "channel", "ts", "text", "blocks", "parse", "link_names") {
		return no("invalid_arguments")
	}
	m := s.find(form.Get("channel"), form.Get("ts"))
	if m == nil {
		return no("message_not_found")
	}
	n := *m
	if why := s.fill(&n, form); why != "" {
		return no(why)
	}
	n.Edits++
	*m = n
	return object{"ok": true, "channel": m.Channel, "ts": m.TS, "text": m.Text}
}

func (s *Slack) find(channel, ts string) *Message {
	for _, m := range s.messages {
		if m.Channel == channel && m.TS == ts && !m.Gone {
			return m
		}
	}
	return nil
}

// fill reads what a message says.
func (s *Slack) fill(m *Message, form url.Values) string {
	text := form.Get("text")
	if text == "" || len(text) > 4000 || form.Get("parse") != "none" || form.Get("link_names") != "false" {
		s.t.Errorf("slack: a message without text, with too much, or whose text is parsed: %.80q", text)
		return "invalid_arguments"
	}
	p := page{s: s, most: 50, ids: map[string]bool{}}
	m.Text = p.read(text, true)
	p.shown = nil
	if !p.blocks([]byte(form.Get("blocks"))) {
		return "invalid_blocks"
	}
	m.Shown, m.Buttons, m.Links = strings.Join(p.shown, "\n"), p.buttons, p.links
	return ""
}

// A Form is a modal before somebody.
type Form struct {
	Callback, Meta, Title, Shown string
	Fields                       []string            // block ids, which are also the action ids
	Options                      map[string][]string // of a field
	values                       object
}

func (s *Slack) openView(raw []byte) object {
	var in struct {
		Trigger string          `json:"trigger_id"`
		View    json.RawMessage `json:"view"`
	}
	var view struct {
		Type     string          `json:"type"`
		Callback string          `json:"callback_id"`
		Meta     string          `json:"private_metadata"`
		Title    json.RawMessage `json:"title"`
		Submit   json.RawMessage `json:"submit"`
		Close    json.RawMessage `json:"close"`
		Blocks   json.RawMessage `json:"blocks"`
	}
	if !s.strict(raw, &in) || !s.strict(in.View, &view) {
		return no("invalid_arguments")
	}
	at, ok := s.triggers[in.Trigger]
	user, _, _ := strings.Cut(in.Trigger, ".")
	delete(s.triggers, in.Trigger)
	switch {
	case !ok:
		return no("exchanged_trigger_id")
	case time.Since(at) > 3*time.Second:
		return no("expired_trigger_id")
	case view.Type != "modal" || len(view.Meta) > 3000 || len(view.Callback) > 255:
		return no("invalid_arguments")
	}
	p := page{s: s, most: 100, modal: true, ids: map[string]bool{}, options: map[string][]string{}}
	if !p.plain(view.Title, 24) || !p.plain(view.Submit, 24) || !p.plain(view.Close, 24) || !p.blocks(view.Blocks) {
		return no("invalid_arguments")
	}
	s.forms[user] = &Form{
		Callback: view.Callback, Meta: view.Meta, Title: p.shown[0], Shown: strings.Join(p.shown, "\n"), Fields: p.fields, Options: p.options,
	}
	return object{"ok": true, "view": object{"id": "V1", "type": "modal"}}
}

// strict refuses what the real one has no field for.
func (s *Slack) strict(raw []byte, v any) bool {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		s.t.Errorf("slack: %v in %.200s", err, raw)
		return false
	}
	return true
}

// Messages are those in a channel, or before ("U…") one user, oldest first.
func (s *Slack) Messages(in string) (all []Message) {
	if strings.HasPrefix(in, "U") {
		in = "D" + in[1:]
	}
	s.with(func() {
		for _, m := range s.messages {
			if m.Channel == in && !m.Gone {
				all = append(all, *m)
			}
		}
	})
	return all
}

// Delete takes a message away, as people do.
func (s *Slack) Delete(m Message) {
	s.with(func() {
		if at := s.find(m.Channel, m.TS); at != nil {
			at.Gone = true
		}
	})
}

// Open is the form before a user; nil for none.
func (s *Slack) Open(user string) (f *Form) {
	s.with(func() { f = s.forms[user] })
	return f
}
