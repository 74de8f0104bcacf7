package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	typed = 1500 // keys of a round
	pace  = 2 * time.Millisecond
)

// keys measures how long a key takes to come back as its echo: on a quiet
// machine, and while another connection on the same way carries bulk.
func (b *bench) keys() error {
	all, err := b.ways()
	if err != nil {
		return err
	}
	defer func() { _ = stop(all) }() // their folders go with the bench
	file, err := b.random()
	if err != nil {
		return err
	}
	for round := range b.rounds {
		err := turns(all, round, func(w *way) error {
			if err := b.echo(w, "idle"); err != nil {
				return err
			}
			busy := w.ssh("-o", gcm, "while cat "+file+"; do :; done")
			out, err := busy.StdoutPipe()
			if err != nil {
				return err
			}
			if err := busy.Start(); err != nil {
				return err
			}
			flows := make(chan error, 1)
			go func() {
				_, err := io.CopyN(io.Discard, out, 16<<20)
				flows <- err
				_, _ = io.Copy(io.Discard, out) // until it is killed
			}()
			if err := <-flows; err != nil {
				return err
			}
			err = b.echo(w, "during bulk")
			err = errors.Join(err, busy.Process.Kill())
			_ = busy.Wait() // it was killed
			if err == nil && w.process != nil {
				err = w.sweep()
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) echo(w *way, when string) error {
	c, err := w.dial()
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // all was read
	t, err := newTyping(c, "stty raw -echo; echo ready; exec cat", "ready")
	if err != nil {
		return err
	}
	took, err := t.keys(typed, pace)
	if err != nil {
		return err
	}
	b.Add("keystroke p50, "+when, w.name, "ms", percentile(took, 50))
	b.Add("keystroke p99, "+when, w.name, "ms", percentile(took, 99))
	return nil
}

func percentile(all []float64, n int) float64 {
	s := slices.Sorted(slices.Values(all))
	return s[min(len(s)-1, len(s)*n/100)]
}

// A typing is a session with a terminal whose program answers each key.
type typing struct {
	in  io.Writer
	out io.Reader
	buf []byte
}

// newTyping runs a command on a terminal, and waits until it says ready.
func newTyping(c *ssh.Client, command, ready string) (*typing, error) {
	s, err := c.NewSession()
	if err != nil {
		return nil, err
	}
	if err := s.RequestPty("xterm-256color", 24, 80, nil); err != nil {
		return nil, err
	}
	t := &typing{buf: make([]byte, 4<<10)}
	if t.out, err = s.StdoutPipe(); err != nil {
		return nil, err
	}
	if t.in, err = s.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.Start(command); err != nil {
		return nil, err
	}
	var said []byte
	for !bytes.HasSuffix(bytes.TrimSpace(said), []byte(ready)) {
		n, err := t.out.Read(t.buf)
		if err != nil {
			return nil, fmt.Errorf("%w after %q", err, said)
		}
		said = append(said, t.buf[:n]...)
	}
	return t, nil
}

// keys types n keys, one after the other, and says how long each took, in ms.
func (t *typing) keys(n int, pace time.Duration) (took []float64, err error) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for i := range n {
		<-tick.C
		key := []byte{byte('a' + i%26)}
		began := time.Now()
		if _, err := t.in.Write(key); err != nil {
			return took, err
		}
		if k, err := t.out.Read(t.buf); err != nil || k != 1 || t.buf[0] != key[0] {
			return took, fmt.Errorf("%q came back as %q: %w", key, t.buf[:k], err)
		}
		took = append(took, ms(time.Since(began)))
	}
	return took, nil
}
