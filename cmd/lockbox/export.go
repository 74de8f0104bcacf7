package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"lockbox/policy"
	"lockbox/recorder"
)

func exportCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "export SESSION|FOLDER|TAR", Short: "Write a recording, or a part of it, for other programs", Args: cobra.ExactArgs(1),
		Long: "Write a track of a recording, or a part of it, in a form that other programs read:\n\n" +
			"  cast   asciicast v3, for asciinema and its players (cast2: v2)\n" +
			"  txt    what was shown, without escapes\n" +
			"  json   every event, one JSON object a line, exact\n" +
			"  csv    of a track of files: each operation, with path, bytes and SHA-256\n" +
			"  sql    of a track of PostgreSQL: each statement, with its parameters, when and what became of it\n" +
			"  har    of a track of HTTP: each request and its answer, as browsers' own tools read them (HTTP Archive 1.2)\n\n" +
			"Escapes that act on a viewer are left out of cast and txt. With --clip: a part that proves itself, a tar that\n" +
			"`lockbox verify` checks against the root in the log without the rest of the recording.\n" +
			"How a recording is opened, and what is written down about it, says `lockbox play --help`.",
	}
	x := export{look: lookFlags(c)}
	c.Flags().StringVar(&x.format, "format", "cast", "cast, cast2, txt, json, csv, sql or har")
	c.Flags().StringVar(&x.track, "track", "", "which track (the first)")
	c.Flags().StringVar(&x.out, "out", "", "new file to write (standard output)")
	from := c.Flags().String("from", "", "where to begin, as 1:23 or 90s")
	until := c.Flags().String("until", "", "where to end")
	redact := c.Flags().StringSlice("redact", nil, "what to take out: tokens, keys, cpr, cards")
	c.Flags().BoolVar(&x.clip, "clip", false, "a part that proves itself, as a tar; not with --format or --redact")
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		if x.from, err = parseMoment(*from); err != nil {
			return usage("--from: %w", err)
		}
		if x.until, err = parseMoment(*until); err != nil {
			return usage("--until: %w", err)
		}
		if x.redact, err = redaction(*redact); err != nil {
			return usage("--redact: %w", err)
		}
		x.formats = c.Flags().Changed("format")
		if err := x.check(c.OutOrStdout()); err != nil {
			return err
		}
		return x.run(c, args[0])
	}
	return c
}

// An export is what to write of a recording.
type export struct {
	look        look
	format      string
	formats     bool // format was given
	track, out  string
	from, until time.Duration // until 0: the end
	redact      policy.Redact
	clip        bool
}

// check refuses what cannot be, before anything is written down or opened.
func (x export) check(out io.Writer) error {
	switch {
	case x.until > 0 && x.until <= x.from:
		return usage("--until: %s is not after %s", clock(x.until), clock(x.from))
	case x.clip && (x.formats || x.redact > 0):
		return usage("--clip holds the recording as it was sealed: it goes with neither --format nor --redact")
	case x.clip && x.out == "" && isTerminal(out):
		return usage("a clip is a tar: --out FILE")
	case x.clip:
		return nil
	}
	if !slices.Contains([]string{"cast", "cast2", "txt", "json", "csv", "sql", "har"}, x.format) {
		return usage("--format: there is no %q; there are cast, cast2, txt, json, csv, sql and har", x.format)
	}
	return nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// redactions are the words for what can be taken out, as rules have them.
func redactions() map[string]policy.Redact {
	return map[string]policy.Redact{"tokens": policy.RedactTokens, "keys": policy.RedactKeys, "cpr": policy.RedactCPR, "cards": policy.RedactCards}
}

func redaction(words []string) (r policy.Redact, err error) {
	for _, w := range words {
		bit, ok := redactions()[w]
		if !ok {
			return 0, fmt.Errorf("there is no %q; there are tokens, keys, cpr and cards", w)
		}
		r |= bit
	}
	return r, nil
}

// did is what is written down: everything about the export but where it went.
func (x export) did() string {
	var b strings.Builder
	b.WriteString("exported ")
	if x.clip {
		b.WriteString("a clip")
	} else {
		b.WriteString(x.format)
	}
	if x.track != "" {
		b.WriteString(" of " + x.track)
	}
	end := "the end"
	if x.until > 0 {
		end = clock(x.until)
	}
	fmt.Fprintf(&b, " from %s to %s", clock(x.from), end)
	var out []string
	for w, bit := range redactions() {
		if x.redact&bit != 0 {
			out = append(out, w)
		}
	}
	if slices.Sort(out); len(out) > 0 {
		b.WriteString(" without " + strings.Join(out, ", "))
	}
	return b.String()
}

// clock is a moment as people write it: 1:23.
func clock(d time.Duration) string {
	s := int(d.Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

func (x export) run(c *cobra.Command, name string) error {
	if x.out != "" { // before a look is written down for nothing
		if _, err := os.Lstat(x.out); err == nil {
			return usage("--out: %s is there already", x.out)
		}
	}
	p, done, err := x.look.open(c.Context(), c.ErrOrStderr(), name, x.did())
	if err != nil {
		return err
	}
	defer done()
	if kind, ok := map[string]string{"csv": "sftp", "sql": "sql", "har": "http"}[x.format]; ok && x.track == "" {
		i := slices.IndexFunc(p.Tracks(), func(t recorder.TrackInfo) bool { return t.Header.Kind == kind })
		if i < 0 {
			return usage("--format %s: the recording has no track of kind %s", x.format, kind)
		}
		x.track = p.Tracks()[i].Name
	}
	track, err := pick(p, x.track)
	if err != nil {
		return err
	}
	if x.out == "" {
		return x.write(p, track.Name, c.OutOrStdout())
	}
	f, err := os.OpenFile(x.out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return usage("--out: %w", err)
	}
	if err := errors.Join(x.write(p, track.Name, f), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(x.out)) // half an export looks whole
	}
	return nil
}

func (x export) write(p *recorder.Playback, track string, w io.Writer) error {
	f := recorder.Form{From: x.from, Until: x.until, Redact: x.redact}
	switch {
	case x.clip:
		return recorder.MakeClip(p, track, x.from, x.until, w)
	case x.format == "txt":
		return p.TextAs(w, track, f)
	case x.format == "json":
		f.Raw = true
		return p.JSONLines(w, track, f)
	case x.format == "csv":
		return p.CSV(w, track, f)
	case x.format == "sql":
		return p.SQL(w, track, f)
	case x.format == "har":
		return p.HAR(w, track, f)
	case x.format == "cast2":
		f.Version = 2
	}
	return p.CastAs(w, track, f)
}
