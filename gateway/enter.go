package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
)

// A Gateway lets people in. Its fields are set before the first use.
type Gateway struct {
	Desk   *approvals.Desk
	Ledger *ledger.Ledger
	Shelf  *recorder.Shelf
	Report func(error)   // hears of failures that no person is told
	Grace  time.Duration // how long a session stays frozen at most; 0, or more than policy.Grace: policy.Grace

	Hold time.Duration // how long a person may hold a session back; 0, or more than FreezeMost: FreezeMost

	Archive Archive // destroys recordings whose time is up; nil: nothing does

	Witnesses Witnesses     // nil: there are none
	Patience  time.Duration // with witnesses; 0, or more than 10 s: 10 s

	mu      sync.Mutex        // guards the rest
	visits  map[string]*Visit // by session
	lookout *lookout          // nil while there are none
	closed  bool
	shreds  shreds

	rush rush // of visits that end
}

// A Knock is somebody at a door, known by a proven key.
type Knock struct {
	Who      policy.Principal
	Key      string     // fingerprint of the SSH key they proved, or Arrival.Key
	Web      string     // at the HTTP door: their session at the portal, see identity.WebID; "": they came with an SSH key
	From     netip.Addr // where they are
	Do       policy.Action
	To       string // of forward: host:port as rules write it
	On       string // target
	Login    string // "" for the target's first
	Customer string // where the login reaches one

	grant     string    // of an open visit: what it goes on under
	emergency bool      // what they broke the glass for
	now       time.Time // it is not earlier than this, whatever the clock says
}

// An Answer tells the door what to do next.
type Answer struct {
	policy.Decision
	Request  *policy.Request    // the open one, or the newest that ended; nil when there is none
	Status   policy.Status      // of Request
	Grant    *policy.Grant      // that holds, or would after a touch, a promise or some time
	Terminal approvals.Terminal // what to ask a touch for, of a Prove

	digest    string          // hex SHA-256 of Request as it was made
	said      string          // hex SHA-256 of the newest statement that was signed for this terminal
	question  policy.Question // as it was decided
	extension *policy.Request // that waits, of an open visit whose time is up
	next      *policy.Grant   // that goes on from Grant
}

// Enter answers a knock. An Allow means: a grant is in force, every vote and
// the touch it rests on were verified from signed bytes just now, and all of
// it is in the log under a signed checkpoint.
func (g *Gateway) Enter(ctx context.Context, k Knock) (a Answer, err error) {
	err = g.Ledger.View(ctx, func(tx *ledger.Tx) error {
		a, err = g.enter(tx, k)
		return err
	})
	if err != nil {
		return Answer{}, err
	}
	return a, nil
}

// enter decides, and proves what the decision rests on.
func (g *Gateway) enter(tx *ledger.Tx, k Knock) (Answer, error) {
	a, err := g.decide(tx, k)
	if err != nil || a.Grant == nil || a.Verdict != policy.Allow && a.Verdict != policy.Prove {
		return a, err
	}
	return g.proven(tx, a)
}

// proven proves what a decision rests on.
func (g *Gateway) proven(tx *ledger.Tx, a Answer) (Answer, error) {
	standing, err := g.Desk.Standing(tx, a.Grant.ID)
	if err == nil && standing.Over(tx.Now()) != "" {
		err = errors.New(standing.Over(tx.Now()))
	}
	if err != nil {
		return Answer{}, &Unproven{a.Grant.ID, err}
	}
	return a, nil
}

const notYours = "the SSH key is not yours any more, or its passkey is locked"

// decide finds what the person holds and asks policy: about what they asked for
// the normal way, else about what they broke the glass for.
func (g *Gateway) decide(tx *ledger.Tx, k Knock) (Answer, error) {
	a, err := g.decideOn(tx, k)
	if err != nil || a.Grant != nil || k.grant != "" {
		return a, err
	}
	broken, err := g.Desk.Breaking(tx, k.Who.ID, k.On)
	if err != nil || !broken {
		return a, err
	}
	k.emergency = true
	b, err := g.decideOn(tx, k)
	if err != nil || b.Request == nil || a.Request != nil && a.Status.Phase == policy.Pending && b.Grant == nil && b.Status.Phase != policy.Pending {
		return a, err
	}
	return b, nil
}

// alarmed adds to a question what there is of emergencies.
func (g *Gateway) alarmed(tx *ledger.Tx, k Knock, q *policy.Question) (err error) {
	if q.Incidents, err = g.Desk.Incidents(tx); err != nil {
		return err
	}
	if q.Emergency = k.emergency; k.emergency {
		q.Never, err = g.Desk.Never(tx, k.On)
	}
	return err
}

// decideOn decides on one of the two ways.
func (g *Gateway) decideOn(tx *ledger.Tx, k Knock) (Answer, error) {
	if why, err := g.holds(tx, k); err != nil || why != "" {
		return Answer{Decision: policy.Decision{Code: policy.ByPolicy, Why: policy.Says(why)}}, err
	}
	q := policy.Question{Now: tx.Now(), Who: k.Who, Do: k.Do, On: k.On, Login: k.Login, Customer: k.Customer, To: k.To, From: k.From}
	if k.now.After(q.Now) {
		q.Now = k.now
	}
	if err := g.alarmed(tx, k, &q); err != nil {
		return Answer{}, err
	}
	a := Answer{Decision: g.Desk.Policy().Decide(q)}
	if err := g.declared(tx, &q, &a); err != nil {
		return Answer{}, err
	}
	if a.Verdict != policy.Ask && a.Proof != policy.Declared {
		return a, nil // nothing permits it, with or without a grant
	}
	if err := g.held(tx, k, &a); err != nil || a.Grant == nil {
		return a, err
	}
	a.Terminal = approvals.Terminal{
		Person: k.Who, Key: k.Key, Source: k.From.String(), Target: k.On, Login: a.Login, Grant: a.Grant.ID,
	}
	shown, err := g.Desk.Proofs(tx, a.Terminal, a.Grant.Emergency)
	if err != nil {
		return Answer{}, fmt.Errorf("verify the touch for grant %s: %w", a.Grant.ID, err)
	}
	var proofs []policy.Proof
	var newest time.Time
	for _, s := range shown {
		if proofs = append(proofs, s.Proof); !s.At.Before(newest) {
			newest, a.said = s.At, s.Said
		}
	}
	if k.grant != "" { // a touch opened this visit; it need not be fresh for what comes next in it
		proofs = append(proofs, touchedBefore(policy.Question{Who: k.Who, Now: q.Now, Binding: a.Terminal.Binding()}))
	}
	q.Grant, q.Proofs, q.Binding, q.Customer = a.Grant, append(q.Proofs, proofs...), a.Terminal.Binding(), first(a.Customers)
	q.Login = a.Login
	a.question, a.Decision = q, g.Desk.Policy().Decide(q)
	a.keep(k.Do, a.terms())
	return a, g.extended(tx, k, &a)
}

// touchedBefore stands for the touch that opened a visit, in what is asked about it later.
func touchedBefore(q policy.Question) policy.Proof {
	return policy.Proof{Kind: policy.Passkey, Of: q.Who.ID, At: q.Now, For: q.Binding}
}

// terms are those of the votes to approve what it rests on.
func (a *Answer) terms() (all []policy.Terms) {
	for _, v := range a.Request.Votes {
		if v.Verdict == policy.Yes {
			all = append(all, v.Terms)
		}
	}
	return all
}

// keep takes back a yes to what an approver's terms do not leave as the login is
// declared now: where it was read-only when they signed, it may not be any more.
func (a *Answer) keep(do policy.Action, terms []policy.Terms) {
	if a.Verdict == policy.Deny {
		return
	}
	for _, t := range terms {
		if len(t.Leave([]policy.Action{do}, a.ReadOnly)) == 0 {
			a.Decision = policy.Decision{Code: policy.ByPolicy, Why: policy.Says(
				"grant %s was approved to be read only, and %s is not declared so any more; ask again", a.Grant.ID, a.Login)}
			return
		}
	}
}

// declared asks once more with the signed declaration, where one is wanted.
func (g *Gateway) declared(tx *ledger.Tx, q *policy.Question, a *Answer) (err error) {
	if a.Verdict != policy.Prove || a.Proof != policy.Declared || g.Desk.Charter == nil {
		return nil
	}
	if q.Proofs, err = g.Desk.Charter.Declared(tx, q.Who.ID, a.For); err != nil {
		return fmt.Errorf("verify the declaration of %s: %w", q.Who.ID, err)
	}
	a.Decision = g.Desk.Policy().Decide(*q)
	return nil
}

// extended asks once more, for a visit whose time is up, with what there is to go on under.
func (g *Gateway) extended(tx *ledger.Tx, k Knock, a *Answer) (err error) {
	if k.grant == "" || a.Verdict != policy.Deny || a.Code != policy.HasExpired {
		return nil
	}
	if a.extension, a.next, err = g.Desk.Extension(tx, k.grant); err != nil {
		return fmt.Errorf("find the extension of grant %s: %w", k.grant, err)
	}
	a.question.Extension = a.extension
	a.Decision = g.Desk.Policy().Decide(a.question)
	return nil
}

func first(customers []string) string {
	if len(customers) == 1 {
		return customers[0]
	}
	return ""
}

// Unproven means that a grant stands in the ledger without valid votes behind
// it: somebody changed the ledger. Nobody enters under it.
type Unproven struct {
	Grant string
	Err   error
}

func (u *Unproven) Error() string {
	return fmt.Sprintf("grant %s is not proven: %v", u.Grant, u.Err)
}

// Unwrap gives what was wrong.
func (u *Unproven) Unwrap() error { return u.Err }

// held finds what the person holds for the login, of what was asked for to do
// this: a grant, else the newest open request. What was asked for other work
// is not in its way. An open visit holds its own grant, and no other.
func (g *Gateway) held(tx *ledger.Tx, k Knock, a *Answer) error {
	if k.grant != "" {
		v, err := g.Desk.Whole(tx, k.Who, k.grant)
		a.Grant, a.Request, a.Status, a.digest = v.Grant, v.Request, v.Status, v.Digest
		if err == nil && v.Grant == nil {
			err = fmt.Errorf("grant %s is gone", k.grant)
		}
		return err
	}
	mine, err := g.Desk.MineIn(tx, k.Who.ID)
	if err != nil {
		return err
	}
	for _, v := range mine {
		if v.Request.Emergency != k.emergency || v.Request.Target != k.On || v.Request.Login != a.Login || !asksFor(v.Request, k) {
			continue
		}
		switch {
		case v.Grant != nil && v.Grant.Machine != a.Machine(): // its name stands for another machine now: ask again
		case v.Grant != nil && v.Grant.Over(tx.Now()) == "":
			if a.Grant == nil || a.Grant.Extends == v.Grant.ID { // an extension waits until what it extends is over
				a.Grant, a.Request, a.Status, a.digest = v.Grant, v.Request, v.Status, v.Digest
			}
		case a.Grant != nil:
		case a.Request == nil || v.Status.Phase == policy.Pending || v.Request.At.After(a.Request.At) && a.Status.Phase != policy.Pending:
			a.Request, a.Status, a.digest = v.Request, v.Status, v.Digest
		}
	}
	return nil
}

// asksFor says whether a request is for what is knocked for now.
func asksFor(q *policy.Request, k Knock) bool {
	return slices.Contains(q.Actions, k.Do) && (k.To == "" || slices.Contains(q.To, k.To))
}

// Close ends every visit and lets nobody in any more.
func (g *Gateway) Close(cause string) {
	g.mu.Lock()
	g.closed = true
	all := g.all()
	g.mu.Unlock()
	for _, v := range all {
		v.End(&Ending{policy.ByPolicy, cause})
	}
	for _, v := range all {
		<-v.gone
	}
}

// Visits lists the sessions that are open now.
func (g *Gateway) Visits() []recorder.Session {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []recorder.Session
	for _, v := range g.visits {
		all = append(all, v.Session)
	}
	return all
}

// holds says why the SSH key does not stand for the person; "" where it does. A
// visit outlives the time of the login that opened it, not its end.
func (g *Gateway) holds(tx *ledger.Tx, k Knock) (why string, err error) {
	if k.Web != "" {
		if ok, err := g.Desk.People.HoldsWeb(tx, k.Who.ID, k.Web); err != nil || ok {
			return "", err
		}
		return signedOut, nil
	}
	ok, err := g.Desk.People.HoldsKey(tx, k.Who.ID, k.Key)
	if err != nil || ok {
		return "", err
	}
	all, _, err := g.Desk.People.Logins(tx, k.Who.ID, k.Key)
	switch {
	case err != nil:
		return "", err
	case len(all) == 0:
		return notYours, nil
	case k.grant != "":
		return "", nil
	}
	return loginOver, nil
}

const signedOut = "you are signed out at the portal; sign in again"

const loginOver = "your login is over; run `lockbox login` again"

// Known gives a person as they are now, if the SSH key that they proved is
// still theirs, and counts. Its error is an *approvals.Refusal where it is not.
func (g *Gateway) Known(ctx context.Context, who policy.Principal, key string) (now policy.Principal, err error) {
	err = g.Ledger.View(ctx, func(tx *ledger.Tx) error {
		ok, err := g.Desk.People.HoldsKey(tx, who.ID, key)
		switch {
		case err != nil:
			return err
		case !ok:
			return &approvals.Refusal{Code: policy.ByPolicy, Why: notYours}
		}
		if now = who; g.Desk.Charter != nil {
			now, err = g.Desk.Charter.People.Current(tx, who.ID)
		}
		return err
	})
	if err != nil {
		return policy.Principal{}, err
	}
	return now, nil
}
