package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"lockbox/gateway/rulebook"
)

// seen counts what operators watch. Each server has its own.
type seen struct {
	all     *prometheus.Registry
	reloads *prometheus.CounterVec
}

func newSeen() *seen {
	s := &seen{all: prometheus.NewRegistry(), reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lockbox_policy_reads_total",
		Help: "Times the policy files were read, by what came of it: activated, offered, unchanged or refused.",
	}, []string{"outcome"})}
	for _, o := range []rulebook.Outcome{rulebook.Activated, rulebook.Offered, rulebook.Unchanged, rulebook.Refused} {
		s.reloads.WithLabelValues(string(o)) // 0 is a number, too
	}
	s.all.MustRegister(s.reloads, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return s
}

func (s *seen) reload(o rulebook.Outcome) { s.reloads.WithLabelValues(string(o)).Inc() }

func (s *seen) handler() http.Handler {
	return promhttp.HandlerFor(s.all, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}
