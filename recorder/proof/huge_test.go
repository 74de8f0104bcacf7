package proof_test

import (
	"math"
	"testing"
	"testing/fstest"

	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/proof"
)

// The tree of a log with more than 2^62 entries keeps sumdb/tlog busy for ever.
func TestALogOfMoreEntriesThanThereCanBeIsNoLog(t *testing.T) {
	for _, n := range []int64{1<<62 + 1, math.MaxInt64} {
		text := proof.Text(origin, tlog.Tree{N: n, Hash: tlog.Hash{1}})
		if _, err := proof.Peek([]byte(text + "\n— x AAAAAAA=\n")); err == nil {
			t.Errorf("a checkpoint of %d entries is read", n)
		}
	}
}

func TestProofsInTheLargestTreesEnd(t *testing.T) {
	k := newKey(t, origin)
	note := must(proof.Sign(origin, tlog.Tree{N: 1 << 60, Hash: tlog.Hash{1}}, k.Signer))(t)
	c := must(proof.Open(note, origin, k.Verifier))(t)
	path := make([]tlog.Hash, 60)
	if err := (proof.Inclusion{Index: 1 << 59, Path: path, Checkpoint: note}).Holds([]byte("x"), c); err == nil {
		t.Error("an inclusion out of nothing holds")
	}
	older := proof.Checkpoint{Origin: origin, Tree: tlog.Tree{N: 1<<59 + 1}}
	if err := (proof.Growth{Old: older.N, Proof: path}).Holds(older, c); err == nil {
		t.Error("a growth out of nothing holds")
	}
	if _, err := (proof.Whole{Files: fstest.MapFS{}}).Growth(c, older.N); err == nil {
		t.Error("a growth out of no files holds")
	}
	if err := (proof.Whole{Files: fstest.MapFS{}}).Verify(c, nil); err == nil {
		t.Error("no files are a log")
	}
}
