package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// A Remark is what somebody wrote about a moment of a recording, or that they have reviewed it.
type Remark struct {
	By       policy.Principal `json:"by"`
	When     time.Time        `json:"when"`
	Track    string           `json:"track,omitempty"` // "" is about all of it
	At       time.Duration    `json:"at,omitempty"`
	Text     string           `json:"text,omitempty"`
	Reviewed bool             `json:"reviewed,omitempty"`
	Seq      int64            `json:"seq,omitempty"` // of its event
}

// Bounds of remarks.
const (
	remarksMost = 200  // on one recording, besides that somebody reviewed it …
	remarksEach = 50   // … by one person
	remarkMost  = 2000 // characters
)

func remarkKey(session string, n int) string { return fmt.Sprintf("%s%06d", remarksOf(session), n) }
func remarksOf(session string) string        { return "remark/" + session + "/" }

func (r *Remark) check() error {
	r.Text = strings.TrimSpace(r.Text)
	switch {
	case r.Text == "" && !r.Reviewed:
		return refuse("say what you want to remark")
	case utf8.RuneCountInString(r.Text) > remarkMost || statement.Clean(r.Text) != nil:
		return refuse("a remark is plain text on one line of at most %d characters", remarkMost)
	case r.At < 0, len(r.Track) > 16, strings.Trim(r.Track, "abcdefghijklmnopqrstuvwxyz0123456789") != "", r.Track == "" && r.At != 0:
		return refuse("a remark is about a moment of a track, or about all of the recording")
	}
	return nil
}

// Say writes a remark down, for those who may replay the recording.
func (g *Gateway) Say(ctx context.Context, who policy.Principal, session string, r Remark) error {
	if err := r.check(); err != nil {
		return err
	}
	return g.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		s, err := g.replays(tx, who, session)
		switch {
		case err != nil:
			return err
		case r.Reviewed && (who.ID == s.Who.ID || who.Vouched == s.Who.ID): // whose key they confirmed may be theirs
			return refuse("nobody reviews their own session")
		case r.Reviewed && s.Ended.IsZero():
			return refuse("a session is reviewed once it is over")
		case !s.Erased.IsZero():
			return refuse("the recording is erased, so that nothing can be said about it any more")
		}
		if err := room(tx, session, who, r.Reviewed); err != nil {
			return err
		}
		r.By, r.When = who, tx.Now()
		r.By.Groups = nil
		if r.Seq, err = tx.Append(s.remarked(r)); err != nil {
			return err
		}
		if err := tx.Put(remarkKey(session, s.Remarks), r); err != nil {
			return err
		}
		s.Remarks++
		return tx.Put(sessionKey(session), s)
	})
}

// room refuses a remark more than there may be. Nobody's remarks keep another
// from saying that they reviewed the recording.
func room(tx *ledger.Tx, session string, who policy.Principal, review bool) error {
	all, mine, reviewed := 0, 0, false
	err := eachRemark(tx, session, func(_ string, r Remark) error {
		switch own := r.By.ID == who.ID; {
		case r.Reviewed:
			reviewed = reviewed || own
		case own:
			mine++
			fallthrough
		default:
			all++
		}
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("count the remarks on %s: %w", session, err)
	case review && reviewed:
		return refuse("you have said so already")
	case review:
		return nil
	case mine >= remarksEach:
		return refuse("you have made %d remarks on this recording already, and can make no more", remarksEach)
	case all >= remarksMost:
		return refuse("there are %d remarks on this recording already, and there can be no more", remarksMost)
	}
	return nil
}

// remarked is the event of a remark. What is said where several customers' data
// can be seen is for none of them to read.
func (s stay) remarked(r Remark) ledger.Event {
	e := s.event("session.remarked", r.By.ID, nil)
	if r.Reviewed {
		e.Kind = "session.reviewed"
	}
	if r.Track != "" {
		e.Detail = map[string]string{"track": r.Track, "at": r.At.String()}
	}
	e.Private = map[string]string{"text": r.Text}
	if len(s.Customers) > 1 {
		e.Private[ledger.Whose] = "lockbox"
	}
	return e
}

// replays loads a session for who may replay its recording; approvals.ErrUnknown for others.
func (g *Gateway) replays(tx *ledger.Tx, who policy.Principal, session string) (stay, error) {
	s, d, err := g.may(tx, who, session, policy.Replay)
	if err == nil && d.Verdict != policy.Allow {
		err = approvals.ErrUnknown
	}
	return s, err
}

// Remarks gives the remarks on a recording, oldest first, to those who may replay it.
func (g *Gateway) Remarks(ctx context.Context, who policy.Principal, session string) (all []Remark, err error) {
	err = g.Ledger.View(ctx, func(tx *ledger.Tx) error {
		all = nil
		if _, err := g.replays(tx, who, session); err != nil {
			return err
		}
		return eachRemark(tx, session, func(_ string, r Remark) error {
			all = append(all, r)
			return nil
		})
	})
	return all, err
}

func eachRemark(tx *ledger.Tx, session string, fn func(key string, r Remark) error) error {
	return tx.Scan(remarksOf(session), func(key string, raw json.RawMessage) (bool, error) {
		var r Remark
		if err := json.Unmarshal(raw, &r); err != nil {
			return false, err
		}
		return true, fn(key, r)
	})
}

// forgetRemarks takes what a person said, whom event by erases, and who said it.
func forgetRemarks(tx *ledger.Tx, session, person string, by int64) error {
	return eachRemark(tx, session, func(key string, r Remark) error {
		if r.By.ID != person {
			return nil
		}
		r.By = approvals.Stone(r.By, by)
		if r.Text != "" {
			r.Text = r.By.Name
		}
		return tx.Put(key, r)
	})
}

// dropRemarks takes what was said about a recording that is erased: it may say
// what was in it. That somebody reviewed it stays. The last event says why.
func dropRemarks(tx *ledger.Tx, session string) error {
	return eachRemark(tx, session, func(key string, r Remark) error {
		if r.Text == "" {
			return nil
		}
		var err error
		if r.Seq > 0 {
			err = tx.Erase(r.Seq)
		}
		if r.Text = ""; r.Reviewed {
			return errors.Join(err, tx.Put(key, r))
		}
		return errors.Join(err, tx.Delete(key))
	})
}
