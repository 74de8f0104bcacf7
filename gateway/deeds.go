package gateway

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder"
)

// Track begins a track of the recording, and keeps what is done on it for the
// receipt: without what the rule has taken out of the recording. A door begins
// every track with it.
func (v *Visit) Track(h recorder.Header) (*recorder.Track, error) {
	t, err := v.Recording.Track(h)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if name := trackCount(h.Kind); name != "" {
		v.count(name, 1)
	}
	if len(v.deeds) >= approvals.DeedsMost {
		v.unkept++
		return t, nil
	}
	v.deeds = append(v.deeds, approvals.Deed{At: time.Now().UTC(), Kind: h.Kind, Command: h.Redacted().Command})
	return t, nil
}

// Counts has the event of the end carry numbers of what was done, as they are
// then. of may not ask the visit anything.
func (v *Visit) Counts(of func() map[string]string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.counts = of
}

// trackCount is what a track counts as in the event of the end; "" for what is counted otherwise.
func trackCount(kind string) string {
	return map[string]string{"pty": "terminals", "exec": "commands", "fwd": "forwards", "sql": "databases"}[kind]
}

// Count adds to a number that the event of the end carries: "statements". It
// says how many, never what.
func (v *Visit) Count(name string, n int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.count(name, n)
}

// count is Count. mu is held.
func (v *Visit) count(name string, n int64) {
	if v.numbers == nil {
		v.numbers = map[string]int64{}
	}
	v.numbers[name] += n
}

// Exited keeps how the last program ended: its exit status, or the name of a signal.
func (v *Visit) Exited(how string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.exit = how
}

// tally adds what was counted to the event of the end. mu is held.
func (v *Visit) tally(detail map[string]string) {
	for name, n := range v.numbers {
		detail[name] = strconv.FormatInt(n, 10)
	}
	if v.exit != "" {
		detail["exit"] = v.exit
	}
	if v.counts != nil {
		maps.Copy(detail, v.counts())
	}
}

// done is what was done in the visit, ready to be committed to.
func (v *Visit) done() *approvals.Deeds {
	v.mu.Lock()
	defer v.mu.Unlock()
	return approvals.NewDeeds(v.deeds, v.unkept)
}

// A deed is what a door asked for, and was allowed.
type deed struct {
	do policy.Action
	to string // of forward
}

func (v *Visit) begins(do deed, p *policy.Policy, a Answer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.within[do]; !ok {
		v.does = append(v.does, do)
		v.within[do] = a.Bounds
	}
	v.stands(do, p, a)
}

// begun is all that was begun in the visit. The door does not say what has ended.
func (v *Visit) begun() []deed {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.does)
}
