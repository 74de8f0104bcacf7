package approvals

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// erasedEvent is the kind of an event that erases what others say of a person.
const erasedEvent = "person.erased"

func hasPrefix(s, prefix string) bool { return strings.HasPrefix(s, prefix) }

// erasing verifies the events that erased something: each is in the main log,
// and what it names is what may be gone.
func (c *checker) erasing() {
	for _, in := range c.r.Erasing {
		f := c.logged("", in, nil, expect{what: "an erasure", kind: erasedEvent})
		if f.Kind == "" {
			continue
		}
		if _, twice := c.erased[f.Seq]; twice || !slices.Contains(c.gone(), f.Seq) {
			c.fail(StepLeaf, "log entry", "entry %d erased nothing of this receipt", f.Seq)
		}
		c.erased[f.Seq] = f
	}
}

// gone lists the events by which something of the receipt is said to be erased.
func (c *checker) gone() (seqs []int64) {
	for _, by := range c.r.Case.Gone {
		seqs = append(seqs, by)
	}
	for _, s := range c.r.Stays {
		if s.Gone != 0 {
			seqs = append(seqs, s.Gone)
		}
	}
	return seqs
}

// erasedBy says whether event by erased what was personal of event seq.
func (c *checker) erasedBy(by, seq int64) bool { return slices.Contains(c.erased[by].Erased, seq) }

// absent verifies that what is not opened was erased, or concerns another customer.
func (c *checker) absent() {
	others, erased := 0, map[int64]bool{}
	for _, name := range c.body.missing {
		by, gone := c.r.Case.Gone[name]
		switch {
		case gone && hasPrefix(name, "customers.") || gone && hasPrefix(name, "stages."):
			c.fail(StepScope, "request", "a customer is said to be erased, and only people are")
		case gone && c.erasedBy(by, mainSeq(c.made)), gone && name == "who.vouched" && slices.Contains(c.erased[by].Subjects, c.q.ID):
			erased[by] = true
		case gone:
			c.fail(StepScope, "request", "%s is said to be erased by event %d, and that event did not", name, by)
		case c.shared() && (hasPrefix(name, "customers.") || hasPrefix(name, "stages.")):
			others++
		default:
			c.fail(StepScope, "request", "%s is left out, and nothing erased it", name)
		}
	}
	c.surplus()
	for _, by := range sortedKeys(erased) {
		c.past(StepScope, "request", "erased by event %d: who asked, and why; the hash of the request stays", by)
	}
	if !asksAll(c.q) && len(c.body.missing) > 0 {
		c.fail(StepScope, "request", "what %s was asked is left out", or(c.r.Customer, "a customer"))
	}
	if others > 0 {
		c.others(StepScope, "request", "the request concerns another customer too: that one's name, stage and votes are withheld")
	}
}

// surplus fails for what is said to be erased and is there, or never was.
func (c *checker) surplus() {
	known := map[string]bool{}
	for _, name := range c.body.missing {
		known[name] = true
	}
	for i, v := range c.r.Case.Votes {
		known[voteName(i, "statement")] = v.Verdict == policy.Yes && v.Standing == "" && v.Statement == nil
		known[voteName(i, "by")] = true // see byErased
	}
	for _, name := range sortedKeys(c.r.Case.Gone) {
		if !known[name] {
			c.fail(StepScope, "request", "%s is said to be erased, and is there", name)
		}
	}
}

// byErased verifies who voted, where that was erased: f is the vote's entry.
func (c *checker) byErased(i int, v policy.Vote, f ledger.Leaf) {
	by, gone := c.r.Case.Gone[voteName(i, "by")]
	switch stone := tombstone(by); {
	case !gone || f.Kind == "":
	case v.By.ID != stone || v.By.Name != stone || v.Statement != nil:
		c.fail(StepScope, "decision and scope", "who voted is said to be erased, and is there")
	case !c.erasedBy(by, mainSeq(f)):
		c.fail(StepScope, "decision and scope", "who voted is said to be erased by event %d, and that event did not", by)
	default:
		c.past(StepScope, "decision and scope", "erased by event %d: who gave this vote; the passkey stays", by)
	}
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
