package policy

import (
	"net/netip"
	"slices"
	"time"
)

// A sieve lets through the rules that can matter to a person on a target.
// Without an index it looks at every one.
type sieve struct {
	p      *Policy
	who    *Principal
	target *Target

	place  *place // of the target, with an index
	people []set  // rules that concern the person, with an index
}

// concerns says whether some rule permits the person anything on the target, at
// whatever time. Who approves or audits does not go in.
func (s *sieve) concerns() bool {
	return s.who.goesIn() && s.next(0, anything) >= 0
}

// anything stands for each action of a rule that permits.
const anything Action = ""

// next is the first rule from i on that is about the action and the target and
// concerns the person; -1 where none is.
func (s *sieve) next(i int, do Action) int {
	if s.place != nil {
		return first(i, s.place.rules, s.p.index.actions[do.place()], s.people)
	}
	for ; i < len(s.p.Rules); i++ {
		if s.p.aside(&s.p.Rules[i], do, s.who, s.target) == "" {
			return i
		}
	}
	return -1
}

// match finds the rule that decides: the first forbid that fits, else the
// first permit whose conditions hold. Without one it says why.
func (s *sieve) match(q *Question, why *Sentence) (found *Rule) {
	for i := s.next(0, q.Do); i >= 0; i = s.next(i+1, q.Do) {
		r := &s.p.Rules[i]
		miss := r.miss(q)
		switch {
		case r.Forbid && miss == "":
			return r
		case r.Forbid || found != nil:
		case r.Emergency() != q.Emergency:
			if why.IsZero() && !q.Emergency {
				*why = Says("rule %q permits it only in an emergency: `glass %s` breaks the glass", r.Name, s.target.Name)
			}
		case miss != "":
			*why = Says("rule %q permits it only %s", r.Name, miss)
		default:
			found = r
		}
	}
	if found == nil && why.IsZero() && q.Emergency {
		*why = Says("no rule lets you break the glass for %s on %s", string(q.Do), s.target.Name)
	} else if found == nil && why.IsZero() {
		*why = Says("no rule permits %s on %s for you", string(q.Do), s.target.Name)
	}
	return found
}

// aside says why a rule has nothing to say of an action of the person on the
// target, whatever the time and the reason; "" when it has.
func (p *Policy) aside(r *Rule, do Action, who *Principal, t *Target) string {
	switch {
	case do == anything && r.Forbid, do != anything && !slices.Contains(r.Actions, do):
		return "it is not about this action"
	case !p.applies(r, who):
		return "it does not concern this person"
	case t == nil || !r.covers(t):
		return "it is not about this target"
	}
	return ""
}

// goesIn says whether a person of this kind may go in at all.
func (who *Principal) goesIn() bool { return who.Kind == Staff || who.Kind == Machine }

func (p *Policy) applies(r *Rule, who *Principal) bool {
	if !r.Forbid && !who.goesIn() {
		return false
	}
	return r.everybody() || slices.Contains(r.People, who.ID) ||
		slices.ContainsFunc(r.Groups, func(g string) bool { return p.Member(*who, g) })
}

// everybody: a forbid that names nobody is for everybody; a permit is for nobody.
func (r *Rule) everybody() bool { return r.Forbid && len(r.People) == 0 && len(r.Groups) == 0 }

// nowhere: what permits without a place permits nowhere; what forbids, forbids everywhere.
func (r *Rule) nowhere() bool {
	return !r.Forbid && len(r.Targets) == 0 && len(r.Kinds) == 0 && len(r.Labels) == 0
}

func (r *Rule) covers(t *Target) bool {
	if r.nowhere() || len(r.Targets) > 0 && !slices.Contains(r.Targets, t.Name) || len(r.Kinds) > 0 && !slices.Contains(r.Kinds, t.Kind) {
		return false
	}
	for k, v := range r.Labels {
		if t.Labels[k] != v {
			return false
		}
	}
	return true
}

// miss names the condition that does not hold; "" when all do. For a forbid an
// unknown fact holds; for a permit it does not, but that one may ask before the
// reason is known.
func (r *Rule) miss(q *Question) string {
	reason, open := q.Reason, q.Reason == ""
	if q.Grant != nil {
		reason, open = q.Grant.Reason, r.Forbid && q.Grant.Reason == ""
	}
	switch {
	case r.Hours != nil && !r.Hours.hold(q.Now) && !(r.Forbid && r.Hours.broken()):
		return "in its hours"
	case len(r.From) > 0 && !r.near(q.From):
		return "from its networks"
	case len(r.Reasons) > 0 && !open && !slices.Contains(r.Reasons, reason):
		return "for other reasons"
	case q.Do == Forward && !r.Forbid && !r.leads(q):
		return "to the addresses it lists"
	}
	return ""
}

// leads says whether a tunnel may end where it shall. Who asks may do so before that is known.
func (r *Rule) leads(q *Question) bool {
	return q.To == "" && q.Grant == nil || slices.Contains(r.Bounds.To, q.To)
}

func (r *Rule) near(from netip.Addr) bool {
	if !from.IsValid() {
		return r.Forbid
	}
	from = from.Unmap().WithZone("")
	return slices.ContainsFunc(r.From, func(p netip.Prefix) bool { return p.Contains(from) })
}

// broken says that there is no instant which these could mean.
func (h *Hours) broken() bool { return h.Zone == nil || len(h.Days) == 0 || h.To <= h.From }

func (h *Hours) hold(now time.Time) bool {
	if h.broken() {
		return false
	}
	local := now.In(h.Zone)
	clock := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute +
		time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
	return slices.Contains(h.Days, local.Weekday()) && h.From <= clock && clock < h.To
}

// stages hands out the rule's stages, one per customer concerned. What no
// configuration can take away is added: an executive for production, and every
// customer whose data the login reaches. In an emergency these are told, not
// asked: executives have to ratify it, and customers may have said never.
func (r *Rule) stages(t *Target, customers []string, each func(Stage)) {
	executive, customer, last := r.Emergency(), r.Emergency(), 0
	for i := range r.Stages {
		executive = executive || r.Stages[i].Kind == ByExecutive
		customer = customer || r.Stages[i].Kind == ByCustomer
		last = max(last, r.Stages[i].Step+1)
	}
	later := 0
	if t.Production() && !executive {
		each(Stage{Kind: ByExecutive, Count: 1, Expires: 12 * time.Hour})
		later = 1
	}
	for _, s := range r.Stages {
		s.Step += later
		switch s.Kind {
		case ByCustomer:
			perEach(s, customers, each)
			continue
		case ByOwner:
			s.Group = t.Owner
		}
		each(s)
	}
	if !customer {
		perEach(Stage{Kind: ByCustomer, Count: 1, Expires: 96 * time.Hour, Step: last + later}, customers, each)
	}
}

func perEach(s Stage, customers []string, each func(Stage)) {
	for _, c := range customers {
		s.Customer = c
		each(s)
	}
}
