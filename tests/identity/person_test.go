package identity

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"lockbox/gateway/httpproxy"
	"lockbox/gateway/keys"
)

const issuer = "https://lock.example.eu"

// A try is one X-Lockbox-Identity, and whether it is to be believed.
type try struct {
	name, token string
	holds       bool
}

// gateway has keys, and a place where applications fetch them.
func gateway(t *testing.T, now func() time.Time) (web *keys.Web, at string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	web, err := keys.OpenWeb(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(web.JWKS()) }))
	t.Cleanup(s.Close)
	return web, s.URL
}

// said are the claims that the door makes, with what change does to them.
func said(change func(*httpproxy.Claims)) httpproxy.Claims {
	now := time.Now().Unix()
	c := httpproxy.Claims{
		Issuer: issuer, Subject: "ada@example.eu", Audience: "wiki", IssuedAt: now, NotBefore: now, Expires: now + 60, ID: "01J",
		Name: "Ada", Email: "ada@example.eu", Grant: "7KQM", Session: "01JABC", Login: "web", Customers: []string{"nord"}, Actions: []string{"http-read"},
	}
	if change != nil {
		change(&c)
	}
	return c
}

func tries(t *testing.T, web, other *keys.Web) []try {
	t.Helper()
	signed := func(by *keys.Web, change func(*httpproxy.Claims)) string {
		s, err := by.Sign(said(change))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	good := signed(web, nil)
	part := strings.Split(good, ".")
	payload := func(change func(*httpproxy.Claims)) string {
		b, err := json.Marshal(said(change))
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	mallory := payload(func(c *httpproxy.Claims) { c.Subject = "mallory@example.eu" })
	return []try{
		{"as the door makes it", good, true},
		{"for another application", signed(web, func(c *httpproxy.Claims) { c.Audience = "grafana" }), false},
		{"by another portal", signed(web, func(c *httpproxy.Claims) { c.Issuer = "https://evil.example" }), false},
		{"over since a minute", signed(web, func(c *httpproxy.Claims) { c.Expires -= 120; c.NotBefore -= 120; c.IssuedAt -= 120 }), false},
		{"not yet", signed(web, func(c *httpproxy.Claims) { c.NotBefore += 600; c.Expires += 600 }), false},
		{"by the key of another gateway", signed(other, nil), false},
		{"with other claims under the signature", part[0] + "." + mallory + "." + part[2], false},
		{"without a signature", part[0] + "." + part[1] + ".", false},
		{"unsigned, and says so", header(`{"alg":"none","typ":"JWT"}`) + "." + mallory + ".", false},
		{"signed with the public key as a password", confused(t, web, mallory), false},
		{"signed by a key that it brings along", brought(t, said(nil)), false},
		{"for ever", forEver(t, web), false},
		{"empty", "", false},
		{"no token", "ada@example.eu", false},
	}
}

func header(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// public is the newest key of a set.
func public(t *testing.T, web *keys.Web) jose.JSONWebKey {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(web.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	return set.Keys[len(set.Keys)-1]
}

func confused(t *testing.T, web *keys.Web, payload string) string {
	k := public(t, web)
	text := header(fmt.Sprintf(`{"alg":"HS256","kid":%q}`, k.KeyID)) + "." + payload
	m := hmac.New(sha256.New, k.Key.(ed25519.PublicKey))
	m.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func brought(t *testing.T, claims any) string {
	t.Helper()
	pub, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := json.Marshal(jose.JSONWebKey{Key: pub, KeyID: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	text := header(fmt.Sprintf(`{"alg":"EdDSA","kid":"mine","jwk":%s}`, jwk)) + "." + base64.RawURLEncoding.EncodeToString(b)
	sig, err := secret.Sign(nil, []byte(text), crypto.Hash(0))
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// forEver is a word without an end, which the door never gives.
func forEver(t *testing.T, web *keys.Web) string {
	t.Helper()
	s, err := web.Sign(map[string]string{"iss": issuer, "aud": "wiki", "sub": "ada@example.eu"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAnApplicationInGoBelievesLockboxOnly(t *testing.T) {
	web, at := gateway(t, nil)
	other, _ := gateway(t, nil)
	l := &Lockbox{Keys: at, Issuer: issuer, Name: "wiki"}
	for _, c := range tries(t, web, other) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("X-Lockbox-Identity", c.token)
		p, err := l.Person(r)
		if (err == nil) != c.holds {
			t.Errorf("%s: %+v, %v", c.name, p, err)
		}
		if c.holds && (p.ID != "ada@example.eu" || p.Grant != "7KQM" || len(p.Customers) != 1 || len(p.Actions) != 1) {
			t.Errorf("%s: got %+v", c.name, p)
		}
		r.Header.Add("X-Lockbox-Identity", c.token)
		if _, err := l.Person(r); err == nil {
			t.Errorf("%s, twice: believed", c.name)
		}
	}
}

func TestAnApplicationInGoLearnsOfTheNextKey(t *testing.T) {
	now := time.Now()
	web, at := gateway(t, func() time.Time { return now })
	l := &Lockbox{Keys: at, Issuer: issuer, Name: "wiki"}
	for range 3 {
		s, err := web.Sign(said(nil))
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("X-Lockbox-Identity", s)
		if _, err := l.Person(r); err != nil {
			t.Errorf("on %s: %v", now.Format(time.DateOnly), err)
		}
		for range 30 { // a month of days
			now = now.Add(24 * time.Hour)
			if err := web.Turn(); err != nil {
				t.Fatal(err)
			}
		}
		l.fetched = time.Time{} // it fetched since
	}
}

// drive runs person.py as it stands in README, with the keys fetched from here.
const drive = `
import json, sys
text = open(sys.argv[1]).read()
assert text.count("https://wiki.gw.example.eu/.lockbox/jwks.json") == 1
exec(text.replace("https://wiki.gw.example.eu/.lockbox/jwks.json", sys.argv[2]))
for line in sys.stdin:
    try:
        print(json.dumps(person({"X-Lockbox-Identity": line.rstrip("\n")})))
    except (jwt.PyJWTError, KeyError) as e:
        print("nobody", type(e).__name__, e)
`

func TestAnApplicationInPythonBelievesLockboxOnly(t *testing.T) {
	web, at := gateway(t, nil)
	other, _ := gateway(t, nil)
	all := tries(t, web, other)
	var in strings.Builder
	for _, c := range all {
		in.WriteString(c.token + "\n")
	}
	name := "/usr/bin/python3" // the system's, for which the package is installed
	if _, err := os.Stat(name); err != nil {
		name = "python3"
	}
	c := exec.Command(name, "-c", drive, "person.py", at)
	c.Stdin = strings.NewReader(in.String())
	var bad strings.Builder
	c.Stderr = &bad
	out, err := c.Output()
	if err != nil {
		t.Fatalf("needs python3-jwt and python3-cryptography: %v\n%s", err, &bad)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(all) {
		t.Fatalf("%d answers to %d tokens: %s", len(lines), len(all), out)
	}
	for i, c := range all {
		var p Person
		believed := json.Unmarshal([]byte(lines[i]), &p) == nil
		if believed != c.holds || believed && (p.ID != "ada@example.eu" || p.Grant != "7KQM") {
			t.Errorf("%s: %s", c.name, lines[i])
		}
	}
}
