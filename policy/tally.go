package policy

import (
	"slices"
	"time"
)

// A StageStatus is how far one stage has come.
type StageStatus struct {
	Stage
	Phase  Phase // Pending, Approved, Rejected or Expired
	Open   bool  // may be voted on now
	Yes    []Vote
	No     []Vote
	Answer time.Time // when it expires
	Opened time.Time // since when it may be voted on; zero: not yet
	Passed time.Time // when its quorum was reached
}

// A Status is what the votes of a request come to.
type Status struct {
	Phase     Phase
	At        time.Time // when the phase was reached; zero while pending
	For       time.Duration
	NotBefore time.Time
	Actions   []Action // what every yes so far leaves
	Watched   bool     // a yes asks that nothing passes while none of those who decide watches
	Promises  []string // what the engineer has to accept
	Stages    []StageStatus
}

// Tally counts the votes as they stand at now. It believes them: whoever rests
// access on it verifies each vote's signature first. What is over stays over at
// every later time.
func (r *Request) Tally(now time.Time) Status {
	s := Status{Phase: Pending, For: min(r.For, HardMax), Actions: r.Actions, Stages: make([]StageStatus, len(r.Stages))}
	opened, open := r.At, true
	for _, step := range r.steps() {
		passed, done := opened, open
		for i, g := range r.Stages {
			if g.Step != step {
				continue
			}
			s.Stages[i] = r.count(i, g, opened, now)
			passed, done = later(passed, s.Stages[i].Passed), done && s.Stages[i].Phase == Approved
		}
		if opened, open = passed, done; !open {
			opened = time.Time{} // nothing that comes after is open
		}
	}
	s.settle(r)
	return s
}

// steps lists the steps of the stages, in order.
func (r *Request) steps() []int {
	var out []int
	for _, g := range r.Stages {
		out = append(out, g.Step)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func later(a, b time.Time) time.Time {
	if b.After(a) && !a.IsZero() || a.IsZero() {
		return b
	}
	return a
}

// count puts the votes of stage i together.
func (r *Request) count(i int, g Stage, opened, now time.Time) StageStatus {
	st := StageStatus{Stage: g, Phase: Pending, Answer: r.At.Add(g.Expires), Opened: opened}
	yes := 0
	for _, v := range r.counted(i, &st, now) {
		if v.Verdict != Yes {
			st.No = append(st.No, v)
			if st.asked(v.At)-len(st.No) < g.Count {
				st.Phase = Rejected
			}
			continue
		}
		if yes++; v.Standing != "" {
			yes = max(yes, g.Count)
		}
		if st.Yes = append(st.Yes, v); yes >= g.Count && st.Passed.IsZero() {
			st.Passed = later(v.At, opened)
		}
	}
	switch {
	case g.Count < 1: // a stage that nobody wrote down right
		st.Phase = Rejected
	case st.Phase == Rejected: // a no beats any yes
	case !st.Passed.IsZero():
		st.Phase = Approved
	case !now.Before(st.Answer):
		st.Phase = Expired
	}
	st.Open = st.Phase == Pending && !opened.IsZero()
	return st
}

// counted lists the votes of stage i that count. One person counts once, and so
// do a person and their deputy; nobody votes on their own request, or on that of
// somebody whose key they confirmed. A no counts whatever the clock says now; a
// yes does not before it was given. A customer's own instruction stands for its
// whole vote, and may be there before its stage is open.
func (r *Request) counted(i int, st *StageStatus, now time.Time) (out []Vote) {
	seen := map[string]bool{r.Who.ID: true, r.Who.Vouched: true, "": true}
	for n, v := range r.Votes {
		switch standing := v.Standing != ""; {
		case v.Stage != i, !v.At.Before(st.Answer), v.At.Before(r.At), v.Verdict == Yes && v.At.After(now):
			continue
		case st.Kind == ByGlass && v.Behalf != "": // who is there, not who stands for them
			continue
		case standing && (st.Kind != ByCustomer || v.Verdict != Yes):
			continue
		case !standing && (st.Opened.IsZero() || v.At.Before(st.Opened)):
			continue
		case !standing && (seen[v.By.ID] || v.Behalf != "" && seen[v.Behalf]):
			continue
		case !standing && v.Verdict == Yes && r.spent(n, v):
			continue
		case !standing:
			seen[v.By.ID], seen[v.Behalf] = true, true
		}
		out = append(out, v)
	}
	return out
}

// spent says whether whoever gave a yes, vote n, had given one to another stage
// before: every stage is somebody else's eyes.
func (r *Request) spent(n int, v Vote) bool {
	return slices.ContainsFunc(r.Votes[:n], func(u Vote) bool {
		return u.Stage != v.Stage && u.Verdict == Yes && u.Standing == "" && (u.isOf(v.By.ID) || u.isOf(v.Behalf))
	})
}

// asked is how many people the stage asked at an instant: more after each rung.
func (st *StageStatus) asked(at time.Time) int {
	n := st.Of
	for _, r := range st.Escalate {
		if st.risen(r, at) {
			n += r.Of
		}
	}
	return n
}

// risen says whether the stage has waited so long.
func (st *StageStatus) risen(r Rung, at time.Time) bool {
	return !st.Opened.IsZero() && !at.Before(st.Opened.Add(r.After))
}

// settle finds the phase of the whole: any no beats any yes.
func (s *Status) settle(r *Request) {
	last := r.At
	phases := map[Phase]bool{}
	for _, st := range s.Stages {
		phases[st.Phase] = true
		for _, v := range st.Yes {
			s.narrow(v.Terms, r)
		}
		for _, v := range slices.Concat(st.Yes, st.No) {
			last = later(last, v.At)
		}
	}
	switch {
	case !r.Withdrawn.IsZero(): // whatever the clock says now
		s.Phase, s.At = Withdrawn, r.Withdrawn
	case len(s.Stages) == 0, // access always rests on somebody's yes
		phases[Rejected], len(s.Actions) == 0 && len(r.Actions) > 0: // or the votes have nothing in common
		s.Phase, s.At = Rejected, last
	case phases[Expired]:
		s.Phase, s.At = Expired, s.firstExpiry()
	case !phases[Pending]:
		s.Phase, s.At = Approved, last
	}
}

// narrow takes away what one yes does not give.
func (s *Status) narrow(t Terms, r *Request) {
	if s.For = min(s.For, t.For); t.For <= 0 {
		s.For = 0
	}
	s.NotBefore = later(s.NotBefore, t.NotBefore)
	s.Actions, s.Watched = t.Leave(s.Actions, r.ReadOnly), s.Watched || t.Watched
	if t.Promise != "" && !slices.Contains(s.Promises, t.Promise) {
		s.Promises = append(s.Promises, t.Promise)
	}
}

func (s *Status) firstExpiry() time.Time {
	var at time.Time
	for _, st := range s.Stages {
		if st.Phase == Expired && (at.IsZero() || st.Answer.Before(at)) {
			at = st.Answer
		}
	}
	return at
}
