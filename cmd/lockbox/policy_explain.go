package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"lockbox/policy"
	"lockbox/policy/lang"
)

// An asking holds the flags of explain.
type asking struct {
	as, do, on, login, customer, to, at, from, reason, kind, request, config string
	groups                                                                   []string
	all, emergency                                                           bool
}

func explainCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "explain [DIR] --as WHO --do ACTION --on TARGET", Short: "Say which rule decides a question, where it stands, and why the others do not",
		Long: "Say which rule decides, in which line, whose yes it takes, and why not the other rules.\n" +
			"Ask of anybody and any time, or with --request of a request of the past: as it was asked, by the policy in DIR.\n" +
			"Exit code 0 where access may be asked for, 1 where it is denied.",
		Example: "  lockbox policy explain --as eng@example.eu --do shell --on db1.prod --at 2026-11-22T02:00+01:00 --reason outage\n" +
			"  lockbox policy explain --request 7KQM --config lockbox.yaml",
		Args: atMostOne,
	}
	var a asking
	f := c.Flags()
	f.StringVar(&a.as, "as", "", "who asks: eng@example.eu")
	f.StringVar(&a.do, "do", "", "what for: shell, exec, sftp-get, …")
	f.StringVar(&a.on, "on", "", "on which target: db1.prod")
	f.StringVar(&a.login, "login", "", "as which login; else the target's first")
	f.StringVar(&a.customer, "customer", "", "whose data, where the login is one for each customer")
	f.StringVar(&a.to, "to", "", "where a tunnel ends, of forward: 127.0.0.1:5432; else anywhere that a rule lists")
	f.StringVar(&a.at, "at", "now", "when: 2026-11-22T02:00+01:00")
	f.StringVar(&a.from, "from", "", "from which address: 10.1.2.3; else it is not known")
	f.StringVar(&a.reason, "reason", "", "why: customer-case, outage, …; else it is not said yet")
	f.BoolVar(&a.emergency, "emergency", false, "by breaking the glass")
	f.StringArrayVar(&a.groups, "group", nil, "a group that the identity provider puts the person into; may be repeated")
	f.StringVar(&a.kind, "kind", string(policy.Staff), "what the person is: staff, machine, executive, customer or auditor")
	f.StringVar(&a.request, "request", "", "code of a request of the past, instead of all this")
	f.StringVar(&a.config, "config", "lockbox.yaml", "the gateway that knows the request")
	f.BoolVar(&a.all, "all", false, "show every rule, also those about neither the person nor the target")
	c.RunE = func(c *cobra.Command, args []string) error {
		s, err := loadPolicy(dirOf(args))
		if err != nil {
			return err
		}
		if a.request != "" {
			return a.past(c, s)
		}
		q, err := a.question(time.Now())
		if err != nil {
			return err
		}
		x, err := s.Explain(q)
		if err != nil {
			return &exit{exitUsage, err}
		}
		return a.report(c, []lang.Explained{x})
	}
	return c
}

// question is what the flags ask.
func (a asking) question(now time.Time) (policy.Question, error) {
	if a.as == "" || a.do == "" || a.on == "" {
		return policy.Question{}, usage("say who, what and where: --as eng@example.eu --do shell --on db1.prod; or --request CODE for one of the past")
	}
	kinds := []policy.Kind{policy.Staff, policy.Machine, policy.Executive, policy.Reviewer, policy.Auditor}
	q := policy.Question{
		Now: now, Who: policy.Principal{ID: a.as, Groups: a.groups}, Do: policy.Action(a.do), On: a.on,
		Login: a.login, Customer: a.customer, To: a.to, Reason: policy.Reason(a.reason), Emergency: a.emergency,
	}
	for _, k := range kinds {
		if string(k) == a.kind {
			q.Who.Kind = k
		}
	}
	if q.Who.Kind == "" {
		return q, usage("--kind: %q is no kind of person; write staff, machine, executive, customer or auditor", a.kind)
	}
	if a.from != "" {
		addr, err := netip.ParseAddr(a.from)
		if err != nil {
			return q, usage("--from: %q is no address; write one like 10.1.2.3", a.from)
		}
		q.From = addr
	}
	if a.at != "now" {
		at, err := instant(a.at)
		if err != nil {
			return q, err
		}
		q.Now = at
	}
	return q, nil
}

func instant(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usage("--at: %q is no point in time; write it with its zone, like 2026-11-22T02:00+01:00, or now", s)
}

// past explains a request that the running gateway knows.
func (a asking) past(c *cobra.Command, s *lang.Source) error {
	if a.as != "" || a.do != "" || a.on != "" {
		return usage("--request says already who, what and where; leave --as, --do and --on out")
	}
	all, err := askedSince(c.Context(), a.config, time.Time{})
	if err != nil {
		return err
	}
	for _, r := range all {
		if !strings.EqualFold(r.Code, a.request) {
			continue
		}
		x, err := s.Past(r)
		if err != nil {
			return &exit{exitUsage, err}
		}
		if !jsonWanted(c) {
			say(c.OutOrStdout(), "Request %s of %s, %s: it took %s, by rule %q, and is %s. By this policy:\n",
				r.Code, r.Who.ID, r.At.UTC().Format("Mon 2 Jan 2006 15:04 MST"), r.Took(), r.Rule, r.Phase)
		}
		return a.report(c, x)
	}
	return usage("the gateway knows no request %q; `lockbox history` lists them", a.request)
}

// report prints the answers. It is 1 where one of them is deny.
func (a asking) report(c *cobra.Command, all []lang.Explained) error {
	denied := 0
	for _, x := range all {
		if x.Verdict == policy.Deny.String() {
			denied++
		}
	}
	var err error
	switch {
	case jsonWanted(c) && a.request == "":
		err = asJSON(c, all[0])
	case jsonWanted(c):
		err = asJSON(c, all)
	default:
		for i, x := range all {
			if i > 0 && x.Rule != nil && all[i-1].Rule != nil && *x.Rule == *all[i-1].Rule {
				say(c.OutOrStdout(), "%s: the same, by the same rule.", x.Question.Do)
				continue
			}
			explain(c.OutOrStdout(), x, a.all)
		}
	}
	if err == nil && denied > 0 {
		err = &exit{exitRefused, errors.New("the answer is deny")}
	}
	return err
}

func explain(w io.Writer, x lang.Explained, all bool) {
	say(w, "%s.", x.Sentence)
	fact := func(name, format string, args ...any) { say(w, "  %-9s%s", name, fmt.Sprintf(format, args...)) }
	fact("asked", "%s, %s, %s", moment(x.Question.At), told("from ", x.Question.From, "from an unknown address"), told("for ", string(x.Question.Reason), "no reason said yet"))
	if x.Question.Emergency {
		fact("", "by breaking the glass")
	}
	for _, n := range x.Notes {
		fact("note", "%s", n)
	}
	if x.Rule != nil {
		fact("rule", "%s, %s", x.Rule.Rule, x.Rule.Position)
		fact("", "%s", x.Rule.Line)
	}
	if len(x.Customers) > 0 {
		fact("reaches", "data of %s", strings.Join(x.Customers, ", "))
	}
	if x.Declaration != "" {
		fact("first", "they sign the declaration %s", x.Declaration)
	}
	for _, g := range x.Stages {
		fact(fmt.Sprintf("yes %d", g.Step), "%s: %s; answer within %s", g.Text, fillers(g), g.Expires)
	}
	if x.Limits != "" {
		fact("lasts", "%s", x.Limits)
		fact("touch", "a passkey, good for %s", x.Touch)
		fact("reason", "%s", strings.Join(x.Reasons, ", "))
	}
	if x.Recording != "" {
		fact("recorded", "%s; kept %s; read by whoever has a key of %s", x.Recording, x.Kept, x.Readers)
	}
	if x.Witnesses > 0 {
		fact("witnesses", "%d must have cosigned the log before anything passes", x.Witnesses)
	}
	if x.Ticket != "" {
		fact("ticket", "%s", x.Ticket)
	}
	others(w, x, all)
}

// moment is a time as people read it.
func moment(at string) string {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return at
	}
	return t.Format("Mon 2 Jan 2006 15:04 -07:00")
}

func told(before, what, none string) string {
	if what == "" {
		return none
	}
	return before + what
}

func fillers(g lang.Waiting) string {
	switch {
	case len(g.Who) > 0:
		return strings.Join(g.Who, ", ")
	case g.Kind == policy.ByCustomer:
		return "whom the customer admitted"
	case g.Kind == policy.ByExecutive && g.Group == "":
		return "whoever is admitted as one"
	}
	return "whom the identity provider puts there"
}

// others says why the other rules did not decide.
func others(w io.Writer, x lang.Explained, all bool) {
	var shown []lang.OtherOne
	for _, o := range x.Others {
		if o.Concerns || all {
			shown = append(shown, o)
		}
	}
	if len(x.Others) > 0 {
		say(w, "\nWhy not the other rules:")
	}
	for _, o := range shown {
		say(w, "  %s: %s (%s)", o.Rule, o.Why, o.Position)
		if o.Holds != "" {
			say(w, "     it holds %s", o.Holds)
		}
	}
	if more := len(x.Others) - len(shown); more > 0 {
		say(w, "  %s about neither %s nor %s; --all shows them", count(more, "rule is", "rules are"), x.Question.As, x.Question.On)
	}
}

func count(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// clean is text without what a terminal would act on.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}

// askedSince asks the running gateway for its requests.
func askedSince(ctx context.Context, config string, since time.Time) ([]lang.Asked, error) {
	conf, err := readConfig(config)
	if err != nil {
		return nil, err
	}
	return fromGateway(ctx, conf.Control, since)
}
