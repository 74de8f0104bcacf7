package policy

import "slices"

// motion decides on making, signing, opposing, seeing and ending a motion.
func (p *Policy) motion(q *Question) Decision {
	m := q.Motion
	mine := q.Who.ID == m.By.ID
	switch q.Do {
	case See:
		if mine || p.concerned(q.Who, m) || q.Who.Kind == Auditor {
			return Decision{Verdict: Allow, Why: Says("you may")}
		}
		return deny(ByPolicy, "there is no such motion")
	case Propose:
		return p.propose(q)
	case Sign, Oppose:
		return p.sign(q)
	case End:
		return p.end(q)
	}
	return deny(ByPolicy, "nothing is known of %q for a motion", string(q.Do))
}

// concerned says whether a motion is the person's matter: they are among those
// whose signatures it takes, or it is about them.
func (p *Policy) concerned(who Principal, m *Motion) bool {
	return p.Decides(who, m.Stage) || (m.OnPerson() || m.Kind == ToDelegate) && m.About == who.ID
}

// propose decides whether a person may make such a motion.
func (p *Policy) propose(q *Question) Decision {
	m, who := q.Motion, q.Who
	switch {
	case m.By.ID != who.ID:
		return deny(ByPolicy, "a motion is made in one's own name")
	case !p.proper(m):
		return deny(ByPolicy, "such a motion takes other signatures")
	}
	ok := false
	switch m.Kind {
	case ToAdmit, ToDismiss, ToSet, ToInstruct:
		ok = p.Decides(who, m.Stage)
	case ToRecover, ToErase: // who is to get the link is not who asks for it
		ok = p.Decides(who, m.Stage) && m.About != "" && m.About != who.ID
	case ToActivate, ToSeal:
		ok = who.Kind == Machine // the gateway itself, when it reads other files than are in force, or made codes
	case ToRatify:
		ok = (who.Kind == Machine || p.Decides(who, m.Stage)) && m.About != ""
	case ToDelegate:
		ok = who.Admitted && m.About != "" && m.About != who.ID && m.Key != "" && !m.Until.IsZero()
	case ToReview:
		ok = who.Kind == Executive && who.Admitted && m.About != ""
	case ToDeclare:
		ok = p.Declaration != nil && m.About == p.Declaration.Version
	}
	if !ok {
		return deny(ByPolicy, "this is not yours to propose")
	}
	return Decision{Verdict: Allow, Why: Says("you may")}
}

// proper says whether a motion takes at least the signatures that its kind
// takes now: nobody makes their own quorum.
func (p *Policy) proper(m *Motion) bool {
	want, s := p.Takes(m), m.Stage
	return want.Kind != "" && s.Kind == want.Kind && s.Customer == want.Customer && s.Group == "" && s.Count >= want.Count
}

// Takes is the least whose signatures a motion of its kind takes. The zero
// Stage, which nobody fills, for a kind that is not known.
func (p *Policy) Takes(m *Motion) Stage {
	switch m.Kind {
	case ToAdmit, ToDismiss, ToRecover: // a customer's seats are its own
		if m.Customer != "" {
			return Stage{Kind: ByCustomer, Customer: m.Customer, Count: 1}
		}
		return Stage{Kind: ByExecutive, Count: 2}
	case ToErase: // a person is the executives' to erase; a recording of nobody else's data also that customer's
		if m.Customer == "" {
			return Stage{Kind: ByExecutive, Count: 2}
		}
		if m.Recording() != "" {
			return Stage{Kind: ByCustomer, Customer: m.Customer, Count: 1}
		}
	case ToActivate, ToSeal:
		return Stage{Kind: ByExecutive, Count: p.Activators()}
	case ToRatify: // two, when it comes late: see charter
		return Stage{Kind: ByExecutive, Count: 1}
	case ToSet, ToInstruct:
		if m.Customer != "" {
			return Stage{Kind: ByCustomer, Customer: m.Customer, Count: 1}
		}
	case ToDelegate, ToDeclare, ToReview:
		return Stage{Kind: BySelf, Count: 1}
	}
	return Stage{}
}

// sign decides on a yes or no to a motion. A yes takes a passkey.
func (p *Policy) sign(q *Question) Decision {
	m := q.Motion
	s := m.Tally(q.Now)
	switch {
	case m.OnPerson() && q.Who.ID == m.About:
		return deny(ByPolicy, "nobody votes on themselves")
	case !p.signs(q.Who, m):
		return deny(ByPolicy, "you are not among those whose signatures this takes")
	case !p.proper(m):
		return deny(ByPolicy, "such a motion takes other signatures now; propose it again")
	case s.Phase != Pending:
		return deny(ByPolicy, "the motion is %s", string(s.Phase))
	case slices.ContainsFunc(m.Votes, func(v Vote) bool { return v.isOf(q.Who.ID) }):
		return deny(ByPolicy, "you have already answered")
	}
	if q.Do == Sign && !q.proven(Passkey, ceremony) {
		return Decision{Verdict: Prove, Code: NeedTouch, Proof: Passkey, Why: Says("signing is a passkey signature")}
	}
	return Decision{Verdict: Allow, Why: Says("you may")}
}

// signs says whether a motion takes the person's signature. Nobody hands on a
// seat that they have not.
func (p *Policy) signs(who Principal, m *Motion) bool {
	if m.Stage.Kind == BySelf {
		return who.ID == m.By.ID && (m.Kind != ToDelegate && m.Kind != ToReview || who.Admitted)
	}
	return p.Decides(who, m.Stage)
}

// end decides on taking a motion back, or on ending what it made so. What was
// signed to hold for ever (who is admitted, which policy) ends only by another motion.
func (p *Policy) end(q *Question) Decision {
	m := q.Motion
	s := m.Tally(q.Now)
	ok := q.Who.ID == m.By.ID
	switch {
	case s.Phase != Approved && s.Phase != Pending || !m.Ended.IsZero():
		return deny(ByPolicy, "the motion is over")
	case s.Phase == Approved && (m.Kind == ToInstruct || m.Kind == ToSet && m.Notice): // less consent ends by one reviewer's word
		ok = p.Decides(q.Who, m.Stage)
	case s.Phase == Approved && m.Kind != ToDelegate:
		return deny(ByPolicy, "this ends only by another motion")
	}
	if !ok {
		return deny(ByPolicy, "this is not yours to end")
	}
	return Decision{Verdict: Allow, Why: Says("you may")}
}
