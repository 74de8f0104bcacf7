package api

import (
	"slices"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder"
)

func person(p policy.Principal) Person { return Person{p.ID, p.Name, p.Kind, p.Customer} }

// list is never null in JSON.
func list[T any](in []T) []T { return slices.Concat([]T{}, in) }

// moment is nil for the zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// request is what the person may see of one, as programs read it. The view was
// made for them; nothing is added to it here.
func (a *API) request(v approvals.View) Request {
	q := v.Request
	r := Request{
		Request: q.ID, URL: a.page("/r/" + q.ID), Who: person(q.Who), At: q.At.UTC(), Target: q.Target, Login: q.Login, ReadOnly: q.ReadOnly,
		Customers: list(q.Customers), Actions: list(v.Status.Actions), To: list(q.To), Reason: q.Need.Reason, Need: q.Need.Text, Ticket: q.Need.Ticket,
		For: Span(v.Status.For), Phase: v.Status.Phase, Decided: moment(v.Status.At), Extends: q.Extends,
		Stages: []Stage{}, Thread: []Remark{}, Digest: v.Digest, NotBefore: moment(v.Status.NotBefore), Watched: v.Status.Watched, Promises: list(v.Status.Promises),
	}
	for _, s := range v.Status.Stages {
		r.Stages = append(r.Stages, stage(s))
	}
	for _, m := range v.Thread {
		r.Thread = append(r.Thread, Remark{m.By, m.Name, m.At.UTC(), m.Thread, m.Text})
	}
	if g := v.Grant; g != nil {
		r.Until, r.Started, r.Over = moment(g.Until()), !g.Activated.IsZero(), g.Over(v.Now)
		r.Actions, r.For, r.NotBefore = list(g.Actions), Span(g.For), moment(g.NotBefore)
		r.Watched = g.Watched
		r.Promises, r.Accepted = list(g.Promises), !g.Accepted.IsZero()
	}
	return r
}

func stage(s policy.StageStatus) Stage {
	out := Stage{
		Kind: s.Kind, Group: s.Group, Customer: s.Customer, Count: s.Count, Yes: len(s.Yes), No: len(s.No),
		Open: s.Open, Phase: s.Phase, AnswerBy: s.Answer.UTC(), Votes: []Vote{},
	}
	for _, v := range slices.Concat(s.Yes, s.No) {
		out.Votes = append(out.Votes, Vote{
			By: person(v.By), At: v.At.UTC(), Verdict: v.Verdict, For: Span(v.For), NotBefore: moment(v.NotBefore), Actions: v.Actions,
			ReadOnly: v.ReadOnly, NoFiles: v.NoFiles, Watched: v.Watched, Promise: v.Promise, Comment: v.Comment, Behalf: v.Behalf, Standing: v.Standing,
		})
	}
	return out
}

func (a *API) requests(all []approvals.View) RequestList {
	out := RequestList{Requests: []Request{}}
	for _, v := range all {
		out.Requests = append(out.Requests, a.request(v))
	}
	return out
}

func (a *API) session(s recorder.Session) Session {
	return Session{
		ID: s.ID, URL: a.page("/s/" + s.ID), Request: s.Request, Target: s.Target, Login: s.Login, Remote: s.Remote, Who: person(s.Who),
		Customers: list(s.Customers), Began: s.Began.UTC(), Ended: moment(s.Ended), Cause: s.Cause, Root: s.Root,
	}
}
