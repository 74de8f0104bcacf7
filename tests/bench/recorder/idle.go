package main

import (
	"errors"
	"io"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/tests/door"
)

const resting = 100 // sessions

// idle finds the memory of sessions that rest: on connections of their own, each
// with a terminal that has shown a screenful.
func (b *bench) idle() error {
	for range b.rounds {
		p, err := b.pair()
		if err != nil {
			return err
		}
		on, err := rest(p.on)
		off, err2 := rest(p.off)
		if err := errors.Join(err, err2, p.close()); err != nil {
			return err
		}
		b.result("idle pty session: memory of the gateway", "KiB", 180).add(on)
		b.result("idle pty session: of it for recording", "KiB", 0).add(on - off)
	}
	return nil
}

// settled is how long after its last output a session is at rest: its open segment is closed.
const settled = 35 * time.Second

func rest(g *door.Gateway) (kib float64, err error) {
	before, err := g.RSS()
	if err != nil {
		return 0, err
	}
	for range resting {
		c, err := g.Dial()
		if err != nil {
			return 0, err
		}
		defer func() { _ = c.Close() }()
		if err := wait(c); err != nil {
			return 0, err
		}
	}
	<-time.After(settled)
	after, err := g.RSS()
	return float64(after-before) / resting, err
}

// wait begins a session that shows something, and rests.
func wait(c *ssh.Client) error {
	s, err := c.NewSession()
	if err != nil {
		return err
	}
	if err := s.RequestPty("xterm-256color", 24, 80, nil); err != nil {
		return err
	}
	out, err := s.StdoutPipe()
	if err != nil {
		return err
	}
	if _, err := s.StdinPipe(); err != nil { // else it ends
		return err
	}
	if err := s.Start("wait"); err != nil {
		return err
	}
	_, err = io.ReadFull(out, make([]byte, 2000))
	go func() { _, _ = io.Copy(io.Discard, out) }() // until the connection is closed
	return err
}
