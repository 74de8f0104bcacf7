package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"lockbox/approvals"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/policy/lang"
)

func configFlag(c *cobra.Command) *string {
	return c.Flags().String("config", "lockbox.yaml", "the gateway's configuration")
}

func serveCommand() *cobra.Command {
	c := &cobra.Command{Use: "serve", Short: "Run the gateway", Args: cobra.NoArgs}
	config := configFlag(c)
	check := c.Flags().Bool("check", false, "validate configuration, keys and policy without starting")
	c.RunE = func(c *cobra.Command, _ []string) error {
		conf, err := readConfig(*config)
		if err != nil {
			return err
		}
		if *check {
			return checkOnly(conf, c.OutOrStdout())
		}
		s, err := Open(c.Context(), conf, slog.New(slog.NewJSONHandler(c.ErrOrStderr(), nil)))
		if err != nil {
			return err
		}
		if err := s.Listen(); err != nil {
			return errors.Join(err, s.Close())
		}
		s.Reloads = true
		s.Ready = func(s *Server) {
			apps := ""
			if s.apps.listen != nil {
				apps = ", applications at " + s.Config.Apps.at("*")
			}
			fmt.Fprintf(c.OutOrStdout(), "lockbox serves %s, ssh on %s%s\n", s.Config.URL, s.ssh.Addr(), apps)
		}
		return errors.Join(s.Run(c.Context()), s.Close())
	}
	return c
}

func inviteCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "invite ID", Short: "Make an enrolment link for one person", Args: cobra.ExactArgs(1),
		Long: "Make an enrolment link for one person. It gives no vote: executives and reviewers count by the fingerprints pinned when they were founded.",
	}
	config := configFlag(c)
	name := c.Flags().String("name", "", "the person's name")
	kind := c.Flags().String("kind", "staff", "staff, executive, customer or auditor")
	customer := c.Flags().String("customer", "", "whom a customer's reviewer speaks for")
	key := c.Flags().String("ssh-key", "", "file with the person's public SSH key, to be signed at enrolment")
	c.RunE = func(c *cobra.Command, args []string) error {
		conf, err := readConfig(*config)
		if err != nil {
			return err
		}
		v := identity.Invite{ID: args[0], Name: *name, Kind: policy.Kind(*kind), Customer: *customer}
		if *key != "" {
			line, err := os.ReadFile(*key)
			if err != nil {
				return usage("read the SSH key: %w", err)
			}
			v.SSHKey = strings.TrimSpace(string(line))
		}
		var link string
		if err := ask(c.Context(), conf.Control, "/invite", v, &link); err != nil {
			return err
		}
		fmt.Fprintln(c.OutOrStdout(), link)
		return nil
	}
	return c
}

func foundCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "found", Short: "Print the fingerprints to compare with a second person and to pin", Args: cobra.NoArgs,
		Long: "Print what a verifier pins: the log's key, and the fingerprints of the executives' and reviewers' passkeys.\n" +
			"Compare each with its owner, over another channel, before you write it into founded_by.",
	}
	config := configFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		conf, err := readConfig(*config)
		if err != nil {
			return err
		}
		var p approvals.Pinned
		if err := ask(c.Context(), conf.Control, "/pins", struct{}{}, &p); err != nil {
			return err
		}
		if jsonWanted(c) {
			e := json.NewEncoder(c.OutOrStdout())
			e.SetIndent("", "  ")
			return e.Encode(p)
		}
		printPins(c.OutOrStdout(), p)
		return nil
	}
	return c
}

func printPins(w io.Writer, p approvals.Pinned) {
	fmt.Fprintf(w, "log         %s\nlog key     %s\n", p.Log, p.LogKey)
	for _, f := range p.Executives {
		fmt.Fprintf(w, "executive   %s\n", f)
	}
	for customer, all := range p.Customers {
		for _, f := range all {
			fmt.Fprintf(w, "%-11s %s\n", customer, f)
		}
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		info, ok := debug.ReadBuildInfo()
		if !ok {
			return errors.New("this program was built without its version")
		}
		fmt.Fprintf(c.OutOrStdout(), "lockbox %s, %s\n", info.Main.Version, info.GoVersion)
		return nil
	}}
}

func checkOnly(conf Config, w io.Writer) error {
	s, err := lang.Load(conf.Policy.Dir)
	if err != nil {
		return &exit{exitUsage, err}
	}
	if err := errors.Join(s.Valid(), s.Witnessed(len(conf.Witnesses))); err != nil {
		return &exit{exitUsage, err}
	}
	if err := conf.apart(s.Policy.Targets); err != nil {
		return &exit{exitUsage, err}
	}
	if _, err := os.Stat(filepath.Dir(conf.Store.Bbolt)); err != nil {
		return usage("store.bbolt: %w", err)
	}
	if err := conf.tryNotify(); err != nil {
		return err
	}
	fmt.Fprintf(w, "the configuration and %d rules are valid\n", len(s.Policy.Rules))
	return nil
}
