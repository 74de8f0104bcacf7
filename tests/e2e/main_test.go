package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// program is the built lockbox; TestMain sets it once, before any test.
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "lockbox-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "lockbox")
	out, err := exec.Command("go", "build", "-race", "-o", program, "lockbox/cmd/lockbox").CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "build lockbox: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
