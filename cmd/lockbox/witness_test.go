package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"lockbox/gateway/keys"
	"lockbox/recorder/proof"
)

// runs runs a command, and gives its exit code and all that it said.
func runs(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	code := Main(t.Context(), args, &out, &out)
	return code, out.String()
}

func witnessKeyOf(t *testing.T, name string) string {
	t.Helper()
	_, vkey, err := proof.NewWitnessKey(name)
	if err != nil {
		t.Fatal(err)
	}
	return vkey
}

// TestWitnessesInTheConfigurationAreCheckedAndSigned: none counts twice, and who they are is what executives sign.
func TestWitnessesInTheConfigurationAreCheckedAndSigned(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gw")
	if code, said := runs(t, "init", dir); code != 0 {
		t.Fatal(said)
	}
	path := filepath.Join(dir, "lockbox.yaml")
	plain, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keys.Load(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	digest := func(more string) (string, error) {
		if err := os.WriteFile(path, append(bytes.Clone(plain), more...), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := readConfig(path)
		if err != nil {
			return "", err
		}
		return c.signed(ring), nil
	}
	a, b := witnessKeyOf(t, "a.test"), witnessKeyOf(t, "b.test")
	again := strings.Replace(a, "a.test", "c.test", 1)
	seen := map[string]string{}
	for _, row := range []struct{ name, yaml, refused string }{
		{"none", "", ""},
		{"one", fmt.Sprintf("witnesses: [{ name: a, key: %q }]\n", a), ""},
		{"one that is asked", fmt.Sprintf("witnesses: [{ name: a, key: %q, url: \"https://w.test\" }]\n", a), ""},
		{"two", fmt.Sprintf("witnesses: [{ name: a, key: %q }, { name: b, key: %q }]\n", a, b), ""},
		{"the other two", fmt.Sprintf("witnesses: [{ name: b, key: %q }, { name: a, key: %q }]\n", a, b), ""},
		{"a name twice", fmt.Sprintf("witnesses: [{ name: a, key: %q }, { name: a, key: %q }]\n", a, b), "witnesses[1]: give it a name of its own"},
		{"a key twice", fmt.Sprintf("witnesses: [{ name: a, key: %q }, { name: b, key: %q }]\n", a, a), "witnesses[1]: another witness has the same key"},
		{"a key under another name", fmt.Sprintf("witnesses: [{ name: a, key: %q }, { name: b, key: %q }]\n", a, again), "witnesses[1]"},
		{"no key", "witnesses: [{ name: a }]\n", "key is missing"},
		{"no name", fmt.Sprintf("witnesses: [{ key: %q }]\n", a), "give it a name"},
		{"the key of a log", fmt.Sprintf("witnesses: [{ name: a, key: %q }]\n", ring.LogKey), "witnesses[0]"},
		{"plain http elsewhere", fmt.Sprintf("witnesses: [{ name: a, key: %q, url: \"http://w.test\" }]\n", a), "is not https"},
		{"a password in the url", fmt.Sprintf("witnesses: [{ name: a, key: %q, url: \"https://a:b@w.test\" }]\n", a), "is no address"},
		{"a field that is misspelt", fmt.Sprintf("witnesses: [{ name: a, kee: %q }]\n", a), "kee"},
	} {
		got, err := digest(row.yaml)
		if row.refused != "" {
			if err == nil || !strings.Contains(err.Error(), row.refused) {
				t.Errorf("%s: got %v, want %q", row.name, err, row.refused)
			}
			continue
		}
		if err != nil || seen[got] != "" {
			t.Errorf("%s: %v, and the same digest as %q", row.name, err, seen[got])
		}
		seen[got] = row.name
	}
}

// TestInitOfAWitnessTouchesNothingThatIsThere: it makes what is missing, and says what comes next.
func TestInitOfAWitnessTouchesNothingThatIsThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "w")
	_, log, err := note.GenerateKey(rand.Reader, "log.test")
	if err != nil {
		t.Fatal(err)
	}
	if code, said := runs(t, "witness", "--init", dir); code != exitUsage || !strings.Contains(said, "--name") {
		t.Errorf("without a name: %d %s", code, said)
	}
	code, first := runs(t, "witness", "--init", dir, "--name", "w.test")
	if code != 0 || !strings.Contains(first, "w.test+") || !strings.Contains(first, "name the log") {
		t.Errorf("without a log: %d %s", code, first)
	}
	if code, said := runs(t, "witness", "--config", filepath.Join(dir, "witness.yaml"), "--once"); code != exitUsage || !strings.Contains(said, "logs is missing") {
		t.Errorf("run without a log: %d %s", code, said)
	}
	path := filepath.Join(dir, "witness.yaml")
	conf, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	conf = bytes.Replace(conf, []byte("logs: []"), fmt.Appendf(nil, "logs: [{ origin: log.test, key: %q }]", log), 1)
	if err := os.WriteFile(path, conf, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, said := runs(t, "witness", "--config", path, "--once"); code != exitUsage || !strings.Contains(said, "missing") {
		t.Errorf("without a state: %d %s", code, said)
	}
	code, second := runs(t, "witness", "--init", dir)
	if code != 0 || strings.Split(first, "\n")[2] != strings.Split(second, "\n")[2] {
		t.Errorf("again: %d %s", code, second)
	}
	_, other, err := note.GenerateKey(rand.Reader, "other.test")
	if err != nil {
		t.Fatal(err)
	}
	if code, said := runs(t, "witness", "--init", dir, "--log-key", other); code != exitUsage || !strings.Contains(said, "is not changed: add other.test") {
		t.Errorf("for one more log: %d %s", code, said)
	}
	if code, said := runs(t, "witness", "--config", path, "--once"); code != exitUsage || !strings.Contains(said, "no log has a gateway") {
		t.Errorf("nowhere to look: %d %s", code, said)
	}
	if err := os.Chmod(filepath.Join(dir, "key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, said := runs(t, "witness", "--config", path, "--once"); code != exitUsage || !strings.Contains(said, "chmod 600") || strings.Contains(said, "PRIVATE") {
		t.Errorf("a key that others may read: %d %s", code, said)
	}
}

// TestWitnessConfigurationsAreRefusedWithWhatToWrite: strictly.
func TestWitnessConfigurationsAreRefusedWithWhatToWrite(t *testing.T) {
	_, log, err := note.GenerateKey(rand.Reader, "log.test")
	if err != nil {
		t.Fatal(err)
	}
	logs := fmt.Sprintf("key: key\nstate: state\nlogs: [{ origin: log.test, key: %q }]\n", log)
	for _, row := range []struct{ yaml, says string }{
		{"", "key is missing"},
		{"key: key\n", "state is missing"},
		{"keys: key\n", "witness.yaml:1:1:"},
		{logs, "neither listens nor looks"},
		{logs + "listen: 0.0.0.0:443\n", "without tls"},
		{logs + "listen: 127.0.0.1:1\ntls: { cert: a }\n", "belong together"},
		{logs + "listen: 127.0.0.1:1\nwebhook: { url: \"https://x.test\" }\n", "belong together"},
		{logs + "listen: 127.0.0.1:1\nevery: 1ms\n", "less than 1s"},
		{strings.Replace(logs, "}", ", gateway: \"http://x.test\" }", 1), "is not https"},
		{strings.Replace(logs, "log.test+", "log.test-", 1) + "listen: 127.0.0.1:1\n", "is no public key of a log"},
	} {
		path := filepath.Join(t.TempDir(), "witness.yaml")
		if err := os.WriteFile(path, []byte(row.yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		code := Main(context.Background(), []string{"witness", "--config", path}, &out, &out)
		if code != exitUsage || !strings.Contains(out.String(), row.says) {
			t.Errorf("%q: %d %s, want %q", row.yaml, code, out.String(), row.says)
		}
	}
}
