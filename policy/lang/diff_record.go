package lang

import (
	"slices"
	"strings"
	"time"

	"lockbox/policy"
)

// records tells what differs between two ways of recording: who can open it,
// how long it is kept, and what is in it.
func records(old, new policy.Recording, note func(what, way, a, b string)) {
	if a, b := old.Readers(), new.Readers(); a != b {
		note(Opened, fewer(a, b), readersText(a), readersText(b))
	}
	if old.Keep != new.Keep {
		note(Retention, length(new.Keep == 0 || old.Keep != 0 && old.Keep < new.Keep), keepText(old.Keep), keepText(new.Keep))
	}
	if a, b := recordText(old), recordText(new); a != b {
		note(Records, "other", a, b)
	}
}

// fewer says whether fewer or more of something are in new.
func fewer[B ~uint8](old, new B) string {
	switch {
	case old&new == new:
		return "fewer"
	case old&new == old:
		return "more"
	}
	return "other"
}

// byCustomer says whether how a target is recorded depends on whose data a login reaches.
func (b book) byCustomer(rules []policy.Rule, t *policy.Target) bool {
	return slices.ContainsFunc(rules, func(r policy.Rule) bool { return r.Record.Seal != 0 }) ||
		t != nil && slices.ContainsFunc(t.Customers, func(id string) bool { return b.Customers[id].Keep > 0 })
}

// recordText is "input off, sftp digest, http metadata, 16MiB of each stream", and
// what else is in a recording or not.
func recordText(r policy.Recording) string {
	parts := []string{
		"input " + map[bool]string{true: "on", false: "off"}[r.Input], "sftp " + orElse(r.SFTP, "digest"), "http " + orElse(r.HTTP, "metadata"),
		sizeText(r.Kept()) + " of each stream",
	}
	if r.Redact > 0 {
		parts = append(parts, strings.Join(bitWords(r.Redact, redactions()), " and ")+" taken out")
	}
	if r.Strict {
		parts = append(parts, "strict")
	}
	return strings.Join(parts, ", ")
}

// readersText is "the vault and the customer".
func readersText(r policy.Readers) string {
	words := bitWords(r, readers())
	for i := range words {
		words[i] = "the " + words[i]
	}
	return strings.Join(words, " and ")
}

func keepText(d time.Duration) string {
	if d == 0 {
		return "for ever"
	}
	return lengthText(d)
}

// recordings compares who can open recordings that customers and auditors are
// readers of, and how long customers let them be kept.
func (f *finder) recordings() {
	f.openers("auditors", "", "the auditors", f.old.Auditors, f.new.Auditors)
	for _, id := range sortedKeys(f.new.Customers) {
		was, before := f.old.Customers[id]
		is := f.new.Customers[id]
		f.openers("seal_to", id, "customer "+id, was.SealTo, is.SealTo)
		if was.Keep != is.Keep && (before || is.Keep > 0) {
			shorter := was.Keep == 0 || is.Keep != 0 && is.Keep < was.Keep
			f.add("keep", shorter, id, "recordings that may hold data of %s are kept %s, before %s", id, mostText(is.Keep), mostText(was.Keep))
		}
	}
}

func mostText(d time.Duration) string {
	if d == 0 {
		return "as long as their rule says"
	}
	return "at most " + lengthText(d)
}

// openers tells whose keys open the recordings that are sealed to somebody.
func (f *finder) openers(what, about, whose string, old, new []string) {
	for _, key := range less(new, old) {
		f.add(what, true, about, "who has the key %s can read recordings sealed to %s from now on", keyText(key), whose)
	}
	for _, key := range less(old, new) {
		f.add(what, true, about, "who has the key %s can read no new recordings sealed to %s any more", keyText(key), whose)
	}
}
