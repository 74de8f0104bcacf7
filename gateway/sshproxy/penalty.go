package sshproxy

import (
	"net/netip"
	"sync"
	"time"
)

// What a connection costs its source that ends before anybody is known by it:
// OpenSSH's figures.
const (
	forNoTry  = time.Second      // it tried no key: a scan, a balancer that looks whether the port answers
	forFailed = 5 * time.Second  // no key was right, or it did not keep to the protocol
	forGrace  = 10 * time.Second // its time ran out
	forCrash  = 90 * time.Second // it met a fault of ours
)

const (
	penaltyBites = 15 * time.Second // less runs off unnoticed
	penaltyMost  = 10 * time.Minute
	goodFor      = time.Hour
	mostSources  = 65_536
)

// penalties shut out sources whose connections keep coming to nothing. They
// run off by themselves. Where somebody came in, failures count for nothing for
// an hour: the agent or the script of one must not lock out the office that
// shares the address. A fault of ours counts even then.
type penalties struct {
	most int // sources

	mu sync.Mutex // guards of
	of map[netip.Prefix]score
}

// A score is what is remembered of a source.
type score struct {
	until time.Time // all that it was given has run off
	bites bool      // it came to penaltyBites
	good  time.Time // until when failures are forgiven
}

func newPenalties(most int) *penalties {
	return &penalties{most: most, of: map[netip.Prefix]score{}}
}

// left is how long a source is shut out from now on.
func (p *penalties) left(source netip.Prefix, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := p.of[source]; m.bites {
		return max(0, m.until.Sub(now))
	}
	return 0
}

// add gives a source a penalty, and says whether it is shut out from now on.
func (p *penalties) add(source netip.Prefix, d time.Duration, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.of[source]
	if now.Before(m.good) && d != forCrash {
		return false
	}
	if !m.until.After(now) {
		m.until, m.bites = now, false
	}
	m.until = m.until.Add(d)
	if last := now.Add(penaltyMost); m.until.After(last) {
		m.until = last
	}
	began := !m.bites && m.until.Sub(now) >= penaltyBites
	m.bites = m.bites || began
	p.put(source, m, now)
	return began
}

// clear forgives a source: somebody came in from there.
func (p *penalties) clear(source netip.Prefix, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.put(source, score{good: now.Add(goodFor)}, now)
}

// put keeps a score. Where there is no room, what says nothing any more goes,
// and then any, until an eighth is free: nobody can make this slow. mu is held.
func (p *penalties) put(source netip.Prefix, m score, now time.Time) {
	if _, there := p.of[source]; !there && len(p.of) >= p.most {
		for s, old := range p.of {
			if !old.until.After(now) && !old.good.After(now) {
				delete(p.of, s)
			}
		}
		for s := range p.of { // in no order that a source could know
			if len(p.of) <= p.most-p.most/8 {
				break
			}
			delete(p.of, s)
		}
	}
	p.of[source] = m
}

// A crowd counts the connections of each person.
type crowd struct {
	mu sync.Mutex // guards in
	in map[string]int
}

// enter counts one more, and gives their number.
func (c *crowd) enter(who string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in[who]++
	return c.in[who]
}

func (c *crowd) leave(who string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.in[who]--; c.in[who] <= 0 {
		delete(c.in, who)
	}
}
