package ledger_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

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
			in, err := b.Proof(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			if err := in.Verify(v, origin); err != nil {
				t.Fatalf("event %d of %d: %v", i, size, err)
			}
			if in.Index != i || in.Size != size || !bytes.Equal(in.Checkpoint, b.Checkpoint()) {
				t.Errorf("event %d of %d: got %+v", i, size, in)
			}
			n := int(31*size + i%7) // some bit
			for name, bad := range broken(in, n) {
				if bad.Verify(v, origin) == nil {
					t.Errorf("event %d of %d: %s %d flipped, and it is still taken", i, size, name, n)
				}
			}
		}
		if _, err := b.Proof(t.Context(), size); err == nil {
			t.Errorf("event %d of %d is proven", size, size)
		}
	}
	if _, err := b.Proof(t.Context(), -1); err == nil {
		t.Error("event -1 is proven")
	}
}

// broken is the proof with the nth bit of each part flipped.
func broken(in ledger.Inclusion, n int) map[string]ledger.Inclusion {
	flip := func(b []byte) []byte {
		b = bytes.Clone(b)
		b[n/8%len(b)] ^= 1 << (n % 8)
		return b
	}
	all := map[string]ledger.Inclusion{}
	bad := in
	bad.Leaf = flip(in.Leaf)
	all["leaf"] = bad
	bad = in
	bad.Checkpoint = flip(in.Checkpoint)
	all["checkpoint"] = bad
	for i := range in.Hashes {
		bad = in
		bad.Hashes = slices.Clone(in.Hashes)
		bad.Hashes[i] = flip(in.Hashes[i])
		all[fmt.Sprint("hash ", i)] = bad
	}
	bad = in
	bad.Index ^= 1 << (n % 63)
	all["index"] = bad
	bad = in
	bad.Size ^= 1 << (n % 63)
	all["size"] = bad
	return all
}

func TestEachFlippedBitBreaksAProof(t *testing.T) {
	b := newBook(t)
	v := memory{b.o.Verifier, map[string]bool{}}
	for size := int64(1); size <= 6; size++ {
		b.put("row/a", size)
	}
	for _, i := range []int64{0, 3, 5} {
		in, err := b.Proof(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 8 * max(len(in.Leaf), len(in.Checkpoint)) {
			for name, bad := range broken(in, n) {
				if bad.Verify(v, origin) == nil {
					t.Errorf("event %d: %s, bit %d: still taken", i, name, n)
				}
			}
		}
	}
}

func TestProofIsRefused(t *testing.T) {
	b := newBook(t)
	story(b)
	good, err := b.Proof(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	first, err := b.Proof(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	_, stranger := keys(t, 9, origin)
	signed := func(text string) []byte {
		c, err := note.Sign(&note.Note{Text: text}, b.o.Signer)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	root := strings.Split(string(good.Checkpoint), "\n")[2]
	for _, c := range []struct {
		name   string
		change func(in *ledger.Inclusion)
		v      note.Verifier
		origin string
		want   string
	}{
		{"as it is", func(*ledger.Inclusion) {}, b.o.Verifier, origin, ""},
		{"with a checkpoint that says more", func(in *ledger.Inclusion) { in.Checkpoint = signed(origin + "\n5\n" + root + "\nmore\n") }, b.o.Verifier, origin, ""},
		{"with another's signature too", func(in *ledger.Inclusion) {
			in.Checkpoint = append(bytes.Clone(in.Checkpoint), "— witness.example AAAAAAAA\n"...)
		}, b.o.Verifier, origin, ""},
		{"another key", func(*ledger.Inclusion) {}, stranger, origin, "not signed by"},
		{"another log", func(*ledger.Inclusion) {}, b.o.Verifier, "other.example", "not of \"other.example\""},
		{"another place", func(in *ledger.Inclusion) { in.Index = 1 }, b.o.Verifier, origin, "not in the log"},
		{"negative place", func(in *ledger.Inclusion) { in.Index = -1 }, b.o.Verifier, origin, "not in the log"},
		{"place after the end", func(in *ledger.Inclusion) { in.Index = 5 }, b.o.Verifier, origin, "not in the log"},
		{"another leaf", func(in *ledger.Inclusion) { in.Leaf = first.Leaf }, b.o.Verifier, origin, "not in the log"},
		{"another size", func(in *ledger.Inclusion) { in.Size = 4 }, b.o.Verifier, origin, "of 5 events, the proof of 4"},
		{"no leaf", func(in *ledger.Inclusion) { in.Leaf = nil }, b.o.Verifier, origin, "not in the log"},
		{"no hashes", func(in *ledger.Inclusion) { in.Hashes = nil }, b.o.Verifier, origin, "not in the log"},
		{"a hash too many", func(in *ledger.Inclusion) { in.Hashes = append(slices.Clone(in.Hashes), make([]byte, 32)) }, b.o.Verifier, origin, "not in the log"},
		{"a hash cut", func(in *ledger.Inclusion) { in.Hashes = append([][]byte{{1}}, in.Hashes[1:]...) }, b.o.Verifier, origin, "1 bytes, not 32"},
		{"no checkpoint", func(in *ledger.Inclusion) { in.Checkpoint = nil }, b.o.Verifier, origin, "does not hold"},
		{"a checkpoint of two lines", func(in *ledger.Inclusion) { in.Checkpoint = signed(origin + "\n5\n") }, b.o.Verifier, origin, "fewer than three lines"},
		{"a size with a zero", func(in *ledger.Inclusion) { in.Checkpoint = signed(origin + "\n05\n" + root + "\n") }, b.o.Verifier, origin, "the size \"05\""},
		{"a size below nothing", func(in *ledger.Inclusion) { in.Checkpoint = signed(origin + "\n-5\n" + root + "\n") }, b.o.Verifier, origin, "the size \"-5\""},
		{"a root cut", func(in *ledger.Inclusion) { in.Checkpoint = signed(origin + "\n5\nAAAA\n") }, b.o.Verifier, origin, "the root \"AAAA\""},
		{"another root", func(in *ledger.Inclusion) { in.Checkpoint = signed(origin + "\n5\n" + strings.Repeat("A", 43) + "=\n") }, b.o.Verifier, origin, "not in the log"},
	} {
		in := good
		c.change(&in)
		if err := in.Verify(c.v, c.origin); !says(err, c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestProofGoesThroughJSON(t *testing.T) {
	b := newBook(t)
	story(b)
	in, err := b.Proof(t.Context(), 4)
	if err != nil {
		t.Fatal(err)
	}
	j, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var back ledger.Inclusion
	if err := json.Unmarshal(j, &back); err != nil {
		t.Fatal(err)
	}
	if err := back.Verify(b.o.Verifier, origin); err != nil {
		t.Errorf("got %v from %s", err, j)
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
