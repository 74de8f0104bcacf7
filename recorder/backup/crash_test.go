package backup

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"

	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
)

// A test starts this program again as another process, over the files of a folder.
const (
	roleEnv = "BACKUP_TEST_ROLE"
	dirEnv  = "BACKUP_TEST_DIR"
)

func TestMain(m *testing.M) {
	role, dir := os.Getenv(roleEnv), os.Getenv(dirEnv)
	if role == "" {
		os.Exit(m.Run())
	}
	err := another(role, dir)
	fmt.Println(err)
}

// another is the other process: it makes backups of one day after another.
func another(role, dir string) error {
	skey, err := os.ReadFile(filepath.Join(dir, "skey"))
	vkey, err2 := os.ReadFile(filepath.Join(dir, "vkey"))
	to, err3 := os.ReadFile(filepath.Join(dir, "recipient"))
	signer, err4 := note.NewSigner(string(skey))
	v, err5 := note.NewVerifier(string(vkey))
	rec, err6 := age.ParseHybridRecipient(string(to))
	store := filepath.Join(dir, "ledger.db")
	engine, err7 := boltengine.Open(store)
	if err := errors.Join(err, err2, err3, err4, err5, err6, err7); err != nil {
		return err
	}
	ctx := context.Background()
	day := int64(0)
	o := ledger.Options{Origin: origin, Signer: signer, Verifier: v, Now: time.Now}
	l, err := ledger.Open(ctx, engine, o)
	if err != nil {
		return err
	}
	o.Now = func() time.Time { return time.Now().AddDate(0, 0, int(day)) }
	m := &Maker{
		Ledger: l, Options: o, Copy: engine.Copy, Store: store, To: []age.Recipient{rec}, Dir: filepath.Join(dir, "backups"), Actor: "lockbox",
		Files: func() (map[string]Source, error) { return Tree(IsPolicy, "policy", filepath.Join(dir, "policy")) },
	}
	if role == "full" {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 3 << 19, Max: 3 << 19}); err != nil {
			return err
		}
	}
	for range 10 {
		have, err := Have(m.Dir)
		if err != nil {
			return err
		}
		day = int64(len(have))
		fmt.Println("begin")
		if _, err := m.Make(ctx, Nightly); err != nil {
			return err
		}
	}
	return nil
}

// home is a folder for another process, with a policy of two large files.
func home(t *testing.T) (dir string, id *age.HybridIdentity, o ledger.Options) {
	t.Helper()
	dir = t.TempDir()
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	must(t, err)
	id, err = age.GenerateHybridIdentity()
	must(t, err)
	big := make([]byte, 1<<20)
	_, _ = rand.Read(big) // never fails
	must(t, errors.Join(
		os.WriteFile(filepath.Join(dir, "skey"), []byte(skey), 0o600), os.WriteFile(filepath.Join(dir, "vkey"), []byte(vkey), 0o600),
		os.WriteFile(filepath.Join(dir, "recipient"), []byte(id.Recipient().String()), 0o600), os.Mkdir(filepath.Join(dir, "policy"), 0o700),
		os.WriteFile(filepath.Join(dir, "policy", "a"), big, 0o600), os.WriteFile(filepath.Join(dir, "policy", "b"), big, 0o600),
	))
	o = ledger.Options{Origin: origin, Now: time.Now}
	o.Signer, err = note.NewSigner(skey)
	must(t, err)
	o.Verifier, err = note.NewVerifier(vkey)
	must(t, err)
	return dir, id, o
}

func process(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), roleEnv+"="+role, dirEnv+"="+dir)
	c.Stderr = os.Stderr
	return c
}

// wantWhole wants every file in a folder of backups to be restored, with a full check.
func wantWhole(t *testing.T, dir string, id age.Identity, o ledger.Options) []Name {
	t.Helper()
	have, err := Have(dir)
	must(t, err)
	for _, n := range have {
		f, err := os.Open(filepath.Join(dir, n.String()))
		must(t, err)
		u, err := Unpack(f, t.TempDir(), id)
		must(t, errors.Join(err, f.Close()))
		l, err := Open(t.Context(), u, o)
		if err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		must(t, l.Close())
	}
	return have
}

func TestKilledWhileItWritesItLeavesTheOldOnesAndNoHalfOne(t *testing.T) {
	dir, id, o := home(t)
	backups := filepath.Join(dir, "backups")
	var was []Name
	for range 12 {
		c := process(t, "make", dir)
		out, err := c.StdoutPipe()
		must(t, err)
		must(t, c.Start())
		b := make([]byte, 6)
		if _, err := out.Read(b); err != nil || string(b) != "begin\n" {
			t.Fatalf("got %q, %v", b, err)
		}
		n, err := rand.Int(rand.Reader, big.NewInt(int64(200*time.Millisecond)))
		must(t, err)
		<-time.After(time.Duration(n.Int64()))
		must(t, c.Process.Kill())
		_ = c.Wait() // killed
		have := wantWhole(t, backups, id, o)
		for _, n := range was {
			if !slices.Contains(have, n) {
				t.Errorf("%s is gone", n)
			}
		}
		was = have
	}
	out, err := process(t, "make", dir).Output() // undisturbed, it clears up
	if err != nil || !strings.HasSuffix(string(out), "<nil>\n") {
		t.Fatalf("got %s, %v", out, err)
	}
	for _, name := range append(left(t, dir), left(t, backups)...) {
		if strings.HasPrefix(name, ".") {
			t.Errorf("left behind: %s", name)
		}
	}
}

func TestAFullDiskLeavesTheOldOnesAndSaysSo(t *testing.T) {
	dir, id, o := home(t)
	first, err := process(t, "make", dir).Output()
	must(t, err)
	if !bytes.HasSuffix(first, []byte("<nil>\n")) {
		t.Fatalf("got %s", first)
	}
	backups := filepath.Join(dir, "backups")
	was := wantWhole(t, backups, id, o)
	out, err := process(t, "full", dir).Output()
	must(t, err)
	if !strings.Contains(string(out), "make a backup:") || !strings.Contains(string(out), "file too large") {
		t.Errorf("got %s", out)
	}
	if now := wantWhole(t, backups, id, o); !slices.Equal(now, was) {
		t.Errorf("there were %v, and are %v", was, now)
	}
	if got := left(t, backups); len(got) != len(was) {
		t.Errorf("left %v", got)
	}
	if err := room(dir, 1<<60); err == nil || !strings.Contains(err.Error(), "make room") {
		t.Errorf("no room: got %v", err)
	}
}
