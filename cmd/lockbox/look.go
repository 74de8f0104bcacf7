package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"lockbox/gateway/keys"
	"lockbox/recorder"
)

func playCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "play SESSION", Short: "Play a recording in this terminal", Args: cobra.ExactArgs(1),
		Long: "Play a recording in this terminal, on the gateway's own machine by whoever may read its keys.\n" +
			"The look is written down first; without that nothing is shown.",
	}
	config := configFlag(c)
	purpose := c.Flags().String("purpose", "", "why you look; it is written down, and the customer can read it")
	track := c.Flags().String("track", "", "which track (the first)")
	speed := c.Flags().Float64("speed", 1, "how fast; 0 for all at once")
	text := c.Flags().Bool("text", false, "print the transcript")
	c.RunE = func(c *cobra.Command, args []string) error {
		conf, err := readConfig(*config)
		if err != nil {
			return err
		}
		if strings.TrimSpace(*purpose) == "" {
			return usage("say why: --purpose \"…\"; it is written down, and the customer can read it")
		}
		if _, err := recorder.Find(conf.Recordings.Dir, args[0]); err != nil {
			return &exit{exitRefused, fmt.Errorf("there is no recording %q", args[0])}
		}
		ring, err := keys.Load(conf.Keys.Dir)
		if err != nil {
			return err
		}
		var done string
		if err := ask(c.Context(), conf.Control, "/look", looked{args[0], *purpose}, &done); err != nil {
			return err
		}
		shelf := &recorder.Shelf{Dir: conf.Recordings.Dir, AtRest: ring.AtRest, Signer: ring.Log, Verifier: ring.LogVerifier, Now: time.Now}
		p, err := shelf.Play(args[0], age.Identity(ring.Vault))
		if err != nil {
			return err
		}
		name, err := pick(p, *track)
		if err != nil {
			return err
		}
		if *text {
			return p.Text(c.OutOrStdout(), name)
		}
		return play(c.Context(), c.OutOrStdout(), p, name, *speed)
	}
	return c
}

// pick finds the track by its name, or the first.
func pick(p *recorder.Playback, name string) (string, error) {
	all := p.Tracks()
	var names []string
	for _, t := range all {
		if name == "" || t.Name == name {
			return t.Name, nil
		}
		names = append(names, t.Name)
	}
	return "", &exit{exitRefused, fmt.Errorf("the recording has no track %q; it has %s", name, strings.Join(names, ", "))}
}

// play shows a track as it went, without the escapes that act on the viewer.
func play(ctx context.Context, w io.Writer, p *recorder.Playback, track string, speed float64) error {
	var out, errs recorder.Safe
	var shown time.Duration
	for e, err := range p.Events(track) {
		if err != nil {
			return err
		}
		if speed > 0 && e.At > shown {
			pause := min(time.Duration(float64(e.At-shown)/speed), 2*time.Second) // idle is skipped
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return nil
			}
		}
		shown = e.At
		safe := &out
		if e.Code == "e" {
			safe = &errs
		} else if e.Code != "o" {
			continue
		}
		if _, err := w.Write(safe.Filter(e.Data)); err != nil {
			return err
		}
	}
	_, err := w.Write(append(out.End(), errs.End()...))
	return err
}
