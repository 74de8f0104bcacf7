package main

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lockbox/approvals/slack"
)

// lookAtSlack says whether Slack is reached, and clicks come from there.
func (s *Server) lookAtSlack(ctx context.Context) (all []finding) {
	app := s.tells.slack
	if app == nil {
		return nil
	}
	probe := app.Probe(ctx)
	h := app.Health()
	all = append(all, judge("slack", fmt.Sprintf("it answers; since the start %d calls went well, %d failed, %d came too fast, %d were refused for good",
		h.Calls["ok"], h.Calls["failed"], h.Calls["limited"], h.Calls["never"]), probe))
	switch clicks := h.Heard["block_actions"] + h.Heard["view_submission"] + h.Heard["command"]; {
	case h.Sockets && !h.Up:
		all = append(all, finding{"slack", bad, "no socket is open, so that nothing can be pressed there" + since(h.Since)})
	case h.Sockets:
		all = append(all, finding{"slack", fine, fmt.Sprintf("a socket is open%s; %d clicks and commands were heard", since(h.Since), clicks)})
	case app.Handler() != nil:
		all = append(all, finding{"slack", fine, fmt.Sprintf("%d clicks and commands were heard, posted to %s/slack/", clicks, s.Config.URL)})
	default:
		all = append(all, finding{"slack", fine, "messages hold links alone: there is neither socket nor signing in lockbox.yaml"})
	}
	if n := h.Heard["not signed"]; n > 0 {
		all = append(all, finding{"slack", warn, fmt.Sprintf("%d calls were not signed by Slack: look who posts to /slack/, or whether the signing secret is the app's", n)})
	}
	return all
}

func since(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return " since " + at.UTC().Format(time.RFC3339)
}

// slack adds how well Slack is reached.
func (s *seen) slack(app *slack.Slack) {
	for _, outcome := range []string{"ok", "failed", "limited", "never"} {
		s.all.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "lockbox_slack_calls_total", Help: "Calls of Slack's API that went well, failed, came too fast (429), or that Slack refuses for good.",
			ConstLabels: prometheus.Labels{"outcome": outcome},
		}, func() float64 { return float64(app.Health().Calls[outcome]) }))
	}
	heard := []string{"block_actions", "view_submission", "command"}
	for _, what := range append(heard, slack.Unheard()...) {
		s.all.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "lockbox_slack_heard_total", Help: "Clicks, forms and commands that came from Slack; and, by the reason, what came and was not heard.",
			ConstLabels: prometheus.Labels{"what": what},
		}, func() float64 { return float64(app.Health().Heard[what]) }))
	}
	s.all.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "lockbox_slack_socket", Help: "Whether a socket is open, where clicks come over Socket Mode.",
	}, func() float64 {
		if app.Health().Up {
			return 1
		}
		return 0
	}))
}
