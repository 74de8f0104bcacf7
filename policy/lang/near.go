package lang

import (
	"maps"
	"slices"
	"strings"
)

// instead says what to write for a word that is none of words.
func instead(word string, words []string) string {
	if n := near(word, words); n != "" {
		return "did you mean " + n + "?"
	}
	if len(words) == 0 {
		return "remove it"
	}
	return "write " + or(words)
}

// near is the word that somebody who wrote this one most likely meant; "" for none.
func near(word string, words []string) string {
	best, found := max(1, min(len(word)/3, 3))+1, ""
	for _, w := range words {
		if apart := len(w) - len(word); apart >= best || -apart >= best {
			continue
		}
		if d := distance(strings.ToLower(word), strings.ToLower(w)); d < best {
			best, found = d, w
		}
	}
	return found
}

// distance is how many letters must be put in, taken out, changed or swapped
// with the next (optimal string alignment). Texts are cut at 64 bytes.
func distance(a, b string) int {
	a, b = a[:min(len(a), 64)], b[:min(len(b), 64)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	var above, before []int
	for i := range len(a) {
		before, above, row = above, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			change := above[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, row[j]+1, above[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
