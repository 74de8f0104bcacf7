package clients

import (
	"os"
	"strings"
	"testing"
)

const (
	readmePath = "../../README.md"
	above      = "<!-- clients: made by LOCKBOX_README=1 go test ./tests/clients -->\n"
	below      = "<!-- /clients -->"
)

// table is the one in README: what came to the same as direct.
func table(all []scenario, same map[string]bool) string {
	var b strings.Builder
	b.WriteString("\n| client | does | `TARGET@GATEWAY` | `-J GATEWAY` |\n|---|---|---|---|\n")
	for _, c := range all {
		b.WriteString("| " + c.client + " | " + c.does)
		for _, w := range []string{"user", "jump"} {
			b.WriteString(" | " + map[bool]string{true: "as direct", false: "**not as direct**"}[same[c.file+" "+w]])
		}
		b.WriteString(" |\n")
	}
	return b.String() + "\n"
}

// readme holds the table against the one in README, or puts it there where
// LOCKBOX_README is set.
func readme(t *testing.T, want string) {
	t.Helper()
	text, err := os.ReadFile(readmePath)
	must(t, err)
	before, rest, ok := strings.Cut(string(text), above)
	got, after, ok2 := strings.Cut(rest, below)
	switch {
	case !ok || !ok2:
		t.Fatalf("README has no place for the table of clients: %s%s", above, below)
	case got == want:
	case os.Getenv("LOCKBOX_README") != "":
		must(t, os.WriteFile(readmePath, []byte(before+above+want+below+after), 0o644))
	default:
		t.Errorf("README says\n%s\nand the clients did\n%s\n(LOCKBOX_README=1 puts it there)", got, want)
	}
}
