package charter

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

const ballotLife = 5 * time.Minute

// Prepare writes the statement that who would sign for the motion. Its hash is in the log before it is shown.
func (c *Charter) Prepare(ctx context.Context, who policy.Principal, id string) (b Ballot, err error) {
	err = c.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		r, m, who, err := c.ask(tx, who, id)
		if err != nil {
			return err
		}
		if d := c.Policy().Decide(policy.Question{Now: tx.Now(), Who: who, Do: policy.Sign, Motion: m}); d.Verdict == policy.Deny {
			return refused(d)
		}
		if err := c.enough(tx, m); err != nil {
			return err
		}
		b = Ballot{Nonce: NewNonce(), Motion: id, By: who.ID, Domain: domain(m.Kind), Until: tx.Now().Add(ballotLife)}
		if b.Statement, err = (signing{c.Log, m, r.digest(), who, b.Nonce}).statement(); err != nil {
			return err
		}
		if err := tx.Put(ballotKey(b.Nonce), b); err != nil {
			return err
		}
		_, err = tx.Append(event("shown", who.ID, m, map[string]string{"statement-sha256": digest(b.Statement)}, nil))
		return err
	})
	return b, err
}

// ask loads a motion that who may see, and who they are now.
func (c *Charter) ask(tx *ledger.Tx, who policy.Principal, id string) (row, *policy.Motion, policy.Principal, error) {
	r, err := load(tx.Verified, id)
	if err != nil {
		return row{}, nil, who, err
	}
	if who, err = c.now(tx, who); err != nil {
		return row{}, nil, who, err
	}
	m, _, err := c.stand(tx, r)
	if err == nil && !c.maySee(tx, who, m) {
		err = ErrUnknown
	}
	return r, m, who, err
}

// Sign counts a yes: the ballot that was shown to who, signed. It is used up whatever comes of it.
func (c *Charter) Sign(ctx context.Context, who policy.Principal, ballot string, a statement.Assertion) (v View, err error) {
	b, err := c.takeBallot(ctx, who, ballot)
	if err != nil {
		return View{}, err
	}
	err = c.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		r, m, who, err := c.ask(tx, who, b.Motion)
		if err != nil {
			return err
		}
		if !tx.Now().Before(b.Until) {
			return refuse("that statement was shown more than %s ago; open the page again", ballotLife)
		}
		vote, err := c.signed(tx, m, r, who, b, a)
		if err != nil {
			return err
		}
		v, err = c.cast(tx, r, m, vote)
		return err
	})
	return v, err
}

// signed turns an answered ballot into a vote, or says why it is none.
func (c *Charter) signed(tx *ledger.Tx, m *policy.Motion, r row, who policy.Principal, b Ballot, a statement.Assertion) (policy.Vote, error) {
	proof, key, err := c.People.Assert(tx, who.ID, domain(m.Kind), b.Statement, a)
	if err != nil {
		return policy.Vote{}, err
	}
	ask := policy.Question{Now: tx.Now(), Who: who, Proofs: []policy.Proof{proof}, Binding: proof.For, Do: policy.Sign, Motion: m}
	switch d := c.Policy().Decide(ask); {
	case r.Phase != "":
		return policy.Vote{}, refuse("the motion is %s", r.Phase)
	case d.Verdict != policy.Allow:
		return policy.Vote{}, refused(d)
	}
	if err := c.enough(tx, m); err != nil {
		return policy.Vote{}, err
	}
	assertion, err := json.Marshal(a)
	if err != nil {
		return policy.Vote{}, fmt.Errorf("write assertion: %w", err)
	}
	vote := policy.Vote{
		By: who, At: tx.Now(), Verdict: policy.Yes, Statement: b.Statement, Assertion: assertion, Key: key.Fingerprint(),
	}
	t := c.trust(tx, true)
	if err := t.pinned(m, vote, atLast); err != nil {
		return policy.Vote{}, refuse("your passkey is not one of those that count for this; it needs admission first")
	}
	return vote, t.vote(m, r.digest(), vote, atLast) // as whoever rests on it will
}

// takeBallot uses a ballot up in a transaction of its own: a vote that fails does not give it back.
func (c *Charter) takeBallot(ctx context.Context, who policy.Principal, nonce string) (b Ballot, err error) {
	if len(nonce) != 32 || strings.Trim(nonce, "0123456789abcdef") != "" {
		return Ballot{}, ErrUnknown
	}
	err = c.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		b = Ballot{}
		ok, err := tx.Get(ballotKey(nonce), &b)
		switch {
		case err != nil:
			return err
		case !ok:
			return refuse("that statement was used already; open the page again")
		case b.By != who.ID:
			return ErrUnknown
		}
		if err := tx.Delete(ballotKey(nonce)); err != nil {
			return err
		}
		r, err := load(tx.Get, b.Motion)
		if err != nil {
			return err
		}
		m, err := r.motion()
		if err != nil {
			return err
		}
		_, err = tx.Append(event("answered", who.ID, m, map[string]string{"statement-sha256": digest(b.Statement)}, nil))
		return err
	})
	return b, err
}

// Oppose counts a no. It needs no touch.
func (c *Charter) Oppose(ctx context.Context, who policy.Principal, id, comment string) (v View, err error) {
	if err := statement.Clean(comment); err != nil || len(comment) > textMost {
		return View{}, refuse("a comment is plain text on one line of at most %d bytes", textMost)
	}
	err = c.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		r, m, who, err := c.ask(tx, who, id)
		if err != nil {
			return err
		}
		if d := c.Policy().Decide(policy.Question{Now: tx.Now(), Who: who, Do: policy.Oppose, Motion: m}); d.Verdict != policy.Allow {
			return refused(d)
		}
		if m.Stage.Kind != policy.BySelf {
			voters, err := c.People.Voters(tx, m.Stage)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(voters, func(p policy.Principal) bool { return p.ID == who.ID }) {
				return refuse("none of your passkeys counts for this; it needs admission first")
			}
		}
		if v, err = c.cast(tx, r, m, policy.Vote{By: who, At: tx.Now(), Verdict: policy.No, Comment: comment}); err == nil && m.Kind == policy.ToRatify && c.Opposed != nil {
			err = c.Opposed(tx, clone(m), who)
		}
		return err
	})
	return v, err
}

// cast stores the vote and what it leads to.
func (c *Charter) cast(tx *ledger.Tx, r row, m *policy.Motion, v policy.Vote) (View, error) {
	kind, detail := "oppose", map[string]string{"motion-sha256": r.digest()}
	if v.Verdict == policy.Yes {
		kind = "sign"
		detail["statement-sha256"], detail["assertion-sha256"], detail["passkey"] = digest(v.Statement), digest(v.Assertion), v.Key
	}
	seq, err := tx.Append(event(kind, v.By.ID, m, detail, map[string]string{"comment": v.Comment}))
	if err != nil {
		return View{}, err
	}
	v.Seq = seq
	r.Votes, r.Trail = append(slices.Clone(r.Votes), v), append(slices.Clone(r.Trail), seq)
	m, s, err := c.stand(tx, r)
	if err != nil {
		return View{}, err
	}
	switch s.Phase {
	case policy.Approved:
		err = c.pass(tx, r, m)
	case policy.Rejected:
		err = c.close(tx, r, m, policy.Rejected)
	default:
		err = tx.Put(motionKey(m.ID), r)
	}
	if err != nil {
		return View{}, err
	}
	return c.view(tx, m.ID)
}

// pass makes the motion so.
func (c *Charter) pass(tx *ledger.Tx, r row, m *policy.Motion) error {
	yes := 0
	for _, v := range m.Votes {
		if v.Verdict == policy.Yes {
			yes++
		}
	}
	seq, err := tx.Append(event("passed", "lockbox", m, map[string]string{"motion-sha256": r.digest(), "signatures": strconv.Itoa(yes)}, nil))
	if err != nil {
		return err
	}
	r.Phase, r.At, r.Passed, r.Trail = policy.Approved, tx.Now(), seq, append(r.Trail, seq)
	if err := tx.Delete(openKey(m.ID)); err != nil {
		return err
	}
	if err := tx.Put(motionKey(m.ID), r); err != nil {
		return err
	}
	if err := c.hold(tx, m); err != nil {
		return err
	}
	return c.effect(tx, m)
}

func (c *Charter) effect(tx *ledger.Tx, m *policy.Motion) error {
	if c.Effect == nil {
		return nil
	}
	return c.Effect(tx, clone(m))
}

// close settles a motion that did not pass.
func (c *Charter) close(tx *ledger.Tx, r row, m *policy.Motion, phase policy.Phase) error {
	seq, err := tx.Append(event(string(phase), "lockbox", m, map[string]string{"motion-sha256": r.digest()}, nil))
	if err != nil {
		return err
	}
	r.Phase, r.At, r.Trail = phase, tx.Now(), append(slices.Clone(r.Trail), seq)
	if err := tx.Delete(openKey(m.ID)); err != nil {
		return err
	}
	return tx.Put(motionKey(m.ID), r)
}
