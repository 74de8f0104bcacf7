package charter

import (
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

const (
	delegateMost = 90 * 24 * time.Hour
	standingMost = 180 * 24 * time.Hour
	usesMost     = 100
	textMost     = 2000    // bytes of a remark
	declareMost  = 8 << 10 // bytes of a declaration: a statement holds it whole
	listMost     = 50      // names in one list of a scope
)

// check says what is wrong with a motion that its maker may make, and fills in
// the name of whom it is about.
func (c *Charter) check(tx *ledger.Tx, m *policy.Motion, voters []policy.Principal) error {
	if !reflect.DeepEqual(*m, said(*m)) {
		return refuse("a motion to %s cannot say all that; leave out what is not its own", m.Kind)
	}
	if err := statement.Clean(m.Text); m.Kind != policy.ToDeclare && (err != nil || len(m.Text) > textMost) {
		return refuse("the text is one line of visible characters, at most %d bytes", textMost)
	}
	switch m.Kind {
	case policy.ToAdmit:
		return c.checkAdmit(tx, m)
	case policy.ToDismiss:
		return c.checkDismiss(tx, m)
	case policy.ToActivate:
		if !isDigest(m.About) || !isDigest(m.Config) {
			return refuse("a policy and a configuration are named by the hex SHA-256 of their files")
		}
	case policy.ToSet:
		if m.Quorum < 0 || m.Quorum > len(voters) {
			return refuse("the quorum is 0 (as the rule says) to %d, the number of your reviewers", len(voters))
		}
	case policy.ToInstruct:
		return checkStanding(tx, m)
	case policy.ToDelegate:
		return c.checkDelegate(tx, m)
	case policy.ToDeclare:
		return c.checkDeclare(m)
	case policy.ToRecover:
		return c.checkRecover(tx, m)
	case policy.ToRatify:
		return c.checkRatify(tx, m)
	case policy.ToReview:
		return c.checkReview(tx, m)
	case policy.ToSeal:
		if !ValidCode(m.About) || !isDigest(m.Config) {
			return refuse("a batch of codes is named by its number and the hex SHA-256 over its codes")
		}
	case policy.ToErase:
		if m.Recording() != "" {
			return c.checkRecording(tx, m)
		}
		return c.checkErase(tx, m)
	}
	return nil
}

// said keeps of a motion what its kind can say.
func said(m policy.Motion) policy.Motion {
	out := policy.Motion{Kind: m.Kind, At: m.At, By: m.By, Stage: m.Stage, Text: m.Text}
	switch m.Kind {
	case policy.ToAdmit, policy.ToDismiss:
		out.Customer, out.About, out.Name, out.Key = m.Customer, m.About, m.Name, m.Key
	case policy.ToActivate:
		out.About, out.Config = m.About, m.Config
	case policy.ToSet:
		out.Customer, out.Notice, out.Quorum, out.Never = m.Customer, m.Notice, m.Quorum, m.Never
	case policy.ToRatify:
		out.About, out.Config = m.About, m.Config
	case policy.ToSeal, policy.ToReview:
		out.About, out.Config = m.About, m.Config
	case policy.ToInstruct:
		out.Customer, out.From, out.Until, out.Scope, out.Uses, out.For = m.Customer, m.From, m.Until, m.Scope, m.Uses, m.For
	case policy.ToDelegate:
		out.About, out.Name, out.Key, out.From, out.Until, out.Scope = m.About, m.Name, m.Key, m.From, m.Until, m.Scope
	case policy.ToDeclare:
		out.About = m.About
	case policy.ToRecover:
		out.Customer, out.About, out.Name = m.Customer, m.About, m.Name
	case policy.ToErase:
		if out.About = m.About; m.Recording() != "" {
			out.Customer = m.Customer
		} else {
			out.Name = m.Name
		}
	}
	return out
}

func isDigest(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && hex.EncodeToString(b) == s
}

// checkAdmit wants a person of the right kind, and a passkey of theirs that does not count yet.
func (c *Charter) checkAdmit(tx *ledger.Tx, m *policy.Motion) error {
	who, err := c.member(tx, m)
	if err != nil {
		return err
	}
	m.Name = who.Name
	find := c.People.Passkey
	if past, ok := c.People.(Memory); ok {
		find = past.Holder // it may wait for somebody to compare it: who signs does
	}
	_, of, err := find(tx, m.Key)
	if err != nil {
		return err
	}
	if of != m.About {
		return refuse("the fingerprint is not that of %s's passkey: compare it again with them", m.About)
	}
	ok, err := c.People.Pinned(tx, m.Stage, m.Key)
	if b, is := c.People.(Binder); err == nil && ok && is { // one that counts by another one's word may count by itself
		_, leans, e := b.Bond(tx, m.Stage, m.Key, atLast)
		ok, err = !leans, e
	}
	if err != nil || ok {
		return orRefuse(err, "that passkey counts already")
	}
	return nil
}

// member is whom a motion to admit or dismiss is about, being of its kind.
func (c *Charter) member(tx *ledger.Tx, m *policy.Motion) (policy.Principal, error) {
	who, err := c.named(tx, m)
	if err != nil {
		return policy.Principal{}, err
	}
	kind := policy.Executive
	if m.Customer != "" {
		kind = policy.Reviewer
	}
	if who.Kind != kind || who.Customer != m.Customer {
		return policy.Principal{}, refuse("%s was not enrolled as one of %s", m.About, deciders(m.Stage))
	}
	return who, nil
}

// named is the person whom a motion names. To a customer's reviewer somebody who
// is not enrolled is like somebody of others: they learn no names.
func (c *Charter) named(tx *ledger.Tx, m *policy.Motion) (policy.Principal, error) {
	who, err := c.People.Current(tx, m.About)
	if err != nil && m.By.Kind == policy.Reviewer && !errors.Is(err, ledger.ErrTampered) {
		return policy.Principal{}, nil
	}
	return who, err
}

func orRefuse(err error, why string) error {
	if err != nil {
		return err
	}
	return refuse("%s", why)
}

// checkDismiss wants somebody who is there.
func (c *Charter) checkDismiss(tx *ledger.Tx, m *policy.Motion) error {
	who, err := c.member(tx, m)
	if err != nil {
		return err
	}
	m.Name = who.Name
	past, ok := c.People.(Memory)
	if !ok {
		if !who.Admitted {
			return refuse("%s does not count as one of %s", m.About, deciders(m.Stage))
		}
		return nil
	}
	keys, err := past.Seats(tx, m.Stage, m.About)
	switch {
	case err != nil:
		return err
	case len(keys) == 0:
		return refuse("%s does not count as one of %s", m.About, deciders(m.Stage))
	case m.Key == "":
		m.Key = keys[0]
	case !slices.Contains(keys, m.Key):
		return refuse("the fingerprint is not that of %s's passkey", m.About)
	}
	return nil
}

// checkSpan wants times in order that end within most.
func checkSpan(tx *ledger.Tx, m *policy.Motion, most time.Duration) error {
	now := tx.Now()
	switch {
	case m.Until.IsZero() || !m.Until.After(now):
		return refuse("say until when it counts: a time to come")
	case m.Until.After(now.Add(most)):
		return refuse("it counts at most %d days from now", int(most/(24*time.Hour)))
	case !m.From.IsZero() && !m.From.Before(m.Until):
		return refuse("it begins after its own end")
	}
	return checkScope(m.Scope)
}

func checkScope(s policy.Scope) error {
	for _, name := range slices.Concat(s.Targets, s.Logins) {
		if name == "" || name == "any" || len(name) > 253 || strings.ContainsAny(name, ", ") || statement.Clean(name) != nil {
			return refuse("%q is no name of a target or login", name)
		}
	}
	for _, a := range s.Actions {
		if !slices.Contains(policy.OnTarget(), a) {
			return refuse("%q is no action on a target", string(a))
		}
	}
	for _, r := range s.Reasons {
		if !slices.Contains(policy.Reasons(), r) {
			return refuse("%q is no reason", string(r))
		}
	}
	if max(len(s.Targets), len(s.Logins), len(s.Actions), len(s.Reasons)) > listMost {
		return refuse("a scope names at most %d of each", listMost)
	}
	h := s.Hours
	if h != nil && (h.Zone == nil || len(h.Days) == 0 || h.From < 0 || h.To <= h.From || h.To > 24*time.Hour || h.From%time.Minute != 0 || h.To%time.Minute != 0) {
		return refuse("hours are days, a zone, and whole minutes from and to within one day")
	}
	return nil
}

func checkStanding(tx *ledger.Tx, m *policy.Motion) error {
	switch {
	case len(m.Scope.Targets) == 0 && len(m.Scope.Actions) == 0:
		return refuse("an instruction names at least the targets or the actions that it is for")
	case m.Uses < 1 || m.Uses > usesMost:
		return refuse("an instruction is for 1 to %d requests", usesMost)
	case m.For < time.Minute || m.For > policy.HardMax:
		return refuse("an instruction gives one minute to %s each time", policy.HardMax)
	}
	return checkSpan(tx, m, standingMost)
}

// checkDelegate wants a deputy whom the maker may stand in for them, known by a
// passkey that is confirmed.
func (c *Charter) checkDelegate(tx *ledger.Tx, m *policy.Motion) error {
	who, err := c.named(tx, m)
	if err != nil {
		return err
	}
	switch {
	case m.By.Kind == policy.Executive && (who.Kind == policy.Executive || who.Kind == policy.Staff):
	case m.By.Kind == policy.Reviewer && who.Kind == policy.Reviewer && who.Customer == m.By.Customer:
	default:
		return refuse("%s cannot be your deputy: an executive's is an executive or of the staff, a reviewer's speaks for the same customer", m.About)
	}
	m.Name = who.Name
	_, of, err := c.People.Passkey(tx, m.Key)
	if err != nil {
		return err
	}
	if of != m.About {
		return refuse("the fingerprint is not that of %s's passkey", m.About)
	}
	return checkSpan(tx, m, delegateMost)
}

// checkDeclare fills in the text that the policy has.
func (c *Charter) checkDeclare(m *policy.Motion) error {
	d := c.Policy().Declaration // there is one: Decide looked
	if m.Text == "" {
		m.Text = d.Text
	}
	switch {
	case m.Text != d.Text:
		return refuse("the declaration says something else now; read it again")
	case len(m.Text) > declareMost || statement.Clean(readable(m.Text)) != nil || statement.Clean(m.About) != nil:
		return refuse("the declaration in the policy cannot be signed: it is visible text of at most %d bytes", declareMost)
	}
	return nil
}
