package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"time"

	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// A user of Slack becomes known as a person by a link that Slack hands to that
// user alone, and a touch of the person's at the portal. Names and addresses in
// Slack say nothing. What waits is lost when the program stops.
const (
	slackWait  = 10 * time.Minute
	slackTries = 3
	slackMost  = 1000 // links that wait; the same user's newest takes the place of the one before
)

// ErrNoSlack means that no user of Slack waits under this link.
var ErrNoSlack = errors.New("nobody in Slack waits under this link")

// A SlackUser is one user of one workspace, by the ids that never change.
type SlackUser struct {
	Team string `json:"team"`
	User string `json:"user"`
}

// A SlackLink is what the user of Slack is told, and nobody else.
type SlackLink struct {
	Token  string // of the page: /me/slack?l=TOKEN
	Number string // two digits, to be typed there
	Until  time.Time
}

// A slackWaiter is one link.
type slackWaiter struct {
	SlackUser
	number string
	tries  int
	until  time.Time
}

// slackLinks are those that wait. The zero value is ready.
type slackLinks struct {
	mu     sync.Mutex // guards the rest, and what is in it
	byHash map[string]*slackWaiter
}

// put takes a link in, if there is room.
func (s *slackLinks) put(now time.Time, token string, w *slackWaiter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byHash == nil {
		s.byHash = map[string]*slackWaiter{}
	}
	for key, o := range s.byHash {
		if !now.Before(o.until) || o.SlackUser == w.SlackUser {
			delete(s.byHash, key)
		}
	}
	if len(s.byHash) >= slackMost {
		return refuse("too many users of Slack wait to be linked: try again in ten minutes")
	}
	s.byHash[hash(token)] = w
	return nil
}

// open finds a link that still waits. mu is held.
func (s *slackLinks) open(now time.Time, token string) (*slackWaiter, error) {
	w := s.byHash[hash(token)]
	if w == nil || !now.Before(w.until) {
		return nil, ErrNoSlack
	}
	return w, nil
}

// numbered checks what was typed.
func (s *slackLinks) numbered(now time.Time, token, number string) (SlackUser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, err := s.open(now, token)
	if err != nil {
		return SlackUser{}, err
	}
	if subtle.ConstantTimeCompare([]byte(strings.TrimSpace(number)), []byte(w.number)) == 1 {
		return w.SlackUser, nil
	}
	if w.tries++; w.tries < slackTries {
		return SlackUser{}, refuse("that is not the number in Slack; %d tries left", slackTries-w.tries)
	}
	delete(s.byHash, hash(token))
	return SlackUser{}, refuse("that was the third wrong number; this link is void. If you did not ask for it in Slack, tell security")
}

// take uses a link up.
func (s *slackLinks) take(now time.Time, token string) (SlackUser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, err := s.open(now, token)
	if err != nil {
		return SlackUser{}, err
	}
	delete(s.byHash, hash(token))
	return w.SlackUser, nil
}

func (u SlackUser) good() bool { return goodSlackID(u.Team, "T") && goodSlackID(u.User, "UW") }

// goodSlackID says whether an id is written as Slack writes them.
func goodSlackID(id, first string) bool {
	return len(id) >= 2 && len(id) <= 32 && strings.Contains(first, id[:1]) &&
		strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

// BeginSlack makes a link by which a person lets a user of Slack be known as
// them. Only who proved to be that user may be given it.
func (d *Directory) BeginSlack(team, user string) (SlackLink, error) {
	u := SlackUser{team, user}
	if !u.good() {
		return SlackLink{}, refuse("these are no ids of a workspace and a user of Slack")
	}
	token, err := secret()
	if err != nil {
		return SlackLink{}, fmt.Errorf("begin slack link: %w", err)
	}
	n, err := rand.Int(rand.Reader, big.NewInt(90))
	if err != nil {
		return SlackLink{}, fmt.Errorf("begin slack link: %w", err)
	}
	now := d.now()
	w := &slackWaiter{SlackUser: u, number: fmt.Sprint(10 + n.Int64()), until: now.Add(slackWait)}
	if err := d.slackLinks.put(now, token, w); err != nil {
		return SlackLink{}, err
	}
	return SlackLink{token, w.number, w.until}, nil
}

// WaitingSlack shows who waits under a link; ErrNoSlack for nobody.
func (d *Directory) WaitingSlack(token string) (u SlackUser, until time.Time, err error) {
	d.slackLinks.mu.Lock()
	defer d.slackLinks.mu.Unlock()
	w, err := d.slackLinks.open(d.now(), token)
	if err != nil {
		return SlackUser{}, time.Time{}, err
	}
	return w.SlackUser, w.until, nil
}

// PrepareSlack checks the number that who typed from Slack, and asks for their
// touch. Three wrong numbers end the link.
func (d *Directory) PrepareSlack(ctx context.Context, who, token, number string) (Ask, error) {
	u, err := d.slackLinks.numbered(d.now(), token, number)
	if err != nil {
		return Ask{}, err
	}
	var ids [][]byte
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		if err := slackRoom(tx, who, u); err != nil {
			return err
		}
		ids, err = d.usable(tx, who)
		return err
	})
	if err != nil {
		return Ask{}, err
	}
	text, err := statement.Slack{Log: d.Log, Person: who, Team: u.Team, User: u.User, Nonce: nonce()}.Bytes()
	if err != nil {
		return Ask{}, fmt.Errorf("prepare slack: %w", err)
	}
	return d.ask(&d.asks, Ask{Text: text, domain: statement.ForSlack, who: who, key: token}, ids)
}

// A slackRow says which person a user of Slack is. Nothing is believed of it but
// what Signed says.
type slackRow struct {
	SlackUser
	Of      string    `json:"of"`
	Since   time.Time `json:"since"`
	Passkey []byte    `json:"passkey"` // id of the credential that signed
	Signed  Signed    `json:"signed"`
}

func slackKey(u SlackUser) string     { return "slack/" + u.Team + "/" + u.User }
func slackOfKey(person string) string { return "slack-of/" + person }

// slackRoom says whether the user can become who's: one user one person, and the reverse.
func slackRoom(tx *ledger.Tx, who string, u SlackUser) error {
	if ok, err := tx.Verified(slackKey(u), &slackRow{}); err != nil || ok {
		return orRefuse(err, "this user of Slack is linked already: whoever it is has to end that first")
	}
	if ok, err := tx.Verified(slackOfKey(who), &SlackUser{}); err != nil || ok {
		return orRefuse(err, "you are linked to another user of Slack: end that first")
	}
	return nil
}

// BindSlack takes the signed statement: from now on the user of Slack is known as who.
func (d *Directory) BindSlack(ctx context.Context, who, id string, assertionJSON []byte) error {
	ask, a, err := d.answered(who, id, statement.ForSlack, assertionJSON)
	if err != nil {
		return err
	}
	u, err := d.slackLinks.take(d.now(), ask.key)
	if err != nil {
		return err
	}
	return d.update(ctx, func(tx *ledger.Tx) error { return d.bindSlack(tx, u, ask, a) })
}

func (d *Directory) bindSlack(tx *ledger.Tx, u SlackUser, ask Ask, a statement.Assertion) error {
	c, err := d.assert(tx, claim{domain: ask.domain, text: ask.Text, who: ask.who}, a)
	if err != nil {
		return err
	}
	p, err := person(tx, ask.who)
	if err != nil {
		return err
	}
	if err := slackRoom(tx, p.ID, u); err != nil {
		return err
	}
	r := slackRow{SlackUser: u, Of: p.ID, Since: tx.Now(), Passkey: c.ID, Signed: Signed{ask.Text, a}}
	if err := d.saysSlack(r); err != nil {
		return err
	}
	if err := putAll(tx, row{slackKey(u), r}, row{slackOfKey(p.ID), u}); err != nil {
		return err
	}
	_, err = tx.Append(ledger.Event{
		Kind: "slack.bound", Actor: p.ID, Customers: subjects(p.Customer),
		Detail: map[string]string{
			"workspace": u.Team, "passkey": c.Fingerprint, "statement-sha256": hash(string(ask.Text)), "signature": hash(string(a.Signature)),
		},
		Private: map[string]string{"user": u.User},
	})
	return err
}

// saysSlack holds a row against what was signed.
func (d *Directory) saysSlack(r slackRow) error {
	said, err := statement.ParseSlack(r.Signed.Text)
	if err != nil {
		return err
	}
	if said.Log != d.Log || said.Person != r.Of || said.Team != r.Team || said.User != r.User {
		return fmt.Errorf("the link of %s to Slack is signed for something else", r.Of)
	}
	return nil
}
