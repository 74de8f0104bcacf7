package ledger_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lockbox/recorder/ledger"
)

var errOwn = errors.New("fn's own error")

func TestTransactionIsWholeOrNothing(t *testing.T) {
	appended := func(tx *ledger.Tx) error { _, err := tx.Append(did("x")); return err }
	put := func(tx *ledger.Tx) error { return tx.Put("a/1", "new") }
	for _, c := range []struct {
		name   string
		do     []func(*ledger.Tx) error
		want   string
		events int
		row    string
	}{
		{"state with an event", []func(*ledger.Tx) error{put, appended}, "", 1, "new"},
		{"the order is free", []func(*ledger.Tx) error{appended, put}, "", 1, "new"},
		{"an event alone", []func(*ledger.Tx) error{appended}, "", 1, "old"},
		{"nothing at all", nil, "", 0, "old"},
		{"state without an event", []func(*ledger.Tx) error{put}, "no state without an event", 0, "old"},
		{"a delete without an event", []func(*ledger.Tx) error{func(tx *ledger.Tx) error { return tx.Delete("a/1") }}, "no state without an event", 0, "old"},
		{"a delete of nothing without an event", []func(*ledger.Tx) error{func(tx *ledger.Tx) error { return tx.Delete("a/2") }}, "no state without an event", 0, "old"},
		{"an erasure without an event", []func(*ledger.Tx) error{func(tx *ledger.Tx) error { return tx.Erase(0) }}, "no state without an event", 0, "old"},
		{"fn fails in the end", []func(*ledger.Tx) error{put, appended, func(*ledger.Tx) error { return errOwn }}, "fn's own error", 0, "old"},
		{"too many rows for one leaf", []func(*ledger.Tx) error{appended, func(tx *ledger.Tx) error {
			for i := range 700 {
				if err := tx.Put("a/"+strings.Repeat("x", i+1), i); err != nil {
					return err
				}
			}
			return nil
		}}, "fewer rows in one transaction", 0, "old"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBook(t)
			b.put("a/1", "old")
			before := b.Checkpoint()
			err := b.Update(t.Context(), func(tx *ledger.Tx) error {
				for _, do := range c.do {
					if err := do(tx); err != nil {
						return err
					}
				}
				return nil
			})
			if !says(err, c.want) {
				t.Errorf("got error %v, want %q", err, c.want)
			}
			if got := len(b.events()) - 1; got != c.events {
				t.Errorf("got %d events, want %d", got, c.events)
			}
			if got := b.get("a/1"); got != c.row {
				t.Errorf("got row %q, want %q", got, c.row)
			}
			if same := string(before) == string(b.Checkpoint()); same != (c.events == 0) {
				t.Errorf("checkpoint the same: %v, want %v", same, c.events == 0)
			}
			if err := b.reopen(); err != nil {
				t.Errorf("reopen: %v", err)
			}
		})
	}
}

func TestSentinelsAreFound(t *testing.T) {
	b := newBook(t)
	err := b.Update(t.Context(), func(tx *ledger.Tx) error { return tx.Put("a/1", 1) })
	if !errors.Is(err, ledger.ErrNoEvent) {
		t.Errorf("got %v, want ErrNoEvent", err)
	}
	err = b.Update(t.Context(), func(tx *ledger.Tx) error { return errOwn })
	if !errors.Is(err, errOwn) {
		t.Errorf("got %v, want fn's error", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"Update": b.Update(t.Context(), func(*ledger.Tx) error { return nil }),
		"View":   b.View(t.Context(), func(*ledger.Tx) error { return nil }),
		"Check":  b.Check(t.Context()),
		"Close":  b.Close(),
	} {
		if want := ledger.ErrClosed; name != "Close" && !errors.Is(err, want) || name == "Close" && err != nil {
			t.Errorf("%s after Close: got %v", name, err)
		}
	}
}

func TestPanicRollsBackAndGoesOn(t *testing.T) {
	b := newBook(t)
	func() {
		defer func() {
			if got := recover(); got != "boom" {
				t.Errorf("got panic %v, want boom", got)
			}
		}()
		_ = b.Update(t.Context(), func(tx *ledger.Tx) error {
			_, _ = tx.Append(did("x"))
			_ = tx.Put("a/1", 1)
			panic("boom")
		})
	}()
	if got := len(b.events()); got != 0 {
		t.Errorf("got %d events, want none", got)
	}
	b.put("a/1", "after")
	if got := b.get("a/1"); got != "after" {
		t.Errorf("got %q, want after", got)
	}
}

func TestTransactionReadsItsOwnWrites(t *testing.T) {
	b := newBook(t)
	for _, k := range []string{"a/2", "a/4", "a/6", "b/1"} {
		b.put(k, "stored")
	}
	b.must(func(tx *ledger.Tx) error {
		v := map[string]string{"x": "1"}
		err := errors.Join(tx.Put("a/1", "draft"), tx.Put("a/4", "draft"), tx.Delete("a/6"), tx.Put("a/7", "draft"), tx.Put("a/8", v))
		v["x"] = "changed later"
		got := map[string]string{}
		scan := func() error {
			return tx.Scan("a/", func(k string, raw json.RawMessage) (bool, error) {
				got[k] = string(raw)
				raw[0] = 'X'              // it is a copy
				return true, tx.Delete(k) // and Scan does not see it
			})
		}
		err = errors.Join(err, scan())
		want := map[string]string{"a/1": `"draft"`, "a/2": `"stored"`, "a/4": `"draft"`, "a/7": `"draft"`, "a/8": `{"x":"1"}`}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("scan (-want +got):\n%s", d)
		}
		clear(got)
		err = errors.Join(err, scan())
		if len(got) != 0 {
			t.Errorf("scan after all were deleted: got %v", got)
		}
		var s string
		ok, gerr := tx.Get("a/2", &s)
		if ok || gerr != nil {
			t.Errorf("a deleted row: got %q, %v, %v", s, ok, gerr)
		}
		_, aerr := tx.Append(did("x"))
		return errors.Join(err, aerr, tx.Put("a/1", "last"))
	})
	if got := b.get("a/1") + b.get("a/2") + b.get("b/1"); got != "laststored" {
		t.Errorf("got %q, want laststored", got)
	}
	if err := b.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestVerifiedReadsRowsDraftsAndNothing(t *testing.T) {
	b := newBook(t)
	b.put("a/1", "stored")
	b.must(func(tx *ledger.Tx) error {
		err := errors.Join(tx.Put("a/2", "draft"), tx.Delete("a/3"))
		for key, want := range map[string]string{"a/1": "stored", "a/2": "draft", "a/3": "", "a/4": ""} {
			var got string
			ok, verr := tx.Verified(key, &got)
			if ok != (want != "") || got != want || verr != nil {
				t.Errorf("%s: got %q, %v, %v, want %q", key, got, ok, verr, want)
			}
		}
		if ok, err := tx.Verified("a/1", new(int)); ok || !says(err, "read row a/1") {
			t.Errorf("into another type: got %v, %v", ok, err)
		}
		_, aerr := tx.Append(did("x"))
		return errors.Join(err, aerr)
	})
}

func TestOpenWritesIntoNoFileThatHoldsSomething(t *testing.T) {
	b := newBook(t)
	story(b)
	b.close()
	before, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.open(), b.reopen()); err != nil {
		t.Fatal(err)
	}
	b.close()
	after, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("the file is not as it was")
	}
	reopenEngine(b)
}

func TestScanIsInOrderAndStops(t *testing.T) {
	b := newBook(t)
	b.put("k/b", 1)
	b.put("k/d", 1)
	b.must(func(tx *ledger.Tx) error {
		err := errors.Join(tx.Put("k/a", 1), tx.Put("k/c", 1), tx.Put("k/e", 1))
		for stop, want := range map[string]string{"": "abcde", "a": "a", "b": "ab", "c": "abc", "e": "abcde"} {
			got := ""
			err = errors.Join(err, tx.Scan("k/", func(k string, _ json.RawMessage) (bool, error) {
				got += k[2:]
				return k[2:] != stop, nil
			}))
			if got != want {
				t.Errorf("stop at %q: got %q, want %q", stop, got, want)
			}
		}
		if got := tx.Scan("k/", func(k string, _ json.RawMessage) (bool, error) { return true, errOwn }); got != errOwn {
			t.Errorf("got %v, want fn's error", got)
		}
		_, aerr := tx.Append(did("x"))
		return errors.Join(err, aerr)
	})
}

func TestKeysAndEventsAreRefused(t *testing.T) {
	put := func(key string) func(*ledger.Tx) error {
		return func(tx *ledger.Tx) error { return tx.Put(key, 1) }
	}
	ev := func(e ledger.Event) func(*ledger.Tx) error {
		return func(tx *ledger.Tx) error { _, err := tx.Append(e); return err }
	}
	for _, c := range []struct {
		name string
		do   func(*ledger.Tx) error
		want string
	}{
		{"empty key", put(""), "kind/id"},
		{"no id", put("a/"), "kind/id"},
		{"no kind", put("/a"), "kind/id"},
		{"no slash", put("a"), "kind/id"},
		{"control character", put("a/b\x00c"), "control"},
		{"not UTF-8", put("a/\xff"), "UTF-8"},
		{"long key", put("a/" + strings.Repeat("x", 1023)), "at most 1024"},
		{"longest key", put("a/" + strings.Repeat("x", 1022)), ""},
		{"slash in id", put("a/b/c@d.eu"), ""},
		{"no JSON", func(tx *ledger.Tx) error { return tx.Put("a/b", func() {}) }, "unsupported type"},
		{"large value", func(tx *ledger.Tx) error { return tx.Put("a/b", strings.Repeat("x", 1<<20)) }, "at most 1048576"},
		{"get of an empty key", func(tx *ledger.Tx) error { _, err := tx.Get("", nil); return err }, "kind/id"},
		{"delete of an empty key", func(tx *ledger.Tx) error { return tx.Delete("") }, "kind/id"},
		{"no kind of event", ev(ledger.Event{Actor: "a"}), "needs a kind"},
		{"no actor", ev(ledger.Event{Kind: "k"}), "needs an actor"},
		{"an actor called erased", ev(ledger.Event{Kind: "k", Actor: ledger.Erased}), "needs an actor"},
		{"empty subject", ev(ledger.Event{Kind: "k", Actor: "a", Subjects: []string{""}}), "empty subject"},
		{"kind not UTF-8", ev(ledger.Event{Kind: "k\xff", Actor: "a"}), "not UTF-8"},
		{"private not UTF-8", ev(ledger.Event{Kind: "k", Actor: "a", Private: map[string]string{"x": "\xff"}}), "not UTF-8"},
		{"much private text", ev(ledger.Event{Kind: "k", Actor: "a", Private: map[string]string{"x": strings.Repeat("x", 1<<18)}}), "personal text"},
		{"erase of the future", func(tx *ledger.Tx) error { return tx.Erase(0) }, "no event 0"},
	} {
		b := newBook(t)
		err := b.Update(t.Context(), func(tx *ledger.Tx) error {
			if _, err := tx.Append(did("x")); err != nil {
				return err
			}
			return c.do(tx)
		})
		if !says(err, c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	b := newBook(t)
	err := b.Update(t.Context(), ev(ledger.Event{Kind: "k", Actor: "a", Detail: map[string]string{"x": strings.Repeat("x", 1<<16)}}))
	if !says(err, "at most 65471") {
		t.Errorf("large leaf: got %v", err)
	}
}

func TestViewDoesNotWriteAndATransactionEnds(t *testing.T) {
	b := newBook(t)
	b.put("a/1", 1)
	uses := map[string]func(*ledger.Tx) error{
		"Put":    func(tx *ledger.Tx) error { return tx.Put("a/1", 2) },
		"Delete": func(tx *ledger.Tx) error { return tx.Delete("a/1") },
		"Append": func(tx *ledger.Tx) error { _, err := tx.Append(did("x")); return err },
		"Erase":  func(tx *ledger.Tx) error { return tx.Erase(0) },
		"Get":    func(tx *ledger.Tx) error { _, err := tx.Get("a/1", new(int)); return err },
		"Scan":   func(tx *ledger.Tx) error { return tx.Scan("", nil) },
	}
	for name, use := range uses {
		var kept *ledger.Tx
		err := b.View(t.Context(), func(tx *ledger.Tx) error {
			kept = tx
			if name == "Get" || name == "Scan" {
				return nil
			}
			return use(tx)
		})
		if name != "Get" && name != "Scan" && !says(err, "a View does not write") {
			t.Errorf("%s in a View: got %v", name, err)
		}
		if err := use(kept); !says(err, "the transaction is over") {
			t.Errorf("%s after a View: got %v", name, err)
		}
		b.must(func(tx *ledger.Tx) error { kept = tx; return nil })
		if err := use(kept); !says(err, "the transaction is over") {
			t.Errorf("%s after an Update: got %v", name, err)
		}
	}
}

func TestEventsComeBackAsTheyWereGiven(t *testing.T) {
	b := newBook(t)
	e := ledger.Event{
		Kind: "vote.approve", Actor: "board@example.eu", Subjects: []string{"7KQM", "nord"},
		Detail:  map[string]string{"statement": "<a&b>\u2028", "": ""},
		Private: map[string]string{"comment": "line\nø", "ip": "192.0.2.1"},
	}
	var want []ledger.Event
	b.must(func(tx *ledger.Tx) error {
		for i := range 3 {
			mine := e
			mine.Seq, mine.At = 99, mine.At.AddDate(1, 0, 0) // not the caller's to set
			mine.Detail = map[string]string{"statement": "<a&b>\u2028", "": ""}
			seq, err := tx.Append(mine)
			if err != nil || seq != int64(i) {
				t.Errorf("got seq %d, %v, want %d", seq, err, i)
			}
			mine.Detail["statement"] = "changed later"
			is := e
			is.Seq, is.At = int64(i), tx.Now()
			want = append(want, is)
		}
		return nil
	})
	if d := cmp.Diff(want, b.events()); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
}

func TestErasedPersonIsGoneAndTheTreeHolds(t *testing.T) {
	b := newBook(t)
	b.must(func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{Kind: "x", Actor: "jane@example.eu", Private: map[string]string{"why": "Jane's reason"}})
		return err
	})
	b.put("person/jane@example.eu", "Jane")
	old, err := b.entry(0)
	if err != nil {
		t.Fatal(err)
	}
	b.must(func(tx *ledger.Tx) error {
		err := errors.Join(tx.Erase(1), tx.Erase(0), tx.Erase(0), tx.Delete("person/jane@example.eu"))
		_, aerr := tx.Append(ledger.Event{Kind: "person.erased", Actor: "lockbox"})
		return errors.Join(err, aerr)
	})
	b.must(func(tx *ledger.Tx) error { // once more is nothing more
		_, err := tx.Append(ledger.Event{Kind: "person.erased", Actor: "lockbox"})
		return errors.Join(err, tx.Erase(0))
	})
	for k, v := range b.all() {
		if strings.Contains(strings.ToLower(k+v), "jane") {
			t.Errorf("%q still holds %q", k, v)
		}
	}
	got := b.events()[0]
	if got.Actor != ledger.Erased || got.Private["why"] != ledger.Erased {
		t.Errorf("got %+v, want actor and reason erased", got)
	}
	if err := checks(old, b.o.Verifier); err != nil {
		t.Errorf("a proof from before the erasure: %v", err)
	}
	if err := b.reopen(); err != nil {
		t.Errorf("reopen: %v", err)
	}
}

func TestOptionsAreRefused(t *testing.T) {
	good := options(t)
	s, v := keys(t, 2, origin)
	for name, o := range map[string]ledger.Options{
		"no signer":            {Origin: origin, Verifier: v},
		"no verifier":          {Origin: origin, Signer: s},
		"two keys":             {Origin: origin, Signer: s, Verifier: good.Verifier},
		"an origin of 2 lines": {Origin: "a\nb", Signer: s, Verifier: v},
		"a control character":  {Origin: "a\x01", Signer: s, Verifier: v},
		"no origin":            {Signer: s, Verifier: v},
	} {
		if l, err := ledger.Open(t.Context(), nil, o); err == nil || l != nil {
			t.Errorf("%s: got %v, %v", name, l, err)
		}
	}
}
