package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lockbox/gateway/api"
	"lockbox/policy"
)

// clientCommands are those that speak to a gateway, over its API.
func clientCommands() []*cobra.Command {
	all := []*cobra.Command{
		requestCommand(), statusCommand(), extendCommand(), acceptCommand(), sayCommand(),
		changeCommand("give-back", "End your own grant; its sessions end with it", "/grants/", ""),
		changeCommand("cancel", "Take back a request of your own", "/requests/", "withdraw"),
		commentCommand("revoke", "End a grant that you decide on; its sessions end with it", "/grants/", "why"),
		commentCommand("reject", "Vote no on a request", "/requests/", "comment"),
		listCommand("grants", "List what you hold", "/grants", false),
		listCommand("history", "List requests that you may see, ended ones too", "/requests?list=history", true),
		sessionsCommand(), targetsCommand(), motionsCommand(),
	}
	for _, c := range all {
		c.Flags().String("gateway", "", "address of the gateway: https://…; else LOCKBOX_URL")
		c.Flags().String("token-file", "", "file of mode 0600 with a token; else LOCKBOX_TOKEN. `ssh GATEWAY token` makes one")
	}
	for _, c := range []*cobra.Command{loginCommand(), logoutCommand()} {
		c.Flags().String("gateway", "", "address of the gateway: https://…; else LOCKBOX_URL")
		all = append(all, c)
	}
	return all
}

// A job is a command that has its client.
type job struct {
	*client
	c *cobra.Command
}

// speaks makes a function into what a command runs.
func speaks(fn func(ctx context.Context, j job, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		to, err := newClient(c)
		if err != nil {
			return err
		}
		return fn(c.Context(), job{to, c}, args)
	}
}

// args takes exactly so many, and says how the command is written.
func args(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, given []string) error {
		if len(given) != n {
			return usage("write it as `lockbox %s`", c.Use)
		}
		return nil
	}
}

// show prints v as JSON where it is wanted, else as people read it.
func (j job) show(v any, people func()) error {
	if !jsonWanted(j.c) {
		people()
		return nil
	}
	b, err := harmless(v)
	if err != nil {
		return err
	}
	_, err = j.c.OutOrStdout().Write(b)
	return err
}

func (j job) print(format string, args ...any) {
	fmt.Fprintln(j.c.OutOrStdout(), plain(fmt.Sprintf(format, args...)))
}

// get and post are calls whose paths are made of codes that people typed.
func (j job) get(ctx context.Context, path string, out any) error {
	return j.call(ctx, http.MethodGet, path, nil, out)
}

func (j job) post(ctx context.Context, path string, in, out any) error {
	return j.call(ctx, http.MethodPost, path, in, out)
}

func requestCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "request TARGET", Short: "Ask for access to a target", Args: args(1),
		Long: "Ask for access to a target: TARGET, or LOGIN%TARGET.\nThe same request again gives the one that is open.",
	}
	long := c.Flags().String("for", "", "how long: 30m, 1h, 1h30m; the rule's default without")
	why := c.Flags().String("reason", "", "why, in words")
	code := c.Flags().String("code", "", "reason code, where the rule takes more than one")
	ticket := c.Flags().String("ticket", "", "ticket or case number")
	customer := c.Flags().String("customer", "", "whose data, where the login reaches one")
	do, to := c.Flags().String("do", "", "what for: shell, forward, …; the first without"), c.Flags().String("to", "", "where a tunnel ends: 127.0.0.1:5432")
	wait := c.Flags().Bool("wait", false, "wait until it is decided")
	c.RunE = speaks(func(ctx context.Context, j job, args []string) error {
		w := api.Wish{Need: *why, Reason: policy.Reason(*code), Ticket: *ticket, Customer: *customer, Target: args[0], Do: policy.Action(*do), To: *to}
		if login, target, two := strings.Cut(args[0], "%"); two {
			w.Login, w.Target = login, target
		}
		if *why == "" {
			return usage("say why: --reason \"…\"")
		}
		var err error
		if w.For, err = spanOf(*long); err != nil {
			return err
		}
		var r api.Request
		if err := j.post(ctx, "/requests", w, &r); err != nil {
			return err
		}
		if *wait {
			return j.wait(ctx, r)
		}
		return j.show(r, func() {
			j.print("request %s for %s@%s, %s, is sent", r.Request, r.Login, r.Target, r.For)
			j.print("follow it with `lockbox status %s` or at %s", r.Request, r.URL)
		})
	})
	return c
}

func spanOf(text string) (s api.Span, err error) {
	if text == "" {
		return 0, nil
	}
	if err := s.UnmarshalText([]byte(text)); err != nil {
		return 0, usage("%w", err)
	}
	return s, nil
}

// wait follows a request until it is decided.
func (j job) wait(ctx context.Context, r api.Request) error {
	fmt.Fprintf(j.c.ErrOrStderr(), "lockbox: request %s waits for %s; Ctrl-C goes out, the same command goes on\n", plain(r.Request), plain(waitsFor(r)))
	for r.Phase == policy.Pending {
		if err := j.get(ctx, at("/requests/", r.Request, "")+"?wait=25s", &r); err != nil {
			if ctx.Err() != nil {
				return &exit{exitPending, fmt.Errorf("request %s is still pending; `lockbox status %s` tells where it stands", r.Request, r.Request)}
			}
			return err
		}
	}
	return j.stands(r)
}

// stands shows a request, and ends the program as it stands.
func (j job) stands(r api.Request) error {
	if err := j.show(r, func() { j.describe(r) }); err != nil {
		return err
	}
	switch {
	case r.Live() && len(r.Promises) > 0 && !r.Accepted:
		return &exit{exitPending, fmt.Errorf("grant %s asks you to promise something first; `lockbox accept %s` shows it", r.Request, r.Request)}
	case r.Live():
		return nil
	case r.Phase == policy.Pending:
		return &exit{exitPending, fmt.Errorf("request %s is pending; `lockbox request … --wait` waits", r.Request)}
	}
	return &exit{exitDenied, fmt.Errorf("request %s gives nothing; ask again with `lockbox request`", r.Request)}
}

// at is the path of what has a code.
func at(list, code, do string) string {
	path := list + url.PathEscape(strings.ToUpper(code))
	if do != "" {
		path += "/" + do
	}
	return path
}

func statusCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "status [CODE]", Short: "Say where a request stands, or list your open ones", Args: cobra.MaximumNArgs(1),
		Long: "Say where a request stands, by the exit code too: 0 a grant holds, 75 pending, 77 it gives nothing.",
	}
	c.RunE = speaks(func(ctx context.Context, j job, args []string) error {
		if len(args) == 0 {
			return j.list(ctx, "/requests", "you have no open request")
		}
		var r api.Request
		if err := j.get(ctx, at("/requests/", args[0], ""), &r); err != nil {
			return err
		}
		return j.stands(r)
	})
	return c
}

func extendCommand() *cobra.Command {
	c := &cobra.Command{Use: "extend CODE DURATION", Short: "Ask for more time under your grant", Args: args(2)}
	why := c.Flags().String("reason", "", "why, in words")
	c.RunE = speaks(func(ctx context.Context, j job, args []string) error {
		long, err := spanOf(args[1])
		if err != nil {
			return err
		}
		if *why == "" {
			return usage("say why: --reason \"…\"")
		}
		var r api.Request
		if err := j.post(ctx, at("/requests/", args[0], "extend"), api.More{For: long, Why: *why}, &r); err != nil {
			return err
		}
		return j.show(r, func() { j.print("request %s for %s more is sent; follow it at %s", r.Request, r.For, r.URL) })
	})
	return c
}

func acceptCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "accept CODE", Short: "Show what the approvers ask you to promise, and promise it", Args: args(1),
	}
	yes := c.Flags().Bool("yes", false, "promise it")
	c.RunE = speaks(func(ctx context.Context, j job, args []string) error {
		var r api.Request
		if err := j.get(ctx, at("/requests/", args[0], ""), &r); err != nil {
			return err
		}
		if !*yes && len(r.Promises) > 0 && !r.Accepted {
			if err := j.show(r, func() { j.promises(r) }); err != nil {
				return err
			}
			return &exit{exitPending, fmt.Errorf("nothing is promised yet; `lockbox accept %s --yes` promises it", r.Request)}
		}
		if err := j.post(ctx, at("/requests/", args[0], "accept"), api.Nothing{}, &r); err != nil {
			return err
		}
		return j.show(r, func() {
			j.promises(r)
			j.print("you promised it; grant %s can be used", r.Request)
		})
	})
	return c
}

func sayCommand() *cobra.Command {
	c := &cobra.Command{Use: "say CODE TEXT", Short: "Write into the thread of a request", Args: args(2)}
	thread := c.Flags().String("thread", "", "a customer's thread; the board's without")
	c.RunE = speaks(func(ctx context.Context, j job, args []string) error {
		var r api.Request
		if err := j.post(ctx, at("/requests/", args[0], "say"), api.Word{Thread: *thread, Text: args[1]}, &r); err != nil {
			return err
		}
		return j.show(r, func() { j.thread(r) })
	})
	return c
}

// changeCommand is a command that needs no words.
func changeCommand(name, short, list, do string) *cobra.Command {
	if do == "" {
		do = name
	}
	c := &cobra.Command{Use: name + " CODE", Short: short, Args: args(1)}
	c.RunE = speaks(func(ctx context.Context, j job, args []string) error {
		return j.change(ctx, at(list, args[0], do), api.Nothing{})
	})
	return c
}

// commentCommand is a command that takes a comment.
func commentCommand(name, short, list, flag string) *cobra.Command {
	c := &cobra.Command{Use: name + " CODE", Short: short, Args: args(1)}
	why := c.Flags().String(flag, "", "why; everybody concerned can read it")
	c.RunE = speaks(func(ctx context.Context, j job, args []string) error {
		return j.change(ctx, at(list, args[0], name), api.Comment{Comment: *why})
	})
	return c
}

func (j job) change(ctx context.Context, path string, in any) error {
	var r api.Request
	if err := j.post(ctx, path, in, &r); err != nil {
		return err
	}
	return j.show(r, func() { j.describe(r) })
}

// listCommand lists requests.
func listCommand(name, short, path string, paged bool) *cobra.Command {
	c := &cobra.Command{Use: name, Short: short, Args: args(0)}
	before, all := new(string), new(bool)
	if paged {
		before = c.Flags().String("before", "", "only requests made before this one")
	} else {
		all = c.Flags().Bool("all", false, "all that you may see, not only your own")
	}
	c.RunE = speaks(func(ctx context.Context, j job, _ []string) error {
		path := path
		if *before != "" {
			path += "&before=" + url.QueryEscape(strings.ToUpper(*before))
		}
		if *all {
			path += "?list=all"
		}
		return j.list(ctx, path, "there are none")
	})
	return c
}

func (j job) list(ctx context.Context, path, none string) error {
	var all api.RequestList
	if err := j.get(ctx, path, &all); err != nil {
		return err
	}
	return j.show(all, func() {
		for _, r := range all.Requests {
			j.describe(r)
		}
		if len(all.Requests) == 0 {
			j.print("%s", none)
		}
		if all.Before != "" {
			j.print("older ones: `lockbox history --before %s`", all.Before)
		}
	})
}

func sessionsCommand() *cobra.Command {
	c := &cobra.Command{Use: "sessions CODE", Short: "List the sessions under a request", Args: args(1)}
	c.RunE = speaks(func(ctx context.Context, j job, args []string) error {
		var all api.SessionList
		if err := j.get(ctx, at("/requests/", args[0], "sessions"), &all); err != nil {
			return err
		}
		return j.show(all, func() {
			for _, s := range all.Sessions {
				end := "goes on"
				if s.Ended != nil {
					end = s.Ended.Format("2006-01-02 15:04 MST") + ", " + s.Cause
				}
				j.print("%s  %s@%s  %s – %s", s.ID, s.Login, s.Target, s.Began.Format("2006-01-02 15:04 MST"), end)
			}
			if len(all.Sessions) == 0 {
				j.print("there are none")
			}
		})
	})
	return c
}

func targetsCommand() *cobra.Command {
	c := &cobra.Command{Use: "targets", Short: "List what you may ask for", Args: args(0)}
	c.RunE = speaks(func(ctx context.Context, j job, _ []string) error {
		var all api.TargetList
		if err := j.get(ctx, "/targets", &all); err != nil {
			return err
		}
		return j.show(all, func() {
			for _, t := range all.Targets {
				j.print("%s  %s, %s, at most %s", t.Name, t.Class, t.Location, t.Max)
				j.under(t)
			}
			if len(all.Targets) == 0 {
				j.print("there is nothing that you may ask for; ask who keeps the policy")
			}
		})
	})
	return c
}

func motionsCommand() *cobra.Command {
	c := &cobra.Command{Use: "motions [CODE]", Short: "List motions that you may see, or show one", Args: cobra.MaximumNArgs(1)}
	c.RunE = speaks(func(ctx context.Context, j job, args []string) error {
		if len(args) == 1 {
			var m api.Motion
			if err := j.get(ctx, at("/motions/", args[0], ""), &m); err != nil {
				return err
			}
			return j.show(m, func() { j.motion(m) })
		}
		var all api.MotionList
		if err := j.get(ctx, "/motions", &all); err != nil {
			return err
		}
		slices.SortStableFunc(all.Motions, func(a, b api.Motion) int { return b.At.Compare(a.At) })
		return j.show(all, func() {
			for _, m := range all.Motions {
				j.motion(m)
			}
			if len(all.Motions) == 0 {
				j.print("there are none")
			}
		})
	})
	return c
}
