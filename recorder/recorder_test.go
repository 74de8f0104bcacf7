package recorder

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"

	"lockbox/policy"
)

// rig is a shelf in a temporary folder, and who may read what stands on it.
type rig struct {
	*Shelf
	id *age.HybridIdentity
}

func newRig(t testing.TB) rig {
	t.Helper()
	return newRigIn(t, t.TempDir())
}

func newRigIn(t testing.TB, dir string) rig {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	skey, vkey := noteKeys(t)
	r := rig{Shelf: shelfOf(t, dir, id.Recipient(), skey, vkey), id: id}
	_, _ = rand.Read(r.AtRest[:])
	return r
}

func noteKeys(t testing.TB) (skey, vkey string) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, "lockbox.test")
	if err != nil {
		t.Fatal(err)
	}
	return skey, vkey
}

func shelfOf(t testing.TB, dir string, to age.Recipient, skey, vkey string) *Shelf {
	t.Helper()
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return &Shelf{
		Dir: dir, Recipients: []age.Recipient{to}, Signer: signer, Verifier: verifier,
		MinFree: -1, MinFreePercent: -1, Patience: time.Minute,
	}
}

func words() Session {
	return Session{
		ID: NewID(time.Now()), Request: "7KQM", Target: "db1.prod", Login: "ops", Remote: "192.0.2.7:5022",
		Who: policy.Principal{ID: "ane@example.eu", Name: "Ane", Kind: policy.Staff}, Customers: []string{"acme"},
	}
}

// begin opens a recording with one track.
func (r rig) begin(t testing.TB, h Header) (Session, *Recording, *Track) {
	t.Helper()
	w := words()
	rec, err := r.Open(w, How{})
	if err != nil {
		t.Fatal(err)
	}
	tr, err := rec.Track(h)
	if err != nil {
		t.Fatal(err)
	}
	return w, rec, tr
}

// record makes a whole recording of one track.
func (r rig) record(t testing.TB, h Header, do func(*Track)) (Session, Seal) {
	t.Helper()
	w, rec, tr := r.begin(t, h)
	do(tr)
	return w, closed(t, rec)
}

func closed(t testing.TB, rec *Recording) Seal {
	t.Helper()
	seal, err := rec.Close("client left")
	if err != nil {
		t.Fatal(err)
	}
	return seal
}

func (r rig) folder(t testing.TB, session string) string {
	t.Helper()
	f, err := Find(r.Dir, session)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (r rig) verified(t testing.TB, session string) Manifest {
	t.Helper()
	m, err := Verify(r.folder(t, session), r.Verifier)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// played verifies a recording and gives what the first track holds.
func (r rig) played(t testing.TB, session string) []Event {
	t.Helper()
	r.verified(t, session)
	p, err := Open(r.folder(t, session), r.id)
	if err != nil {
		t.Fatal(err)
	}
	return events(t, p, p.Tracks()[0].Name)
}

func events(t testing.TB, p *Playback, track string) (evs []Event) {
	t.Helper()
	for ev, err := range p.Events(track) {
		if err != nil {
			t.Fatal(err)
		}
		evs = append(evs, ev)
	}
	return evs
}

// stream joins the data of the events of one code.
func stream(evs []Event, code string) []byte {
	var b bytes.Buffer
	for _, ev := range evs {
		if ev.Code == code {
			b.Write(ev.Data)
		}
	}
	return b.Bytes()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// grep lists the files under dir that hold the word.
func grep(t testing.TB, dir, word string) (hits []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			return nil
		}
		b, err := os.ReadFile(name)
		if bytes.Contains(b, []byte(word)) {
			hits = append(hits, name)
		}
		if errors.Is(err, fs.ErrNotExist) { // it was renamed
			return nil
		}
		return err
	}))
	return hits
}

const redactAll = policy.RedactTokens | policy.RedactKeys | policy.RedactCPR | policy.RedactCards

// privateKey is one as ssh-keygen writes it, of no use.
func privateKey(kind string, lines int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-----BEGIN %s-----\r\n", kind)
	for n := range lines {
		fmt.Fprintf(&b, "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAABlwAAA%03dA+/=\r\n", n)
	}
	fmt.Fprintf(&b, "-----END %s-----\r\n", kind)
	return b.String()
}
