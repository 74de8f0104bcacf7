package httpproxy

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestEverySentenceIsThereInDanish: as far as it is the door's own, and with the same places.
func TestEverySentenceIsThereInDanish(t *testing.T) {
	da := danishWords()
	for form, text := range da {
		if strings.Count(form, "%") != strings.Count(text, "%") {
			t.Errorf("%q has other places in Danish", form)
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile("(?:why:|f\\.why =|f\\.why, f\\.\\w+ =|tooLarge =|return|say\\()\\s+(\"(?:[^\"\\\\]|\\\\.)* (?:[^\"\\\\]|\\\\.)*\"|`[^`]* [^`]*`)")
	found := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "record") || name == "frames.go" || name == "exchange.go" {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range said.FindAllStringSubmatch(string(text), -1) {
			form, err := strconv.Unquote(m[1])
			if err != nil {
				t.Fatalf("%s: %s: %v", name, m[1], err)
			}
			if found++; da[form] == "" {
				t.Errorf("%s says %q in English only", name, form)
			}
		}
	}
	if found < 25 {
		t.Errorf("%d sentences were found", found)
	}
}
