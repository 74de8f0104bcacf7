package proof_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"lockbox/recorder/proof"
)

func nothing(int64, []byte) error { return nil }

func TestAWholeLogHashesToItsRoot(t *testing.T) {
	defer goleak.VerifyNone(t)
	log := newKey(t, origin)
	for _, n := range []int{0, 1, 2, 3, 255, 256, 257, 511, 512, 1000, 65535, 65536, 65537, 70000} {
		f := grow(t, n)
		files := f.files(t, log)
		w := proof.Whole{Files: files}
		c := must(proof.Open(must(w.Checkpoint())(t), origin, log.Verifier))(t)
		next := int64(0)
		err := w.Verify(c, func(i int64, leaf []byte) error {
			if i != next || !bytes.Equal(leaf, f.leaves[i]) {
				return fmt.Errorf("got entry %d, %q", i, leaf)
			}
			next++
			return nil
		})
		if err != nil || next != int64(n) {
			t.Errorf("%d entries: got %d, %v", n, next, err)
		}
		for _, old := range []int64{0, 1, 2, int64(n) / 3, int64(n) / 2, int64(n) - 1, int64(n)} {
			if old >= 0 && old <= int64(n) {
				g := must(w.Growth(c, old))(t)
				fails(t, g.Holds(f.checkpoint(t, old, log), c), "")
			}
		}
		if n == 70000 && len(files) != 1+274+274+2+1 { // the example of C2SP tlog-tiles
			t.Errorf("got %d files", len(files))
		}
	}
}

func TestEveryFileOfAWholeLogIsHeldAgainstTheRoot(t *testing.T) {
	defer goleak.VerifyNone(t)
	log, f := newKey(t, origin), grow(t, 600)
	c := f.checkpoint(t, 600, log)
	for name := range f.files(t, log) {
		if name == "checkpoint" {
			continue
		}
		kind := "hash 0 of " + name
		if strings.HasPrefix(name, "tile/entries") {
			kind = name
		}
		for what, spoil := range map[string]func(fstest.MapFS){
			kind:                     func(m fstest.MapFS) { m[name].Data[0] ^= 1 },
			name + " is missing":     func(m fstest.MapFS) { delete(m, name) },
			name:                     func(m fstest.MapFS) { m[name].Data = m[name].Data[:len(m[name].Data)-1] },
			name + " ":               func(m fstest.MapFS) { m[name].Data = append(m[name].Data, 0) },
			name + " has":            func(m fstest.MapFS) { m[name].Data = make([]byte, 20<<20) },
			name + " is not a plain": func(m fstest.MapFS) { m[name].Mode = os.ModeNamedPipe },
		} {
			m := f.files(t, log)
			spoil(m)
			fails(t, proof.Whole{Files: m}.Verify(c, nothing), strings.TrimSuffix(what, " "))
		}
	}
}

func TestWhatALogHasNotIsRefused(t *testing.T) {
	log, f := newKey(t, origin), grow(t, 600)
	c := f.checkpoint(t, 600, log)
	for _, name := range []string{
		"README", "tile/0/000.p/12", "tile/0/003", "tile/1/000", "tile/2/000.p/1", "tile/0/002.p/089", "tile/entries/002.p/87",
		"tile/00/000", "tile/-1/002.p/88", "tile/0/0", "tile/0/x000/001", "tile/64/000", "tile/entries/002", "tile/0/000.p/256", "checkpoint.old", "tile/0/1e3",
	} {
		m := f.files(t, log)
		m[name] = &fstest.MapFile{Data: []byte("x")}
		fails(t, proof.Whole{Files: m}.Verify(c, nothing), fmt.Sprintf("%q is no file of a log of 600 entries", name))
	}
}

func TestEntriesCannotBeMovedAcrossTheirLengths(t *testing.T) {
	log, f := newKey(t, origin), grow(t, 300)
	c := f.checkpoint(t, 300, log)
	const at = "tile/entries/001.p/44"
	first := 2 + len(f.leaves[256])
	for what, spoil := range map[string]func([]byte) []byte{
		"is not 44 entries":     func(b []byte) []byte { return append(b, 0, 0) },
		"it has 43 entries":     func(b []byte) []byte { return b[first:] },
		"it is not 44 entries":  func(b []byte) []byte { b[0] = 0xff; return b },
		"hash 0 of tile/0/001":  func(b []byte) []byte { b[0], b[1] = 0, 0; b[2], b[3] = 0, byte(first-4); return b },
		"hash 1 of tile/0/001.": func(b []byte) []byte { return append(append(b[:first:first], b[:first]...), b[2*first:]...) },
	} {
		m := f.files(t, log)
		m[at].Data = spoil(m[at].Data)
		err := proof.Whole{Files: m}.Verify(c, nothing)
		if err == nil || !strings.Contains(err.Error(), what) && !strings.Contains(err.Error(), at) {
			t.Errorf("got %v, want %q", err, what)
		}
	}
}

func TestAWholeLogStopsWhereItIsToldTo(t *testing.T) {
	defer goleak.VerifyNone(t)
	log, f := newKey(t, origin), grow(t, 5000)
	stop := errors.New("enough")
	err := proof.Whole{Files: f.files(t, log)}.Verify(f.checkpoint(t, 5000, log), func(i int64, _ []byte) error {
		if i == 300 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

func TestGrowthIsNotProvenOutOfTilesThatDoNotHold(t *testing.T) {
	log, f := newKey(t, origin), grow(t, 1000)
	c := f.checkpoint(t, 1000, log)
	m := f.files(t, log)
	m["tile/0/001"].Data[32*100] ^= 1
	_, err := proof.Whole{Files: m}.Growth(c, 300)
	fails(t, err, "inconsistent tile")
	_, err = proof.Whole{Files: m}.Growth(c, 1001)
	fails(t, err, "did not grow from 1001")
	_, err = proof.Whole{Files: m}.Growth(c, -1)
	fails(t, err, "did not grow from -1")
}

func TestAnEntryTooLongForABundleIsRefused(t *testing.T) {
	_, err := proof.AppendEntry(nil, make([]byte, 65536))
	fails(t, err, "at most 65535")
}

// unpack writes files into a folder.
func unpack(t testing.TB, files fstest.MapFS) string {
	t.Helper()
	dir := t.TempDir()
	for name, f := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAFolderAndATarAreTheSameLog(t *testing.T) {
	log, f := newKey(t, origin), grow(t, 1300)
	c, files := f.checkpoint(t, 1300, log), f.files(t, log)
	dir := must(os.OpenRoot(unpack(t, files)))(t)
	defer func() { _ = dir.Close() }() // read only
	fails(t, proof.Whole{Files: dir.FS()}.Verify(c, nothing), "")

	b := pack(t, files)
	tarred := must(proof.Tar(bytes.NewReader(b), int64(len(b))))(t)
	fails(t, proof.Whole{Files: tarred}.Verify(c, nothing), "")
	var names []string
	for name := range files {
		names = append(names, name)
	}
	if err := fstest.TestFS(tarred, names...); err != nil {
		t.Error(err)
	}
}

func TestALinkOutOfTheFolderIsNotFollowed(t *testing.T) {
	log, f := newKey(t, origin), grow(t, 10)
	dir := unpack(t, f.files(t, log))
	at := filepath.Join(dir, "tile", "0", "000.p", "10")
	out := filepath.Join(t.TempDir(), "x")
	if err := errors.Join(os.Rename(at, out), os.Symlink(out, at)); err != nil {
		t.Fatal(err)
	}
	root := must(os.OpenRoot(dir))(t)
	defer func() { _ = root.Close() }() // read only
	fails(t, proof.Whole{Files: root.FS()}.Verify(f.checkpoint(t, 10, log), nothing), "tile/0/000.p/10")
}

// cpu is the time that the process has computed.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkWhole(b *testing.B) {
	const n = 1 << 18
	log, f := newKey(b, origin), &forest{}
	for i := range n {
		f.leaves = append(f.leaves, fmt.Appendf(nil, `{"v":1,"seq":%d,"at":"2026-11-21T12:00:00.123456789Z","kind":"request.made","x":%q}`, i, strings.Repeat("x", 400)))
	}
	f.hashes = hashAll(b, f.leaves)
	c, packed := f.checkpoint(b, n, log), pack(b, f.files(b, log))
	at := filepath.Join(b.TempDir(), "log.tar")
	if err := os.WriteFile(at, packed, 0o600); err != nil {
		b.Fatal(err)
	}
	file := must(os.Open(at))(b)
	defer func() { _ = file.Close() }() // read only
	b.ReportAllocs()
	for b.Loop() {
		began, busy := time.Now(), cpu(b)
		files := must(proof.Tar(file, int64(len(packed))))(b)
		if err := (proof.Whole{Files: files}).Verify(c, nothing); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(n/time.Since(began).Seconds(), "entries/s")
		b.ReportMetric(n/(cpu(b)-busy).Seconds(), "entries/cpu-s") // whoever else keeps the machine busy
	}
	b.ReportMetric(float64(len(packed))/n, "B/entry")
}
