package slack

import (
	"context"
	"errors"

	api "github.com/slack-go/slack"

	"lockbox/approvals/notify"
)

// tidy takes the buttons and the reason off cards before people who cannot decide
// on them any more, though nobody tells them: they left, their passkey or their
// link ended, or they are of another group now.
func (s *Slack) tidy(ctx context.Context) error {
	cards, err := s.memory.asking()
	for _, c := range cards {
		if ctx.Err() != nil {
			break
		}
		err = errors.Join(err, s.tidyOne(ctx, c))
	}
	return err
}

func (s *Slack) tidyOne(ctx context.Context, c asking) error {
	m, over, err := s.stale(ctx, c)
	if err != nil || !over {
		return err
	}
	err = s.update(ctx, c.spot, m)
	if err != nil && !is(err, noMessage()...) && !errors.Is(err, notify.ErrNever) {
		return err
	}
	return s.memory.closed(c)
}

// stale is what stands in the place of a card that its reader cannot decide on.
func (s *Slack) stale(ctx context.Context, c asking) (m message, over bool, err error) {
	n := notify.Notice{Channel: s.Name(), To: c.to, Topic: notify.Waits, About: c.about, Stage: c.Stage, Seq: -1, At: s.now()}
	to, err := s.whereTo(ctx, c.to)
	if err == nil && to != c.To {
		err = notify.ErrMoot // they are another user now, and this one may be somebody else
	}
	var story notify.Story
	if err == nil {
		story, err = s.Teller.Story(ctx, n)
	}
	if err == nil && !story.Open {
		n.Topic = notify.Decided
		story, err = s.Teller.Story(ctx, n)
	}
	switch {
	case errors.Is(err, notify.ErrNever), errors.Is(err, notify.ErrMoot):
		return s.notYou(ctx, c.to), true, nil
	case err != nil:
		return message{}, false, err
	}
	return s.over(story), !story.Open, nil
}

// notYou is what stands in the place of a card before somebody whom it is not for.
func (s *Slack) notYou(ctx context.Context, person string) message {
	say := english()
	if s.Lang != nil {
		say = wordsIn(s.Lang(ctx, person))
	}
	return message{say.NotYou, []api.Block{section(say.NotYou)}}
}
