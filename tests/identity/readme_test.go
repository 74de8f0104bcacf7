package identity

import (
	"os"
	"strings"
	"testing"
)

// What README shows is what is run here.
func TestReadmeShowsWhatIsRunHere(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"person.go", "person.py"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		if _, after, ok := strings.Cut(text, "// A Person is"); ok {
			text = "// A Person is" + after
		}
		if !strings.Contains(string(readme), text) {
			t.Errorf("README shows another %s", name)
		}
	}
}
