package sshproxy

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"lockbox/gateway/sshproxy/console"
	"lockbox/policy"
)

func TestMotionsAreListedAndOpposedButNotSigned(t *testing.T) {
	h, _ := stubHouse(t, echo)
	c := h.dial(t, "cli", h.Eng)
	if got := run(t, c, "motions"); got.Status != 0 || got.Stdout != "There are no motions for you to see.\n" {
		t.Errorf("at first: %+v", got)
	}
	h.Propose(t, h.Ceo, policy.Motion{Kind: policy.ToAdmit, About: h.Lone.ID, Key: h.Lone.Fingerprint}) // not Eng's to see
	id := h.Propose(t, h.Ceo, policy.Motion{Kind: policy.ToDelegate, About: h.Eng.ID, Key: h.Eng.Fingerprint, Until: time.Now().Add(24 * time.Hour)})
	if got := run(t, c, "motions"); got.Status != 0 || strings.Count(got.Stdout, "\n") != 1 || !strings.HasPrefix(got.Stdout, id+"  delegate "+h.Eng.ID+"  pending 0/1") || !strings.Contains(got.Stdout, "/m/"+id) {
		t.Errorf("listed: %+v", got)
	}
	var all []console.Motion
	if got := run(t, c, "motions --json"); json.Unmarshal([]byte(got.Stdout), &all) != nil || len(all) != 1 || all[0].ID != id || all[0].Holds {
		t.Errorf("as JSON: %+v", got)
	}
	for command, want := range map[string]string{
		"oppose " + id + " no":   "not among those whose signatures",
		"oppose ZZZZ no":         "no such request",
		"oppose":                 "help",
		"sign " + id:             "help",
		"motions " + id + " x y": "help",
	} {
		if got := run(t, c, command); got.Status == 0 || got.Stdout != "" || !strings.Contains(got.Stderr, want) || strings.Contains(got.Stderr, "reference") {
			t.Errorf("%s: %+v", command, got)
		}
	}
}
