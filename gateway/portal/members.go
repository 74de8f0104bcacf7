package portal

import (
	"net/url"
	"strings"

	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A memberFacts is a person with one of their confirmed passkeys.
type memberFacts struct {
	identity.Person
	keyFacts
	Self     bool
	Eligible bool // the passkey may be copied between devices
	BackedUp bool // and is
	Bonded   bool // another one of theirs signed for it
}

// members lists those of a stage's kind: whose passkeys count for it, and whose do not yet.
func (p *Portal) members(x *exchange, s policy.Stage) (in, out []memberFacts, err error) {
	all, err := p.holders(x, func(who policy.Principal) bool {
		return s.Kind == policy.ByExecutive && who.Kind == policy.Executive || s.Kind == policy.ByCustomer && who.Kind == policy.Reviewer && who.Customer == s.Customer
	})
	if err != nil {
		return nil, nil, err
	}
	err = p.view(x.r.Context(), func(tx *ledger.Tx) error {
		in, out = nil, nil
		for _, m := range all {
			switch pinned, err := p.People.Pinned(tx, s, m.Fingerprint); {
			case err != nil:
				return err
			case pinned:
				in = append(in, m)
			default:
				out = append(out, m)
			}
		}
		return nil
	})
	return in, out, err
}

// holders lists the confirmed passkeys of people who are as asked for.
func (p *Portal) holders(x *exchange, are func(policy.Principal) bool) (all []memberFacts, err error) {
	people, err := p.People.People(x.r.Context())
	if err != nil {
		return nil, err
	}
	for _, person := range people {
		if !are(person.Principal) {
			continue
		}
		keys, err := p.People.Passkeys(x.r.Context(), person.ID)
		if err != nil {
			return nil, err
		}
		for _, c := range keys {
			if !c.Confirmed.IsZero() && c.Locked.IsZero() {
				all = append(all, memberFacts{person, fingerprint(c.Fingerprint), person.ID == x.who.ID, c.Eligible, c.BackedUp, c.Bond != nil})
			}
		}
	}
	return all, nil
}

// seats is whose vote the reader has, or would have: the board's, or their customer's.
func (x *exchange) seats() policy.Stage {
	switch x.who.Kind {
	case policy.Executive:
		return policy.Stage{Kind: policy.ByExecutive}
	case policy.Reviewer:
		return policy.Stage{Kind: policy.ByCustomer, Customer: x.who.Customer}
	}
	return policy.Stage{}
}

// proposeMember proposes to admit or to dismiss whose passkey was chosen.
func (p *Portal) proposeMember(x *exchange) error {
	if p.Charter == nil {
		return errNoPage
	}
	in, out, err := p.members(x, x.seats())
	if err != nil {
		return err
	}
	kind, from := policy.ToAdmit, out
	if x.value("do") == "dismiss" {
		kind, from = policy.ToDismiss, in
	}
	for _, m := range from {
		if m.Fingerprint == x.value("fingerprint") {
			return p.propose(x, policy.Motion{Kind: kind, Customer: x.seats().Customer, About: m.ID, Name: m.Name, Key: m.Fingerprint})
		}
	}
	return errGone
}

// proposePerson proposes to recover a person who lost every passkey, or to erase one.
func (p *Portal) proposePerson(x *exchange) error {
	if p.Charter == nil {
		return errNoPage
	}
	kind := policy.ToRecover
	if x.value("do") == "erase" {
		kind = policy.ToErase
	}
	return p.propose(x, policy.Motion{Kind: kind, Customer: x.seats().Customer, About: x.value("person"), Text: x.line("why")})
}

// proposeRecording proposes to erase the recording of a session.
func (p *Portal) proposeRecording(x *exchange, show func(*exchange, filled) error) error {
	if p.Charter == nil {
		return errNoPage
	}
	m := policy.Motion{Kind: policy.ToErase, Customer: x.seats().Customer, About: policy.OfRecording(strings.ToUpper(x.line("session"))), Text: x.line("shred-why")}
	if m.Recording() == "" && x.who.Admitted {
		return show(x, x.mend("session", x.say.text("Write the 26 letters and digits of the session, as they stand in the address of its page.")))
	}
	err := p.propose(x, m)
	field := "session"
	if m.Text == "" || strings.Contains(refusal(err), "text") {
		field = "shred-why"
	}
	return x.again(field, err, show)
}

// linked is the form of a page to which the page of a session sends the reader.
func (x *exchange) linked() filled {
	id := x.r.URL.Query().Get("session")
	if (&policy.Motion{Kind: policy.ToErase, About: policy.OfRecording(id)}).Recording() == "" {
		return filled{}
	}
	return filled{values: url.Values{"session": {id}, "do": {"shred"}}}
}

// others lists the people whom the reader may propose to recover: a customer's
// reviewer those of the same customer, an executive all the others.
func (p *Portal) others(x *exchange) (all []choice, err error) {
	people, err := p.People.People(x.r.Context())
	for _, o := range people {
		mine := o.Kind == policy.Reviewer && o.Customer == x.who.Customer
		if o.ID != x.who.ID && o.Erased.IsZero() && mine == (x.who.Kind == policy.Reviewer) && (mine || o.Kind != policy.Reviewer) {
			all = append(all, choice{o.ID, o.Name + " · " + o.ID})
		}
	}
	return all, err
}
