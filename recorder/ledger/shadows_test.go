package ledger_test

import (
	"strings"
	"testing"

	"lockbox/recorder/ledger"
)

// told gives the main log of tale to Shadows, after edit has had its way.
func told(t *testing.T, edit func(leaves []string) []string) error {
	t.Helper()
	b := newBook(t)
	after := tale(b)
	last := after[len(after)-1]
	var leaves []string
	for i := range b.Last() + 1 {
		leaves = append(leaves, last[string(ledger.LogAt(i))])
	}
	s := ledger.NewShadows(origin)
	for _, leaf := range edit(leaves) {
		f, err := ledger.ParseLeaf([]byte(leaf))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Add(f); err != nil {
			return err
		}
	}
	return s.End()
}

func TestTheMainLogTellsWhatWasLeftOutOfACustomersLog(t *testing.T) {
	swap := func(i int, old, new string) func([]string) []string {
		return func(l []string) []string {
			if !strings.Contains(l[i], old) {
				t.Errorf("event %d does not say %q: %s", i, old, l[i])
			}
			l[i] = strings.Replace(l[i], old, new, 1)
			return l
		}
	}
	for _, c := range []struct {
		name string
		edit func([]string) []string
		want string
	}{
		{"nothing", func(l []string) []string { return l }, ""},
		{"an event whose entry is left out", swap(0, `="}`, `=","customers":["nord"]}`), "nord: it has not the head that event 2"},
		{"a head that comes late", swap(6, `"at":"2`, `"at":"3`), "nord: its head came"},
		{"a head over fewer entries", swap(6, `"size":"3"`, `"size":"2"`), "nord: it has not the head that event 6"},
		{"a heartbeat over fewer customers", swap(7, `"customers":"2"`, `"customers":"1"`), "heartbeat in event 7"},
		{"a heartbeat over an old head", func(l []string) []string { return append(append(l[:4:4], l[7]), l[4:]...) }, "heartbeat in event 7"},
		{"no head at the end", func(l []string) []string { return l[:12] }, "no event holds the head of its 3 entries"},
		{"a head of nobody", swap(12, `"subjects":["ost"]`, `"subjects":["syd"]`), "event 12"},
	} {
		err := told(t, c.edit)
		if !says(err, c.want) || err != nil && says(err, "backup") {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}
