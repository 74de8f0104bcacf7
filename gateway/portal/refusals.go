package portal

import (
	"fmt"
	"html/template"
	"regexp"
	"slices"
	"strings"
)

// A refusalForm is a refusal of another package, with holes for what varies, and
// the same in this language.
type refusalForm struct {
	is    *regexp.Regexp
	names []string
	say   string
}

var hole = regexp.MustCompile(`\{[a-z]+\}`)

// refusalForms reads the table of what other packages refuse: pairs as in
// sentences.txt. The longest come first: they say most.
func refusalForms() (all []refusalForm) {
	for pair := range strings.SplitSeq(asset("text/refusals.txt"), "\n\n") {
		pair = strings.TrimSpace(pair)
		if pair == "" || strings.HasPrefix(pair, "#") {
			continue
		}
		en, da, ok := strings.Cut(pair, "\n")
		if !ok || strings.Contains(da, "\n") {
			panic(fmt.Sprintf("refusals.txt: %q is not a pair", pair)) // it is compiled in
		}
		form := regexp.QuoteMeta(hole.ReplaceAllString(en, "\x00"))
		all = append(all, refusalForm{
			is:    regexp.MustCompile(`\A` + strings.ReplaceAll(form, "\x00", "(.+?)") + `\z`),
			names: hole.FindAllString(en, -1), say: da,
		})
	}
	slices.SortStableFunc(all, func(a, b refusalForm) int { return len(b.is.String()) - len(a.is.String()) })
	return all
}

// translate says a refusal in this language; false where the table has none for it.
func (l *language) translate(why string) (string, bool) {
	if l.refusals == nil {
		return why, true
	}
	why = strings.TrimSuffix(why, ".")
	for _, f := range l.refusals {
		m := f.is.FindStringSubmatch(why)
		if m == nil {
			continue
		}
		var pairs []string
		for i, name := range f.names {
			value, _ := l.translate(m[i+1]) // a reason within a reason
			pairs = append(pairs, name, value)
		}
		return strings.NewReplacer(pairs...).Replace(f.say), true
	}
	return why, false
}

// refusal shows what another package says, which is English where nobody has
// put it into this language.
func (l *language) refusal(why string) template.HTML {
	said, ok := l.translate(why)
	said = template.HTMLEscapeString(sentence(said))
	if !ok {
		return template.HTML(`<span lang="en">` + said + `</span>`) // escaped
	}
	return template.HTML(said) // escaped
}

// refused is refusal as plain text.
func (l *language) refused(why string) string {
	said, _ := l.translate(why)
	return sentence(said)
}

type fieldWord struct{ word, field string }

// fieldIn finds the field that a refusal is about by a word in it; "" for none of them.
func fieldIn(why string, words []fieldWord) string {
	for _, w := range words {
		if strings.Contains(why, w.word) {
			return w.field
		}
	}
	return ""
}
