package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"lockbox/gateway/rulebook"
)

// reloadCommand asks the running gateway to read its policy files again.
func reloadCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "reload", Short: "Have the running gateway read its policy files again", Args: cobra.NoArgs,
		Long: "Have the running gateway read its policy files again, as SIGHUP does. What is not valid is refused and what was in\n" +
			"force stays; in production a change is in force once executives have signed it on the page Policy.",
	}
	config := configFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		conf, err := readConfig(*config)
		if err != nil {
			return err
		}
		var r rulebook.Result
		if err := ask(c.Context(), conf.Control, "/reload", struct{}{}, &r); err != nil {
			return err
		}
		if jsonWanted(c) {
			if err := json.NewEncoder(c.OutOrStdout()).Encode(r); err != nil {
				return err
			}
		} else if r.Outcome != rulebook.Refused {
			fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", r.Outcome, r.Why)
			if r.Motion != "" {
				fmt.Fprintf(c.OutOrStdout(), "%s/m/%s\n", conf.URL, r.Motion)
			}
		}
		if r.Outcome == rulebook.Refused {
			return &exit{exitRefused, errors.New(r.Why)}
		}
		return nil
	}
	return c
}
