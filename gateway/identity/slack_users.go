package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// SlackUsers is what a messenger may know of who is who in Slack.
type SlackUsers struct{ of *Directory }

// SlackUsers gives it.
func (d *Directory) SlackUsers() SlackUsers { return SlackUsers{d} }

// Link is BeginSlack.
func (s SlackUsers) Link(team, user string) (token, number string, until time.Time, err error) {
	l, err := s.of.BeginSlack(team, user)
	return l.Token, l.Number, l.Until, err
}

// Person says who a user of Slack is, proven from the bytes that the person
// signed, with a passkey of theirs that still counts; false for nobody.
func (s SlackUsers) Person(tx *ledger.Tx, team, user string) (policy.Principal, bool, error) {
	u := SlackUser{team, user}
	if !u.good() {
		return policy.Principal{}, false, nil
	}
	var r slackRow
	ok, err := tx.Verified(slackKey(u), &r)
	if err != nil {
		return policy.Principal{}, false, fmt.Errorf("read slack link: %w", err)
	}
	if !ok || r.SlackUser != u {
		return policy.Principal{}, false, nil
	}
	switch err := s.of.holdsSlack(tx, r); {
	case errors.As(err, new(*Refusal)):
		return policy.Principal{}, false, nil
	case err != nil:
		return policy.Principal{}, false, err
	}
	who, err := s.of.Current(tx, r.Of)
	return who, err == nil, err
}

// Of gives the user of Slack that a person is known by, proven as Person is; "" for none.
func (s SlackUsers) Of(tx *ledger.Tx, person string) (team, user string, err error) {
	if !goodID(person) {
		return "", "", nil
	}
	var u SlackUser
	if ok, err := tx.Verified(slackOfKey(person), &u); err != nil || !ok {
		return "", "", err
	}
	who, ok, err := s.Person(tx, u.Team, u.User)
	if err != nil || !ok || who.ID != person {
		return "", "", err
	}
	return u.Team, u.User, nil
}

// holdsSlack proves a row: a *Refusal where its passkey or person does not count any more.
func (d *Directory) holdsSlack(tx *ledger.Tx, r slackRow) error {
	if err := d.saysSlack(r); err != nil {
		return err
	}
	var back SlackUser
	if ok, err := tx.Verified(slackOfKey(r.Of), &back); err != nil || !ok || back != r.SlackUser {
		return orRefuse(err, "this link to Slack was ended")
	}
	c, err := credential(tx, r.Passkey)
	if err != nil {
		return err
	}
	p, err := person(tx, r.Of)
	if err != nil {
		return err
	}
	if why := d.why(p, c); why != "" {
		return refuse("%s", why)
	}
	key, err := statement.ParseKey(c.PKIX)
	if err != nil {
		return fmt.Errorf("passkey %s: %w", c.Fingerprint, err)
	}
	_, err = statement.Verify(r.Signed.Assertion, key, statement.Challenge(statement.ForSlack, r.Signed.Text), d.Party)
	return err
}

// SlackUser is whom the person is known by in Slack, to be shown; false for nobody.
func (d *Directory) SlackUser(ctx context.Context, who string) (u SlackUser, since time.Time, ok bool, err error) {
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		if ok, err = tx.Verified(slackOfKey(who), &u); err != nil || !ok {
			return err
		}
		var r slackRow
		_, err = tx.Verified(slackKey(u), &r)
		since = r.Since
		return err
	})
	return u, since, ok, err
}

// UnbindSlack ends the link of a person to Slack.
func (d *Directory) UnbindSlack(ctx context.Context, who string) error {
	return d.update(ctx, func(tx *ledger.Tx) error {
		n, err := dropSlack(tx, who, who, "by the person", func(slackRow) bool { return true })
		if err == nil && n == 0 {
			err = refuse("you are not linked to Slack")
		}
		return err
	})
}

// dropSlack ends those links of who ("": of anybody) that want it, and counts them.
func dropSlack(tx *ledger.Tx, by, who, why string, want func(slackRow) bool) (int, error) {
	var all []slackRow
	err := tx.Scan("slack/", func(_ string, raw json.RawMessage) (bool, error) {
		var r slackRow
		err := json.Unmarshal(raw, &r)
		if err == nil && (who == "" || r.Of == who) && want(r) {
			all = append(all, r)
		}
		return true, err
	})
	if err != nil {
		return 0, fmt.Errorf("read slack links: %w", err)
	}
	for _, r := range all {
		if err := errors.Join(tx.Delete(slackKey(r.SlackUser)), tx.Delete(slackOfKey(r.Of))); err != nil {
			return 0, err
		}
		_, err := tx.Append(ledger.Event{
			Kind: "slack.unbound", Actor: by, Detail: map[string]string{"workspace": r.Team, "why": why},
			Private: map[string]string{"user": r.User, "person": r.Of},
		})
		if err != nil {
			return 0, err
		}
	}
	return len(all), nil
}
