package recorder

import (
	"archive/tar"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lockbox/policy"
)

// Who can write to the folder of the recordings, and has no key, is the attacker
// in the first of these (F20 of attacks.md).

// long makes a recording of some segments.
func (r rig) long(t testing.TB) Session {
	t.Helper()
	w, _ := r.record(t, Header{Kind: "pty", Cols: 80, Rows: 24}, func(tr *Track) {
		for n := range 60 {
			must(t, tr.Output(bytes.Repeat(fmt.Appendf(nil, "line %d %x\r\n", n, rand.Uint64()), 500)))
		}
	})
	if n := len(r.verified(t, w.ID).Segments); n < 4 {
		t.Fatalf("%d segments", n)
	}
	return w
}

func TestAShortenedRecordingIsNotPlayedHere(t *testing.T) {
	for name, forge := range map[string]func(m *Manifest){
		"its root is left":    func(*Manifest) {},
		"its root is changed": func(m *Manifest) { m.Root = treeRoot(m.leaves()).String() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			w := r.long(t)
			folder := r.folder(t, w.ID)
			m := r.verified(t, w.ID)
			last := m.Segments[len(m.Segments)-1]
			m.Segments = m.Segments[:len(m.Segments)-1]
			forge(&m)
			b, err := os.ReadFile(filepath.Join(folder, manifestName))
			must(t, err)
			_, sig, _ := bytes.Cut(b, []byte("\n\n"))
			must(t, os.WriteFile(filepath.Join(folder, manifestName), append([]byte(m.text()+"\n"), sig...), 0o600))
			must(t, os.Remove(filepath.Join(folder, last.Name())))
			if _, err := r.Play(w.ID, r.id); err == nil {
				t.Error("the gateway plays it as if it were whole")
			}
			if _, err := Open(folder, r.id); err == nil && m.Root != treeRoot(m.leaves()).String() {
				t.Error("the manifest does not come to its own root, and it plays")
			}
		})
	}
}

func TestOneRecordingIsNotPlayedAsAnother(t *testing.T) {
	r := newRig(t)
	a, b := r.long(t), r.long(t)
	at := r.folder(t, b.ID)
	must(t, os.RemoveAll(at))
	must(t, os.CopyFS(at, os.DirFS(r.folder(t, a.ID))))
	if _, err := r.Play(b.ID, r.id); err == nil {
		t.Error("another session's recording plays under its name")
	}
}

// What is taken out of the recording is not shown to who watches it live, either.
func TestAWatcherSeesTheRedactedCommand(t *testing.T) {
	r := newRig(t)
	w, rec, _ := r.begin(t, Header{Kind: "exec", Command: "deploy --password=hunter2hunter2", Redact: policy.RedactTokens})
	live, err := r.Live(w.ID)
	must(t, err)
	if got := live.Tracks()[0].Header.Command; strings.Contains(got, "hunter2") {
		t.Errorf("got %q", got)
	}
	closed(t, rec)
}

// A hash of little lets it be guessed; so does one of the little that came since the last.
func TestAHashOfWhatIsTypedIntoACommandLetsNothingBeGuessed(t *testing.T) {
	for _, row := range []struct {
		name  string
		want  policy.Redact
		in    []string
		hashs int
	}{
		{"a password", 0, []string{"hunter2\n"}, 0},
		{"a script, and then a password", 0, []string{strings.Repeat("echo a long script\n", 20), "hunter2\n"}, 1},
		{"a script", 0, []string{strings.Repeat("echo a long script\n", 20)}, 1},
		{"a script in which nobody looked for secrets", policy.RedactTokens, []string{strings.Repeat("echo a long script\n", 20)}, 0},
	} {
		r := newRig(t)
		synctest.Test(t, func(t *testing.T) {
			w, rec, tr := r.begin(t, Header{Kind: "exec", Command: "sh", Redact: row.want})
			for _, in := range row.in {
				must(t, tr.Input([]byte(in)))
				must(t, tr.Output([]byte("done\n")))
				time.Sleep(time.Minute)
			}
			closed(t, rec)
			if got := stream(r.played(t, w.ID), CodeStdin); bytes.Count(got, []byte("sha256")) != row.hashs {
				t.Errorf("%s: got %s", row.name, got)
			}
		})
	}
	for name, h := range map[string]Header{
		"the rest of what is cut":      {Kind: "exec", Command: "x", Bulk: 10, Redact: policy.RedactTokens},
		"the rest of what is typed in": {Kind: "exec", Command: "x", Bulk: 10, Input: true, Redact: policy.RedactTokens},
	} {
		r := newRig(t)
		w, _ := r.record(t, h, func(tr *Track) {
			must(t, tr.Output([]byte("0123456789 password=hunter2hunter2\n")))
			must(t, tr.Input([]byte("0123456789 password=hunter2hunter2\n")))
		})
		if got := stream(r.played(t, w.ID), CodeCut); bytes.Contains(got, []byte("sha256")) {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

// One who changes the size of a window without end must not stop the disk of all.
func TestAStormOfResizesHoldsNobodyUp(t *testing.T) {
	r := newRig(t)
	r.Patience = 0
	w, rec, tr := r.begin(t, Header{Kind: "pty", Cols: 500, Rows: 300})
	must(t, tr.Output(bytes.Repeat([]byte(strings.Repeat("x", 499)+"\r\n"), 300)))
	began := time.Now()
	n := 0
	for ; n < 5000 && time.Since(began) < 3*time.Second; n++ {
		must(t, tr.Resize(500-n%2*499, 300-n%2*299))
		must(t, tr.Output([]byte("y")))
	}
	t.Logf("%d sizes in %v", n, time.Since(began))
	closed(t, rec)
	if h := r.Health(); h.Level != Green {
		t.Errorf("nobody gets in: %q", h.Why)
	}
	r.verified(t, w.ID)
}

func TestAClipWithHolesIsNotFilledUp(t *testing.T) {
	var b bytes.Buffer
	out := tar.NewWriter(&b)
	must(t, out.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: clipName, Size: 512, Mode: 0o600, Format: tar.FormatPAX,
	}))
	_, _ = out.Write(append([]byte("1\n1099511627776\n0\n"), make([]byte, 494)...))
	must(t, out.Close())
	// What tar.Writer does not write: the records of a sparse file of 1 TiB.
	sparse := pax(t, map[string]string{
		"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": clipName, "GNU.sparse.realsize": fmt.Sprint(int64(1) << 40),
	})
	_, err := VerifyClip(bytes.NewReader(append(sparse, b.Bytes()...)), nil, "x")
	if err == nil {
		t.Fatal("it is believed")
	}
	t.Log(err)
}

// pax makes the extended header that goes before a file.
func pax(t testing.TB, records map[string]string) []byte {
	t.Helper()
	var body bytes.Buffer
	for k, v := range records {
		n := len(k) + len(v) + 3
		for l := n + len(fmt.Sprint(n)); ; l++ {
			if line := fmt.Sprintf("%d %s=%s\n", l, k, v); len(line) == l {
				body.WriteString(line)
				break
			}
		}
	}
	var b bytes.Buffer
	out := tar.NewWriter(&b)
	must(t, out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "PaxHeaders/x", Size: int64(body.Len()), Mode: 0o600, Format: tar.FormatUSTAR}))
	_, _ = out.Write(body.Bytes())
	must(t, out.Flush())
	h := b.Bytes()
	h[156] = 'x'
	copy(h[148:156], "        ")
	sum := 0
	for _, c := range h[:512] {
		sum += int(c)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return h
}

// One who makes the recorder's screen work without end may lose their own
// session, but not that of others: no disk is at fault.
func TestWhatIsDrawnWithoutEndClosesNoDoor(t *testing.T) {
	for name, seq := range map[string]string{
		"erase": "\x1b[44m\x1b[2J", "insert": "\x1b[300L\x1b[499@", "repeat": "x\x1b[9999b", "scroll": "\x1b[300T\x1b[300S", "index": "\x1b[H\x1bM",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.Patience = 0
			_, rec, tr := r.begin(t, Header{Kind: "pty", Cols: 500, Rows: 300})
			for range 300 {
				must(t, tr.Output([]byte(strings.Repeat("x", 499)+"\r\n")))
			}
			began := time.Now()
			for range 3 {
				if err := tr.Output(bytes.Repeat([]byte(seq), 64<<10/len(seq))); err != nil {
					t.Logf("the session ends: %v", err)
					break
				}
			}
			_, err := rec.Close("client left")
			t.Logf("192 KiB in %v, %v", time.Since(began), err)
			if h := r.Health(); h.Level != Green {
				t.Errorf("nobody gets in: %q", h.Why)
			}
		})
	}
}
