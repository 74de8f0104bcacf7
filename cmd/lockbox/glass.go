package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lockbox/approvals"
	"lockbox/policy"
)

// toSeal is what the control socket is asked to make.
type toSeal struct {
	Target string `json:"target,omitempty"` // "": codes for every target
	Count  int    `json:"count"`
}

// sealedCodes are codes that were made; this is the only time that they are shown.
type sealedCodes struct {
	Batch  string   `json:"batch"`
	Target string   `json:"target,omitempty"`
	Codes  []string `json:"codes"`
	Motion string   `json:"motion,omitempty"` // that two executives sign before they count
}

// toRetire names a code, a batch, or ("") all.
type toRetire struct {
	Which string `json:"which"`
}

// glassRoutes are the questions about sealed codes that the control socket answers.
func (s *Server) glassRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /glass/make", func(w http.ResponseWriter, r *http.Request) {
		var v toSeal
		answer(w, r, &v, func() (any, error) {
			m, err := s.Desk.Seal(r.Context(), localUser(), v.Target, v.Count)
			out := sealedCodes{Batch: m.Batch, Target: m.Target, Motion: m.Motion}
			for _, c := range m.Codes {
				out.Codes = append(out.Codes, c.Reveal())
			}
			return out, err
		})
	})
	mux.HandleFunc("POST /glass/list", func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, &struct{}{}, func() (any, error) { return s.Desk.SealedCodes(r.Context()) })
	})
	mux.HandleFunc("POST /glass/retire", func(w http.ResponseWriter, r *http.Request) {
		var v toRetire
		answer(w, r, &v, func() (any, error) { return s.Desk.Retire(r.Context(), localUser(), v.Which) })
	})
}

// lookAtGlass says whether the emergencies that the policy knows could be: the night they are needed is too late to find out.
func (s *Server) lookAtGlass(ctx context.Context) []finding {
	if rules := s.Desk.Policy().Rules; !slices.ContainsFunc(rules, func(r policy.Rule) bool { return r.Emergency() }) {
		return nil
	}
	all, err := s.Desk.SealedCodes(ctx)
	n := map[string]int{}
	for _, c := range all {
		n[c.State]++
	}
	if err == nil && n["ready"] == 0 {
		return []finding{{"break-glass", warn, fmt.Sprintf("no sealed code is ready, and %d wait for two executives; `lockbox glass make` makes some", n["unsigned"])}}
	}
	return []finding{judge("break-glass", fmt.Sprintf("%d sealed codes are ready", n["ready"]), err)}
}

func glassCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "glass", Short: "Make, count and retire the sealed codes for breaking the glass",
		Long: "In an emergency an engineer comes in without anybody who decides: with a sealed code, a second person's passkey and their own,\n" +
			"for an hour at most. A code alone opens nothing. Executives have 24 hours to ratify it, or person and target are locked.",
	}
	c.AddCommand(glassMakeCommand(), glassListCommand(), glassRetireCommand())
	return c
}

func glassMakeCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "make", Short: "Make codes and print them, one page each, to be sealed", Args: cobra.NoArgs,
		Long: "Make codes and print them, one page each: lockbox glass make --count 5 --all | lpr. They are shown this once and kept only as\n" +
			"salted hashes. In production they count once two executives have signed for the batch.",
	}
	config := configFlag(c)
	count := c.Flags().Int("count", 5, "how many")
	target := c.Flags().String("target", "", "the one target that they are for")
	all := c.Flags().Bool("all", false, "they are for every target")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if (*target == "") != *all {
			return usage("say what the codes are for: --target NAME, or --all")
		}
		conf, err := readConfig(*config)
		if err != nil {
			return err
		}
		var made sealedCodes
		if err := ask(c.Context(), conf.Control, "/glass/make", toSeal{*target, *count}, &made); err != nil {
			return err
		}
		if jsonWanted(c) {
			return asJSON(c, made)
		}
		for i, code := range made.Codes {
			sheetOf(c.OutOrStdout(), conf, made, i, code)
		}
		if made.Motion != "" {
			say(c.ErrOrStderr(), "The codes count once two executives have signed %s/m/%s.", conf.URL, made.Motion)
		}
		return nil
	}
	return c
}

// sheetOf prints the page of one code.
func sheetOf(w io.Writer, conf Config, made sealedCodes, i int, code string) {
	where := made.Target
	if where == "" {
		where = "any target"
	}
	fmt.Fprintf(w, `LOCKBOX · SEALED CODE %s · %d of %d of batch %s · for %s

    %s

Open this only in an emergency in which nobody who decides can be asked.
It opens nothing by itself, and is good once.

  1. Sign in at %s/glass and type the code there, or:
       %s glass TARGET --reason "what is wrong"
  2. A second person of the on-call group says yes with their passkey.
  3. Connect, and touch your own passkey. You have an hour at most.

All of it is recorded. Executives and customers are told at once, and
executives have 24 hours to ratify it: without that, you and the target
are locked.

Åbn kun i en nødsituation, hvor ingen, der afgør, kan spørges. Koden åbner
intet alene. En anden person skal sige ja med sin adgangsnøgle, og du rører
din egen. Alt optages, og direktionen skal godkende det inden 24 timer.
`+"\f", code[:4], i+1, len(made.Codes), made.Batch, where, code, conf.URL, strings.NewReplacer("ssh", "ssh -t", " @", " ").Replace(conf.command("", "")))
}

func glassListCommand() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "Count the codes, and say what became of each", Args: cobra.NoArgs}
	config := configFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		conf, err := readConfig(*config)
		if err != nil {
			return err
		}
		var all []approvals.SealedState
		if err := ask(c.Context(), conf.Control, "/glass/list", struct{}{}, &all); err != nil {
			return err
		}
		if jsonWanted(c) {
			return asJSON(c, all)
		}
		ready := 0
		for _, s := range all {
			where := s.Target
			if where == "" {
				where = "any target"
			}
			state := s.State
			if s.State == "used" {
				state += " for " + s.For
			}
			if s.State == "ready" {
				ready++
			}
			say(c.OutOrStdout(), "%s  batch %s  made %s  %-20s %s", s.Number, s.Batch, s.Made.UTC().Format("2006-01-02"), where, state)
		}
		say(c.OutOrStdout(), "%d codes are ready, of %d.", ready, len(all))
		return nil
	}
	return c
}

func glassRetireCommand() *cobra.Command {
	c := &cobra.Command{Use: "retire [CODE-NUMBER | BATCH]", Short: "End codes that were not used", Args: cobra.MaximumNArgs(1)}
	config := configFlag(c)
	all := c.Flags().Bool("all", false, "all of them")
	c.RunE = func(c *cobra.Command, args []string) error {
		if (len(args) == 0) != *all {
			return usage("say which: the number of a code or of a batch, or --all")
		}
		conf, err := readConfig(*config)
		if err != nil {
			return err
		}
		var v toRetire
		if len(args) > 0 {
			v.Which = args[0]
		}
		n := 0
		if err := ask(c.Context(), conf.Control, "/glass/retire", v, &n); err != nil {
			return err
		}
		say(c.OutOrStdout(), "%d codes are retired.", n)
		return nil
	}
	return c
}
