package wire

import (
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWhatCannotBeSentYetIsNotPiledUpInTheSystem(t *testing.T) {
	ours, _ := pair(t, new(Pool)) // nobody reads the other end
	var wg sync.WaitGroup
	wg.Go(func() {
		p := make([]byte, 1<<20)
		for {
			if _, err := ours.Write(p); err != nil {
				return
			}
		}
	})
	for full := false; !full; runtime.Gosched() {
		ours.mu.Lock()
		full = ours.n == queued
		ours.mu.Unlock()
	}
	n, most := 0, 0
	err := ours.raw.Control(func(fd uintptr) {
		n, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQNSD)
		most, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT)
	})
	_ = ours.Close()
	wg.Wait()
	if err != nil || most != unsent || n > 2*unsent {
		t.Errorf("%d bytes wait to be sent, at most %d: %v", n, most, err)
	}
}
