package policy

import (
	"slices"
	"time"
)

const (
	// GlassMost is how long access by breaking the glass lasts at most.
	GlassMost = time.Hour
	// RatifyWithin is how long after it was given executives have to ratify it.
	RatifyWithin = 24 * time.Hour
)

// An Incident is access that somebody took by breaking the glass.
type Incident struct {
	Request string    `json:"request"` // its code
	Who     string    `json:"who"`     // Principal.ID
	Target  string    `json:"target"`
	Marks   []string  `json:"marks"` // what its machine was known by
	At      time.Time `json:"at"`    // when access was given
}

// Due is when it locks person and machine, unless it was settled.
func (i *Incident) Due() time.Time { return i.At.Add(RatifyWithin) }

// concerns says whether it is the person's, or the machine's under whatever name.
func (i *Incident) concerns(who *Principal, t *Target) bool {
	return i.Who == who.ID || i.Target == t.Name || slices.ContainsFunc(t.Marks(), func(m string) bool { return slices.Contains(i.Marks, m) })
}

// hurry is what holds of access in an emergency whatever its rule says: it is
// short, each session takes a touch of its own, and it waits for no witness.
func (d *Decision) hurry() {
	if d.Limits.Max = min(d.Limits.Max, GlassMost); d.Limits.Max <= 0 {
		d.Limits.Max = GlassMost
	}
	d.Limits.Default, d.Limits.ActivateWithin = min(d.Limits.Default, d.Limits.Max), min(d.Limits.ActivateWithin, GlassMost)
	d.Fresh, d.Witnesses = min(d.Fresh, ceremony), 0
}

// barred says why nobody may come in although a rule permits it; the zero
// Sentence where nothing is in the way.
func (q *Question) barred(d *Decision, t *Target) Sentence {
	for i := range q.Incidents {
		if x := &q.Incidents[i]; !q.Now.Before(x.Due()) && x.concerns(&q.Who, t) {
			return Says("the glass was broken for %s (%s) and nobody ratified it within 24 h: who did it and the target are locked until two executives settle it at /incidents/%s", x.Target, x.Request, x.Request)
		}
	}
	if q.Emergency {
		for _, c := range d.Customers {
			if slices.Contains(q.Never, c) {
				return Says("customer %s said that the glass is never broken where its data is; ask the normal way", c)
			}
		}
	}
	return Sentence{}
}

// lockedOut says whether who asks is locked for what they did: they let nobody
// else in either, or two who cover each other could go on for ever.
func (q *Question) lockedOut() bool {
	return slices.ContainsFunc(q.Incidents, func(x Incident) bool { return x.Who == q.Who.ID && !q.Now.Before(x.Due()) })
}

// locked is the earlier of an end and of the first lock that is to come.
func (q *Question) locked(end time.Time, t *Target) time.Time {
	for i := range q.Incidents {
		if x := &q.Incidents[i]; x.Due().Before(end) && x.concerns(&q.Who, t) {
			end = x.Due()
		}
	}
	return end
}

// Skipped are those who would have decided, had the glass not been broken: they
// are told, and may look at it and end it. None where nothing was skipped.
func (r *Request) Skipped() (all []Stage) {
	if !r.Emergency {
		return nil
	}
	all = append(all, Stage{Kind: ByExecutive, Count: 1})
	for _, c := range r.Customers {
		all = append(all, Stage{Kind: ByCustomer, Customer: c, Count: 1})
	}
	return all
}

func (r *Request) skipped() (all []StageStatus) {
	for _, s := range r.Skipped() {
		all = append(all, StageStatus{Stage: s})
	}
	return all
}
