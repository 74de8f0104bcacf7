package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"lockbox/policy/lang"
)

func diffCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "diff OLD NEW", Short: "Say who gains and who loses what between two policies",
		Long: "Say who gains and who loses what, and what takes other approvals, times or networks than before.\n" +
			"It is exact: where it says nothing, every question gets the same answer. Exit code 0 where nothing changes, 1 where something does.",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage("write it as `lockbox policy diff OLD NEW`: two folders of policy files")
			}
			return nil
		},
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		old, err := loadPolicy(args[0])
		if err != nil {
			return err
		}
		new, err := loadPolicy(args[1])
		if err != nil {
			return err
		}
		d := lang.Diff(old.Policy, new.Policy)
		if jsonWanted(c) {
			err = asJSON(c, d)
		} else {
			printDiff(c.OutOrStdout(), d, args[1])
		}
		if err == nil && !d.Empty() {
			err = &exit{exitRefused, errors.New("the policies differ")}
		}
		return err
	}
	return c
}

func printDiff(w io.Writer, d lang.Difference, dir string) {
	if d.Empty() {
		say(w, "Nothing changes: every question gets the same answer.")
		return
	}
	for _, f := range d.Facts {
		say(w, "%s %s", map[bool]string{true: "!!", false: "  "}[f.Alarm], f.Text)
	}
	for i, c := range d.Access {
		if i > 0 || len(d.Facts) > 0 {
			say(w, "")
		}
		printChange(w, c)
		say(w, "     ask    %s", command(c.Example, dir))
	}
	say(w, "\n%s of access, %s.", count(len(d.Access), "change", "changes"), count(len(d.Facts), "other fact", "other facts"))
}

func printChange(w io.Writer, c lang.Change) {
	var do []string
	for _, a := range c.Do {
		do = append(do, string(a))
	}
	what := fmt.Sprintf("%s on %s", strings.Join(do, ", "), crowdText(c.On, "targets"))
	who := whoText(c.Who)
	switch {
	case c.What == lang.Gain && c.Part:
		say(w, " + %s: %s, %s", who, what, more("more", c.Way))
		turn(w, c)
	case c.What == lang.Gain:
		say(w, " + %s may ask for %s", who, what)
		say(w, "     takes  %s", c.New)
	case c.What == lang.Lose && c.Part:
		say(w, " - %s: %s, %s", who, what, more("fewer", c.Way))
		turn(w, c)
	case c.What == lang.Lose:
		say(w, " - %s may not ask for %s any more", who, what)
		say(w, "     took   %s", c.Old)
	default:
		say(w, " ~ %s: %s, %s", who, what, effect(c))
		turn(w, c)
	}
	rules(w, c)
}

// more is "from more networks" and the like.
func more(how, way string) string {
	switch way {
	case "hours":
		return "at " + how + " hours"
	case "networks":
		return "from " + how + " networks"
	case "reasons":
		return "for " + how + " reasons"
	case "logins":
		return "by " + how + " logins or for " + how + " customers"
	case "other":
		return "in " + how + " cases"
	}
	return "in " + how + " cases (" + way + ")"
}

// turn is from what to what.
func turn(w io.Writer, c lang.Change) {
	say(w, "     before %s", blank(c.Old))
	say(w, "     now    %s", blank(c.New))
}

// rules are those that decided, each once.
func rules(w io.Writer, c lang.Change) {
	switch {
	case c.OldRule == nil, c.NewRule != nil && c.OldRule.Rule == c.NewRule.Rule:
		by(w, "     rule  ", c.NewRule)
	case c.NewRule == nil:
		by(w, "     rule  ", c.OldRule)
	default:
		by(w, "     rule  ", c.OldRule)
		by(w, "     now   ", c.NewRule)
	}
}

func by(w io.Writer, how string, r *lang.Ref) {
	if r != nil {
		say(w, "%s %q, %s", how, r.Rule, r.Position)
	}
}

func blank(s string) string {
	if s == "" {
		return "not at all"
	}
	return s
}

func effect(c lang.Change) string {
	some := map[bool]string{true: ", for some questions", false: ""}[c.Part]
	switch c.What {
	case lang.Approvals:
		return c.Way + " approvals" + some
	case lang.TheLimits:
		return map[string]string{"longer": "lasts longer", "shorter": "lasts shorter", "other": "has other limits"}[c.Way] + some
	case lang.TheTouch:
		return "a touch is good for " + map[string]string{"longer": "longer", "shorter": "less"}[c.Way] + some
	case lang.Cosigned:
		return "opens with " + c.Way + " witnesses" + some
	case lang.Opened:
		return "its recordings are read by " + map[string]string{"more": "more", "fewer": "fewer", "other": "others"}[c.Way] + some
	case lang.Retention:
		return "its recordings are kept " + c.Way + some
	case lang.Records:
		return "is recorded otherwise" + some
	case lang.TheTicket:
		return "takes another ticket" + some
	case lang.TheBounds:
		return "is bounded otherwise" + some
	}
	return "is another account, or reaches others" + some
}

func whoText(c lang.Crowd) string {
	groups := "group " + strings.Join(c.Groups, " or ")
	switch {
	case len(c.Groups) == 0:
		return crowdText(c, "people")
	case c.Count == 0:
		return "Whoever the identity provider puts into " + groups
	}
	return crowdText(c, "people") + " (" + groups + ")"
}

func crowdText(c lang.Crowd, of string) string {
	s := strings.Join(c.Names, ", ")
	if more := c.Count - len(c.Names); more > 0 {
		s += fmt.Sprintf(" and %d more %s", more, of)
	}
	return s
}

// command is how to ask for an example.
func command(x lang.Example, dir string) string {
	s := fmt.Sprintf("lockbox policy explain %s --as %s --do %s --on %s --at %s", dir, x.As, x.Do, x.On, x.At)
	for _, f := range []struct{ flag, value string }{
		{"login", x.Login}, {"customer", x.Customer}, {"from", x.From}, {"reason", string(x.Reason)},
	} {
		if f.value != "" {
			s += " --" + f.flag + " " + quoted(f.value)
		}
	}
	for _, g := range x.Groups {
		s += " --group " + g
	}
	return s
}

// quoted is a word as a shell reads it.
func quoted(s string) string {
	if strings.ContainsAny(s, "{} '\"") {
		return "'" + s + "'"
	}
	return s
}
