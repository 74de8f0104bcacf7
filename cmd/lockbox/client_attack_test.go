package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lockbox/gateway/api"
)

const evil = "\x1b[2J\u009b31m\u202e\r"

// certificate is one whose name draws on a terminal.
func certificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestD27WhoAnswersDoesNotWriteOnTheTerminal: whoever stands between, or is the
// gateway, has words of theirs in errors and in answers.
func TestD27WhoAnswersDoesNotWriteOnTheTerminal(t *testing.T) {
	t.Setenv("LOCKBOX_TOKEN", "lbx_"+strings.Repeat("A", 43))
	between := httptest.NewUnstartedServer(http.NotFoundHandler())
	between.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t, "evil\x1b[2Jname")}, MinVersion: tls.VersionTLS13}
	between.StartTLS()
	t.Cleanup(between.Close)
	request, err := json.Marshal(api.Request{Request: evil, Phase: "rejected", Need: evil, Who: api.Person{Name: evil}})
	if err != nil {
		t.Fatal(err)
	}
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/sessions") {
			fmt.Fprintf(w, `{"sessions":[{"id":%q,"cause":%q,"ended":"2026-01-01T00:00:00Z"}]}`, "\u202e", "\u009b31m")
			return
		}
		_, _ = w.Write(request)
	}))
	t.Cleanup(gateway.Close)
	for _, row := range []struct {
		where, args string
		code        int
	}{
		{between.URL, "targets", exitUnavailable},
		{gateway.URL, "status 7KQM", exitDenied},
		{gateway.URL, "status 7KQM --json", exitDenied},
		{gateway.URL, "accept 7KQM --yes", 0},
		{gateway.URL, "give-back 7KQM --json", 0},
		{gateway.URL, "sessions 7KQM", 0},
		{gateway.URL, "sessions 7KQM --json", 0},
	} {
		var out, errs bytes.Buffer
		code := Main(t.Context(), append(strings.Fields(row.args), "--gateway", row.where), &out, &errs)
		if all := out.String() + errs.String(); code != row.code || strings.ContainsAny(all, "\x1b\u009b\u202e\r") {
			t.Errorf("%s: exit %d, want %d: %q", row.args, code, row.code, all)
		}
	}
}

// TestJSONStaysJSON: what is made harmless reads back as it was.
func TestJSONStaysJSON(t *testing.T) {
	in := evil + "æ😀\U000e0041\u2028<&>\x00\ufeff"
	b, err := harmless(map[string]string{"x": in})
	var out map[string]string
	if err != nil || json.Unmarshal(b, &out) != nil || out["x"] != in || bytes.ContainsAny(b, "\x1b\u009b\u202e\ufeff\U000e0041") || bytes.Count(b, []byte("\n")) != 1 {
		t.Errorf("got %q, %v", b, err)
	}
}

// TestWhatIsWrittenWrongExitsWithTwo: a script that misspells a command is not told that it was refused.
func TestWhatIsWrittenWrongExitsWithTwo(t *testing.T) {
	for _, args := range []string{"frobnicate", "approve 7KQM", "status a b", "motions a b", "targets x", "policy reload x", "--nope", "status --nope"} {
		var out, errs bytes.Buffer
		if code := Main(t.Context(), strings.Fields(args), &out, &errs); code != exitUsage || errs.Len() == 0 {
			t.Errorf("%s: exit %d, want 2: %s", args, code, errs.String())
		}
	}
}
