package portal

import "strings"

// eventWords gives, for each kind of event, what it says in each language, in
// their order. The log may hold kinds that an older or newer Lockbox wrote.
func eventWords() map[string][]string {
	out := map[string][]string{}
	for entry := range strings.SplitSeq(strings.TrimSpace(asset("text/events.txt")), "\n\n") {
		if kind, words, ok := strings.Cut(entry, "\n"); ok && !strings.HasPrefix(entry, "#") {
			out[kind] = strings.Split(words, "\n")
		}
	}
	return out
}

// event says what happened; a kind without words, as it is.
func (l *language) event(kind string) string {
	words := l.events[kind]
	switch {
	case len(words) < 2:
		return kind
	case l.tag == "da":
		return words[1]
	}
	return words[0]
}

// EventWords gives what an event of a kind says, in "en" or "da"; the kind itself where nobody wrote words for it.
func EventWords() func(lang, kind string) string {
	all := eventWords()
	return func(lang, kind string) string { return (&language{tag: lang, events: all}).event(kind) }
}
