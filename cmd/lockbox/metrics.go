package main

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"lockbox/approvals/notify"
	"lockbox/gateway/httpproxy"
	"lockbox/gateway/portal"
	"lockbox/gateway/rulebook"
	"lockbox/recorder"
	weblog "lockbox/recorder/requests"
)

// seen counts what operators watch. Each server has its own.
type seen struct {
	all     *prometheus.Registry
	reloads *prometheus.CounterVec
	certs   *prometheus.CounterVec
}

func newSeen() *seen {
	s := &seen{all: prometheus.NewRegistry(), reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lockbox_policy_reads_total",
		Help: "Times the policy files were read, by what came of it: activated, offered, unchanged or refused.",
	}, []string{"outcome"})}
	for _, o := range []rulebook.Outcome{rulebook.Activated, rulebook.Offered, rulebook.Unchanged, rulebook.Refused} {
		s.reloads.WithLabelValues(string(o)) // 0 is a number, too
	}
	s.certs = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lockbox_certificate_reads_total",
		Help: "Times the files of a certificate had changed: it is shown, or was refused and the one before is still shown.",
	}, []string{"outcome"})
	s.certs.WithLabelValues("shown")
	s.certs.WithLabelValues("refused")
	s.all.MustRegister(s.reloads, s.certs, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return s
}

func (s *seen) reload(o rulebook.Outcome) { s.reloads.WithLabelValues(string(o)).Inc() }

func (s *seen) renewed(well bool) {
	s.certs.WithLabelValues(map[bool]string{true: "shown", false: "refused"}[well]).Inc()
}

// apps adds how the HTTP door fares.
func (s *seen) apps(door *httpproxy.Door, log *weblog.Log) {
	for class, name := range []string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"} {
		s.all.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "lockbox_http_requests_total", Help: "Requests at the HTTP door, by what was answered; none: the client was cut off or gone.",
			ConstLabels: prometheus.Labels{"status": name},
		}, func() float64 { return float64(door.Counts().Answered[class]) }))
	}
	for name, g := range map[string]struct {
		help  string
		value func(httpproxy.Counts) int
	}{
		"lockbox_http_sessions": {"Browsers in applications.", func(c httpproxy.Counts) int { return c.Sessions }},
		"lockbox_http_open":     {"Requests and WebSockets under way to applications.", func(c httpproxy.Counts) int { return c.Open }},
		"lockbox_http_waiting":  {"Browsers that were sent to the portal and are not in yet.", func(c httpproxy.Counts) int { return c.Waiting }},
	} {
		s.all.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: g.help}, func() float64 { return float64(g.value(door.Counts())) }))
	}
	s.all.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "lockbox_http_requests_unlogged_total", Help: "Requests that are not in the request log, because too many came at once.",
	}, func() float64 { return float64(log.Missed()) }))
}

// recordings adds how well recordings are kept.
func (s *seen) recordings(health func() recorder.Health, tried func() portal.Tried) {
	gauge := func(name, help string, value func() float64) {
		s.all.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("lockbox_recorder_level", "How well recordings can be kept: 2 green, 1 amber (no strict sessions), 0 red (no session is opened).",
		func() float64 { return float64(health().Level) })
	gauge("lockbox_recorder_free_bytes", "Free space where recordings are kept.", func() float64 { return float64(health().Free) })
	gauge("lockbox_recordings_waiting", "Files of recordings that the object storage has not yet.", func() float64 { return float64(health().Wait.Segments) })
	gauge("lockbox_recordings_waiting_seconds", "How long the oldest of them has waited.", func() float64 {
		if at := health().Wait.Oldest; !at.IsZero() {
			return time.Since(at).Seconds()
		}
		return 0
	})
	for outcome, value := range map[string]func(portal.Tried) int{
		"verified": func(t portal.Tried) int { return t.Verified }, "played": func(t portal.Tried) int { return t.Played }, "failed": func(t portal.Tried) int { return t.Failed },
	} {
		s.all.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "lockbox_recordings_tried_total", Help: "Recordings that the hourly self-test verified, played, and found broken.",
			ConstLabels: prometheus.Labels{"outcome": outcome},
		}, func() float64 { return float64(value(tried())) }))
	}
}

// notices adds what becomes of what people are told.
func (s *seen) notices(f *notify.Follower) {
	for _, c := range f.Planner.Channels {
		of := func() notify.Counts {
			all, _ := f.Counts()
			return all[c.Name()]
		}
		for outcome, value := range map[string]func(notify.Counts) int64{
			"sent": func(n notify.Counts) int64 { return n.Sent }, "failed": func(n notify.Counts) int64 { return n.Failed },
			"dropped": func(n notify.Counts) int64 { return n.Dropped }, "dead": func(n notify.Counts) int64 { return n.Dead },
		} {
			s.all.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
				Name: "lockbox_notices_total", Help: "Notices that were sent, tries that failed, notices that did not matter any more, and those that were given up.",
				ConstLabels: prometheus.Labels{"channel": c.Name(), "outcome": outcome},
			}, func() float64 { return float64(value(of())) }))
		}
		labels := prometheus.Labels{"channel": c.Name()}
		s.all.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "lockbox_notices_waiting", Help: "Notices that wait to be delivered.", ConstLabels: labels},
			func() float64 { return float64(of().Waiting) }))
		s.all.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "lockbox_notices_waiting_seconds", Help: "How long the oldest of them has waited.", ConstLabels: labels},
			func() float64 {
				if at := of().Oldest; !at.IsZero() {
					return time.Since(at).Seconds()
				}
				return 0
			}))
	}
	s.all.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "lockbox_notices_behind_events", Help: "Events of the log of which nobody was told yet."},
		func() float64 { _, behind := f.Counts(); return float64(behind) }))
}

func (s *seen) handler() http.Handler {
	return promhttp.HandlerFor(s.all, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}
