package approvals

import (
	"fmt"
	"slices"

	"lockbox/policy"
)

// withhold takes out of a customer's receipt what concerns another one: that
// customer's name, stage, votes and terms, and the statements of those who
// decided on the whole, for they name all. That they signed, and what the log
// says of it, stays.
func (f *filing) withhold() error {
	k, whole := &f.out.Case, f.q
	if len(whole.Customers) <= 1 {
		return nil
	}
	if b, err := openBody(k.Body, k.Open, k.Gone); err != nil || !b.sealed {
		return ErrUnknown // it was written in clear, and would tell one customer of another
	}
	k.Open = only(k.Open, f.eyes)
	k.Votes = slices.DeleteFunc(slices.Clone(k.Votes), func(v policy.Vote) bool {
		s := whole.Stages[v.Stage]
		return s.Kind == policy.ByCustomer && s.Customer != f.eyes
	})
	for i, v := range k.Votes {
		if whole.Stages[v.Stage].Kind != policy.ByCustomer {
			k.Votes[i].Statement = nil
		}
	}
	k.Gone = map[string]int64{}
	n := 0
	for i, v := range f.r.Votes { // the votes that stay have other places
		if s := whole.Stages[v.Stage]; s.Kind == policy.ByCustomer && s.Customer != f.eyes {
			continue
		}
		for _, part := range []string{"by", "statement"} {
			if by, ok := f.r.Gone[voteName(i, part)]; ok {
				k.Gone[voteName(n, part)] = by
			}
		}
		n++
	}
	for name, by := range f.r.Gone {
		if !isVoteName(name) {
			k.Gone[name] = by
		}
	}
	if g := f.out.Grant; g != nil {
		f.out.Grant = f.narrowed(g)
	}
	return nil
}

// narrowed is the grant as one customer sees it.
func (f *filing) narrowed(g *policy.Grant) *policy.Grant {
	out, b := *g, f.out.Case
	out.Customers = []string{f.eyes}
	known, err := openBody(b.Body, b.Open, b.Gone)
	if err != nil {
		return nil // it was opened a moment ago
	}
	out.Stages = slices.DeleteFunc(known.request.Stages, func(s policy.Stage) bool { return s.Kind == withheldStage })
	var mine []string
	for _, v := range b.Votes {
		if v.Promise != "" {
			mine = append(mine, v.Promise)
		}
	}
	out.Promises = slices.DeleteFunc(slices.Clone(g.Promises), func(p string) bool { return !slices.Contains(mine, p) })
	return &out
}

func voteName(i int, part string) string { return fmt.Sprintf("votes.%d.%s", i, part) }

func isVoteName(name string) bool { return len(name) > 6 && name[:6] == "votes." }
