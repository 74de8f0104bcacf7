package slack

import (
	"context"
	"fmt"
	"strings"

	"lockbox/approvals"
	"lockbox/policy"
)

const listMost = 25

// command does what was typed after /lockbox.
func (s *Slack) command(ctx context.Context, who doer, c call) reply {
	verb, rest, _ := strings.Cut(strings.TrimSpace(c.text), " ")
	if c.command != "/lockbox" {
		return reply{}
	}
	switch strings.ToLower(verb) {
	case "ask", "request":
		return s.asking(ctx, who, c)
	case "list", "":
		return s.list(ctx, who)
	case "revoke", "cancel", "give-back":
		return s.takeBack(ctx, who, strings.ToUpper(strings.TrimSpace(rest)))
	case "link":
		return reply{text: fill(who.say.Known, "who", who.ID), page: s.Portal + "/me/slack"}
	}
	return reply{text: who.say.Help, page: s.Portal}
}

// list shows what is open and theirs to see, without reasons: others look over shoulders.
func (s *Slack) list(ctx context.Context, who doer) reply {
	open, err := s.Desk.Inbox(ctx, who.Principal)
	if err != nil {
		return s.refused(who, "", err)
	}
	if len(open) == 0 {
		return reply{text: who.say.ListNone}
	}
	lines := []string{who.say.ListHead}
	for _, v := range open[:min(len(open), listMost)] {
		lines = append(lines, fmt.Sprintf("%s  %s → %s: %s", v.Request.ID, v.Request.Who.Name, v.Request.Target, s.stands(who, v)))
	}
	if more := len(open) - listMost; more > 0 {
		lines = append(lines, fmt.Sprintf("… +%d: %s", more, s.Portal))
	}
	return reply{text: strings.Join(append(lines, who.say.ListFoot), "\n"), page: s.Portal}
}

// stands says how a request stands, and whether it waits for who reads it.
func (s *Slack) stands(who doer, v approvals.View) string {
	const clock = "2 Jan 15:04 UTC"
	say := who.say
	if g := v.Grant; g != nil && !g.Activated.IsZero() {
		return fill(say.Until, "time", g.Until().UTC().Format(clock))
	} else if g != nil {
		return say.Ready
	}
	for _, st := range v.Status.Stages {
		if st.Open && v.Request.Who.ID != who.ID && s.Desk.Policy().Fills(who.Principal, st, v.Now) {
			return fill(say.ForYou, "time", st.Answer.UTC().Format(clock))
		}
	}
	for _, st := range v.Status.Stages {
		if st.Phase == policy.Pending && !st.Answer.IsZero() {
			return fill(say.Waiting, "time", st.Answer.UTC().Format(clock))
		}
	}
	return string(v.Status.Phase)
}

// takeBack withdraws what is theirs, or ends access that is theirs or that they
// decide on. All of it only takes away.
func (s *Slack) takeBack(ctx context.Context, who doer, code string) reply {
	if !approvals.ValidCode(code) {
		return reply{text: who.say.NoSuch}
	}
	v, err := s.Desk.See(ctx, who.Principal, code)
	if err != nil {
		return s.refused(who, code, err)
	}
	mine, done := v.Request.Who.ID == who.ID, who.say.Ended
	switch {
	case v.Grant != nil && mine:
		err = s.Desk.GiveBack(ctx, who.Principal, code)
	case v.Grant != nil:
		err = s.Desk.Revoke(ctx, who.Principal, code, "revoked in Slack")
	case mine:
		done, err = who.say.Withdrawn, s.Desk.Withdraw(ctx, who.Principal, code)
	default:
		return reply{text: fill(who.say.NotYours, "code", code), page: s.at(code)}
	}
	if err != nil {
		return s.refused(who, code, err)
	}
	return reply{text: fill(done, "code", code)}
}
