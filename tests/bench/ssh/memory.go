package main

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/tests/door"
)

// resting is how long after its last output a session is at rest: its open segment is closed.
const resting = 40 * time.Second

// memory measures what the gateway holds for a session that does nothing, on a
// connection of its own, before a null target.
func (b *bench) memory() error {
	n := cmp.Or(b.n, 200)
	me, err := os.Executable()
	if err != nil {
		return err
	}
	silent, err := door.Without("lockbox/tests/bench/ssh", b.dir)
	if err != nil {
		return err
	}
	for range max(1, b.rounds/2) {
		for name, program := range map[string]string{gate: me, without: silent} {
			if err := b.rest(name, program, n); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) rest(name, program string, n int) error {
	w, done, err := b.beforeNull(program)
	if err != nil {
		return err
	}
	defer done()
	w.name = name
	if err := first(w); err != nil { // what the first one needs is not the others'
		return err
	}
	before, err := w.process.RSS()
	if err != nil {
		return err
	}
	var all []*ssh.Client
	defer func() {
		for _, c := range all {
			_ = c.Close() // the gateway goes, too
		}
	}()
	for range n {
		c, err := w.dial()
		if err != nil {
			return err
		}
		all = append(all, c)
		if _, err := newTyping(c, "shell", "ready"); err != nil {
			return err
		}
	}
	<-time.After(resting)
	after, err := w.process.RSS()
	if err != nil {
		return err
	}
	b.Add("memory of an idle recorded pty session", name, "KiB", float64(after-before)/float64(n))
	for range 3 { // a stack shrinks by half each time
		if err := w.process.Tell("collect"); err != nil {
			return err
		}
	}
	if after, err = w.process.RSS(); err != nil {
		return err
	}
	b.Add("memory of it that is held", name, "KiB", float64(after-before)/float64(n))
	if b.profile == "" {
		return nil
	}
	for _, what := range []string{"memory", "heap", "stacks"} {
		if err := w.process.Tell(what + " " + b.profile + "/" + strings.ReplaceAll(name, " ", "") + "." + what + strconv.Itoa(n)); err != nil {
			return err
		}
	}
	return nil
}

// first runs one session, and ends it.
func first(w *way) error {
	c, err := w.dial()
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // all was read
	_, err = newTyping(c, "shell", "ready")
	return err
}

// beforeNull is a gateway whose target is a null.
func (b *bench) beforeNull(program string) (*way, func(), error) {
	g, err := b.gateway(program, "")
	if err != nil {
		return nil, nil, err
	}
	t, err := newNull()
	if err != nil {
		return nil, nil, err
	}
	done := func() {
		_ = g.Stop() // it is a bench's, and goes with its folder
		_ = t.listen.Close()
	}
	w := &way{name: gate, addr: g.Addr, user: g.User, host: g.Host, process: g, null: t}
	if err := w.arm(b, g.Key); err != nil {
		done()
		return nil, nil, err
	}
	if err := g.Open(t.listen.Addr().String(), t.host.PublicKey()); err != nil {
		done()
		return nil, nil, fmt.Errorf("open: %w", err)
	}
	return w, done, nil
}
