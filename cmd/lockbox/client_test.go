package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"lockbox/approvals/charter"
	"lockbox/gateway/api"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/tests/world"
)

// A remote is a gateway with its API, and people who call it.
type remote struct {
	*world.World
	*httptest.Server
	t      *testing.T
	tokens *api.Tokens
}

func newRemote(t *testing.T) *remote {
	t.Helper()
	w := world.New(t, "127.0.0.1:1", "SHA256:none")
	if w.Desk.Charter == nil {
		w.Desk.Charter = &charter.Charter{Ledger: w.Ledger, People: w.People, Policy: w.Policy, Log: world.Log, Party: world.Party()}
	}
	r := &remote{World: w, t: t, tokens: &api.Tokens{Ledger: w.Ledger, People: w.People}}
	r.Server = httptest.NewUnstartedServer(nil)
	a := &api.API{
		Gateway: w.Gateway, Desk: w.Desk, Charter: w.Desk.Charter, Tokens: r.tokens, Logins: w.People, URL: "http://" + r.Listener.Addr().String(),
		Report: func(err error) { t.Errorf("reported: %v", err) },
	}
	r.Config.Handler = a.Handler()
	r.Start()
	t.Cleanup(r.Close)
	t.Setenv("LOCKBOX_URL", r.URL)
	return r
}

// as puts a token of somebody into the environment.
func (r *remote) as(h *world.Human, scopes ...string) {
	r.t.Helper()
	key := h.Fingerprint
	if h.SSH != nil {
		key = ssh.FingerprintSHA256(h.SSH.PublicKey())
	}
	if scopes == nil {
		scopes = api.Scopes()
	}
	secret, _, err := r.tokens.Issue(r.t.Context(), h.Principal, key, scopes, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Setenv("LOCKBOX_TOKEN", secret)
}

// A ran is what a command printed, and how it ended.
type ran struct {
	out, errs string
	code      int
}

// run runs one command as Main does.
func run(t *testing.T, args ...string) ran {
	t.Helper()
	var errs bytes.Buffer
	got := runWith(t.Context(), &errs, args...)
	got.errs = errs.String() + got.errs
	return got
}

// runWith is run with what is written for people.
func runWith(ctx context.Context, errs io.Writer, args ...string) ran {
	var out bytes.Buffer
	root := &cobra.Command{Use: "lockbox", SilenceUsage: true, SilenceErrors: true}
	root.PersistentFlags().Bool("json", false, "")
	root.PersistentFlags().Bool("no-color", false, "")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage("%w", err) })
	root.AddCommand(clientCommands()...)
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(errs)
	ctx, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	err := root.ExecuteContext(ctx)
	got := ran{out: out.String()}
	if err != nil {
		got.errs += "lockbox: " + err.Error()
		got.code = exitRefused
		if e := new(exit); errors.As(err, &e) {
			got.code = e.code
		}
	}
	return got
}

// want fails when a command ended otherwise or did not say so.
func (g ran) want(t *testing.T, code int, words ...string) ran {
	t.Helper()
	all := g.out + g.errs
	for _, w := range words {
		if !strings.Contains(all, w) {
			t.Errorf("it does not say %q: %s", w, all)
		}
	}
	if g.code != code {
		t.Errorf("exit %d, want %d: %s", g.code, code, all)
	}
	if token := os.Getenv("LOCKBOX_TOKEN"); len(token) > 10 && strings.Contains(all, token[4:]) {
		t.Errorf("it tells the token: %s", all)
	}
	return g
}

func code(t *testing.T, text string) string {
	t.Helper()
	var r api.Request
	if err := json.Unmarshal([]byte(text), &r); err != nil || r.Request == "" {
		t.Fatalf("%s is no request: %v", text, err)
	}
	return r.Request
}

const why = "--reason=contract stuck in state 7"

func TestTheStoryOfARequestOverTheAPI(t *testing.T) {
	r := newRemote(t)
	r.as(r.Eng)
	run(t, "targets").want(t, 0, "db1.prod  production, here, at most 4h", "support_{{customer}}")
	run(t, "grants").want(t, 0, "there are none")
	run(t, "status").want(t, 0, "you have no open request")
	first := run(t, "request", "support_nord%db1.prod", why, "--code", "outage", "--for", "30m").want(t, 0, "support_nord@db1.prod, 30m, is sent", "lockbox status")
	again := code(t, run(t, "request", "support_nord%db1.prod", why, "--code", "outage", "--for", "30m", "--json").want(t, 0).out)
	if !strings.Contains(first.out, again) {
		t.Errorf("the same again is another: %s, %s", first.out, again)
	}
	run(t, "status", again).want(t, exitPending, again, "waits for executive")
	run(t, "cancel", again).want(t, 0, "withdrawn")
	run(t, "cancel", again).want(t, exitDenied, "withdrawn", "LBX-POLICY")
	run(t, "status", strings.ToLower(again)).want(t, exitDenied, "gives nothing")
	run(t, "status", "ZZZZ").want(t, exitUnknown, "LBX-UNKNOWN")
	run(t, "request", "nowhere.prod", why).want(t, exitUnknown, "LBX-TARGET", "`lockbox targets`")
	run(t, "request", "db1.prod", why).want(t, exitUnknown, "say which (nord, syd)")
	run(t, "request", "deploy%db1.prod", why).want(t, exitUsage, "outage", "LBX-FORM", "--help")
	run(t, "history").want(t, 0, again)

	held := r.Grant(t, r.Eng, time.Hour)
	run(t, "grants").want(t, 0, held, "granted for 1h; use it before")
	run(t, "status", held).want(t, 0, held)
	run(t, "sessions", held).want(t, 0, "there are none")
	run(t, "say", held, "it is done").want(t, 0, "Eng: it is done")
	run(t, "give-back", held).want(t, 0, "revoked by eng@x.eu")
	run(t, "motions").want(t, 0, "there are none")
}

func TestRequestWaitsUntilItIsDecided(t *testing.T) {
	r := newRemote(t)
	r.as(r.Eng)
	var got ran
	var wg sync.WaitGroup
	wg.Go(func() {
		got = run(t, "request", "support_nord%db1.prod", why, "--code", "outage", "--wait")
	})
	id := r.first()
	for _, h := range []*world.Human{r.Ceo, r.Ann} {
		if err := r.Approve(t, h, id); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	got.want(t, 0, "waits for executive", "granted for 1h")

	wg.Go(func() {
		got = run(t, "request", "support_nord%db1.prod", "--reason=something else this time", "--code", "outage", "--wait", "--json")
	})
	id = r.first()
	for _, h := range []*world.Human{r.Ceo, r.Cto} { // one no leaves the other to say yes
		if _, err := r.Desk.Reject(t.Context(), h.Principal, id, "not today"); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	got.want(t, exitDenied, `"phase":"rejected"`, "not today")
}

// first waits until Eng has a request that is pending.
func (r *remote) first() string {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		mine, err := r.Desk.Mine(r.t.Context(), r.Eng.ID)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, v := range mine {
			if v.Status.Phase == policy.Pending {
				return v.Request.ID
			}
		}
		<-tick.C
	}
}

func TestApproversRejectAndRevokeAndNeverApprove(t *testing.T) {
	r := newRemote(t)
	held := r.Grant(t, r.Eng, time.Hour)
	asked := r.Ask(t, r.Mate, "nord", time.Hour)
	r.as(r.Ceo)
	run(t, "grants").want(t, 0, "there are none")
	run(t, "grants", "--all").want(t, 0, held)
	run(t, "reject", asked, "--comment", "ask Eng").want(t, 0, "rejected by Ceo: ask Eng") // Cto confirmed Mate's key
	run(t, "revoke", held, "--why", "enough").want(t, 0, "revoked by ceo@x.eu: enough")
	run(t, "reject", asked).want(t, exitDenied, "rejected")
	run(t, "approve", held).want(t, exitRefused, "unknown command")
	r.as(r.Ceo, api.Read)
	run(t, "revoke", held).want(t, exitDenied, "scope end", "ssh 127.0.0.1 token --scope end", "LBX-SCOPE")
	r.as(r.Bo)
	run(t, "status", held).want(t, exitUnknown, "LBX-UNKNOWN")
}

func TestWhatIsToBePromisedIsShownFirst(t *testing.T) {
	r := newRemote(t)
	r.as(r.Eng)
	id := r.Ask(t, r.Eng, "nord", time.Hour)
	b, err := r.Desk.Prepare(t.Context(), r.Ceo.Principal, id, policy.Terms{Promise: "only read the log"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Desk.Approve(t.Context(), r.Ceo.Principal, b.Nonce, r.Sign(t, r.Ceo, statement.ForApproval, b.Statement)); err != nil {
		t.Fatal(err)
	}
	if err := r.Approve(t, r.Ann, id); err != nil {
		t.Fatal(err)
	}
	run(t, "status", id).want(t, exitPending, "promise: only read the log", "lockbox accept "+id)
	run(t, "accept", id).want(t, exitPending, "promise: only read the log", "--yes")
	run(t, "status", id).want(t, exitPending)
	run(t, "accept", id, "--yes").want(t, 0, "you promised it")
	run(t, "status", id).want(t, 0)
}

func TestTheTokenComesOnlyFromWhereNobodyElseReadsIt(t *testing.T) {
	r := newRemote(t)
	r.as(r.Eng)
	token := os.Getenv("LOCKBOX_TOKEN")
	file := filepath.Join(t.TempDir(), "token")
	write := func(text string, mode os.FileMode) {
		if err := errors.Join(os.WriteFile(file, []byte(text), mode), os.Chmod(file, mode)); err != nil {
			t.Fatal(err)
		}
	}
	write(token+"\n", 0o600)
	run(t, "targets", "--token", token).want(t, exitUsage, "unknown flag: --token")
	t.Setenv("LOCKBOX_TOKEN", "")
	run(t, "targets").want(t, exitDenied, "there is no token", "ssh 127.0.0.1 token")
	run(t, "targets", "--token-file", file).want(t, 0, "db1.prod")
	write(token, 0o640)
	run(t, "targets", "--token-file", file).want(t, exitUsage, "chmod 600")
	run(t, "targets", "--token-file", t.TempDir()).want(t, exitUsage, "is not a file")
	run(t, "targets", "--token-file", file+"x").want(t, exitUsage, "read the token")
	write("hunter2hunter2", 0o600)
	if got := run(t, "targets", "--token-file", file).want(t, exitUsage, "not a token"); strings.Contains(got.errs, "hunter2") {
		t.Errorf("it tells what is in the file: %s", got.errs)
	}
	t.Setenv("LOCKBOX_TOKEN", "lbx_"+strings.Repeat("A", 43))
	run(t, "targets").want(t, exitDenied, "not valid any more", "ssh 127.0.0.1 token", "LBX-TOKEN")
}

func TestTheAddressIsTheGatewaysAndNoOther(t *testing.T) {
	t.Setenv("LOCKBOX_TOKEN", "lbx_"+strings.Repeat("A", 43))
	t.Setenv("LOCKBOX_URL", "")
	run(t, "targets").want(t, exitUsage, "LOCKBOX_URL")
	for _, address := range []string{"lock.example.eu", "http://lock.example.eu", "ftp://localhost", "https://me@lock.example.eu", "https://lock.example.eu/x", "https://lock.example.eu?x", "://"} {
		run(t, "targets", "--gateway", address).want(t, exitUsage, "the gateway's address")
	}
	heard := make(chan string, 10)
	answers := func(fn http.HandlerFunc) *httptest.Server {
		s := httptest.NewServer(fn)
		t.Cleanup(s.Close)
		return s
	}
	other := answers(func(_ http.ResponseWriter, r *http.Request) { heard <- r.Header.Get("Authorization") })
	run(t, "targets", "--gateway", answers(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}).URL).
		want(t, exitUnavailable, "no Lockbox answers", "307")
	run(t, "targets", "--gateway", answers(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "\x1b[2Jhello", http.StatusForbidden) }).URL).
		want(t, exitUnavailable, "no Lockbox answers")
	run(t, "targets", "--gateway", answers(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }).URL).
		want(t, exitUnavailable, "cannot be read")
	run(t, "targets", "--gateway", answers(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"error":{"code":"LBX-POLICY","message":"no\u001b[2J\u202e way"}}`)
	}).URL).want(t, exitDenied, "no[2J way (LBX-POLICY)")
	gone := httptest.NewServer(nil)
	gone.Close()
	run(t, "targets", "--gateway", gone.URL).want(t, exitUnavailable, "does not answer")
	secure := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { heard <- r.Header.Get("Authorization") }))
	t.Cleanup(secure.Close)
	run(t, "targets", "--gateway", secure.URL).want(t, exitUnavailable, "certificate")
	if len(heard) > 0 {
		t.Errorf("somebody else heard %s", <-heard)
	}
}

func TestACommandThatIsWrittenWrongSaysHow(t *testing.T) {
	t.Setenv("LOCKBOX_TOKEN", "lbx_"+strings.Repeat("A", 43))
	t.Setenv("LOCKBOX_URL", "http://127.0.0.1:1")
	for _, tt := range []struct {
		args string
		want string
	}{
		{"request", "lockbox request TARGET"}, {"request a b", "lockbox request TARGET"}, {"request db1.prod", "--reason"},
		{"request db1.prod --reason=x --for=soon", "30m, 1h or 1h30m"}, {"extend 7KQM", "lockbox extend CODE DURATION"},
		{"extend 7KQM soon --reason=x", "30m, 1h or 1h30m"}, {"extend 7KQM 30m", "--reason"}, {"give-back", "lockbox give-back CODE"},
		{"say 7KQM", "lockbox say CODE TEXT"}, {"targets x", "lockbox targets"}, {"grants --nothing", "unknown flag"},
	} {
		run(t, strings.Fields(tt.args)...).want(t, exitUsage, tt.want)
	}
}
