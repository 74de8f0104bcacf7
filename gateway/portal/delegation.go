package portal

import (
	"slices"

	"lockbox/policy"
)

// A delegationPage is who decides for the reader while they are away, and for whom the reader does.
type delegationPage struct {
	May    bool // the reader has a vote that can be passed on
	People []memberFacts
	Mine   []motionFacts // that the reader made and that are not over
	Of     []motionFacts // that make the reader a deputy
	Over   []motionFacts
	Scope  scopeForm
	In     filled
}

// delegation shows /me/delegation.
func (p *Portal) delegation(x *exchange) error { return p.showDelegation(x, filled{}) }

func (p *Portal) showDelegation(x *exchange, in filled) error {
	if _, err := p.charterOf(); err != nil {
		return err
	}
	d := delegationPage{May: x.who.Admitted, Scope: x.scopeForm(), In: in}
	var err error
	if d.May {
		if d.People, err = p.deputies(x); err != nil {
			return err
		}
	}
	views, err := p.Charter.List(x.r.Context(), x.who.Principal, policy.ToDelegate)
	if err != nil {
		return err
	}
	for _, v := range views {
		switch m := x.motionFacts(v); {
		case !slices.Contains([]string{"pending", "holds", "later"}, m.State):
			d.Over = append(d.Over, m)
		case v.Motion.By.ID == x.who.ID:
			d.Mine = append(d.Mine, m)
		case v.Motion.About == x.who.ID:
			d.Of = append(d.Of, m)
		}
	}
	d.Over = d.Over[:min(len(d.Over), recentRows)]
	return x.show(status(string(in.Wrong)), "delegation", "Who decides while you are away", d)
}

// deputies lists whom the reader can choose: a reviewer only colleagues of their customer.
func (p *Portal) deputies(x *exchange) ([]memberFacts, error) {
	return p.holders(x, func(who policy.Principal) bool {
		switch {
		case who.ID == x.who.ID:
			return false
		case x.who.Kind == policy.Reviewer:
			return who.Kind == policy.Reviewer && who.Customer == x.who.Customer
		}
		return who.Kind == policy.Executive || who.Kind == policy.Staff
	})
}

// delegate makes a delegation, and shows the sheet to sign it.
func (p *Portal) delegate(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	if _, err := p.charterOf(); err != nil {
		return err
	}
	m := policy.Motion{Kind: policy.ToDelegate, Scope: x.readScope()}
	wrong := func(field, why string) error { return p.showDelegation(x, x.mend(field, why)) }
	all, err := p.deputies(x)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(h memberFacts) bool { return h.Fingerprint == x.value("deputy") })
	var why string
	switch {
	case !x.who.Admitted:
		return p.propose(x, m) // refused, in the charter's words
	case i < 0:
		return wrong("deputy", x.say.text("Choose who decides for you."))
	}
	m.About, m.Name, m.Key = all[i].ID, all[i].Name, all[i].Fingerprint
	if m.From, why = x.instant("from"); why != "" {
		return wrong("from-date", why)
	}
	if m.Until, why = x.instant("until"); why != "" {
		return wrong("until-date", why)
	}
	switch {
	case m.Until.IsZero():
		return wrong("until-date", x.say.text("Say until when it holds."))
	case !m.Until.After(p.now()) || !m.From.IsZero() && !m.Until.After(m.From):
		return wrong("until-date", x.say.text("The end has to come after the beginning, and after now."))
	}
	err = p.propose(x, m)
	return x.again(motionField(refusal(err)), err, p.showDelegation)
}
