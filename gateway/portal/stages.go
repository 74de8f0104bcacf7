package portal

import (
	"slices"
	"time"

	"lockbox/policy"
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
}

type voteFacts struct {
	Name    string // "" where the reader may know only the role
	Yes     bool
	At      time.Time
	For     time.Duration
	Comment string
	Mine    bool
}

// stage tells of one stage what the reader may know.
func (x *exchange) stage(s policy.StageStatus) stageFacts {
	f := stageFacts{Whose: x.whose(s.Stage), Count: s.Count, Of: s.Of, Phase: s.Phase, Open: s.Open, Answer: s.Answer}
	inside := x.who.Kind != policy.Reviewer // a reviewer learns of others that they voted, not who or why
	own := x.who.Kind == policy.Reviewer && s.Customer == x.who.Customer && s.Kind == policy.ByCustomer
	for _, v := range slices.Concat(s.Yes, s.No) {
		w := voteFacts{Yes: v.Verdict == policy.Yes, At: v.At, For: v.For, Mine: v.By.ID == x.who.ID}
		if inside || own || w.Mine {
			w.Name, w.Comment = v.By.Name, v.Comment
		}
		f.Votes = append(f.Votes, w)
	}
	return f
}

// whose names those whom a stage asks.
func (x *exchange) whose(s policy.Stage) string {
	switch {
	case s.Kind == policy.ByExecutive:
		return x.say.text("Executive board")
	case s.Kind == policy.ByCustomer:
		return customerName(x.p.Desk.Policy(), s.Customer)
	}
	return string(s.Kind)
}
