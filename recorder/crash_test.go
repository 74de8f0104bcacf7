package recorder

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func rootOf(t testing.TB, folder string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(folder)
	must(t, err)
	t.Cleanup(func() { _ = root.Close() })
	return root
}

// recovered starts anew, and says what became of the session.
func recovered(t testing.TB, r rig, session string) Recovered {
	t.Helper()
	all, err := r.Recover()
	must(t, err)
	for _, got := range all {
		if got.Session.ID == session {
			return got
		}
	}
	t.Fatalf("session %s was not recovered: %+v", session, all)
	return Recovered{}
}

var errPower = errors.New("the power is cut")

// A power is cut before a step: what was written and not synced is gone, too;
// and of the names that were made, moved or removed in a folder that was not
// synced since, any may be as they were.
type power struct {
	left   int              // steps
	last   [2]string        // step and file
	size   map[string]int64 // written
	synced map[string]int64

	shelf, folder string // of the recording
	now           undone
	names         []undone // that were not synced, in order
}

// An undone step is taken back by back, which bears to be called in any order.
type undone struct {
	dir  string
	back func()
}

func newPower(r rig, w Session, steps int) *power {
	return &power{
		left: steps, size: map[string]int64{}, synced: map[string]int64{},
		shelf: r.Dir, folder: filepath.Join(r.Dir, w.Began.UTC().Format("2006"), w.Began.UTC().Format("01"), w.ID),
	}
}

// at is where a name is: on the shelf it begins with the year.
func (p *power) at(name string) string {
	if name[0] == '2' {
		return filepath.Join(p.shelf, name)
	}
	return filepath.Join(p.folder, name)
}

// undoing says how a step that is about to be done could be taken back.
func (p *power) undoing(op, name string) undone {
	path := p.at(name)
	u := undone{dir: filepath.Dir(name)}
	was, err := os.ReadFile(path)
	put := func(path string, data []byte) { _ = os.WriteFile(path, data, 0o600) } // its folder may be undone, too
	switch {
	case op == "mkdir":
		if _, err := os.Lstat(path); err != nil {
			u.back = func() { _ = os.RemoveAll(path) }
		}
	case (op == "create" || op == "fill") && err != nil:
		u.back = func() { _ = os.Remove(path) }
	case op == "remove" && err == nil:
		u.back = func() {
			put(path, was)
			p.size[name], p.synced[name] = int64(len(was)), int64(len(was))
		}
	case op == "rename":
		had, size := err == nil, p.synced[name]
		u.back = func() {
			_ = os.Rename(path, path+".tmp")
			if p.synced[name+".tmp"] = p.synced[name]; had {
				put(path, was)
				p.synced[name] = size
			}
		}
	}
	return u
}

// forget loses some of the names that were not synced.
func (p *power) forget(chance *rand.Rand) {
	all := chance.IntN(3) == 0
	for i := len(p.names) - 1; i >= 0; i-- {
		if all || chance.IntN(2) == 0 {
			p.names[i].back()
		}
	}
}

func (p *power) before(op, name string, n int) error {
	if p.now.back != nil { // it was done
		p.names = append(p.names, p.now)
		p.now = undone{}
	}
	switch p.last[0] { // it was done
	case "sync":
		p.names = slices.DeleteFunc(p.names, func(u undone) bool { return u.dir == p.last[1] })
		p.synced[p.last[1]] = p.size[p.last[1]]
	case "rename":
		p.synced[p.last[1]] = p.synced[p.last[1]+".tmp"]
		p.size[p.last[1]] = p.synced[p.last[1]]
	}
	p.last = [2]string{op, name}
	if p.left--; p.left < 0 {
		p.last = [2]string{}
		return errPower
	}
	p.now = p.undoing(op, name)
	switch op {
	case "create":
		p.size[name], p.synced[name] = 0, 0
	case "write":
		p.size[name] += int64(n)
	}
	return nil
}

// cut takes from the files of a recording what was not synced.
func (p *power) cut(t *testing.T, folder string) {
	t.Helper()
	must(t, filepath.WalkDir(folder, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(folder, name)
		if err != nil {
			return err
		}
		return os.Truncate(name, p.synced[rel])
	}))
}

// TestBrokenAtAnyStepItKeepsWhatWasDurable cuts the power before each step of a
// recording in turn, and starts anew.
func TestBrokenAtAnyStepItKeepsWhatWasDurable(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		brokenAtAnyStep(t, seed)
	}
}

func brokenAtAnyStep(t *testing.T, seed uint64) {
	t.Helper()
	chance := rand.New(rand.NewPCG(seed, 7))
	for stop := 0; ; stop++ {
		r, w := newRig(t), words()
		w.Began = time.Now()
		p := newPower(r, w, stop)
		r.before = p.before
		durable, err := scriptInTime(t, r, w)
		r.before = nil
		if err == nil {
			if all, rerr := r.Recover(); rerr != nil || len(all) != 0 {
				t.Errorf("a closed recording was recovered: %+v, %v", all, rerr)
			}
			t.Logf("%d steps", stop)
			return
		}
		if durable < 0 { // it never opened
			continue
		}
		if seed > 0 { // else every name stays
			p.forget(chance)
		}
		p.cut(t, r.folder(t, w.ID))
		all, rerr := r.Recover()
		must(t, rerr)
		if len(all) == 1 && (all[0].Err != nil || all[0].Lost) {
			t.Errorf("seed %d, step %d: got %+v", seed, stop, all[0])
			continue
		}
		if got := len(stream(r.played(t, w.ID), CodeOutput)); got < durable {
			t.Errorf("seed %d, step %d: got %d bytes, want the %d that were durable", seed, stop, got, durable)
		}
		if again, err := r.Recover(); err != nil || len(again) != 0 {
			t.Errorf("seed %d, step %d: recovered twice: %+v, %v", seed, stop, again, err)
		}
	}
}

// scriptInTime is script by a clock that does not wait for what is tried again.
func scriptInTime(t *testing.T, r rig, w Session) (durable int, err error) {
	t.Helper()
	enc, err := newEncoder()
	must(t, err)
	enc.EncodeAll([]byte("x"), nil)                          // what it makes at first use must not belong to that clock
	r.Shelf.enc, r.Shelf.live = enc, map[string]*Recording{} // as take does
	synctest.Test(t, func(t *testing.T) { durable, err = script(r, w) })
	return durable, err
}

// script is a recording that goes through every kind of step. It says how many
// bytes of the first track were durable when it ended; -1 if it never opened.
func script(r rig, w Session) (durable int, err error) {
	rec, err := r.Open(w, How{})
	if err != nil {
		return -1, err
	}
	defer func() { _, cerr := rec.Close("done"); err = errors.Join(err, cerr) }()
	a, err := rec.Track(pty)
	if err != nil {
		return -1, err
	}
	for n := range 3 {
		part := bytes.Repeat([]byte(strconv.Itoa(n)), 90000)
		if err := a.Output(part); err != nil {
			return durable, err
		}
		b, err := rec.Track(Header{Kind: "exec"}) // all before it is durable
		if err != nil {
			return durable, err
		}
		durable += len(part)
		if err := errors.Join(b.Output([]byte("hello")), b.Exit(0), b.Close()); err != nil {
			return durable, err
		}
	}
	return durable, nil
}

// TestRecoverBrokenAtAnyStepGoesOn stops the disk before each step of Recover in turn.
func TestRecoverBrokenAtAnyStepGoesOn(t *testing.T) {
	t.Parallel()
	for stop := 1; ; stop++ {
		r, steps := newRig(t), 0
		r.before = func(string, string, int) error {
			if steps++; steps > 32 { // in the middle of the script
				return errPower
			}
			return nil
		}
		w := words()
		durable, _ := scriptInTime(t, r, w)
		n := 0
		r.before = func(string, string, int) error {
			if n++; n == stop {
				return errPower
			}
			return nil
		}
		first := recovered(t, r, w.ID)
		if first.Err == nil {
			t.Logf("%d steps", stop-1)
			return
		}
		r.before = nil
		if all, err := r.Recover(); err != nil || len(all) > 1 || len(all) == 1 && all[0].Err != nil {
			t.Errorf("step %d: got %+v, %v", stop, all, err)
		}
		if got := len(stream(r.played(t, w.ID), CodeOutput)); got < durable || durable < 1 {
			t.Errorf("step %d: got %d bytes, want %d", stop, got, durable)
		}
	}
}

func TestRecoverGoesOnPastWhatItCannotRead(t *testing.T) {
	r := newRig(t)
	spoil := map[string]func(folder string){
		"journal gone":     func(f string) { must(t, os.Remove(f+"/open")) },
		"journal empty":    func(f string) { must(t, os.Truncate(f+"/open", 0)) },
		"journal foreign":  func(f string) { must(t, os.WriteFile(f+"/open", noise(5000), 0o600)) },
		"state flipped":    func(f string) { flip(t, f+"/open", 200) },
		"segment flipped":  func(f string) { flip(t, f+"/pty0/000000.seg", 150) },
		"segment gone":     func(f string) { must(t, os.Remove(f+"/pty0/000000.seg")) },
		"segment swapped":  func(f string) { must(t, os.Rename(f+"/pty0/000001.seg", f+"/pty0/000000.seg")) },
		"segment added":    func(f string) { copyFile(t, f+"/pty0/000000.seg", f+"/pty0/000002.seg") },
		"manifest foreign": func(f string) { must(t, os.WriteFile(f+"/manifest", []byte("ok\n"), 0o600)) },
		"nothing":          func(string) {},
	}
	ids := map[string]string{}
	for name, do := range spoil {
		ids[name] = crashed(t, r)
		do(r.folder(t, ids[name]))
	}
	all, err := r.Recover()
	must(t, err)
	if len(all) != len(spoil) {
		t.Errorf("got %d recordings, want %d", len(all), len(spoil))
	}
	for name, id := range ids {
		var got Recovered
		for _, a := range all {
			if a.Session.ID == id {
				got = a
			}
		}
		_, err := os.Stat(filepath.Join(r.Dir, quarantine, id))
		bad := name != "nothing"
		if got.Lost != bad || (got.Err != nil) != bad || (err == nil) != bad {
			t.Errorf("%s: got %+v, in quarantine: %t", name, got, err == nil)
		}
	}
	r.played(t, ids["nothing"])
	if again, err := r.Recover(); err != nil || len(again) != 0 {
		t.Errorf("it came again: %+v, %v", again, err)
	}
}

// crashed leaves a recording as a crash does: two segments of pty0, and a journal.
func crashed(t *testing.T, r rig) string {
	t.Helper()
	w, rec, tr := r.begin(t, pty)
	for n := range 2 {
		must(t, tr.Output(bytes.Repeat([]byte{'a' + byte(n)}, 270000)))
	}
	_, err := rec.Track(pty) // all is durable
	must(t, err)
	rec.fail(panicked{errPower}) // so that it does not write the end
	_, _ = rec.Close("")         // ends the writer
	r.bad = nil
	must(t, os.Remove(filepath.Join(r.folder(t, w.ID), manifestName)))
	return w.ID
}

func TestATornTailIsCutAndADamagedOneIsTold(t *testing.T) {
	for _, row := range []struct {
		name  string
		spoil func(b []byte) []byte
		lost  bool
	}{
		{"half a record", func(b []byte) []byte { return b[:len(b)-100] }, false},
		{"some bytes of a head", func(b []byte) []byte { return append(b, 0, 0, 1) }, false},
		{"zeros", func(b []byte) []byte { return append(b, make([]byte, 4096)...) }, false},
		{"a flipped bit", func(b []byte) []byte { b[len(b)-100] ^= 1; return b }, true},
		{"a record twice", func(b []byte) []byte { return append(b, b[journalHead:]...) }, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t)
			id := crashed(t, r)
			name := filepath.Join(r.folder(t, id), journalName)
			b, err := os.ReadFile(name)
			must(t, err)
			must(t, os.WriteFile(name, row.spoil(b), 0o600))
			if got := recovered(t, r, id); got.Lost != row.lost || got.Err != nil {
				t.Errorf("got %+v, want lost %t", got, row.lost)
			}
			if got := stream(r.played(t, id), CodeOutput); len(got) < 400000 {
				t.Errorf("got %d bytes", len(got))
			}
		})
	}
}

func flip(t *testing.T, name string, at int) {
	t.Helper()
	b, err := os.ReadFile(name)
	must(t, err)
	b[at] ^= 1
	must(t, os.WriteFile(name, b, 0o600))
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, b, 0o600))
}
