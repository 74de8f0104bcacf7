package portal

import (
	"time"

	"lockbox/policy"
	"lockbox/recorder"
)

// Tried is how the recordings of the last weeks stood when they were tried by themselves.
type Tried struct {
	Verified int // recordings whose every segment is there and unchanged
	Played   int // … that were opened and played, too
	Failed   int
	Last     time.Time // zero: never
	Why      string    // of Failed; for those who can mend it
}

// A statusPage says whether Lockbox can do its work.
type statusPage struct {
	Level  string   // of the recorder: "green", "amber", "red"
	Why    []string // for those who can mend it
	Free   int64    // MiB; 0 for those who cannot
	Wait   recorder.Wait
	Tried  *Tried // nil: nothing is tried here
	Player bool
	Opens  bool // recordings can be replayed here

	Requests bool // they may read the request log of the HTTP door
	Sessions int
	Events   int64 // in the log; 0 for a reviewer: it tells of others
	Now      time.Time
	Reach    bool // the reader may see who is reached
}

// WaitMiB is what waits to be uploaded, rounded up.
func (s statusPage) WaitMiB() int64 { return (s.Wait.Bytes + 1<<20 - 1) >> 20 }

// status shows /status.
func (p *Portal) status(x *exchange) error {
	h := p.Shelf.Health()
	s := statusPage{Level: levelName(h.Level), Player: hasPlayer(), Opens: len(p.Vault) > 0, Requests: x.readsRequests(), Reach: p.Settings != nil && x.keeps(), Now: p.now()}
	if x.who.Kind != policy.Reviewer {
		s.Events = p.Ledger.Last() + 1
	}
	if x.keeps() || x.who.Kind == policy.Auditor {
		s.Wait, s.Tried = h.Wait, p.tried()
	}
	if x.keeps() {
		s.Sessions = len(p.Gateway.Visits())
		s.Why, s.Free = h.Why, h.Free>>20
	} else if s.Tried != nil {
		s.Tried.Why = ""
	}
	return x.show(ok, "status", "Status", s)
}

func (p *Portal) tried() *Tried {
	if p.Tried == nil {
		return nil
	}
	t := p.Tried()
	return &t
}

func levelName(l recorder.Level) string {
	switch l {
	case recorder.Green:
		return "green"
	case recorder.Amber:
		return "amber"
	}
	return "red"
}

// A noticePage says what is recorded, from the rules that are in force, all in one.
type noticePage struct {
	Input                          bool
	Web                            bool // applications are behind the HTTP door
	Tokens, Keys, CPR, Cards       bool
	ToVault, ToAuditor, ToCustomer bool
	Opens                          bool // the vault's key is here
	Shortest, Longest              time.Duration
	ForEver                        bool // some are kept for ever
}

// notice shows what everybody who works through Lockbox is told about recording.
// It names no rule, target or customer: anybody reads it.
func (p *Portal) notice(x *exchange) error {
	n := noticePage{Opens: len(p.Vault) > 0, Web: p.Apps != nil}
	if pol := p.Desk.Policy(); pol != nil {
		for _, r := range pol.Rules {
			if !r.Forbid {
				n.add(r.Record)
			}
		}
		for _, c := range pol.Customers {
			n.keep(c.Keep)
		}
	}
	return x.show(ok, "notice", "Sessions are recorded", n)
}

func (n *noticePage) add(r policy.Recording) {
	n.Input = n.Input || r.Input
	n.Tokens, n.Keys = n.Tokens || r.Redact&policy.RedactTokens != 0, n.Keys || r.Redact&policy.RedactKeys != 0
	n.CPR, n.Cards = n.CPR || r.Redact&policy.RedactCPR != 0, n.Cards || r.Redact&policy.RedactCards != 0
	n.ToVault = n.ToVault || r.Seal == 0 || r.Seal&policy.ToVault != 0
	n.ToAuditor, n.ToCustomer = n.ToAuditor || r.Seal&policy.ToAuditor != 0, n.ToCustomer || r.Seal&policy.ToCustomer != 0
	n.ForEver = n.ForEver || r.Keep == 0
	n.keep(r.Keep)
}

func (n *noticePage) keep(long time.Duration) {
	if long <= 0 {
		return
	}
	if n.Shortest == 0 || long < n.Shortest {
		n.Shortest = long
	}
	n.Longest = max(n.Longest, long)
}
