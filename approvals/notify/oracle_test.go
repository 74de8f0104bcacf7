package notify

import (
	"slices"
	"time"

	"lockbox/recorder/ledger"
)

// A told is one notice as the oracle knows it.
type told struct {
	to    string
	topic Topic
	kind  string
	stage int
	rung  int
}

// A due is one told, with the event it comes of and the instant from which it is moot.
type due struct {
	told
	at, moot time.Time
	always   bool // it is told whatever was told before
	maybe    bool // it may be told
}

// A tale is what the events tell of one request.
type tale struct {
	who, customer string
	made          time.Time
	over0, closed time.Time
	risen         bool
	voted         map[string]bool
	yes           []string
	out           []due
}

// oracle reads from the events alone what everybody has to be told of each
// request. It shares nothing with Plan.
func oracle(events []ledger.Event) map[string][]due {
	all := map[string]*tale{}
	for _, e := range events {
		if len(e.Subjects) == 0 {
			continue
		}
		code := e.Subjects[0]
		if e.Kind == "request.made" {
			all[code] = &tale{who: e.Actor, customer: e.Customers[0], made: e.At, voted: map[string]bool{}}
		}
		if r := all[code]; r != nil {
			r.hears(e)
		}
	}
	out := map[string][]due{}
	for code, r := range all {
		out[code] = r.out
	}
	return out
}

func seats() []string { return []string{"ceo@x.eu", "cto@x.eu"} }

func (r *tale) reviewers() []string {
	if r.customer == "nord" {
		return []string{"ann@nord.x", "abe@nord.x"}
	}
	return []string{"bo@syd.x"}
}

func (r *tale) stage0() []string {
	if r.risen {
		return append(seats(), "dep@x.eu")
	}
	return seats()
}

func (r *tale) add(e ledger.Event, to string, t Topic, stage, rung int, always bool) {
	r.out = append(r.out, due{told: told{to, t, e.Kind, stage, rung}, at: e.At, always: always})
}

func (r *tale) moot(e ledger.Event, match func(due) bool) {
	for i, d := range r.out {
		if (d.topic == Waits || d.topic == Asked) && d.moot.IsZero() && match(d) {
			r.out[i].moot = e.At
		}
	}
}

func (r *tale) hears(e ledger.Event) {
	switch e.Kind {
	case "request.made":
		r.add(e, r.who, Asked, 0, 0, false)
		for _, to := range seats() {
			r.add(e, to, Waits, 0, 0, false)
		}
	case "request.reminded":
		for _, to := range seats() {
			if !r.voted[to] {
				r.moot(e, func(d due) bool { return d.topic == Waits && d.to == to && d.stage == 0 })
				r.add(e, to, Waits, 0, 1, false)
			}
		}
	case "request.escalated":
		r.risen = true
		r.add(e, "dep@x.eu", Waits, 0, 2, false)
	case "vote.approve", "vote.reject":
		r.votes(e)
	case "grant.made", "request.rejected", "request.expired", "request.withdrawn":
		r.ends(e)
	case "request.remark":
		r.says(e)
	case "grant.revoked", "grant.ended":
		for _, to := range r.yes {
			r.add(e, to, Ended, 0, 0, true)
		}
		r.add(e, r.who, Ended, 0, 0, true)
	}
}

func (r *tale) votes(e ledger.Event) {
	r.voted[e.Actor], r.risen = true, r.risen || e.Actor == "dep@x.eu" // who may, though nobody wrote it down yet
	if e.Kind == "vote.reject" {
		r.moot(e, func(d due) bool { return d.topic == Waits && d.to == e.Actor })
		stage := 0
		if !r.over0.IsZero() {
			stage = 1
		}
		r.add(e, e.Actor, Decided, stage, 0, true) // ends takes it back where it closed the request
		return
	}
	if r.yes = append(r.yes, e.Actor); !r.over0.IsZero() {
		return
	}
	r.over0 = e.At
	r.moot(e, func(d due) bool { return d.topic == Waits && d.stage == 0 })
	for _, to := range r.stage0() {
		r.add(e, to, Decided, 0, 0, r.voted[to])
	}
	for _, to := range r.reviewers() {
		r.add(e, to, Waits, 1, 0, false)
	}
}

func (r *tale) ends(e ledger.Event) {
	r.moot(e, func(due) bool { return true })
	r.closed = e.At
	if last := len(r.out) - 1; e.Kind == "request.rejected" && r.out[last].kind == "vote.reject" && r.out[last].at.Equal(e.At) {
		r.out = r.out[:last]
	}
	all := slices.Clone(r.stage0())
	if !r.over0.IsZero() {
		all = append(all, r.reviewers()...)
	}
	for _, to := range all {
		r.add(e, to, Decided, 0, 0, r.voted[to])
	}
	r.add(e, r.who, Decided, 0, 0, true)
}

func (r *tale) says(e ledger.Event) {
	for _, to := range append(slices.Clone(r.stage0()), r.who) {
		if to != e.Actor {
			r.add(e, to, Said, 0, 0, true)
		}
	}
	over := e.At
	if !r.over0.IsZero() {
		over = r.over0
	} else if !r.closed.IsZero() {
		over = r.closed
	}
	if !r.risen && over.Sub(r.made) >= 15*time.Minute { // whom they may ask, though nobody wrote it down yet
		r.out = append(r.out, due{told: told{"dep@x.eu", Said, e.Kind, 0, 0}, at: e.At, maybe: true})
	}
}
