package hooks

import (
	"os"
	"strings"
	"testing"
)

// What approvals/notify/CHANNELS.md shows is what is run here.
func TestTheManualShowsWhatIsRunHere(t *testing.T) {
	manual, err := os.ReadFile("../../approvals/notify/CHANNELS.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"verify.go", "verify.py"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		if _, after, ok := strings.Cut(text, "// Verify gives"); ok {
			text = "// Verify gives" + after
		}
		if !strings.Contains(string(manual), text) {
			t.Errorf("it shows another %s", name)
		}
	}
}
