package recorder

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
)

const goldenID = "06H0000000000000000000TEST"

// writeGolden makes testdata/golden anew, which is right only together with a
// new version of the format: LOCKBOX_TEST_GOLDEN=write go test -run ForEver
func writeGolden(t *testing.T) {
	const dir = "testdata/golden"
	must(t, os.RemoveAll(dir))
	skey, vkey := noteKeys(t)
	id, err := age.GenerateHybridIdentity()
	must(t, err)
	r := rig{Shelf: shelfOf(t, t.TempDir(), id.Recipient(), skey, vkey), id: id}
	r.AtRest = [32]byte{1}
	synctest.Test(t, func(t *testing.T) {
		w := words()
		w.ID = goldenID
		rec, err := r.Open(w, How{})
		must(t, err)
		h := pty
		h.Input = true
		a, err := rec.Track(h)
		must(t, err)
		for n := range 3 {
			must(t, a.Output(fmt.Appendf(nil, "\x1b[1mround %d\x1b[0m æ\xe2\x82", n)))
			must(t, a.Output([]byte("\xac \xff\xfe \x00\r\n")))
			must(t, a.Input([]byte("ls\r")))
			time.Sleep(31234 * time.Millisecond) // closes a segment
		}
		b, err := rec.Track(Header{Kind: "exec", Command: "sort"})
		must(t, err)
		must(t, b.Input([]byte("b\na\n")))
		must(t, b.Output([]byte("a\nb\n")))
		must(t, b.Stderr([]byte("sort: \xe6\n")))
		must(t, b.Exit(0))
		must(t, b.Close())
		must(t, a.Resize(80, 24))
		must(t, a.Note("warning", "2 minutes left"))
		must(t, a.Signal("HUP", false))
		closed(t, rec)
	})
	folder := dir + "/" + goldenID
	must(t, os.CopyFS(folder, os.DirFS(r.folder(t, goldenID))))
	keys := id.String() + "\n" + vkey + "\n" + r.key(t, goldenID) + "\n"
	must(t, os.WriteFile(dir+"/keys", []byte(keys), 0o600))
	m, err := Verify(folder, r.Verifier)
	must(t, err)
	p, err := Open(folder, id)
	must(t, err)
	must(t, os.WriteFile(dir+"/want", []byte(describe(t, m, p)), 0o600))
}

// golden reads testdata/golden/keys: the reader's identity, the log's public
// key and the session key, of recordings that must decode for ever.
func golden(t *testing.T) (id *age.HybridIdentity, v note.Verifier, key string) {
	t.Helper()
	b, err := os.ReadFile("testdata/golden/keys")
	must(t, err)
	f := strings.Fields(string(b))
	id, err = age.ParseHybridIdentity(f[0])
	must(t, err)
	v, err = note.NewVerifier(f[1])
	must(t, err)
	return id, v, f[2]
}

func TestOldRecordingsDecodeForEver(t *testing.T) {
	if os.Getenv("LOCKBOX_TEST_GOLDEN") == "write" {
		writeGolden(t)
	}
	id, v, _ := golden(t)
	folder := "testdata/golden/" + goldenID
	m, err := Verify(folder, v)
	must(t, err)
	p, err := Open(folder, id)
	must(t, err)
	want, err := os.ReadFile("testdata/golden/want")
	must(t, err)
	if d := cmp.Diff(string(want), describe(t, m, p)); d != "" {
		t.Error("want -, got +", d)
	}
}

// describe prints all that a recording holds.
func describe(t *testing.T, m Manifest, p *Playback) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(m.text())
	out := json.NewEncoder(&b)
	must(t, out.Encode(p.Session))
	for _, ti := range p.Tracks() {
		must(t, ti.Err)
		must(t, out.Encode([]any{ti.Name, ti.Header, ti.Began}))
		for _, ev := range events(t, p, ti.Name) {
			fmt.Fprintf(&b, "%v %s %q\n", ev.At, ev.Code, ev.Data)
		}
	}
	return b.String()
}

func TestASecondReaderReadsTheSame(t *testing.T) {
	for folder, keys := range map[string]string{"testdata/golden/" + goldenID: "testdata/golden/keys", kindsGolden + "/" + kindsID: kindsGolden + "/keys"} {
		b, err := os.ReadFile(keys)
		must(t, err)
		key := strings.Fields(string(b))
		id, err := age.ParseHybridIdentity(key[0])
		must(t, err)
		p, err := Open(folder, id)
		must(t, err)
		for _, ti := range p.Tracks() {
			want := events(t, p, ti.Name)
			var got []Event
			_, err := eventsIn(python(t, folder, ti.Name, key[2]), 0, func(ev Event) bool { got = append(got, ev); return true })
			if err != nil || !same(got, want) {
				t.Errorf("%s: got %q, %v, want %q", ti.Name, got, err, want)
			}
			if got, want := python(t, folder, ti.Name, key[2], CodeOutput), stream(want, CodeOutput); !bytes.Equal(got, want) {
				t.Errorf("%s: got %q, want %q", ti.Name, got, want)
			}
		}
	}
	r := newRig(t)
	data := noise(600000)
	w, _ := r.record(t, pty, func(tr *Track) { must(t, tr.Output(data)) })
	if got := python(t, r.folder(t, w.ID), "pty0", r.key(t, w.ID), CodeOutput); !bytes.Equal(got, data) {
		t.Errorf("got %d bytes, want %d", len(got), len(data))
	}
}

func python(t *testing.T, args ...string) []byte {
	t.Helper()
	name := "/usr/bin/python3" // the system's, for which the package with the ciphers is installed
	if _, err := os.Stat(name); err != nil {
		name = "python3"
	}
	cmd := exec.Command(name, append([]string{"testdata/read.py"}, args...)...)
	var bad bytes.Buffer
	cmd.Stderr = &bad
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the second reader needs python3, python3-cryptography and zstd: %v\n%s", err, &bad)
	}
	return out
}

// key gives the session key in hexadecimal.
func (r rig) key(t *testing.T, session string) string {
	t.Helper()
	sealed, err := os.ReadFile(filepath.Join(r.folder(t, session), keyName))
	must(t, err)
	key, err := openKey(sealed, []age.Identity{r.id})
	must(t, err)
	return hex.EncodeToString(key[:])
}
