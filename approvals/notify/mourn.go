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

// gather is how long such alarms are gathered: what is given up then is one alarm.
const gather = time.Minute

// mourn writes an alarm into the log about notices that were given up, until ctx ends.
func (f *Follower) mourn(ctx context.Context) {
	for {
		if err := f.lament(ctx); err != nil && ctx.Err() == nil {
			f.Report(fmt.Errorf("tell that notices were given up: %w", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-f.dying:
		}
		if err := pause(ctx, gather); err != nil {
			return
		}
	}
}

// lament tells of those of which nobody was told, one event for each channel.
func (f *Follower) lament(ctx context.Context) error {
	all, err := f.Outbox.Dead()
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(d Dead) bool { return d.Told })
	by := map[string][]Dead{}
	for _, d := range all {
		by[d.Channel] = append(by[d.Channel], d)
	}
	for channel, some := range by {
		if err := f.Ledger.Update(ctx, func(tx *ledger.Tx) error {
			_, err := tx.Append(deadLetter(channel, some))
			return err
		}); err != nil {
			return err
		}
	}
	return f.Outbox.told(all, time.Now())
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

// Replay sends the events from seq on, up to the log's end, once more to those
// programs of a channel that want them.
func (f *Follower) Replay(ctx context.Context, channel string, seq int64) (n int, err error) {
	for at := seq - 1; ; {
		events, err := f.Ledger.After(ctx, at, page)
		if err != nil || len(events) == 0 {
			return n, err
		}
		var all []Notice
		for _, e := range events {
			l := &plan{Planner: f.Planner, e: e}
			l.deeds()
			all = append(all, slices.DeleteFunc(l.out, func(n Notice) bool { return n.Channel != channel })...)
			at = e.Seq
		}
		if err := f.Again(all...); err != nil {
			return n, err
		}
		n += len(all)
	}
}
