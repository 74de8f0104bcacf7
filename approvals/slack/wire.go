package slack

import (
	"encoding/json"
	"errors"
	"net/url"
)

// A call is what somebody did in Slack, as far as we look at it. Its addresses to
// answer to are not read at all.
type call struct {
	Type       string `json:"type"` // "block_actions", "view_submission", "command"
	Team       id     `json:"team"`
	App        string `json:"api_app_id"`
	Enterprise id     `json:"enterprise"`
	Installed  bool   `json:"is_enterprise_install"` // for the whole organisation
	User       struct {
		ID       string `json:"id"`
		Team     string `json:"team_id"`
		Stranger bool   `json:"is_stranger"`
	} `json:"user"`
	Channel id       `json:"channel"`
	Trigger string   `json:"trigger_id"` // of this one thing that was done
	Actions []action `json:"actions"`
	View    struct {
		Team     string `json:"team_id"`
		App      string `json:"app_id"`
		Callback string `json:"callback_id"`
		Meta     string `json:"private_metadata"`
		State    struct {
			Values map[string]map[string]field `json:"values"`
		} `json:"state"`
	} `json:"view"`

	command, text string
}

type id struct {
	ID string `json:"id"`
}

type action struct {
	ID    string `json:"action_id"`
	Block string `json:"block_id"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

type field struct {
	Value    string  `json:"value"`
	Selected *choice `json:"selected_option"`
}

type choice struct {
	Value string `json:"value"`
}

var errCall = errors.New("this is no call that Slack makes")

// parseInteraction reads the payload of a click or of a form.
func parseInteraction(payload []byte) (c call, err error) {
	if err := json.Unmarshal(payload, &c); err != nil {
		return call{}, errCall
	}
	switch {
	case c.Type == "block_actions" && len(c.Actions) == 1:
	case c.Type == "view_submission" && (c.View.Team == "" || c.View.Team == c.Team.ID) && (c.View.App == "" || c.View.App == c.App):
	default:
		return call{}, errCall
	}
	return c.whole()
}

// parseCommand reads a slash command, whose fields are those of a form.
func parseCommand(get func(string) string) (call, error) {
	c := call{Type: "command", App: get("api_app_id"), Installed: get("is_enterprise_install") == "true", Trigger: get("trigger_id"),
		command: get("command"), text: get("text")}
	c.Team.ID, c.Enterprise.ID, c.User.ID, c.Channel.ID = get("team_id"), get("enterprise_id"), get("user_id"), get("channel_id")
	return c.whole()
}

// parseSocketCommand reads the same as it comes over Socket Mode.
func parseSocketCommand(payload []byte) (call, error) {
	var all map[string]any
	if err := json.Unmarshal(payload, &all); err != nil {
		return call{}, errCall
	}
	return parseCommand(func(name string) string {
		switch v := all[name].(type) {
		case string:
			return v
		case bool:
			if v {
				return "true"
			}
		}
		return ""
	})
}

// parseForm reads a form that has each of its fields once.
func parseForm(body []byte) (url.Values, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errCall
	}
	for _, all := range form {
		if len(all) != 1 {
			return nil, errCall
		}
	}
	return form, nil
}

func (c call) whole() (call, error) {
	if c.User.ID == "" || c.Trigger == "" || len(c.Trigger) > 500 {
		return call{}, errCall
	}
	return c, nil
}

// main is the field of a form that an answer to all of it stands at.
func (c call) main() string {
	if c.View.Callback == formAsk {
		return "text"
	}
	return "need"
}

// value is what was typed or chosen in a form.
func (c call) value(name string) string {
	f := c.View.State.Values[name][name]
	if f.Selected != nil {
		return f.Selected.Value
	}
	return f.Value
}

// stranger says why a call is not for us; "" where it is.
func (s *Slack) stranger(c call) string {
	switch {
	case c.Team.ID != s.Team || c.Installed:
		return "of another workspace"
	case c.App != s.App:
		return "of another app"
	case c.Enterprise.ID != s.Enterprise:
		return "of another organisation"
	case c.User.Stranger || c.User.Team != "" && c.User.Team != s.Team:
		return "by a stranger"
	}
	return ""
}
