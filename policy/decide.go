package policy

import (
	"net/netip"
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
	Customer string     // whose data, where the login reaches one; whose log
	To       string     // of forward: host:port as rules write it; "" while it is not known, which only asking can do
	From     netip.Addr // where the person is
	Reason   Reason     // why, once known
	Binding  string     // what a proof must have been given for

	Emergency bool       // by breaking the glass: rules for that answer, and no others
	Never     []string   // customers who said that it is never done where their data is
	Incidents []Incident // that nobody settled yet, whosever they are

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
	Recording  Recording // by the rule, for the customers it reaches: Keep the shortest, Seal those whom there are
	Bounds     Bounds
	Emergency  bool // by breaking the glass
	Witnesses  int  // that must have cosigned what a session rests on

	rule    *Rule // that decided, for what is worked out only when somebody asks
	target  *Target
	machine string // Target.Machine, where it was worked out ahead
}

// Stages are those whose yes is needed, of an Ask.
func (d Decision) Stages() []Stage {
	if d.rule == nil || d.target == nil {
		return nil
	}
	var out []Stage
	d.rule.stages(d.target, d.Customers, func(s Stage) { out = append(out, s) })
	return out
}

// Reasons are the codes that the rule takes, of an Ask.
func (d Decision) Reasons() []Reason {
	if d.rule == nil || d.rule.Forbid || len(d.rule.Reasons) == 0 {
		return Reasons()
	}
	return d.rule.Reasons
}

// Actions are what the rule permits together, of an Ask.
func (d Decision) Actions() []Action {
	if d.rule == nil || d.rule.Forbid {
		return nil
	}
	return d.rule.Actions
}

// Machine is the target's Machine.
func (d Decision) Machine() string {
	if d.target == nil || d.machine != "" {
		return d.machine
	}
	return d.target.Machine()
}

// Decide answers. Forbid beats permit; what nothing permits is denied.
func (p *Policy) Decide(q Question) (d Decision) {
	switch {
	case p == nil, q.Who.ID == "", q.Who.Kind == "", q.Now.IsZero():
		return deny(ByPolicy, "it is not known who asks, or when")
	case q.Do.place() > 0:
		p.access(&q, &d)
		return d
	case q.Do == Vouch:
		return p.vouch(&q)
	case q.Do == LogIn:
		return logIn(&q)
	case q.Do == ReadLog:
		return p.log(&q)
	case q.Motion != nil:
		return p.motion(&q)
	case q.Request == nil || q.Request.ID == "":
		return deny(ByPolicy, "there is no such request")
	case q.Do == Approve || q.Do == Reject:
		return p.vote(&q)
	}
	return p.about(&q)
}

func deny(c Code, form string, args ...string) Decision {
	return Decision{Code: c, Why: Says(form, args...)}
}

// place is that of an action on a target among those, from 1 on; 0 of any other.
func (a Action) place() int {
	switch a {
	case Shell:
		return 1
	case Exec:
		return 2
	case SFTPGet:
		return 3
	case SFTPPut:
		return 4
	case Forward:
		return 5
	case HTTPGet:
		return 6
	case HTTPPut:
		return 7
	case Agent:
		return 8
	case X11:
		return 9
	}
	return 0
}
