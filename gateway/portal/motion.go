package portal

import (
	"slices"
	"time"

	"lockbox/approvals/charter"
	"lockbox/policy"
	"lockbox/policy/statement"
)

// A motionFacts is what pages tell of a motion, in the words of one reader.
type motionFacts struct {
	Code    string
	Title   string
	Effect  []string // what becomes so
	Kind    policy.MotionKind
	By      string
	Made    time.Time
	Now     time.Time
	Whose   string // signatures it takes
	Count   int
	Of      int
	Answer  time.Time // until when they can be given
	Votes   []voteFacts
	State   string // "pending", "holds", "later", "spent", "over", "rejected", "expired" or "withdrawn"
	Since   time.Time
	From    time.Time
	Until   time.Time
	Ended   time.Time
	EndedBy string
	Key     keyFacts // of the person it is about
	Used    int
	Uses    int
	Text    string
	About   string
	Config  string
	Session string // whose recording is to be erased
	Digest  string

	MaySign   bool
	MayOppose bool
	MayEnd    bool
	MayLink   bool // the link of a recovery is the reader's to hand on
	Signed    bool // the reader did
	In        filled
}

// Open says whether signatures are waited for.
func (m motionFacts) Open() bool { return m.State == "pending" }

// See is the address of the motion.
func (m motionFacts) See() string { return "/m/" + m.Code }

// charterOf gives the charter, or the answer of a page that is not there.
func (p *Portal) charterOf() (*charter.Charter, error) {
	if p.Charter == nil {
		return nil, errNoPage
	}
	return p.Charter, nil
}

func (x *exchange) motionFacts(v charter.View) motionFacts {
	m, pol := v.Motion, x.p.Desk.Policy()
	f := motionFacts{
		Code: m.ID, Title: x.motionTitle(m), Effect: x.motionEffect(m), Kind: m.Kind, By: or(m.By.Name, m.By.ID), Made: m.At, Now: v.Now,
		Whose: x.whose(m.Stage), Count: m.Stage.Count, Of: m.Stage.Of, From: m.From, Until: m.Until, Ended: m.Ended, EndedBy: x.name(m.EndedBy),
		Used: v.Used, Uses: m.Uses, Text: m.Text, About: m.About, Config: m.Config, Session: m.Recording(), Digest: v.Digest, State: motionState(v), Since: v.Status.At,
	}
	if m.Key != "" {
		f.Key = fingerprint(m.Key)
	}
	for _, s := range v.Status.Stages {
		f.Answer = s.Answer
		for _, w := range slices.Concat(s.Yes, s.No) {
			mine := w.By.ID == x.who.ID
			f.Votes = append(f.Votes, voteFacts{Name: w.By.Name, Yes: w.Verdict == policy.Yes, At: w.At, Comment: w.Comment, Mine: mine})
			f.Signed = f.Signed || mine
		}
	}
	may := func(do policy.Action) policy.Verdict {
		return pol.Decide(policy.Question{Now: v.Now, Who: x.who.Principal, Do: do, Motion: m}).Verdict
	}
	f.MaySign = may(policy.Sign) == policy.Prove
	f.MayLink = m.Kind == policy.ToRecover && m.By.ID == x.who.ID && f.State == "holds"
	f.MayOppose, f.MayEnd = may(policy.Oppose) == policy.Allow && m.Stage.Kind != policy.BySelf, may(policy.End) == policy.Allow
	return f
}

func or(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

// motionState is one word for where a motion stands.
func motionState(v charter.View) string {
	switch m := v.Motion; {
	case v.Status.Phase != policy.Approved:
		return string(v.Status.Phase)
	case v.Holds && m.Uses > 0 && v.Used >= m.Uses:
		return "spent"
	case v.Holds:
		return "holds"
	case m.Ended.IsZero() && v.Now.Before(m.From):
		return "later"
	}
	return "over"
}

// motion shows /m/{code}.
func (p *Portal) motion(x *exchange) error {
	c, err := p.charterOf()
	if err != nil {
		return err
	}
	v, err := c.See(x.r.Context(), x.who.Principal, x.code())
	if err != nil {
		return err
	}
	return x.showMotion(v, filled{})
}

func (x *exchange) showMotion(v charter.View, in filled) error {
	f := x.motionFacts(v)
	f.In = in
	return x.page(status(string(in.Wrong)), "motion", f.Title, f)
}

// answerMotion takes the answer to a motion: a no and an end at once, for a yes the sheet to sign.
func (p *Portal) answerMotion(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	c, err := p.charterOf()
	if err != nil {
		return err
	}
	ctx, who, code := x.r.Context(), x.who.Principal, x.code()
	v, err := c.See(ctx, who, code)
	if err != nil {
		return err
	}
	f := x.motionFacts(v)
	may := false
	switch x.value("do") {
	case "sign":
		return p.signMotion(x, v)
	case "link":
		return p.recoveryLink(x, v)
	case "oppose":
		may = f.MayOppose
		_, err = c.Oppose(ctx, who, code, x.line("comment"))
	case "end":
		may = f.MayEnd
		_, err = c.End(ctx, who, code, x.line("comment"))
	default:
		return errBody
	}
	if in, ok := x.mendRefusal("comment", err); ok && may {
		return x.showMotion(v, in)
	}
	if err != nil {
		return err
	}
	return x.see("/m/" + code)
}

// A linkPage is the link of a recovery, shown once.
type linkPage struct {
	Who string
	URL string
}

// recoveryLink makes the link by which a person enrols anew, and shows it.
func (p *Portal) recoveryLink(x *exchange, v charter.View) error {
	if !x.who.Admitted { // a session is worth what its passkey is
		return errSeat
	}
	token, err := p.People.RecoveryLink(x.r.Context(), x.who.ID, v.Motion.ID)
	if err != nil {
		return err
	}
	return x.show(ok, "link", "The link of the recovery", linkPage{or(v.Motion.Name, v.Motion.About), p.URL + "/enroll/" + token})
}

// signMotion shows the statement that the reader would sign, alone.
func (p *Portal) signMotion(x *exchange, v charter.View) error {
	b, err := p.Charter.Prepare(x.r.Context(), x.who.Principal, v.Motion.ID)
	if err != nil {
		return err
	}
	options, err := p.People.Options(x.r.Context(), x.who.ID, b.Domain, b.Statement)
	if err != nil {
		return err
	}
	return x.sign(sheet{
		Head: x.say.text("Sign: {what}", "what", x.motionTitle(v.Motion)),
		Lead: x.say.text("Only the text below counts; read it, then sign it."), Effect: x.motionEffect(v.Motion),
		Statement: b.Statement, domain: b.Domain, Options: string(options), ID: b.Nonce,
		To: "/m/" + v.Motion.ID + "/sign", Back: "/m/" + v.Motion.ID, Until: b.Until,
	})
}

// signedMotion counts a signature on a motion.
func (p *Portal) signedMotion(x *exchange) error {
	var body signedAnswer
	if err := x.json(&body); err != nil {
		return err
	}
	c, err := p.charterOf()
	if err != nil {
		return err
	}
	a, err := statement.ParseAssertion(body.Credential)
	if err != nil {
		return errAnswer
	}
	v, err := c.Sign(x.r.Context(), x.who.Principal, body.ID, a)
	if err != nil {
		return p.noteCopy(x, err)
	}
	if v.Motion.Kind == policy.ToReview {
		return x.next("/digest/" + v.Motion.About)
	}
	return x.next("/m/" + v.Motion.ID)
}

// propose makes a motion and goes on to it; to the sheet at once where nobody else signs it.
func (p *Portal) propose(x *exchange, m policy.Motion) error {
	c, err := p.charterOf()
	if err != nil {
		return err
	}
	v, err := c.Propose(x.r.Context(), x.who.Principal, m)
	if err != nil {
		return err
	}
	if f := x.motionFacts(v); v.Motion.Stage.Kind == policy.BySelf && f.MaySign {
		return p.signMotion(x, v)
	}
	return x.see("/m/" + v.Motion.ID)
}

// motions lists what the reader may see of these kinds, newest first.
func (x *exchange) motions(kinds ...policy.MotionKind) (all []motionFacts, err error) {
	if x.p.Charter == nil {
		return nil, nil
	}
	views, err := x.p.Charter.List(x.r.Context(), x.who.Principal, kinds...)
	for _, v := range views {
		all = append(all, x.motionFacts(v))
	}
	return all, err
}

// sorted parts motions into those that wait for signatures, those that are so, now or later, and the newest of the others.
func sorted(all []motionFacts) (open, hold, over []motionFacts) {
	for _, m := range all {
		switch m.State {
		case "pending":
			open = append(open, m)
		case "holds", "later":
			hold = append(hold, m)
		default:
			over = append(over, m)
		}
	}
	return open, hold, over[:min(len(over), recentRows)]
}
