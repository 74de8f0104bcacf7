package portal

import (
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A language says every sentence of the portal. English is the key of the table;
// what somebody signs is shown as it is signed, in English, always.
type language struct {
	tag   string            // "en", "da"
	words map[string]string // English sentence → this language; nil: English

	refusals []refusalForm       // what other packages refuse, in this language; nil: English
	events   map[string][]string // kind → English, Danish
}

// languages reads the table: pairs of lines, English and Danish, with empty lines between.
func languages() []*language {
	da := &language{tag: "da", words: map[string]string{}, refusals: refusalForms()}
	for pair := range strings.SplitSeq(asset("text/sentences.txt"), "\n\n") {
		pair = strings.TrimSpace(pair)
		if pair == "" || strings.HasPrefix(pair, "#") {
			continue
		}
		en, danish, ok := strings.Cut(pair, "\n")
		if !ok || strings.Contains(danish, "\n") {
			panic(fmt.Sprintf("sentences.txt: %q is not a pair", pair)) // it is compiled in
		}
		da.words[en] = danish
	}
	da.events = eventWords()
	return []*language{{tag: "en", events: da.events}, da}
}

// lookUp finds a sentence in this language. One that has no translation stays English.
func (l *language) lookUp(en string) string {
	if s, ok := l.words[en]; ok {
		return s
	}
	return en
}

// text says a sentence; with is name, value, name, value, for each {name} in it.
func (l *language) text(en string, with ...any) string {
	return strings.NewReplacer(fill(with, func(v any) string { return fmt.Sprint(v) })...).Replace(l.lookUp(en))
}

// html is text for a page. What stands between “ is code. Values that are markup of
// ours stay, all else is escaped.
func (l *language) html(en string, with ...any) template.HTML {
	pairs := fill(with, func(v any) string {
		if h, ok := v.(template.HTML); ok {
			return string(h)
		}
		return template.HTMLEscapeString(fmt.Sprint(v))
	})
	s := template.HTMLEscapeString(l.lookUp(en))
	for code := range strings.Count(s, "`") {
		s = strings.Replace(s, "`", []string{"<code>", "</code>"}[code%2], 1)
	}
	return template.HTML(strings.NewReplacer(pairs...).Replace(s)) // escaped above
}

func fill(with []any, print func(any) string) (pairs []string) {
	for i := 0; i+1 < len(with); i += 2 {
		pairs = append(pairs, fmt.Sprintf("{%v}", with[i]), print(with[i+1]))
	}
	return pairs
}

const languageCookie = "lockbox-lang"

// language is what the address asks for (?lang=da), then what was asked before,
// then what the browser prefers, then English.
func (p *Portal) language(w http.ResponseWriter, r *http.Request) *language {
	asked := r.URL.Query().Get("lang")
	if l := p.pages.spoken(asked); l != nil {
		http.SetCookie(w, &http.Cookie{
			Name: languageCookie, Value: l.tag, Path: "/", MaxAge: 365 * 24 * 60 * 60,
			Secure: p.secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
		return l
	}
	if c, err := r.Cookie(languageCookie); err == nil {
		if l := p.pages.spoken(c.Value); l != nil {
			return l
		}
	}
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		tag, _, _ = strings.Cut(tag, "-")
		if l := p.pages.spoken(strings.ToLower(tag)); l != nil {
			return l
		}
	}
	return p.pages.languages[0]
}

func (p pages) spoken(tag string) *language {
	i := slices.IndexFunc(p.languages, func(l *language) bool { return l.tag == tag })
	if i < 0 {
		return nil
	}
	return p.languages[i]
}

// sentence begins a refusal with a capital, unless it begins with a name, and ends it with a stop.
func sentence(why string) string {
	if why == "" {
		return ""
	}
	first, _, _ := strings.Cut(why, " ")
	if r, n := utf8.DecodeRuneInString(why); !strings.ContainsAny(first, "._@-0123456789") {
		why = string(unicode.ToUpper(r)) + why[n:]
	}
	return strings.TrimSuffix(why, ".") + "."
}

// join puts names into one sentence part.
func (l *language) join(names []string) string { return strings.Join(names, ", ") }
