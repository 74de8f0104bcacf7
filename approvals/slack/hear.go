package slack

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	api "github.com/slack-go/slack"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A reply is what somebody is told of what they did.
type reply struct {
	text  string
	page  string // where to go on; "" for none
	field string // of the form, that text is about; "" for none
	who   string // whose request text is about …
	about string // … and its code; "" for none. What becomes of it comes under the message
}

// hear does what somebody asked for and gives what Slack shows them, within the
// time that Slack waits. What takes longer goes on, and they are told by message.
func (s *Slack) hear(c call) any {
	s.counts.add(c.Type)
	say := english()
	select {
	case s.room <- struct{}{}:
	default:
		s.unheard("too many at once")
		return s.shown(c, reply{text: say.Busy, page: s.Portal, field: c.main()})
	}
	done := make(chan reply, 1)
	s.work.Go(func() {
		defer func() { <-s.room }()
		done <- s.guarded(c)
	})
	if c.Type == "block_actions" { // Slack shows nothing of an answer to a click
		s.work.Go(func() { s.tell(c, <-done) })
		return nil
	}
	wait := time.NewTimer(ackLimit)
	defer wait.Stop()
	select {
	case r := <-done:
		return s.shownOf(c, r)
	case <-wait.C:
		s.work.Go(func() { s.tell(c, <-done) })
		if c.Type == "command" {
			return s.shown(c, reply{text: say.Later})
		}
		return nil
	}
}

// guarded is handle, of which no panic comes out.
func (s *Slack) guarded(c call) (r reply) {
	ctx, stop := context.WithTimeout(s.alive, workLimit)
	defer stop()
	defer func() {
		if p := recover(); p != nil {
			s.Report(fmt.Errorf("slack: panic: %v\n%s", p, debug.Stack()))
			r = reply{text: english().Internal, page: s.Portal}
		}
	}()
	return s.handle(ctx, c)
}

// shownOf is shown; of a form that was taken, what there is to say comes by message.
func (s *Slack) shownOf(c call, r reply) any {
	if c.Type == "view_submission" && r.field == "" && r.text != "" {
		s.work.Go(func() { s.tell(c, r) })
		return nil
	}
	return s.shown(c, r)
}

// shown is the body of an answer; nil for none.
func (s *Slack) shown(c call, r reply) any {
	switch {
	case r.text == "":
		return nil
	case c.Type == "view_submission" && r.field != "":
		return map[string]any{"response_action": "errors", "errors": map[string]string{r.field: fits(r.text, textMost)}}
	case c.Type == "command":
		return map[string]any{
			"response_type": "ephemeral", "text": fits(r.text, textMost), "blocks": s.blocks(r), "unfurl_links": false, "unfurl_media": false,
		}
	}
	return nil
}

// blocks are a reply as it is shown.
func (s *Slack) blocks(r reply) []api.Block {
	all := []api.Block{section(r.text)}
	if r.page != "" {
		all = append(all, s.linkTo(r.page, r.page))
	}
	return all
}

// tell writes to the one who did something.
func (s *Slack) tell(c call, r reply) {
	if r.text == "" {
		return
	}
	ctx, stop := context.WithTimeout(s.alive, callLimit)
	defer stop()
	if r.about != "" { // what is told of it may have come first
		s.first.Lock()
		defer s.first.Unlock()
		if _, there, err := s.memory.spot(r.who, r.about, c.User.ID); there && err == nil {
			return
		}
	}
	at, err := s.post(ctx, c.User.ID, "", message{r.text, s.blocks(r)})
	if err == nil && r.about != "" {
		err = s.memory.wrote("", r.who, r.about, at)
	}
	if err != nil {
		s.Report(err)
	}
}

// A doer is somebody who did something in Slack, as we know them.
type doer struct {
	policy.Principal
	say *words
}

// handle finds out who it is, and does it.
func (s *Slack) handle(ctx context.Context, c call) reply {
	var who doer
	known := false
	err := s.Ledger.View(ctx, func(tx *ledger.Tx) (err error) {
		who.Principal, known, err = s.Users.Person(tx, c.Team.ID, c.User.ID)
		return err
	})
	who.say = english()
	if err != nil {
		return s.refused(who, "", err)
	}
	if !known {
		return s.unknown(c)
	}
	if s.Lang != nil {
		who.say = wordsIn(s.Lang(ctx, who.ID))
	}
	switch c.Type {
	case "block_actions":
		return s.click(ctx, who, c)
	case "view_submission":
		return s.form(ctx, who, c)
	case "command":
		return s.command(ctx, who, c)
	}
	return reply{}
}

// unknown gives whoever is nobody here a link to become known; a link that only they see.
func (s *Slack) unknown(c call) reply {
	if c.Type == "block_actions" && c.Actions[0].ID == onReview {
		return reply{} // it only opened a page
	}
	token, number, _, err := s.Users.Link(c.Team.ID, c.User.ID)
	if err != nil {
		return s.refused(doer{say: english()}, "", err)
	}
	return reply{text: fill(english().Unknown, "number", number), page: s.Portal + "/me/slack?l=" + token}
}

// refused says no in words for the person; what is not for them is reported.
func (s *Slack) refused(who doer, code string, err error) reply {
	if no := new(approvals.Refusal); errors.As(err, &no) {
		return reply{text: no.Why}
	}
	if errors.Is(err, approvals.ErrUnknown) {
		return reply{text: who.say.NoSuch}
	}
	s.Report(fmt.Errorf("slack: %w", err))
	return reply{text: who.say.Internal, page: s.at(code)}
}

// at is the page of a request.
func (s *Slack) at(code string) string {
	if code == "" {
		return s.Portal
	}
	return s.Portal + "/r/" + code
}
