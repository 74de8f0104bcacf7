package gateway

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// watch ends the visit when it may no longer be: its time is up, its grant or
// rule is gone, or the ledger cannot be read.
func (v *Visit) watch(seq int64) {
	events := make(chan bool, 1)
	v.spawn(func() { v.listen(seq, events) })
	v.spawn(v.mind)
	up := time.NewTimer(v.due()) // monotonic: a clock set back does not give more
	defer up.Stop()
	tick := time.NewTicker(again)
	defer tick.Stop()
	progress := time.NewTicker(time.Minute)
	defer progress.Stop()
	for {
		select {
		case <-v.ctx.Done():
			return
		case <-up.C:
			v.recheck(false)
		case <-progress.C:
			v.progress()
		case all := <-events:
			v.recheck(all)
		case <-v.poke:
			v.recheck(false)
		case <-tick.C:
			v.recheck(false)
		}
		v.overdue()
		up.Reset(v.due())
	}
}

// mind ends the visit when its recording fails, or something holds it back for
// too long. It never waits for the log, whose disk may be as sick.
func (v *Visit) mind() {
	place := time.NewTicker(look)
	defer place.Stop()
	trouble := v.trouble()
	for {
		select {
		case <-v.ctx.Done():
			return
		case <-trouble:
			trouble = v.trouble()
		case <-v.Recording.Failed():
			v.unrecorded(v.Recording.Err())
			return
		case <-place.C:
			if err := v.g.Shelf.Holds(v.Session.ID); err != nil {
				v.unrecorded(err)
				return
			}
			v.overdue()
		}
	}
}

// unrecorded ends the visit because what happens in it could not be written down.
func (v *Visit) unrecorded(err error) {
	v.g.Report(fmt.Errorf("recording %s: %w", v.Session.ID, err))
	v.End(&Ending{NoRecorder, "the recorder cannot write any more, so the session ends"})
}

// listen wakes watch at every event that is about this visit, and at every
// change of what it rests on: true means that its votes have to be proven again.
func (v *Visit) listen(seq int64, wake chan bool) {
	for e, err := range v.g.Ledger.Watch(v.ctx, seq) {
		if v.ctx.Err() != nil {
			return
		}
		if err != nil {
			v.g.Report(fmt.Errorf("watch the ledger for session %s: %w", v.Session.ID, err))
			v.End(&Ending{policy.ByPolicy, "the ledger cannot be read, so the session ends"})
			return
		}
		all := stirs(e.Kind)
		if !all && !v.concerns(e) {
			continue
		}
		v.obey(e)
		select {
		case wake <- all:
		case waits := <-wake: // there is room now, for nobody else writes
			wake <- all || waits
		}
	}
}

// concerns says whether an event is about the visit: its session, its grant, or the extension that it waits for.
func (v *Visit) concerns(e ledger.Event) bool {
	if strings.HasPrefix(e.Kind, "file") { // our own, and of no weight
		return false
	}
	if v.knock.Web != "" && e.Kind == "session.signed-out" { // whoever did it: whose it was may not be told apart
		return true
	}
	f, _ := v.Frozen()
	about := []string{v.Session.ID, v.Session.Request, v.Grant().ID}
	if !f.Until.IsZero() {
		about = append(about, f.Extension, v.Session.Target)
	}
	return slices.ContainsFunc(e.Subjects, func(s string) bool { return slices.Contains(about, s) })
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
	for _, do := range v.begun() {
		if a, err = v.ask(v.ctx, do, ask); err != nil || a.Verdict != policy.Allow {
			break
		}
		if a.Decision = v.bounded(do, a.Decision); a.Verdict != policy.Allow {
			break
		}
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
