package gateway

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// FreezeMost is how long a person may hold a session back.
const FreezeMost = 5 * time.Minute

// A Halt is why nothing passes in a visit although its time is not up. The zero
// Halt: something may, for all it says.
type Halt struct {
	Since time.Time
	Until time.Time // then the visit ends; zero: when its time is up
	By    string    // who froze it, as its people are told
	Why   string    // of By
	Watch bool      // none of those who decide watches, and one has to
	Sick  bool      // the recorder cannot write
}

func (h Halt) sentence() policy.Sentence {
	switch {
	case h.By != "":
		return policy.Says("this session is frozen by %s", h.By)
	case h.Watch:
		return policy.Says("nothing passes in this session until one of those who decide watches it")
	}
	return policy.Says("nothing passes in this session until the recorder can write again")
}

// halts are all the reasons at once.
type halts struct {
	by    []freeze // people's, each of another side
	alone Halt
	sick  Halt
	met   bool      // somebody watched who had to
	timed time.Time // until, as watch has its timer
}

// A freeze is what a visit makes of an order.
type freeze struct {
	order
	Halt
}

// until is the first end among them; zero for none.
func (h *halts) until() (first time.Time) {
	for _, f := range h.by {
		if first.IsZero() || f.Until.Before(first) {
			first = f.Until
		}
	}
	if u := h.alone.Until; first.IsZero() || !u.IsZero() && u.Before(first) {
		return u
	}
	return first
}

// Halted says why nothing passes although the time is not up. The channel is
// closed at the next change of this, or of anything else that Frozen tells of.
func (v *Visit) Halted() (Halt, <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.halts.first(), v.moved.Done()
}

// first is the one that people are told.
func (h *halts) first() Halt {
	switch {
	case len(h.by) > 0:
		return h.by[0].Halt
	case h.alone.Watch:
		return h.alone
	}
	return h.sick
}

// Halted says all that holds an open session back besides its time, as who
// follows it may be told: what one customer said is not for another.
func (g *Gateway) Halted(who policy.Principal, session string) (all []Halt) {
	v := g.visit(session)
	if v == nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, f := range v.halts.by {
		h, side := f.Halt, f.side()
		switch {
		case who.Kind != policy.Reviewer || side == who.Customer:
		case side != "":
			h.By, h.Why = "Lockbox", ""
		case len(v.Session.Customers) > 1:
			h.Why = ""
		}
		all = append(all, h)
	}
	if v.halts.alone.Watch {
		all = append(all, v.halts.alone)
	}
	if v.halts.sick.Sick {
		all = append(all, v.halts.sick)
	}
	return all
}

// weigh says anew whether anything may pass before the time is up. mu is held.
func (v *Visit) weigh() {
	h := &v.halts
	met := slices.ContainsFunc(v.company(), func(p *place) bool { return p.decides })
	switch h.met = h.met || met; {
	case met || !v.grant.Watched:
		h.alone = Halt{}
	case !h.alone.Watch:
		if h.alone = (Halt{Since: time.Now(), Watch: true}); h.met {
			h.alone.Until = h.alone.Since.Add(v.g.grace())
		}
	}
	v.halted.Store(h.first() != (Halt{}))
	v.change()
	if until := h.until(); !until.Equal(h.timed) {
		h.timed = until
		v.wake()
	}
}

// Where the words begin in which sessions end that a person froze or ended.
const (
	wasFrozen = "nobody let the session go on"
	wasEnded  = "the session was ended"
)

// overdue ends the visit when something has held it back for too long.
func (v *Visit) overdue() {
	v.mu.Lock()
	h, now := v.halts, time.Now()
	v.mu.Unlock()
	for _, f := range h.by {
		if !now.Before(f.Until) {
			v.End(&Ending{policy.WasRevoked, wasFrozen + ": it was frozen by " + f.Halt.By + " for " + f.Until.Sub(f.Since).String()})
		}
	}
	if u := h.alone.Until; !u.IsZero() && !now.Before(u) {
		v.End(&Ending{policy.NotYet, "none of those who decide watches any more, and one has to"})
	}
}

// freezeMost is as grace is.
func (g *Gateway) freezeMost() time.Duration {
	if g.Hold > 0 {
		return min(g.Hold, FreezeMost)
	}
	return FreezeMost
}

// obey takes up what people decided about the visit, at an event that says that
// they did.
func (v *Visit) obey(e ledger.Event) {
	if !slices.Contains([]string{evFrozen, evThawed, evEnded}, e.Kind) || !slices.Contains(e.Subjects, v.Session.ID) {
		return
	}
	v.obeying.Lock() // what is read last is done last
	defer v.obeying.Unlock()
	var s stay
	err := v.g.Ledger.View(context.WithoutCancel(v.ctx), func(tx *ledger.Tx) error {
		_, err := tx.Get(sessionKey(v.Session.ID), &s)
		return err
	})
	switch {
	case err != nil:
		v.unproven(err)
	case s.Stop != nil:
		v.End(&Ending{policy.WasRevoked, said(wasEnded+" by "+v.g.Named(s.Stop.By), s.Stop.Why)})
	default:
		v.hold(s.Frozen)
	}
}

// said adds why, where somebody said so.
func said(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

// hold holds back what those orders say, and nothing else for people.
func (v *Visit) hold(all []order) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var by []freeze
	for _, o := range all {
		i := slices.IndexFunc(v.halts.by, func(f freeze) bool { return f.At.Equal(o.At) && f.order.By.ID == o.By.ID })
		if i >= 0 {
			by = append(by, v.halts.by[i])
			continue
		}
		now := time.Now()
		by = append(by, freeze{o, Halt{Since: now, Until: now.Add(v.g.freezeMost()), By: v.g.Named(o.By), Why: o.Why}})
	}
	v.halts.by = by
	v.weigh()
}

// trouble notes whether the recorder can write, and gives the channel that is
// closed when that changes.
func (v *Visit) trouble() <-chan struct{} {
	v.mu.Lock() // before it is asked: two may ask, and what is heard last counts
	since, changed, why := v.Recording.Trouble()
	was := v.halts.sick
	if v.halts.sick = (Halt{}); !since.IsZero() {
		v.halts.sick = Halt{Since: since, Sick: true}
	}
	now := v.halts.sick
	if was != now {
		v.weigh()
	}
	v.mu.Unlock()
	switch {
	case now.Sick && !was.Sick:
		v.g.Report(fmt.Errorf("recording %s cannot be written now, and its session waits: %w", v.Session.ID, why))
	case was.Sick && !now.Sick:
		v.g.Report(fmt.Errorf("recording %s can be written again", v.Session.ID))
	}
	return changed
}

// Named is how the people in a session are told of another: a customer's
// reviewer as the customer.
func (g *Gateway) Named(p policy.Principal) string {
	if p.Kind == policy.Reviewer {
		return cmp.Or(g.Desk.Policy().Customers[p.Customer].Name, p.Customer)
	}
	return cmp.Or(strings.TrimSpace(p.Name), p.ID)
}
