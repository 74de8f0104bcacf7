package keys

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"
	"golang.org/x/mod/sumdb/note"
)

func newRing(t *testing.T) (*Ring, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	r, err := Create(dir, "lockbox.test")
	if err != nil {
		t.Fatal(err)
	}
	return r, dir
}

// copyRing makes the same ring elsewhere; making new keys takes long.
func copyRing(t *testing.T, from string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	ok(t, os.Mkdir(dir, 0o700))
	for _, f := range files() {
		b, err := os.ReadFile(filepath.Join(from, f))
		ok(t, err)
		ok(t, os.WriteFile(filepath.Join(dir, f), b, 0o600))
	}
	return dir
}

func files() []string {
	return []string{hostFile, peopleCAFile, targetCAFile, hostCAFile, logFile, vaultFile, atRestFile}
}

func TestARingIsCreatedWholeAndPrivateAndLoadsTheSame(t *testing.T) {
	made, dir := newRing(t)
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory has mode %v, %v, want 0700", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		if info, err := e.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s has mode %v, %v, want 0600", e.Name(), info.Mode(), err)
		}
	}
	if want := slices.Sorted(slices.Values(append(files(), vaultPubFile))); !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), ".keys-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	r, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2]ssh.Signer{
		hostFile: {made.Host, r.Host}, peopleCAFile: {made.PeopleCA, r.PeopleCA}, targetCAFile: {made.TargetCA, r.TargetCA}, hostCAFile: {made.HostCA, r.HostCA},
	} {
		if !bytes.Equal(pair[0].PublicKey().Marshal(), pair[1].PublicKey().Marshal()) {
			t.Errorf("%s changed", name)
		}
	}
	if r.LogKey != made.LogKey || r.AtRest != made.AtRest || r.Vault.Recipient().String() != made.VaultTo.String() || r.VaultTo.String() != made.VaultTo.String() {
		t.Error("the ring changed between Create and Load")
	}
}

func TestTheKeysWork(t *testing.T) {
	r, _ := newRing(t)
	signed, err := note.Sign(&note.Note{Text: "hello\n"}, r.Log)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := note.Open(signed, note.VerifierList(r.LogVerifier)); err != nil || n.Text != "hello\n" {
		t.Errorf("the log key does not verify itself: %v", err)
	}
	if v, err := note.NewVerifier(r.LogKey); err != nil || v.Name() != "lockbox.test" || v.KeyHash() != r.Log.KeyHash() {
		t.Errorf("LogKey %q: %v", r.LogKey, err)
	}
	var b bytes.Buffer
	w, err := age.Encrypt(&b, r.Vault.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, "a recording")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var id age.Identity = r.Vault
	out, err := age.Decrypt(&b, id)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if _, err := text.ReadFrom(out); err != nil || text.String() != "a recording" {
		t.Errorf("got %q, %v", &text, err)
	}
	sig, err := r.Host.Sign(nil, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Host.PublicKey().Verify([]byte("x"), sig); err != nil {
		t.Error(err)
	}
}

func TestNothingInARingPrints(t *testing.T) {
	r, dir := newRing(t)
	var secrets []string
	for _, name := range files() {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, strings.TrimSpace(string(b)))
	}
	secrets = append(secrets, fmt.Sprint([32]byte(r.AtRest)))
	for name, v := range map[string]any{
		"ring": r, "ring value": *r, "host": r.Host, "people": r.PeopleCA, "target": r.TargetCA, "host ca": r.HostCA, "vault": r.Vault, "at rest": r.AtRest, "log": r.Log,
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			got := fmt.Sprintf(verb, v)
			if name != "ring value" && name != "log" && got != "secret" {
				t.Errorf("%s of %s prints %.60q, want secret", verb, name, got)
			}
			for _, s := range secrets {
				if strings.Contains(got, s) {
					t.Errorf("%s of %s prints a key", verb, name)
				}
			}
		}
		if b, err := json.Marshal(v); err == nil {
			for _, s := range secrets {
				if bytes.Contains(b, []byte(s)) {
					t.Errorf("JSON of %s holds a key: %s", name, b)
				}
			}
		}
	}
}

func TestCreateNeverOverwrites(t *testing.T) {
	old, dir := newRing(t)
	if _, err := Create(dir, "lockbox.test"); err == nil || !strings.Contains(err.Error(), "never overwritten") {
		t.Errorf("got %v", err)
	}
	if r, err := Load(dir); err != nil || r.LogKey != old.LogKey {
		t.Errorf("the old ring is gone: %v", err)
	}
	one := filepath.Join(t.TempDir(), "keys")
	if err := os.Mkdir(one, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(one, "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(one, "lockbox.test"); err == nil {
		t.Error("made keys among other files")
	}
	empty := filepath.Join(t.TempDir(), "keys")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(empty, "lockbox.test"); err != nil {
		t.Errorf("in an empty directory: %v", err)
	}
	for _, origin := range []string{"", "a b", "a+b", "a\nb"} {
		if _, err := Create(filepath.Join(t.TempDir(), "keys"), origin); err == nil {
			t.Errorf("made a log called %q", origin)
		}
	}
}

// Every fault of every file is an error that names the file and says what to do.
func TestAFaultyKeyFileIsRefused(t *testing.T) {
	_, other := newRing(t)
	for _, c := range []struct {
		name  string
		fault func(t *testing.T, path string)
		want  string
	}{
		{"missing", func(t *testing.T, p string) { ok(t, os.Remove(p)) }, "restore it from a backup"},
		{"group may read", func(t *testing.T, p string) { ok(t, os.Chmod(p, 0o640)) }, "chmod 600"},
		{"all may read", func(t *testing.T, p string) { ok(t, os.Chmod(p, 0o604)) }, "chmod 600"},
		{"group may write", func(t *testing.T, p string) { ok(t, os.Chmod(p, 0o620)) }, "chmod 600"},
		{"empty", func(t *testing.T, p string) { ok(t, os.Truncate(p, 0)) }, "restore it from a backup"},
		{"cut off", func(t *testing.T, p string) { ok(t, os.Truncate(p, 40)) }, "restore it from a backup"},
		{"too long", func(t *testing.T, p string) { ok(t, os.WriteFile(p, make([]byte, maxFile+1), 0o600)) }, "larger than any key"},
		{"not a key", func(t *testing.T, p string) { ok(t, os.WriteFile(p, []byte("hello\n"), 0o600)) }, "restore it from a backup"},
		{"a directory", func(t *testing.T, p string) { ok(t, os.Remove(p)); ok(t, os.Mkdir(p, 0o700)) }, "not a regular file"},
		{"a pipe", func(t *testing.T, p string) { ok(t, os.Remove(p)); ok(t, syscall.Mkfifo(p, 0o600)) }, "not a regular file"},
		{"a link out", func(t *testing.T, p string) {
			ok(t, os.Remove(p))
			ok(t, os.Symlink(filepath.Join(other, filepath.Base(p)), p))
		}, "escapes"},
	} {
		for _, file := range files() {
			if c.name == "missing" && file == hostCAFile {
				continue // a ring may be older than it
			}
			t.Run(c.name+"/"+file, func(t *testing.T) {
				dir := copyRing(t, other)
				path := filepath.Join(dir, file)
				c.fault(t, path)
				r, err := Load(dir)
				if r != nil || err == nil {
					t.Fatal("loaded")
				}
				if !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %q, want it to name %s and say %q", err, file, c.want)
				}
			})
		}
	}
}

func TestADirectoryThatOthersMayOpenOrThatIsMissingIsRefused(t *testing.T) {
	_, dir := newRing(t)
	for _, mode := range []os.FileMode{0o750, 0o705, 0o777} {
		ok(t, os.Chmod(dir, mode))
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "chmod 700") {
			t.Errorf("%v: got %v", mode, err)
		}
	}
	if _, err := Load(filepath.Join(dir, "none")); err == nil {
		t.Error("loaded from nowhere")
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "lockbox init") {
		t.Errorf("got %v", err)
	}
}

func TestOneKeyDoesOneJob(t *testing.T) {
	_, good := newRing(t)
	for _, pair := range [][2]string{{peopleCAFile, targetCAFile}, {targetCAFile, peopleCAFile}, {hostFile, targetCAFile}, {hostFile, peopleCAFile},
		{targetCAFile, hostCAFile}, {peopleCAFile, hostCAFile}, {hostCAFile, hostFile}} {
		t.Run(pair[0]+" as "+pair[1], func(t *testing.T) {
			dir := copyRing(t, good)
			b, err := os.ReadFile(filepath.Join(dir, pair[0]))
			ok(t, err)
			ok(t, os.WriteFile(filepath.Join(dir, pair[1]), b, 0o600))
			if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "the same key") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTheLogKeyIsNoOtherKey(t *testing.T) {
	_, good := newRing(t)
	dir := copyRing(t, good)
	b, err := os.ReadFile(filepath.Join(dir, targetCAFile))
	ok(t, err)
	raw, err := ssh.ParseRawPrivateKey(b)
	ok(t, err)
	key := *raw.(*ed25519.PrivateKey)
	vkey, err := note.NewEd25519VerifierKey("lockbox.test", key.Public().(ed25519.PublicKey))
	ok(t, err)
	hash := strings.Split(vkey, "+")[1]
	skey := "PRIVATE+KEY+lockbox.test+" + hash + "+" + base64.StdEncoding.EncodeToString(append([]byte{1}, key.Seed()...))
	ok(t, os.WriteFile(filepath.Join(dir, logFile), []byte(skey), 0o600))
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "the same key") {
		t.Errorf("got %v", err)
	}
}

func TestOnlyEd25519HostAndCAKeys(t *testing.T) {
	_, good := newRing(t)
	for name, pemText := range map[string]string{"ecdsa": ecdsaPEM(t), "locked with a passphrase": lockedPEM(t)} {
		t.Run(name, func(t *testing.T) {
			dir := copyRing(t, good)
			ok(t, os.WriteFile(filepath.Join(dir, targetCAFile), []byte(pemText), 0o600))
			if _, err := Load(dir); err == nil || strings.Contains(err.Error(), "PRIVATE KEY") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheKeyOfTheLedgersStateIsOfThisRingAndNotTheOneAtRest(t *testing.T) {
	r, _ := newRing(t)
	other, _ := newRing(t)
	a, err := r.State()
	ok(t, err)
	again, err := r.State()
	ok(t, err)
	b, err := other.State()
	ok(t, err)
	if len(a) != 32 || !bytes.Equal(a, again) || bytes.Equal(a, b) || bytes.Equal(a, r.AtRest[:]) {
		t.Error("it is not one key of 32 bytes for each ring")
	}
}
