// Package scripts runs the stories of the command line: every command, what it
// prints, how it refuses and with which code it ends.
package scripts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestStories(t *testing.T) {
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "lockbox"), "lockbox/cmd/lockbox").CombinedOutput(); err != nil {
		t.Fatalf("build lockbox: %v\n%s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", bin+":"+e.Getenv("PATH"))
			return recorded(e)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": code},
	})
}

// recorded puts a recording into a story's folder, the identity that it was
// sealed to, another's, and what a verifier pins.
func recorded(e *testscript.Env) error {
	const golden = "../../recorder/testdata/golden"
	b, err := os.ReadFile(filepath.Join(golden, "keys"))
	if err != nil {
		return err
	}
	other, err := age.GenerateHybridIdentity()
	if err != nil {
		return err
	}
	keys := strings.Fields(string(b)) // identity, log key, and the key at rest
	pins := fmt.Sprintf(`{"log":"lockbox.test","log_key":%q,"party":{"rp_id":"l","origins":["o"]},"executives":[],"customers":{}}`, keys[1])
	for name, text := range map[string]string{"identity": keys[0] + "\n", "another": other.String() + "\n", "recorded.pins": pins} {
		if err := os.WriteFile(filepath.Join(e.WorkDir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	const session = "06H0000000000000000000TEST"
	return os.CopyFS(filepath.Join(e.WorkDir, "copy", session), os.DirFS(filepath.Join(golden, session)))
}

// code runs a program and checks its exit code: code N program args.
func code(ts *testscript.TestScript, _ bool, args []string) {
	want := args[0]
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if e, ok := err.(*exec.ExitError); ok {
		got = e.String()[len("exit status "):]
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %s, want %s", got, want)
	}
}
