package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// A Question asks whether somebody may do something now.
type Question struct {
	Now      time.Time
	Who      Principal
	Proofs   []Proof
	Do       Action
	On       string     // target, for actions on a target
	Login    string     // "" is the target's first
	Customer string     // whose data, where the login reaches one
	From     netip.Addr // where the person is
	Reason   Reason     // why, once known
	Binding  string     // what a proof must have been given for

	Request *Request  // what is voted on, looked at or taken back
	Grant   *Grant    // what access is held under
	Person  Principal // whom a Vouch is about
}

// A Verdict tells a door what to do next.
type Verdict int

// Verdicts. The zero Verdict is Deny.
const (
	Deny  Verdict = iota
	Ask           // submit a request, with Stages
	Prove         // ask for the Proof wanted, then ask again
	Allow
)

func (v Verdict) String() string {
	return [...]string{"deny", "ask", "prove", "allow"}[v]
}

// A Code is the machine-readable reason of a refusal, as interfaces promise it.
type Code string

// Codes.
const (
	NoGrant    Code = "LBX-NOGRANT"
	NeedTouch  Code = "LBX-TOUCH"
	WasRevoked Code = "LBX-REVOKED"
	HasExpired Code = "LBX-EXPIRED"
	ByPolicy   Code = "LBX-POLICY"
	NoTarget   Code = "LBX-TARGET"
)

// A Decision answers a Question.
type Decision struct {
	Verdict  Verdict
	Code     Code
	Why      string // one sentence for the person
	Rule     string // that decided; "" when none did
	Position string // of that rule

	Login     string    // the account, with its customer filled in
	Customers []string  // whose data it reaches
	Machine   string    // Target.Machine
	Stages    []Stage   // whose yes is needed, of an Ask
	Limits    Limits    // of an Ask
	Ticket    string    // pattern, of an Ask
	Reasons   []Reason  // allowed, of an Ask
	Actions   []Action  // what the rule permits together, of an Ask
	Proof     ProofKind // wanted, of a Prove
	Fresh     time.Duration
	Stage     int       // that a vote counts for
	Until     time.Time // when an Allow on a target ends
	Recording Recording
}

// Decide answers. Forbid beats permit; what nothing permits is denied.
func (p *Policy) Decide(q Question) Decision {
	switch {
	case p == nil, q.Who.ID == "", q.Who.Kind == "", q.Now.IsZero():
		return deny(ByPolicy, "it is not known who asks, or when")
	case slices.Contains(OnTarget(), q.Do):
		return p.access(q)
	case q.Do == Vouch:
		return p.vouch(q)
	case q.Request == nil || q.Request.ID == "":
		return deny(ByPolicy, "there is no such request")
	case q.Do == Approve || q.Do == Reject:
		return p.vote(q)
	}
	return p.about(q)
}

func deny(c Code, format string, args ...any) Decision {
	return Decision{Code: c, Why: fmt.Sprintf(format, args...)}
}

// access decides on an action on a target: which rule, whose yes, which grant,
// which proof. Whom no rule permits anything on it learns nothing of a target,
// not even that it is there.
func (p *Policy) access(q Question) Decision {
	t := p.Targets[q.On]
	if t == nil || !p.concerns(q.Who, t) {
		return deny(NoTarget, "there is no target %q for you; `targets` lists those you may ask for", q.On)
	}
	login, customers, why := t.login(q.Login, q.Customer)
	if why != "" {
		return deny(NoTarget, "%s", why)
	}
	r, why := p.match(q, t)
	if r == nil {
		return deny(ByPolicy, "%s", why)
	}
	if r.Forbid {
		return Decision{Code: ByPolicy, Rule: r.Name, Position: r.Position, Why: fmt.Sprintf("rule %q forbids %s on %s", r.Name, q.Do, t.Name)}
	}
	d := Decision{
		Code: NoGrant, Rule: r.Name, Position: r.Position, Login: login, Customers: customers, Machine: t.Machine(), Fresh: r.Fresh, Recording: r.Record,
	}
	if q.Grant == nil {
		return d.ask(r, t)
	}
	return d.under(q, r)
}

// concerns says whether some rule permits the person anything on the target, at whatever time.
func (p *Policy) concerns(who Principal, t *Target) bool {
	return slices.ContainsFunc(p.Rules, func(r Rule) bool { return !r.Forbid && p.applies(&r, who) && r.covers(t) })
}

// ask completes a decision that a request is needed.
func (d Decision) ask(r *Rule, t *Target) Decision {
	d.Verdict = Ask
	d.Why = fmt.Sprintf("no active grant for %s on %s", d.Login, t.Name)
	d.Stages, d.Limits, d.Ticket = r.stages(t, d.Customers), r.Limits, r.Ticket
	d.Reasons, d.Actions = r.Reasons, r.Actions
	if len(d.Reasons) == 0 {
		d.Reasons = Reasons()
	}
	return d
}

// under completes a decision on access that a grant may hold.
func (d Decision) under(q Question, r *Rule) Decision {
	g := q.Grant
	switch why := g.Over(q.Now); {
	case g.Who.ID != q.Who.ID, g.Target != q.On, g.Login != d.Login:
		d.Why = "the grant is for another person, target or login"
		return d
	case g.Machine != d.Machine:
		d.Why = fmt.Sprintf("%s is another machine, or holds other data, than when grant %s was approved; ask again", g.Target, g.ID)
		return d
	case !slices.Contains(g.Actions, q.Do):
		d.Code, d.Why = ByPolicy, fmt.Sprintf("grant %s does not hold %s", g.ID, q.Do)
		return d
	case !covers(g.Customers, d.Customers):
		d.Why = fmt.Sprintf("%s now reaches a customer that grant %s was not approved for", d.Login, g.ID)
		return d
	case why != "" && !g.Revoked.IsZero():
		d.Code, d.Why = WasRevoked, why
		return d
	case why != "":
		d.Code, d.Why = HasExpired, why
		return d
	}
	if !proven(q, Passkey, r.Fresh) {
		d.Verdict, d.Code, d.Proof = Prove, NeedTouch, Passkey
		d.Why = "a passkey touch is needed to start"
		return d
	}
	d.Verdict, d.Code, d.Until = Allow, "", g.Until()
	d.Why = fmt.Sprintf("grant %s is in force", g.ID)
	return d
}

// proven says whether the person gave such a proof for exactly this, within fresh.
func proven(q Question, k ProofKind, fresh time.Duration) bool {
	return q.Binding != "" && slices.ContainsFunc(q.Proofs, func(f Proof) bool {
		return f.Kind == k && f.Of == q.Who.ID && f.For == q.Binding && !f.At.After(q.Now) && q.Now.Before(f.At.Add(fresh))
	})
}

func covers(have, want []string) bool {
	return !slices.ContainsFunc(want, func(c string) bool { return !slices.Contains(have, c) })
}

const perCustomer = "{{customer}}"

// login finds the account and the customers it reaches, or says why there is none.
func (t *Target) login(name, customer string) (login string, customers []string, why string) {
	if len(t.Logins) == 0 {
		return "", nil, fmt.Sprintf("%s has no logins", t.Name)
	}
	if name == "" {
		name = t.Logins[0].Name
	}
	for _, l := range t.Logins { // a name as it is written comes before one that is made up of a customer's
		if !strings.Contains(l.Name, perCustomer) && l.Name == name {
			return name, t.Customers, "" // one account cannot reach only one customer
		}
	}
	for _, l := range t.Logins {
		prefix, suffix, each := strings.Cut(l.Name, perCustomer)
		if !each {
			continue
		}
		if name == l.Name && customer == "" {
			return "", nil, fmt.Sprintf("%s is one login for each customer: say which (%s)", name, strings.Join(t.Customers, ", "))
		}
		if name == l.Name {
			return t.reach(l, prefix+customer+suffix, customer)
		}
		if c := strings.TrimSuffix(strings.TrimPrefix(name, prefix), suffix); prefix+c+suffix == name && slices.Contains(t.Customers, c) {
			if customer != "" && customer != c {
				return "", nil, fmt.Sprintf("%s reaches %s, not %s", name, c, customer)
			}
			return t.reach(l, name, c)
		}
	}
	return "", nil, fmt.Sprintf("%s has no login %q", t.Name, name)
}

// reach is whose data the account made for one customer reaches.
func (t *Target) reach(l Login, login, customer string) (string, []string, string) {
	switch {
	case !slices.Contains(t.Customers, customer):
		return "", nil, fmt.Sprintf("%s is one login for each customer: say which (%s)", l.Name, strings.Join(t.Customers, ", "))
	case l.One:
		return login, []string{customer}, ""
	}
	return login, t.Customers, ""
}

// match finds the rule that decides: the first forbid that fits, else the
// first permit whose conditions hold. Without one it says why.
func (p *Policy) match(q Question, t *Target) (*Rule, string) {
	var found *Rule
	why := fmt.Sprintf("no rule permits %s on %s for you", q.Do, t.Name)
	for i := range p.Rules {
		r := &p.Rules[i]
		if !slices.Contains(r.Actions, q.Do) || !p.applies(r, q.Who) || !r.covers(t) {
			continue
		}
		miss := r.miss(q)
		switch {
		case r.Forbid && miss == "":
			return r, ""
		case r.Forbid || found != nil:
		case miss != "":
			why = fmt.Sprintf("rule %q permits it only %s", r.Name, miss)
		default:
			found = r
		}
	}
	return found, why
}

func (p *Policy) applies(r *Rule, who Principal) bool {
	if who.Kind != Staff && who.Kind != Machine && !r.Forbid {
		return false // who approves or audits does not go in
	}
	if r.Forbid && len(r.People) == 0 && len(r.Groups) == 0 {
		return true // a forbid that names nobody is for everybody; a permit is for nobody
	}
	return slices.Contains(r.People, who.ID) || slices.ContainsFunc(r.Groups, func(g string) bool { return p.Member(who, g) })
}

func (r *Rule) covers(t *Target) bool {
	if len(r.Targets) == 0 && len(r.Kinds) == 0 && len(r.Labels) == 0 {
		return r.Forbid // what forbids without a place forbids everywhere; what permits, nowhere
	}
	if len(r.Targets) > 0 && !slices.Contains(r.Targets, t.Name) || len(r.Kinds) > 0 && !slices.Contains(r.Kinds, t.Kind) {
		return false
	}
	for k, v := range r.Labels {
		if t.Labels[k] != v {
			return false
		}
	}
	return true
}

// miss names the condition that does not hold; "" when all do. For a forbid
// an unknown fact holds, for a permit it does not.
func (r *Rule) miss(q Question) string {
	reason := q.Reason
	if q.Grant != nil {
		reason = q.Grant.Reason
	}
	switch {
	case r.Hours != nil && !r.Hours.hold(q.Now) && !(r.Forbid && r.Hours.Zone == nil):
		return "in its hours"
	case len(r.From) > 0 && !r.near(q.From):
		return "from its networks"
	case len(r.Reasons) > 0 && reason != "" && !slices.Contains(r.Reasons, reason):
		return fmt.Sprintf("for %v", r.Reasons)
	}
	return ""
}

func (r *Rule) near(from netip.Addr) bool {
	if !from.IsValid() {
		return r.Forbid
	}
	return slices.ContainsFunc(r.From, func(p netip.Prefix) bool { return p.Contains(from.Unmap().WithZone("")) })
}

func (h *Hours) hold(now time.Time) bool {
	if h.Zone == nil {
		return false
	}
	local := now.In(h.Zone)
	clock := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute +
		time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
	return slices.Contains(h.Days, local.Weekday()) && h.From <= clock && clock < h.To
}

// stages copies the rule's stages, one per customer concerned. What no
// configuration can take away is added: an executive for production, and every
// customer whose data the login reaches.
func (r *Rule) stages(t *Target, customers []string) []Stage {
	exec := Stage{Kind: ByExecutive, Count: 1, Expires: 12 * time.Hour}
	cust := Stage{Kind: ByCustomer, Count: 1, Expires: 96 * time.Hour}
	listed := slices.Clone(r.Stages)
	has := func(k StageKind) bool { return slices.ContainsFunc(listed, func(s Stage) bool { return s.Kind == k }) }
	if t.Production() && !has(ByExecutive) {
		listed = slices.Insert(listed, 0, exec)
	}
	if len(customers) > 0 && !has(ByCustomer) {
		listed = append(listed, cust)
	}
	var out []Stage
	for step, s := range listed {
		s.Step = step
		if s.Kind != ByCustomer {
			out = append(out, s)
			continue
		}
		for _, c := range customers {
			s.Customer = c
			out = append(out, s)
		}
	}
	return out
}
