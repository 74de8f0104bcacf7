package lang

import (
	"encoding/json"
	"fmt"
	"strings"

	"lockbox/policy"
)

// newBook prepares a policy for a comparison.
func newBook(p *policy.Policy) book {
	b := book{Policy: p, groups: map[string]bool{}, listed: map[string]bool{}}
	for i := range p.Rules {
		r := &p.Rules[i]
		for _, g := range r.Groups {
			b.groups[g] = true
		}
		for _, t := range r.Targets {
			b.listed[t] = true
		}
		b.means = append(b.means, meaning(*r))
		b.whom = append(b.whom, strings.Join(r.Groups, ",")+"|"+strings.Join(r.People, ","))
	}
	return b
}

// meaning is what a rule says but its name, place, who and on.
func meaning(r policy.Rule) string {
	r.Name, r.Position = "", ""
	r.Groups, r.People, r.Targets, r.Kinds, r.Labels = nil, nil, nil, nil, nil
	data, err := json.Marshal(r)
	if err != nil { // then it is like no other: it is compared in full
		return fmt.Sprintf("%p %v", &r, err)
	}
	return string(data)
}
