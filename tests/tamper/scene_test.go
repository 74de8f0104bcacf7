package tamper

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"
	"golang.org/x/mod/sumdb/note"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/recorder/backup"
	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
	"lockbox/recorder/proof"
	"lockbox/recorder/witness"
	"lockbox/tests/world"
)

// A scene is everything that can be verified, made by the real gateway: files
// in one folder, and the program.
type scene struct {
	dir     string
	program string
	session string // whose recording is in recordings/
	state   string // file of the witness's
	restore func(path string) error
	stateOf func(path string) error
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *scene) path(name string) string { return filepath.Join(s.dir, name) }

func (s *scene) write(t testing.TB, name string, data []byte) {
	t.Helper()
	ok(t, os.WriteFile(s.path(name), data, 0o600))
}

func (s *scene) json(t testing.TB, name string, v any) {
	t.Helper()
	s.write(t, name, must(json.Marshal(v))(t))
}

// build makes the program once for a test.
func build(t testing.TB) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), "lockbox")
	if out, err := exec.Command("go", "build", "-o", at, "lockbox/cmd/lockbox").CombinedOutput(); err != nil {
		t.Fatalf("build lockbox: %v\n%s", err, out)
	}
	return at
}

// A seer is a witness.
type seer struct {
	note.Signer
	vkey string
}

func newSeer(t testing.TB, name string) seer {
	t.Helper()
	skey, vkey, err := proof.NewWitnessKey(name)
	ok(t, err)
	return seer{must(proof.NewCosigner(skey, time.Now))(t), vkey}
}

// see lets the witnesses cosign the newest checkpoint, and the ledger keep it.
func see(t testing.TB, l *ledger.Ledger, by ...seer) []byte {
	t.Helper()
	b := must(l.Main().Checkpoint(t.Context()))(t)
	text, _, _ := bytes.Cut(b, []byte("\n\n"))
	all := [][]byte{b}
	for _, s := range by {
		all = append(all, must(note.Sign(&note.Note{Text: string(text) + "\n"}, s))(t))
	}
	merged := must(proof.Merge(all...))(t)
	ok(t, l.Cosign(t.Context(), merged))
	return merged
}

// newScene lives through two requests with a session each.
func newScene(t testing.TB) *scene {
	t.Helper()
	w := world.New(t, "127.0.0.1:1", "SHA256:none")
	s := &scene{dir: t.TempDir(), program: build(t)}
	seers := []seer{newSeer(t, "a.example"), newSeer(t, "b.example"), newSeer(t, "c.example")}
	p := approvals.Pinned{
		Log: world.Log, LogKey: w.Keys.LogKey, Party: world.Party(), Executives: []string{w.Ceo.Fingerprint, w.Cto.Fingerprint},
		Customers: map[string][]string{"nord": {w.Ann.Fingerprint}},
	}
	s.json(t, "alone.json", p) // without witnesses
	for _, by := range seers {
		p.Witnesses = append(p.Witnesses, by.vkey)
	}
	p.Quorum = 2
	s.json(t, "pins.json", p)

	first, _ := s.session1(t, w)
	s.write(t, "old.note", see(t, w.Ledger, seers[0], seers[1]))
	s.export(t, w.Ledger.Main(), "old.tar")
	s.receipt(t, w, first, "other.json")

	code, id := s.session1(t, w)
	s.session = id
	s.write(t, "new.note", see(t, w.Ledger, seers[1], seers[2]))
	s.receipt(t, w, code, "receipt.json")
	s.export(t, w.Ledger.Main(), "main.tar")
	s.export(t, w.Ledger.Of("nord"), "nord.tar")
	s.write(t, "nord.note", must(w.Ledger.Of("nord").Checkpoint(t.Context()))(t))
	s.grown(t, w.Ledger)
	folder := must(recorder.Find(filepath.Join(w.Dir, "recordings"), id))(t)
	ok(t, os.CopyFS(s.path("recordings/"+id), os.DirFS(folder)))
	s.copies(t, w, folder)
	s.fork(t, w, seers)
	s.backup(t, w)
	s.witness(t, w)
	return s
}

// session1 is one request, approved and used once.
func (s *scene) session1(t testing.TB, w *world.World) (code, id string) {
	t.Helper()
	code = w.Grant(t, w.Eng, time.Hour)
	k := gateway.Knock{
		Who: w.Eng.Principal, Key: ssh.FingerprintSHA256(w.Eng.SSH.PublicKey()), From: netip.MustParseAddr("127.0.0.1"),
		Do: policy.Shell, On: "db1.prod", Login: "support_nord",
	}
	v, a, err := w.Visit(t, w.Eng, k)
	if err != nil || v == nil {
		t.Fatalf("got %+v, %v", a.Decision, err)
	}
	track := must(v.Track(recorder.Header{Kind: "exec", Command: "true"}))(t)
	ok(t, errors.Join(track.Output([]byte("hello")), track.Exit(0), track.Close()))
	screen := must(v.Track(recorder.Header{Kind: "pty", Cols: 80, Rows: 24}))(t)
	for i := range 5000 { // more than a segment holds: the next one begins with the screen
		ok(t, screen.Output(fmt.Appendf(nil, "\x1b[32m%d\x1b[0m a line of what a terminal shows, long enough\r\n", i)))
	}
	files := must(v.Track(recorder.Header{Kind: "sftp"}))(t)
	ok(t, errors.Join(files.Object(map[string]any{"op": "get", "path": "/srv/a.csv", "size": 7}), files.Close(), screen.Close()))
	v.Leave()
	ok(t, w.Desk.GiveBack(t.Context(), w.Eng.Principal, code))
	return code, v.Session.ID
}

// copies are what leaves the gateway of a recording: the tar as it is downloaded,
// a clip of its terminal, and what is left when its key is destroyed.
func (s *scene) copies(t testing.TB, w *world.World, folder string) {
	t.Helper()
	var all []member
	files := os.DirFS(folder)
	ok(t, fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := fs.ReadFile(files, name)
		all = append(all, member{s.session + "/" + name, b})
		return err
	}))
	s.write(t, "recording.tar", pack(t, all))
	p := must(recorder.Open(folder, w.Keys.Vault))(t)
	var clip bytes.Buffer
	ok(t, recorder.MakeClip(p, "pty1", 0, 0, &clip))
	s.write(t, "clip.tar", clip.Bytes())
	ok(t, os.CopyFS(s.path("erased/"+s.session), files))
	ok(t, os.Remove(s.path("erased/"+s.session+"/key.age")))
}

func (s *scene) receipt(t testing.TB, w *world.World, code, name string) {
	t.Helper()
	s.json(t, name, must(w.Gateway.Receipt(t.Context(), w.Ann.Principal, code))(t))
}

func (s *scene) export(t testing.TB, g ledger.Log, name string) {
	t.Helper()
	var b bytes.Buffer
	ok(t, g.Export(t.Context(), &b))
	s.write(t, name, b.Bytes())
}

// grown is the proof that the log grew from old.note to new.note.
func (s *scene) grown(t testing.TB, l *ledger.Ledger) {
	t.Helper()
	old, now := must(os.ReadFile(s.path("old.note")))(t), must(os.ReadFile(s.path("new.note")))(t)
	was, is := must(proof.Peek(old))(t), must(proof.Peek(now))(t)
	g, checkpoint, err := l.Main().Growth(t.Context(), was.N)
	ok(t, err)
	if c := must(proof.Peek(checkpoint))(t); c.Tree != is.Tree {
		t.Fatalf("the log has grown to %v meanwhile, the witnesses saw %v", c.Tree, is.Tree)
	}
	s.write(t, "grown.json", must(proof.GrownFile(old, now, g))(t))
}

// fork is what a thief of the log's key can make, and a whole month: another
// log of the same name and key, which two of the witnesses saw.
func (s *scene) fork(t testing.TB, w *world.World, seers []seer) {
	t.Helper()
	e := must(boltengine.Open(filepath.Join(t.TempDir(), "fork.db")))(t)
	now := time.Now().AddDate(0, 0, -70).UTC()
	l := must(ledger.Open(t.Context(), e, ledger.Options{Origin: world.Log, Signer: w.Keys.Log, Verifier: w.Keys.LogVerifier, Now: func() time.Time { return now }}))(t)
	t.Cleanup(func() { ok(t, l.Close()) })
	day := func() {
		now = now.Add(12 * time.Hour)
		ok(t, l.Update(t.Context(), func(tx *ledger.Tx) error {
			_, err := tx.Append(ledger.Event{Kind: "session.open", Actor: "eng@x.eu", Subjects: []string{"s" + now.Format("0102"), "7KQM", "db1.prod"}, Customers: []string{"nord"}})
			return err
		}))
		ok(t, l.Beat(t.Context()))
	}
	for range 140 {
		day()
	}
	s.write(t, "fork.note", see(t, l, seers[0], seers[2]))
	s.export(t, l.Main(), "fork.tar")
	s.export(t, l.Of("nord"), "nord-fork.tar")
	d := &approvals.Desk{Ledger: l, Policy: w.Policy, Log: world.Log, Party: world.Party()}
	s.json(t, "month.json", must(d.Statement(t.Context(), w.Ceo.Principal, "nord", now.AddDate(0, -1, 0).Format("2006-01")))(t))
}

// backup makes one, and what reads it.
func (s *scene) backup(t testing.TB, w *world.World) {
	t.Helper()
	id := must(age.GenerateHybridIdentity())(t)
	o := ledger.Options{Origin: world.Log, Signer: w.Keys.Log, Verifier: w.Keys.LogVerifier, Now: time.Now}
	m := &backup.Maker{
		Ledger: w.Ledger, Options: o, Copy: w.Engine.Copy, Store: filepath.Join(w.Dir, "ledger.db"), To: []age.Recipient{id.Recipient()}, Actor: "lockbox",
		Files: func() (map[string]backup.Source, error) { return nil, nil },
	}
	must(m.MakeTo(t.Context(), s.path("backup.age")))(t)
	s.restore = func(path string) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // read only
		u, err := backup.Unpack(f, filepath.Join(filepath.Dir(path), "out"), id)
		if err != nil {
			return err
		}
		l, err := backup.Open(context.Background(), u, o)
		if err != nil {
			return err
		}
		return l.Close()
	}
}

// witness lets a real one cosign, and what reads its state.
func (s *scene) witness(t testing.TB, w *world.World) {
	t.Helper()
	skey, vkey, err := proof.NewWitnessKey("w.example")
	ok(t, err)
	own := must(proof.NewCosignatureVerifier(vkey))(t)
	logs := []witness.Log{{Origin: world.Log, Key: w.Keys.LogVerifier}}
	at := func(dir string) (*witness.Witness, error) {
		return witness.New(witness.Options{Key: skey, Own: own, State: dir, Logs: logs, Now: time.Now, Alarm: func(witness.Alarm) {}})
	}
	dir := s.path("witness")
	ok(t, errors.Join(os.Mkdir(dir, 0o700), witness.Begin(dir, logs)))
	one := must(at(dir))(t)
	r := httptest.NewRequest("POST", "/add-checkpoint", strings.NewReader("old 0\n\n"+string(must(w.Ledger.Main().Checkpoint(t.Context()))(t))))
	answer := httptest.NewRecorder()
	one.Server(func(err error) { t.Log(err) }).Handler.ServeHTTP(answer, r)
	if answer.Code != 200 {
		t.Fatalf("the witness says %d: %s", answer.Code, answer.Body)
	}
	ok(t, one.Close())
	for _, e := range must(os.ReadDir(dir))(t) {
		s.state = e.Name()
	}
	s.stateOf = func(path string) error {
		w, err := at(filepath.Dir(path))
		if err != nil {
			return err
		}
		return w.Close()
	}
}
