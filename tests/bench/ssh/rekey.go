package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// rekey carries bytes there and back while both ends exchange keys after every
// 64 KiB, and counts how often they did. With what they like best that is an
// hour of arithmetic, nearly all of it theirs.
func (b *bench) rekey() error {
	b.size = min(b.size, 100<<20)
	b.sshd = "RekeyLimit 64K\nKexAlgorithms curve25519-sha256\n"
	all, err := b.ways()
	if err != nil {
		return err
	}
	defer func() { _ = stop(all) }() // their folders go with the bench
	file, err := b.random()
	if err != nil {
		return err
	}
	for _, w := range all[:2] { // direct, and the gateway
		n, took, err := b.exchanged(w.ssh("-o", "LogLevel=DEBUG1", "-o", "RekeyLimit=64K", "-o", "KexAlgorithms=curve25519-sha256", "-o", gcm, "cat"), file)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		b.Add("rekeys, both ways", w.name, "", float64(n))
		b.Add("there and back with them", w.name, "MiB/s", float64(b.size>>20)/took.Seconds())
	}
	return nil
}

func (b *bench) exchanged(c *exec.Cmd, file string) (n int, took time.Duration, err error) {
	in, err := os.Open(file)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = in.Close() }() // read only
	want, got := sha256.New(), sha256.New()
	var says bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = io.TeeReader(in, want), got, &says
	began := time.Now()
	if err := c.Run(); err != nil {
		return 0, 0, fmt.Errorf("%w: %s", err, says.Bytes()[max(0, says.Len()-1000):])
	}
	took = time.Since(began)
	if !bytes.Equal(want.Sum(nil), got.Sum(nil)) {
		return 0, took, fmt.Errorf("other bytes came back than went")
	}
	return strings.Count(says.String(), "SSH2_MSG_KEXINIT sent") - 1, took, nil
}
