package approvals

import (
	"slices"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A Summary is what a receipt says in a few lines, for people. Each figure in
// it is out of an entry of the log whose inclusion holds, or out of what those
// entries commit to.
type Summary struct {
	Request    string
	Customer   string           // whose receipt it is; "" of everything
	Who        policy.Principal // as the contract allows: erased, it says so
	Reason     policy.Reason
	Need       string
	Ticket     string // "" for none
	Target     string
	Login      string
	Actions    []policy.Action // that were granted
	Asked      time.Duration
	Given      time.Duration // 0 where no access was given
	Watched    bool          // nothing was to pass while none of those who decided watched
	Used       time.Duration // in which at least one session was open
	Made       time.Time     // when it was asked for
	Granted    time.Time     // zero where no access was given
	Ended      time.Time     // of the grant; zero while it lasts
	Revoked    bool
	Votes      []VoteFacts
	Sessions   []SessionFacts
	Files      []string // that were taken out by file transfer
	Emergency  bool     // the glass was broken: nobody who decides was asked
	Others     bool     // another customer is concerned too
	Checkpoint string   // of the main log, as it was signed

}

// VoteFacts are one answer.
type VoteFacts struct {
	Stage   string
	Name    string
	Verdict string
	At      time.Time
	By      string // the motion that stood for it, or made a deputy; "" for neither
	Event   int64  // in the log of the receipt
}

// SessionFacts are one session under the grant.
type SessionFacts struct {
	ID     string
	Began  time.Time
	Ended  time.Time // zero while it lasts, or where it went on
	Went   string    // the grant under which it went on; "" where it did not
	Root   string    // of the recording
	Bytes  string    // of the recording
	Deeds  []Deed
	More   int // deeds that are not kept
	Event  int64
	Frozen time.Time // since when nothing passed; zero where it was not
	Left   bool      // it has ended, and programs that it started on the target may run on: nobody looks
}

// vote adds a vote whose entry holds.
func (s *Summary) vote(q *policy.Request, v policy.Vote, f ledger.Leaf) {
	if f.Kind == "" {
		return
	}
	s.Votes = append(s.Votes, VoteFacts{
		Stage: f.Detail["stage"], Name: v.By.Name, Verdict: v.Verdict, At: f.At, By: v.Standing + v.Delegation, Event: f.Seq,
	})
}

// stay adds a session whose beginning holds.
func (s *Summary) stay(t Stay, f ledger.Leaf) *SessionFacts {
	s.Sessions = append(s.Sessions, SessionFacts{ID: t.Session.ID, Began: f.At, Event: f.Seq})
	return &s.Sessions[len(s.Sessions)-1]
}

// close adds a session's end, which holds.
func (s *SessionFacts) close(f ledger.Leaf) {
	s.Ended, s.Root, s.Bytes, s.Left = f.At, f.Detail["root"], f.Detail["bytes"], f.Detail["left"] != ""
	if at, err := time.Parse(time.RFC3339Nano, f.Detail["frozen"]); err == nil {
		s.Frozen = at
	}
}

// summarise adds what the request and its grant say, once their entries hold.
func (c *checker) summarise() {
	s, q := &c.sum, c.q
	if c.made.Kind == "" {
		return
	}
	s.Request, s.Customer, s.Who, s.Target, s.Login = q.ID, c.r.Customer, bare(q.Who), q.Target, q.Login
	s.Emergency = q.Emergency
	s.Reason, s.Need, s.Ticket, s.Asked, s.Made, s.Others = q.Need.Reason, q.Need.Text, q.Need.Ticket, q.For, c.made.At, c.shared()
	if g := c.r.Grant; g != nil {
		s.Actions, s.Given, s.Granted, s.Revoked = g.Actions, g.For, g.Made, !g.Revoked.IsZero()
		s.Watched = g.Watched
		s.Ended = c.end.At
	}
	s.Used = covered(s.Sessions, c.limit)
	s.Files = takenOut(s.Sessions)
	main := c.r.Trail[0]
	if c.r.Head != nil {
		main = *c.r.Head
	}
	s.Checkpoint = string(main.Proof.Checkpoint)
}

// takenOut are the files that were read through file transfer.
func takenOut(all []SessionFacts) (files []string) {
	for _, s := range all {
		for _, d := range filesOf(s.Deeds) {
			if d.Kind == "get" {
				files = append(files, d.File.Path)
			}
		}
		if s.More > 0 && len(files) > 0 {
			files = append(files, "…")
		}
	}
	return files
}

// filesOf are the deeds that are files.
func filesOf(all []Deed) []Deed {
	return slices.DeleteFunc(slices.Clone(all), func(d Deed) bool { return d.File == nil })
}

// covered is how long at least one of the sessions was open and not frozen.
func covered(all []SessionFacts, limit func() time.Time) (sum time.Duration) {
	var until time.Time
	for _, s := range byBegin(all) {
		end := s.Ended
		if !s.Frozen.IsZero() {
			end = s.Frozen
		}
		if end.IsZero() {
			end = limit() // it went on, or lasts: no longer than that
		}
		from := s.Began
		if from.Before(until) {
			from = until
		}
		if end.After(from) {
			sum += end.Sub(from)
			until = end
		}
	}
	return sum
}

func byBegin(all []SessionFacts) []SessionFacts {
	out := slices.Clone(all)
	slices.SortFunc(out, func(a, b SessionFacts) int { return a.Began.Compare(b.Began) })
	return out
}
