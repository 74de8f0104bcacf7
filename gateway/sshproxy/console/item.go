package console

import (
	"time"

	"lockbox/approvals"
	"lockbox/gateway/sshproxy/speech"
	"lockbox/policy"
)

// An Item is a request as programs read it.
type Item struct {
	Request   string             `json:"request"`
	Target    string             `json:"target"`
	Login     string             `json:"login"`
	Customers []string           `json:"customers"`
	Actions   []policy.Action    `json:"actions"` // asked for, or what every yes so far leaves
	To        []string           `json:"to"`      // where tunnels may end
	Reason    policy.Reason      `json:"reason"`
	Need      string             `json:"need"`
	Ticket    string             `json:"ticket"`
	For       string             `json:"for"`
	At        time.Time          `json:"at"`
	Phase     policy.Phase       `json:"phase"`
	Extends   string             `json:"extends"` // the grant that it asks more time for
	Stages    []Stage            `json:"stages"`
	Votes     []Vote             `json:"votes"`
	Watched   bool               `json:"watched"`    // nothing passes while none of those who decide watches
	Promises  []string           `json:"promises"`   // what the engineer has to accept
	Accepted  bool               `json:"accepted"`   // or nothing is to be
	NotBefore *time.Time         `json:"not_before"` // the first instant at which it may be used
	Until     *time.Time         `json:"until"`      // when the grant is over, or must have been used
	Started   bool               `json:"started"`
	Over      string             `json:"over"` // why the grant gives nothing any more
	Thread    []approvals.Remark `json:"thread"`
	URL       string             `json:"url"`
}

// A Stage is a part of an approval.
type Stage struct {
	Kind     policy.StageKind `json:"kind"`
	Customer string           `json:"customer,omitempty"`
	Group    string           `json:"group,omitempty"`
	Count    int              `json:"count"`
	Yes      int              `json:"yes"`
	No       int              `json:"no"`
	Phase    policy.Phase     `json:"phase"`
	Open     bool             `json:"open"`
	AnswerBy time.Time        `json:"answer_by"`
	Next     *Rung            `json:"next,omitempty"` // what happens when nobody answers until then
}

// A Rung is what happens when nobody has answered by then.
type Rung struct {
	At     time.Time `json:"at"`
	Remind string    `json:"remind,omitempty"`
	To     string    `json:"to,omitempty"`
}

// A Vote is one answer.
type Vote struct {
	Stage     int             `json:"stage"`
	By        string          `json:"by"`
	Name      string          `json:"name"`
	Behalf    string          `json:"behalf,omitempty"`   // for whom, by a deputy
	Standing  string          `json:"standing,omitempty"` // the customer's own instruction
	Verdict   string          `json:"verdict"`
	At        time.Time       `json:"at"`
	Age       int64           `json:"age"` // seconds
	For       string          `json:"for,omitempty"`
	NotBefore *time.Time      `json:"not_before,omitempty"`
	Actions   []policy.Action `json:"actions,omitempty"`
	ReadOnly  bool            `json:"read_only,omitempty"`
	NoFiles   bool            `json:"no_files,omitempty"`
	Watched   bool            `json:"watched,omitempty"`
	Promise   string          `json:"promise,omitempty"`
	Comment   string          `json:"comment,omitempty"`
}

func (c *console) item(v approvals.View) Item {
	q := v.Request
	i := Item{
		Request: q.ID, Target: q.Target, Login: q.Login, Customers: listed(q.Customers), Actions: v.Status.Actions, To: listed(q.To),
		Reason: q.Need.Reason, Need: q.Need.Text, Ticket: q.Need.Ticket, For: speech.Long(v.Status.For), At: q.At.UTC(), Phase: v.Status.Phase,
		Extends: q.Extends, Watched: v.Status.Watched, Promises: listed(v.Status.Promises), Accepted: len(v.Status.Promises) == 0,
		NotBefore: instant(v.Status.NotBefore), Thread: listed(v.Thread), Votes: []Vote{}, URL: c.page(v),
	}
	for _, g := range v.Status.Stages {
		s := Stage{g.Kind, g.Customer, g.Group, g.Count, len(g.Yes), len(g.No), g.Phase, g.Open, g.Answer.UTC(), nil}
		if r, at := rung(g, v.Now); r != nil {
			s.Next = &Rung{at.UTC(), r.Remind, r.To}
		}
		i.Stages = append(i.Stages, s)
	}
	for _, b := range q.Votes {
		i.Votes = append(i.Votes, vote(b, v.Now))
	}
	if v.Grant != nil {
		until := v.Grant.Until().UTC()
		i.Until, i.Started, i.Over = &until, !v.Grant.Activated.IsZero(), v.Grant.Over(v.Now)
		i.Watched = v.Grant.Watched
		i.Promises, i.Accepted = listed(v.Grant.Promises), len(v.Grant.Promises) == 0 || !v.Grant.Accepted.IsZero()
	}
	return i
}

func vote(b policy.Vote, now time.Time) Vote {
	out := Vote{
		Stage: b.Stage, By: b.By.ID, Name: b.By.Name, Behalf: b.Behalf, Standing: b.Standing, Verdict: b.Verdict, At: b.At.UTC(),
		Age: int64(now.Sub(b.At).Seconds()), NotBefore: instant(b.NotBefore), Actions: b.Actions, ReadOnly: b.ReadOnly,
		NoFiles: b.NoFiles, Watched: b.Watched, Promise: b.Promise, Comment: b.Comment,
	}
	if b.Verdict == policy.Yes {
		out.For = speech.Long(b.For)
	}
	return out
}

// rung is the next step of a stage's escalation; nil when there is none.
func rung(g policy.StageStatus, now time.Time) (*policy.Rung, time.Time) {
	if !g.Open {
		return nil, time.Time{}
	}
	for i, r := range g.Escalate {
		if at := g.Opened.Add(r.After); at.After(now) && at.Before(g.Answer) {
			return &g.Escalate[i], at
		}
	}
	return nil, time.Time{}
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// listed is a list that is never null in JSON.
func listed[T any](all []T) []T { return append([]T{}, all...) }
