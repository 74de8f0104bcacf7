package notify

import (
	"slices"

	"lockbox/approvals/charter"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// ofMotion tells of a motion.
func (l *plan) ofMotion(as part) error {
	if l.Desk.Charter == nil || len(l.e.Subjects) == 0 || !charter.ValidCode(l.e.Subjects[0]) {
		return nil
	}
	v, err := l.Desk.Charter.Raw(l.tx, l.e.Subjects[0])
	if err != nil {
		return err
	}
	m := v.Motion
	if m.Kind == policy.ToReview {
		return nil // who signed it knows
	}
	l.about = m.ID
	all, err := l.signers(m)
	if err != nil {
		return err
	}
	if as.whom == signers {
		return l.people(as.topic, all)
	}
	for _, id := range []string{m.By.ID, m.About} {
		who, there, err := l.current(l.tx, id) // it may be about no person
		if err != nil {
			return err
		}
		if there && !holds(all, id) {
			all = append(all, who)
		}
	}
	if err := l.people(as.topic, all); err != nil || l.e.Kind != "motion.passed" || m.Kind != policy.ToDelegate {
		return err
	}
	return l.standIn(m)
}

// signers lists those who could sign a motion, but for who made it by themselves.
func (l *plan) signers(m *policy.Motion) ([]policy.Principal, error) {
	if m.Stage.Kind == policy.BySelf {
		return nil, nil
	}
	all, err := l.Desk.People.Voters(l.tx, m.Stage)
	return slices.DeleteFunc(all, func(p policy.Principal) bool { return m.OnPerson() && p.ID == m.About }), err
}

// standIn asks a new deputy about what waits for who delegated.
func (l *plan) standIn(m *policy.Motion) error {
	who, there, err := l.current(l.tx, m.About)
	if err != nil || !there {
		return err
	}
	codes, err := l.Desk.OpenIn(l.tx)
	if err != nil {
		return err
	}
	for _, code := range codes {
		v, err := l.Desk.Raw(l.tx, code)
		if err != nil {
			return err
		}
		q := before(v.Request, l.e)
		for i, st := range q.Tally(l.e.At).Stages {
			if !st.Open {
				continue
			}
			may, err := l.may(l.tx, q, who, i, l.e.At)
			if err != nil {
				return err
			}
			if l.about = q.ID; may {
				if err := l.person(Waits, who.ID, i, 0); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// ofPerson tells a person of what is theirs.
func (l *plan) ofPerson(as part) error {
	who := l.e.Actor
	if of := l.e.Private["person"]; of != "" {
		who = of
	}
	if who == ledger.Erased {
		return nil
	}
	l.about = who
	return l.person(as.topic, who, 0, 0)
}

// runners are those who run the gateway.
func runners() policy.Stage { return policy.Stage{Kind: policy.ByPeer, Group: policy.Operators} }

// ofGateway tells those who answer for the gateway, or customers.
func (l *plan) ofGateway(as part) error {
	l.about = l.e.Kind
	stages := []policy.Stage{runners()}
	switch as.whom {
	case board:
		stages = []policy.Stage{{Kind: policy.ByExecutive}}
		l.about = "week " + l.e.Subjects[0]
	case keepers:
		stages = append(stages, policy.Stage{Kind: policy.ByExecutive})
	case customers:
		for _, c := range l.e.Customers {
			stages = append(stages, policy.Stage{Kind: policy.ByCustomer, Customer: c})
		}
	}
	l.places(as.topic)
	for _, s := range stages {
		all, err := l.Desk.People.Voters(l.tx, s)
		if err != nil {
			return err
		}
		if err := l.people(as.topic, all); err != nil {
			return err
		}
	}
	return nil
}
