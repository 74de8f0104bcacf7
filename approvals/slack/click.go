package slack

import (
	"context"
	"regexp"
	"strings"

	api "github.com/slack-go/slack"

	"lockbox/approvals"
)

// declined is what stands in the log as the reason of a no from here.
const declined = "declined in Slack"

// valueForm is a code, the text that was shown, and after "/", of an answer, the
// customer whose thread it belongs in.
var valueForm = regexp.MustCompile(`^([0-9A-Z]{3,12})\.([0-9a-f]{64})(?:/([0-9A-Za-z._-]{0,64}))?$`)

// click does what a button says. There is a no and a question; anything else does nothing.
func (s *Slack) click(ctx context.Context, who doer, c call) reply {
	switch a := c.Actions[0]; a.ID {
	case onDecline:
		return s.decline(ctx, who, a.Value)
	case onAsk:
		return s.question(ctx, who, c, a.Value, who.say.AskHead, who.say.AskLabel)
	case onAnswer:
		return s.question(ctx, who, c, a.Value, who.say.AnswerHead, who.say.AnswerLabel)
	}
	return reply{}
}

// same finds the request that a button was about: a code and the text that was
// shown are all that is believed of it, and both must be so now.
func (s *Slack) same(ctx context.Context, who doer, value string) (approvals.View, reply, bool) {
	m := valueForm.FindStringSubmatch(value)
	if m == nil {
		return approvals.View{}, reply{text: who.say.NoSuch}, false
	}
	v, err := s.Desk.See(ctx, who.Principal, m[1])
	if err != nil {
		return approvals.View{}, s.refused(who, m[1], err), false
	}
	if v.Digest != m[2] {
		return approvals.View{}, reply{text: who.say.Stale, page: s.at(m[1])}, false
	}
	return v, reply{}, true
}

// decline is the person's no, with all the checks that it has anywhere.
func (s *Slack) decline(ctx context.Context, who doer, value string) reply {
	v, no, ok := s.same(ctx, who, value)
	if !ok {
		return no
	}
	if _, err := s.Desk.Reject(ctx, who.Principal, v.Request.ID, declined); err != nil {
		return s.refused(who, v.Request.ID, err)
	}
	return reply{text: fill(who.say.Declined, "code", v.Request.ID)}
}

// Names of our forms.
const (
	formAsk     = "ask"
	formRequest = "request"
)

// question opens a form for a question about a request, or for an answer.
func (s *Slack) question(ctx context.Context, who doer, c call, value, head, label string) reply {
	v, no, ok := s.same(ctx, who, value)
	if !ok {
		return no
	}
	in := api.NewPlainTextInputBlockElement(nil, "text")
	in.MaxLength = 1000
	return s.open(ctx, who, c, api.ModalViewRequest{
		CallbackID: formAsk, PrivateMetadata: value, Title: text(fill(head, "code", v.Request.ID), smallMost),
		Blocks: api.Blocks{BlockSet: []api.Block{api.NewInputBlock("text", text(label, fieldMost), nil, in)}},
	})
}

// open shows a form.
func (s *Slack) open(ctx context.Context, who doer, c call, form api.ModalViewRequest) reply {
	form.Type = api.VTModal
	form.Submit, form.Close = text(who.say.Send, smallMost), text(who.say.Back, smallMost)
	_, err := s.client.OpenViewContext(ctx, c.Trigger, form)
	if err := s.called("views.open", err); err != nil {
		return s.refused(who, "", err)
	}
	return reply{}
}

// form takes what was sent.
func (s *Slack) form(ctx context.Context, who doer, c call) reply {
	switch c.View.Callback {
	case formAsk:
		return s.said(ctx, who, c)
	case formRequest:
		return s.requested(ctx, who, c)
	}
	return reply{}
}

// said puts a question into the thread.
func (s *Slack) said(ctx context.Context, who doer, c call) reply {
	v, no, ok := s.same(ctx, who, c.View.Meta)
	if !ok {
		no.field = c.main()
		return no
	}
	thread := valueForm.FindStringSubmatch(c.View.Meta)[3] // of a customer concerned, and theirs to write in: the desk looks
	if _, err := s.Desk.Say(ctx, who.Principal, v.Request.ID, thread, strings.TrimSpace(c.value("text"))); err != nil {
		no := s.refused(who, v.Request.ID, err)
		no.field = c.main()
		return no
	}
	return reply{text: fill(who.say.Said, "code", v.Request.ID)}
}
