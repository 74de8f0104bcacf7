package slack

import (
	"slices"
	"strings"

	api "github.com/slack-go/slack"

	"lockbox/approvals/notify"
)

// Action ids of our buttons. There is none that approves.
const (
	onReview  = "review" // a link: a click of it needs nothing of us
	onDecline = "decline"
	onAsk     = "ask"
	onAnswer  = "answer"
)

// text is an element that Slack reads no markup in.
func text(s string, most int) *api.TextBlockObject {
	off := false
	return &api.TextBlockObject{Type: api.PlainTextType, Text: fits(s, most), Emoji: &off}
}

func section(s string) api.Block { return api.NewSectionBlock(text(s, textMost), nil, nil) }

// card asks somebody to decide.
func (s *Slack) card(story notify.Story) message {
	say := wordsIn(story.Lang)
	blocks := []api.Block{api.NewHeaderBlock(text(story.Title, headMost)), section(story.Lead)}
	blocks = append(blocks, facts(story.Facts)...)
	if story.Next != "" {
		blocks = append(blocks, section(story.Next))
	}
	blocks = append(blocks, s.buttons(say, story), s.foot(say, story))
	return message{line(story.Title, story.Lead), blocks}
}

// facts are laid out ten to a section.
func facts(all []notify.Fact) (blocks []api.Block) {
	for len(all) > 0 && len(blocks) < blocksMost/2 {
		n := min(len(all), fieldsMost)
		var fields []*api.TextBlockObject
		for _, f := range all[:n] {
			fields = append(fields, text(f.Label+"\n"+f.Text, fieldMost))
		}
		blocks, all = append(blocks, api.NewSectionBlock(nil, fields, nil)), all[n:]
	}
	return blocks
}

// buttons are a link to where it is decided, and a no and a question.
func (s *Slack) buttons(say *words, story notify.Story) api.Block {
	if !s.presses() {
		return s.linkTo(say.Review, story.Page)
	}
	review := api.NewButtonBlockElement(onReview, "", text(say.Review, labelMost)).WithStyle(api.StylePrimary)
	review.URL = s.ours(story.Page)
	value := valueOf(story.Code, story.View.Digest)
	decline := api.NewButtonBlockElement(onDecline, value, text(say.Decline, labelMost)).WithStyle(api.StyleDanger)
	decline.Confirm = api.NewConfirmationBlockObject(text(fill(say.ConfirmHead, "code", story.Code), titleMost),
		text(say.Confirm, askMost), text(say.Decline, smallMost), text(say.Back, smallMost))
	ask := api.NewButtonBlockElement(onAsk, value, text(say.Ask, labelMost))
	return api.NewActionBlock("lockbox", review, decline, ask)
}

// linkTo is a link where nothing can be pressed.
func (s *Slack) linkTo(label, page string) api.Block {
	return api.NewSectionBlock(&api.TextBlockObject{Type: api.MarkdownType, Verbatim: true, Text: "<" + s.ours(page) + "|" + fits(label, labelMost) + ">"}, nil, nil)
}

// ours is a page of the portal; another one is not linked to.
func (s *Slack) ours(page string) string {
	if (page == s.Portal || strings.HasPrefix(page, s.Portal+"/")) && !strings.ContainsAny(page, "<>|\" \n") {
		return page
	}
	return s.Portal
}

func (s *Slack) foot(say *words, story notify.Story) api.Block {
	digest := story.View.Digest
	return api.NewContextBlock("", text(fill(say.Foot, "code", story.Code, "digest", digest[:min(len(digest), 12)], "host", s.host), textMost))
}

// over is a card after the decision: nothing to press, no reasons.
func (s *Slack) over(story notify.Story) message {
	say := wordsIn(story.Lang)
	blocks := []api.Block{api.NewHeaderBlock(text(story.Title, headMost))}
	for _, part := range []string{story.Lead, story.Outcome} {
		if part != "" {
			blocks = append(blocks, section(part))
		}
	}
	if story.Page != "" {
		blocks = append(blocks, s.linkTo(say.Open, story.Page))
	}
	return message{line(story.Title, story.Outcome), blocks}
}

// note tells of anything else.
func (s *Slack) note(n notify.Notice, story notify.Story) message {
	var parts []string
	for _, part := range []string{story.Title, story.Lead, story.Question, story.Outcome} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	blocks := append([]api.Block{section(strings.Join(parts, "\n"))}, facts(news(n, story.Facts))...)
	if story.Next != "" {
		blocks = append(blocks, section(story.Next))
	}
	return message{line(story.Title, story.Lead), append(blocks, s.after(n, story)...)}
}

// after is what a message ends with: a way to answer what was said, and where to read more.
func (s *Slack) after(n notify.Notice, story notify.Story) (blocks []api.Block) {
	say := wordsIn(story.Lang)
	if n.Topic == notify.Said && story.Question != "" && s.presses() {
		answer := api.NewButtonBlockElement(onAnswer, valueOf(story.Code, story.View.Digest)+"/"+story.Thread, text(say.Answer, labelMost))
		blocks = append(blocks, api.NewActionBlock("lockbox", answer))
	}
	if story.Page == "" {
		return blocks
	}
	label := say.Open
	if n.Kind == "session.close" {
		label = say.Recording
	}
	return append(blocks, s.linkTo(label, story.Page))
}

// news are the facts that do not stand on the card already.
func news(n notify.Notice, all []notify.Fact) []notify.Fact {
	switch n.Topic {
	case notify.Asked, notify.Waits, notify.Decided, notify.Said, notify.Ending:
		return nil
	case notify.Session, notify.Ended:
		known := []string{"customer", "why", "may", "long", "answer", "safety"}
		if n.Kind == "session.close" { // what was said is read beside what was done
			known = slices.DeleteFunc(known, func(key string) bool { return key == "why" })
		}
		return slices.DeleteFunc(slices.Clone(all), func(f notify.Fact) bool { return slices.Contains(known, f.Key) })
	}
	return all
}

// one tells a channel, which all may read, in one line: never why. What was done
// stands there in numbers.
func (s *Slack) one(n notify.Notice, story notify.Story) message {
	all := line(story.Title, line(story.Lead, story.Outcome))
	if n.Topic != notify.Session {
		return message{all, []api.Block{section(all)}}
	}
	all = line(story.Title, story.Did)
	return message{all, append([]api.Block{section(all)}, s.after(n, story)...)}
}

// line joins what is there.
func line(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	}
	return strings.TrimRight(a, ".") + ". " + b
}

// valueOf is all that a button carries: which request, and which text of it was shown.
func valueOf(code, digest string) string { return code + "." + digest }
