package notify

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// ofRequest tells of what became of a request.
func (l *plan) ofRequest(as part) error {
	v, err := l.request()
	if err != nil || v.Request == nil {
		return err
	}
	q := before(v.Request, l.e)
	l.about = q.ID
	switch as.whom {
	case deciders:
		return l.waits(q)
	case climbers:
		return l.climb(q)
	case asker:
		if to := l.e.Detail["to"]; as.topic == Ending && to != "" {
			l.about = to // under which the session goes on
		}
		return l.person(as.topic, q.Who.ID, 0, 0)
	case asked:
		l.places(as.topic)
		all, err := l.all(q)
		if err != nil {
			return err
		}
		return errors.Join(l.person(as.topic, q.Who.ID, 0, 0), l.people(as.topic, all))
	case talkers:
		return l.talk(q)
	case skipped:
		return l.skipped(q)
	}
	return l.minders(as, q)
}

// request finds the request that the event is about.
func (l *plan) request() (v approvals.View, err error) {
	for _, code := range l.e.Subjects {
		v, err = l.Desk.Raw(l.tx, code)
		if !errors.Is(err, approvals.ErrUnknown) {
			return v, err
		}
	}
	return approvals.View{}, nil
}

// before is the request as it stood once event e was written.
func before(q *policy.Request, e ledger.Event) *policy.Request {
	was := *q
	was.Votes = slices.DeleteFunc(slices.Clone(q.Votes), func(v policy.Vote) bool { return v.Seq > e.Seq })
	if was.Withdrawn.After(e.At) {
		was.Withdrawn = time.Time{}
	}
	return &was
}

// waits asks those whose turn it is, and tells those whose turn is over because
// of a vote.
func (l *plan) waits(q *policy.Request) error {
	s := q.Tally(l.e.At)
	if s.Phase != policy.Pending {
		return nil // what closes it tells
	}
	if l.e.Kind == "request.made" {
		l.places(Waits)
	}
	voted := func(v policy.Vote) bool { return v.Seq == l.e.Seq }
	for i, st := range s.Stages {
		if n := slices.IndexFunc(q.Votes, func(v policy.Vote) bool { return voted(v) && v.Stage == i }); n >= 0 {
			if err := l.counted(q, s, i, q.Votes[n]); err != nil {
				return err
			}
		}
		if !st.Open || st.Opened.Before(l.e.At) && l.e.Kind != "request.made" {
			continue // asked before
		}
		if err := l.ask(q, i, []string{st.Group}, 0); err != nil {
			return err
		}
	}
	return nil
}

// counted tells of a vote that leaves the request open: those who were asked for
// a stage that is over now, or else who voted.
func (l *plan) counted(q *policy.Request, s policy.Status, i int, v policy.Vote) error {
	st := s.Stages[i]
	if st.Phase == policy.Pending {
		return l.person(Decided, v.By.ID, i, 0)
	}
	all, err := l.whom(q, i, climbed(s, st, l.e.At))
	if err != nil {
		return err
	}
	for _, who := range all {
		if err := l.person(Decided, who.ID, i, 0); err != nil {
			return err
		}
	}
	return nil
}

// climb reminds, and asks those whom a rung adds.
func (l *plan) climb(q *policy.Request) error {
	i := approvals.StageNamed(q, l.e.Detail["stage"])
	n, err := strconv.Atoi(l.e.Detail["rung"])
	if i < 0 || err != nil || n < 1 || n > len(q.Stages[i].Escalate) {
		return nil // it is no rung of this request
	}
	s := q.Stages[i]
	rung := s.Escalate[n-1]
	if rung.Remind == "all" {
		groups := []string{s.Group}
		for _, r := range s.Escalate[:n-1] {
			if r.To != "" {
				groups = append(groups, r.To)
			}
		}
		if err := l.ask(q, i, groups, n); err != nil {
			return err
		}
	}
	if rung.To == "" {
		return nil
	}
	return l.ask(q, i, []string{rung.To}, n)
}

// ask plans to ask those of these groups who may decide.
func (l *plan) ask(q *policy.Request, i int, groups []string, rung int) error {
	all, err := l.whom(q, i, groups)
	if err != nil {
		return err
	}
	for _, who := range all {
		may, err := l.may(l.tx, q, who, i, l.e.At)
		if err != nil {
			return err
		}
		if !may {
			continue
		}
		if err := l.person(Waits, who.ID, i, rung); err != nil {
			return err
		}
	}
	return nil
}

// may says whether somebody may decide on the request for a stage at an instant.
func (p *Planner) may(tx *ledger.Tx, q *policy.Request, who policy.Principal, stage int, at time.Time) (bool, error) {
	ask, err := p.Desk.Question(tx, who, policy.Approve, q)
	if err != nil {
		return false, err
	}
	ask.Now = at
	d := p.Desk.Policy().Decide(ask)
	return d.Verdict != policy.Deny && d.Stage == stage, nil
}

// climbed are the groups whom a stage had asked at an instant: those of no rung
// that came after it was over.
func climbed(s policy.Status, st policy.StageStatus, at time.Time) []string {
	switch {
	case st.Phase == policy.Approved:
		at = st.Passed
	case s.Phase != policy.Pending && s.At.Before(at):
		at = s.At
	}
	groups := []string{st.Group}
	for _, r := range st.Escalate {
		if r.To != "" && !st.Opened.IsZero() && !at.Before(st.Opened.Add(r.After)) {
			groups = append(groups, r.To)
		}
	}
	return groups
}

// whom lists those of these groups whom stage i asks, and who stands for them;
// never who asks.
func (p *plan) whom(q *policy.Request, i int, groups []string) ([]policy.Principal, error) {
	var stages []policy.Stage
	for _, g := range groups {
		s := q.Stages[i]
		s.Group = g
		stages = append(stages, s)
	}
	return p.seated(q, stages)
}

// seated lists those who fill these stages of a request, and who stands for them.
func (p *plan) seated(q *policy.Request, stages []policy.Stage) (all []policy.Principal, err error) {
	add := func(who policy.Principal) {
		if who.ID != q.Who.ID && who.ID != q.Who.Vouched && !holds(all, who.ID) {
			all = append(all, who)
		}
	}
	for _, s := range stages {
		voters, err := p.Desk.People.Voters(p.tx, s)
		if err != nil {
			return nil, err
		}
		for _, who := range voters {
			add(who)
		}
	}
	if p.Desk.Charter == nil {
		return all, nil
	}
	deputies, err := p.Desk.Charter.Deputies(p.tx)
	if err != nil {
		return nil, err
	}
	seats := slices.Clone(all)
	for _, id := range deputies {
		held, err := p.Desk.Charter.Delegations(p.tx, id)
		if err != nil {
			return nil, err
		}
		who, there, err := p.current(p.tx, id)
		if err != nil {
			return nil, err
		}
		if there && slices.ContainsFunc(held, func(m *policy.Motion) bool {
			return m.Holds(p.e.At) && m.Scope.Covers(q) && holds(seats, m.By.ID)
		}) {
			add(who)
		}
	}
	return all, nil
}

func holds(all []policy.Principal, id string) bool {
	return slices.ContainsFunc(all, func(p policy.Principal) bool { return p.ID == id })
}

// all are those who were asked to decide, for any stage that was open.
func (l *plan) all(q *policy.Request) (all []policy.Principal, err error) {
	s := q.Tally(l.e.At)
	for i, st := range s.Stages {
		if st.Opened.IsZero() {
			continue
		}
		some, err := l.whom(q, i, climbed(s, st, l.e.At))
		if err != nil {
			return nil, err
		}
		for _, who := range some {
			if !holds(all, who.ID) {
				all = append(all, who)
			}
		}
	}
	return all, nil
}

// released plans to tell those of them who were asked about a request that is
// still open, and are not among those whom it asks any more.
func (p *Planner) released(tx *ledger.Tx, e ledger.Event, asked []Notice) ([]Notice, error) {
	l := &plan{Planner: p, tx: tx, e: e}
	now := map[string][]policy.Principal{} // by request that is open
	for _, n := range asked {
		if _, known := now[n.About]; !known {
			v, err := p.Desk.Raw(tx, n.About)
			switch {
			case errors.Is(err, approvals.ErrUnknown) || err == nil && before(v.Request, e).Tally(e.At).Phase != policy.Pending:
				continue // what closes it tells
			case err != nil:
				return nil, err
			}
			all, err := l.all(before(v.Request, e))
			if err != nil {
				return nil, err
			}
			now[n.About] = all
		}
		if !p.isPlace(n) && !holds(now[n.About], n.To) {
			l.about = n.About
			l.add(Notice{Channel: n.Channel, To: n.To, Topic: Gone, About: n.About})
		}
	}
	return l.out, nil
}

// talk tells those of the thread: who asked, and whom its stages ask.
func (l *plan) talk(q *policy.Request) error {
	l.places(Said)
	var all []policy.Principal
	s := q.Tally(l.e.At)
	for i, st := range s.Stages {
		thread := st.Customer
		if st.Kind != policy.ByCustomer {
			thread = "board"
		}
		if st.Opened.IsZero() || thread != l.e.Detail["thread"] {
			continue
		}
		some, err := l.whom(q, i, climbed(s, st, l.e.At))
		if err != nil {
			return err
		}
		all = append(all, some...)
	}
	all = append(all, q.Who)
	return l.people(Said, slices.DeleteFunc(all, func(p policy.Principal) bool { return p.ID == l.e.Actor }))
}

// minders tells who let it happen of what is done under a grant, and who asked of
// what others do to it. A customer whose instruction stood for its vote is told, too.
func (l *plan) minders(as part, q *policy.Request) error {
	l.places(as.topic)
	for _, v := range q.Votes {
		switch {
		case v.Verdict != policy.Yes:
			continue
		case v.Standing == "":
			if err := l.person(as.topic, v.By.ID, 0, 0); err != nil {
				return err
			}
			continue
		}
		reviewers, err := l.whom(q, v.Stage, []string{q.Stages[v.Stage].Group})
		if err != nil {
			return err
		}
		if err := l.people(as.topic, reviewers); err != nil {
			return err
		}
	}
	if l.e.Actor == q.Who.ID && as.topic != Ended {
		return nil // they know; that it is over they are told whoever did it in their name
	}
	return l.person(as.topic, q.Who.ID, 0, 0)
}

// skipped tells of an emergency, at whatever hour: those who were not asked, who
// broke the glass, the second person, and who runs the gateway.
func (l *plan) skipped(q *policy.Request) error {
	l.places(Glass)
	all, err := l.seated(q, append(q.Skipped(), runners()))
	if err != nil {
		return err
	}
	all = append(all, q.Who)
	for _, v := range q.Votes {
		all = append(all, v.By)
	}
	return l.people(Glass, slices.DeleteFunc(all, func(p policy.Principal) bool { return p.ID == l.e.Actor }))
}
