package notify

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEveryKindOfEventIsPlaced: who adds a kind says whom it is told to.
func TestEveryKindOfEventIsPlaced(t *testing.T) {
	kinds := spoken(t)
	literal := regexp.MustCompile(`Kind: +"([a-z]+\.[a-z-]+)"`)
	for _, dir := range []string{"..", "../../gateway", "../../recorder", "../../cmd/lockbox"} {
		must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range literal.FindAllStringSubmatch(string(text), -1) {
				kinds = append(kinds, m[1])
			}
			return err
		}))
	}
	slices.Sort(kinds)
	for _, kind := range slices.Compact(kinds) {
		if len(placed(kind)) == 0 {
			t.Errorf("nobody said whom %s is told to: give it a place in kinds.go", kind)
		}
	}
	if len(kinds) < 90 {
		t.Fatalf("%d kinds", len(kinds))
	}
}

// spoken are the kinds that the pages have words for.
func spoken(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile("../../gateway/portal/text/events.txt")
	must(t, err)
	for part := range strings.SplitSeq(string(text), "\n\n") {
		lines := slices.DeleteFunc(strings.Split(part, "\n"), func(l string) bool { return l == "" || strings.HasPrefix(l, "#") })
		if len(lines) > 0 {
			all = append(all, lines[0])
		}
	}
	return all
}

// TestNoKindIsToldTwice: a kind has at most one row of each topic.
func TestNoKindIsToldTwice(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range parts() {
		for kind := range strings.FieldsSeq(p.kinds) {
			key := kind + string(p.topic)
			if seen[key] {
				t.Errorf("%s has two rows", key)
			}
			seen[key] = true
		}
	}
}
