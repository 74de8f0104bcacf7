package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lockbox/approvals/notify"
)

// notifyCommand is `lockbox notify`, for operators on this machine.
func notifyCommand() *cobra.Command {
	c := &cobra.Command{Use: "notify", Short: "See and test how people are told, and tell again what was not delivered"}
	c.AddCommand(notifyTest(), notifyPreview(), notifyDead(), notifyRetry(), notifyReplay())
	return c
}

// asks is a command of which the running gateway answers a question.
func asks[T any](c *cobra.Command, path string, question func(args []string) (toNotify, error), print func(io.Writer, T)) *cobra.Command {
	config := configFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		conf, err := readConfig(*config)
		if err != nil {
			return err
		}
		v, err := question(args)
		if err != nil {
			return err
		}
		var out T
		if err := askWithin(c.Context(), time.Minute, conf.Control, "/notify/"+path, v, &out); err != nil {
			return err
		}
		if jsonWanted(c) {
			return json.NewEncoder(c.OutOrStdout()).Encode(out)
		}
		print(c.OutOrStdout(), out)
		return nil
	}
	return c
}

func notifyTest() *cobra.Command {
	c := &cobra.Command{Use: "test PERSON", Short: "Send a person a test over everything that reaches them", Args: cobra.ExactArgs(1)}
	return asks(c, "test", func(args []string) (toNotify, error) { return toNotify{Person: args[0]}, nil },
		func(w io.Writer, n int) { fmt.Fprintf(w, "a test is on its way over %d channels\n", n) })
}

func notifyPreview() *cobra.Command {
	c := &cobra.Command{
		Use: "preview", Short: "List who would be asked now, and over what", Args: cobra.NoArgs,
		Long: "List who would be asked if --as asked for --do on --on now. Without --on: everybody whom some rule may ask.",
	}
	as := c.Flags().String("as", "", "the person who would ask")
	on := c.Flags().String("on", "", "the target")
	login := c.Flags().String("login", "", "the login; the target's first where none is said")
	customer := c.Flags().String("customer", "", "the customer whose data it is for, where the login is of one; without --on: only whom that customer's stages ask")
	do := c.Flags().String("do", "shell", "the action")
	return asks(c, "preview", func([]string) (toNotify, error) {
		return toNotify{Person: *as, Target: *on, Login: *login, Customer: *customer, Action: *do}, nil
	}, printReach)
}

func printReach(w io.Writer, all []notify.Reach) {
	for _, r := range all {
		level := fine
		if r.Low {
			level = bad
		}
		fmt.Fprintf(w, "%-4s  %s\n", level, r.Stage)
		for _, p := range r.People {
			var ways []string
			for _, way := range p.Ways {
				if !way.Off {
					text := way.Channel + " " + way.Address
					if way.Deaf {
						text += " (not reached there the last time)"
					}
					ways = append(ways, text)
				}
			}
			if len(ways) == 0 {
				ways = []string{"nothing reaches them"}
			}
			fmt.Fprintf(w, "      %s: %s\n", p.ID, strings.Join(ways, ", "))
		}
	}
}

func notifyDead() *cobra.Command {
	c := &cobra.Command{Use: "dead", Short: "List what could not be delivered", Args: cobra.NoArgs}
	return asks(c, "dead", func([]string) (toNotify, error) { return toNotify{}, nil }, func(w io.Writer, all []notify.Dead) {
		for _, d := range all {
			fmt.Fprintf(w, "%d  %s  %s  %s to %s about %s: %s\n", d.Num, d.Gone.UTC().Format(time.RFC3339), d.Channel, d.Topic, d.To, d.About, lines(d.Why))
		}
	})
}

func notifyRetry() *cobra.Command {
	c := &cobra.Command{Use: "retry [NUMBER...]", Short: "Try again to deliver what could not be, all of it or these"}
	channel := c.Flags().String("channel", "", "only of this channel")
	return asks(c, "retry", func(args []string) (toNotify, error) {
		v := toNotify{Channel: *channel}
		for _, a := range args {
			n, err := strconv.ParseUint(a, 10, 64)
			if err != nil {
				return v, usage("%q is no number; `lockbox notify dead` lists them", a)
			}
			v.Numbers = append(v.Numbers, n)
		}
		return v, nil
	}, func(w io.Writer, n int) { fmt.Fprintf(w, "%d are tried again\n", n) })
}

func notifyReplay() *cobra.Command {
	c := &cobra.Command{
		Use: "replay --from SEQ --webhook NAME", Short: "Send a receiver the events from --from on once more", Args: cobra.NoArgs,
		Long: "Send a receiver the events from --from to the end of the log once more, those that it wants, with the ids that they had.",
	}
	from := c.Flags().Int64("from", -1, "number of the first event, as data.seq says it")
	name := c.Flags().String("webhook", "", "the receiver, as lockbox.yaml names it")
	question := func([]string) (toNotify, error) {
		if *from < 0 || *name == "" {
			return toNotify{}, usage("say which events and to whom: --from SEQ --webhook NAME")
		}
		return toNotify{Channel: *name, From: *from}, nil
	}
	return asks(c, "replay", question,
		func(w io.Writer, r notify.Replayed) {
			fmt.Fprintf(w, "%d events are on their way to %s: those that it wants of %d to %d\n", r.Count, *name, r.From, r.To)
			if r.To < r.End {
				fmt.Fprintf(w, "the log ends at %d; when these have arrived, go on with --from %d\n", r.End, r.To+1)
			}
		})
}
