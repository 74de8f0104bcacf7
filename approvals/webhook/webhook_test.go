package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

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

func loopback() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

func hook(t *testing.T, w *world.World, s *receiver.Server, more func(*webhook.Options)) *webhook.Hook {
	t.Helper()
	o := webhook.Options{
		Name: "siem", URL: s.URL, Secrets: []webhook.Secret{newSecret, oldSecret}, Allow: loopback(), Roots: s.Roots,
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

// TestC19NoReceiverIsWithin: what resolves to this machine, the neighbourhood, or
// the cloud's metadata is not dialled, however it is written.
func TestC19NoReceiverIsWithin(t *testing.T) {
	w := world.New(t, "127.0.0.1:1", "")
	n, s := happens(t, w), receiver.Start(t, newSecret)
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "https://"), ":")
	port, _, _ = strings.Cut(port, "/")
	for _, host := range []string{
		"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "127.1.2.3", "169.254.169.254", "[::ffff:a9fe:a9fe]", "10.0.0.1",
		"172.16.0.1", "192.168.0.1", "[fd00::1]", "[fe80::1]", "100.64.0.1", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "[::127.0.0.1]", "224.0.0.1", "255.255.255.255",
	} {
		h := hook(t, w, s, func(o *webhook.Options) { o.Allow, o.URL = nil, "https://"+host+":"+port+"/hook" })
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		err := h.Send(ctx, n)
		stop()
		if err == nil || !strings.Contains(err.Error(), "not on the public internet") && !strings.Contains(err.Error(), "lookup") {
			t.Errorf("%s: %v", host, err)
		}
	}
	if s.Tries() != 0 {
		t.Errorf("%d requests came", s.Tries())
	}
}

// TestBadReceiversAreRefused when they are configured.
func TestBadReceiversAreRefused(t *testing.T) {
	for _, o := range []webhook.Options{
		{Name: "siem", URL: "http://siem.example.eu/x", Secrets: []webhook.Secret{newSecret}},
		{Name: "siem", URL: "https://u:p@siem.example.eu/x", Secrets: []webhook.Secret{newSecret}},
		{Name: "siem", URL: "https://siem.example.eu/x", Secrets: nil},
		{Name: "siem", URL: "https://siem.example.eu/x", Secrets: []webhook.Secret{"", newSecret}},
		{Name: "siem", URL: "https://siem.example.eu/x", Secrets: []webhook.Secret{"short"}},
		{Name: "Si em", URL: "https://siem.example.eu/x", Secrets: []webhook.Secret{newSecret}},
		{Name: "siem", URL: "file:///etc/passwd", Secrets: []webhook.Secret{newSecret}},
	} {
		if _, err := webhook.New(o); err == nil || strings.Contains(err.Error(), newSecret) {
			t.Errorf("%s: %v", o.URL, err)
		}
	}
}
