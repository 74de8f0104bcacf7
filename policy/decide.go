package policy

import (
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

	Request     *Request  // what is voted on, looked at or taken back
	Grant       *Grant    // what access is held under
	Extension   *Request  // that asks for more time under Grant; nil: none
	Motion      *Motion   // what is proposed, signed, opposed, looked at or ended
	Delegations []*Motion // that make Who a deputy, By being the delegator as they are now
	Person      Principal // whom a Vouch is about
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
	NotYet     Code = "LBX-PENDING"
)

// Grace is how long a session stays frozen when its time is up while an
// extension is pending.
const Grace = 60 * time.Second

// A Decision answers a Question.
type Decision struct {
	Verdict  Verdict
	Code     Code
	Why      Sentence // for the person
	Rule     string   // that decided; "" when none did
	Position string   // of that rule

	Login      string    // the account, with its customer filled in
	ReadOnly   bool      // it is declared to change nothing
	Customers  []string  // whose data it reaches
	Limits     Limits    // of the rule
	Ticket     string    // pattern, of an Ask
	Proof      ProofKind // wanted, of a Prove
	For        string    // what that proof must be for, where it is not the Binding
	Fresh      time.Duration
	Stage      int       // that a vote counts for
	Behalf     string    // for whom, when by a deputy
	Delegation string    // the motion that makes Who one
	Accept     bool      // the grant waits for its promises to be accepted
	Until      time.Time // when an Allow on a target ends
	Grace      time.Time // until when an open session may stay frozen; zero: it ends
	Recording  Recording
	Bounds     Bounds

	rule   *Rule // that decided, for what is worked out only when somebody asks
	target *Target
}

// Stages are those whose yes is needed, of an Ask.
func (d Decision) Stages() []Stage {
	if d.rule == nil || d.target == nil {
		return nil
	}
	return d.rule.stages(d.target, d.Customers)
}

// Reasons are the codes that the rule takes, of an Ask.
func (d Decision) Reasons() []Reason {
	if d.rule == nil || len(d.rule.Reasons) == 0 {
		return Reasons()
	}
	return d.rule.Reasons
}

// Actions are what the rule permits together, of an Ask.
func (d Decision) Actions() []Action {
	if d.rule == nil {
		return nil
	}
	return d.rule.Actions
}

// Machine is the target's Machine.
func (d Decision) Machine() string {
	if d.target == nil {
		return ""
	}
	return d.target.Machine()
}

// Decide answers. Forbid beats permit; what nothing permits is denied.
func (p *Policy) Decide(q Question) Decision {
	switch {
	case p == nil, q.Who.ID == "", q.Who.Kind == "", q.Now.IsZero():
		return deny(ByPolicy, "it is not known who asks, or when")
	case q.Do.onTarget():
		return p.access(q)
	case q.Do == Vouch:
		return p.vouch(q)
	case q.Motion != nil:
		return p.motion(q)
	case q.Request == nil || q.Request.ID == "":
		return deny(ByPolicy, "there is no such request")
	case q.Do == Approve || q.Do == Reject:
		return p.vote(q)
	}
	return p.about(q)
}

func deny(c Code, form string, args ...string) Decision {
	return Decision{Code: c, Why: Says(form, args...)}
}

func (a Action) onTarget() bool {
	switch a {
	case Shell, Exec, SFTPGet, SFTPPut, Forward, HTTPGet, HTTPPut:
		return true
	}
	return false
}

// access decides on an action on a target: which rule, whose yes, which grant,
// which proof. Whom no rule permits anything on it learns nothing of a target,
// not even that it is there.
func (p *Policy) access(q Question) Decision {
	t := p.Targets[q.On]
	if t == nil || !p.concerns(q.Who, t) {
		return deny(NoTarget, "there is no target %q for you; `targets` lists those you may ask for", q.On)
	}
	l, why := t.login(q.Login, q.Customer)
	if !why.IsZero() {
		return Decision{Code: NoTarget, Why: why}
	}
	r, why := p.match(q, t)
	if r == nil {
		return Decision{Code: ByPolicy, Why: why}
	}
	d := Decision{Code: NoGrant, Rule: r.Name, Position: r.Position}
	if r.Forbid {
		d.Code, d.Why = ByPolicy, Says("rule %q forbids %s on %s", r.Name, string(q.Do), t.Name)
		return d
	}
	d.Login, d.ReadOnly, d.Customers = l.name, l.readOnly, l.customers
	d.Fresh, d.Limits, d.Recording, d.Bounds = r.Fresh, r.Limits, r.Record, r.Bounds
	d.rule, d.target = r, t
	if q.Grant == nil {
		return d.ask(p, q)
	}
	return d.under(q)
}

// concerns says whether some rule permits the person anything on the target, at whatever time.
func (p *Policy) concerns(who Principal, t *Target) bool {
	return slices.ContainsFunc(p.Rules, func(r Rule) bool { return !r.Forbid && p.applies(&r, who) && r.covers(t) })
}

// ask completes a decision that a request is needed. Who has not promised
// confidentiality has to do that before.
func (d Decision) ask(p *Policy, q Question) Decision {
	d.Verdict, d.Ticket = Ask, d.rule.Ticket
	d.Why = Says("no active grant for %s on %s", d.Login, d.target.Name)
	if p.Declaration == nil {
		return d
	}
	digest := p.Declaration.Digest()
	if !slices.ContainsFunc(q.Proofs, func(f Proof) bool { return f.Kind == Declared && f.Of == q.Who.ID && f.For == digest }) {
		d.Verdict, d.Code, d.Proof, d.For = Prove, ByPolicy, Declared, digest
		d.Why = Says("sign the confidentiality declaration (version %s) first; nobody asks before", p.Declaration.Version)
	}
	return d
}

// under completes a decision on access that a grant may hold.
func (d Decision) under(q Question) Decision {
	g, t := q.Grant, d.target
	end := g.NotAfter
	if most := d.rule.Limits.Max; most > 0 && !g.Activated.IsZero() && g.Extends == "" && end.After(g.Activated.Add(most)) {
		end = g.Activated.Add(most) // the rule gives less now
	}
	over := g.Over(q.Now)
	switch {
	case g.Who.ID != q.Who.ID, g.Target != q.On, g.Login != d.Login:
		d.Why = Says("the grant is for another person, target or login")
	case g.Machine != t.Machine():
		d.Why = Says("%s is another machine, or holds other data, than when grant %s was approved; ask again", g.Target, g.ID)
	case !slices.Contains(g.Actions, q.Do):
		d.Code, d.Why = ByPolicy, Says("grant %s does not hold %s", g.ID, string(q.Do))
	case !covers(g.Customers, d.Customers):
		d.Why = Says("%s now reaches a customer that grant %s was not approved for", d.Login, g.ID)
	case over != "" && !g.Revoked.IsZero():
		d.Code, d.Why = WasRevoked, Says("%s", over)
	case over != "":
		d.Code, d.Why, d.Grace = HasExpired, Says("%s", over), g.grace(q)
	case !suffice(g.Stages, d.Stages()):
		d.Code, d.Why = ByPolicy, Says("rule %q takes more approvals now than grant %s has; ask again", d.Rule, g.ID)
	case !g.Activated.IsZero() && !q.Now.Before(end):
		d.Code, d.Why = HasExpired, Says("rule %q gives less time now, and it is up", d.Rule)
	case q.Now.Before(g.NotBefore):
		d.Code, d.Why = NotYet, Says("grant %s starts at %s", g.ID, g.NotBefore.UTC().Format("2006-01-02 15:04 UTC"))
	case len(g.Promises) > 0 && g.Accepted.IsZero():
		d.Code, d.Accept, d.Why = NotYet, true, Says("grant %s asks you to promise something first; `accept %s` shows it", g.ID, g.ID)
	case !proven(q, Passkey, d.rule.Fresh):
		d.Verdict, d.Code, d.Proof, d.Why = Prove, NeedTouch, Passkey, Says("a passkey touch is needed to start")
	default:
		d.Verdict, d.Code, d.Why, d.Until = Allow, "", Says("grant %s is in force", g.ID), end
		if g.Activated.IsZero() {
			d.Until = g.Until()
		}
	}
	return d
}

// grace is until when a session under the grant may stay frozen: while an
// extension of it is pending, for a minute.
func (g *Grant) grace(q Question) time.Time {
	x, end := q.Extension, g.NotAfter.Add(Grace)
	if g.Activated.IsZero() || x == nil || x.Extends != g.ID || x.Who.ID != g.Who.ID || !q.Now.Before(end) || x.Tally(q.Now).Phase != Pending {
		return time.Time{}
	}
	return end
}

// suffice says whether the stages that were passed are all that a rule asks for now.
func suffice(passed, now []Stage) bool {
	return !slices.ContainsFunc(now, func(n Stage) bool {
		return !slices.ContainsFunc(passed, func(s Stage) bool {
			return s.Kind == n.Kind && s.Group == n.Group && s.Customer == n.Customer && s.Count >= n.Count
		})
	})
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

// A reach is an account on a target and whose data it reaches.
type reach struct {
	name      string
	customers []string
	readOnly  bool
}

// login finds the account and the customers it reaches, or says why there is none.
func (t *Target) login(name, customer string) (reach, Sentence) {
	if len(t.Logins) == 0 {
		return reach{}, Says("%s has no logins", t.Name)
	}
	if name == "" {
		name = t.Logins[0].Name
	}
	for _, l := range t.Logins { // a name as it is written comes before one that is made up of a customer's
		if l.Name == name && !strings.Contains(l.Name, perCustomer) {
			return reach{name, t.Customers, l.ReadOnly}, Sentence{} // one account cannot reach only one customer
		}
	}
	for _, l := range t.Logins {
		prefix, suffix, each := strings.Cut(l.Name, perCustomer)
		switch {
		case !each:
			continue
		case name == l.Name:
			return t.reach(l, prefix+customer+suffix, customer)
		}
		c, ok := strings.CutPrefix(name, prefix)
		if c, ok = strings.CutSuffix(c, suffix); ok && prefix+c+suffix == name && slices.Contains(t.Customers, c) {
			if customer != "" && customer != c {
				return reach{}, Says("%s reaches %s, not %s", name, c, customer)
			}
			return t.reach(l, name, c)
		}
	}
	return reach{}, Says("%s has no login %q", t.Name, name)
}

// reach is whose data the account made for one customer reaches.
func (t *Target) reach(l Login, login, customer string) (reach, Sentence) {
	i := slices.Index(t.Customers, customer)
	switch {
	case i < 0:
		return reach{}, Says("%s is one login for each customer: say which (%s)", l.Name, strings.Join(t.Customers, ", "))
	case l.One:
		return reach{login, t.Customers[i : i+1 : i+1], l.ReadOnly}, Sentence{}
	}
	return reach{login, t.Customers, l.ReadOnly}, Sentence{}
}

// match finds the rule that decides: the first forbid that fits, else the
// first permit whose conditions hold. Without one it says why.
func (p *Policy) match(q Question, t *Target) (*Rule, Sentence) {
	var found *Rule
	why := Says("no rule permits %s on %s for you", string(q.Do), t.Name)
	for i := range p.Rules {
		r := &p.Rules[i]
		if !slices.Contains(r.Actions, q.Do) || !p.applies(r, q.Who) || !r.covers(t) {
			continue
		}
		miss := r.miss(q)
		switch {
		case r.Forbid && miss == "":
			return r, Sentence{}
		case r.Forbid || found != nil:
		case miss != "":
			why = Says("rule %q permits it only %s", r.Name, miss)
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
		return "for other reasons"
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
	listed := slices.Clone(r.Stages)
	has := func(k StageKind) bool { return slices.ContainsFunc(listed, func(s Stage) bool { return s.Kind == k }) }
	if t.Production() && !has(ByExecutive) {
		for i := range listed {
			listed[i].Step++
		}
		listed = slices.Insert(listed, 0, Stage{Kind: ByExecutive, Count: 1, Expires: 12 * time.Hour})
	}
	if len(customers) > 0 && !has(ByCustomer) {
		last := 0
		for _, s := range listed {
			last = max(last, s.Step+1)
		}
		listed = append(listed, Stage{Kind: ByCustomer, Count: 1, Expires: 96 * time.Hour, Step: last})
	}
	var out []Stage
	for _, s := range listed {
		switch s.Kind {
		case ByCustomer:
			for _, c := range customers {
				s.Customer = c
				out = append(out, s)
			}
			continue
		case ByOwner:
			s.Group = t.Owner
		}
		out = append(out, s)
	}
	return out
}
