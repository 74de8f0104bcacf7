package ledger_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/ledger"
	"lockbox/recorder/proof"
)

func files(t testing.TB, b []byte) fstest.MapFS {
	t.Helper()
	all := fstest.MapFS{}
	for r := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil || all[h.Name] != nil {
			t.Fatalf("%s: %v, or twice", h.Name, err)
		}
		all[h.Name] = &fstest.MapFile{Data: data}
	}
}

// whole verifies an export as an outsider does.
func whole(t testing.TB, b []byte, o ledger.Options, name string, entry ...func(int64, []byte) error) (proof.Checkpoint, error) {
	t.Helper()
	w := proof.Whole{Files: files(t, b)}
	note, err := w.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	c, err := proof.Open(note, name, o.Verifier)
	if err != nil {
		return c, err
	}
	return c, w.Verify(c, func(i int64, leaf []byte) error {
		if _, err := ledger.ParseLeaf(leaf); err != nil {
			return err
		}
		for _, f := range entry {
			if err := f(i, leaf); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *book) export(customer string) []byte {
	b.t.Helper()
	var out bytes.Buffer
	if err := b.Of(customer).Export(b.t.Context(), &out); err != nil {
		b.t.Fatal(err)
	}
	return out.Bytes()
}

func (b *book) fill(n int, customers ...string) {
	b.t.Helper()
	for n > 0 {
		b.must(func(tx *ledger.Tx) error {
			for ; n > 0; n-- {
				if _, err := tx.Append(of(fmt.Sprint("n", n), customers...)); err != nil {
					return err
				}
				if n%1000 == 1 {
					n--
					return nil
				}
			}
			return nil
		})
	}
}

func TestExportsAreLogsAsOthersReadThem(t *testing.T) {
	for _, n := range []int{0, 1, 255, 256, 257, 700} {
		b := newBook(t)
		b.fill(n, "nord")
		for _, who := range []string{"", "nord", "ost"} {
			out := b.export(who)
			got := int64(0)
			c, err := whole(t, out, b.o, b.Of(who).Origin(), func(i int64, leaf []byte) error { got++; return nil })
			if err != nil || got != c.N || c.Tree != b.checkpoint(who).Tree {
				t.Errorf("%d entries, %q: got %d of %v, %v", n, who, got, c.Tree, err)
			}
			if !bytes.Equal(out, b.export(who)) {
				t.Errorf("%d entries, %q: other bytes the second time", n, who)
			}
			for _, personal := range []string{"eng@example.eu", "outage"} {
				if bytes.Contains(out, []byte(personal)) {
					t.Errorf("%q is in the export", personal)
				}
			}
			tiles(t, files(t, out), c.Tree)
		}
	}
}

// tiles reads them with golang.org/x/mod alone.
func tiles(t *testing.T, fs fstest.MapFS, tree tlog.Tree) {
	t.Helper()
	read := tileFiles{fs}
	for i := range tree.N {
		p, err := tlog.ProveRecord(tree.N, i, tlog.TileHashReader(tree, read))
		if err != nil {
			t.Fatal(err)
		}
		h, err := tlog.TileHashReader(tree, read).ReadHashes([]int64{tlog.StoredHashIndex(0, i)})
		if err != nil || tlog.CheckRecord(p, tree.N, tree.Hash, i, h[0]) != nil {
			t.Fatalf("entry %d: %v", i, err)
		}
	}
}

type tileFiles struct{ fstest.MapFS }

func (tileFiles) Height() int                     { return 8 }
func (tileFiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (f tileFiles) ReadTiles(ts []tlog.Tile) (out [][]byte, err error) {
	for _, t := range ts {
		b, err := f.ReadFile(strings.Replace(t.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

func TestAnExportOfWhatWasChangedIsNotWhole(t *testing.T) {
	b := newBook(t)
	after := tale(b)
	b.edit(func(w ledger.Writer) error {
		return thief{w, after, nil, b.o}.swap(ledger.LogAt(1), "request.made", "request.gone")
	})
	var out bytes.Buffer
	caught(t, "Export", b.Main().Export(t.Context(), &out), "do not lead to the checkpoint")
	if _, err := tar.NewReader(&out).Next(); err != nil {
		t.Error(err)
	}
	if err := b.Main().Export(t.Context(), full{}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("got %v, want the writer's error", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func witness(t *testing.T, name string) func(b []byte) []byte {
	t.Helper()
	skey, _, err := proof.NewWitnessKey(name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := proof.NewCosigner(skey, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return func(b []byte) []byte {
		text, _, _ := strings.Cut(string(b), "\n\n")
		n, err := note.Sign(&note.Note{Text: text + "\n"}, s)
		if err != nil {
			t.Fatal(err)
		}
		return must1(proof.Merge(b, n))
	}
}

func TestCosignedCheckpointsAreKeptAndUsed(t *testing.T) {
	b := newBook(t)
	one, two := witness(t, "one.example"), witness(t, "two.example")
	keep := func(n []byte) {
		t.Helper()
		if err := b.Cosign(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	cosigs := func(n []byte) int { return strings.Count(string(n), "— ") - 1 }
	b.fill(5, "nord") // 0 to 5
	first := b.Checkpoint()
	keep(one(first))
	keep(two(first))
	if n, err := b.Main().Checkpoint(t.Context()); err != nil || cosigs(n) != 2 {
		t.Errorf("two witnesses, one checkpoint: got %s, %v", n, err)
	}
	b.fill(3, "nord") // 6 to 9
	keep(one(b.Checkpoint()))
	b.fill(1, "nord") // 10, 11
	for seq, want := range map[int64]int{0: 2, 4: 2, 6: 1, 8: 1, 10: 0} {
		for _, who := range []string{"", "nord"} {
			p := b.proven(who, seq)
			holds(t, b.o, who, p)
			e := p.Entries[0]
			if who != "" {
				e = *p.Head
			}
			if got := cosigs(e.Proof.Checkpoint); got != want {
				t.Errorf("event %d of %q: got %d cosignatures, want %d", seq, who, got, want)
			}
		}
	}
	keep(one(first)) // older, and less than is there
	if n, err := b.Cosigned(t.Context()); err != nil || cosigs(n) != 2 {
		t.Errorf("got %s, %v, want two cosignatures", n, err)
	}
	keep(one(b.Checkpoint()))
	keep(two(b.Checkpoint()))
	seen := 0
	for k := range b.all() {
		if k[0] == 'w' {
			seen++
		}
	}
	if n, err := b.Cosigned(t.Context()); err != nil || seen != 1 || cosigs(n) != 2 || !bytes.HasPrefix(n, []byte(origin+"\n12\n")) {
		t.Errorf("got %d kept, %s, %v, want the newest alone", seen, n, err)
	}
	if err := b.reopen(); err != nil {
		t.Error(err)
	}
	refusesCosigned(t, b, one)
}

func refusesCosigned(t *testing.T, b *book, one func([]byte) []byte) {
	t.Helper()
	other := newBook(t)
	other.fill(2)
	for want, n := range map[string][]byte{
		"nobody cosigned it":    b.Checkpoint(),
		"not the same":          one(other.Checkpoint()),
		"has no signature":      []byte("x"),
		`of the log "lockbox.e`: one(must1(b.Of("nord").Checkpoint(t.Context()))),
	} {
		if err := b.Cosign(t.Context(), n); !says(err, want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	at := ledger.SeenAt(12)
	b.edit(func(w ledger.Writer) error {
		return w.Put(at, []byte(strings.Replace(b.all()[string(at)], "\n12\n", "\n11\n", 1)))
	})
	_, err := b.Main().Prove(t.Context(), 0)
	caught(t, "Prove", err, "a cosigned checkpoint was edited")
	caught(t, "Check", b.Check(t.Context()), "a cosigned checkpoint was edited")
}

func must1(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestARewoundLedgerIsTold(t *testing.T) {
	b, other := newBook(t), newBook(t)
	after := tale(b)
	held := map[string]proof.Checkpoint{"": b.checkpoint(""), "nord": b.checkpoint("nord")}
	other.fill(40, "nord")
	for who, c := range held {
		if err := b.Extends(t.Context(), c); err != nil {
			t.Errorf("%q: %v", who, err)
		}
		if err := other.Extends(t.Context(), c); !errors.Is(err, ledger.ErrRewound) || !says(err, "two histories") {
			t.Errorf("%q, another ledger: got %v", who, err)
		}
	}
	b.edit(func(w ledger.Writer) error { return restore(w, after[2]) })
	if err := b.reopen(); err != nil {
		t.Fatal(err)
	}
	for who, c := range held {
		err := b.Extends(context.Background(), c)
		if !errors.Is(err, ledger.ErrRewound) || !says(err, fmt.Sprintf("theirs has %d events", c.N)) || !says(err, "restore a newer one") {
			t.Errorf("%q: got %v, want ErrRewound", who, err)
		}
	}
	if err := b.Extends(t.Context(), proof.Checkpoint{Origin: "other.example"}); !says(err, "of the log") || errors.Is(err, ledger.ErrRewound) {
		t.Errorf("a foreign log: got %v", err)
	}
}
