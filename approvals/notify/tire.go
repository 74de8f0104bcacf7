package notify

import (
	"time"
)

// often is how many beginnings and ends of sessions under one grant a reader is
// told of within an hour, over one channel. A script may come in a thousand
// times: the next is told when the hour is over, as it stands then.
const often = 20

// tires says whether a notice is one of those that a program can make as fast as it likes.
func (e *entry) tires() bool {
	return e.Topic == Session && (e.Kind == "session.open" || e.Kind == "session.close")
}

// tired keeps that one of those was sent.
func (c *carrier) tired(e *entry, now time.Time) {
	if !e.tires() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, all := range c.sent {
		if now.Sub(all[len(all)-1]) >= time.Hour {
			delete(c.sent, key)
		}
	}
	if c.sent == nil {
		c.sent = map[string][]time.Time{}
	}
	all := append(c.sent[e.lane()], now)
	c.sent[e.lane()] = all[max(0, len(all)-often):]
}

// calm is until when a notice waits so that it tires nobody; zero: it does not.
func (c *carrier) calm(e *entry, now time.Time) time.Time {
	if !e.tires() {
		return time.Time{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.sent[e.lane()]
	for len(all) > 0 && now.Sub(all[0]) >= time.Hour {
		all = all[1:]
	}
	if len(all) < often {
		return time.Time{}
	}
	return all[len(all)-often].Add(time.Hour)
}

// lane is the key of its lane.
func (e *entry) lane() string { return e.To + "\x00" + e.About }
