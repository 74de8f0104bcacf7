package api

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"lockbox/policy/statement"
)

// terminal is what a new terminal sends.
func (s *hall) terminal() string {
	s.t.Helper()
	return s.terminalOf(newSigner(s.t))
}

func (s *hall) terminalOf(k ssh.Signer) string {
	s.t.Helper()
	b, err := json.Marshal(map[string]string{"key": string(ssh.MarshalAuthorizedKey(k.PublicKey())), "for": "1h"})
	must(s.t, err)
	return string(b)
}

func newSigner(t *testing.T) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	k, err := ssh.NewSignerFromKey(key)
	must(t, err)
	return k
}

func TestATerminalLogsInAndOut(t *testing.T) {
	s, k := newHall(t), newSigner(t)
	var w WaitingLogin
	s.post("", "/logins", s.terminalOf(k)).into(&w)
	code, ok := strings.CutPrefix(w.URL, here+"/l/")
	if !ok || len(w.Number) != 2 || w.Secret == "" || len(code) != 8 {
		t.Fatalf("got %+v", w)
	}
	ask, err := s.People.PrepareLogin(t.Context(), s.Eng.ID, code, w.Number)
	must(t, err)
	var got LoginState
	var wg sync.WaitGroup
	wg.Go(func() { s.post("", "/logins/wait", `{"secret":"`+w.Secret+`"}`).into(&got) })
	b, err := json.Marshal(s.Sign(t, s.Eng, statement.ForLogin, ask.Text))
	must(t, err)
	must(t, s.People.LogIn(t.Context(), s.Eng.ID, ask.ID, b))
	wg.Wait()
	if got.Who != s.Eng.ID || got.Until == nil || !strings.HasPrefix(got.Certificate, "ssh-ed25519-cert-v01@openssh.com ") {
		t.Fatalf("got %+v", got)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(got.Certificate))
	must(t, err)
	end := func(by ssh.Signer) reply {
		sig, err := by.Sign(rand.Reader, append([]byte("lockbox/logout/v1\x00"), key.Marshal()...))
		must(t, err)
		body, err := json.Marshal(Logout{got.Certificate, base64.StdEncoding.EncodeToString(ssh.Marshal(sig))})
		must(t, err)
		return s.post("", "/logins/end", string(body))
	}
	if r := end(newSigner(t)); r.status != 403 {
		t.Errorf("another key ends it: %d %s", r.status, r.body)
	}
	if r := end(k); r.status != 200 {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if r := end(k); r.status != 403 || !strings.Contains(r.body, "no such login") {
		t.Errorf("got %d %s", r.status, r.body)
	}
}

func TestWhatATerminalSends(t *testing.T) {
	s := newHall(t)
	for _, c := range []struct {
		path, body string
		want       int
	}{
		{"/logins", `{"key":"ssh-rsa AAAA"}`, 403},
		{"/logins", `{"key":""}`, 403},
		{"/logins", `{"key":"x","for":"1s","more":1}`, 400},
		{"/logins/wait", `{"secret":""}`, 404},
		{"/logins/end", `{"certificate":` + strings.Replace(s.terminal(), `{"key":`, "", 1), 400},
		{"/logins/end", `{"certificate":"","signature":"!"}`, 400},
	} {
		if got := s.post("", c.path, c.body); got.status != c.want {
			t.Errorf("%s %s: %d %s, want %d", c.path, c.body, got.status, got.body, c.want)
		}
	}
	s.api.Logins = nil
	for _, r := range s.api.routes() {
		if strings.HasPrefix(r.path, "/logins") {
			t.Errorf("%s is there", r.path)
		}
	}
}
