package notify

import (
	_ "embed"
	"fmt"
	"strings"
	"time"
)

//go:embed words.txt
var wordsFile string

// Words are what stories are told with, in English and Danish.
type Words struct{ en, da *language }

// A language says every sentence of a story. English is the key of the table.
type language struct {
	tag   string
	words map[string]string // English → this language; nil: English
}

// NewWords reads the table that is compiled in: pairs of lines, English and Danish, with empty lines between.
func NewWords() (*Words, error) {
	da := &language{tag: "da", words: map[string]string{}}
	for pair := range strings.SplitSeq(strings.TrimSpace(wordsFile), "\n\n") {
		en, danish, ok := strings.Cut(pair, "\n")
		if !ok || strings.Contains(danish, "\n") || da.words[en] != "" {
			return nil, fmt.Errorf("words.txt: %q is not a pair", pair)
		}
		da.words[en] = danish
	}
	return &Words{en: &language{tag: "en"}, da: da}, nil
}

func (w *Words) in(tag string) *language {
	if tag == "da" {
		return w.da
	}
	return w.en
}

// Text says a sentence of a layout in a language; with is name, value, name, value, for each {name} in it.
func (w *Words) Text(lang, en string, with ...any) string { return w.in(lang).text(en, with...) }

func (l *language) text(en string, with ...any) string {
	s, ok := l.words[en]
	if !ok {
		s = en
	}
	var pairs []string
	for i := 0; i+1 < len(with); i += 2 {
		pairs = append(pairs, fmt.Sprintf("{%v}", with[i]), fmt.Sprint(with[i+1]))
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

// long writes a duration in words: "1 hour 30 minutes".
func (l *language) long(d time.Duration) string {
	var parts []string
	for _, u := range []struct {
		of        time.Duration
		one, many string
	}{{time.Hour, "1 hour", "{n} hours"}, {time.Minute, "1 minute", "{n} minutes"}} {
		n := int64(d / u.of)
		d -= time.Duration(n) * u.of
		switch {
		case n == 1:
			parts = append(parts, l.text(u.one))
		case n > 1:
			parts = append(parts, l.text(u.many, "n", n))
		}
	}
	if len(parts) == 0 {
		return l.text("less than a minute")
	}
	return strings.Join(parts, " ")
}

// time is a time of day, with its zone.
func (l *language) time(at time.Time) string {
	if l.tag == "da" {
		return at.Format("15.04 MST")
	}
	return at.Format("15:04 MST")
}

// day is a short date: "Thu 12 Nov", "tors. 12. nov.".
func (l *language) day(at time.Time) string {
	if l.tag != "da" {
		return at.Format("Mon 2 Jan")
	}
	days := []string{"søn.", "man.", "tirs.", "ons.", "tors.", "fre.", "lør."}
	months := []string{"jan.", "feb.", "marts", "april", "maj", "juni", "juli", "aug.", "sept.", "okt.", "nov.", "dec."}
	return fmt.Sprintf("%s %d. %s", days[at.Weekday()], at.Day(), months[at.Month()-1])
}

// full is "Thursday 12 November 2026, 14:30 CET".
func (l *language) full(at time.Time) string {
	if l.tag != "da" {
		return at.Format("Monday 2 January 2006, 15:04 MST")
	}
	days := []string{"søndag", "mandag", "tirsdag", "onsdag", "torsdag", "fredag", "lørdag"}
	months := []string{"januar", "februar", "marts", "april", "maj", "juni", "juli", "august", "september", "oktober", "november", "december"}
	return fmt.Sprintf("%s den %d. %s %d kl. %s", days[at.Weekday()], at.Day(), months[at.Month()-1], at.Year(), at.Format("15.04 MST"))
}
