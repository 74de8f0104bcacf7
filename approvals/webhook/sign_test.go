package webhook

import (
	"net/http"
	"testing"
	"time"
)

// TestASignatureIsThatOfStandardWebhooks: the example of its libraries.
func TestASignatureIsThatOfStandardWebhooks(t *testing.T) {
	keys, err := keysOf([]Secret{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
	if err != nil {
		t.Fatal(err)
	}
	got := sign(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAReceiverIsWaitedForWithinReason(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for s, want := range map[string]time.Duration{
		"": time.Minute, "7": 7 * time.Second, "0": time.Second, "99999999999999999999": time.Minute, "18446744073709551615": time.Hour, "-1": time.Minute, "1e9": time.Minute,
		"3600": time.Hour, "3601": time.Hour, now.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second, now.Add(-time.Hour).Format(http.TimeFormat): time.Second,
		now.AddDate(100, 0, 0).Format(http.TimeFormat): time.Hour, "tomorrow": time.Minute,
	} {
		if got := after(s, now); got != want {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	}
}

func FuzzAfter(f *testing.F) {
	f.Add("7")
	f.Add("Sun, 22 Nov 2026 12:00:00 GMT")
	f.Add("-9223372036854775808")
	f.Fuzz(func(t *testing.T, s string) {
		if d := after(s, time.Now()); d < soonest || d > latest {
			t.Fatalf("%q: %s", s, d)
		}
	})
}

// FuzzNew: whatever a receiver's address is, it is refused, or one over TLS without a password in it.
func FuzzNew(f *testing.F) {
	for _, s := range []string{"https://siem.example.eu/x", "http://127.0.0.1:9/", "https://a@b/", "https://[::1]:x/", "https:///", "http://localhost", "HTTPS://A", "https://a\x00b/"} {
		f.Add(s, "siem", "0123456789abcdef0123456789")
		f.Add(s, "siem", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	}
	f.Fuzz(func(t *testing.T, url, name, secret string) {
		h, err := New(Options{URL: url, Name: name, Secrets: []Secret{Secret(secret)}, May: onlyLoopback, Source: "x"})
		if err != nil {
			return
		}
		r, err := http.NewRequest(http.MethodPost, h.o.URL, nil)
		if err != nil || r.URL.Scheme != "https" || r.URL.User != nil || r.URL.Hostname() == "" || len(secret) < secretMin {
			t.Fatalf("%q %q: %v", url, secret, err)
		}
	})
}
