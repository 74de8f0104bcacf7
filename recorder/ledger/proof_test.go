package ledger_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/ledger"
)

// memory asks a verifier once for each signature: under -race they are slow.
type memory struct {
	note.Verifier
	said map[string]bool
}

func (m memory) Verify(msg, sig []byte) bool {
	k := string(msg) + "\x00" + string(sig)
	if _, ok := m.said[k]; !ok {
		m.said[k] = m.Verifier.Verify(msg, sig)
	}
	return m.said[k]
}

func TestEveryEventIsProvenAtEverySize(t *testing.T) {
	b := newBook(t)
	v := memory{b.o.Verifier, map[string]bool{}}
	for size := int64(1); size <= 70; size++ {
		b.put(fmt.Sprintf("row/%d", size%7), size)
		for i := range size {
			in, err := b.entry(i)
			if err != nil {
				t.Fatal(err)
			}
			if err := checks(in, v); err != nil {
				t.Fatalf("event %d of %d: %v", i, size, err)
			}
			if in.Proof.Index != i || !bytes.Equal(in.Proof.Checkpoint, b.Checkpoint()) {
				t.Errorf("event %d of %d: got %+v", i, size, in)
			}
			n := int(31*size + i%7) // some bit
			for name, bad := range broken(in, n) {
				if checks(bad, v) == nil {
					t.Errorf("event %d of %d: %s %d flipped, and it is still taken", i, size, name, n)
				}
			}
		}
		if _, err := b.entry(size); err == nil {
			t.Errorf("event %d of %d is proven", size, size)
		}
	}
	if _, err := b.entry(-1); err == nil {
		t.Error("event -1 is proven")
	}
}

// broken is the proof with the nth bit of each part flipped.
func broken(in ledger.Entry, n int) map[string]ledger.Entry {
	flip := func(b []byte) []byte {
		b = bytes.Clone(b)
		b[n/8%len(b)] ^= 1 << (n % 8)
		return b
	}
	all := map[string]ledger.Entry{}
	bad := in
	bad.Leaf = flip(in.Leaf)
	all["leaf"] = bad
	bad = in
	bad.Proof.Checkpoint = flip(in.Proof.Checkpoint)
	all["checkpoint"] = bad
	for i, h := range in.Proof.Path {
		bad = in
		bad.Proof.Path = slices.Clone(in.Proof.Path)
		bad.Proof.Path[i] = tlog.Hash(flip(h[:]))
		all[fmt.Sprint("hash ", i)] = bad
	}
	bad = in
	bad.Proof.Index ^= 1 << (n % 63)
	all["index"] = bad
	return all
}

func TestEachFlippedBitBreaksAProof(t *testing.T) {
	b := newBook(t)
	v := memory{b.o.Verifier, map[string]bool{}}
	for size := int64(1); size <= 6; size++ {
		b.put("row/a", size)
	}
	for _, i := range []int64{0, 3, 5} {
		in, err := b.entry(i)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 8 * max(len(in.Leaf), len(in.Proof.Checkpoint)) {
			for name, bad := range broken(in, n) {
				if checks(bad, v) == nil {
					t.Errorf("event %d: %s, bit %d: still taken", i, name, n)
				}
			}
		}
	}
}

func TestAnEmptyLogHasACheckpoint(t *testing.T) {
	b := newBook(t)
	want := origin + "\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— " + origin + " "
	if got := string(b.Checkpoint()); !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q…", got, want)
	}
	if got := b.Last(); got != -1 {
		t.Errorf("got last event %d, want -1", got)
	}
	if err := b.reopen(); err != nil {
		t.Error(err)
	}
}
