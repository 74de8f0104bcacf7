package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/tests/door"
)

const busy = 50 // sessions that type and list all the time

// idle holds thousands of sessions that rest and some that never do, in front
// of a null target in this process, and then takes the grant away.
func (b *bench) idle() error {
	n := cmp.Or(b.n, 2000)
	me, err := os.Executable()
	if err != nil {
		return err
	}
	w, done, err := b.beforeNull(me)
	if err != nil {
		return err
	}
	defer done()
	all, err := crowd(w, n+busy)
	defer func() {
		for _, s := range all {
			_ = s.c.Close() // it may be closed already
		}
	}()
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d sessions are open\n", len(all))
	<-time.After(resting)
	start, err := b.vitals(w.process)
	if err != nil {
		return err
	}
	if err := b.work(w, all[:busy]); err != nil {
		return err
	}
	<-time.After(resting)
	end, err := b.vitals(w.process)
	if err != nil {
		return err
	}
	for what, v := range start {
		b.Add(what+", at the start", gate, "", v)
		b.Add(what+", at the end", gate, "", end[what])
	}
	b.Add("memory of an idle recorded pty session", gate, "KiB", start["RSS, KiB"]/float64(n+busy))
	return b.revoke(w.process, all)
}

// A seat is one of many sessions, on a connection of its own.
type seat struct {
	c *ssh.Client
	t *typing
}

// crowd opens n sessions, a few at a time.
func crowd(w *way, n int) (all []seat, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	left := make(chan struct{}, n)
	for range n {
		left <- struct{}{}
	}
	close(left)
	for range clients {
		wg.Go(func() {
			for range left {
				c, oerr := w.dial()
				s := seat{c: c}
				if oerr == nil {
					s.t, oerr = newTyping(c, "shell", "ready")
				}
				mu.Lock()
				err = errors.Join(err, oerr)
				if c != nil {
					all = append(all, s)
				}
				stop := err != nil
				mu.Unlock()
				if stop {
					return
				}
			}
		})
	}
	wg.Wait()
	return all, err
}

// vitals are what must not grow.
func (b *bench) vitals(g *door.Gateway) (map[string]float64, error) {
	file := b.file("vitals")
	if err := g.Tell("memory " + file); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var m map[string]float64
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, err
	}
	rss, err := g.RSS()
	if err != nil {
		return nil, err
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.Pid))
	return map[string]float64{"RSS, KiB": float64(rss), "goroutines": m["goroutines"], "files": float64(len(open))}, err
}

// work types and lists in all of them for as long as the bench says, and in as
// many sessions that reach the null directly, in turns: the difference is ours.
func (b *bench) work(w *way, all []seat) error {
	until := time.Now().Add(b.long)
	for time.Now().Before(until) {
		ctx, stop := context.WithTimeout(context.Background(), min(30*time.Second, time.Until(until)+time.Second))
		took, err := together(ctx, all)
		stop()
		if err != nil {
			return err
		}
		b.Add("keystroke p50, among idle ones", gate, "ms", percentile(took, 50))
		b.Add("keystroke p99, among idle ones", gate, "ms", percentile(took, 99))
		if err := b.bare(w, len(all)); err != nil {
			return err
		}
	}
	return nil
}

// bare measures the same without a gateway.
func (b *bench) bare(w *way, n int) error {
	d := *w
	d.addr, d.host, d.user = w.null.listen.Addr().String(), w.null.host.PublicKey(), "x"
	all, err := crowd(&d, n)
	defer func() {
		for _, s := range all {
			_ = s.c.Close() // all was read
		}
	}()
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	took, err := together(ctx, all)
	if err != nil {
		return err
	}
	b.Add("keystroke p50, among idle ones", direct, "ms", percentile(took, 50))
	b.Add("keystroke p99, among idle ones", direct, "ms", percentile(took, 99))
	return nil
}

func together(ctx context.Context, all []seat) (took []float64, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i, s := range all {
		wg.Go(func() {
			one, werr := s.t.list(ctx, i)
			mu.Lock()
			defer mu.Unlock()
			took, err = append(took, one...), errors.Join(err, werr)
		})
	}
	wg.Wait()
	return took, err
}

// list types `ls` and Enter again and again, as a fast hand does.
func (t *typing) list(ctx context.Context, i int) (took []float64, err error) {
	tick := time.NewTicker(100*time.Millisecond + time.Duration(i)*time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		for _, key := range []byte("ls") {
			<-tick.C
			began := time.Now()
			if _, err := t.in.Write([]byte{key}); err != nil {
				return took, err
			}
			if n, err := t.out.Read(t.buf); err != nil || n != 1 || t.buf[0] != key {
				return took, fmt.Errorf("%q came back as %q: %w", key, t.buf[:n], err)
			}
			took = append(took, ms(time.Since(began)))
		}
		if _, err := t.in.Write([]byte("\r")); err != nil {
			return took, err
		}
		for said := []byte(nil); !bytes.HasSuffix(said, []byte("$ ")); {
			n, err := t.out.Read(t.buf)
			if err != nil {
				return took, err
			}
			said = append(said, t.buf[:n]...)
		}
	}
	return took, nil
}

// revoke takes the grant away, and says how long the last connection lives on.
func (b *bench) revoke(g *door.Gateway, all []seat) error {
	var wg sync.WaitGroup
	for _, s := range all {
		wg.Go(func() { _ = s.c.Wait() }) // however it ends
		go func() {
			for { // they read what they are told
				if _, err := s.t.out.Read(s.t.buf); err != nil {
					return
				}
			}
		}()
	}
	began := time.Now()
	if err := g.Tell("revoke"); err != nil {
		return err
	}
	said := time.Since(began)
	wg.Wait()
	b.Add("revoked: written down after", gate, "ms", ms(said))
	b.Add("revoked: the last was gone after", gate, "ms", ms(time.Since(began)))
	return nil
}
