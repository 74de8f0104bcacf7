package speech

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
)

// Names are customers as people call them.
func (w *Words) Names(ids ...string) (names []string) {
	for _, id := range ids {
		name := id
		if w.book != nil {
			if c := w.book().Customers[id]; c.Name != "" {
				name = c.Name
			}
		}
		names = append(names, Clean(name))
	}
	return names
}

// Data is whose data is concerned, and whose approval that takes.
func (w *Words) Data(customers []string, stages []policy.Stage) string {
	data := w.noCustomers
	if len(customers) > 0 {
		data = fmt.Sprintf(w.customers, strings.Join(w.Names(customers...), ", "))
	}
	return data + " " + fmt.Sprintf(w.approval, w.chain(stages))
}

// chain is whose approval is needed, in order: "a board member, then Nord Legal".
func (w *Words) chain(stages []policy.Stage) string {
	var b strings.Builder
	for i, g := range stages {
		switch {
		case i > 0 && g.Step != stages[i-1].Step:
			b.WriteString(w.then)
		case i > 0:
			b.WriteString(w.And)
		}
		b.WriteString(w.Stage(g))
	}
	return b.String()
}

// Stage is who answers for a stage, and how many of them.
func (w *Words) Stage(g policy.Stage) string {
	switch g.Kind {
	case policy.ByCustomer:
		return w.Names(g.Customer)[0]
	case policy.ByPeer:
		return fmt.Sprintf(w.peer, Clean(g.Group))
	case policy.ByGlass:
		return fmt.Sprintf(w.glass, Clean(g.Group))
	case policy.ByOwner:
		return fmt.Sprintf(w.owner, Clean(g.Group))
	}
	if g.Count > 1 {
		return fmt.Sprintf(w.boardMembers, g.Count)
	}
	return w.boardMember
}

// Asks is whose answer a request waits for, and whose stands already.
func (w *Words) Asks(v approvals.View) string {
	var to []string
	for i, g := range v.Request.Stages {
		whose := w.board
		if g.Count = 1; g.Kind != policy.ByExecutive {
			whose = w.Stage(g)
		}
		if slices.ContainsFunc(v.Request.Votes, func(b policy.Vote) bool { return b.Stage == i && b.Standing != "" }) {
			to = append(to, w.Stands(whose))
			continue
		}
		to = append(to, fmt.Sprintf(w.people, whose, g.Of))
	}
	return strings.Join(to, " · ")
}

// Stands says that somebody's yes stands already.
func (w *Words) Stands(whose string) string { return fmt.Sprintf(w.standsAlready, whose) }

// By is who voted, and for whom.
func (w *Words) By(b policy.Vote) string {
	if b.Behalf == "" {
		return Clean(b.By.Name)
	}
	return fmt.Sprintf(w.deputy, Clean(b.By.Name), Clean(b.Behalf))
}

// Noes are those who said no, and why.
func Noes(s policy.Status) string {
	var all []string
	for _, g := range s.Stages {
		for _, v := range g.No {
			text := v.By.Name
			if v.Comment != "" {
				text += ": " + v.Comment
			}
			all = append(all, Clean(text))
		}
	}
	return strings.Join(all, "; ")
}

// Terms are what a yes is limited to.
func (w *Words) Terms(t policy.Terms, now time.Time) (all []string) {
	if !t.NotBefore.IsZero() {
		all = append(all, fmt.Sprintf(w.notBefore, Day(t.NotBefore, now)))
	}
	if len(t.Actions) > 0 {
		all = append(all, fmt.Sprintf(w.onlyActions, Actions(t.Actions)))
	}
	if t.ReadOnly {
		all = append(all, w.ReadOnly)
	}
	if t.NoFiles {
		all = append(all, w.noFiles)
	}
	if t.Watched {
		all = append(all, w.watched)
	}
	if t.Promise != "" {
		all = append(all, fmt.Sprintf(w.PromiseLine, t.Promise))
	}
	return all
}

// Actions are what may be done, by the names that rules have for it.
func Actions(all []policy.Action) string {
	var names []string
	for _, a := range all {
		names = append(names, string(a))
	}
	return strings.Join(names, ", ")
}

// Less is what all the votes leave of what was asked; "" when all of it.
func (w *Words) Less(v approvals.View) string {
	var all []string
	if v.Status.For < v.Request.For {
		all = append(all, fmt.Sprintf(w.shorter, Long(v.Status.For), Long(v.Request.For)))
	}
	if v.Status.NotBefore.After(v.Now) {
		all = append(all, fmt.Sprintf(w.notBefore, Day(v.Status.NotBefore, v.Now)))
	}
	if len(v.Status.Actions) < len(v.Request.Actions) {
		all = append(all, fmt.Sprintf(w.onlyActions, Actions(v.Status.Actions)))
	}
	if v.Status.Watched || v.Grant != nil && v.Grant.Watched {
		all = append(all, w.watched)
	}
	if len(all) == 0 {
		return ""
	}
	return Clean(fmt.Sprintf(w.enforced, strings.Join(all, " · ")))
}
