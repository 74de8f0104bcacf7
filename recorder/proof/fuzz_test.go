package proof_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/proof"
)

func FuzzPeek(f *testing.F) {
	log, g := newKey(f, origin), grow(f, 5)
	c := g.checkpoint(f, 5, log)
	f.Add(c.Note)
	f.Add(cosign(f, c.Note, newWitness(f, "w.example").Signer))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := proof.Peek(b)
		if err != nil {
			return
		}
		if !strings.HasPrefix(string(b), proof.Text(c.Origin, c.Tree)) {
			t.Errorf("%q was read as %q, %v", b, c.Origin, c.Tree)
		}
		merged, err := proof.Merge(b)
		if err != nil {
			t.Fatalf("Merge does not take what Peek does: %v", err)
		}
		if again, err := proof.Merge(merged, merged); err != nil || !bytes.Equal(again, merged) {
			t.Errorf("%q merged is %q, and again %q, %v", b, merged, again, err)
		}
	})
}

func FuzzCosignerKeys(f *testing.F) {
	w := newWitness(f, "w.example")
	f.Add(w.vkey)
	f.Add(w.skey)
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := proof.NewCosignatureVerifier(text); err == nil {
			if !strings.HasPrefix(text, v.Name()+"+") || len(text) != len(v.Name())+1+8+1+44 {
				t.Errorf("%q is taken for a key of %q", text, v.Name())
			}
		}
		if s, err := proof.NewCosigner(text, noon); err == nil && !strings.HasPrefix(text, "PRIVATE+KEY+"+s.Name()+"+") {
			t.Errorf("%q is taken for a key of %q", text, s.Name())
		}
	})
}

func FuzzInclusion(f *testing.F) {
	log, g := newKey(f, origin), grow(f, 40)
	f.Add(must(g.prove(f, 7, g.checkpoint(f, 40, log)).MarshalText())(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p proof.Inclusion
		if p.UnmarshalText(b) != nil {
			return
		}
		got, want := string(must(p.MarshalText())(t)), string(b)
		if head, rest, _ := strings.Cut(want, "\n"); strings.HasPrefix(rest, "extra ") {
			_, rest, _ = strings.Cut(rest, "\n")
			want = head + "\n" + rest
		}
		if got != want {
			t.Errorf("%q is printed back as %q", b, got)
		}
	})
}

func FuzzGrown(f *testing.F) {
	log, g := newKey(f, origin), grow(f, 40)
	older, newer := g.checkpoint(f, 10, log), g.checkpoint(f, 40, log)
	f.Add(must(proof.GrownFile(older.Note, newer.Note, proof.Growth{Old: 10, Proof: must(tlog.ProveTree(40, 10, g))(f)}))(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := proof.ParseGrown(b)
		if err != nil {
			return
		}
		printed := must(proof.GrownFile([]byte(g.Old), []byte(g.New), g.Growth))(t)
		again, err := proof.ParseGrown(printed)
		if err != nil || !bytes.Equal(must(json.Marshal(again))(t), must(json.Marshal(g))(t)) {
			t.Errorf("%q is read back as %v, %v", b, again, err)
		}
	})
}

// FuzzWhole changes one file of a log, or adds one: nothing but the log itself is taken for it.
func FuzzWhole(f *testing.F) {
	log, g := newKey(f, origin), grow(f, 300)
	c, good := g.checkpoint(f, 300, log), g.files(f, log)
	for name, file := range good {
		f.Add(name, file.Data)
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if !fs.ValidPath(name) {
			return // no fs.FS has it, and a MapFS walks around in it for ever
		}
		files := fstest.MapFS{}
		for n, file := range good {
			files[n] = file
		}
		files[name] = &fstest.MapFile{Data: data}
		same := name == "checkpoint" || good[name] != nil && bytes.Equal(good[name].Data, data)
		if err := (proof.Whole{Files: files}).Verify(c, nothing); err == nil && !same {
			t.Errorf("%q can be %q", name, data)
		}
	})
}

func FuzzTar(f *testing.F) {
	log, g := newKey(f, origin), grow(f, 3)
	f.Add(pack(f, g.files(f, log)))
	f.Fuzz(func(t *testing.T, b []byte) {
		files, err := proof.Tar(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		var names []string
		err = fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				names = append(names, name)
			}
			return err
		})
		if err == nil {
			err = fstest.TestFS(files, names...)
		}
		if err != nil && len(names) > 0 {
			t.Error(err)
		}
	})
}
