package webhook_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lockbox/approvals/notify"
	"lockbox/approvals/webhook"
	"lockbox/tests/fakes/receiver"
	"lockbox/tests/world"
)

// TestAReceiverThatMisbehavesHasNotTakenIt, costs little, and learns and tells nothing.
func TestAReceiverThatMisbehavesHasNotTakenIt(t *testing.T) {
	w := world.New(t, "127.0.0.1:1", "")
	n, s := happens(t, w), receiver.Start(t, newSecret)
	h := hook(t, w, s, nil)
	for name, way := range map[string]receiver.Way{
		"no HTTP":          {Raw: "\x00\x1b[2Jhunter2\r\n\r\n"},
		"a code of four":   {Raw: "HTTP/1.1 2000 hunter2\r\n\r\n"},
		"no code":          {Raw: "HTTP/1.1 hunter2\r\n\r\n"},
		"long headers":     {Raw: "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("hunter2", 10_000) + "\r\n\r\n"},
		"many 1xx":         {Raw: strings.Repeat("HTTP/1.1 103 Early Hints\r\nX: hunter2\r\n\r\n", 5000)},
		"two lengths":      {Raw: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhunter2"},
		"it closes":        {Raw: "HTTP/1.1 200 OK\r\n"},
		"headers in drops": {Slow: true},
		"switches":         {Raw: "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: hunter2\r\n\r\n"},
		"not modified":     {Raw: "HTTP/1.1 304 hunter2\r\nContent-Length: 0\r\n\r\n"},
	} {
		s.Do(way)
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		if way.Slow {
			stop()
			ctx, stop = context.WithTimeout(t.Context(), 200*time.Millisecond)
		}
		err := h.Send(ctx, n)
		stop()
		if err == nil || errors.Is(err, notify.ErrNever) || strings.Contains(err.Error(), "hunter2") || strings.ContainsAny(err.Error(), "\x00\x1b\r\n") || strings.Contains(err.Error(), "/hook") {
			t.Errorf("%s: %q", name, err)
		}
	}
	s.Do(receiver.Way{Long: 10 << 30})
	must(t, h.Send(t.Context(), n))
	s.Do(receiver.Way{})
	must(t, h.Send(t.Context(), n)) // after which the long answer was cut off
	if got := s.Sent(); got > 64<<20 {
		t.Errorf("%d bytes of an answer of 10 GiB were taken", got)
	}
}

// TestAnotherCertificateIsRefused, one that nobody signed, or for another name.
func TestAnotherCertificateIsRefused(t *testing.T) {
	w := world.New(t, "127.0.0.1:1", "")
	n, s := happens(t, w), receiver.Start(t, newSecret)
	h := hook(t, w, s, nil)
	must(t, h.Send(t.Context(), n))
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	must(t, err)
	s.Present(tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k})
	tries := s.Tries()
	if err := h.Send(t.Context(), n); err == nil || errors.Is(err, notify.ErrNever) || s.Tries() != tries {
		t.Errorf("%v, %d requests", err, s.Tries()-tries)
	}
}

// TestProxiesOfTheEnvironmentAreNotAsked: whoever sets them would choose where events go.
func TestProxiesOfTheEnvironmentAreNotAsked(t *testing.T) {
	var asked atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer proxy.Close()
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	w := world.New(t, "127.0.0.1:1", "")
	n, s := happens(t, w), receiver.Start(t, newSecret)
	h := hook(t, w, s, func(o *webhook.Options) { o.URL = "https://192.0.2.1:8443/hook" }) // of loopback no proxy is asked anyway
	ctx, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer stop()
	if err := h.Send(ctx, n); err == nil || asked.Load() != 0 {
		t.Errorf("%v, the proxy was asked %d times", err, asked.Load())
	}
}

// TestTheSameEventIsSentAgainAsTheSame, signed anew at each try.
func TestTheSameEventIsSentAgainAsTheSame(t *testing.T) {
	w := world.New(t, "127.0.0.1:1", "")
	n, s := happens(t, w), receiver.Start(t, newSecret)
	now := time.Now()
	h := hook(t, w, s, func(o *webhook.Options) { o.Now = func() time.Time { now = now.Add(time.Second); return now } })
	s.Do(receiver.Way{Code: 500, Forget: true}) // it took it, and says that it did not
	if err := h.Send(t.Context(), n); err == nil {
		t.Error("500 is no yes")
	}
	s.Do(receiver.Way{})
	must(t, h.Send(t.Context(), n))
	posts, bad := s.Posts()
	if len(posts) != 2 || len(bad) != 0 {
		t.Fatalf("%d posts, %v", len(posts), bad)
	}
	a, b := posts[0], posts[1]
	if a.ID == "" || a.ID != b.ID || !bytes.Equal(a.Body, b.Body) || a.Head.Get("Webhook-Timestamp") == b.Head.Get("Webhook-Timestamp") || a.Head.Get("Webhook-Signature") == b.Head.Get("Webhook-Signature") {
		t.Errorf("%+v\n%+v", a.Head, b.Head)
	}
	old := hook(t, w, s, func(o *webhook.Options) { o.Now = func() time.Time { return time.Now().Add(-2 * receiver.Late) } })
	must(t, old.Send(t.Context(), n))
	if _, bad := s.Posts(); len(bad) != 1 {
		t.Error("a receiver that checks as the manual says takes what is old")
	}
}

// TestSecretsOfStandardWebhooksSignAsTheirLibrariesCheck, and others beside them.
func TestSecretsOfStandardWebhooksSignAsTheirLibrariesCheck(t *testing.T) {
	w := world.New(t, "127.0.0.1:1", "")
	raw := "of 24 bytes and some more"
	n, s := happens(t, w), receiver.Start(t, raw)
	h := hook(t, w, s, func(o *webhook.Options) {
		o.Secrets = []webhook.Secret{oldSecret, webhook.Secret("whsec_" + base64.StdEncoding.EncodeToString([]byte(raw)))}
	})
	must(t, h.Send(t.Context(), n))
	if posts, bad := s.Posts(); len(posts) != 1 || len(bad) != 0 || len(strings.Fields(posts[0].Head.Get("Webhook-Signature"))) != 2 {
		t.Errorf("%v, %v", posts, bad)
	}
}

// TestSecretsAreNeverPrinted, with whatever they are printed, inside whatever.
func TestSecretsAreNeverPrinted(t *testing.T) {
	o := webhook.Options{Name: "siem", URL: "https://siem.example.eu/", Secrets: []webhook.Secret{newSecret}, May: anywhere, Source: "x", Now: time.Now}
	h, err := webhook.New(o)
	must(t, err)
	var out bytes.Buffer
	for _, v := range []any{o.Secrets[0], o.Secrets, o, &o, h, *h, struct{ h webhook.Hook }{*h}, struct{ s webhook.Secret }{o.Secrets[0]}.s} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
	}
	b, err := json.Marshal(map[string]any{"s": o.Secrets})
	must(t, err)
	out.Write(b)
	func() {
		defer func() { fmt.Fprint(&out, recover()) }()
		panic(o.Secrets[0])
	}()
	for _, hidden := range []string{newSecret, fmt.Sprintf("%x", newSecret), base64.StdEncoding.EncodeToString([]byte(newSecret))} {
		if at := strings.Index(strings.ToLower(out.String()), strings.ToLower(hidden)); at >= 0 {
			t.Errorf("it is printed: %.300s", out.String()[max(0, at-200):])
		}
	}
}
