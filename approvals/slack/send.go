package slack

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"lockbox/approvals/notify"
	"lockbox/recorder/ledger"
)

// Send carries a notice into Slack: a card with buttons where the person is asked,
// the same card without them once it is decided, and a line under it for what comes after.
func (s *Slack) Send(ctx context.Context, n notify.Notice) error {
	done, err := s.memory.sent(n.ID)
	if err != nil || done {
		return err
	}
	to, err := s.whereTo(ctx, n.To)
	if err != nil {
		return err
	}
	story, err := s.Teller.Story(ctx, n)
	if err != nil {
		return err
	}
	if n.Topic == notify.Asked {
		s.first.Lock()
		defer s.first.Unlock()
	}
	at, known, err := s.memory.spot(n.To, n.About, to)
	if err != nil {
		return err
	}
	if !known && at.Asks { // before a user that they were known by
		if err := s.update(ctx, at, s.notYou(ctx, n.To)); err != nil && !is(err, noMessage()...) && !errors.Is(err, notify.ErrNever) {
			return err
		}
	}
	asks := n.Topic == notify.Waits && n.Rung == 0
	switch {
	case !known && n.Topic == notify.Gone:
		return notify.ErrMoot // there is no card
	case known && (n.Topic == notify.Decided || n.Topic == notify.Asked || n.Topic == notify.Gone):
		err = s.update(ctx, at, s.decided(n, story))
	case known && !asks:
		_, err = s.post(ctx, at.Channel, at.TS, s.told(n, story, known))
		at = spot{}
	default:
		at, err = s.post(ctx, to, "", s.told(n, story, known))
	}
	if known && is(err, noMessage()...) {
		if err := s.memory.lost(n.To, n.About); err != nil {
			return err
		}
		at, err = s.post(ctx, to, "", s.told(n, story, false))
	}
	if err != nil {
		return err
	}
	if !kept(n.Topic) {
		at = spot{}
	}
	if at.Asks = at != (spot{}) && story.Open && !place(n.To); at.Asks {
		at.Stage = n.Stage
	}
	return s.memory.wrote(n.ID, n.To, n.About, at)
}

// noMessage are the answers where a message is not there, or cannot be written anew.
func noMessage() []string {
	return []string{"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found", "channel_not_found"}
}

// kept says whether more may come under a message on this topic.
func kept(t notify.Topic) bool {
	switch t {
	case notify.Asked, notify.Waits, notify.Decided, notify.Said, notify.Session, notify.Ended, notify.Motion, notify.Glass:
		return true
	}
	return false
}

// whereTo is the user or the channel to write to.
func (s *Slack) whereTo(ctx context.Context, to string) (id string, err error) {
	if place(to) {
		if s.Channel == "" || strings.TrimPrefix(to, "#") != s.Channel {
			return "", fmt.Errorf("slack: there is no channel %s: %w", to, notify.ErrNever)
		}
		return s.Channel, nil
	}
	team := ""
	err = s.Ledger.View(ctx, func(tx *ledger.Tx) error {
		team, id, err = s.Users.Of(tx, to)
		return err
	})
	if err == nil && (id == "" || team != s.Team) {
		err = fmt.Errorf("slack: the person is not known by a user of this workspace: %w", notify.ErrNever)
	}
	return id, err
}

// place says whether a notice is for a channel: a person's id is an address.
func place(to string) bool { return !strings.Contains(to, "@") }

// decided is what a card turns into.
func (s *Slack) decided(n notify.Notice, story notify.Story) message {
	switch {
	case place(n.To):
		return s.one(n, story)
	case n.Topic == notify.Asked:
		return s.note(n, story)
	}
	return s.over(story)
}

// told is a message of its own. Known says that the person has the card before them already.
func (s *Slack) told(n notify.Notice, story notify.Story, known bool) message {
	switch {
	case place(n.To):
		return s.one(n, story)
	case n.Topic == notify.Decided:
		return s.over(story)
	case n.Topic == notify.Waits && story.Open && story.View.Request != nil && !(n.Rung > 0 && known):
		return s.card(story)
	}
	return s.note(n, story)
}
