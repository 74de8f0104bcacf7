package portal

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every kind of event that may stand in a customer's log has words in both
// languages.
func TestEveryEventOfACustomersLogHasWords(t *testing.T) {
	kinds := regexp.MustCompile(`Kind:\s+"([a-z]+\.[a-z-]+)"`)
	words := eventWords()
	found := 0
	for _, dir := range []string{"../../approvals", "../../approvals/charter", "..", "../identity", "../rulebook", "../sshproxy", "../../recorder/ledger"} {
		sources, err := filepath.Glob(dir + "/*.go")
		must(t, err)
		for _, name := range sources {
			src, err := os.ReadFile(name)
			must(t, err)
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			for _, m := range kinds.FindAllStringSubmatch(string(src), -1) {
				found++
				if len(words[m[1]]) != 2 {
					t.Errorf("%s: no words for %s in text/events.txt", name, m[1])
				}
			}
		}
	}
	if found < 30 {
		t.Errorf("found %d events only", found)
	}
}
