package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/approvals/charter"
	"lockbox/gateway"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/tests/world"
)

const here = "http://localhost:8080" // where the people of world sign

// A hall is an API over a whole gateway with people.
type hall struct {
	*world.World
	api *API
	Aud *world.Human // auditor

	t       *testing.T
	all     http.Handler
	calls   atomic.Int32
	mayFail bool
}

func newHall(t *testing.T) *hall {
	t.Helper()
	w := world.New(t, "127.0.0.1:1", "SHA256:none")
	w.Desk.Daily = 10_000 // the tables ask a lot
	w.Shelf.MinFree, w.Shelf.MinFreePercent = -1, -1
	s := &hall{World: w, t: t}
	house := w.Desk.Charter
	if house == nil {
		house = &charter.Charter{Ledger: w.Ledger, People: w.People, Policy: w.Policy, Log: world.Log, Party: world.Party()}
		w.Desk.Charter = house
	}
	s.api = &API{
		Gateway: w.Gateway, Desk: w.Desk, Charter: house, Tokens: &Tokens{Ledger: w.Ledger, People: w.People}, Logins: w.People, URL: here,
		Report: func(err error) {
			if !s.mayFail {
				t.Errorf("reported: %v", err)
			}
		},
	}
	s.Aud = w.Enrol(t, identity.Invite{ID: "aud@x.eu", Name: "Aud", Kind: policy.Auditor}, false)
	w.Confirm(t, w.Cto, s.Aud)
	s.all = s.api.Handler()
	return s
}

// key is the fingerprint of the key with which a person comes.
func key(h *world.Human) string {
	if h.SSH != nil {
		return ssh.FingerprintSHA256(h.SSH.PublicKey())
	}
	return h.Fingerprint
}

// token makes one with every scope, or those given; "" for nobody.
func (s *hall) token(h *world.Human, scopes ...string) string {
	s.t.Helper()
	if h == nil {
		return ""
	}
	if scopes == nil {
		scopes = Scopes()
	}
	secret, _, err := s.api.Tokens.Issue(s.t.Context(), h.Principal, key(h), scopes, 0)
	must(s.t, err)
	return secret
}

// A reply is what came back.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

func (r reply) into(v any) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.body), v); err != nil || r.status != http.StatusOK {
		r.t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
}

// code is that of the refusal.
func (r reply) code() policy.Code {
	var f Failure
	if err := json.Unmarshal([]byte(r.body), &f); err != nil {
		return ""
	}
	return f.Error.Code
}

// request makes one as a program does, each from another address.
func (s *hall) request(method, path, token, body string) *http.Request {
	r := httptest.NewRequestWithContext(s.t.Context(), method, here+Prefix+path, strings.NewReader(body))
	n := s.calls.Add(1)
	r.RemoteAddr = fmt.Sprintf("192.0.%d.%d:999", n/250%250, n%250+1)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func (s *hall) do(r *http.Request) reply {
	w := httptest.NewRecorder()
	s.all.ServeHTTP(w, r)
	got := w.Result()
	body, err := io.ReadAll(got.Body)
	must(s.t, err)
	return reply{s.t, got.StatusCode, got.Header, string(body)}
}

func (s *hall) get(token, path string) reply { return s.do(s.request("GET", path, token, "")) }

func (s *hall) post(token, path, body string) reply {
	return s.do(s.request("POST", path, token, body))
}

// fresh makes a new pending request of Eng for nord's login; what was there before is ended.
func (s *hall) fresh() string {
	s.t.Helper()
	mine, err := s.Desk.Mine(s.t.Context(), s.Eng.ID)
	must(s.t, err)
	for _, v := range mine { // first, for what extends a grant ends with it
		if v.Grant == nil && v.Status.Phase == policy.Pending {
			must(s.t, s.Desk.Withdraw(s.t.Context(), s.Eng.Principal, v.Request.ID))
		}
	}
	for _, v := range mine {
		if v.Grant != nil && v.Grant.Over(v.Now) == "" {
			must(s.t, s.Desk.GiveBack(s.t.Context(), s.Eng.Principal, v.Request.ID))
		}
	}
	return s.Ask(s.t, s.Eng, "nord", time.Hour)
}

// granted makes a new grant of Eng.
func (s *hall) granted() string {
	s.t.Helper()
	code := s.fresh()
	must(s.t, s.Approve(s.t, s.Ceo, code))
	must(s.t, s.Approve(s.t, s.Ann, code))
	return code
}

// used makes a new grant of Eng that is in use.
func (s *hall) used() string {
	s.t.Helper()
	code := s.granted()
	v, a, err := s.Visit(s.t, s.Eng, gateway.Knock{
		Who: s.Eng.Principal, Key: key(s.Eng), From: netip.MustParseAddr("192.0.2.7"), Do: policy.Shell, On: "db1.prod", Login: "support_nord",
	})
	must(s.t, err)
	if v == nil {
		s.t.Fatalf("not let in: %s", a.Why)
	}
	v.Leave()
	return code
}

// promised makes a new grant of Eng that asks for a promise.
func (s *hall) promised() string {
	s.t.Helper()
	code := s.fresh()
	b, err := s.Desk.Prepare(s.t.Context(), s.Ceo.Principal, code, policy.Terms{Promise: "only read the log"})
	must(s.t, err)
	_, err = s.Desk.Approve(s.t.Context(), s.Ceo.Principal, b.Nonce, s.Sign(s.t, s.Ceo, statement.ForApproval, b.Statement))
	must(s.t, err)
	must(s.t, s.Approve(s.t, s.Ann, code))
	return code
}

// moved makes a new motion of Ann for nord; those before are ended.
func (s *hall) moved() string {
	s.t.Helper()
	open, err := s.api.Charter.List(s.t.Context(), s.Ann.Principal, policy.ToInstruct)
	must(s.t, err)
	for _, v := range open {
		if v.Status.Phase == policy.Pending {
			_, err := s.api.Charter.End(s.t.Context(), s.Ann.Principal, v.Motion.ID, "")
			must(s.t, err)
		}
	}
	s.calls.Add(1)
	v, err := s.api.Charter.Propose(s.t.Context(), s.Ann.Principal, policy.Motion{
		Kind: policy.ToInstruct, Customer: "nord", Uses: 1, For: time.Hour, Until: time.Now().Add(24 * time.Hour),
		Scope: policy.Scope{Targets: []string{"db1.prod"}}, Text: fmt.Sprintf("instruction %d", s.calls.Load()),
	})
	must(s.t, err)
	return v.Motion.ID
}
