package portal

import (
	"slices"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

const lookBack = 30 * 24 * time.Hour

// A past is what the newest part of the log tells of one person's requests.
type past struct {
	days     int // that the newest events reach back, at most 30
	asked    int
	onTarget int
	declined int
	lately   bool            // declined for this target within a day
	of       map[string]bool // customers concerned before
}

// before counts the earlier requests of who asks in q. A reviewer is told only of
// those that concerned their customer.
func (x *exchange) before(q *policy.Request, now time.Time) (h past, err error) {
	events, all, err := x.p.newest.read(x.r.Context(), x.p.Ledger)
	if err != nil {
		return past{}, err
	}
	h.days, h.of = int(lookBack/(24*time.Hour)), map[string]bool{}
	if !all && len(events) > 0 {
		h.days = max(1, min(h.days, int(now.Sub(events[0].At)/(24*time.Hour))))
	}
	targets := map[string]string{} // code → target
	for _, e := range events {
		if e.At.Before(now.Add(-lookBack)) || len(e.Subjects) < 2 {
			continue
		}
		if x.who.Kind == policy.Reviewer && !slices.Contains(e.Subjects[2:], x.who.Customer) {
			continue
		}
		h.count(e, q, targets, now)
	}
	return h, nil
}

// count takes one event: subjects are code, target, customers.
func (h *past) count(e ledger.Event, q *policy.Request, targets map[string]string, now time.Time) {
	code, target := e.Subjects[0], e.Subjects[1]
	switch {
	case code == q.ID:
	case e.Kind == "request.made" && e.Actor == q.Who.ID:
		targets[code] = target
		h.asked++
		if target == q.Target {
			h.onTarget++
		}
		for _, c := range e.Subjects[2:] {
			h.of[c] = true
		}
	case e.Kind == "request.rejected" && targets[code] != "":
		h.declined++
		h.lately = h.lately || targets[code] == q.Target && now.Sub(e.At) < 24*time.Hour
	}
}

// normal gives up to three facts and up to two warnings. There is no score.
func (x *exchange) normal(q *policy.Request, now time.Time) (usual, warn []string, err error) {
	h, err := x.before(q, now)
	if err != nil {
		return nil, nil, err
	}
	say := x.say.text
	switch h.asked {
	case 0:
		usual = append(usual, say("first request in {days} days", "days", h.days))
	case 1:
		usual = append(usual, say("one earlier request in {days} days", "days", h.days))
	default:
		usual = append(usual, say("{n} earlier requests in {days} days", "days", h.days, "n", h.asked))
	}
	if h.asked > 0 {
		usual = append(usual, say("{n} for {target}", "target", q.Target, "n", h.onTarget), say("{n} declined", "n", h.declined))
	}
	warn, err = x.warnings(q, h, now)
	return usual, warn[:min(len(warn), 2)], err
}

func (x *exchange) warnings(q *policy.Request, h past, now time.Time) (warn []string, err error) {
	say, who := x.say.text, q.Who.Name
	if h.lately {
		warn = append(warn, say("A request by {who} for {target} was declined less than a day ago.", "who", who, "target", q.Target))
	}
	if x.who.Kind != policy.Reviewer && len(q.Customers) > 1 {
		warn = append(warn, say("This login reaches the data of {n} customers. Each of them is asked.", "n", len(q.Customers)))
	}
	person, err := x.p.People.Person(x.r.Context(), q.Who.ID)
	if err != nil {
		return nil, err
	}
	if age := now.Sub(person.Since); !person.Since.IsZero() && age < 7*24*time.Hour {
		warn = append(warn, say("{who} was enrolled less than a week ago.", "who", who))
	}
	for _, c := range q.Customers {
		if !h.of[c] && (x.who.Kind != policy.Reviewer || c == x.who.Customer) {
			warn = append(warn, say("First request by {who} for {customer} in {days} days.", "who", who,
				"customer", customerName(x.p.Desk.Policy(), c), "days", h.days))
			break
		}
	}
	return warn, nil
}
