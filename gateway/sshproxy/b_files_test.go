package sshproxy

import (
	"strings"
	"testing"
	"time"

	"lockbox/policy"
)

// A8: more time under a grant without file transfer is no file transfer.
func TestB07AnExtensionGivesNoFilesThatWereWithheld(t *testing.T) {
	h := filesHouse(t, nil, policy.Shell, policy.Exec) // scp is run as a command
	code := h.Ask(t, h.Eng, "nord", time.Hour)
	h.says(t, h.Ceo, code, policy.Terms{For: time.Hour, NoFiles: true})
	h.says(t, h.Ann, code, policy.Terms{For: time.Hour})
	h.forge(t, code, func(g *policy.Grant) { g.For = 3 * time.Second })
	h.touched(t, h.Eng, "support_nord")
	c := h.dial(t, login, h.Eng)
	if got := run(t, c, "true"); got.Status != 0 {
		t.Fatalf("got %+v", got)
	}
	h.approved(t, h.extension(t, code))
	h.happens(t, "session.extended")
	if got := run(t, c, "scp -t x"); got.Status != 255 || !strings.Contains(got.Stderr, "approved without file transfer") {
		t.Errorf("got %+v", got)
	}
}
