package lang

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lockbox/policy"
)

// A moment stands for all at which the same hours hold.
type moment struct {
	at  time.Time
	key string // which of the hours hold
}

// manyWeeks are the weeks over which zones are held against each other.
const manyWeeks = 2 * 53

// firstWeek begins on a Monday.
func firstWeek() time.Time { return time.Date(2026, time.January, 5, 0, 0, 0, 0, time.UTC) }

// A calendar remembers the moments of hours that were looked at, by what they say.
type calendar map[string][]moment

// moments are one for each set of the rules' hours that hold together at some
// time. In one zone a week shows them all; where zones change apart, two years do.
func (c calendar) moments(rules []policy.Rule) []moment {
	hours := map[string]*policy.Hours{}
	zones := map[string]*time.Location{}
	for i := range rules {
		if h := rules[i].Hours; h != nil && h.Zone != nil {
			hours[hoursText(h)] = h
			zones[h.Zone.String()] = h.Zone
		}
	}
	names := sortedKeys(hours)
	key := ""
	for _, n := range names {
		key += n + ";"
	}
	if m, ok := c[key]; ok {
		return m
	}
	var list []*policy.Hours
	for _, n := range names {
		list = append(list, hours[n])
	}
	m := distinct(boundaries(list, weeks(zones)), list)
	c[key] = m
	return m
}

// weeks are the first of each kind: of those in which all zones stand to each
// other, and change, alike, one shows what the others do.
func weeks(zones map[string]*time.Location) []time.Time {
	if len(zones) < 2 {
		return []time.Time{firstWeek()}
	}
	seen := map[string]bool{}
	var out []time.Time
	for w := range manyWeeks {
		start := firstWeek().AddDate(0, 0, 7*w)
		var key strings.Builder
		for _, name := range sortedKeys(zones) {
			last := time.Duration(-1)
			for hour := range 7 * 24 {
				if o := offset(start.Add(time.Duration(hour) * time.Hour).In(zones[name])); o != last {
					fmt.Fprint(&key, hour, "=", o, ",")
					last = o
				}
			}
		}
		if !seen[key.String()] {
			seen[key.String()] = true
			out = append(out, start)
		}
	}
	return out
}

// boundaries are the instants at which hours begin or end to hold in some
// weeks, and a noon.
func boundaries(hours []*policy.Hours, weeks []time.Time) []time.Time {
	out := []time.Time{firstWeek().Add(2*day + 12*time.Hour), firstWeek()}
	for _, start := range weeks {
		for _, h := range hours {
			for i := -1; i <= 8; i++ {
				for _, clock := range []time.Duration{h.From, h.To} {
					wall := start.AddDate(0, 0, i).Add(clock)
					for _, o := range offsets(h.Zone, wall) { // a wall clock can be twice, or never
						out = append(out, wall.Add(-o).In(h.Zone))
					}
				}
			}
			out = append(out, changes(h.Zone, start)...)
		}
	}
	return out
}

// changes are the minutes of a week at which the zone's own clock changes.
func changes(z *time.Location, start time.Time) []time.Time {
	var out []time.Time
	for i := range 7 * 24 {
		a, b := start.Add(time.Duration(i)*time.Hour), start.Add(time.Duration(i+1)*time.Hour)
		for t := a; t.Before(b) && offset(a.In(z)) != offset(b.In(z)); t = t.Add(time.Minute) {
			out = append(out, t.Add(time.Minute).In(z))
		}
	}
	return out
}

func offset(t time.Time) time.Duration {
	_, s := t.Zone()
	return time.Duration(s) * time.Second
}

// offsets are those that the zone has around a wall clock.
func offsets(z *time.Location, wall time.Time) []time.Duration {
	a, b := offset(wall.Add(-26*time.Hour).In(z)), offset(wall.Add(26*time.Hour).In(z))
	if a == b {
		return []time.Duration{a}
	}
	return []time.Duration{a, b}
}

// distinct keeps one instant for each set of hours that hold.
func distinct(at []time.Time, hours []*policy.Hours) []moment {
	seen := map[string]bool{}
	var out []moment
	for _, t := range at {
		key := make([]byte, len(hours))
		for i, h := range hours {
			key[i] = bit(holdsAt(h, t))
		}
		if !seen[string(key)] {
			seen[string(key)] = true
			out = append(out, moment{t, string(key)})
		}
	}
	return out
}

// holdsAt says, as policy does, whether hours hold.
func holdsAt(h *policy.Hours, t time.Time) bool {
	local := t.In(h.Zone)
	clock := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute +
		time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
	return slices.Contains(h.Days, local.Weekday()) && h.From <= clock && clock < h.To
}
