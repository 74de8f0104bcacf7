package portal

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"lockbox/policy"
)

// TestD21NoRouteTakesAPostFromElsewhere: none that there is, and none that will be.
func TestD21NoRouteTakesAPostFromElsewhere(t *testing.T) {
	s := newStage(t)
	code := cell{s, nil}.boardMotion()
	asked := s.World.Ask(t, s.Eng, "nord", time.Hour)
	ceo := s.visitor(s.Ceo)
	before := s.World.Ledger.Last()
	for _, r := range s.Portal.routes() {
		if r.method != http.MethodPost {
			continue
		}
		at := code
		if !strings.HasPrefix(r.pattern, "/m/") {
			at = asked
		}
		path := strings.NewReplacer("{code}", at, "{token}", "x", "{id}", "x", "{$}", "").Replace(r.pattern)
		for name, headers := range map[string][2]string{ // Sec-Fetch-Site, Origin
			"another site": {"cross-site", "https://evil.example"}, "a neighbour": {"same-site", "null"}, "no page": {"none", ""}, "a lie": {"same-origin", "https://evil.example"},
			"nothing": {"", ""},
		} {
			for kind, sent := range map[string]string{"application/x-www-form-urlencoded": "do=oppose&comment=no", "application/json": "{}", "text/plain": `{"id":"x"}`} {
				q := ceo.request(http.MethodPost, path, kind, sent)
				q.Header.Set("X-Http-Method-Override", "POST")
				for i, h := range []string{"Sec-Fetch-Site", "Origin"} {
					q.Header.Del(h)
					if headers[i] != "" {
						q.Header.Set(h, headers[i])
					}
				}
				if got := ceo.do(q); got.status != http.StatusForbidden || len(got.cookies) > 0 {
					t.Errorf("%s from %s as %s: %d", path, name, kind, got.status)
				}
			}
		}
	}
	if after := s.World.Ledger.Last(); after != before {
		t.Errorf("%d events", after-before)
	}
}

// TestD26WhatStandsInAnAddressIsNeverMarkup: languages, pages of lists, and what forms are filled with.
func TestD26WhatStandsInAnAddressIsNeverMarkup(t *testing.T) {
	s := newStage(t)
	eng := s.visitor(s.Eng)
	const evil = `"><script>alert(1)</script>` + "\r\nSet-Cookie: x=y"
	for _, path := range []string{"/", "/history", "/r/new", "/policy", "/me/delegation", "/me/declaration", "/me/keys", "/m/7KQM", "/status"} {
		for _, name := range []string{"lang", "before", "t", "do", "text", "next"} {
			got := eng.get(path + "?" + name + "=" + url.QueryEscape(evil))
			if strings.Contains(got.body, "<script>alert") || got.header.Get("Location") != "" || len(got.cookies) > 0 || got.status >= 500 {
				t.Errorf("%s?%s: %d %v %s", path, name, got.status, got.header, body(got))
			}
		}
	}
	r := eng.request(http.MethodGet, "/", "", "")
	r.Header.Set("Cookie", r.Header.Get("Cookie")+`; lockbox-lang=../../x`)
	r.Header.Set("Accept-Language", strings.Repeat("x-y;q=1,", 1000)+"da")
	if got := eng.do(r); got.status != http.StatusOK || !strings.Contains(got.body, `lang="da"`) {
		t.Errorf("%d", got.status)
	}
}

// TestADeputyLooksWhileTheyAreOne: at what the one for whom they decide may look at, and no longer.
func TestADeputyLooksWhileTheyAreOne(t *testing.T) {
	s := newStage(t)
	id := s.recorded(s.World.Grant(t, s.Eng, time.Hour), "support_nord", []string{"nord"}, "hello\r\n")
	ceo, mate := s.visitor(s.Ceo), s.visitor(s.Mate)
	look := func(want int) {
		t.Helper()
		if got := mate.get("/s/" + id); got.status != want {
			t.Errorf("the page: %d, want %d", got.status, want)
		}
		if got := mate.get("/s/" + id + "/text/pty0"); got.status != want {
			t.Errorf("the text: %d, want %d", got.status, want)
		}
	}
	look(http.StatusNotFound)
	until := time.Now().UTC().Add(48 * time.Hour)
	form := []string{"deputy", s.Mate.Fingerprint, "until-date", until.Format(time.DateOnly), "until-time", "12:00", "until-zone", "UTC", "target", "db1.prod"}
	if got := ceo.sign(ceo.post("/me/delegation", form...).sheet()); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := mate.post("/s/"+id, "purpose", "to see what was done"); got.status != http.StatusSeeOther {
		t.Fatalf("%d %s", got.status, body(got))
	}
	look(http.StatusOK)
	ceo.post("/m/"+s.delegations(t), "do", "end").sentTo("/m/")
	look(http.StatusNotFound)
}

// Leans on: a session is worth what its passkey is. One that was counter-signed
// before its person had a seat has none.
func TestALinkOfARecoveryIsNotForAPasskeyWithoutASeat(t *testing.T) {
	s := newStage(t)
	early := s.Second(t, s.Lone)
	s.Admit(t)
	id := s.Pass(t, policy.Motion{Kind: policy.ToRecover, About: s.Mate.ID, Text: "lost the phone"}, s.Lone, s.Ceo)
	if got := s.visitor(early).post("/m/"+id, "do", "link"); got.status != http.StatusForbidden || strings.Contains(got.body, "/enroll/") {
		t.Errorf("by a passkey without a seat: %d %s", got.status, got.body)
	}
	if got := s.visitor(s.Lone).post("/m/"+id, "do", "link"); got.status != http.StatusOK || !strings.Contains(got.body, "/enroll/") {
		t.Errorf("by the one that sits: %d", got.status)
	}
}
