package lang

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lockbox/policy"
)

// An Explained answer says which rule decided, in which line, and why the
// others did not. Its JSON is what `policy explain --json` prints.
type Explained struct {
	Question    Example    `json:"question"`
	Verdict     string     `json:"verdict"` // "deny" or "ask"
	Code        string     `json:"code,omitempty"`
	Sentence    string     `json:"sentence"`
	Rule        *Written   `json:"rule,omitempty"` // that decided; nil: none did
	Login       string     `json:"login,omitempty"`
	ReadOnly    bool       `json:"read_only,omitempty"`
	Customers   []string   `json:"customers,omitempty"` // whose data the login reaches
	Stages      []Waiting  `json:"stages,omitempty"`
	Limits      string     `json:"limits,omitempty"`
	Touch       string     `json:"touch,omitempty"`
	Recording   string     `json:"recording,omitempty"` // what is written down
	Kept        string     `json:"kept,omitempty"`      // for how long
	Readers     string     `json:"readers,omitempty"`   // whose keys open it
	Witnesses   int        `json:"witnesses,omitempty"` // that must have cosigned the log before anything passes
	Ticket      string     `json:"ticket,omitempty"`
	Reasons     []string   `json:"reasons,omitempty"`
	Declaration string     `json:"declaration,omitempty"` // version that must be signed before
	Notes       []string   `json:"notes,omitempty"`
	Others      []OtherOne `json:"others"` // every other rule, in the order of the files
}

// Written is a rule as it stands in its file.
type Written struct {
	Rule     string `json:"rule"`
	Position string `json:"position"`
	Forbid   bool   `json:"forbid"`
	Line     string `json:"line"` // the line at Position
}

// Waiting is a stage and who could pass it.
type Waiting struct {
	Step     int              `json:"step"` // from 1
	Kind     policy.StageKind `json:"kind"`
	Group    string           `json:"group,omitempty"`
	Customer string           `json:"customer,omitempty"`
	Count    int              `json:"count"`
	Expires  string           `json:"expires"`
	Who      []string         `json:"who,omitempty"` // those whom the files name
	Text     string           `json:"text"`
}

// OtherOne is a rule that did not decide.
type OtherOne struct {
	Rule     string `json:"rule"`
	Position string `json:"position"`
	Forbid   bool   `json:"forbid"`
	Why      string `json:"why"`
	Holds    string `json:"holds,omitempty"` // when, from where and for which reasons, where it is about person, target and action
	Concerns bool   `json:"concerns"`        // it is about the person or the target
}

// Explain answers a question of access by the policy alone: nobody has a grant
// yet. Its error says what cannot be asked, and what to write instead.
func (s *Source) Explain(q policy.Question) (Explained, error) {
	if err := s.askable(q); err != nil {
		return Explained{}, err
	}
	if d := s.Policy.Declaration; d != nil {
		q.Proofs = append(q.Proofs, policy.Proof{Kind: policy.Declared, Of: q.Who.ID, At: q.Now, For: d.Digest()})
	}
	x := s.Policy.Explain(q)
	out := Explained{Question: exampleOf(q), Others: []OtherOne{}, Verdict: policy.Deny.String(), Notes: s.notes(q)}
	s.answer(&out, q, x.Decision)
	target := s.Policy.Targets[q.On]
	for i := range x.Rules {
		w, r := &x.Rules[i], &s.Policy.Rules[i]
		if w.Decides {
			out.Rule = &Written{Rule: w.Rule, Position: w.Position, Forbid: w.Forbid, Line: s.line(i)}
			continue
		}
		who, where := s.about(r, q.Who), on(r, target)
		o := OtherOne{Rule: w.Rule, Position: w.Position, Forbid: w.Forbid, Why: w.Why.String(), Concerns: who || where}
		if who && where && slices.Contains(r.Actions, q.Do) {
			o.Holds = conditionsText(r)
		}
		out.Others = append(out.Others, o)
	}
	return out, nil
}

// askable refuses a question about what is not there: "deny" would be no answer.
func (s *Source) askable(q policy.Question) error {
	actions := make([]string, 0, len(policy.OnTarget()))
	for _, a := range policy.OnTarget() {
		actions = append(actions, string(a))
	}
	t := s.Policy.Targets[q.On]
	switch {
	case !slices.Contains(actions, string(q.Do)):
		return fmt.Errorf("%q is no action; %s", q.Do, instead(string(q.Do), actions))
	case q.Reason != "" && !slices.Contains(policy.Reasons(), q.Reason):
		return fmt.Errorf("%q is no reason; %s", q.Reason, instead(string(q.Reason), reasonNames()))
	case q.To != "" && q.Do != policy.Forward:
		return fmt.Errorf("only forward leads to an address; leave %s out", q.To)
	case q.To != "" && anAddress().wrong(q.To) != "":
		return fmt.Errorf("%q is where no tunnel leads; %s", q.To, anAddress().wrong(q.To))
	case t == nil:
		return fmt.Errorf("there is no target %q; %s", q.On, known(q.On, sortedKeys(s.Policy.Targets)))
	case q.Login != "" && len(t.Logins) > 0 && !slices.Contains(logins(t), q.Login) && !strings.Contains(q.Login, perCustomer):
		return fmt.Errorf("%s has no login %q; %s", q.On, q.Login, instead(q.Login, logins(t)))
	case q.Customer != "" && !slices.Contains(t.Customers, q.Customer):
		return fmt.Errorf("%s holds no data of customer %q; %s", q.On, q.Customer, instead(q.Customer, t.Customers))
	}
	return nil
}

// known says what to write for a name that is not among many.
func known(name string, names []string) string {
	if n := near(name, names); n != "" {
		return "did you mean " + n + "?"
	}
	if len(names) > fewNames {
		return fmt.Sprintf("there are %s and %d more", strings.Join(names[:fewNames], ", "), len(names)-fewNames)
	}
	return instead(name, names)
}

func reasonNames() []string {
	var out []string
	for _, r := range policy.Reasons() {
		out = append(out, string(r))
	}
	return out
}

func exampleOf(q policy.Question) Example {
	x := Example{
		As: q.Who.ID, Groups: q.Who.Groups, Do: q.Do, On: q.On, Login: q.Login, Customer: q.Customer, To: q.To,
		At: q.Now.Format(time.RFC3339), Reason: q.Reason, Emergency: q.Emergency,
	}
	if q.From.IsValid() {
		x.From = q.From.String()
	}
	return x
}

// notes are what the one who asks should know of their question.
func (s *Source) notes(q policy.Question) []string {
	var out []string
	if ids := s.ids(); !slices.Contains(ids, q.Who.ID) && len(q.Who.Groups) == 0 {
		note := "no file names " + q.Who.ID
		if n := near(q.Who.ID, ids); n != "" {
			note += "; did you mean " + n + "?"
		}
		out = append(out, note)
	}
	for _, g := range q.Who.Groups {
		if _, ok := s.Policy.Groups[g]; !ok {
			out = append(out, fmt.Sprintf("there is no group %q; %s", g, known(g, sortedKeys(s.Policy.Groups))))
		}
	}
	return out
}

// ids are all people whom the files let in somewhere or let say yes.
func (s *Source) ids() []string {
	all := map[string]bool{}
	for _, members := range s.Policy.Groups {
		for _, id := range members {
			all[id] = true
		}
	}
	for i := range s.Policy.Rules {
		for _, id := range s.Policy.Rules[i].People {
			all[id] = true
		}
	}
	return sortedKeys(all)
}

// answer fills in the decision.
func (s *Source) answer(out *Explained, q policy.Question, d policy.Decision) {
	out.Code = string(d.Code)
	what := fmt.Sprintf("%s %s on %s", q.Who.ID, "%s", q.On)
	if d.Verdict != policy.Ask {
		why := d.Why.String()
		switch {
		case d.Code != policy.NoTarget:
		case q.Who.Kind != policy.Staff && q.Who.Kind != policy.Machine:
			why = fmt.Sprintf("who is %s approves or reads, and does not go in", q.Who.Kind)
		case !s.reachable(q):
			why = "no rule permits them anything there"
		}
		out.Sentence = fmt.Sprintf(what, "may not use "+string(q.Do)) + ": " + why
		return
	}
	stages := d.Stages()
	out.Verdict = d.Verdict.String()
	out.Sentence = fmt.Sprintf(what, "may ask for "+string(q.Do)) + " as " + d.Login + ": it takes " + stagesText(stages)
	if q.Emergency {
		out.Sentence += " and a sealed code; executives have 24h to ratify it, and every customer concerned is told"
	}
	out.Login, out.ReadOnly, out.Customers = d.Login, d.ReadOnly, d.Customers
	out.Limits, out.Touch, out.Witnesses, out.Ticket = limitsText(d.Limits), lengthText(d.Fresh), d.Witnesses, d.Ticket
	out.Recording, out.Kept, out.Readers = recordText(d.Recording), keepText(d.Recording.Keep), readersText(d.Recording.Readers())
	for _, r := range d.Reasons() {
		out.Reasons = append(out.Reasons, string(r))
	}
	if s.Policy.Declaration != nil {
		out.Declaration = s.Policy.Declaration.Version
	}
	for _, g := range canonical(stages) {
		out.Stages = append(out.Stages, Waiting{
			Step: g.Step + 1, Kind: g.Kind, Group: g.Group, Customer: g.Customer, Count: g.Count,
			Expires: lengthText(g.Expires), Who: s.fillers(g, q.Who.ID), Text: stageText(g),
		})
	}
}

// reachable says whether any rule permits the person anything on the target.
func (s *Source) reachable(q policy.Question) bool {
	return slices.ContainsFunc(s.Policy.Rules, func(r policy.Rule) bool {
		return !r.Forbid && s.about(&r, q.Who) && on(&r, s.Policy.Targets[q.On])
	})
}

// fillers are those, of whom the files know, who could say yes in a stage.
func (s *Source) fillers(g policy.Stage, asker string) []string {
	members := slices.Clone(s.Policy.Groups[g.Group])
	if g.Kind == policy.ByOwner && len(members) == 0 {
		members = []string{g.Group}
	}
	return slices.DeleteFunc(members, func(id string) bool { return id == asker })
}

// about says whether a rule is about the person.
func (s *Source) about(r *policy.Rule, who policy.Principal) bool {
	if r.Forbid && len(r.People)+len(r.Groups) == 0 {
		return true
	}
	return slices.Contains(r.People, who.ID) || slices.ContainsFunc(r.Groups, func(g string) bool { return s.Policy.Member(who, g) })
}

// on says whether a rule is about the target.
func on(r *policy.Rule, t *policy.Target) bool {
	return covers(r, t) || r.Forbid && len(r.Targets)+len(r.Kinds)+len(r.Labels) == 0
}

// line is the one at which a rule begins.
func (s *Source) line(rule int) string {
	n := s.rules[rule]
	if n.line < 1 || n.line > len(n.file.lines) {
		return ""
	}
	return strings.TrimSpace(n.file.lines[n.line-1])
}
