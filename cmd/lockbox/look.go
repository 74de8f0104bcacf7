package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"lockbox/recorder"
)

func playCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "play SESSION|FOLDER|TAR", Short: "Play a recording in this terminal", Args: cobra.ExactArgs(1),
		Long: "Play a recording in this terminal.\n\n" +
			"By the session's ID: on the gateway's own machine, by whoever may read its keys. The look is written down first;\n" +
			"without that nothing is shown. A folder or a tar, as it is downloaded, plays anywhere and without any gateway, with\n" +
			"--identity: the key of somebody whom it was sealed to.\n\n" +
			"While it plays: space stops and goes on, the arrows go 10 s back and forth, + and - change how fast, q ends.",
	}
	l := lookFlags(c)
	track := c.Flags().String("track", "", "which track (the first)")
	speed := c.Flags().Float64("speed", 1, "how fast, 0.5 to 32; 0 for all at once")
	from := c.Flags().String("from", "", "where to begin, as 1:23 or 90s")
	idle := c.Flags().Duration("idle", 2*time.Second, "no pause is longer")
	text := c.Flags().Bool("text", false, "print the transcript")
	c.RunE = func(c *cobra.Command, args []string) error {
		at, err := parseMoment(*from)
		switch {
		case err != nil:
			return usage("--from: %w", err)
		case *speed != 0 && (*speed < slowest || *speed > fastest || math.IsNaN(*speed)):
			return usage("--speed: %v is not between %v and %v", *speed, slowest, fastest)
		case *idle <= 0:
			return usage("--idle: %s is no time", *idle)
		}
		p, done, err := l.open(c.Context(), c.ErrOrStderr(), args[0], "played")
		if err != nil {
			return err
		}
		defer done()
		name, err := pick(p, *track)
		if err != nil {
			return err
		}
		if *text {
			return p.TextAs(c.OutOrStdout(), name.Name, recorder.Form{From: at})
		}
		show := &player{p: p, track: name, out: c.OutOrStdout(), speed: *speed, idle: *idle}
		return show.onScreen(c.Context(), c.InOrStdin(), at)
	}
	return c
}

// pick finds the track by its name, or the first.
func pick(p *recorder.Playback, name string) (recorder.TrackInfo, error) {
	var names []string
	for _, t := range p.Tracks() {
		if name == "" || t.Name == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	if name == "" {
		return recorder.TrackInfo{}, &exit{exitRefused, errors.New("the recording has no tracks: nothing was run")}
	}
	return recorder.TrackInfo{}, &exit{exitRefused, fmt.Errorf("the recording has no track %q; it has %s", name, strings.Join(names, ", "))}
}

// parseMoment reads "1:23:45", "1:23", or a duration; "" is 0.
func parseMoment(s string) (time.Duration, error) {
	if !strings.Contains(s, ":") {
		if s == "" {
			return 0, nil
		}
		d, err := time.ParseDuration(s)
		if err != nil || d < 0 {
			return 0, fmt.Errorf("%q is no moment; write it as 1:23 or 90s", s)
		}
		return d, nil
	}
	var sum uint64
	parts := strings.Split(s, ":")
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil || len(parts) > 3 || i > 0 && (n > 59 || len(part) != 2) {
			return 0, fmt.Errorf("%q is no moment; write it as 1:23 or 1:02:03", s)
		}
		sum = sum*60 + n
	}
	return time.Duration(sum) * time.Second, nil
}

// onScreen plays from a moment on; with keys, where a person sits before it.
func (s *player) onScreen(ctx context.Context, in io.Reader, from time.Duration) error {
	tty, ok := in.(*os.File)
	screen, too := s.out.(*os.File)
	if s.speed == 0 || !ok || !too || !term.IsTerminal(int(tty.Fd())) || !term.IsTerminal(int(screen.Fd())) {
		return s.play(ctx, from)
	}
	was, err := term.MakeRaw(int(tty.Fd()))
	if err != nil {
		return fmt.Errorf("listen to keys: %w", err)
	}
	s.raw, s.keys = true, keysOf(tty)
	err = s.play(ctx, from)
	_, _ = io.WriteString(s.out, "\x1b[0m\x1b[?25h\r\n") // whatever it left the terminal with
	return errors.Join(err, term.Restore(int(tty.Fd()), was))
}
