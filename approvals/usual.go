package approvals

import (
	"slices"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// Usual is what who asks has asked for before: facts to judge a request by, and no score.
type Usual struct {
	Days     int           // that it looks back
	Asked    int           // by the same person
	OnTarget int           // of them, for the same target
	Last     time.Time     // of those for the same target; zero: there was none
	For      time.Duration // that is usual of them: the median
}

const (
	usualDays = 30
	usualRows = 200 // requests of everybody that are looked at
)

// Usual looks at what was asked for before a request. Of a customer, it counts
// what concerned that one alone; "" all.
func (d *Desk) Usual(tx *ledger.Tx, q *policy.Request, customer string) (u Usual, err error) {
	u.Days = usualDays
	var long []time.Duration
	rows := 0
	err = newest(tx, madeKey(q), func(code string) (bool, error) {
		_, o, err := load(tx.Get, code)
		if err != nil {
			return false, err
		}
		ago := q.At.Sub(o.At)
		if ago > usualDays*24*time.Hour {
			return false, nil
		}
		if rows++; rows > usualRows {
			u.Days = max(1, int(ago/(24*time.Hour)))
			return false, nil
		}
		if o.Who.ID != q.Who.ID || customer != "" && !slices.Contains(o.Customers, customer) {
			return true, nil
		}
		u.Asked++
		if o.Target == q.Target {
			u.OnTarget++
			long = append(long, o.For)
			if u.Last.IsZero() {
				u.Last = o.At
			}
		}
		return true, nil
	})
	if slices.Sort(long); len(long) > 0 {
		u.For = long[len(long)/2]
	}
	return u, err
}
