package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"lockbox/gateway/api"
	"lockbox/tests/e2e/harness"
)

// token has Eng make a token as everybody does: over ssh, with a key that counts.
func (s *site) token(args ...string) string {
	s.t.Helper()
	got := s.client().Run("", append(append(harness.To("gateway", s.sshAddr), "token"), args...)...)
	secret := strings.TrimSuffix(got.Stdout, "\n")
	if got.Code != 0 || !strings.HasPrefix(secret, "lbx_") || strings.ContainsAny(secret, " \r\n") {
		s.t.Fatalf("no token: %+v", got)
	}
	return secret
}

// A told is what a command that speaks to the gateway came to.
type told struct {
	code      int
	out, errs string
}

// tell runs a command with a token in its environment, as a script would.
func (s *site) tell(token string, args ...string) (got told) {
	s.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "LOCKBOX_URL="+s.url, "LOCKBOX_TOKEN="+token)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		s.t.Fatal(err)
	}
	got = told{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
	if len(token) > 10 && strings.Contains(got.out+got.errs, token[4:]) {
		s.t.Errorf("lockbox %v tells the token", args)
	}
	return got
}

// wants fails where a command ended otherwise, or does not say so.
func (g told) wants(t *testing.T, code int, says string) told {
	t.Helper()
	if g.code != code || !strings.Contains(g.out+g.errs, says) {
		t.Errorf("exit %d, want %d and %q:\n%s%s", g.code, code, says, g.out, g.errs)
	}
	return g
}

// TestAProgramWorksWithATokenFromSSH: a token is made over ssh, does what its
// scopes say and no more, never says yes, and ends with the key that made it.
func TestAProgramWorksWithATokenFromSSH(t *testing.T) {
	s := newSite(t)
	asks, reads := s.token("--scope", "read,ask", "--for", "30m"), s.token()
	s.tell(reads, "targets").wants(t, 0, "db1.prod")
	s.tell(reads, "status").wants(t, 0, "you have no open request")
	s.tell(reads, "request", "db1.prod", "--for", "10m", "--reason", "two rows are wrong, mend them").wants(t, 77, "LBX-SCOPE")
	s.tell(reads, "status", "ZZZZZZ").wants(t, 78, "LBX-UNKNOWN")
	s.tell("lbx_"+strings.Repeat("A", 43), "status").wants(t, 77, "LBX-TOKEN")
	s.tell("", "status").wants(t, 77, "ssh localhost token")

	var r api.Request
	made := s.tell(asks, "request", "db1.prod", "--for", "10m", "--reason", "two rows are wrong, mend them", "--json").wants(t, 0, `"pending"`)
	must(t, json.Unmarshal([]byte(made.out), &r))
	s.tell(reads, "status", r.Request).wants(t, 75, "waits for executive")
	t.Run("no token says yes", func(t *testing.T) { s.votesNothing(t, asks, r.Request) })
	t.Run("no page takes a token, and no token's address a cookie", func(t *testing.T) { s.keepsApart(t, reads, r.Request) })
	s.decide(s.ceo, "/a/", r.Request)
	s.decide(s.ann, "/c/", r.Request)
	s.tell(reads, "status", r.Request).wants(t, 0, "granted for 10m")
	s.tell(asks, "revoke", r.Request).wants(t, 77, "LBX-SCOPE")
	s.tell(asks, "give-back", r.Request).wants(t, 0, "given back")
	s.tell(reads, "status", r.Request).wants(t, 77, "gives nothing")

	t.Run("the token stands nowhere in clear", func(t *testing.T) {
		for _, token := range []string{asks, reads} {
			if out, err := exec.Command("grep", "-rl", token[4:], s.dir).CombinedOutput(); err == nil {
				t.Errorf("it stands in %s", out)
			}
			if strings.Contains(s.serve.Output()+s.serve.Errors(), token[4:]) {
				t.Error("the gateway wrote it down")
			}
		}
	})
	s.stop() // a token outlives a restart, and ends with its key
	s.start()
	s.tell(reads, "targets").wants(t, 0, "db1.prod")
	s.signIn(s.eng)
	s.eng.Goto(s.url + "/me/keys")
	s.eng.Press("Remove")
	s.eng.WaitText("You have no SSH key here")
	s.tell(reads, "targets").wants(t, 77, "LBX-TOKEN")
}

// call speaks to the gateway as no command of ours would.
func (s *site) call(method, path string, header ...string) (status int, body string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader("{}"))
	must(s.t, err)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	got, err := http.DefaultTransport.RoundTrip(r)
	must(s.t, err)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	must(s.t, err)
	return got.StatusCode, string(text)
}

// votesNothing tries every address by which somebody could vote.
func (s *site) votesNothing(t *testing.T, token, code string) {
	for _, path := range []string{"/api/v1/requests/" + code + "/approve", "/api/v1/requests/" + code + "/vote", "/vote/" + code, "/a/" + code, "/m/" + code + "/sign"} {
		for _, method := range []string{"POST", "PUT", "PATCH", "GET"} {
			status, body := s.call(method, path, "Authorization", "Bearer "+token, "Origin", s.url, "X-HTTP-Method-Override", "POST")
			if status < 400 {
				t.Errorf("%s %s: %d %s", method, path, status, body)
			}
		}
	}
	s.tell(token, "status", code).wants(t, 75, "waits for executive")
}

// keepsApart: pages know cookies alone, programs know tokens alone.
func (s *site) keepsApart(t *testing.T, token, code string) {
	for _, path := range []string{"/", "/history", "/r/" + code, "/policy"} {
		if status, body := s.call("GET", path, "Authorization", "Bearer "+token); status == 200 || strings.Contains(body, "two rows") {
			t.Errorf("a page took a token: %s %d", path, status)
		}
	}
	for _, header := range [][]string{{"Cookie", "lockbox-session=" + token}, {"X-Api-Key", token}, {"Authorization", "Basic " + token}, {"Proxy-Authorization", "Bearer " + token}} {
		if status, body := s.call("GET", "/api/v1/me", header...); status != 401 {
			t.Errorf("%s: %d %s", header[0], status, body)
		}
	}
	if status, _ := s.call("GET", "/api/v1/me?access_token="+token); status != 400 {
		t.Errorf("a token in an address: %d, want 400", status)
	}
	s.signIn(s.eng)
	s.eng.Goto(s.url + "/")
	answer := s.eng.Eval(`(() => { const r = new XMLHttpRequest(); r.open("GET", "/api/v1/requests/` + code + `", false); r.send(); return r.status + " " + r.responseText })()`)
	if !strings.HasPrefix(answer, "401 ") || strings.Contains(answer, "two rows") {
		t.Errorf("a page that is signed in reads %s", answer)
	}
}
