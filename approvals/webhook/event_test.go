package webhook_test

import (
	"encoding/json"
	"maps"
	"mime"
	"net/url"
	"regexp"
	"slices"
	"testing"
	"time"

	"lockbox/approvals/notify"
	"lockbox/approvals/webhook"
	"lockbox/tests/fakes/receiver"
	"lockbox/tests/world"
)

// TestEveryEventIsACloudEvent: what section 3 of CloudEvents 1.0 and section 3 of
// its JSON format want of an event in structured mode, of every event that a world has.
func TestEveryEventIsACloudEvent(t *testing.T) {
	w := world.New(t, "127.0.0.1:1", "")
	s := receiver.Start(t, newSecret)
	h := hook(t, w, s, nil)
	must(t, w.Approve(t, w.Ceo, w.Ask(t, w.Eng, "nord", time.Hour)))
	events, err := w.Ledger.After(t.Context(), -1, 1000)
	must(t, err)
	for _, e := range events {
		must(t, h.Send(t.Context(), notify.Notice{Topic: notify.Deed, Seq: e.Seq}))
	}
	posts, bad := s.Posts()
	if len(posts) != len(events) || len(events) < 10 || len(bad) != 0 {
		t.Fatalf("%d events, %d posts, %v", len(events), len(posts), bad)
	}
	ids := map[string]bool{}
	for i, p := range posts {
		if kind, with, err := mime.ParseMediaType(p.Head.Get("Content-Type")); err != nil || kind != "application/cloudevents+json" || with["charset"] != "utf-8" {
			t.Errorf("%s %v %v", kind, with, err)
		}
		id := conforms(t, p.Body)
		if ids[id] || id != p.ID {
			t.Errorf("event %d: id %q, in the header %q", i, id, p.ID)
		}
		ids[id] = true
	}
}

// conforms holds a body against the specification, and gives its id.
func conforms(t *testing.T, body []byte) string {
	t.Helper()
	var e map[string]json.RawMessage
	must(t, json.Unmarshal(body, &e))
	text := func(name string, required bool) (s string) {
		raw, ok := e[name]
		if ok {
			must(t, json.Unmarshal(raw, &s))
		}
		if s == "" && (ok || required) {
			t.Errorf("%s is empty or missing: %s", name, body)
		}
		return s
	}
	if v := text("specversion", true); v != "1.0" {
		t.Errorf("specversion %q", v)
	}
	source, err := url.Parse(text("source", true))
	if err != nil || !source.IsAbs() {
		t.Errorf("source: %v", err)
	}
	if _, err := time.Parse(time.RFC3339, text("time", false)); err != nil {
		t.Errorf("time: %v", err)
	}
	if kind, _, err := mime.ParseMediaType(text("datacontenttype", false)); err != nil || kind != "application/json" {
		t.Errorf("datacontenttype: %v", err)
	}
	text("type", true)
	text("subject", false)
	name := regexp.MustCompile(`^[a-z0-9]{1,20}$`)
	for k := range e {
		if !name.MatchString(k) || !slices.Contains([]string{"specversion", "id", "source", "type", "time", "subject", "datacontenttype", "data"}, k) {
			t.Errorf("attribute %q", k)
		}
	}
	return text("id", true)
}

// TestACustomersReceiverHearsWhatTheirLogHolds, and not a word more.
func TestACustomersReceiverHearsWhatTheirLogHolds(t *testing.T) {
	w := world.New(t, "127.0.0.1:1", "")
	s := receiver.Start(t, newSecret)
	h := hook(t, w, s, func(o *webhook.Options) { o.Customer = "nord" })
	for _, customer := range []string{"nord", "syd"} {
		must(t, w.Approve(t, w.Ceo, w.Ask(t, w.Eng, customer, time.Hour)))
	}
	happens(t, w) // concerns both
	events, err := w.Ledger.After(t.Context(), -1, 1000)
	must(t, err)
	for _, e := range events {
		if err := h.Send(t.Context(), notify.Notice{Topic: notify.Deed, Seq: e.Seq}); err != nil && err != notify.ErrMoot {
			t.Fatal(err)
		}
	}
	posts, _ := s.Posts()
	theirs, err := w.Ledger.Of("nord").After(t.Context(), -1, 1000)
	must(t, err)
	if len(posts) != len(theirs) || len(posts) < 4 || len(posts) == len(events) {
		t.Fatalf("%d posts, %d entries in their log", len(posts), len(theirs))
	}
	for i, p := range posts {
		var e struct {
			Type string
			Time time.Time
			Data webhook.Data
		}
		must(t, json.Unmarshal(p.Body, &e))
		f := theirs[i]
		if e.Type != "lockbox."+f.Kind || !e.Time.Equal(f.At) || !slices.Equal(e.Data.Subjects, f.Subjects) || !maps.Equal(e.Data.Detail, f.Detail) {
			t.Errorf("got %s\nwant %+v", p.Body, f)
		}
	}
}
