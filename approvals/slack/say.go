package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"sync"
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

// post writes a message, under another one where thread is not "".
func (s *Slack) post(ctx context.Context, to, thread string, m message) (spot, error) {
	options := append(m.options(), api.MsgOptionDisableLinkUnfurl(), api.MsgOptionDisableMediaUnfurl())
	if thread != "" {
		options = append(options, api.MsgOptionTS(thread))
	}
	channel, ts, err := s.client.PostMessageContext(ctx, to, options...)
	if err != nil {
		return spot{}, failed("chat.postMessage", err)
	}
	return spot{to, channel, ts, s.now()}, nil
}

// update writes a message anew.
func (s *Slack) update(ctx context.Context, at spot, m message) error {
	_, _, _, err := s.client.UpdateMessageContext(ctx, at.Channel, at.TS, m.options()...)
	return failed("chat.update", err)
}

// counts are kept by reason.
type counts struct {
	mu sync.Mutex // guards by and told
	by map[string]int64
	// told is when something was last reported: what strangers do fills no log.
	told map[string]time.Time
}

func (c *counts) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by, c.told = map[string]int64{}, map[string]time.Time{}
	}
	c.by[what]++
}

// tells says whether it is time to report it again.
func (c *counts) tells(what string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.told[what]) < time.Minute {
		return false
	}
	c.told[what] = now
	return true
}

func (c *counts) all() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]int64{}
	for k, v := range c.by {
		out[k] = v
	}
	return out
}

// unheard counts what was not heard, and reports it now and then.
func (s *Slack) unheard(why string) {
	s.counts.add(why)
	if s.counts.tells(why, s.now()) {
		s.Report(errors.New("slack: a call was not heard: " + why))
	}
}
