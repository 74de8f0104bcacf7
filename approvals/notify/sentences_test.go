package notify

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

// sentences are the literals that are said in some files.
func sentences(t *testing.T, files ...string) (all []string) {
	t.Helper()
	said := regexp.MustCompile(`(?:\b(?:text|say|Text)\((?:s\.Lang, )?|\badd\("[a-z]+", |title := |title = |: )("(?:[^"\\\n]|\\.)*")`)
	for _, name := range files {
		src, err := os.ReadFile(name)
		must(t, err)
		for _, m := range said.FindAllStringSubmatch(string(src), -1) {
			s, err := strconv.Unquote(m[1])
			must(t, err)
			if s != "Thu 12 Nov" && len(s) > 2 && (s[0] >= 'A' && s[0] <= 'Z' || s[0] == '{') {
				all = append(all, s)
			}
		}
	}
	if len(all) < 30 {
		t.Fatalf("%d sentences", len(all))
	}
	return all
}
