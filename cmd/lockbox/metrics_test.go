package main

import (
	"net/http/httptest"
	"strings"
	"testing"

	"lockbox/gateway/httpproxy"
	"lockbox/gateway/rulebook"
)

func TestARefusedPolicyIsCounted(t *testing.T) {
	s := newSeen()
	s.reload(rulebook.Refused)
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{`lockbox_policy_reads_total{outcome="refused"} 1`, `lockbox_policy_reads_total{outcome="activated"} 0`} {
		if !strings.Contains(w.Body.String(), want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
}

func TestTheHTTPDoorIsCounted(t *testing.T) {
	s := newSeen()
	door := &httpproxy.Door{Apps: "https://gw.example.eu"}
	s.apps(door, nil)
	door.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("TRACE", "https://wiki.gw.example.eu/", nil))
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`lockbox_http_requests_total{status="4xx"} 1`, `lockbox_http_requests_total{status="5xx"} 0`, "lockbox_http_sessions 0", "lockbox_http_open 0",
		"lockbox_http_waiting 0", "lockbox_http_requests_unlogged_total 0",
	} {
		if !strings.Contains(w.Body.String(), want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
}
