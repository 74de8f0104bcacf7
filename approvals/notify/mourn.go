package notify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"lockbox/recorder/ledger"
)

// deadEvent is the kind of the alarm that notices were given up.
const deadEvent = "notice.dead"

// Alarms about one channel are gathered: what is given up within a minute is one,
// and while more is, they come less and less often, down to one an hour.
const (
	gather = time.Minute
	seldom = time.Hour
)

// A grief is when there was an alarm about a channel, and how long the next one waits.
type grief struct {
	at   time.Time
	wait time.Duration
}

// mourn writes an alarm into the log about notices that were given up, until ctx ends.
func (f *Follower) mourn(ctx context.Context) {
	if err := f.Outbox.told(nil, time.Now()); err != nil { // counts them
		f.Report(err)
	}
	by := map[string]grief{}
	for {
		more, err := f.lament(ctx, by)
		if err != nil && ctx.Err() == nil {
			f.Report(fmt.Errorf("tell that notices were given up: %w", err))
		}
		if !more {
			select {
			case <-ctx.Done():
				return
			case <-f.dying:
			}
		}
		if err := pause(ctx, gather); err != nil {
			return
		}
	}
}

// lament tells of those of which nobody was told, one event for each channel
// whose time it is; or says that some wait.
func (f *Follower) lament(ctx context.Context, griefs map[string]grief) (more bool, err error) {
	all, err := f.Outbox.Dead()
	if err != nil {
		return false, err
	}
	by := map[string][]Dead{}
	for _, d := range all {
		if !d.Told {
			by[d.Channel] = append(by[d.Channel], d)
		}
	}
	for channel, some := range by {
		g, now := griefs[channel], time.Now()
		since := now.Sub(g.at)
		if since < g.wait {
			more = true
			continue
		}
		if err := f.Ledger.Update(ctx, func(tx *ledger.Tx) error {
			_, err := tx.Append(deadLetter(channel, some))
			return err
		}); err != nil {
			return true, err
		}
		if err := f.Outbox.told(some, now); err != nil {
			return true, err
		}
		if g.wait = min(4*max(g.wait, gather), seldom); since > 2*seldom {
			g.wait = gather
		}
		griefs[channel] = grief{now, g.wait}
	}
	return more, nil
}

func deadLetter(channel string, all []Dead) ledger.Event {
	topics := map[string]bool{}
	var names []string
	for _, d := range all {
		if !topics[string(d.Topic)] {
			topics[string(d.Topic)] = true
			names = append(names, string(d.Topic))
		}
	}
	slices.Sort(names)
	last := all[len(all)-1]
	return ledger.Event{
		Kind: deadEvent, Actor: "lockbox",
		Detail:  map[string]string{"channel": channel, "count": fmt.Sprint(len(all)), "topics": strings.Join(names, " ")},
		Private: map[string]string{"to": last.To, "why": last.Why},
	}
}

// Retry brings notices that were given up back: of a channel ("": all), those
// with these numbers (none: all).
func (f *Follower) Retry(channel string, nums ...uint64) (int, error) {
	back, err := f.Outbox.revive(channel, nums, time.Now())
	if err != nil {
		return 0, fmt.Errorf("bring notices back: %w", err)
	}
	f.hand(back)
	return len(back), nil
}

// Again sends notices whatever was sent before: a test, a digest, the replay of events.
func (f *Follower) Again(all ...Notice) error {
	for i := range all {
		all[i].ID = all[i].id()
	}
	added, err := f.Outbox.again(all, time.Now())
	if err != nil {
		return err
	}
	f.hand(added)
	return nil
}
