package portal

import (
	"context"
	"strings"
	"testing"

	"lockbox/approvals/notify"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// silentChannel is a channel that reaches nobody.
type silentChannel string

func (c silentChannel) Name() string                                         { return string(c) }
func (c silentChannel) Address(*ledger.Tx, policy.Principal) (string, error) { return "", nil }
func (c silentChannel) Send(context.Context, notify.Notice) error            { return notify.ErrNever }

func TestTheWayToSlackStandsWhereThereIsOne(t *testing.T) {
	s := newStage(t)
	ceo := s.visitor(s.Ceo)
	if page := body(ceo.get("/me/notify")); strings.Contains(page, "/me/slack") {
		t.Errorf("it leads to a Slack that there is not: %s", page)
	}
	s.Settings.Planner.Channels = []notify.Channel{silentChannel("mail"), silentChannel("slack")}
	if page := body(ceo.get("/me/notify")); !strings.Contains(page, `<a href="/me/slack">You in Slack</a>`) {
		t.Errorf("no way to Slack: %s", page)
	}
	if page := body(ceo.get("/me/slack")); !strings.Contains(page, `<a href="/me/notify">`) {
		t.Errorf("no way back: %s", page)
	}
}
