package portal

import (
	"cmp"
	"html/template"
	"slices"
	"time"

	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/policy/statement"
)

// A peoplePage lists the passkeys that wait to be compared.
type peoplePage struct {
	Waiting []waitingPerson
	Others  int // people whose passkeys are confirmed
	Wrong   template.HTML

	Board   []memberFacts // whose passkeys decide; for executives
	Outside []memberFacts // whose do not
	Open    []motionFacts
	May     bool // the reader's passkey decides
	People  []choice
	Path    string
	In      filled
}

type waitingPerson struct {
	identity.Person
	keyFacts
	Role               string
	Added              time.Time
	Eligible, BackedUp bool // the passkey may be copied, and is
	Invited            bool // by the reader, who therefore cannot confirm
	Self               bool
}

// people shows /people to those who may confirm keys.
func (p *Portal) people(x *exchange) error { return p.showPeople(x, x.linked()) }

func (p *Portal) showPeople(x *exchange, in filled) error {
	if !x.keeps() {
		return errNoPage
	}
	all, err := p.People.People(x.r.Context())
	if err != nil {
		return err
	}
	page := peoplePage{Path: "/people", Wrong: in.Wrong, May: x.who.Admitted, In: in}
	for _, person := range all {
		keys, err := p.People.Passkeys(x.r.Context(), person.ID)
		if err != nil {
			return err
		}
		before := len(page.Waiting)
		for _, c := range keys {
			if c.Confirmed.IsZero() && c.Locked.IsZero() && !c.Later {
				page.Waiting = append(page.Waiting, waitingPerson{
					Person: person, keyFacts: fingerprint(c.Fingerprint), Role: x.role(person.Principal), Added: c.Added, Eligible: c.Eligible, BackedUp: c.BackedUp,
					Invited: person.InvitedBy == x.who.ID, Self: person.ID == x.who.ID,
				})
			}
		}
		if len(page.Waiting) == before {
			page.Others++
		}
	}
	slices.SortFunc(page.Waiting, func(a, b waitingPerson) int { return cmp.Compare(a.Added.Unix(), b.Added.Unix()) })
	if err := p.board(x, &page); err != nil {
		return err
	}
	return x.show(status(string(in.Wrong)), "people", "People", page)
}

// board tells executives who decides for the company, and what is proposed about it.
func (p *Portal) board(x *exchange, page *peoplePage) (err error) {
	if p.Charter == nil || x.who.Kind != policy.Executive {
		return nil
	}
	if page.Board, page.Outside, err = p.members(x, x.seats()); err != nil {
		return err
	}
	if page.People, err = p.others(x); err != nil {
		return err
	}
	all, err := x.motions(policy.ToAdmit, policy.ToDismiss, policy.ToRecover, policy.ToErase)
	page.Open, _, _ = sorted(all)
	return err
}

// compare shows the sheet that confirms a passkey, once the reader says that they have compared it.
func (p *Portal) compare(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	switch {
	case !x.keeps():
		return errNoPage
	case x.value("do") == "admit" || x.value("do") == "dismiss":
		if x.who.Kind != policy.Executive {
			return errNoPage
		}
		return x.again("", p.proposeMember(x), p.showPeople)
	case x.value("do") == "recover" || x.value("do") == "erase":
		if x.who.Kind != policy.Executive {
			return errNoPage
		}
		return x.again("why", p.proposePerson(x), p.showPeople)
	case x.value("do") == "shred":
		if x.who.Kind != policy.Executive {
			return errNoPage
		}
		return p.proposeRecording(x, p.showPeople)
	case x.value("compared") != "yes":
		return p.showPeople(x, x.mend("", x.say.text("Compare the fingerprint first: ask the person to read theirs out, by phone or face to face, and tick the box.")))
	}
	ask, err := p.People.BeginVouch(x.r.Context(), x.who.ID, x.value("person"), x.value("fingerprint"))
	if err != nil {
		return err
	}
	return x.sign(sheet{
		Head:      x.say.text("Confirm a passkey"),
		Lead:      x.say.text("You confirm that this passkey belongs to {who}: they read its fingerprint out to you.", "who", x.value("person")),
		Statement: ask.Text, domain: statement.ForVouch, Options: string(ask.Options), ID: ask.ID,
		To: "/people/vouch", Back: "/people",
	})
}

func (p *Portal) vouch(x *exchange) error {
	var body signedAnswer
	if err := x.json(&body); err != nil {
		return err
	}
	if !x.keeps() {
		return errNoPage
	}
	if err := p.People.Vouch(x.r.Context(), body.ID, body.Credential); err != nil {
		return err
	}
	return x.next("/people")
}
