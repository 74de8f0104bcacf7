package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/recorder/ledger"
)

// Archive destroys the keys of recordings, in every copy.
type Archive interface {
	Destroy(ctx context.Context, session string) (copies []string, err error)
}

// Why a recording is erased.
const (
	erasedByTime   = "its time was up"
	erasedByMotion = "its erasure was signed: motion "
)

// shredAll begins the keys of the orders to erase recordings.
const shredAll = "shred/"

// dueAll begins the keys of recordings by when they are to be destroyed.
const dueAll = "due/"

func (s stay) dueKey() string {
	return dueAll + s.Until.UTC().Truncate(time.Second).Add(time.Second).Format(time.RFC3339) + "/" + s.ID
}

// due has the recording of a session that has ended destroyed in its time,
// unless it is held.
func (s stay) due(tx *ledger.Tx) error {
	if s.Until.IsZero() || s.Hold != nil || !s.Erased.IsZero() {
		return nil
	}
	return tx.Put(s.dueKey(), s.ID)
}

// shreds is what Retain knows of a round.
type shreds struct {
	now    string            // being destroyed
	failed map[string]string // why others were not
	told   bool              // that nothing is destroyed here
	wait   time.Time         // nothing is destroyed for its time before, by the monotonic clock
}

func (g *Gateway) shredding(session string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shreds.now == session
}

// stuck says why a recording that should be destroyed is not.
func (g *Gateway) stuck(session string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shreds.failed[session]
}

// roundMost is how many recordings one round destroys of each kind: the next goes on.
const roundMost = 200

// Retain destroys the keys of recordings whose time is up or whose erasure was
// signed, and writes it down. What cannot be destroyed now is tried again.
func (g *Gateway) Retain(ctx context.Context) error {
	due, err := g.doomed(ctx)
	if err != nil {
		return fmt.Errorf("find the recordings whose time is up: %w", err)
	}
	g.mu.Lock()
	told := g.shreds.told
	g.shreds.told = told || g.Archive == nil && len(due) > 0
	g.mu.Unlock()
	if g.Archive == nil {
		if len(due) > 0 && !told {
			g.Report(fmt.Errorf("%d recordings are past their time, and nothing here destroys them", len(due)))
		}
		return nil
	}
	for _, d := range due {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		g.shredded(d.session, g.shred(ctx, d))
	}
	return nil
}

// shredded notes what came of one, and reports what is new of it.
func (g *Gateway) shredded(session string, err error) {
	g.mu.Lock()
	s := &g.shreds
	was := s.failed[session]
	s.now = ""
	delete(s.failed, session)
	if err != nil {
		if s.failed == nil {
			s.failed = map[string]string{}
		}
		s.failed[session] = err.Error()
	}
	g.mu.Unlock()
	if err != nil && was != err.Error() {
		g.Report(fmt.Errorf("destroy recording %s; it is tried again: %w", session, err))
	}
}

// A doom is a recording to destroy, and why.
type doom struct {
	session, why, key string
}

// doomed lists those whose time is up, and those whose erasure was signed. Those
// that could not be destroyed in the round before come last.
func (g *Gateway) doomed(ctx context.Context) (all []doom, err error) {
	var stuck []doom
	add := func(d doom) bool {
		if g.stuck(d.session) != "" {
			stuck = append(stuck, d)
		} else {
			all = append(all, d)
		}
		return len(all) < 2*roundMost
	}
	err = g.Ledger.View(ctx, func(tx *ledger.Tx) error {
		all, stuck = nil, nil
		if err := ordered(tx, add); err != nil || g.settling() {
			return err
		}
		last := dueAll + tx.Now().Format(time.RFC3339)
		return tx.Scan(dueAll, func(key string, _ json.RawMessage) (bool, error) {
			_, session, _ := strings.Cut(strings.TrimPrefix(key, dueAll), "/")
			up := key[:min(len(key), len(last))] <= last
			return up && add(doom{session, erasedByTime, key}), nil
		})
	})
	return append(all, stuck[:min(len(stuck), roundMost)]...), err
}

// ordered gives the recordings whose erasure was signed, and that are over and not held.
func ordered(tx *ledger.Tx, add func(doom) bool) error {
	return tx.Scan(shredAll, func(key string, raw json.RawMessage) (bool, error) {
		var o approvals.Shred
		if err := json.Unmarshal(raw, &o); err != nil {
			return false, err
		}
		d := doom{strings.TrimPrefix(key, shredAll), erasedByMotion + o.Motion, key}
		_, ok, err := doomedStill(tx, d)
		return !ok || add(d), err
	})
}

// settling says whether it is too soon to believe that anybody's time is up.
func (g *Gateway) settling() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Now().Before(g.shreds.wait)
}

// gapMost is the longest silence of the log that says nothing about the clock,
// settleMost how long nothing is destroyed after a longer one.
const (
	gapMost    = time.Hour
	settleMost = 24 * time.Hour
)

// settle looks how long the log was silent before this start. A clock that was
// set wrong meanwhile looks the same: nothing is destroyed for its time until
// somebody could have seen it.
func (g *Gateway) settle(ctx context.Context) error {
	last, err := g.Ledger.After(ctx, g.Ledger.Last()-1, 1)
	if err != nil || len(last) == 0 {
		return err
	}
	var now time.Time
	if err := g.Ledger.View(ctx, func(tx *ledger.Tx) error { now = tx.Now(); return nil }); err != nil {
		return err
	}
	gap := now.Sub(last[0].At)
	if gap <= gapMost {
		return nil
	}
	wait := min(gap, settleMost)
	g.mu.Lock()
	g.shreds.wait = time.Now().Add(wait)
	g.mu.Unlock()
	g.Report(fmt.Errorf("nothing was written for %s before this start: if that is not so, the clock is wrong; no recording is destroyed for its time in the next %s",
		gap.Round(time.Second), wait.Round(time.Second)))
	return nil
}

// shred destroys one recording, unless it is held by now.
func (g *Gateway) shred(ctx context.Context, d doom) error {
	g.mu.Lock()
	g.shreds.now = d.session // from here on nobody holds it
	g.mu.Unlock()
	still := false
	err := g.Ledger.Update(ctx, func(tx *ledger.Tx) error { // in order with those who hold recordings
		s, ok, err := doomedStill(tx, d)
		if still = ok && s.Erased.IsZero(); still && strings.HasPrefix(d.key, shredAll) {
			_, err = g.Desk.Shreds(tx, d.session)
		}
		return err
	})
	if err != nil || !still {
		return err
	}
	copies, err := g.Archive.Destroy(ctx, d.session)
	if err != nil {
		return err
	}
	return g.Ledger.Update(context.WithoutCancel(ctx), func(tx *ledger.Tx) error {
		s, ok, err := doomedStill(tx, d)
		if err != nil || !ok {
			return errors.Join(err, errors.New("it was destroyed, and its session is gone"))
		}
		s.Erased, s.Why = tx.Now(), d.why
		e := s.event("recording.erased", "lockbox", map[string]string{"why": d.why, "copies": strconv.Itoa(len(copies))})
		if _, err := tx.Append(e); err != nil {
			return err
		}
		if err := dropRemarks(tx, s.ID); err != nil {
			return err
		}
		for _, key := range []string{s.dueKey(), approvals.ShredKey(s.ID)} {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return tx.Put(sessionKey(s.ID), s)
	})
}

// doomedStill loads a session, and says whether its recording is to be destroyed.
func doomedStill(tx *ledger.Tx, d doom) (s stay, ok bool, err error) {
	var raw json.RawMessage
	if there, err := tx.Get(d.key, &raw); err != nil || !there {
		return s, false, err
	}
	ok, err = tx.Get(sessionKey(d.session), &s)
	return s, ok && s.Hold == nil && !s.Ended.IsZero(), err
}
