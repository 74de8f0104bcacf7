package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
)

const (
	shutdown   = 0x8004587d // EXT4_IOC_SHUTDOWN
	noLogFlush = 2          // what is not on the disk yet is gone
	freeze     = 0xc0045877 // FIFREEZE
	thaw       = 0xc0045878 // FITHAW
)

// A disk is a file with a file system that syncs nothing of its own accord.
type disk struct {
	t          *testing.T
	image, dir string
	mounted    bool
}

func newDisk(t *testing.T) *disk {
	t.Helper()
	d := &disk{t: t, image: filepath.Join(t.TempDir(), "image"), dir: filepath.Join(t.TempDir(), "disk")}
	f, err := os.Create(d.image)
	if err == nil {
		err = f.Truncate(256 << 20)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(d.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	d.command("mkfs.ext4", "-q", "-F", d.image)
	t.Cleanup(d.unmount)
	d.mount()
	return d
}

func (d *disk) command(name string, args ...string) {
	d.t.Helper()
	c := exec.CommandContext(context.WithoutCancel(d.t.Context()), name, args...) // also when the test is over
	if out, err := c.CombinedOutput(); err != nil {
		d.t.Fatalf("%s %s: %v: %s (power cuts need root and loop devices)", name, strings.Join(args, " "), err, out)
	}
}

// mount takes a loop device, which goes when it is unmounted.
func (d *disk) mount() {
	d.t.Helper()
	d.command("mount", "-t", "ext4", "-o", "loop,commit=1000", d.image, d.dir)
	d.mounted = true
}

func (d *disk) unmount() {
	if d.mounted {
		d.mounted = false
		d.command("umount", d.dir)
	}
}

func (d *disk) ioctl(request uint, value int) {
	d.t.Helper()
	f, err := os.Open(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // read only
	if err := unix.IoctlSetPointerInt(int(f.Fd()), request, value); err != nil {
		d.t.Fatal(err)
	}
}

// cut takes the power away, and gives it back.
func (d *disk) cut(between func()) {
	d.t.Helper()
	d.ioctl(shutdown, noLogFlush)
	between()
	d.unmount()
	d.mount()
}

func TestWhatWasAcknowledgedSurvivesPowerCuts(t *testing.T) {
	n, all := runs(t, "LOCKBOX_CUTS", 0), tally{}
	var d *disk
	var a *acks
	for i := range n {
		if i%lives == 0 {
			if d != nil {
				d.unmount()
				_ = os.Remove(d.image)
			}
			d, a = newDisk(t), newAcks()
		}
		before, path := a.writes, filepath.Join(d.dir, "ledger.db")
		after := time.Duration(rand.Int64N(int64(500 * time.Millisecond)))
		if i%3 == 2 { // killed first, and opened: what is seen then counts too
			killed(t, path, a, after)
			if _, err := a.check(path); err != nil {
				t.Fatalf("kill before cut %d: %v (kept: %s)", i+1, err, keep(t, path))
			}
			d.cut(func() {})
		} else {
			cutWhileWriting(t, d, path, a, after)
		}
		all.notes += len(a.notes)
		took, err := a.check(path)
		if err != nil {
			t.Fatalf("cut %d: %v (kept: %s)", i+1, err, keep(t, path))
		}
		all.add(took)
		all.writes += a.writes - before
	}
	report(t, "power cut", n, 10*n, all)
}

func cutWhileWriting(t *testing.T, d *disk, path string, a *acks, after time.Duration) {
	t.Helper()
	c, heard := start(t, path, a)
	<-time.After(after)
	d.cut(func() {
		_ = c.Process.Kill() // it may have ended, for its disk is gone
		if err := <-heard; err != nil {
			t.Fatal(err)
		}
		_ = c.Wait() // by the kill, or because of the disk
	})
}

// It would prove nothing if the disk kept what nobody synced.
func TestAPowerCutTakesWhatIsNotSynced(t *testing.T) {
	if runs(t, "LOCKBOX_CUTS", 0) == 0 {
		return
	}
	d := newDisk(t)
	for name, sync := range map[string]bool{"synced": true, "not": false} {
		f, err := os.Create(filepath.Join(d.dir, name))
		if err == nil {
			_, err = f.WriteString(name)
		}
		if err == nil && sync {
			err = f.Sync()
		}
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		if sync { // else its sync takes the other along
			d.cut(func() {})
		}
	}
	d.cut(func() {})
	for name, want := range map[string]string{"synced": "synced", "not": ""} {
		if b, _ := os.ReadFile(filepath.Join(d.dir, name)); string(b) != want {
			t.Errorf("%s: got %q, want %q", name, b, want)
		}
	}
}

// A process that is killed leaves in the machine's memory what it did not get
// to sync. Whoever opens the file sees it, so that it counts from then on.
func TestWhatIsSeenAfterAKillSurvivesAPowerCut(t *testing.T) {
	if runs(t, "LOCKBOX_CUTS", 0) == 0 {
		return
	}
	d := newDisk(t)
	path := filepath.Join(d.dir, "ledger.db")
	see := func(want string) {
		t.Helper()
		e, err := boltengine.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		err = e.View(t.Context(), func(r ledger.Reader) error {
			v, err := r.Get([]byte("k"))
			if string(v) != want {
				t.Errorf("got %q, want %q", v, want)
			}
			return err
		})
		if err := errors.Join(err, e.Close()); err != nil {
			t.Fatal(err)
		}
	}
	see("")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("ledger")).Put([]byte("k"), []byte("v")) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	see("v")
	d.cut(func() {})
	see("v")
}

// A frozen file system hangs who writes, for real.
func TestAFrozenDiskStopsNoView(t *testing.T) {
	if runs(t, "LOCKBOX_CUTS", 0) == 0 {
		return
	}
	d := newDisk(t)
	e, err := boltengine.Open(filepath.Join(d.dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	put := func(ctx context.Context, v string) error {
		return e.Update(ctx, func(w ledger.Writer) error { return w.Put([]byte("k"), []byte(v)) })
	}
	if err := put(t.Context(), "old"); err != nil {
		t.Fatal(err)
	}
	d.ioctl(freeze, 0)
	thawed := false
	defer func() {
		if !thawed {
			d.ioctl(thaw, 0)
		}
	}()
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	if err := put(ctx, "new"); err == nil || !strings.Contains(err.Error(), "not known yet") {
		t.Errorf("Update: got %v", err)
	}
	for range 100 {
		began := time.Now()
		err := e.View(t.Context(), func(r ledger.Reader) error {
			v, err := r.Get([]byte("k"))
			if string(v) != "old" {
				err = fmt.Errorf("got %s, want old", v)
			}
			return err
		})
		if took := time.Since(began); err != nil || took > time.Second {
			t.Fatalf("View: %v after %s", err, took)
		}
	}
	d.ioctl(thaw, 0)
	thawed = true
	if err := put(t.Context(), "newer"); err != nil {
		t.Error(err)
	}
}
