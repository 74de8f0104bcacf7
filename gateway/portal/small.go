package portal

import (
	"time"

	"lockbox/policy"
)

// A statusPage says whether Lockbox can do its work.
type statusPage struct {
	Recorder bool
	Why      string // it cannot record; for those who can mend it
	Player   bool
	Opens    bool // recordings can be replayed here
	Sessions int
	Events   int64 // in the log; 0 for a reviewer: it tells of others
	Now      time.Time
}

// status shows /status.
func (p *Portal) status(x *exchange) error {
	s := statusPage{Player: hasPlayer(), Opens: len(p.Vault) > 0, Now: p.now()}
	if x.who.Kind != policy.Reviewer {
		s.Events = p.Ledger.Last() + 1
	}
	err := p.Shelf.Ready()
	s.Recorder = err == nil
	if x.keeps() {
		s.Sessions = len(p.Gateway.Visits())
		if err != nil {
			s.Why = err.Error()
		}
	}
	return x.show(ok, "status", "Status", s)
}

// notice shows what everybody who works through Lockbox is told about recording.
func (p *Portal) notice(x *exchange) error {
	return x.show(ok, "notice", "Sessions are recorded", nil)
}
