package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"lockbox/approvals"
	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
	"lockbox/recorder/proof"
)

// writeLog writes a log of less than 256 entries as files, signed.
func writeLog(t *testing.T, dir, origin string, by note.Signer, leaves []string) {
	t.Helper()
	var hashes, level []tlog.Hash
	var bundle, tile []byte
	r := tlog.HashReaderFunc(func(is []int64) (out []tlog.Hash, err error) {
		for _, i := range is {
			out = append(out, hashes[i])
		}
		return out, nil
	})
	for i, leaf := range leaves {
		hs, err := tlog.StoredHashes(int64(i), []byte(leaf), r)
		ok(t, err)
		hashes, level = append(hashes, hs...), append(level, hs[0])
		bundle, err = proof.AppendEntry(bundle, []byte(leaf))
		ok(t, err)
	}
	for _, h := range level {
		tile = append(tile, h[:]...)
	}
	root, err := tlog.TreeHash(int64(len(leaves)), r)
	ok(t, err)
	c, err := proof.Sign(origin, tlog.Tree{N: int64(len(leaves)), Hash: root}, by)
	ok(t, err)
	for name, data := range map[string][]byte{"checkpoint": c, proof.TilePath(0, 0, len(leaves)): tile, proof.EntriesPath(0, len(leaves)): bundle} {
		ok(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		ok(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestWhatAnOperatorLeavesOutOfACustomersLogTheMainLogTells: who has the log's key signs what they like.
func TestWhatAnOperatorLeavesOutOfACustomersLogTheMainLogTells(t *testing.T) {
	skey, vkey, err := note.GenerateKey(nil, "log.test")
	ok(t, err)
	signer, err := note.NewSigner(skey)
	ok(t, err)
	key, err := note.NewVerifier(vkey)
	ok(t, err)
	dir := t.TempDir()
	e, err := boltengine.Open(filepath.Join(dir, "ledger.db"))
	ok(t, err)
	l, err := ledger.Open(context.Background(), e, ledger.Options{Origin: "log.test", Signer: signer, Verifier: key})
	ok(t, err)
	defer func() { _ = l.Close() }()
	for _, kind := range []string{"session.open", "session.close"} {
		ok(t, l.Update(t.Context(), func(tx *ledger.Tx) error {
			_, err := tx.Append(ledger.Event{Kind: kind, Actor: "eng", Subjects: []string{"s", "g"}, Customers: []string{"nord"}})
			return err
		}))
	}
	all, err := l.Main().Prove(t.Context(), 0, 1, 2, 3)
	ok(t, err)
	var out bytes.Buffer
	ok(t, l.Of("nord").Export(t.Context(), &out))
	nord := filepath.Join(dir, "nord.tar")
	ok(t, os.WriteFile(nord, out.Bytes(), 0o600))
	var leaves []string
	for _, e := range all.Entries {
		leaves = append(leaves, string(e.Leaf))
	}
	hidden := strings.Replace(leaves[2], `"seq":2`, `"seq":4`, 1)
	for name, c := range map[string]struct {
		leaves []string
		fails  bool
	}{
		"the truth":      {leaves, false},
		"a session more": {append(leaves[:4:4], hidden), true},
	} {
		at := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		writeLog(t, at, "log.test", signer, c.leaves)
		for _, file := range []string{at, nord} {
			var v verifier
			ok(t, v.pin(approvals.Pinned{Log: "log.test", LogKey: vkey}))
			if file == nord {
				v.main = at
			}
			o, err := open(file)
			ok(t, err)
			ok(t, v.verify(o))
			o.close()
			failed := false
			for _, s := range v.steps {
				failed = failed || s.Failed()
			}
			if failed != c.fails {
				t.Errorf("%s, %s: got %+v", name, filepath.Base(file), v.steps)
			}
		}
	}
}
