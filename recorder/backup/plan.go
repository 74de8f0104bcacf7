package backup

import (
	"slices"
	"strings"
	"time"
)

// A Kind is why a backup is kept.
type Kind string

// Kinds of backup.
const (
	Nightly Kind = "nightly"
	Monthly Kind = "monthly"
	Asked   Kind = "asked" // to a file that somebody named: it is theirs, and never deleted
)

const (
	keptNights = 7
	keptMonths = 3
)

// A Name is what the file of a backup tells by its name, which sorts by time.
type Name struct {
	At   time.Time // UTC, whole seconds
	Kind Kind
}

const (
	prefix, suffix = "lockbox-", ".age"
	stamp          = "20060102T150405Z"
)

// String is "lockbox-20261122T023000Z-nightly.age".
func (n Name) String() string {
	return prefix + n.At.UTC().Format(stamp) + "-" + string(n.Kind) + suffix
}

// ParseName reads what String prints, and nothing else.
func ParseName(s string) (Name, bool) {
	at, kind, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(s, prefix), suffix), "-")
	t, err := time.Parse(stamp, at)
	n := Name{t, Kind(kind)}
	return n, err == nil && (n.Kind == Nightly || n.Kind == Monthly) && n.String() == s
}

// A Schedule says when in the night, as time since midnight UTC.
type Schedule struct{ At time.Duration }

// A Plan is what is to be made, and what may go once that is made and verified.
type Plan struct {
	Due  []Kind
	Drop []Name
}

// Plan holds what there is against now. One of each of the last seven nights
// that have any is kept, and of the last three months: a night without a backup
// makes no other go. What is dated after now counts for nothing, and goes once
// there are enough without it.
func (s Schedule) Plan(have []Name, now time.Time) (p Plan) {
	for _, k := range []struct {
		kind Kind
		most int
		turn func(time.Time) int
	}{{Nightly, keptNights, s.night}, {Monthly, keptMonths, s.month}} {
		due, drop := plan(of(have, k.kind), k.most, k.turn, now)
		if due {
			p.Due = append(p.Due, k.kind)
		}
		p.Drop = append(p.Drop, drop...)
	}
	slices.SortFunc(p.Drop, func(a, b Name) int { return strings.Compare(a.String(), b.String()) })
	return p
}

// plan is Plan for one kind. turn tells which night or month an instant is of.
func plan(have []Name, most int, turn func(time.Time) int, now time.Time) (due bool, drop []Name) {
	var ahead []Name
	kept := map[int]bool{}
	due = true
	for _, n := range have { // newest first
		t := turn(n.At)
		switch {
		case n.At.After(now):
			ahead = append(ahead, n)
		case kept[t] || len(kept) == most:
			drop = append(drop, n)
		default:
			kept[t] = true
			due = due && t != turn(now)
		}
	}
	if len(kept) == most {
		drop = append(drop, ahead...)
	}
	return due, drop
}

// of is those of a kind, newest first.
func of(have []Name, k Kind) []Name {
	some := slices.DeleteFunc(slices.Clone(have), func(n Name) bool { return n.Kind != k })
	slices.SortFunc(some, func(a, b Name) int { return b.At.Compare(a.At) })
	return some
}

// night counts days that begin at s.At.
func (s Schedule) night(t time.Time) int {
	const day = 24 * 60 * 60
	return int((t.Add(-s.At).Unix() + 100*365*day) / day) // counted from long ago, so that it rounds down
}

func (s Schedule) month(t time.Time) int {
	t = t.UTC().Add(-s.At)
	return t.Year()*12 + int(t.Month())
}
