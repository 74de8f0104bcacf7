package lang

import (
	"slices"
	"time"

	"lockbox/policy"
)

const leastKept = time.Hour // that a recording is kept

// record reads what is written down of a session.
func record() value[policy.Recording] {
	type t = policy.Recording
	whole := func(of string) value[string] { return choice("how "+of+" is recorded", "full") }
	return tableOf(shape[t]{of: "record", some: []string{"pty", "exec", "sftp", "http", "input", "keep", "strict", "bulk", "redact", "seal"}, start: start().Record, fields: []field[t]{
		has("pty", whole("pty"), "Terminals: always full.", func(*t, string) {}),
		has("exec", whole("exec"), "Commands: always full.", func(*t, string) {}),
		has("sftp", choice("how sftp is recorded", "digest", "full"), "File transfers: paths, sizes and hashes (digest, where it is not said), or contents too.",
			func(t *t, v string) { t.SFTP = v }),
		has("http", choice("how http is recorded", "metadata", "full"), "Web requests: method, URL, status, sizes and times (metadata, where it is not said), or bodies too.",
			func(t *t, v string) { t.HTTP = v }),
		has("input", choice("whether input is recorded", "off", "on"), "What is typed: off where it is not said; never while the terminal does not echo.",
			func(t *t, v string) { t.Input = v == "on" }),
		has("keep", kept(), "For how long recordings are kept; for ever where it is not said. A customer concerned may say less. Then their keys are destroyed, and nobody reads them again.",
			func(t *t, v time.Duration) { t.Keep = v }),
		has("strict", choice("whether recording is strict", "off", "on"), "on: nothing passes before it is on disk, which slows each key stroke. off, where it is not said: it passes at most 1 s or 64 KiB before.",
			func(t *t, v string) { t.Strict = v == "on" }),
		has("bulk", between(size("bulk"), "bulk", 1<<10, 1<<30), "So much is kept of each stream that is no terminal's (the output of a command, a tunnel, contents of files and bodies where those are full), then its size and SHA-256. 16MiB where it is not said; 1KiB to 1GiB.",
			func(t *t, v int64) { t.Bulk = v }),
		has("redact", bits("redact", "something that can be taken out", redactions()), "What is taken out of what the target writes before it is sealed, so that nobody can bring it back: access tokens and passwords in known forms, private keys, Danish CPR numbers, numbers of payment cards. Nothing, where it is not said.",
			func(t *t, v policy.Redact) { t.Redact = v }),
		has("seal", bits("seal", "a reader of recordings", readers()), "Whose keys open recordings: the vault (where it is not said), which is this gateway's or kept elsewhere; the auditors' seal_to; the customer's seal_to, where the session reaches that customer alone. Without vault nobody plays them here.",
			func(t *t, v policy.Readers) { t.Seal = v }),
	}})
}

// kept is for how long a recording is kept.
func kept() value[time.Duration] {
	v := span("keep", 0)
	plain := v.read
	v.read = func(r *reader, n *node) (time.Duration, bool) {
		d, ok := plain(r, n)
		if ok && d < leastKept {
			r.refuse(n, "write 1h or longer", "what is kept for less than an hour is gone before anybody can look at it")
		}
		return d, ok && d >= leastKept
	}
	return v
}

// between is a size within bounds.
func between(v value[int64], of string, least, most int64) value[int64] {
	plain := v.read
	v.read = func(r *reader, n *node) (int64, bool) {
		b, ok := plain(r, n)
		if ok && (b < least || b > most) {
			r.refuse(n, "write "+sizeText(least)+" to "+sizeText(most), "%s is too little or too much", of)
		}
		return b, ok && b >= least && b <= most
	}
	return v
}

// A bit is a word for one of a sum of bits.
type oneBit[B ~uint8] struct {
	word string
	bit  B
}

func redactions() []oneBit[policy.Redact] {
	return []oneBit[policy.Redact]{{"tokens", policy.RedactTokens}, {"keys", policy.RedactKeys}, {"cpr", policy.RedactCPR}, {"cards", policy.RedactCards}}
}

func readers() []oneBit[policy.Readers] {
	return []oneBit[policy.Readers]{{"vault", policy.ToVault}, {"auditor", policy.ToAuditor}, {"customer", policy.ToCustomer}}
}

// bits is a list of words, each once, in any order.
func bits[B ~uint8](of, what string, known []oneBit[B]) value[B] {
	var words []string
	for _, k := range known {
		words = append(words, k.word)
	}
	return mapped(listOf(of, choice(what, words...)), func(list []string) (sum B) {
		for _, k := range known {
			if slices.Contains(list, k.word) {
				sum |= k.bit
			}
		}
		return sum
	})
}

// bitWords are the words of a sum of bits, in one order.
func bitWords[B ~uint8](sum B, known []oneBit[B]) (out []string) {
	for _, k := range known {
		if sum&k.bit != 0 {
			out = append(out, k.word)
		}
	}
	return out
}

// auditors reads whose keys open the recordings of rules that are sealed to them.
func auditors() value[[]string] {
	type t = []string
	return once("auditors", "auditors are", tableOf(shape[t]{of: "auditors", fields: []field[t]{
		must("seal_to", recipients("seal_to"), "Public keys of those who audit recordings, as age-keygen -pq prints them: age1pq1… . Each alone opens every recording of a rule that is sealed to the auditor.",
			func(t *t, v []string) { *t = v }),
	}}))
}
