package notify

import (
	"errors"
	"strconv"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// moment is how long it matters that a session began, or was held.
const moment = time.Hour

// Matters says whether the reader still is to be told, as things stand now; and,
// where it is their quiet time and it can wait, until when it does.
func (p *Planner) Matters(tx *ledger.Tx, n Notice) (yes bool, wait time.Time, err error) {
	place := p.isPlace(n)
	var who policy.Principal
	if !place {
		var there bool
		if who, there, err = p.current(tx, n.To); err != nil || !there {
			return false, wait, err
		}
	}
	switch n.Topic {
	case Asked:
		yes, err = p.stillWaits(tx, n, who, true)
	case Waits:
		yes, err = p.stillWaits(tx, n, who, place)
	case Ending: // whoever works is awake
		return p.ends(tx, n)
	case Motion:
		yes, err = p.stillMoves(tx, n, who, place)
	case Session:
		yes = n.Kind == "session.close" || n.Kind == "session.ended-by" || tx.Now().Sub(n.At) < moment
	default:
		yes = true
	}
	if !yes || err != nil || place {
		return yes, wait, err
	}
	wait, err = p.quiet(tx, n)
	return yes, wait, err
}

// soon is how long before an access is over its holder is told so.
const soon = 5 * time.Minute

// ends says when the holder of a grant is told that it is soon over: never of one
// that is over, goes on under another, or lasts hardly longer than that.
func (p *Planner) ends(tx *ledger.Tx, n Notice) (yes bool, wait time.Time, err error) {
	v, err := p.Desk.Raw(tx, n.About)
	switch {
	case errors.Is(err, approvals.ErrUnknown):
		return false, wait, nil
	case err != nil:
		return false, wait, err
	case v.Grant == nil, v.Grant.Over(tx.Now()) != "", v.Grant.Until().Sub(n.At) < 2*soon:
		return false, wait, nil
	}
	_, next, err := p.Desk.Extension(tx, n.About)
	if err != nil || next != nil && next.Over(tx.Now()) == "" {
		return false, wait, err
	}
	if at := v.Grant.Until().Add(-soon); tx.Now().Before(at) {
		wait = at
	}
	return true, wait, nil
}

func (p *Planner) isPlace(n Notice) bool {
	for _, at := range p.Places {
		if at.Channel == n.Channel && at.To == n.To {
			return true
		}
	}
	return false
}

// stillWaits says whether the request waits, and for this very person.
func (p *Planner) stillWaits(tx *ledger.Tx, n Notice, who policy.Principal, place bool) (bool, error) {
	v, err := p.Desk.Raw(tx, n.About)
	if errors.Is(err, approvals.ErrUnknown) {
		return false, nil
	}
	if err != nil || v.Status.Phase != policy.Pending || place {
		return err == nil && v.Status.Phase == policy.Pending, err
	}
	return p.may(tx, v.Request, who, n.Stage, tx.Now())
}

// stillMoves says whether a motion that was made waits for this person.
func (p *Planner) stillMoves(tx *ledger.Tx, n Notice, who policy.Principal, place bool) (bool, error) {
	if n.Kind != "motion.made" || place {
		return true, nil
	}
	v, err := p.Desk.Charter.Raw(tx, n.About)
	if err != nil {
		return false, err
	}
	for _, vote := range v.Motion.Votes {
		if vote.By.ID == who.ID {
			return false, nil
		}
	}
	return v.Status.Phase == policy.Pending, nil
}

// quiet says until when a notice that can wait does. Nothing about an emergency can.
func (p *Planner) quiet(tx *ledger.Tx, n Notice) (time.Time, error) {
	switch n.Topic {
	case Glass, Alarm, Account: // whoever took a session over would make it quiet first
		return time.Time{}, nil
	}
	set, err := SettingOf(tx, n.To)
	if err != nil {
		return time.Time{}, err
	}
	until := set.Quiet.Ends(tx.Now())
	switch {
	case until.IsZero():
		return until, nil
	case n.Kind == "motion.made":
		m, err := p.Desk.Charter.Raw(tx, n.About)
		if err == nil && m.Motion.Kind == policy.ToRatify {
			until = time.Time{}
		}
		return until, err
	case n.Topic != Waits:
		return until, nil
	}
	v, err := p.Desk.Raw(tx, n.About)
	if err != nil || n.Stage >= len(v.Request.Stages) {
		return until, err
	}
	if v.Request.Emergency {
		return time.Time{}, nil
	}
	if n.Rung >= lastRung(v.Request.Stages[n.Stage]) {
		return time.Time{}, nil
	}
	return until, nil
}

// lastRung is the last at which somebody is told; 0 where there is no escalation.
func lastRung(s policy.Stage) int { return len(s.Escalate) }

// voted says whether the reader decided on what they are told of, or asked for it.
func (p *Planner) voted(tx *ledger.Tx, n Notice) (bool, error) {
	v, err := p.Desk.Raw(tx, n.About)
	if err != nil {
		return false, err
	}
	if v.Request.Who.ID == n.To {
		return true, nil
	}
	for _, b := range v.Request.Votes {
		if b.By.ID == n.To {
			return true, nil
		}
	}
	return false, nil
}

// String is for reports: it names no person.
func (n Notice) String() string {
	return string(n.Topic) + " about " + n.Kind + " " + strconv.FormatInt(n.Seq, 10) + " over " + n.Channel
}
