package gateway

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// Besides every event an open visit is asked about every few seconds, and with
// all rows read again every minute: for clocks that jumped, rules with hours, and
// what nobody thought of.
const (
	again = 5 * time.Second
	anew  = 12 // every so many times, with all rows
)

// watch ends the visit when it may no longer be: its time is up, its grant or
// rule is gone, its recording fails, or the ledger cannot be read. seq is the
// event that opened it.
func (v *Visit) watch(seq int64) {
	up := time.NewTimer(v.due()) // monotonic: a clock set back does not give more
	defer up.Stop()
	beat := time.NewTimer(again/2 + rand.N(again/2)) // not all at once
	defer beat.Stop()
	proven, trouble := seq, v.trouble()
	for n, phase := 0, rand.N(anew); ; {
		select {
		case <-v.ctx.Done():
			return
		case <-v.Recording.Failed():
			v.unrecorded(v.Recording.Err())
			return
		case <-trouble:
			trouble = v.trouble()
		case <-up.C:
			v.apart(func() { v.recheck(false) })
		case <-v.poke:
			last := v.stirred.Load()
			v.apart(func() {
				if !v.revoked() {
					v.recheck(last > proven)
				}
			})
			proven = max(proven, last)
		case <-beat.C:
			beat.Reset(again)
			n++
			v.apart(func() { v.asked(n%anew == phase) })
			if n%anew == 0 {
				v.apart(v.progress)
			}
		}
		v.overdue()
		up.Reset(v.due())
	}
}

// revoked ends the visit if its grant was taken back: a no needs no proof, and
// thousands may have to hear it at once.
func (v *Visit) revoked() bool {
	why, err := v.g.Desk.Ended(v.ctx, v.Grant().ID)
	if err != nil || why.Code != policy.WasRevoked {
		return false // it is asked about in full
	}
	v.End(&Ending{why.Code, why.Why})
	return true
}

// A standing question is what policy was last asked about one deed, and said yes to.
type standing struct {
	policy   *policy.Policy // that was asked
	question policy.Question
	terms    []policy.Terms // of the votes to approve
	record   policy.Recording
}

// stands keeps what was asked about a deed. mu is held.
func (v *Visit) stands(do deed, p *policy.Policy, a Answer) {
	if v.standing == nil {
		v.standing = map[deed]*standing{}
	}
	v.standing[do] = &standing{p, a.question, a.terms(), a.Recording}
}

// asked asks again because time has gone by; with rows it reads all that the
// answer rests on.
func (v *Visit) asked(rows bool) {
	if rows || !v.same() {
		v.recheck(false)
		return
	}
	v.sift()
}

// same says whether policy, as it is now, still says yes to what it was asked
// last, at the time that it is now, and the SSH key still counts. Of what the
// question is about only time changes without an event, and every event that may
// take something away has the rows read again; that a copy of a passkey was seen
// is known before it is written down. It is false where there is more to be
// looked at.
func (v *Visit) same() bool {
	v.mu.Lock()
	does, all, grant, quiet := slices.Clone(v.does), maps.Clone(v.standing), v.grant.ID, v.frozen.Until.IsZero() && v.ctx.Err() == nil
	v.mu.Unlock()
	if !quiet || v.up() {
		return false
	}
	k, why, now := v.knock, "", time.Time{}
	k.grant = grant
	err := v.g.Ledger.View(v.ctx, func(tx *ledger.Tx) (err error) {
		now = tx.Now()
		why, err = v.g.holds(tx, k)
		return err
	})
	if err != nil || why != "" {
		return false
	}
	var a Answer
	for _, do := range does {
		s, ok := all[do]
		if !ok || s.question.Grant.ID != grant {
			return false
		}
		a = s.at(now, v.g.Desk.Policy())
		if a.keep(do.do, s.terms); a.Verdict == policy.Allow {
			a.Decision = v.bounded(do, a.Decision)
		}
		if a.Verdict != policy.Allow {
			return false
		}
	}
	v.runs(a)
	v.swear(a.Witnesses)
	return true
}

// at asks at another time. A touch opened the visit.
func (s *standing) at(now time.Time, p *policy.Policy) Answer {
	q := s.question
	q.Now = now
	q.Proofs = append(slices.Clip(q.Proofs), touchedBefore(q))
	return Answer{Decision: p.Decide(q), Grant: q.Grant, question: q}
}

// recheck asks whether the session may go on, for all that was begun in it; with
// all it proves again what it rests on.
func (v *Visit) recheck(all bool) {
	ask := v.g.decide
	if all {
		ask = v.g.enter
	}
	v.sift()
	var a Answer
	var err error
	p := v.g.Desk.Policy() // before it is asked: what is asked then may be another
	for _, do := range v.begun() {
		if a, err = v.ask(v.ctx, do, ask); err != nil || a.Verdict != policy.Allow {
			break
		}
		if a.Decision = v.bounded(do, a.Decision); a.Verdict != policy.Allow {
			break
		}
		v.mu.Lock()
		v.stands(do, p, a)
		v.mu.Unlock()
	}
	switch {
	case v.ctx.Err() != nil:
	case err != nil:
		v.g.Report(fmt.Errorf("ask again for session %s: %w", v.Session.ID, err))
		v.End(&Ending{policy.ByPolicy, "whether you may go on cannot be proven, so the session ends"})
	case a.Verdict == policy.Allow:
		v.runs(a)
		v.swear(a.Witnesses)
	case a.Verdict == policy.Deny && a.Code == policy.HasExpired:
		v.expired(a)
	default:
		v.End(&Ending{a.Code, a.Why.String()})
	}
}

// bounded takes back a yes to what was begun within other bounds: who keeps them
// in what is open knows only those.
func (v *Visit) bounded(do deed, d policy.Decision) policy.Decision {
	v.mu.Lock()
	was := v.within[do]
	v.mu.Unlock()
	same := true
	switch do.do {
	case policy.SFTPGet, policy.SFTPPut:
		same = reflect.DeepEqual(was.SFTP, d.Bounds.SFTP)
	case policy.Forward:
		same = reflect.DeepEqual(was.SQL, d.Bounds.SQL)
	case policy.HTTPGet, policy.HTTPPut: // a stream that is open was begun within those
		same = reflect.DeepEqual(was.HTTP, d.Bounds.HTTP)
	}
	if same {
		return d
	}
	return policy.Decision{Code: policy.ByPolicy, Why: policy.Says("what rule %q allows of %s is not what it was; connect again", d.Rule, string(do.do))}
}

// progress puts the recording's running hash into the log.
func (v *Visit) progress() {
	root := v.Recording.Progress()
	err := v.g.Ledger.Update(v.ctx, func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{
			Kind: "session.progress", Actor: "lockbox", Subjects: []string{v.Session.ID}, Customers: v.Session.Customers,
			Detail: map[string]string{"root": root},
		})
		return err
	})
	if err != nil && v.ctx.Err() == nil {
		v.g.Report(fmt.Errorf("note the progress of session %s: %w", v.Session.ID, err))
	}
}
