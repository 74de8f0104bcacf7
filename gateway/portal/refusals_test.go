package portal

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	refuses = regexp.MustCompile(`\b(?:refuse|deny|Says|orRefuse)\((?:[\w.]+, )?("(?:[^"\\]|\\.)*")`)
	verb    = regexp.MustCompile(`%[-+.0-9]*[a-zA-Z]`)
)

// ours are refusals that no page shows: they are for who runs Lockbox, or for `policy explain`.
func ours(form string) bool {
	return slices.ContainsFunc([]string{
		"founded_by", "%s belongs to somebody", "it forbids", "it permits", "it is the first", "it is about this", "comes before it", "rule %q forbids this",
		"cannot be an id", "cannot be a name", "is not a kind of person", "speaks for one customer, and", "policy has no customer", "who invites", "is enrolled already",
		"you may", "is a passkey signature", "is in force", "passkey touch is needed",
	}, func(s string) bool { return strings.Contains(form, s) }) || verb.ReplaceAllString(form, "") == ""
}

// What a page can refuse is said in the language of its reader. A refusal that is
// new may be English for a while: it is shown as such, and listed here.
func TestRefusalsAreSaidInDanish(t *testing.T) {
	da := languages()[1]
	seen, missing := 0, 0
	for _, dir := range []string{"../../policy", "../../approvals", "../../approvals/charter", "../identity"} {
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		must(t, err)
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "explain.go") {
				continue
			}
			src, err := os.ReadFile(name)
			must(t, err)
			for _, m := range refuses.FindAllStringSubmatch(string(src), -1) {
				form, err := strconv.Unquote(m[1])
				must(t, err)
				if ours(form) {
					continue
				}
				seen++
				if _, ok := da.translate(verb.ReplaceAllString(form, "x")); !ok {
					missing++
					t.Logf("%s: no Danish in refusals.txt for\n%s", filepath.Base(name), form)
				}
			}
		}
	}
	if seen < 100 || missing*20 > seen {
		t.Errorf("%d of %d refusals have no Danish", missing, seen)
	}
}

func TestARefusalKeepsItsValues(t *testing.T) {
	en, da := languages()[0], languages()[1]
	for _, row := range []struct{ why, en, da string }{
		{"the request is rejected", "The request is rejected.", "Anmodningen er afvist."},
		{"there is nothing to end: the time of the grant is up", "There is nothing to end: the time of the grant is up.", "Der er intet at afslutte: adgangens tid er gået."},
		{"approve for one minute to 1h0m0s", "Approve for one minute to 1h0m0s.", "Godkend fra ét minut til 1h0m0s."},
		{"the grant was revoked by {who}: <b>", "The grant was revoked by {who}: &lt;b&gt;.", "Adgangen blev tilbagekaldt af {who}: &lt;b&gt;."},
		{"nobody put this into words", "Nobody put this into words.", `<span lang="en">Nobody put this into words.</span>`},
		{"a remark seems to hold a CPR number; leave it out, the case number is enough", "A remark seems to hold a CPR number; leave it out, the case number is enough.",
			"En bemærkning ser ud til at rumme et CPR-nummer; udelad det, sagsnummeret er nok."},
	} {
		if got := string(en.refusal(row.why)); got != row.en {
			t.Errorf("%s, want %s", got, row.en)
		}
		if got := string(da.refusal(row.why)); got != row.da {
			t.Errorf("%s, want %s", got, row.da)
		}
	}
	for _, f := range da.refusals {
		want, got := hole.FindAllString(f.say, -1), slices.Clone(f.names)
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(slices.Compact(want), slices.Compact(got)) {
			t.Errorf("%q has %v, want %v", f.say, want, got)
		}
	}
}
