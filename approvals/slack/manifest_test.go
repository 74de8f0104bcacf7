package slack_test

import (
	"os"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"

	"lockbox/approvals/notify"
)

// The app asks for the scopes of what it calls, and for no other.
func TestTheManifestAsksForWhatIsUsed(t *testing.T) {
	raw, err := os.ReadFile("slack-app.yaml")
	must(t, err)
	var m struct {
		Features struct {
			Commands []struct{ Command string } `yaml:"slash_commands"`
		}
		OAuth    struct{ Scopes map[string][]string } `yaml:"oauth_config"`
		Settings struct {
			Socket bool `yaml:"socket_mode_enabled"`
			Events any  `yaml:"event_subscriptions"`
		}
	}
	must(t, yaml.Unmarshal(raw, &m))

	s := newStage(t, "socket")
	code := s.ask(t, need())
	s.tell(t, s.Ceo.ID, notify.Waits, code)
	s.slack.Click(ceoIn, s.card(t, ceoIn), "ask")
	until(t, "there is a form", func() bool { return s.slack.Open(ceoIn) != nil })
	must(t, s.Desk.Withdraw(t.Context(), s.Eng.Principal, code))
	s.tell(t, s.Ceo.ID, notify.Decided, code)
	for _, method := range []string{"chat.postMessage", "chat.update", "views.open", "apps.connections.open"} {
		if s.slack.Calls()[method] == 0 {
			t.Errorf("nothing calls %s: the test does not see what is used", method)
		}
	}
	used := slices.DeleteFunc(s.slack.Scopes(), func(scope string) bool { return scope == "connections:write" }) // of the app-level token
	if used = append(used, "commands"); !slices.Equal(m.OAuth.Scopes["bot"], used) || len(m.OAuth.Scopes) != 1 {
		t.Errorf("it asks for %v, and uses %v", m.OAuth.Scopes, used)
	}
	if len(m.Features.Commands) != 1 || m.Features.Commands[0].Command != "/lockbox" || !m.Settings.Socket || m.Settings.Events != nil {
		t.Errorf("got %+v", m)
	}
}
