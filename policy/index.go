package policy

// An index finds the rules that can matter to a question without looking at all.
type index struct{}

// Ready makes the index. A policy must not change after it; one without an
// index decides the same, slower.
func (p *Policy) Ready() { p.index = &index{} }
