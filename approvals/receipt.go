package approvals

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
)

// A Receipt is everything about one request that somebody who does not trust
// us needs to check it offline, besides what they pinned themselves.
type Receipt struct {
	Format string             `json:"format"` // "lockbox-receipt/v1"
	Case   Case               `json:"case"`
	Grant  *policy.Grant      `json:"grant,omitempty"`
	Keys   map[string][]byte  `json:"keys"`   // PKIX of the passkeys that signed, by fingerprint
	KeyOf  map[string]string  `json:"key_of"` // whose they are
	Votes  []ledger.Inclusion `json:"votes"`  // the leaf of each vote, in the order of Case.Votes
	Stays  []Stay             `json:"sessions,omitempty"`
}

// A Stay is one session under the grant.
type Stay struct {
	Session recorder.Session  `json:"session"`
	Open    ledger.Inclusion  `json:"open"`
	Close   *ledger.Inclusion `json:"close,omitempty"` // nil while it lasts
}

const receiptV1 = "lockbox-receipt/v1"

// Receipt makes the receipt of a request for those who may see it. The caller adds the sessions.
func (d *Desk) Receipt(ctx context.Context, who policy.Principal, code string) (Receipt, error) {
	if _, err := d.See(ctx, who, code); err != nil {
		return Receipt{}, err
	}
	out := Receipt{Format: receiptV1, Keys: map[string][]byte{}, KeyOf: map[string]string{}}
	err := d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		r, q, err := load(tx.Get, code)
		if err != nil {
			return err
		}
		if who.Kind == policy.Reviewer && len(q.Customers) > 1 {
			return ErrUnknown // it would tell one customer of another
		}
		out.Case = Case{Body: r.Body, Votes: r.Votes}
		for _, v := range r.Votes {
			if v.Verdict != policy.Yes {
				continue
			}
			k, of, err := d.People.Passkey(tx, v.Key)
			if err != nil {
				return err
			}
			out.Keys[v.Key], out.KeyOf[v.Key] = k.PKIX(), of
		}
		out.Grant, err = loadGrant(tx.Get, code)
		return err
	})
	for _, v := range out.Case.Votes {
		if err != nil {
			break
		}
		var in ledger.Inclusion
		in, err = d.Ledger.Proof(ctx, v.Seq)
		out.Votes = append(out.Votes, in)
	}
	return out, err
}

// Pinned is what a verifier holds already: it never comes from the receipt.
type Pinned struct {
	Log        string              `json:"log"`     // name of the log
	LogKey     string              `json:"log_key"` // its verifier key (C2SP signed-note)
	Party      statement.Party     `json:"party"`
	Executives []string            `json:"executives"` // fingerprints of passkeys
	Customers  map[string][]string `json:"customers"`
}

func (p Pinned) pinned(s policy.Stage, fingerprint string) (bool, error) {
	switch s.Kind {
	case policy.ByExecutive:
		return slices.Contains(p.Executives, fingerprint), nil
	case policy.ByCustomer:
		return slices.Contains(p.Customers[s.Customer], fingerprint), nil
	}
	return false, nil
}

// A Step is one sentence of an offline verification.
type Step struct {
	Step int    `json:"step"`
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

// Steps that Verify takes besides those of a vote.
const (
	StepLeaf      = 6
	StepInclusion = 7
	StepNote      = 8
)

// Verify checks the receipt against what is pinned, offline. Everything holds
// where every step is OK. An error means that the receipt or the pins could
// not be read.
func (r Receipt) Verify(p Pinned) ([]Step, error) {
	if r.Format != receiptV1 {
		return nil, fmt.Errorf("this is no %s", receiptV1)
	}
	v, err := note.NewVerifier(p.LogKey)
	if err != nil {
		return nil, fmt.Errorf("read the pinned log key: %w", err)
	}
	q, _, err := Case{Body: r.Case.Body}.Holding(Trust{})
	if err != nil {
		return nil, err
	}
	if len(r.Votes) != len(r.Case.Votes) {
		return nil, errors.New("the receipt has not one leaf for each vote")
	}
	var steps []Step
	for i, vote := range r.Case.Votes {
		steps = append(steps, r.vote(p, q, vote)...)
		steps = append(steps, logged(v, p.Log, r.Votes[i], leafOf(vote), "vote of "+vote.By.Name)...)
	}
	steps = append(steps, r.outcome(p))
	for _, s := range r.Stays {
		steps = append(steps, r.stay(v, p, s)...)
	}
	return steps, nil
}

func (r Receipt) trust(p Pinned) Trust {
	return Trust{Log: p.Log, Party: p.Party, Pinned: p.pinned, Key: func(f string) (statement.Key, string, error) {
		k, err := statement.ParseKey(r.Keys[f])
		if err == nil && k.Fingerprint() != f {
			err = errors.New("the key in the receipt has another fingerprint")
		}
		return k, r.KeyOf[f], err
	}}
}

// vote verifies one vote: steps 1 to 5, and 9 for what it says.
func (r Receipt) vote(p Pinned, q *policy.Request, v policy.Vote) []Step {
	if v.Verdict != policy.Yes {
		return []Step{{StepScope, "decision and scope", true, fmt.Sprintf("%s said no, which needs no signature", v.By.Name)}}
	}
	t := r.trust(p)
	steps := signature(v, t.signed(v))
	for _, s := range []struct {
		step       int
		name, text string
		err        error
	}{
		{StepPinned, "pinned key", "the passkey of %s is one that you pinned for this", t.pinned(q, v)},
		{StepScope, "decision and scope", "the statement of %s is about this request, and approves it", t.scope(q, (row{Body: r.Case.Body}).digest(), v)},
	} {
		if s.err != nil {
			steps = append(steps, Step{s.step, s.name, false, s.err.Error()})
			continue
		}
		steps = append(steps, Step{s.step, s.name, true, fmt.Sprintf(s.text, v.By.Name)})
	}
	return steps
}

// signature gives the steps of statement.Verify, up to the one that failed.
func signature(v policy.Vote, err error) (steps []Step) {
	var at *statement.StepError
	for i, s := range []struct{ name, text string }{
		{"challenge", "%s signed the hash of exactly this statement"},
		{"client data", "%s signed on the pinned origin"},
		{"authenticator data", "%s was verified by the authenticator"},
		{"signature", "the signature of %s is by that passkey"},
	} {
		if err != nil && (!errors.As(err, &at) || at.Step <= i+1 || at.Step > statement.StepSignature) {
			return append(steps, Step{i + 1, s.name, false, err.Error()})
		}
		steps = append(steps, Step{i + 1, s.name, true, fmt.Sprintf(s.text, v.By.Name)})
	}
	return steps
}

// leafOf is what the leaf of a vote must say.
func leafOf(v policy.Vote) map[string]string {
	return map[string]string{"statement-sha256": digest(v.Statement), "assertion-sha256": digest(v.Assertion)}
}

// logged verifies that the log holds the leaf, and that the leaf says what it should: steps 6 to 8.
func logged(v note.Verifier, log string, in ledger.Inclusion, says map[string]string, what string) []Step {
	leaf, err := ledger.ParseLeaf(in.Leaf)
	for name, want := range says {
		if err == nil && leaf.Detail[name] != want {
			err = fmt.Errorf("the leaf says something else of %s", name)
		}
	}
	if err != nil {
		return []Step{{StepLeaf, "log entry", false, what + ": " + err.Error()}}
	}
	steps := []Step{{StepLeaf, "log entry", true, fmt.Sprintf("%s is entry %d of the log", what, leaf.Seq)}}
	if err := in.Verify(v, log); err != nil {
		return append(steps, Step{StepInclusion, "inclusion and checkpoint", false, what + ": " + err.Error()})
	}
	return append(steps,
		Step{StepInclusion, "inclusion", true, fmt.Sprintf("%s is in the tree of %d entries", what, in.Size)},
		Step{StepNote, "checkpoint", true, "the log's pinned key signed that tree"})
}

// outcome verifies that the votes that hold give what was granted.
func (r Receipt) outcome(p Pinned) Step {
	s := Step{Step: StepScope, Name: "outcome"}
	q, _, err := r.Case.Holding(r.trust(p))
	switch {
	case err != nil:
		s.Text = err.Error()
		return s
	case r.Grant == nil:
		s.OK, s.Text = true, "no access was given"
		return s
	}
	if err := supports(q, r.Grant); err != nil {
		s.Text = err.Error()
		return s
	}
	s.OK, s.Text = true, fmt.Sprintf("the votes gave %s to %s as %s on %s for %s", actions(r.Grant.Actions), q.Who.Name, q.Login, q.Target, r.Grant.For)
	return s
}

// stay verifies that a session kept within what was granted.
func (r Receipt) stay(v note.Verifier, p Pinned, s Stay) []Step {
	what := "session " + s.Session.ID
	steps := logged(v, p.Log, s.Open, map[string]string{"login": s.Session.Login}, what+" opened")
	open, err := ledger.ParseLeaf(s.Open.Leaf)
	scope := Step{Step: StepScope, Name: "window and scope"}
	switch {
	case err != nil || r.Grant == nil || r.Grant.Activated.IsZero():
		scope.Text = what + " has no grant"
	case !slices.Contains(open.Subjects, r.Grant.ID), !slices.Contains(open.Subjects, r.Grant.Target), s.Session.Login != r.Grant.Login:
		scope.Text = what + " was on something else than was granted"
	case open.At.Before(r.Grant.Made) || !open.At.Before(r.Grant.NotAfter):
		scope.Text = what + " was not opened in the time that was granted"
	default:
		scope.OK, scope.Text = true, what+" was opened within the grant"
	}
	steps = append(steps, scope)
	if s.Close == nil {
		return steps
	}
	steps = append(steps, logged(v, p.Log, *s.Close, map[string]string{"root": s.Session.Root}, what+" closed, with the root of its recording")...)
	return append(steps, r.ended(what, *s.Close))
}

// late is how long after the end of its grant a session's end may be written down.
const late = 2 * time.Second

func (r Receipt) ended(what string, in ledger.Inclusion) Step {
	s := Step{Step: StepScope, Name: "window and scope"}
	leaf, err := ledger.ParseLeaf(in.Leaf)
	switch {
	case err != nil || r.Grant == nil:
		s.Text = what + " has no end that can be read"
	case leaf.Detail["recovered"] == "true":
		s.OK, s.Text = true, what+" ended when the gateway stopped; its end was written down at the next start"
	case leaf.At.After(r.Grant.NotAfter.Add(late)):
		s.Text = fmt.Sprintf("%s lasted until %s, longer than the grant", what, leaf.At.Format(time.RFC3339))
	default:
		s.OK, s.Text = true, what+" ended within the grant"
	}
	return s
}

// ParseReceipt reads a receipt. Fields it does not know are an error.
func ParseReceipt(data []byte) (r Receipt, err error) {
	err = strict(data, &r)
	return r, err
}

// ParsePinned reads what a verifier pinned. Fields it does not know are an error.
func ParsePinned(data []byte) (p Pinned, err error) {
	err = strict(data, &p)
	return p, err
}

func strict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.More() {
		return errors.New("something follows the end")
	}
	return nil
}
