package main

import (
	"net/http/httptest"
	"strings"
	"testing"

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
