package policy

import "math/bits"

// A set of rules, by their places in the policy. The nil set is empty.
type set []uint64

func newSet(n int) set { return make(set, (n+63)/64) }

// put adds i to the set of k. No set holds more than n.
func put(sets map[string]set, k string, i, n int) {
	s := sets[k]
	s.put(i, n)
	sets[k] = s
}

// put adds i to the set, of those below n.
func (s *set) put(i, n int) {
	if *s == nil {
		*s = newSet(n)
	}
	(*s)[i/64] |= 1 << (i % 64)
}

// or is the set with those of another.
func (s set) or(other set) set {
	if s == nil {
		s = make(set, len(other))
	}
	for w := range other {
		s[w] |= other[w]
	}
	return s
}

// first is the first from i on that is in a, in b and in one of the others, all
// of one size; -1 where none is.
func first(i int, a, b set, others []set) int {
	for w := i / 64; w < len(a) && w < len(b); w++ {
		any := uint64(0)
		for _, o := range others {
			any |= o[w]
		}
		any &= a[w] & b[w]
		if w == i/64 {
			any &= ^uint64(0) << (i % 64)
		}
		if any != 0 {
			return w*64 + bits.TrailingZeros64(any)
		}
	}
	return -1
}
