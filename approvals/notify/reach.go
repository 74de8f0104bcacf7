package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// enough people must be reachable for each stage: one may sleep.
const enough = 2

// A Reach is how those of one stage are reached.
type Reach struct {
	Stage  string       `json:"stage"` // "executive board", "customer nord"
	Of     policy.Stage `json:"-"`
	People []Person     `json:"people"`
	Low    bool         `json:"low"`    // fewer than two, or than the stage takes, are reached
	Nobody bool         `json:"nobody"` // is reached
}

// A Person is somebody who would be told.
type Person struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Ways []Way  `json:"ways"` // none: nothing reaches them
}

// Reachable lists how those are reached who would be asked, stage by stage of the policy in force.
func (p *Planner) Reachable(tx *ledger.Tx) (all []Reach, err error) {
	for _, s := range p.stages() {
		voters, err := p.Desk.People.Voters(tx, s)
		if err != nil {
			return nil, err
		}
		r, err := p.reachOf(tx, s, voters)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

func (p *Planner) reachOf(tx *ledger.Tx, s policy.Stage, people []policy.Principal) (Reach, error) {
	r := Reach{Stage: strings.TrimSpace(string(s.Kind) + " " + s.Group + s.Customer), Of: s}
	reached := 0
	for _, who := range people {
		ways, err := p.Ways(tx, who)
		if err != nil {
			return r, err
		}
		if slices.ContainsFunc(ways, func(w Way) bool { return !w.Off && !w.Deaf }) {
			reached++
		}
		r.People = append(r.People, Person{who.ID, who.Name, ways})
	}
	r.Low, r.Nobody = reached < max(enough, s.Count), reached == 0
	return r, nil
}

// stages are those of all rules, once each, with one for each customer.
func (p *Planner) stages() (all []policy.Stage) {
	pol := p.Desk.Policy()
	if pol == nil {
		return nil
	}
	add := func(s policy.Stage) {
		same := func(o policy.Stage) bool { return o.Kind == s.Kind && o.Group == s.Group && o.Customer == s.Customer }
		if i := slices.IndexFunc(all, same); i >= 0 {
			all[i].Count = max(all[i].Count, s.Count)
			return
		}
		all = append(all, policy.Stage{Kind: s.Kind, Group: s.Group, Customer: s.Customer, Count: s.Count})
	}
	for _, r := range pol.Rules {
		for _, s := range r.Stages {
			switch s.Kind {
			case policy.ByCustomer:
			case policy.ByOwner:
				for _, t := range pol.Targets {
					s.Group = t.Owner
					add(s)
				}
			default:
				add(s)
			}
		}
	}
	for id := range pol.Customers {
		add(policy.Stage{Kind: policy.ByCustomer, Customer: id, Count: 1})
	}
	slices.SortFunc(all, func(a, b policy.Stage) int {
		return strings.Compare(string(a.Kind)+a.Group+a.Customer, string(b.Kind)+b.Group+b.Customer)
	})
	return all
}

// Preview lists who would be asked, and over what, if somebody asked for this now.
func (p *Planner) Preview(tx *ledger.Tx, who policy.Principal, target, login, customer string, do policy.Action) (all []Reach, err error) {
	d := p.Desk.Policy().Decide(policy.Question{Now: tx.Now(), Who: who, Do: do, On: target, Login: login, Customer: customer})
	if len(d.Stages()) == 0 {
		return nil, refuse("nobody would be asked: %s", d.Why)
	}
	l := &plan{Planner: p, tx: tx, e: ledger.Event{At: tx.Now()}}
	q := &policy.Request{At: tx.Now(), Who: who, Target: target, Login: d.Login, Customers: d.Customers, Stages: d.Stages()}
	for i, s := range q.Stages {
		people, err := l.whom(q, i, []string{s.Group})
		if err != nil {
			return nil, err
		}
		r, err := p.reachOf(tx, s, people)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

const lowKey = "reachable/low"

// A low is what was known of the stages that too few are reached for, those among
// them that nobody is, and the month of the last test.
type low struct {
	Stages []string `json:"stages"`
	Nobody []string `json:"nobody,omitempty"`
	Month  string   `json:"month"`
}

// Look writes down, as an alarm, for which stages too few people are reached, and
// when they are again; and has everybody who decides tested once a month.
func (f *Follower) Look(ctx context.Context) error {
	month := ""
	err := f.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		month = ""
		var was low
		if _, err := tx.Get(lowKey, &was); err != nil {
			return err
		}
		all, err := f.Planner.Reachable(tx)
		if err != nil {
			return err
		}
		now := low{Month: tx.Now().UTC().Format("2006-01")}
		for _, r := range all {
			if r.Low {
				now.Stages = append(now.Stages, r.Stage)
			}
			if r.Nobody {
				now.Nobody = append(now.Nobody, r.Stage)
			}
		}
		events := was.news(now)
		if was.Month != now.Month {
			month = now.Month
			events = append(events, ledger.Event{Kind: "notify.tested", Actor: "lockbox", Detail: map[string]string{"month": month}})
		}
		if len(events) == 0 {
			return errNothing
		}
		for _, e := range events {
			if _, err := tx.Append(e); err != nil {
				return err
			}
		}
		return tx.Put(lowKey, now)
	})
	if errors.Is(err, errNothing) {
		return nil
	}
	if err != nil || month == "" {
		return err
	}
	return f.pingAll(ctx)
}

var errNothing = errors.New("nothing is new")

// news are the events that tell what changed.
func (was low) news(now low) (all []ledger.Event) {
	about := func(kind string, stages, but []string) {
		some := slices.DeleteFunc(slices.Clone(stages), func(s string) bool { return slices.Contains(but, s) })
		if len(some) > 0 {
			all = append(all, ledger.Event{Kind: kind, Actor: "lockbox", Detail: map[string]string{"stages": strings.Join(some, ", ")}})
		}
	}
	about("notice.nobody", now.Nobody, was.Nobody)
	about("notice.unreachable", now.Stages, slices.Concat(was.Stages, now.Nobody))
	about("notice.reachable", was.Stages, now.Stages)
	return all
}

// pingAll tests the channels of everybody who decides.
func (f *Follower) pingAll(ctx context.Context) error {
	var all []Reach
	err := f.Ledger.View(ctx, func(tx *ledger.Tx) (err error) {
		all, err = f.Planner.Reachable(tx)
		return err
	})
	done := map[string]bool{}
	for _, r := range all {
		for _, p := range r.People {
			if !done[p.ID] && len(p.Ways) > 0 {
				done[p.ID] = true
				_, e := f.test(ctx, p.ID)
				err = errors.Join(err, e)
			}
		}
	}
	return err
}

// testEach is how often a person may be sent a test: nobody fills a channel with them.
const testEach = time.Minute

// Test sends a person a test over each channel that reaches them, and says over how many.
func (f *Follower) Test(ctx context.Context, id string) (n int, err error) {
	f.mu.Lock()
	now := time.Now()
	maps.DeleteFunc(f.tested, func(_ string, at time.Time) bool { return now.Sub(at) >= testEach })
	_, soon := f.tested[id]
	if !soon {
		if f.tested == nil {
			f.tested = map[string]time.Time{}
		}
		f.tested[id] = now
	}
	f.mu.Unlock()
	if soon {
		return 0, refuse("a test was sent a moment ago; wait a minute")
	}
	return f.test(ctx, id)
}

func (f *Follower) test(ctx context.Context, id string) (n int, err error) {
	var names []string
	err = f.Ledger.View(ctx, func(tx *ledger.Tx) (err error) {
		names, err = f.Planner.reach(tx, id)
		return err
	})
	if err != nil {
		return 0, err
	}
	if len(names) == 0 {
		return 0, refuse("nothing reaches this person")
	}
	now := time.Now()
	var all []Notice
	for _, name := range names {
		all = append(all, Notice{Channel: name, To: id, Topic: Ping, About: fmt.Sprint("test ", now.UnixNano()), Seq: -1, At: now})
	}
	return len(all), f.Again(all...)
}

// LookEvery looks until ctx ends, and soon after something was given up.
func (f *Follower) LookEvery(ctx context.Context, every time.Duration) {
	for !f.running() { // the first start empties the box
		if pause(ctx, time.Second) != nil {
			return
		}
	}
	for {
		if err := guarded(func() error { return f.Look(ctx) }); err != nil && ctx.Err() == nil {
			f.Report(fmt.Errorf("look who can be reached: %w", err))
		}
		t := time.NewTimer(every)
		select {
		case <-f.doubt: // something was given up: others may be within a minute
			if pause(ctx, gather) != nil {
				return
			}
		case <-t.C:
		case <-ctx.Done():
			return
		}
		t.Stop()
	}
}
