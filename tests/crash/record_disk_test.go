package crash

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A place is a file system for recordings that can be taken away.
type place struct {
	t     *testing.T
	dir   string
	image string // of an ext4; "" for a tmpfs
	stop  func() // ends fill
}

func (p *place) command(name string, args ...string) {
	p.t.Helper()
	c := exec.CommandContext(context.WithoutCancel(p.t.Context()), name, args...) // also when the test is over
	if out, err := c.CombinedOutput(); err != nil {
		p.t.Fatalf("%s %s: %v: %s (this needs root)", name, strings.Join(args, " "), err, out)
	}
}

// newTmpfs mounts so many MiB of memory.
func newTmpfs(t *testing.T, mib int) *place {
	t.Helper()
	p := &place{t: t, dir: filepath.Join(t.TempDir(), "disk")}
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p.command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm,mode=700", mib), "tmpfs", p.dir)
	t.Cleanup(p.unmount)
	return p
}

// newExt4 mounts a file system that goes read-only at the first error.
func newExt4(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, dir: filepath.Join(t.TempDir(), "disk"), image: filepath.Join(t.TempDir(), "image")}
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(p.image, 64<<20); err != nil {
		t.Fatal(err)
	}
	p.command("mkfs.ext4", "-q", "-F", p.image)
	p.command("mount", "-t", "ext4", "-o", "loop,errors=remount-ro", p.image, p.dir)
	t.Cleanup(p.unmount)
	return p
}

func (p *place) unmount() {
	c := exec.CommandContext(context.WithoutCancel(p.t.Context()), "umount", "--lazy", p.dir)
	_ = c.Run() // it may be unmounted already
}

// fill leaves not a byte, and takes what a session that ends lets go, until free.
func (p *place) fill() {
	p.t.Helper()
	f, err := os.Create(filepath.Join(p.dir, "filler"))
	if err != nil {
		p.t.Fatal(err)
	}
	stuff(f)
	ctx, stop := context.WithCancel(p.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		defer func() { _ = f.Close() }() // it is full
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			stuff(f)
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	p.stop = func() { stop(); wg.Wait() }
	p.t.Cleanup(p.stop)
}

// stuff writes until there is no room for a byte.
func stuff(f *os.File) {
	for b := make([]byte, 64<<10); len(b) > 0; {
		if _, err := f.Write(b); err != nil {
			b = b[:len(b)/2]
		}
	}
}

func (p *place) free() {
	p.stop()
	if err := os.Remove(filepath.Join(p.dir, "filler")); err != nil {
		p.t.Error(err)
	}
}

// fail has the file system find an error in itself, as of a dying disk: it goes read-only under whoever writes.
func (p *place) fail() {
	p.t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(p.dir, &st); err != nil {
		p.t.Fatal(err)
	}
	dev, err := os.Readlink(fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)))
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile("/sys/fs/ext4/"+filepath.Base(dev)+"/trigger_fs_error", []byte("1"), 0); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) ioctl(request uint, value int) {
	p.t.Helper()
	f, err := os.Open(p.dir)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // read only
	if err := unix.IoctlSetPointerInt(int(f.Fd()), request, value); err != nil {
		p.t.Fatal(err)
	}
}

// A mishap happens to the disk under sessions.
type mishap struct {
	name  string
	place func(*testing.T) *place
	strike,
	mend func(*place) // mend nil: nothing can be recorded there any more
	gone bool // and what was there cannot be read
}

func tmpfs2(t *testing.T) *place { return newTmpfs(t, 2) }

func mishaps() []mishap {
	return []mishap{
		{"it is full", tmpfs2, (*place).fill, (*place).free, false},
		{"it goes read-only", newExt4, (*place).fail, nil, true},
		{"it is gone", newExt4, func(p *place) { p.ioctl(shutdown, noLogFlush) }, nil, true},
		{"it hangs", newExt4, func(p *place) { p.ioctl(freeze, 0) }, func(p *place) { p.ioctl(thaw, 0) }, false},
		{"the folder is removed", tmpfs2, func(p *place) {
			if err := os.RemoveAll(filepath.Join(p.dir, "recordings")); err != nil {
				p.t.Fatal(err)
			}
		}, nil, true},
		{"it is unmounted", newExt4, (*place).unmount, nil, true},
		{"a file stands in its place", tmpfs2, func(p *place) {
			folder := filepath.Join(p.dir, "recordings")
			if err := os.Rename(folder, folder+".away"); err != nil {
				p.t.Fatal(err)
			}
			if err := os.WriteFile(folder, nil, 0o600); err != nil {
				p.t.Fatal(err)
			}
		}, func(p *place) {
			folder := filepath.Join(p.dir, "recordings")
			if err := os.Remove(folder); err != nil {
				p.t.Fatal(err)
			}
			if err := os.Rename(folder+".away", folder); err != nil {
				p.t.Fatal(err)
			}
		}, false},
	}
}

// TestG02WhatHappensToTheDisk: sessions are under way when the disk goes. Each is
// frozen, told why in a line and ended within a second of it; nothing was shown
// that is missing but the last second; the gateway lives, opens nothing while it
// cannot record, and goes on when it can.
func TestG02WhatHappensToTheDisk(t *testing.T) {
	if runs(t, "LOCKBOX_FAULTS", 0) == 0 {
		return
	}
	for _, m := range mishaps() {
		t.Run(m.name, func(t *testing.T) { m.test(t) })
	}
}

func (m mishap) test(t *testing.T) {
	p := m.place(t)
	h := newHouse(t, filepath.Join(p.dir, "recordings"))
	all := h.three()
	struck := time.Now()
	m.strike(p)
	for i, v := range all {
		select {
		case <-v.done:
		case <-time.After(20 * time.Second):
			t.Fatalf("terminal %d goes on, %s after the disk went", i, time.Since(struck))
		}
		after := func(at time.Time) time.Duration { return at.Sub(struck).Round(time.Millisecond) }
		t.Logf("terminal %d: the last line %s, why %s, the end %s after the disk went", i, after(v.last), after(v.told), after(v.over))
		if took := v.over.Sub(v.last); took > 3*time.Second {
			t.Errorf("terminal %d: it ended %s after its last line", i, took)
		}
		if !strings.Contains(v.String(), "the recorder cannot write") {
			t.Errorf("terminal %d was not told:\n%.400q", i, v)
		}
	}
	if m.mend == nil {
		if v, err := h.enter("echo in"); err == nil && until(5*time.Second, func() bool { return strings.Contains(v.String(), "\r\nin\r\n") }) {
			t.Error("somebody is in unrecorded")
		}
	} else {
		m.mend(p)
		h.opens()
	}
	if m.gone {
		h.ended = true
		if err := h.Kill(); err != nil {
			t.Error("the gateway did not live: ", err)
		}
		return
	}
	h.kill()
	for i, id := range sessionsIn(t, h.dir)[:len(all)] {
		text, err := h.played(id)
		if err != nil {
			t.Errorf("terminal %d: %v", i, err)
			continue
		}
		if shown, kept := all[i].ticks(), ticksIn(text); kept < shown-60 {
			t.Errorf("terminal %d: %d ticks were shown, %d are kept", i, shown, kept)
		}
	}
}

// three terminals tick.
func (h *house) three() (all []*visit) {
	h.t.Helper()
	for range 3 {
		v, err := h.enter(ticking)
		if err != nil {
			h.t.Fatalf("%v\n%s", err, h.log)
		}
		if !until(10*time.Second, func() bool { return v.ticks() > 5 }) {
			h.t.Fatalf("it shows\n%s\n%s", v, h.log)
		}
		all = append(all, v)
	}
	return all
}

// sick is how long a disk that has failed is not trusted with new sessions, and a little.
const sick = 40 * time.Second

// opens wants a session to be let in soon.
func (h *house) opens() {
	h.t.Helper()
	if !until(sick, func() bool {
		<-time.After(time.Second)
		v, err := h.enter("echo in-$((40+2))")
		if err != nil {
			return false
		}
		select {
		case <-v.done:
		case <-time.After(5 * time.Second):
		}
		return strings.Contains(v.String(), "in-42")
	}) {
		h.t.Errorf("nobody is let in any more\n%s", h.log)
	}
}

// TestTheDiskHeals: it is full for a third of a second. Nobody is sent away, and nothing is missing.
func TestTheDiskHeals(t *testing.T) {
	if runs(t, "LOCKBOX_FAULTS", 0) == 0 {
		return
	}
	for _, m := range mishaps() {
		if m.name != "it is full" && m.name != "it hangs" {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			p := m.place(t)
			h := newHouse(t, filepath.Join(p.dir, "recordings"))
			all := h.three()
			m.strike(p)
			<-time.After(300 * time.Millisecond)
			m.mend(p)
			for i, v := range all {
				now := v.ticks()
				if !until(10*time.Second, func() bool { return v.ticks() > now+50 }) {
					t.Errorf("terminal %d does not go on:\n%.400q\n%s", i, v, h.log)
				}
			}
			h.kill()
			for i, id := range sessionsIn(t, h.dir) {
				text, err := h.played(id)
				if shown, kept := all[i].ticks(), ticksIn(text); err != nil || kept < shown-60 {
					t.Errorf("terminal %d: %d ticks were shown, %d are kept, %v", i, shown, kept, err)
				}
			}
		})
	}
}
