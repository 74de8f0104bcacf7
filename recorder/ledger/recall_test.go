package ledger_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lockbox/recorder/ledger"
)

// A paper is a row with everything in it that rows have.
type paper struct {
	Name  string               `json:"name,omitempty"`
	At    time.Time            `json:"at,omitzero"`
	Keys  []string             `json:"keys,omitempty"`
	Raw   json.RawMessage      `json:"raw,omitempty"`
	Votes []paper              `json:"votes,omitempty"`
	Next  *paper               `json:"next,omitempty"`
	Pins  map[string][]string  `json:"pins,omitempty"`
	Root  ledger.Commitment    `json:"root"`
	Turns map[string][]float64 `json:"turns,omitempty"`
}

func aPaper() paper {
	return paper{
		Name: "a", At: time.Unix(7, 0).UTC(), Keys: []string{"k", "l"}, Raw: json.RawMessage(`{"x":1}`),
		Votes: []paper{{Keys: []string{"v"}}}, Next: &paper{Name: "n", Pins: map[string][]string{"p": {"q"}}}, Pins: map[string][]string{"c": {"d", "e"}},
	}
}

// spoil changes all that a careless reader could change.
func (p *paper) spoil() {
	p.Keys[0], p.Raw[2], p.Votes[0].Keys[0], p.Next.Name, p.Pins["c"][0], p.Next.Pins["p"][0] = "!", '!', "!", "!", "!", "!"
	p.Votes[0].Name, p.Pins["new"] = "!", nil
	_ = append(p.Keys[:1], "!")
}

// read reads x as often as it takes to remember it.
func read(t *testing.T, b *book, key string, how func(*ledger.Tx) func(string, any) (bool, error)) (p paper) {
	t.Helper()
	err := b.View(t.Context(), func(tx *ledger.Tx) error {
		ok, err := how(tx)(key, &p)
		if err == nil && !ok {
			err = errors.New("there is none")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func verified(tx *ledger.Tx) func(string, any) (bool, error) { return tx.Verified }
func believed(tx *ledger.Tx) func(string, any) (bool, error) { return tx.Get }

func TestWhatIsReadIsTheReadersOwn(t *testing.T) {
	b := newBook(t)
	b.put("paper/x", aPaper())
	for i := range 6 {
		how := verified
		if i%2 == 0 {
			how = believed
		}
		p := read(t, b, "paper/x", how)
		if !reflect.DeepEqual(p, aPaper()) {
			t.Fatalf("the %dth time: %+v", i+1, p)
		}
		p.spoil()
	}
	var other struct{ Name string }
	into := paper{Name: "was", Root: ledger.Commitment{1}}
	err := b.View(t.Context(), func(tx *ledger.Tx) error {
		_, err := tx.Verified("paper/x", &other)
		_, err2 := tx.Verified("paper/x", &into)
		return errors.Join(err, err2)
	})
	if err != nil || other.Name != "a" || into.Name != "a" {
		t.Errorf("another kind: %+v, %+v, %v", other, into, err)
	}
	b.put("paper/y", map[string]any{"name": "y"})
	kept := paper{Keys: []string{"kept"}}
	for range 3 {
		if err := b.View(t.Context(), func(tx *ledger.Tx) error { _, err := tx.Verified("paper/y", &kept); return err }); err != nil {
			t.Fatal(err)
		}
	}
	if kept.Name != "y" || len(kept.Keys) != 1 {
		t.Errorf("what the row does not name: %+v", kept)
	}
}

// TestARowThatWasProvenIsHeldAgainstEveryByte edits one byte after another of the
// row, and of its event, once both were read.
func TestARowThatWasProvenIsHeldAgainstEveryByte(t *testing.T) {
	b := newBook(t)
	b.put("paper/x", aPaper())
	read(t, b, "paper/x", verified)
	for what, key := range map[string][]byte{"row": ledger.RowAt("paper/x"), "event": ledger.LogAt(0)} {
		good := []byte(b.all()[string(key)])
		for i := range good {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << (i % 8)
			b.edit(func(w ledger.Writer) error { return w.Put(key, bad) })
			if err := b.verified("paper/x"); !errors.Is(err, ledger.ErrTampered) {
				t.Fatalf("%s, byte %d: got %v", what, i, err)
			}
		}
		for _, n := range []int{0, 1, len(good) - 1} {
			b.edit(func(w ledger.Writer) error { return w.Put(key, good[:n]) })
			if err := b.verified("paper/x"); !errors.Is(err, ledger.ErrTampered) {
				t.Fatalf("%s, cut to %d: got %v", what, n, err)
			}
		}
		b.edit(func(w ledger.Writer) error { return w.Put(key, good) })
		if err := b.verified("paper/x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWhatIsRememberedOfARowIsNotTheRow(t *testing.T) {
	o := options(t)
	o.Newest = []string{"grant/"}
	for _, c := range []struct {
		rule string
		edit func(w thief, first string) error
		says string
	}{
		{"an old version is put back", func(w thief, first string) error { return w.Put(ledger.RowAt("grant/x"), []byte(first)) }, "old version"},
		{"it is removed", func(w thief, _ string) error { return w.Delete(ledger.RowAt("grant/x")) }, "was removed"},
		{"it stands under another name", func(w thief, _ string) error { return w.back2(ledger.RowAt("other/y"), ledger.RowAt("grant/x")) }, ""},
		{"its event is removed", func(w thief, _ string) error { return w.Delete(ledger.LogAt(2)) }, "event 2 is missing"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			b := bookOf(t, o)
			b.put("grant/x", "given")
			if err := b.verified("grant/x"); err != nil { // the old version is remembered too
				t.Fatal(err)
			}
			first := b.all()[string(ledger.RowAt("grant/x"))]
			b.put("other/y", "other")
			b.put("grant/x", "revoked")
			for range 2 {
				if err := errors.Join(b.verified("grant/x"), b.verified("other/y")); err != nil {
					t.Fatal(err)
				}
			}
			after := map[string]string{}
			for k, v := range b.all() {
				after[k] = v
			}
			b.edit(func(w ledger.Writer) error {
				return c.edit(thief{Writer: w, after: []map[string]string{4: after}, o: o}, first)
			})
			if c.says != "" {
				caught(t, "Verified", b.verified("grant/x"), c.says)
			} else {
				caught(t, "Verified", b.verified("other/y"), "was edited")
			}
			if err := b.Check(t.Context()); !errors.Is(err, ledger.ErrTampered) {
				t.Errorf("Check: got %v", err)
			}
		})
	}
}

// TestNothingIsRememberedOfWhatWasNotKept reads, in one commit, what a neighbour
// wrote before it, and has that commit come to nothing.
func TestNothingIsRememberedOfWhatWasNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l, g := gated(t)
		g.fail = true
		seen := ""
		errs := together(t, l, g, putting("paper/x", paper{Name: "never"}), func(tx *ledger.Tx) error {
			var p paper
			_, err := tx.Verified("paper/x", &p)
			seen = p.Name
			_, err2 := tx.Append(did("y"))
			return errors.Join(err, err2)
		})
		if !errors.Is(errs[0], errDisk) || !errors.Is(errs[1], errDisk) || seen != "never" {
			t.Fatalf("got %v, and read %q", errs, seen)
		}
		if n := l.Remembered(); n != 0 {
			t.Errorf("%d bytes are remembered", n)
		}
		g.fail = false
		if errs := together(t, l, g, putting("paper/x", paper{Name: "first"})); errs[0] != nil {
			t.Fatal(errs)
		}
		b.Ledger = l
		if p := read(t, b, "paper/x", verified); p.Name != "first" || l.Remembered() == 0 {
			t.Errorf("got %+v", p)
		}
	})
}

func TestWhatIsWrittenAnewIsForgotten(t *testing.T) {
	b := newBook(t)
	b.put("paper/x", paper{Name: "a person"})
	read(t, b, "paper/x", verified)
	b.must(func(tx *ledger.Tx) error {
		_, err := tx.Append(did("erased"))
		return errors.Join(err, tx.Delete("paper/x"))
	})
	if n := b.Remembered(); n != 0 {
		t.Errorf("%d bytes are remembered", n)
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	b := newBook(t)
	for i := range 300 {
		b.put(fmt.Sprintf("paper/%d", i), strings.Repeat("x", 100<<10))
	}
	for range 2 {
		for i := range 300 {
			if err := b.verified(fmt.Sprintf("paper/%d", i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := b.Remembered(); n > 16<<20 || n < 1<<20 {
		t.Errorf("%d bytes are remembered", n)
	}
}

// TestARowIsReadOnceInATransaction, and still proven when proof is asked for after it was believed.
func TestARowIsReadOnceInATransaction(t *testing.T) {
	b := newBook(t)
	b.put("paper/x", paper{Name: "first"})
	good := b.all()[string(ledger.RowAt("paper/x"))]
	bad := strings.Replace(good, "first", "other", 1)
	b.edit(func(w ledger.Writer) error { return w.Put(ledger.RowAt("paper/x"), []byte(bad)) })
	look := func(tx *ledger.Tx) error {
		var p paper
		if ok, err := tx.Get("paper/x", &p); !ok || err != nil || p.Name != "other" {
			t.Errorf("Get: %+v, %v, %v", p, ok, err)
		}
		for range 2 {
			if _, err := tx.Verified("paper/x", &p); !errors.Is(err, ledger.ErrTampered) {
				t.Errorf("Verified: got %v", err)
			}
		}
		return nil
	}
	if err := b.View(t.Context(), look); err != nil {
		t.Fatal(err)
	}
	if err := b.Update(t.Context(), look); err != nil {
		t.Fatal(err)
	}
	err := b.Update(t.Context(), func(tx *ledger.Tx) error { // and nothing is built on it
		var p paper
		_, err := tx.Get("paper/x", &p)
		_, err2 := tx.Append(did("y"))
		return errors.Join(err, tx.Put("paper/x", paper{Name: "new"}), err2)
	})
	if !errors.Is(err, ledger.ErrTampered) {
		t.Errorf("Put: got %v", err)
	}
	b.edit(func(w ledger.Writer) error { return w.Put(ledger.RowAt("paper/x"), []byte(good)) })
	err = b.Update(t.Context(), func(tx *ledger.Tx) error {
		var p, q, gone paper
		_, err := tx.Verified("paper/x", &p)
		err = errors.Join(err, tx.Put("paper/x", paper{Name: "second"}))
		_, err2 := tx.Verified("paper/x", &q)
		err = errors.Join(err, err2, tx.Delete("paper/x"))
		left, err2 := tx.Verified("paper/x", &gone)
		if p.Name != "first" || q.Name != "second" || left {
			t.Errorf("%+v, %+v, %v", p, q, left)
		}
		_, err3 := tx.Append(did("y"))
		return errors.Join(err, err2, err3)
	})
	if err != nil {
		t.Error(err)
	}
}

// A knot holds itself, and what nobody can copy.
type knot struct {
	Next   *knot `json:"next,omitempty"`
	Name   string
	hidden []string
}

// TestWhatCannotBeCopiedIsReadAgain: the kind of a part of it that was looked at on the way is not believed.
func TestWhatCannotBeCopiedIsReadAgain(t *testing.T) {
	b := newBook(t)
	b.put("paper/x", map[string]any{"next": map[string]any{"Name": "in"}, "Name": "out"})
	for range 3 {
		var all struct{ Next *knot }
		var one knot
		err := b.View(t.Context(), func(tx *ledger.Tx) error {
			_, err := tx.Verified("paper/x", &one)
			_, err2 := tx.Verified("paper/x", &all)
			return errors.Join(err, err2)
		})
		if err != nil || one.Name != "out" || one.Next.Name != "in" || all.Next.Name != "in" || one.Next.hidden != nil {
			t.Fatalf("%+v, %+v, %v", one, all, err)
		}
		one.Next.Name, all.Next.Name = "!", "!"
		one.Next.hidden = []string{"!"}
	}
}
