package main

import (
	"strings"

	"lockbox/gateway/api"
	"lockbox/policy"
)

// describe writes a request as people read it.
func (j job) describe(r api.Request) {
	j.print("%s  %s@%s  %s", r.Request, r.Login, r.Target, state(r))
	j.print("      %s", r.Need)
	if r.Live() && r.Watched {
		j.print("      nothing passes while none of those who decide watches")
	}
	if r.Live() && len(r.Promises) > 0 && !r.Accepted {
		j.promises(r)
	}
	j.thread(r)
}

// state is where a request stands, in a few words.
func state(r api.Request) string {
	switch {
	case r.Over != "":
		return r.Over
	case r.Live() && r.Started:
		return "in use until " + r.Until.Format("2006-01-02 15:04 MST")
	case r.Live() && r.NotBefore != nil:
		return "granted for " + r.For.String() + ", from " + r.NotBefore.Format("2006-01-02 15:04 MST")
	case r.Live():
		return "granted for " + r.For.String() + "; use it before " + r.Until.Format("2006-01-02 15:04 MST")
	case r.Phase == policy.Pending:
		return "waits for " + waitsFor(r)
	}
	for _, s := range r.Stages {
		for _, v := range s.Votes {
			if v.Verdict != policy.Yes && v.Comment != "" {
				return string(r.Phase) + " by " + v.By.Name + ": " + v.Comment
			}
		}
	}
	return string(r.Phase)
}

// waitsFor names whose answer is still wanted.
func waitsFor(r api.Request) string {
	var whose []string
	for _, s := range r.Stages {
		if !s.Open {
			continue
		}
		name := string(s.Kind)
		if s.Customer != "" {
			name += " " + s.Customer
		}
		whose = append(whose, name)
	}
	if len(whose) == 0 {
		return "an answer"
	}
	return strings.Join(whose, ", ")
}

func (j job) promises(r api.Request) {
	for _, p := range r.Promises {
		j.print("      promise: %s", p)
	}
}

func (j job) thread(r api.Request) {
	for _, m := range r.Thread {
		j.print("      %s %s: %s", m.At.Format("15:04"), m.Name, m.Text)
	}
}

func (j job) motion(m api.Motion) {
	state := string(m.Phase)
	switch {
	case m.Holds:
		state = "in force"
	case m.Ended != nil:
		state = "ended by " + m.EndedBy
	case m.Phase == policy.Pending:
		state = "waits for signatures at " + m.URL
	}
	about := strings.TrimSpace(strings.Join([]string{m.About, m.Customer}, " "))
	j.print("%s  %s %s  %s", m.Motion, m.Kind, about, state)
	if m.Text != "" {
		j.print("      %s", m.Text)
	}
}

// under says where an application is, and lists the logins of a target.
func (j job) under(t api.Target) {
	if t.URL != "" {
		j.print("      %s", t.URL)
	}
	for _, l := range t.Logins {
		j.print("      %s", l.Name)
	}
}
