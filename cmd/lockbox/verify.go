package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"lockbox/approvals"
	"lockbox/policy/statement"
	"lockbox/recorder/proof"
)

// What verify reads; said where it is given anything else.
const verifiable = "lockbox verify reads a receipt or a monthly statement (JSON), a recording (a folder or a tar), a clip of one (a tar), " +
	"a whole log (a tar, or a folder of tiles), a checkpoint (text, or the mail that ends with it) and a proof of growth (JSON)"

func verifyCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "verify FILE", Short: "Check a receipt, a recording, a clip or a log offline", Args: cobra.ExactArgs(1),
		Long: "Check offline what a gateway says, against what you pinned yourself and nothing else:\n\n" +
			"  a receipt          the file of a request, or of a session (JSON)\n" +
			"  a statement        the monthly one of a customer (JSON)\n" +
			"  a recording        a folder, or a tar; with --receipt: that it is the one that the log names\n" +
			"  a clip             a piece of a recording, a tar; with --receipt, too\n" +
			"  a whole log        a tar as it is downloaded, or a folder of tiles (C2SP tlog-tiles)\n" +
			"  a checkpoint       a signed note, or a mail of Lockbox, which ends with one\n" +
			"  a proof of growth  from the page of a log (JSON)\n\n" +
			"With --since, that nothing was rewritten since an older checkpoint, receipt or log that you kept.\n" +
			"`lockbox found --json` prints the pins of a gateway; compare them with their owners over another channel.\n" +
			"Each step is a sentence. The exit code is 1 if one of them does not hold, 2 if the pins or files cannot be read.",
	}
	var v verifier
	pins := c.Flags().String("pins", "pins.json", "what you pinned: log key, origin, fingerprints, witnesses")
	c.Flags().StringVar(&v.since, "since", "", "an older checkpoint, receipt or log, which FILE must have grown from")
	c.Flags().StringVar(&v.main, "main", "", "with a customer's log: the main log, or a receipt, that holds its head")
	c.Flags().StringVar(&v.receipt, "receipt", "", "with a recording or a clip: the receipt of its session")
	extract := c.Flags().String("extract", "", "with a receipt: write what was signed into this new folder, a folder for each vote")
	c.RunE = func(c *cobra.Command, args []string) error {
		data, err := readFile(*pins, maxReceipt)
		if err != nil {
			return usage("read the pins: %w", err)
		}
		p, err := approvals.ParsePinned(data)
		if err != nil {
			return usage("read the pins: %s: %w", *pins, err)
		}
		if err := v.pin(p); err != nil {
			return usage("read the pins: %s: %w", *pins, err)
		}
		o, err := open(args[0])
		if err == nil {
			defer o.close()
			err = v.verify(o)
		}
		if err = v.unread(err); err != nil {
			return err
		}
		if *extract != "" && o != nil {
			if err := extractVotes(o, *extract); err != nil {
				return usage("write what was signed: %w", err)
			}
		}
		return reportSteps(c, v.steps)
	}
	return c
}

// verify takes the steps that such an object has. An error says that it, or what it is held against, cannot be read.
func (v *verifier) verify(o *object) error {
	for _, f := range []struct {
		name, value string
		kinds       []kind
	}{{"--receipt", v.receipt, []kind{aRecording, aClip}}, {"--main", v.main, []kind{aLog}}, {"--since", v.since, []kind{aLog, aCheckpoint, aGrown, aReceipt}}} {
		if f.value != "" && !o.is(f.kinds...) {
			return usage("%s says nothing about a %s", f.name, o.kind)
		}
	}
	var err error
	switch o.kind {
	case aReceipt:
		err = v.aReceipt(o)
	case aStatement:
		err = v.aStatement(o)
	case aRecording:
		err = v.aRecording(o)
	case aClip:
		err = v.aClip(o)
	case aLog:
		err = v.aLog(o)
	case aCheckpoint:
		v.checkpoint(o.data)
	case aGrown:
		err = v.aGrown(o)
	}
	if err == nil && v.since != "" {
		err = v.sinceOld(o)
	}
	return err
}

const stepForm = 0 // before the steps of evidence: whether there is anything to take them on

// unread makes a step of what is in a file and cannot be read; a file that is
// not there, or that a flag does not go with, is the caller's mistake.
func (v *verifier) unread(err error) error {
	var missing *fs.PathError
	var e *exit
	switch {
	case err == nil, errors.As(err, &e):
		return err
	case errors.As(err, &missing):
		return usage("read what to verify: %w", err)
	}
	v.fail(stepForm, "form", "%v", err)
	return nil
}

// A verifier keeps the steps; its pins are all that it believes.
type verifier struct {
	pins                 approvals.Pinned
	log                  key
	quorum               proof.Quorum
	since, main, receipt string // files
	steps                []approvals.Step
}

func (v *verifier) say(step int, name, format string, args ...any) {
	v.steps = append(v.steps, approvals.Step{Step: step, Name: name, OK: true, Text: fmt.Sprintf(format, args...)})
}

func (v *verifier) fail(step int, name, format string, args ...any) {
	v.steps = append(v.steps, approvals.Step{Step: step, Name: name, Text: fmt.Sprintf(format, args...)})
}

// reportSteps prints them. Nothing that was verified acts on the terminal.
func reportSteps(c *cobra.Command, steps []approvals.Step) error {
	bad := 0
	var first approvals.Step
	for i := range steps {
		s := &steps[i]
		if statement.Clean(s.Text) != nil {
			s.Text = strconv.Quote(s.Text)
		}
		if s.Failed() {
			if bad++; bad == 1 {
				first = *s
			}
		}
		if !jsonWanted(c) {
			fmt.Fprintf(c.OutOrStdout(), "%s step %d, %s: %s\n", mark(*s), s.Step, s.Name, s.Text)
		}
	}
	if jsonWanted(c) {
		b, err := harmless(steps)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "%s", b)
	}
	if len(steps) == 0 {
		return &exit{exitRefused, errors.New("there is nothing to verify")}
	}
	if bad > 0 {
		return &exit{exitRefused, fmt.Errorf("%d of %d steps do not hold; the first is step %d, %s", bad, len(steps), first.Step, first.Name)}
	}
	return nil
}

func mark(s approvals.Step) string {
	switch {
	case s.Failed():
		return "FAIL"
	case s.OK:
		return "ok  "
	}
	return "-   " // cannot be told any more, or not to this customer
}

const maxReceipt = 64 << 20 // bytes

// readFile reads a plain file of at most most bytes.
func readFile(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a plain file", path)
	case info.Size() > most:
		return nil, fmt.Errorf("%s has %d bytes, at most %d", path, info.Size(), most)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s grows while it is read", path)
	}
	return data, err
}
