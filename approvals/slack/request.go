package slack

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	api "github.com/slack-go/slack"

	"lockbox/approvals"
	"lockbox/policy"
)

// asking opens the form to ask for access.
func (s *Slack) asking(ctx context.Context, who doer, c call) reply {
	var targets []*api.OptionBlockObject
	for _, name := range slices.Sorted(maps.Keys(s.Desk.Policy().Targets)) {
		if _, ok := s.entry(who, name, "", ""); ok && len(name) <= labelMost && len(targets) < choiceMost {
			targets = append(targets, api.NewOptionBlockObject(name, text(name, labelMost), nil))
		}
	}
	if len(targets) == 0 {
		return reply{text: who.say.NoTargets, page: s.Portal + "/r/new"}
	}
	say := who.say
	line := func(name, label, hint string, must bool, most int) api.Block {
		in := api.NewPlainTextInputBlockElement(nil, name)
		in.MaxLength = most
		b := api.NewInputBlock(name, text(label, fieldMost), nil, in)
		if hint != "" {
			b.Hint = text(hint, fieldMost)
		}
		b.Optional = !must
		return b
	}
	pick := func(name, label string, all []*api.OptionBlockObject, first int) api.Block {
		in := api.NewOptionsSelectBlockElement(api.OptTypeStatic, nil, name, all...)
		in.InitialOption = all[first]
		return api.NewInputBlock(name, text(label, fieldMost), nil, in)
	}
	return s.open(ctx, who, c, api.ModalViewRequest{
		CallbackID: formRequest, Title: text(say.RequestHead, smallMost),
		Blocks: api.Blocks{BlockSet: []api.Block{
			pick("target", say.Target, targets, 0),
			line("login", say.Login, say.LoginHint, false, 64),
			line("customer", say.Customer, say.CustomerHint, false, 64),
			pick("reason", say.Reason, reasons(), 0),
			line("need", say.Need, say.NeedHint, true, 1000),
			line("ticket", say.Ticket, "", false, 64),
			pick("long", say.Long, times(say), 2),
		}},
	})
}

func reasons() (all []*api.OptionBlockObject) {
	for _, r := range policy.Reasons() {
		all = append(all, api.NewOptionBlockObject(string(r), text(string(r), labelMost), nil))
	}
	return all
}

func times(say *words) (all []*api.OptionBlockObject) {
	for _, n := range []string{"15", "30", "60", "120", "240"} {
		all = append(all, api.NewOptionBlockObject(n, text(fill(say.Minutes, "n", n), labelMost), nil))
	}
	return all
}

// entry is the first way in that the person may ask for; a rule that looks at
// where they are finds them nowhere.
func (s *Slack) entry(who doer, target, login, customer string) (policy.Action, bool) {
	pol := s.Desk.Policy()
	t := pol.Targets[target]
	if t == nil {
		return "", false
	}
	q := policy.Question{Now: s.now(), Who: who.Principal, On: target, Login: login, Customer: customer}
	if one(t, login) && customer == "" && len(t.Customers) > 0 {
		q.Customer = t.Customers[0] // the form asks which
	}
	for _, q.Do = range policy.OnTarget() {
		if !q.Do.On(t) {
			continue
		}
		if d := pol.Decide(q); d.Verdict == policy.Ask || d.Verdict == policy.Prove && d.Proof == policy.Declared {
			return q.Do, true
		}
	}
	return policy.Shell, false
}

// one says whether a login, or ("") the target's first, reaches one customer only.
func one(t *policy.Target, login string) bool {
	i := slices.IndexFunc(t.Logins, func(l policy.Login) bool { return l.Name == login || login == "" })
	return i >= 0 && t.Logins[i].One
}

// requested submits what the form says, as if it had been asked anywhere.
func (s *Slack) requested(ctx context.Context, who doer, c call) reply {
	minutes, err := strconv.Atoi(c.value("long"))
	if err != nil || minutes < 1 || minutes > 24*60 {
		return reply{text: who.say.NoSuch, field: "long"}
	}
	trim := func(name string) string { return strings.TrimSpace(c.value(name)) }
	a := approvals.Application{
		Target: trim("target"), Login: trim("login"), Customer: trim("customer"), For: time.Duration(minutes) * time.Minute,
		Need: policy.Need{Reason: policy.Reason(trim("reason")), Text: trim("need"), Ticket: trim("ticket")},
	}
	a.Do, _ = s.entry(who, a.Target, a.Login, a.Customer) // where there is none, the desk says why
	v, err := s.Desk.Submit(ctx, who.Principal, a)
	if err != nil {
		no := s.refused(who, "", err)
		no.field = c.main()
		return no
	}
	code := v.Request.ID
	return reply{text: fill(who.say.Requested, "code", code), page: s.at(code), who: who.ID, about: code}
}
