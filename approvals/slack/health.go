package slack

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"lockbox/approvals/notify"
)

// Health is how well Slack is reached.
type Health struct {
	Calls   map[string]int64 // to Slack's API: "ok", "failed", "limited" (429), "never" (Slack will not, whenever it is asked)
	Heard   map[string]int64 // calls of Slack, and why others were not heard
	Last    time.Time        // when a call was answered well; zero for never
	Why     string           // what the last call came to; "" where it was well
	Sockets bool             // clicks come over Socket Mode …
	Up      bool             // … and a socket is open
	Since   time.Time        // since when that is so
}

// A health is one while it is kept.
type health struct {
	mu    sync.Mutex // guards the rest
	calls map[string]int64
	last  time.Time
	why   string
	up    bool
	since time.Time
}

// note counts what became of a call.
func (h *health) note(now time.Time, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.calls == nil {
		h.calls = map[string]int64{}
	}
	switch {
	case err == nil:
		h.calls["ok"]++
		h.last, h.why = now, ""
		return
	case errors.As(err, new(*notify.Later)):
		h.calls["limited"]++
	case errors.Is(err, notify.ErrNever):
		h.calls["never"]++
	default:
		h.calls["failed"]++
	}
	h.why = err.Error()
}

// socket keeps whether one is open.
func (h *health) socket(now time.Time, up bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.up != up || h.since.IsZero() {
		h.up, h.since = up, now
	}
}

// Health says how well Slack is reached, as far as was seen since the start.
func (s *Slack) Health() Health {
	out := Health{Calls: map[string]int64{"ok": 0, "failed": 0, "limited": 0, "never": 0}, Heard: s.counts.all(), Sockets: s.Socket != ""}
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	for k, n := range h.calls {
		out.Calls[k] = n
	}
	out.Last, out.Why, out.Up, out.Since = h.last, h.why, h.up, h.since
	return out
}

// Probe asks Slack whether the bot's token is good, and of the workspace that it is said to be.
func (s *Slack) Probe(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, callLimit)
	defer stop()
	is, err := s.client.AuthTestContext(ctx)
	if err := s.called("auth.test", err); err != nil {
		return err
	}
	if is.TeamID != s.Team || is.EnterpriseID != s.Enterprise {
		return fmt.Errorf("slack: the bot's token is of workspace %q (organisation %q), and lockbox.yaml says %q (%q)", is.TeamID, is.EnterpriseID, s.Team, s.Enterprise)
	}
	return nil
}

// Unheard are the reasons why a call is not heard.
func Unheard() []string {
	return []string{"too many at once", "too long", "not signed", "not understood", "heard before", "not acknowledged",
		"of another workspace", "of another app", "of another organisation", "by a stranger"}
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
