package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"lockbox/approvals"
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

func verifyCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "verify FILE", Short: "Check a receipt or a recording offline", Args: cobra.ExactArgs(1),
		Long: "Check a receipt (a file) or a recording (a folder) offline, against what you pinned yourself.\n" +
			"`lockbox found --json` prints the pins of a gateway; compare them with their owners over another channel.",
	}
	pins := c.Flags().String("pins", "pins.json", "what you pinned: log key, origin, fingerprints")
	c.RunE = func(c *cobra.Command, args []string) error {
		data, err := os.ReadFile(*pins)
		if err != nil {
			return usage("read the pins: %w", err)
		}
		p, err := approvals.ParsePinned(data)
		if err != nil {
			return usage("read the pins: %s: %w", *pins, err)
		}
		steps, err := verify(args[0], p)
		if err != nil {
			return err
		}
		return reportSteps(c, steps)
	}
	return c
}

const maxReceipt = 64 << 20 // bytes

func verify(path string, p approvals.Pinned) ([]approvals.Step, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, usage("read what to verify: %w", err)
	}
	if info.IsDir() {
		return verifyRecording(path, p)
	}
	if info.Size() > maxReceipt {
		return nil, fmt.Errorf("%s: longer than %d bytes", path, maxReceipt)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r, err := approvals.ParseReceipt(data)
	if err != nil {
		return nil, fmt.Errorf("%s is no receipt: %w", path, err)
	}
	return r.Verify(p)
}

func verifyRecording(path string, p approvals.Pinned) ([]approvals.Step, error) {
	v, err := note.NewVerifier(p.LogKey)
	if err != nil {
		return nil, fmt.Errorf("read the pinned log key: %w", err)
	}
	m, err := recorder.Verify(filepath.Clean(path), v)
	if err != nil {
		return []approvals.Step{{Step: approvals.StepNote, Name: "recording", Text: err.Error()}}, nil
	}
	return []approvals.Step{{
		Step: approvals.StepNote, Name: "recording", OK: true,
		Text: fmt.Sprintf("the recording of session %s is whole: %d segments, root %s; compare the root with the session's entry in a receipt", m.Session, len(m.Segments), m.Root),
	}}, nil
}

func reportSteps(c *cobra.Command, steps []approvals.Step) error {
	bad := 0
	for _, s := range steps {
		if !s.OK {
			bad++
		}
		if !jsonWanted(c) {
			fmt.Fprintf(c.OutOrStdout(), "%s step %d, %s: %s\n", map[bool]string{true: "ok  ", false: "FAIL"}[s.OK], s.Step, s.Name, s.Text)
		}
	}
	if jsonWanted(c) {
		if err := json.NewEncoder(c.OutOrStdout()).Encode(steps); err != nil {
			return err
		}
	}
	if bad > 0 {
		return &exit{exitRefused, fmt.Errorf("%d of %d steps do not hold", bad, len(steps))}
	}
	if len(steps) == 0 {
		return &exit{exitRefused, errors.New("there is nothing to verify")}
	}
	return nil
}
