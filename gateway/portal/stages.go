package portal

import (
	"slices"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/policy/statement"
)

// A stageFacts is whose yes is needed, and what they said.
type stageFacts struct {
	Whose  string
	Count  int
	Of     int
	Phase  policy.Phase
	Open   bool
	Answer time.Time
	Votes  []voteFacts
	Rungs  []rungFacts
}

type voteFacts struct {
	Name     string // "" where the reader may know only the role
	Yes      bool
	At       time.Time
	For      time.Duration
	Terms    termFacts
	Comment  string
	Mine     bool
	Behalf   string        // name of whom a deputy voted for
	Standing string        // code of the customer's own motion that stands for its vote
	Age      time.Duration // shown when there is long to wait
	Kept     string        // "synced" or "bound": what the passkey that signed said of itself; "" where none did
}

// A rungFacts is a step of the escalation that was taken, or is still to come.
type rungFacts struct {
	At     time.Time
	Risen  bool
	Remind bool
	To     string
}

const oldVote = 4 * time.Hour // who waits longer after the first vote reads how old each is

// stages tells of the stages what the reader may know.
func (x *exchange) stages(v approvals.View) (all []stageFacts) {
	first := time.Time{}
	for _, s := range v.Status.Stages {
		for _, w := range slices.Concat(s.Yes, s.No) {
			if first.IsZero() || w.At.Before(first) {
				first = w.At
			}
		}
	}
	for _, s := range v.Status.Stages {
		f := x.stage(s, v.Request.For)
		if v.Status.Phase == policy.Pending && !first.IsZero() && v.Now.Sub(first) > oldVote {
			for i := range f.Votes {
				f.Votes[i].Age = v.Now.Sub(f.Votes[i].At)
			}
		}
		if s.Open && x.inside(s) {
			f.Rungs = x.rungs(s, v.Now)
		}
		all = append(all, f)
	}
	return all
}

// inside says whether the reader may know who voted and why: a reviewer learns of
// others that they voted only.
func (x *exchange) inside(s policy.StageStatus) bool {
	return x.who.Kind != policy.Reviewer || s.Kind == policy.ByCustomer && s.Customer == x.who.Customer
}

func (x *exchange) stage(s policy.StageStatus, asked time.Duration) stageFacts {
	f := stageFacts{Whose: x.whose(s.Stage), Count: s.Count, Of: s.Of, Phase: s.Phase, Open: s.Open, Answer: s.Answer}
	for _, v := range slices.Concat(s.Yes, s.No) {
		w := voteFacts{Yes: v.Verdict == policy.Yes, At: v.At, For: v.For, Mine: v.By.ID == x.who.ID && v.By.ID != "", Terms: x.termFacts(v.Terms, asked)}
		w.Terms.Shorter = 0 // the sentence says for how long
		if x.inside(s) || w.Mine {
			w.Name, w.Comment, w.Standing = v.By.Name, v.Comment, v.Standing
			w.Behalf = x.name(v.Behalf)
		}
		if a, err := statement.ParseAssertion(v.Assertion); err == nil {
			w.Kept = map[bool]string{true: "synced", false: "bound"}[a.Flags().Eligible]
		}
		f.Votes = append(f.Votes, w)
	}
	return f
}

// name is what somebody is called; their id where nobody is known by it.
func (x *exchange) name(id string) string {
	if id == "" {
		return ""
	}
	if p, err := x.p.People.Person(x.r.Context(), id); err == nil && p.Name != "" {
		return p.Name
	}
	return id
}

func (x *exchange) rungs(s policy.StageStatus, now time.Time) (all []rungFacts) {
	for _, r := range s.Escalate {
		at := s.Opened.Add(r.After)
		all = append(all, rungFacts{At: at, Risen: !now.Before(at), Remind: r.Remind != "", To: r.To})
	}
	return all
}

// whose names those whom a stage asks.
func (x *exchange) whose(s policy.Stage) string {
	switch s.Kind {
	case policy.ByExecutive:
		return x.say.text("Executive board")
	case policy.ByCustomer:
		return customerName(x.p.Desk.Policy(), s.Customer)
	case policy.ByPeer:
		return x.say.text("A colleague of the engineer ({group})", "group", s.Group)
	case policy.ByOwner:
		return x.say.text("Who is responsible for the target ({group})", "group", s.Group)
	case policy.ByGlass:
		return x.say.text("A second person ({group}), for a sealed code", "group", s.Group)
	case policy.BySelf:
		return x.say.text("Who proposed it")
	}
	return string(s.Kind)
}
