package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"lockbox/policy/lang"
)

func policyCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "policy", Short: "Policy as code: check it, test it, ask it, compare it",
		Long: "Policy as code. DIR is the folder of the *.yaml files, ./policy where none is given.\n" +
			"Every command prints JSON with --json. Exit codes: 0 as wished; 1 a check or test fails, the answer is deny, or something changes;\n" +
			"2 the command, or what explain, diff and replay are asked about, cannot be read.",
	}
	c.AddCommand(checkCommand(), testCommand(), schemaCommand(), explainCommand(), diffCommand(), replayCommand(), reloadCommand())
	return c
}

func checkCommand() *cobra.Command {
	c := &cobra.Command{Use: "check [DIR]", Short: "Say what is wrong with the policy files", Args: atMostOne}
	c.RunE = func(c *cobra.Command, args []string) error {
		s, err := lang.Load(dirOf(args))
		if err != nil {
			return unread(c, err)
		}
		found := s.Check()
		if jsonWanted(c) {
			return asJSON(c, append([]lang.Finding{}, found...))
		}
		for _, f := range found {
			fmt.Fprintln(c.OutOrStdout(), f)
		}
		fmt.Fprintf(c.OutOrStdout(), "%d rules, %d targets: valid\n", len(s.Policy.Rules), len(s.Policy.Targets))
		return nil
	}
	return c
}

// unread is the refusal of policy files; with --json the mistakes are printed, too.
func unread(c *cobra.Command, err error) error {
	var all lang.Errors
	if jsonWanted(c) && errors.As(err, &all) {
		found := make([]lang.Finding, len(all))
		for i, e := range all {
			found[i].Error = e
		}
		if err := asJSON(c, found); err != nil {
			return err
		}
	}
	return &exit{exitRefused, err}
}

func testCommand() *cobra.Command {
	c := &cobra.Command{Use: "test [DIR]", Short: "Run the tests in the policy files", Args: atMostOne}
	c.RunE = func(c *cobra.Command, args []string) error {
		s, err := lang.Load(dirOf(args))
		if err == nil {
			return reportTests(c, s.Test())
		}
		all := untested(dirOf(args))
		if !slices.ContainsFunc(all, func(r lang.Result) bool { return !r.OK }) {
			return unread(c, err)
		}
		if told := reportTests(c, all); told != nil && len(all) > 0 {
			return &exit{exitRefused, errors.Join(told, err)}
		}
		return unread(c, err)
	}
	return c
}

// untested runs the tests of a policy that Load refuses: most often because
// one of them fails.
func untested(dir string) []lang.Result {
	files, err := lang.Read(dir)
	if err != nil {
		return nil
	}
	s, err := lang.Parse(files)
	if err != nil {
		return nil
	}
	return s.Test()
}

func reportTests(c *cobra.Command, all []lang.Result) error {
	failed := 0
	for _, r := range all {
		if !r.OK {
			failed++
		}
		if !jsonWanted(c) {
			mark := map[bool]string{true: "ok  ", false: "FAIL"}[r.OK]
			fmt.Fprintf(c.OutOrStdout(), "%s %s: %s, %s on %s, is %s: %s\n", mark, r.Test.Position, r.Test.As, r.Test.Do, r.Test.On, r.Got, r.Why)
		}
	}
	if jsonWanted(c) {
		if err := asJSON(c, append([]lang.Result{}, all...)); err != nil {
			return err
		}
	}
	switch {
	case failed > 0:
		return &exit{exitRefused, fmt.Errorf("%d of %d tests fail", failed, len(all))}
	case len(all) == 0 && !jsonWanted(c):
		fmt.Fprintln(c.OutOrStdout(), "there are no tests; write some, as in\ntests:\n  - { as: eng@example.eu, do: shell, on: db1.prod, expect: ask }")
	}
	return nil
}

func schemaCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of the policy files, for editors and for people",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("write it as `lockbox policy schema`: it takes no folder")
			}
			return nil
		},
	}
	markdown := c.Flags().Bool("markdown", false, "print the reference for people, field by field")
	c.RunE = func(c *cobra.Command, _ []string) error {
		text := string(lang.Schema())
		if *markdown {
			text = lang.Reference()
		}
		_, err := io.WriteString(c.OutOrStdout(), text)
		return err
	}
	return c
}

// loadPolicy reads and checks a policy that a question is asked of. One that
// cannot be read is wrong usage: 1 is an answer there.
func loadPolicy(dir string) (*lang.Source, error) {
	s, err := lang.Load(dir)
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	return s, nil
}

func dirOf(args []string) string {
	if len(args) == 1 {
		return args[0]
	}
	return "policy"
}

func atMostOne(c *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usage("write it as `lockbox policy %s`: one folder, not %d", c.Use, len(args))
	}
	return nil
}

func asJSON(c *cobra.Command, v any) error {
	e := json.NewEncoder(c.OutOrStdout())
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// say prints one line, made safe for a terminal.
func say(w io.Writer, format string, args ...any) {
	fmt.Fprintln(w, clean(fmt.Sprintf(format, args...)))
}
