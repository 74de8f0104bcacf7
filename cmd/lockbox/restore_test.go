package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lockbox/recorder/backup"
	"lockbox/recorder/ledger/boltengine"
)

// installed is what `lockbox init` makes, and the path of its configuration.
func installed(t *testing.T) (dir, conf string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "gw")
	if code, said := runs(t, "init", dir); code != 0 {
		t.Fatal(said)
	}
	return dir, filepath.Join(dir, "lockbox.yaml")
}

// began makes the ledger that the first start would.
func began(t *testing.T, dir, conf string) {
	t.Helper()
	c, err := readConfig(conf)
	must(t, err)
	engine, err := boltengine.Open(filepath.Join(dir, "ledger.db"))
	must(t, err)
	must(t, engine.Close())
	o, err := c.open(t.Context())
	must(t, err)
	must(t, o.Close())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestBeforeTheFirstStartThereIsNoLedger: who has just installed reads what comes next, not the name of a system call.
func TestBeforeTheFirstStartThereIsNoLedger(t *testing.T) {
	_, conf := installed(t)
	for _, args := range [][]string{{"doctor"}, {"backup"}, {"restore", "--accept-loss", "--why", "the disk"}} {
		code, said := runs(t, append(args, "--config", conf)...)
		if code != exitRefused || !strings.Contains(said, "`lockbox serve` makes it") || strings.Contains(said, "stat ") {
			t.Errorf("%v: %d %s", args, code, said)
		}
	}
}

// TestABackupIsRestoredByCommands: into a new folder only, whole, and marked
// until it starts; a loss that is accepted later forgets nothing of it.
func TestABackupIsRestoredByCommands(t *testing.T) {
	dir, conf := installed(t)
	began(t, dir, conf)
	code, said := runs(t, "backup", "--config", conf, "--json")
	var made backup.Made
	if err := json.Unmarshal([]byte(said), &made); code != 0 || err != nil {
		t.Fatalf("%d %s", code, said)
	}
	to, vault, keys := filepath.Join(dir, "new"), filepath.Join(dir, "keys", "vault"), filepath.Join(dir, "keys")
	restore := func(more ...string) (int, string) {
		return runs(t, append([]string{"restore", made.Path, "--identity", vault}, more...)...)
	}
	for _, tt := range []struct {
		name, want string
		args       []string
		code       int
	}{
		{"without a folder", "--to DIR", nil, exitUsage},
		{"without the keys", "--keys", []string{"--to", to}, exitRefused},
		{"of another key", "not made by your gateway", []string{"--to", to, "--keys", keys, "--log-key", "x+00+AA"}, exitRefused},
		{"a loss without a reason", "--why", []string{"--to", to, "--keys", keys, "--accept-loss"}, exitUsage},
		{"as it should be", "to do: the keys are not in the backup", []string{"--to", to, "--keys", keys}, 0},
		{"over it", "nothing is restored over anything", []string{"--to", to, "--keys", keys}, exitRefused},
	} {
		if code, said := restore(tt.args...); code != tt.code || !strings.Contains(said, tt.want) {
			t.Errorf("%s: %d %s", tt.name, code, said)
		}
	}
	again := filepath.Join(to, "lockbox.yaml")
	must(t, os.CopyFS(filepath.Join(to, "keys"), os.DirFS(keys)))
	for _, f := range []string{"at_rest", "host", "host_ca", "log", "people_ca", "target_ca", "vault"} {
		must(t, os.Chmod(filepath.Join(to, "keys", f), 0o600))
	}
	must(t, os.Chmod(filepath.Join(to, "keys"), 0o700))
	if code, said := runs(t, "backup", "--config", again); code == 0 || !strings.Contains(said, "start it first") {
		t.Errorf("a backup before the first start: %d %s", code, said)
	}
	store := filepath.Join(to, "ledger.db")
	was, err := backup.ReadMark(store)
	must(t, err)
	if code, said := runs(t, "restore", "--accept-loss", "--why", "the disk", "--config", again); code != 0 {
		t.Fatalf("%d %s", code, said)
	}
	is, err := backup.ReadMark(store)
	must(t, err)
	if !is.Made.Equal(was.Made) || !is.Accept || is.Why != "the disk" {
		t.Errorf("the mark was %+v and is %+v", was, is)
	}
}
