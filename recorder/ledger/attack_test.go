package ledger_test

import (
	"bytes"
	"cmp"
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/ledger"
)

// story fills a ledger with five events, and gives what was in the file after
// each of them.
func story(b *book) (after []map[string]string) {
	person := ledger.Event{Kind: "request.made", Actor: "eng@example.eu", Private: map[string]string{"why": "outage"}}
	for _, do := range []func(tx *ledger.Tx) error{
		func(tx *ledger.Tx) error { return tx.Put("grant/x", "asked") },                                          // 0
		func(tx *ledger.Tx) error { return errors.Join(tx.Put("grant/x", "given"), tx.Put("nonce/n", "burnt")) }, // 1
		func(tx *ledger.Tx) error { return tx.Put("grant/x", "revoked") },                                        // 2
		func(tx *ledger.Tx) error { return tx.Delete("nonce/n") },                                                // 3
		func(tx *ledger.Tx) error { return errors.Join(tx.Put("other/y", "still"), tx.Erase(2)) },                // 4
	} {
		b.must(func(tx *ledger.Tx) error { _, err := tx.Append(person); return errors.Join(err, do(tx)) })
		after = append(after, b.all())
	}
	return after
}

// A thief has the file at five moments, and another ledger's file.
type thief struct {
	ledger.Writer
	after []map[string]string
	other map[string]string
	o     ledger.Options
}

func (w thief) get(k []byte) string { return w.after[4][string(k)] }

func (w thief) back(k []byte, i int) error { return w.Put(k, []byte(w.after[i][string(k)])) }

func (w thief) flip(k []byte, i int) error {
	v := []byte(w.get(k))
	if i < 0 {
		i += len(v)
	}
	v[i] ^= 1
	return w.Put(k, v)
}

func (w thief) stone() []byte {
	for k := range w.after[4] {
		if strings.HasPrefix(k, string(ledger.Stones())) {
			return []byte(k)
		}
	}
	return nil
}

// rehash makes the stored hashes those of the stored leaves, and signs.
func (w thief) rehash(n int64, s note.Signer) error {
	var all []tlog.Hash
	r := tlog.HashReaderFunc(func(is []int64) (out []tlog.Hash, err error) {
		for _, i := range is {
			out = append(out, all[i])
		}
		return out, nil
	})
	for i := range n {
		b, err := w.Get(ledger.LogAt(i))
		if err != nil {
			return err
		}
		hs, err := tlog.StoredHashes(i, b, r)
		if err != nil {
			return err
		}
		all = append(all, hs...)
	}
	for i, h := range all {
		if err := w.Put(ledger.HashAt(int64(i)), h[:]); err != nil {
			return err
		}
	}
	if s == nil {
		return nil
	}
	root, err := tlog.TreeHash(n, r)
	if err != nil {
		return err
	}
	text := origin + "\n" + string(rune('0'+n)) + "\n" + root.String() + "\n"
	b, err := note.Sign(&note.Note{Text: text}, s)
	return errors.Join(err, w.Put(ledger.NoteAt(), b))
}

func foreign(t *testing.T) (ledger.Options, map[string]string) {
	o := options(t)
	o.Signer, o.Verifier = keys(t, 9, origin)
	b := bookOf(t, o)
	story(b)
	return o, b.all()
}

// A change is made behind the ledger's back.
type change struct {
	name string
	edit func(w thief) error
	live string // what Verified("grant/x") says while running; "" when it cannot know
	full string // what Check says
	open string // what Open says; "" for the same
}

func changes(t *testing.T) []change {
	x, n, y := ledger.RowAt("grant/x"), ledger.RowAt("nonce/n"), ledger.RowAt("other/y")
	return []change{
		{"row edited", func(w thief) error { return w.flip(x, -2) }, "row grant/x was edited: event 2", "row grant/x was edited: event 2", ""},
		{"row's event edited", func(w thief) error { return w.flip(x, 8) }, "row grant/x was edited", "row grant/x was edited", ""},
		{"row's event in the future", func(w thief) error { return w.flip(x, 1) }, "there is no event", "row grant/x was edited", ""},
		{"row's count edited", func(w thief) error { return w.flip(x, 16) }, "row grant/x was edited", "row grant/x is an old version", ""},
		{"row's count enormous", func(w thief) error { return w.flip(x, 9) }, "row grant/x was edited", "was not written by any event", ""},
		{"row's secret edited", func(w thief) error { return w.flip(x, 20) }, "row grant/x was edited", "was not written by any event", ""},
		{"row's salt edited", func(w thief) error { return w.flip(x, 40) }, "row grant/x was edited", "row grant/x was edited", ""},
		{"row cut short", func(w thief) error { return w.Put(x, []byte{1, 2}) }, "not in the form", "not in the form", ""},
		{"row empty", func(w thief) error { return w.Put(x, nil) }, "not in the form", "not in the form", ""},
		{"another row in its place", func(w thief) error { return w.back2(x, y) }, "row grant/x was edited", "row grant/x was edited", ""},
		{"old version put back", func(w thief) error { return w.back(x, 1) }, "", "row grant/x is an old version: event 2", ""},
		{"first version put back", func(w thief) error { return w.back(x, 0) }, "", "row grant/x is an old version: event 1", ""},
		{"row removed", func(w thief) error { return w.Delete(x) }, "", "a row that event", ""},
		{"row moved", func(w thief) error { return errors.Join(w.back2(ledger.RowAt("grant/z"), x), w.Delete(x)) }, "", "row grant/z was edited", ""},
		{"row copied", func(w thief) error { return w.back2(ledger.RowAt("grant/z"), x) }, "", "row grant/z was not written by any event", ""},
		{"row invented", func(w thief) error { return w.Put(ledger.RowAt("grant/z"), append(make([]byte, 48), "1{}"...)) }, "", "not in the form", ""},
		{"row invented that was never written", func(w thief) error { return w.Put(ledger.RowAt("grant/z"), append([]byte{1}, make([]byte, 50)...)) }, "", "row grant/z was edited", ""},
		{"row of another ledger", func(w thief) error { return w.Put(ledger.RowAt("grant/z"), []byte(w.other[string(x)])) }, "", "row grant/z was not written by any event", ""},
		{"deleted row put back", func(w thief) error { return w.back(n, 2) }, "", "is an old version: event 3", ""},
		{"deleted row put back, without a trace", func(w thief) error { return errors.Join(w.back(n, 2), w.Delete(w.stone())) }, "", "is an old version: event 3", ""},
		{"trace of a deleted row removed", func(w thief) error { return w.Delete(w.stone()) }, "", "is missing", ""},
		{"trace of a deleted row edited", func(w thief) error { return w.flip(w.stone(), 8) }, "", "a deleted row was edited", ""},
		{"trace of a deleted row cut", func(w thief) error { return w.Put(w.stone(), nil) }, "", "a deleted row", ""},

		{"leaf edited", func(w thief) error { return w.flip(ledger.LogAt(2), 60) }, "event 2 is not the one", "event 2", ""},
		{"another leaf edited", func(w thief) error { return w.flip(ledger.LogAt(0), 60) }, "", "event 0", ""},
		{"leaf edited, hashes made again", func(w thief) error { return errors.Join(w.flip(ledger.LogAt(2), 60), w.rehash(5, nil)) }, "event 2 is not the one", "do not lead to the signed checkpoint", ""},
		{"leaf edited, hashes made again, signed by somebody", func(w thief) error {
			s, _ := keys(t, 9, origin)
			return errors.Join(w.flip(ledger.LogAt(2), 60), w.rehash(5, s))
		}, "not signed by lockbox.example", "not signed by lockbox.example", ""},
		{"leaves exchanged", func(w thief) error {
			return errors.Join(w.back2(ledger.LogAt(1), ledger.LogAt(2)), w.back2(ledger.LogAt(2), ledger.LogAt(1)))
		}, "event 2 is not the one", "event 1", ""},
		{"leaf removed", func(w thief) error { return w.Delete(ledger.LogAt(2)) }, "event 2 is missing", "event 2 is missing", ""},
		{"last leaf removed", func(w thief) error { return w.Delete(ledger.LogAt(4)) }, "", "the log ends after 4 events, and 5 were signed", ""},
		{"leaf added", func(w thief) error { return w.back2(ledger.LogAt(5), ledger.LogAt(4)) }, "", "after the 5 that were signed", ""},
		{"leaf added far off", func(w thief) error { return w.back2(ledger.LogAt(9), ledger.LogAt(4)) }, "", "event 5 is missing", ""},
		{"log emptied", func(w thief) error {
			var err error
			for i := range int64(5) {
				err = errors.Join(err, w.Delete(ledger.LogAt(i)))
			}
			return err
		}, "event 2 is missing", "the log ends after 0 events, and 5 were signed", ""},
		{"hash edited", func(w thief) error { return w.flip(ledger.HashAt(2), 3) }, "event 2 is not the one", "hash above it was edited", ""},
		{"hash removed", func(w thief) error { return w.Delete(ledger.HashAt(2)) }, "hash 2 of the log is missing", "hash above it was edited", ""},
		{"hash added", func(w thief) error { return w.back2(ledger.HashAt(99), ledger.HashAt(2)) }, "", "under 'h'", ""},

		{"checkpoint of the past", func(w thief) error { return w.back(ledger.NoteAt(), 3) }, "went back from 5 events to 4", "went back from 5 events to 4", "after the 4 that were signed"},
		{"whole file of the past, while running", func(w thief) error { return restore(w, w.after[3]) }, "went back from 5 events to 4", "went back from 5 events to 4", ""},
		{"checkpoint removed", func(w thief) error { return w.Delete(ledger.NoteAt()) }, "checkpoint is missing", "checkpoint is missing", ""},
		{"checkpoint edited", func(w thief) error { return w.flip(ledger.NoteAt(), len(origin)+1) }, "invalid signature", "invalid signature", ""},
		{"checkpoint is nonsense", func(w thief) error { return w.Put(ledger.NoteAt(), []byte("x")) }, "malformed note", "malformed note", ""},
		{"foreign checkpoint", func(w thief) error { return w.Put(ledger.NoteAt(), []byte(w.other[string(ledger.NoteAt())])) }, "not signed by lockbox.example", "not signed by lockbox.example", ""},
		{"foreign file", func(w thief) error { return restore(w, w.other) }, "not signed by lockbox.example", "not signed by lockbox.example", ""},
		{"our key, another log", func(w thief) error {
			h, _ := tlog.TreeHash(0, nil)
			b, err := note.Sign(&note.Note{Text: "other.example\n5\n" + h.String() + "\n"}, w.o.Signer)
			return errors.Join(err, w.Put(ledger.NoteAt(), b))
		}, `of the log "other.example"`, `of the log "other.example"`, ""},
		{"our key, another root", func(w thief) error {
			h, _ := tlog.TreeHash(0, nil)
			b, err := note.Sign(&note.Note{Text: origin + "\n5\n" + h.String() + "\n"}, w.o.Signer)
			return errors.Join(err, w.Put(ledger.NoteAt(), b))
		}, "two logs with 5 events", "two logs with 5 events", "do not lead to the signed checkpoint"},

		{"person edited", func(w thief) error {
			return w.Put(ledger.BesideAt(1), []byte(strings.Replace(w.get(ledger.BesideAt(1)), "eng@", "ceo@", 1)))
		}, "", "personal fields of event 1 were edited", ""},
		{"reason edited", func(w thief) error {
			return w.Put(ledger.BesideAt(1), []byte(strings.Replace(w.get(ledger.BesideAt(1)), "outage", "boredom", 1)))
		}, "", "personal fields of event 1 were edited", ""},
		{"person of another event", func(w thief) error { return w.back2(ledger.BesideAt(1), ledger.BesideAt(0)) }, "", "personal fields of event 1 were edited", ""},
		{"person nonsense", func(w thief) error { return w.Put(ledger.BesideAt(1), []byte("{")) }, "", "personal fields of event 1 cannot be read", ""},
		{"person removed", func(w thief) error { return w.Delete(ledger.BesideAt(1)) }, "", "personal fields of event 1 are gone", ""},
		{"erased person put back", func(w thief) error { return w.back(ledger.BesideAt(2), 3) }, "", "of event 2 were erased and are back", ""},
		{"person of no event", func(w thief) error { return w.back2(ledger.BesideAt(7), ledger.BesideAt(0)) }, "", "under 'b'", ""},
	}
}

func TestChangesBehindTheLedgersBackAreCaught(t *testing.T) {
	for _, c := range changes(t) {
		t.Run(c.name, func(t *testing.T) {
			b := newBook(t)
			after := story(b)
			_, other := foreign(t)
			b.edit(func(w ledger.Writer) error { return c.edit(thief{w, after, other, b.o}) })
			caught(t, "Verified", b.verified("grant/x"), c.live)
			caught(t, "Check", b.Check(t.Context()), c.full)
			if strings.HasPrefix(c.name, "whole file of the past") {
				return // after a restart only somebody who holds a later checkpoint can tell
			}
			err := b.reopen()
			caught(t, "Open", err, cmp.Or(c.open, c.full))
			if err == nil {
				b.close()
			}
			if err := b.open(); err == nil { // and it stays refused
				t.Error("Open took it the second time")
			} else {
				b.heal(after[4])
			}
		})
	}
}

// caught wants ErrTampered with a sentence.
func caught(t *testing.T, who string, err error, want string) {
	t.Helper()
	if !says(err, want) {
		t.Errorf("%s: got %v, want %q", who, err, want)
	}
	if want != "" && (!errors.Is(err, ledger.ErrTampered) || !says(err, "restore the last good backup")) {
		t.Errorf("%s: got %v, want ErrTampered", who, err)
	}
}

// heal shows that it was the edit alone that was refused.
func (b *book) heal(m map[string]string) {
	b.t.Helper()
	e := reopenEngine(b)
	if err := e.Update(b.t.Context(), func(w ledger.Writer) error { return restore(w, m) }); err != nil {
		b.t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		b.t.Fatal(err)
	}
	if err := b.open(); err != nil {
		b.t.Errorf("the file as it was: %v", err)
	}
}

func (w thief) back2(to, from []byte) error { return w.Put(to, []byte(w.get(from))) }

func TestNothingIsSignedOnTopOfWhatWasChanged(t *testing.T) {
	b := newBook(t)
	after := story(b)
	_, other := foreign(t)
	b.edit(func(w ledger.Writer) error {
		th := thief{w, after, other, b.o}
		return errors.Join(th.flip(ledger.LogAt(2), 60), th.rehash(5, nil))
	})
	before := b.Checkpoint()
	err := b.Update(t.Context(), func(tx *ledger.Tx) error { _, err := tx.Append(did("x")); return err })
	caught(t, "Update", err, "do not lead to the checkpoint")
	if !bytes.Equal(before, b.Checkpoint()) {
		t.Error("there is a new checkpoint")
	}
}

func TestAnEditedRowIsNotBuiltOn(t *testing.T) {
	for name, edit := range map[string]func(w thief) error{
		"edited":   func(w thief) error { return w.flip(ledger.RowAt("grant/x"), -2) },
		"replaced": func(w thief) error { return w.back2(ledger.RowAt("grant/x"), ledger.RowAt("other/y")) },
		"nonsense": func(w thief) error { return w.Put(ledger.RowAt("grant/x"), []byte("{}")) },
	} {
		for what, do := range map[string]func(tx *ledger.Tx) error{
			"Put":    func(tx *ledger.Tx) error { return tx.Put("grant/x", "new") },
			"Delete": func(tx *ledger.Tx) error { return tx.Delete("grant/x") },
		} {
			b := newBook(t)
			after := story(b)
			b.edit(func(w ledger.Writer) error { return edit(thief{w, after, nil, b.o}) })
			err := b.Update(t.Context(), func(tx *ledger.Tx) error {
				_, err := tx.Append(did("x"))
				return errors.Join(err, do(tx))
			})
			caught(t, what+" of a row that was "+name, err, "row grant/x")
		}
	}
}

func TestAnOldRowThatWasBuiltOnIsCaught(t *testing.T) {
	b := newBook(t)
	after := story(b)
	b.edit(func(w ledger.Writer) error { return thief{w, after, nil, b.o}.back(ledger.RowAt("grant/x"), 1) })
	b.put("grant/x", "built on it")
	caught(t, "Check", b.Check(t.Context()), "a version of a row that another wrote")
}

func TestFileOfThePastIsConsistentAfterARestart(t *testing.T) { // the known limit: a witness tells
	b := newBook(t)
	after := story(b)
	b.edit(func(w ledger.Writer) error { return restore(w, after[3]) })
	if err := b.reopen(); err != nil {
		t.Fatal(err)
	}
	if got := b.Last(); got != 3 {
		t.Errorf("got last event %d, want 3", got)
	}
}

func TestRowMarksDoNotTellWhichRowItIs(t *testing.T) {
	b := newBook(t)
	seen := map[ledger.Commitment]bool{}
	for range 3 {
		b.put("person/jane@example.eu", "same")
	}
	for i := range int64(3) {
		in, err := b.entry(i)
		if err != nil {
			t.Fatal(err)
		}
		f, err := ledger.ParseLeaf(in.Leaf)
		if err != nil || len(f.Rows) != 1 {
			t.Fatalf("got %+v, %v, want one row", f, err)
		}
		for _, c := range []ledger.Commitment{f.Rows[0].Fold, f.Rows[0].Row, f.Actor} {
			if seen[c] {
				t.Errorf("event %d: %s is seen twice", i, c)
			}
			seen[c] = true
		}
		if strings.Contains(string(in.Leaf), "jane") || strings.Contains(string(in.Leaf), "eng@") {
			t.Errorf("the leaf names a person: %s", in.Leaf)
		}
	}
}
