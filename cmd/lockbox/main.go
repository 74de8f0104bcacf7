package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes of the commands, as interfaces promise them.
const (
	exitRefused     = 1
	exitUsage       = 2
	exitUnavailable = 69
)

// An exit is an error that ends the program with a code.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string { return e.err.Error() }
func (e *exit) Unwrap() error { return e.err }

func usage(format string, args ...any) error { return &exit{exitUsage, fmt.Errorf(format, args...)} }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Main runs one command and returns its exit code. Tests call it, too.
func Main(ctx context.Context, args []string, out, errs io.Writer) int {
	root := &cobra.Command{
		Use: "lockbox", Short: "A gateway in front of production: asked for, approved, touched, recorded, proven",
		SilenceUsage: true, SilenceErrors: true,
	}
	root.PersistentFlags().Bool("json", false, "print JSON")
	root.PersistentFlags().Bool("no-color", false, "no colours")
	root.AddCommand(devCommand(), serveCommand(), initCommand(), foundCommand(), inviteCommand(), policyCommand(),
		playCommand(), exportCommand(), verifyCommand(), witnessCommand(), sshConfigCommand(), versionCommand(),
		backupCommand(), restoreCommand(), doctorCommand(), notifyCommand(), glassCommand())
	root.AddCommand(clientCommands()...)
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%w; `%s --help` lists the flags", err, c.CommandPath())
	})
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(errs, "lockbox: %s\n", lines(err.Error()))
	var e *exit
	switch {
	case errors.As(err, &e):
		return e.code
	case strings.HasPrefix(err.Error(), "unknown command "), strings.HasPrefix(err.Error(), "accepts "): // cobra's own words have no type
		return exitUsage
	}
	return exitRefused
}

func jsonWanted(c *cobra.Command) bool {
	on, err := c.Flags().GetBool("json")
	return err == nil && on
}
