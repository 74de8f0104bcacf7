package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const gcm = "Ciphers=aes128-gcm@openssh.com,aes256-gcm@openssh.com"

// bulk measures large transfers with OpenSSH's client, and what they cost the
// gateway. Random bytes, so that the record does not get them for nothing.
func (b *bench) bulk() error {
	all, err := b.ways()
	if err != nil {
		return err
	}
	defer func() { _ = stop(all) }() // their folders go with the bench
	file, err := b.random()
	if err != nil {
		return err
	}
	if err := b.profiled(all[1]); err != nil {
		return err
	}
	for round := range b.rounds {
		for _, d := range []struct{ what, cpu, command string }{
			{"bulk down, AES-GCM", "gateway CPU per GiB down", "cat " + file},
			{"bulk up, AES-GCM", "gateway CPU per GiB up", "cat >/dev/null"},
		} {
			err := turns(all, round, func(w *way) error {
				before, err := w.cpu()
				if err != nil {
					return err
				}
				took, err := b.transfer(w.ssh("-o", gcm, d.command), file, strings.HasPrefix(d.what, "bulk up"))
				if err != nil {
					return err
				}
				b.Add(d.what, w.name, "MiB/s", float64(b.size>>20)/took.Seconds())
				after, err := w.cpu()
				if err != nil || w.process == nil {
					return err
				}
				b.Add(d.cpu, w.name, "s", (after-before).Seconds()/(float64(b.size)/(1<<30)))
				return w.sweep()
			})
			if err != nil {
				return fmt.Errorf("%s: %w", d.what, err)
			}
		}
	}
	return b.unprofiled(all[1])
}

// random makes a file of the size of a transfer.
func (b *bench) random() (string, error) {
	name := b.file("random")
	f, err := os.Create(name)
	if err != nil {
		return "", err
	}
	_, err = io.CopyN(f, rand.Reader, b.size)
	return name, errors.Join(err, f.Close())
}

// transfer says how long c took to read all of file, or to give all of it.
func (b *bench) transfer(c *exec.Cmd, file string, up bool) (time.Duration, error) {
	out, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = out.Close() }() // nothing is in it
	var count counter
	c.Stdout = out
	if up {
		in, err := os.Open(file)
		if err != nil {
			return 0, err
		}
		defer func() { _ = in.Close() }() // read only
		c.Stdin, count = in, counter(b.size)
	} else {
		c.Stdout = &count
	}
	var says strings.Builder
	c.Stderr = &says
	began := time.Now()
	if err := c.Run(); err != nil {
		return 0, fmt.Errorf("%w: %s", err, says.String())
	}
	if took := time.Since(began); int64(count) == b.size {
		return took, nil
	}
	return 0, fmt.Errorf("%d of %d bytes came", count, b.size)
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// ReadFrom takes large pieces: Go's own copy would ask for 32 KiB.
func (c *counter) ReadFrom(r io.Reader) (n int64, err error) {
	p := make([]byte, 1<<20)
	for {
		k, err := r.Read(p)
		n += int64(k)
		*c += counter(k)
		switch {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, err
		}
	}
}

// cpu is what the process in the middle has used; nothing where there is none.
func (w *way) cpu() (time.Duration, error) {
	if w.process == nil {
		return 0, nil
	}
	return w.process.CPU()
}

// sweep takes away what was recorded and is sealed.
func (w *way) sweep() error {
	if w.process.Dir == "" {
		return nil
	}
	sealed, err := filepath.Glob(w.process.Dir + "/*/*/*/manifest")
	for _, m := range sealed {
		dir := filepath.Dir(m)
		if _, jerr := os.Stat(filepath.Join(dir, "open")); jerr == nil {
			continue // it is being sealed
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}

// profiled has the gateway write down where its processor time goes.
func (b *bench) profiled(w *way) error {
	if b.profile == "" {
		return nil
	}
	if err := os.MkdirAll(b.profile, 0o755); err != nil {
		return err
	}
	return w.process.Tell("cpu " + b.profile + "/" + strconv.Itoa(os.Getpid()) + ".cpu")
}

func (b *bench) unprofiled(w *way) error {
	if b.profile == "" {
		return nil
	}
	return w.process.Tell("end")
}
