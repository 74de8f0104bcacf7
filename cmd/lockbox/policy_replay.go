package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lockbox/approvals"
	"lockbox/policy/lang"
)

func replayCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "replay DIR --last 90d", Short: "Say which real requests of the past would go otherwise under a new policy",
		Long: "Decide the requests of the past again under the policy in DIR, each as of its own time, and say which would go otherwise.\n" +
			"They come from the running gateway; --save keeps them in a file, and --from reads them from one, as in CI.\n" +
			"Exit code 0 where nothing changes, 1 where something does.",
		Example: "  lockbox policy replay policy --last 90d --save asked.json\n  lockbox policy replay policy --from asked.json",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("write it as `lockbox policy replay DIR --last 90d`: one folder of policy files")
			}
			return nil
		},
	}
	last := c.Flags().String("last", "90d", "how far back: 30m, 4h, 90d")
	from := c.Flags().String("from", "", "file with the requests, instead of the gateway")
	save := c.Flags().String("save", "", "file to keep the requests in; it holds names")
	config := c.Flags().String("config", "lockbox.yaml", "the gateway that knows the requests")
	c.RunE = func(c *cobra.Command, args []string) error {
		s, err := loadPolicy(args[0])
		if err != nil {
			return err
		}
		span, err := lang.Span(*last)
		if err != nil {
			return usage("--last: %w", err)
		}
		all, err := requests(c, *from, *config, time.Now().Add(-span))
		if err != nil {
			return err
		}
		if *save != "" {
			if err := keep(*save, all); err != nil {
				return err
			}
		}
		return reportReplay(c, lang.Replay(s.Policy, all), len(all))
	}
	return c
}

// requests come from a file, all of it, or from the gateway.
func requests(c *cobra.Command, file, config string, since time.Time) ([]lang.Asked, error) {
	if file == "" {
		return askedSince(c.Context(), config, since)
	}
	if c.Flags().Changed("last") {
		return nil, usage("--from reads all that is in the file; leave --last out")
	}
	return readAsked(file)
}

const maxAsked = 64 << 20 // bytes of requests of the past

func readAsked(file string) ([]lang.Asked, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, usage("read the requests: %w; `lockbox policy replay DIR --save FILE` writes them", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxAsked+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, usage("read the requests: %w", err)
	}
	if len(data) > maxAsked {
		return nil, usage("%s: longer than %d bytes; save fewer, with a shorter --last", file, maxAsked)
	}
	var all []lang.Asked
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		return nil, usage("%s holds no requests (%w); `lockbox policy replay DIR --save FILE` writes them", file, err)
	}
	return all, nil
}

// keep writes the requests into a new file, for this user alone.
func keep(file string, all []lang.Asked) error {
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return usage("--save: %s is there already; remove it, or name another file", file)
	}
	if err != nil {
		return usage("--save: %w", err)
	}
	_, err = f.Write(append(data, '\n'))
	return errors.Join(err, f.Close())
}

// fromGateway asks the running gateway for its requests, oldest first.
func fromGateway(ctx context.Context, socket string, since time.Time) ([]lang.Asked, error) {
	var all []approvals.Asking
	in := struct {
		Since time.Time `json:"since"`
	}{since}
	if err := ask(ctx, socket, "/asked", in, &all); err != nil {
		return nil, err
	}
	out := []lang.Asked{}
	for _, a := range all {
		out = append(out, lang.Asked{
			Code: a.Code, At: a.At, Who: a.Who, Do: a.Do, On: a.On, Login: a.Login, From: a.From,
			Reason: a.Reason, For: a.For, Rule: a.Rule, Stages: a.Stages, Phase: a.Phase, Emergency: a.Emergency,
		})
	}
	slices.SortStableFunc(out, func(a, b lang.Asked) int { return a.At.Compare(b.At) })
	return out, nil
}

func reportReplay(c *cobra.Command, changed []lang.Replayed, of int) error {
	var err error
	if jsonWanted(c) {
		err = asJSON(c, struct {
			Requests int             `json:"requests"`
			Changed  []lang.Replayed `json:"changed"`
		}{of, changed})
	} else {
		printReplay(c.OutOrStdout(), changed, of)
	}
	if err == nil && len(changed) > 0 {
		err = &exit{exitRefused, errors.New("requests would go otherwise")}
	}
	return err
}

func printReplay(w io.Writer, changed []lang.Replayed, of int) {
	for _, r := range changed {
		a := r.Asked
		say(w, "%s  %s  %s, %s on %s as %s for %s (%s)", a.Code, a.At.UTC().Format("Mon 2 Jan 2006 15:04 MST"), a.Who.ID, words(a), a.On, a.Login, a.For, a.Reason)
		for _, o := range r.Becomes {
			say(w, "      %s", become(o))
			by(w, "      by rule", o.Rule)
		}
	}
	switch {
	case of == 0:
		say(w, "There were no requests in this time.")
	case len(changed) == 0:
		say(w, "%s: all would go as before.", count(of, "request", "requests"))
	default:
		say(w, "%d of %s would go otherwise.", len(changed), count(of, "request", "requests"))
	}
}

func words(a lang.Asked) string {
	var out []string
	for _, d := range a.Do {
		out = append(out, string(d))
	}
	return strings.Join(out, ", ")
}

func become(o lang.Outcome) string {
	switch o.What {
	case lang.Denied:
		return "would be denied: " + o.New
	case lang.Narrower:
		return fmt.Sprintf("without %v: %s", o.Do, o.New)
	case lang.Shorter:
		return fmt.Sprintf("would last at most %s, not %s", o.New, o.Old)
	case lang.Others:
		return fmt.Sprintf("would take other approvals: %s, not %s", o.New, o.Old)
	}
	return fmt.Sprintf("would take %s approvals: %s, not %s", o.What, o.New, o.Old)
}
