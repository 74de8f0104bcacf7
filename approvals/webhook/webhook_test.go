package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lockbox/approvals/notify"
	"lockbox/approvals/webhook"
	"lockbox/recorder/ledger"
	"lockbox/tests/fakes/receiver"
	"lockbox/tests/world"
)

const (
	oldSecret = "0123456789abcdef0123456789"
	newSecret = "fedcba9876543210fedcba9876"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// anywhere lets a receiver stand anywhere: which addresses are refused is gateway/outside's.
func anywhere(context.Context, string, string, syscall.RawConn) error { return nil }

func hook(t *testing.T, w *world.World, s *receiver.Server, more func(*webhook.Options)) *webhook.Hook {
	t.Helper()
	o := webhook.Options{
		Name: "siem", URL: s.URL, Secrets: []webhook.Secret{newSecret, oldSecret}, May: anywhere, Roots: s.Roots,
		Source: "https://lock.example.eu", Ledger: w.Ledger, Now: time.Now,
	}
	if more != nil {
		more(&o)
	}
	h, err := webhook.New(o)
	must(t, err)
	t.Cleanup(h.Close)
	return h
}

func happens(t *testing.T, w *world.World) notify.Notice {
	t.Helper()
	var seq int64
	must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) (err error) {
		seq, err = tx.Append(ledger.Event{
			Kind: "request.made", Actor: "eng@x.eu", Subjects: []string{"7KQM", "db1.prod", "nord", "syd"}, Customers: []string{"nord", "syd"},
			Detail: map[string]string{"for": "1h"}, Private: map[string]string{"need": "the secret reason", "from": "10.1.2.3"},
		})
		return err
	}))
	return notify.Notice{ID: "x", Channel: "webhook:siem", To: "siem", Topic: notify.Deed, About: "7KQM", Seq: seq}
}

// TestAnEventIsSignedAndHoldsNothingPersonal, by either secret while they change over.
func TestAnEventIsSignedAndHoldsNothingPersonal(t *testing.T) {
	w := world.New(t, "127.0.0.1:1", "")
	n := happens(t, w)
	for _, secret := range []string{oldSecret, newSecret} {
		s := receiver.Start(t, secret)
		must(t, hook(t, w, s, nil).Send(t.Context(), n))
		posts, bad := s.Posts()
		if len(posts) != 1 || len(bad) > 0 {
			t.Fatalf("%d posts, %v", len(posts), bad)
		}
		var e map[string]any
		must(t, json.Unmarshal(posts[0].Body, &e))
		for name, want := range map[string]any{
			"specversion": "1.0", "id": posts[0].ID, "source": "https://lock.example.eu", "type": "lockbox.request.made", "subject": "7KQM",
		} {
			if e[name] != want {
				t.Errorf("%s: %v, want %v", name, e[name], want)
			}
		}
		for _, private := range []string{"eng@x.eu", "secret reason", "10.1.2.3"} {
			if strings.Contains(string(posts[0].Body), private) {
				t.Errorf("it holds %q: %s", private, posts[0].Body)
			}
		}
	}
}

// TestACustomersReceiverHearsOfNoOther customer.
func TestACustomersReceiverHearsOfNoOther(t *testing.T) {
	w := world.New(t, "127.0.0.1:1", "")
	n, s := happens(t, w), receiver.Start(t, newSecret)
	must(t, hook(t, w, s, func(o *webhook.Options) { o.Customer = "nord" }).Send(t.Context(), n))
	posts, _ := s.Posts()
	if len(posts) != 1 || strings.Contains(string(posts[0].Body), "syd") || !strings.Contains(string(posts[0].Body), "nord") {
		t.Errorf("%s", posts)
	}
	stranger := hook(t, w, s, func(o *webhook.Options) { o.Customer = "vest" })
	if err := stranger.Send(t.Context(), n); !errors.Is(err, notify.ErrMoot) {
		t.Errorf("%v", err)
	}
}

// TestWhatAReceiverAnswersIsUnderstood, and a hanging or endless one ends.
func TestWhatAReceiverAnswersIsUnderstood(t *testing.T) {
	w := world.New(t, "127.0.0.1:1", "")
	n, s := happens(t, w), receiver.Start(t, newSecret)
	inner := receiver.Start(t, newSecret)
	h := hook(t, w, s, nil)
	for _, c := range []struct {
		name         string
		way          receiver.Way
		ok           bool
		never, later bool
	}{
		{"it fails", receiver.Way{Code: 500}, false, false, false},
		{"it lies", receiver.Way{Code: 500, Forget: true}, false, false, false},
		{"it is gone", receiver.Way{Code: 410}, false, true, false},
		{"it is busy", receiver.Way{Code: 429, Retry: "7"}, false, false, true},
		{"it redirects to a neighbour", receiver.Way{To: inner.URL}, false, false, false},
		{"it redirects to the metadata", receiver.Way{To: "http://169.254.169.254/latest/meta-data/"}, false, false, false},
		{"its answer never ends", receiver.Way{Drip: true}, true, false, false},
	} {
		s.Do(c.way)
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
		err := h.Send(ctx, n)
		stop()
		var later *notify.Later
		if (err == nil) != c.ok && c.name != "its answer never ends" || errors.Is(err, notify.ErrNever) != c.never || errors.As(err, &later) != c.later {
			t.Errorf("%s: %v", c.name, err)
		}
		if later != nil && later.After != 7*time.Second {
			t.Errorf("%s: %s", c.name, later.After)
		}
		if err != nil && strings.Contains(err.Error(), "/hook") {
			t.Errorf("%s: it tells the address: %v", c.name, err)
		}
	}
	if inner.Tries() != 0 {
		t.Error("a redirect was followed")
	}
	s.Do(receiver.Way{Hang: true})
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	if err := h.Send(ctx, n); err == nil {
		t.Error("a receiver that hangs took it")
	}
}

// TestBadReceiversAreRefused when they are configured, in words that repeat nothing.
func TestBadReceiversAreRefused(t *testing.T) {
	good := webhook.Options{Name: "siem", URL: "https://siem.example.eu/x", Secrets: []webhook.Secret{newSecret}, May: anywhere, Source: "https://lock.example.eu"}
	if _, err := webhook.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*webhook.Options){
		"http":              func(o *webhook.Options) { o.URL = "http://siem.example.eu/hunter2" },
		"http to a machine": func(o *webhook.Options) { o.URL, o.Dev = "http://siem.example.eu/hunter2", true },
		"http, not in dev":  func(o *webhook.Options) { o.URL = "http://127.0.0.1/hunter2" },
		"http to a trap":    func(o *webhook.Options) { o.URL, o.Dev = "http://127.0.0.1.evil.eu/hunter2", true },
		"a password":        func(o *webhook.Options) { o.URL = "https://u:hunter2@siem.example.eu/x" },
		"no host":           func(o *webhook.Options) { o.URL = "https://:443/hunter2" },
		"a file":            func(o *webhook.Options) { o.URL = "file:///etc/hunter2" },
		"no URL":            func(o *webhook.Options) { o.URL = "https://%zz/hunter2" },
		"no secret":         func(o *webhook.Options) { o.Secrets = nil },
		"an empty secret":   func(o *webhook.Options) { o.Secrets = []webhook.Secret{"", newSecret} },
		"a short secret":    func(o *webhook.Options) { o.Secrets = []webhook.Secret{"hunter2"} },
		"no Base64":         func(o *webhook.Options) { o.Secrets = []webhook.Secret{"whsec_hunter2hunter2hunter2hunter2!"} },
		"a short standard":  func(o *webhook.Options) { o.Secrets = []webhook.Secret{"whsec_aHVudGVyMmh1bnRlcjI="} },
		"an odd name":       func(o *webhook.Options) { o.Name = "Si em" },
		"no guard":          func(o *webhook.Options) { o.May = nil },
		"no guard in dev":   func(o *webhook.Options) { o.May, o.Dev, o.URL = nil, true, "http://127.0.0.1/" },
		"no source":         func(o *webhook.Options) { o.Source = "" },
	} {
		o := good
		change(&o)
		if _, err := webhook.New(o); err == nil || strings.Contains(err.Error(), newSecret) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
