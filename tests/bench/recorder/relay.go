package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/tests/door"
)

// A pair is one gateway that records and one that does not, before one target.
type pair struct {
	target *target
	on     *door.Gateway
	off    *door.Gateway
}

func (b *bench) pair() (p *pair, err error) {
	p = &pair{}
	if p.target, err = newTarget(); err != nil {
		return nil, err
	}
	with, err := os.Executable()
	if err != nil {
		return nil, err
	}
	without, err := door.Without("lockbox/tests/bench/recorder", b.dir)
	if err != nil {
		return nil, err
	}
	if p.on, err = b.gateway(with, p.target); err == nil {
		p.off, err = b.gateway(without, p.target)
	}
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func (b *bench) gateway(program string, t *target) (*door.Gateway, error) {
	dir, err := os.MkdirTemp(b.dir, "gateway")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program)
	if cmd.Stderr, err = os.Create(dir + ".log"); err != nil {
		return nil, err
	}
	g, err := door.Start(cmd, door.Config{Dir: dir})
	if err != nil {
		return nil, err
	}
	return g, g.Open(t.listen.Addr().String(), t.host.PublicKey())
}

func (p *pair) close() error {
	err := p.target.listen.Close()
	for _, g := range []*door.Gateway{p.on, p.off} {
		if g != nil {
			err = errors.Join(err, g.Stop())
		}
	}
	return err
}

// A work is what sessions do while the processor time of their gateway is counted.
type work struct {
	name     string
	must     float64 // percent added, at most; 0: it is only looked at
	pty      bool
	command  string
	sessions int
	keys     int // typed one by one, each echoed before the next
}

func works() []work {
	return []work{
		{"pty, text in 200 B writes", 35, true, "text 8388608 200", 1, 0},
		{"pty, text in 200 B writes, 10 sessions, each every 50 ms", 0, true, "text 20000 200 50", 10, 0},
		{"pty, keys echoed one by one", 35, true, "echo", 1, 4000},
		{"pty, text in 32 KiB writes", 35, true, "text 67108864 32768", 1, 0},
		{"exec, text in 32 KiB writes, 16 MiB", 0, false, "text 16777216 32768", 1, 0},
		{"exec, random in 32 KiB writes, 16 MiB", 0, false, "random 16777216 32768", 1, 0},
		{"exec, random in 32 KiB writes, 512 MiB", 35, false, "random 536870912 32768", 1, 0},
	}
}

// relay finds the processor time that recording adds, in turns.
func (b *bench) relay() error {
	p, err := b.pair()
	if err != nil {
		return err
	}
	for round := range b.rounds {
		for _, w := range works() {
			var on, off time.Duration
			for i := range 2 {
				var err error
				if (i+round)%2 == 0 {
					on, err = w.cpu(p.on)
				} else {
					off, err = w.cpu(p.off)
				}
				if err != nil {
					return errors.Join(fmt.Errorf("%s: %w", w.name, err), p.close())
				}
			}
			b.result(w.name+": added", "%", w.must).add(100 * (on.Seconds()/off.Seconds() - 1))
			b.result(w.name+": off", "ms", 0).add(float64(off.Microseconds()) / 1000)
			b.result(w.name+": on", "ms", 0).add(float64(on.Microseconds()) / 1000)
		}
		if err := os.RemoveAll(p.on.Dir); err != nil { // nobody is in
			return err
		}
	}
	return p.close()
}

// cpu is what the gateway used while the work was done.
func (w work) cpu(g *door.Gateway) (time.Duration, error) {
	c, err := g.Dial()
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close() }()
	var all []*ssh.Session
	for range w.sessions {
		s, err := c.NewSession()
		if err == nil && w.pty {
			err = s.RequestPty("xterm-256color", 24, 80, nil)
		}
		if err != nil {
			return 0, err
		}
		all = append(all, s)
	}
	before, err := g.CPU()
	if err != nil {
		return 0, err
	}
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, s := range all {
		wg.Go(func() { errs[i] = w.run(s) })
	}
	wg.Wait()
	after, err := g.CPU()
	return after - before, errors.Join(append(errs, err)...)
}

func (w work) run(s *ssh.Session) error {
	out, err := s.StdoutPipe()
	if err != nil {
		return err
	}
	in, err := s.StdinPipe()
	if err != nil {
		return err
	}
	if err := s.Start(w.command); err != nil {
		return err
	}
	if w.keys > 0 {
		if err := w.typed(in, out); err != nil {
			return err
		}
		if err := in.Close(); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, out); err != nil {
		return err
	}
	return s.Wait()
}

// typed types, and waits for the echo of each key.
func (w work) typed(in io.Writer, out io.Reader) error {
	key, buf := []byte("l"), make([]byte, 4096)
	if _, err := out.Read(buf); err != nil { // what the gateway itself says first
		return err
	}
	for range w.keys {
		if _, err := in.Write(key); err != nil {
			return err
		}
		if _, err := out.Read(buf); err != nil {
			return err
		}
	}
	return nil
}
