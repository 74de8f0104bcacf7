package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	api "github.com/slack-go/slack"

	"lockbox/approvals/notify"
)

// A failure is what Slack answered to a call. Its text is ours: what the library
// says may hold a token.
type failure struct {
	method string
	code   string // as Slack names it; "" where it did not answer as it should
	status int
	late   bool
}

func (f *failure) Error() string {
	switch {
	case f.code != "":
		return "slack: " + f.method + ": " + f.code
	case f.status != 0:
		return fmt.Sprintf("slack: %s: status %d", f.method, f.status)
	case f.late:
		return "slack: " + f.method + ": no answer in time"
	}
	return "slack: " + f.method + ": no answer"
}

// gone are the answers after which there is no use in coming back for this person or place.
func gone() []string {
	return []string{"user_not_found", "channel_not_found", "is_archived", "user_disabled", "account_inactive_user", "cannot_dm_bot",
		"not_in_channel", "messages_tab_disabled", "restricted_action", "user_not_visible"}
}

var errorCode = regexp.MustCompile(`^[a-z_]{1,64}$`)

// failed says what became of a call, in words that hold no secret.
func failed(method string, err error) error {
	if err == nil {
		return nil
	}
	f := &failure{method: method, late: errors.Is(err, context.DeadlineExceeded)}
	if slow, ok := errors.AsType[*api.RateLimitedError](err); ok {
		f.status = http.StatusTooManyRequests
		return &notify.Later{After: max(slow.RetryAfter, time.Second), Err: f}
	}
	if status, ok := errors.AsType[api.StatusCodeError](err); ok {
		f.status = status.Code
	}
	if said, ok := errors.AsType[api.SlackErrorResponse](err); ok {
		f.code = "unknown"
		if errorCode.MatchString(said.Err) {
			f.code = said.Err
		}
		if slices.Contains(gone(), f.code) {
			return fmt.Errorf("%w: %w", f, notify.ErrNever)
		}
	}
	return f
}

// is says whether err is one of Slack's answers.
func is(err error, codes ...string) bool {
	f, ok := errors.AsType[*failure](err)
	return ok && slices.Contains(codes, f.code)
}

// A spot is where a message stands.
type spot struct {
	To      string    `json:"to,omitempty"` // the user or channel that it was written to
	Channel string    `json:"channel"`
	TS      string    `json:"ts"`
	At      time.Time `json:"at"`
	Asks    bool      `json:"asks,omitempty"`  // it is a card that can be decided on …
	Stage   int       `json:"stage,omitempty"` // … for this stage
}

// A message is what is written in Slack. Text is for where no blocks are shown.
type message struct {
	text   string
	blocks []api.Block
}

func (m message) options() []api.MsgOption {
	return []api.MsgOption{
		api.MsgOptionText(fits(m.text, textMost), false), // fits has escaped it
		api.MsgOptionBlocks(m.blocks...),
		api.MsgOptionParse(false), api.MsgOptionLinkNames(false),
	}
}

// called counts what became of a call, and says it as failed does.
func (s *Slack) called(method string, err error) error {
	err = failed(method, err)
	s.health.note(s.now(), err)
	return err
}

// post writes a message, under another one where thread is not "".
func (s *Slack) post(ctx context.Context, to, thread string, m message) (spot, error) {
	options := append(m.options(), api.MsgOptionDisableLinkUnfurl(), api.MsgOptionDisableMediaUnfurl())
	if thread != "" {
		options = append(options, api.MsgOptionTS(thread))
	}
	channel, ts, err := s.client.PostMessageContext(ctx, to, options...)
	if err != nil {
		return spot{}, s.called("chat.postMessage", err)
	}
	_ = s.called("chat.postMessage", nil)
	return spot{To: to, Channel: channel, TS: ts, At: s.now()}, nil
}

// update writes a message anew.
func (s *Slack) update(ctx context.Context, at spot, m message) error {
	_, _, _, err := s.client.UpdateMessageContext(ctx, at.Channel, at.TS, m.options()...)
	return s.called("chat.update", err)
}
