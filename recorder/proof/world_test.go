package proof_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/proof"
)

const origin = "lockbox.example"

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// A key is a log's.
type key struct {
	note.Signer
	note.Verifier
	text string
}

func newKey(t testing.TB, name string) key {
	t.Helper()
	s, v, err := note.GenerateKey(nil, name)
	if err != nil {
		t.Fatal(err)
	}
	return key{must(note.NewSigner(s))(t), must(note.NewVerifier(v))(t), v}
}

func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

// A witness cosigns.
type witness struct {
	note.Signer
	note.Verifier
	skey, vkey string
}

func newWitness(t testing.TB, name string) witness {
	t.Helper()
	s, v, err := proof.NewWitnessKey(name)
	if err != nil {
		t.Fatal(err)
	}
	return witness{must(proof.NewCosigner(s, noon))(t), must(proof.NewCosignatureVerifier(v))(t), s, v}
}

// cosign adds the signature of a witness, or of anybody, to a note.
func cosign(t testing.TB, n []byte, by ...note.Signer) []byte {
	t.Helper()
	text, sigs, _ := strings.Cut(string(n), "\n\n")
	for _, s := range by {
		signed := must(note.Sign(&note.Note{Text: text + "\n"}, s))(t)
		_, line, _ := strings.Cut(string(signed), "\n\n")
		sigs += line
	}
	return []byte(text + "\n\n" + sigs)
}

// A forest is the hashes of a log, as sumdb/tlog keeps them.
type forest struct {
	leaves [][]byte
	hashes []tlog.Hash
}

func (f *forest) ReadHashes(at []int64) (out []tlog.Hash, err error) {
	for _, i := range at {
		out = append(out, f.hashes[i])
	}
	return out, nil
}

func grow(t testing.TB, n int) *forest {
	t.Helper()
	f := &forest{}
	for i := range n {
		leaf := fmt.Appendf(nil, `{"v":1,"seq":%d,"kind":"request.made"}`, i)
		hs, err := tlog.StoredHashes(int64(i), leaf, f)
		if err != nil {
			t.Fatal(err)
		}
		f.leaves, f.hashes = append(f.leaves, leaf), append(f.hashes, hs...)
	}
	return f
}

func (f *forest) tree(t testing.TB, n int64) tlog.Tree {
	t.Helper()
	return tlog.Tree{N: n, Hash: must(tlog.TreeHash(n, f))(t)}
}

func (f *forest) checkpoint(t testing.TB, n int64, by key) proof.Checkpoint {
	t.Helper()
	b := must(proof.Sign(origin, f.tree(t, n), by.Signer))(t)
	return must(proof.Open(b, origin, by.Verifier))(t)
}

// files are the log as C2SP tlog-tiles, the hash tiles out of sumdb/tlog.
func (f *forest) files(t testing.TB, by key) fstest.MapFS {
	t.Helper()
	n := int64(len(f.leaves))
	out := fstest.MapFS{"checkpoint": {Data: f.checkpoint(t, n, by).Note}}
	for _, tile := range tlog.NewTiles(8, 0, n) {
		data := must(tlog.ReadTileData(tile, f))(t)
		out[proof.TilePath(tile.L, tile.N, tile.W)] = &fstest.MapFile{Data: data}
	}
	for i := int64(0); i < n; i += 256 {
		var b []byte
		part := f.leaves[i:min(i+256, n)]
		for _, leaf := range part {
			b = must(proof.AppendEntry(b, leaf))(t)
		}
		out[proof.EntriesPath(i/256, len(part))] = &fstest.MapFile{Data: b}
	}
	return out
}

// pack writes files as a tar.
func pack(t testing.TB, files fstest.MapFS) []byte {
	t.Helper()
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range names {
		h := &tar.Header{Name: name, Mode: 0o444, Size: int64(len(files[name].Data)), Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		must(w.Write(files[name].Data))(t)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// fails wants an error that has this text, and none for "".
func fails(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("got %v, want no error", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("got %v, want %q", err, want)
	}
}

// hashAll hashes many leaves.
func hashAll(t testing.TB, leaves [][]byte) []tlog.Hash {
	t.Helper()
	f := &forest{}
	for i, leaf := range leaves {
		f.hashes = append(f.hashes, must(tlog.StoredHashes(int64(i), leaf, f))(t)...)
	}
	return f.hashes
}
