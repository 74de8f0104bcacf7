package portal

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	inTemplate = regexp.MustCompile(`\b[ta] ("(?:[^"\\]|\\.)*")`)
	inCode     = regexp.MustCompile(`\b(?:text|html|say)\(("(?:[^"\\]|\\.)*")|\.show\([^"]*"[a-z-]+", ("(?:[^"\\]|\\.)*")|&problem\{[^"]*("(?:[^"\\]|\\.)*"), ("(?:[^"\\]|\\.)*")|policy\.[A-Z]\w+, ("(?:[^"\\]|\\.)*")|("(?:\{n\}|1) \w+")`)
	named      = regexp.MustCompile(`\{[a-z]+\}`)
)

// used collects the sentences that pages and code say.
func used(t *testing.T) (all []string) {
	t.Helper()
	collect := func(re *regexp.Regexp, src string) {
		for _, m := range re.FindAllStringSubmatch(src, -1) {
			for _, quoted := range m[1:] {
				if quoted == "" {
					continue
				}
				s, err := strconv.Unquote(quoted)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, s)
			}
		}
	}
	pages, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range pages {
		collect(inTemplate, asset(name))
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		collect(inCode, string(src))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestEverySentenceHasADanishOneWithTheSameNames(t *testing.T) {
	table := languages()[1].words
	all := used(t)
	if len(all) < 100 {
		t.Fatalf("found %d sentences only", len(all))
	}
	for _, en := range all {
		da, ok := table[en]
		if !ok {
			t.Errorf("no Danish for\n%s", en)
			continue
		}
		want, got := named.FindAllString(en, -1), named.FindAllString(da, -1)
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q has %v, want %v", da, got, want)
		}
	}
	for en := range table {
		if !slices.Contains(all, en) {
			t.Errorf("nobody says %q any more", en)
		}
	}
}
