package sshproxy

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

func prefix(n uint32) netip.Prefix {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.PrefixFrom(netip.AddrFrom4(b), 32)
}

func TestAPenaltyBitesRunsOffAndIsForgiven(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	from := prefix(1)
	for _, c := range []struct {
		rule string
		adds []time.Duration // one a second
		left time.Duration   // after the last
	}{
		{"nothing", nil, 0},
		{"two that failed run off", []time.Duration{forFailed, forFailed}, 0},
		{"four that failed", []time.Duration{forFailed, forFailed, forFailed, forFailed}, 17 * time.Second},
		{"two that waited", []time.Duration{forGrace, forGrace}, 19 * time.Second},
		{"one fault of ours", []time.Duration{forCrash}, forCrash},
		{"never more than ten minutes", []time.Duration{forCrash, forCrash, forCrash, forCrash, forCrash, forCrash, forCrash, forCrash}, penaltyMost},
		{"who only looks whether the port answers", []time.Duration{forNoTry, forNoTry, forNoTry, forNoTry, forNoTry, forNoTry, forNoTry}, 0},
	} {
		p, now := newPenalties(10), at
		for i, d := range c.adds {
			now = at.Add(time.Duration(i) * time.Second)
			p.add(from, d, now)
		}
		if got := p.left(from, now); got != c.left {
			t.Errorf("%s: shut out for %s, want %s", c.rule, got, c.left)
		}
		if p.left(prefix(2), now) != 0 {
			t.Errorf("%s: another source pays", c.rule)
		}
		if c.left > 0 && (p.left(from, now.Add(c.left-1)) == 0 || p.left(from, now.Add(c.left)) != 0) {
			t.Errorf("%s: it does not run off", c.rule)
		}
	}
	p := newPenalties(10)
	p.clear(from, at)
	for range 100 { // the rest of the office
		p.add(from, forFailed, at.Add(time.Minute))
	}
	if got := p.left(from, at.Add(time.Minute)); got != 0 {
		t.Errorf("where somebody came in: shut out for %s", got)
	}
	if p.add(from, forCrash, at.Add(time.Minute)); p.left(from, at.Add(time.Minute)) != forCrash {
		t.Error("a fault of ours is forgiven")
	}
	p.clear(from, at)
	if p.add(from, penaltyBites, at.Add(goodFor)); p.left(from, at.Add(goodFor)) != penaltyBites {
		t.Error("a source is good for ever")
	}
}

func TestOnlySoManySourcesAreRemembered(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	p := newPenalties(1000)
	p.add(prefix(0), time.Second, at)
	for i := range uint32(100_000) {
		p.add(prefix(i+1), forCrash, at.Add(2*time.Second))
		if len(p.of) > 1000 {
			t.Fatalf("%d sources", len(p.of))
		}
	}
	if _, there := p.of[prefix(0)]; there {
		t.Error("what ran off is kept before what counts")
	}
	if len(p.of) < 800 {
		t.Errorf("only %d are left", len(p.of))
	}
}
