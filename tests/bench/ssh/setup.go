package main

import (
	"fmt"
	"os/exec"
	"time"

	"lockbox/tests/bench/figures"

	"golang.org/x/crypto/ssh"
)

// tries is how many connections make one figure of a round.
const tries = 10

// setup measures connect, authenticate, `true`, and out.
func (b *bench) setup() error {
	all, err := b.ways()
	if err != nil {
		return err
	}
	defer func() { _ = stop(all) }() // their folders go with the bench
	for round := range b.rounds {
		for what, run := range map[string]func(*way) error{
			"set-up, OpenSSH, curve25519 on both": func(w *way) error {
				return quiet(w.ssh("-o", "KexAlgorithms=curve25519-sha256", "true"))
			},
			"set-up, OpenSSH, as each likes": func(w *way) error { return quiet(w.ssh("true")) },
			"set-up, Go client": func(w *way) error {
				c, err := w.dial()
				if err != nil {
					return err
				}
				defer func() { _ = c.Close() }() // it may be closed already
				return once(c, "true")
			},
		} {
			err := turns(all, round, func(w *way) error {
				if err := run(w); err != nil { // the first warms up
					return err
				}
				var took []float64
				for range tries {
					began := time.Now()
					if err := run(w); err != nil {
						return err
					}
					took = append(took, ms(time.Since(began)))
				}
				b.Add(what, w.name, "ms", figures.Median(took))
				return nil
			})
			if err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
		}
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func quiet(c *exec.Cmd) error {
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// once runs a command in a session of its own.
func once(c *ssh.Client, command string) error {
	s, err := c.NewSession()
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // it is closed already
	return s.Run(command)
}
