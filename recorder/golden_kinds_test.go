package recorder

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
)

const (
	kindsGolden = "testdata/golden/kinds"
	kindsID     = "06H0000000000000000K1NDTST"
)

// writeKinds makes testdata/golden/kinds anew: every kind of track and event.
// That is right only together with a new version of the format:
// LOCKBOX_TEST_GOLDEN=kinds go test -run EveryKindDecodes
func writeKinds(t *testing.T) {
	must(t, os.RemoveAll(kindsGolden))
	skey, vkey := noteKeys(t)
	id, err := age.GenerateHybridIdentity()
	must(t, err)
	r := rig{Shelf: shelfOf(t, t.TempDir(), id.Recipient(), skey, vkey), id: id}
	r.AtRest = [32]byte{1}
	synctest.Test(t, func(t *testing.T) {
		w := words()
		w.ID = kindsID
		rec, err := r.Open(w, How{})
		must(t, err)
		typeKinds(t, rec)
		carryKinds(t, rec)
		closed(t, rec)
	})
	must(t, os.CopyFS(kindsGolden+"/"+kindsID, os.DirFS(r.folder(t, kindsID))))
	keys := id.String() + "\n" + vkey + "\n" + r.key(t, kindsID) + "\n"
	must(t, os.WriteFile(kindsGolden+"/keys", []byte(keys), 0o600))
	m, err := Verify(kindsGolden+"/"+kindsID, r.Verifier)
	must(t, err)
	p, err := Open(kindsGolden+"/"+kindsID, id)
	must(t, err)
	must(t, os.WriteFile(kindsGolden+"/want", []byte(describe(t, m, p)), 0o600))
}

// typeKinds: what is typed, seen and not seen; a screen at a segment's beginning; secrets.
func typeKinds(t *testing.T, rec *Recording) {
	h := pty
	h.Input, h.Redact, h.Command, h.Rows = true, redactAll, "PGPASSWORD=hunter2 psql", 6
	a, err := rec.Track(h)
	must(t, err)
	for n := range 4 {
		must(t, a.Output(fmt.Appendf(nil, "\x1b[1mround %d\x1b[0m æ\xe2\x82", n)))
		must(t, a.Output([]byte("\xac \xff\xfe \x00\r\n$ ")))
		must(t, a.Input([]byte("sudo ls\r")))
		must(t, a.Output([]byte("sudo ls\r\nPassword: ")))
		must(t, a.Input([]byte("hunter2\r")))
		must(t, a.Output([]byte("\r\ncpr 010190-1234 card 4111 1111 1111 1111 ghp_"+strings.Repeat("a", 36)+"\r\n")))
		must(t, a.Output([]byte(privateKey("RSA PRIVATE KEY", 3))))
		time.Sleep(31234 * time.Millisecond) // closes a segment
	}
	must(t, a.Resize(80, 24))
	must(t, a.Note("warning", "2 minutes left"))
	must(t, a.Signal("SEGV", true))
}

// carryKinds: streams that are cut and not, and objects.
func carryKinds(t *testing.T, rec *Recording) {
	b, err := rec.Track(Header{Kind: "exec", Command: "sort", Input: true, Bulk: 8})
	must(t, err)
	must(t, b.Input([]byte("b\na\n")))
	must(t, b.Output([]byte("a\nb\nmore than eight\n")))
	must(t, b.Stderr([]byte("sort: \xe6\n")))
	must(t, b.Exit(0))
	must(t, b.Close())
	for _, kind := range []string{"fwd", "file"} {
		c, err := rec.Track(Header{Kind: kind, Strict: kind == "file"})
		must(t, err)
		must(t, c.Output([]byte{0, 1, 2, 0xff}))
		must(t, c.Input([]byte("to the target\n")))
	}
	for _, kind := range []string{"sftp", "http", "sql"} {
		d, err := rec.Track(Header{Kind: kind})
		must(t, err)
		must(t, d.Object(map[string]any{"op": kind, "at": `a "path" \ æ`, "bytes": 7}))
	}
	e, err := rec.Track(Header{Kind: "exec", Command: "cat"})
	must(t, err)
	must(t, e.Input([]byte("only counted and hashed")))
}

func TestARecordingOfEveryKindDecodesForEver(t *testing.T) {
	if os.Getenv("LOCKBOX_TEST_GOLDEN") == "kinds" {
		writeKinds(t)
	}
	b, err := os.ReadFile(kindsGolden + "/keys")
	must(t, err)
	keys := strings.Fields(string(b))
	id, err := age.ParseHybridIdentity(keys[0])
	must(t, err)
	v, err := note.NewVerifier(keys[1])
	must(t, err)
	folder := kindsGolden + "/" + kindsID
	m, err := Verify(folder, v)
	must(t, err)
	p, err := Open(folder, id)
	must(t, err)
	want, err := os.ReadFile(kindsGolden + "/want")
	must(t, err)
	got := describe(t, m, p)
	if d := cmp.Diff(string(want), got); d != "" {
		t.Error("want -, got +", d)
	}
	for _, bad := range []string{"hunter2", "010190-1234", "1111 1111", "aaaaaaaaaa", "b3BlbnNza"} {
		if strings.Contains(got, bad) {
			t.Errorf("%q is in it", bad)
		}
	}
	met := map[string]bool{}
	for _, ti := range p.Tracks() {
		evs := events(t, p, ti.Name)
		for _, code := range []string{CodeOutput, CodeStderr, CodeInput, CodeResize, CodeExit, CodeMark, CodeSignal, CodeKey, CodeObject, CodeCut, CodeStdin} {
			want := stream(evs, code)
			if len(want) == 0 || met[code] { // a process each time
				continue
			}
			met[code] = true
			if got := python(t, folder, ti.Name, keys[2], code); !bytes.Equal(got, want) {
				t.Errorf("the second reader: %s %s: got %q, want %q", ti.Name, code, got, want)
			}
		}
	}
	if len(met) != 11 {
		t.Errorf("got events %v only", met)
	}
}
