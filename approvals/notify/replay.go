package notify

import (
	"context"
	"slices"
)

// mostReplayed events are sent once more at a time: what is more would crowd out what is new.
const mostReplayed = mostWaiting / 2

// A Replayed says which events are sent once more.
type Replayed struct {
	Count int   `json:"count"` // of events that the receiver wants
	From  int64 `json:"from"`  // the first that was looked at
	To    int64 `json:"to"`    // the last
	End   int64 `json:"end"`   // of the log, as it was: after To there is more to replay where it is greater
}

// Replay sends the events from seq on once more to those programs of a channel
// that want them, with the ids that they had.
func (f *Follower) Replay(ctx context.Context, channel string, seq int64) (r Replayed, err error) {
	r = Replayed{From: seq, To: seq - 1, End: f.Ledger.Last()}
	isHook := func(at Place) bool { return at.Channel == channel && slices.Contains(at.Topics, Deed) }
	switch {
	case !slices.ContainsFunc(f.Planner.Places, isHook):
		return r, refuse("there is no webhook of that name")
	case seq < 0 || seq > r.End:
		return r, refuse("events have the numbers 0 to %d", r.End)
	}
	for r.To < r.End && r.Count < mostReplayed {
		events, err := f.Ledger.After(ctx, r.To, page)
		if err != nil || len(events) == 0 {
			return r, err
		}
		var all []Notice
		for _, e := range events {
			if e.Seq > r.End {
				break
			}
			l := &plan{Planner: f.Planner, e: e}
			l.deeds()
			all = append(all, slices.DeleteFunc(l.out, func(n Notice) bool { return n.Channel != channel })...)
			r.To = e.Seq
		}
		if err := f.Again(all...); err != nil {
			return r, err
		}
		r.Count += len(all)
	}
	return r, nil
}
