package approvals

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// vote verifies one vote: its signature, whose key that is, what it says, and
// that the log has it.
func (c *checker) vote(i int, v policy.Vote, in ledger.Entry) {
	name, kind := v.By.Name, "vote."+v.Verdict
	says := map[string]string{
		"stage": stageName(c.q, v.Stage), "request-sha256": c.hash,
		"statement-sha256": digest(v.Statement), "assertion-sha256": digest(v.Assertion), "passkey": v.Key, "for": v.For.String(),
		"not-before": moment(v.NotBefore), "conditions": conditions(v.Terms), "may-not": actions(withheld(v.Terms, c.q)),
		"delegation": or(v.Delegation, "none"), "standing": or(v.Standing, "none"),
	}
	c.plain(v)
	unseen := c.unseen(i, v)
	switch {
	case v.Standing != "":
		name = v.By.ID
		kind = c.instruction(v)
	case v.Verdict == policy.Yes:
		c.signed(name, v, unseen)
	case v.Verdict != policy.No:
		c.fail(StepScope, "decision and scope", "%s said neither yes nor no", name)
	default:
		c.say(StepScope, "decision and scope", "%s said no, which needs no signature", name)
	}
	if unseen != "" {
		delete(says, "statement-sha256") // its hash is in the entry, and cannot be held against it
	}
	f := c.in(in, expect{what: "the vote of " + name, kind: kind, about: []string{c.q.ID}, at: &v.At, seq: &v.Seq, says: says})
	c.byErased(i, v, f)
	c.sum.vote(c.q, v, f)
}

// plain refuses what nothing in the log or in a signature holds.
func (c *checker) plain(v policy.Vote) {
	if v.By.Groups != nil || v.By.Vouched != "" || v.By.Admitted || v.Comment != "" || v.Verdict != policy.Yes && v.Promise != "" {
		c.fail(StepScope, "decision and scope", "the vote of %s says more than anything proves", v.By.Name)
	}
	if v.Verdict == policy.Yes && v.Standing == "" {
		return
	}
	if v.Statement != nil || v.Assertion != nil || v.Key != "" {
		c.fail(StepScope, "decision and scope", "the vote of %s carries a signature that it does not need", v.By.Name)
	}
}

// unseen says why there is no statement to hold the signature of a vote
// against; "" where there is one.
func (c *checker) unseen(i int, v policy.Vote) string {
	if v.Verdict != policy.Yes || v.Standing != "" || v.Statement != nil {
		return ""
	}
	by, gone := c.r.Case.Gone[voteName(i, "statement")]
	switch {
	case gone && (c.erasedBy(by, mainSeq(c.made)) || c.erasedBy(by, v.Seq)):
		return fmt.Sprintf("erased by event %d: what %s signed named a person who was erased; its hash stays in the log", by, v.By.Name)
	case !gone && c.shared() && v.Stage >= 0 && v.Stage < len(c.q.Stages) && c.q.Stages[v.Stage].Kind != policy.ByCustomer:
		return "what " + v.By.Name + " signed concerns another customer too, whom it names; its hash is in the log"
	}
	return ""
}

// signed verifies what a person signed to approve.
func (c *checker) signed(name string, v policy.Vote, unseen string) {
	t := c.trust()
	if unseen == "" {
		c.signature(name, t.signed(c.q, v))
	} else {
		c.tell(v, statement.StepChallenge, "challenge", unseen)
		c.signature(name, t.signedUnseen(v))
	}
	c.counted(name, t, v)
	switch err := t.scope(c.q, c.hash, v); {
	case unseen != "":
		c.tell(v, StepScope, "decision and scope", unseen)
	case err != nil:
		c.fail(StepScope, "decision and scope", "%v", err)
	default:
		c.say(StepScope, "decision and scope", "the statement of %s is about this request, and approves it", name)
	}
}

// tell says of a step that it cannot be held any more, or not by this customer.
func (c *checker) tell(_ policy.Vote, step int, name, why string) {
	if strings.HasPrefix(why, "erased") {
		c.past(step, name, "%s", why)
	} else {
		c.others(step, name, "%s", why)
	}
}

// counted verifies that a passkey counts: step 5.
func (c *checker) counted(name string, t Trust, v policy.Vote) {
	switch err := t.pinned(c.q, v); {
	case err != nil:
		c.fail(StepPinned, "pinned key", "%v", err)
	case byGroup(c.q, v.Stage):
		c.say(StepPinned, "pinned key", "%s voted as a member of a group, whose keys nobody pins: the log names this one", name)
	case v.Delegation != "":
		c.say(StepPinned, "pinned key", "%s is the deputy of %s, by delegation %s", name, v.Behalf, v.Delegation)
	default:
		c.say(StepPinned, "pinned key", "%s", c.why(name, v))
	}
}

// signedUnseen verifies a signature whose statement is not shown: that of this
// passkey, on the pinned origin, over some statement.
func (t Trust) signedUnseen(v policy.Vote) error {
	a, err := statement.ParseAssertion(v.Assertion)
	if err != nil {
		return &statement.StepError{Step: statement.StepClientData, Name: "client data", Err: err}
	}
	var client struct {
		Challenge string `json:"challenge"`
	}
	err = json.Unmarshal(a.ClientDataJSON, &client)
	challenge, derr := base64.RawURLEncoding.DecodeString(client.Challenge)
	if err = errors.Join(err, derr); err != nil {
		return &statement.StepError{Step: statement.StepClientData, Name: "client data", Err: err}
	}
	key, _, err := t.Key(v.Key)
	if err != nil {
		return &statement.StepError{Step: StepPinned, Name: "pinned key", Err: err}
	}
	_, err = statement.Verify(a, key, challenge, t.Party)
	return err
}

// instruction verifies a vote that a customer's own motion stands for, and
// gives the kind of its event.
func (c *checker) instruction(v policy.Vote) string {
	t := c.trust()
	if err := t.standing(c.q, v); err != nil {
		c.fail(StepScope, "decision and scope", "%v", err)
		return standingEvent
	}
	c.say(StepScope, "decision and scope", "motion %s of customer %s stands for its vote", v.Standing, v.By.Customer)
	if m, err := t.Stands(v, c.q); err == nil && m.Kind == policy.ToSet {
		return noticeEvent
	}
	return standingEvent
}

// signature gives the steps of statement.Verify, up to the one that failed. The
// first is not given where there is no statement to hold it against.
func (c *checker) signature(name string, err error) {
	unseen := len(c.steps) > 0 && c.steps[len(c.steps)-1].Step == statement.StepChallenge && !c.steps[len(c.steps)-1].OK
	var at *statement.StepError
	for i, s := range []struct{ name, text string }{
		{"challenge", "%s signed the hash of exactly this statement"},
		{"client data", "%s signed on the pinned origin"},
		{"authenticator data", "%s was verified by the authenticator"},
		{"signature", "the signature of %s is by that passkey"},
	} {
		if err != nil && (!errors.As(err, &at) || at.Step <= i+1 || at.Step > statement.StepSignature) {
			c.fail(i+1, s.name, "%v", err)
			return
		}
		if i > 0 || !unseen {
			c.say(i+1, s.name, s.text, name)
		}
	}
}

// bare is a person as the log and signatures hold them.
func bare(p policy.Principal) policy.Principal {
	return policy.Principal{ID: p.ID, Name: p.Name, Kind: p.Kind, Customer: p.Customer}
}

func same(a, b any) bool { return reflect.DeepEqual(a, b) }
