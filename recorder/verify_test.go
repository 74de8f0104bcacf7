package recorder

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// shelved makes a recording of two tracks with some segments each.
func shelved(t *testing.T, r rig) (folder string) {
	t.Helper()
	w, rec, a := r.begin(t, pty)
	b, err := rec.Track(Header{Kind: "exec", Command: "x"})
	must(t, err)
	for n := range 3 {
		must(t, a.Output(bytes.Repeat([]byte{'a' + byte(n)}, 270000)))
		must(t, b.Output(bytes.Repeat([]byte{'A' + byte(n)}, 270000)))
	}
	closed(t, rec)
	return r.folder(t, w.ID)
}

// again copies a recording.
func again(t *testing.T, folder string) string {
	t.Helper()
	f := filepath.Join(t.TempDir(), filepath.Base(folder))
	must(t, os.CopyFS(f, os.DirFS(folder)))
	return f
}

func TestVerifyFindsEveryChange(t *testing.T) {
	r := newRig(t)
	one, other := shelved(t, r), shelved(t, r)
	stranger := newRig(t)
	swap := func(t *testing.T, a, b string) {
		must(t, os.Rename(a, a+".x"))
		must(t, os.Rename(b, a))
		must(t, os.Rename(a+".x", b))
	}
	for _, row := range []struct {
		name       string
		change     func(t *testing.T, f string)
		step, file string
	}{
		{"nothing", func(*testing.T, string) {}, "", ""},
		{"the key is destroyed", func(t *testing.T, f string) { must(t, os.Remove(f+"/key.age")) }, "", ""},
		{"a bit in a box", func(t *testing.T, f string) { flip(t, f+"/pty0/000001.seg", 150) }, "hash", "pty0/000001.seg"},
		{"a bit in a head", func(t *testing.T, f string) { flip(t, f+"/exec1/000000.seg", 60) }, "hash", "exec1/000000.seg"},
		{"a dropped segment", func(t *testing.T, f string) { must(t, os.Remove(f+"/pty0/000001.seg")) }, "files", "pty0/000001.seg"},
		{"the last segment dropped", func(t *testing.T, f string) { must(t, os.Remove(f+"/exec1/000003.seg")) }, "files", "exec1/000003.seg"},
		{"a dropped track", func(t *testing.T, f string) { must(t, os.RemoveAll(f+"/pty0")) }, "files", "pty0/000000.seg"},
		{"swapped segments", func(t *testing.T, f string) { swap(t, f+"/pty0/000001.seg", f+"/pty0/000002.seg") }, "hash", "pty0/000001.seg"},
		{"swapped between tracks", func(t *testing.T, f string) { swap(t, f+"/pty0/000000.seg", f+"/exec1/000000.seg") }, "hash", "pty0/000000.seg"},
		{"swapped tracks", func(t *testing.T, f string) { swap(t, f+"/pty0", f+"/exec1") }, "hash", "pty0/000000.seg"},
		{"a doubled segment", func(t *testing.T, f string) { copyFile(t, f+"/pty0/000000.seg", f+"/pty0/000009.seg") }, "files", "pty0/000009.seg"},
		{"one segment over another", func(t *testing.T, f string) { copyFile(t, f+"/pty0/000000.seg", f+"/pty0/000001.seg") }, "hash", "pty0/000001.seg"},
		{"a truncated segment", func(t *testing.T, f string) { must(t, os.Truncate(f+"/pty0/000002.seg", 200)) }, "hash", "pty0/000002.seg"},
		{"an emptied segment", func(t *testing.T, f string) { must(t, os.Truncate(f+"/pty0/000002.seg", 0)) }, "hash", "pty0/000002.seg"},
		{"a longer segment", func(t *testing.T, f string) { must(t, os.Truncate(f+"/pty0/000002.seg", 400000)) }, "hash", "pty0/000002.seg"},
		{"an endless segment", func(t *testing.T, f string) { must(t, os.Truncate(f+"/pty0/000002.seg", 1<<40)) }, "files", "pty0/000002.seg"},
		{"a foreign segment", func(t *testing.T, f string) { copyFile(t, other+"/pty0/000001.seg", f+"/pty0/000001.seg") }, "hash", "pty0/000001.seg"},
		{"a link for a segment", func(t *testing.T, f string) {
			must(t, os.Rename(f+"/pty0/000001.seg", f+".seg"))
			must(t, os.Symlink(f+".seg", f+"/pty0/000001.seg"))
		}, "files", "pty0/000001.seg"},
		{"an extra file", func(t *testing.T, f string) { must(t, os.WriteFile(f+"/note", nil, 0o600)) }, "files", "note"},
		{"an extra folder", func(t *testing.T, f string) { must(t, os.Mkdir(f+"/pty2", 0o700)) }, "files", "pty2"},
		{"a journal", func(t *testing.T, f string) { must(t, os.WriteFile(f+"/open", nil, 0o600)) }, "files", "open"},
		{"another key", func(t *testing.T, f string) { copyFile(t, other+"/key.age", f+"/key.age") }, "key", "key.age"},
		{"no manifest", func(t *testing.T, f string) { must(t, os.Remove(f+"/manifest")) }, "manifest", "manifest"},
		{"another session's manifest", func(t *testing.T, f string) { copyFile(t, other+"/manifest", f+"/manifest") }, "session", "manifest"},
		{"another session's folder", func(t *testing.T, f string) {
			must(t, os.RemoveAll(f))
			must(t, os.CopyFS(f, os.DirFS(other)))
		}, "session", "manifest"},
		{"a manifest edited", func(t *testing.T, f string) { edit(t, f, "client left", "nobody left") }, "signature", "manifest"},
		{"a stranger's manifest", func(t *testing.T, f string) { resign(t, f, r, stranger, func(*Manifest) {}) }, "signature", "manifest"},
		{"signed for fewer segments", func(t *testing.T, f string) {
			resign(t, f, r, r, func(m *Manifest) { m.Segments = m.Segments[:len(m.Segments)-1] })
		}, "files", "exec1/000003.seg"},
		{"signed for another order", func(t *testing.T, f string) {
			resign(t, f, r, r, func(m *Manifest) { m.Segments[0], m.Segments[1] = m.Segments[1], m.Segments[0] })
		}, "chain", "exec1/000000.seg"},
		{"signed for a forged chain", func(t *testing.T, f string) {
			copyFile(t, f+"/pty0/000001.seg", f+"/pty0/000002.seg")
			resign(t, f, r, r, func(m *Manifest) {
				for i, s := range m.Segments {
					if s.Name() == "pty0/000002.seg" {
						seg, err := os.ReadFile(f + "/" + s.Name())
						must(t, err)
						m.Segments[i] = segmentOf(head{track: "pty0", number: 2}, seg)
					}
				}
			})
		}, "chain", "pty0/000002.seg"},
		{"signed for a track less", func(t *testing.T, f string) {
			resign(t, f, r, r, func(m *Manifest) { m.Tracks = m.Tracks[:1] })
		}, "chain", "exec1/000000.seg"},
		{"signed for another root", func(t *testing.T, f string) {
			resign(t, f, r, r, func(m *Manifest) { m.Root = "bm90IGEgcm9vdA==" })
		}, "root", "manifest"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := again(t, one)
			row.change(t, f)
			m, err := Verify(f, r.Verifier)
			if row.step == "" {
				if err != nil || m.Erased != (row.name != "nothing") {
					t.Errorf("got %v, erased %t", err, m.Erased)
				}
				return
			}
			var got *StepError
			if !errors.As(err, &got) || got.Step != row.step || got.File != row.file ||
				!strings.HasPrefix(err.Error(), "verify recording: "+row.step+" of "+row.file+": ") {
				t.Errorf("got %v, want step %s of %s", err, row.step, row.file)
			}
		})
	}
}

// edit changes a word of the manifest.
func edit(t *testing.T, folder, from, to string) {
	t.Helper()
	b, err := os.ReadFile(folder + "/manifest")
	must(t, err)
	must(t, os.WriteFile(folder+"/manifest", bytes.Replace(b, []byte(from), []byte(to), 1), 0o600))
}

// resign is what a thief of a signing key could do.
func resign(t *testing.T, folder string, reader, by rig, change func(*Manifest)) {
	t.Helper()
	b, err := os.ReadFile(folder + "/manifest")
	must(t, err)
	m, err := openManifest(b, reader.Verifier)
	must(t, err)
	change(&m)
	b, err = m.sign(by.Signer)
	must(t, err)
	must(t, os.WriteFile(folder+"/manifest", b, 0o600))
}

func TestPlaybackStopsWhereARecordingWasChanged(t *testing.T) {
	r := newRig(t)
	one := shelved(t, r)
	for _, row := range []struct {
		name   string
		change func(f string)
		says   string
	}{
		{"a bit in a box", func(f string) { flip(t, f+"/pty0/000001.seg", 150) }, "open segment pty0/000001.seg: the key does not open it"},
		{"a bit in a head", func(f string) { flip(t, f+"/pty0/000001.seg", 65) }, "open segment pty0/000001.seg: the key does not open it"},
		{"a dropped segment", func(f string) { must(t, os.Remove(f+"/pty0/000001.seg")) }, "read segment pty0/000001.seg"},
		{"the last dropped", func(f string) { must(t, os.Remove(f+"/pty0/000003.seg")) }, "read segment pty0/000003.seg"},
		{"a segment twice", func(f string) { copyFile(t, f+"/pty0/000001.seg", f+"/pty0/000002.seg") }, "open segment pty0/000002.seg: it is not the one that follows"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := again(t, one)
			row.change(f)
			p, err := Open(f, r.id)
			must(t, err)
			var last error
			for _, err := range p.Events("pty0") {
				last = err
			}
			if last == nil || !strings.Contains(last.Error(), row.says) {
				t.Errorf("got %v, want %s", last, row.says)
			}
			if len(events(t, p, "exec1")) == 0 {
				t.Error("the other track does not play")
			}
		})
	}
}

func TestOnlyItsReadersOpenARecording(t *testing.T) {
	r := newRig(t)
	f := shelved(t, r)
	if _, err := Open(f, newRig(t).id); err == nil {
		t.Error("a stranger opened it")
	}
	must(t, os.Remove(f+"/key.age"))
	if _, err := Open(f, r.id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without its key: got %v", err)
	}
}

func TestFindTakesOnlySessionIDs(t *testing.T) {
	r := newRig(t)
	w, _ := r.record(t, pty, func(*Track) {})
	if got, err := Find(r.Dir, w.ID); err != nil || filepath.Base(got) != w.ID {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := Find(r.Dir, NewID(time.Now())); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of another session: got %v", err)
	}
	for _, id := range []string{"", ".", "..", "../" + w.ID, strings.ToLower(w.ID), w.ID + "/", w.ID[:25], w.ID[:25] + "U", w.ID[:25] + "\x00"} {
		if got, err := Find(r.Dir, id); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: got %q, %v", id, got, err)
		}
	}
	outside := t.TempDir()
	link := NewID(time.Now())
	must(t, os.Symlink(outside, filepath.Join(filepath.Dir(r.folder(t, w.ID)), link)))
	if got, err := Find(r.Dir, link); err == nil {
		t.Errorf("it followed a link to %s", got)
	}
}

func TestNewIDsSortByTimeAndDiffer(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	last := ""
	for n := range 100 {
		id := NewID(at.Add(time.Duration(n) * time.Millisecond))
		if err := checkID(id); err != nil || id <= last {
			t.Errorf("got %q after %q, %v", id, last, err)
		}
		last = id
	}
	if one, other := NewID(at), NewID(at); one == other {
		t.Error("two are the same")
	}
}
