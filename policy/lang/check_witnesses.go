package lang

import "fmt"

// Witnessed refuses rules that want more witnesses than there are. How many
// there are stands in lockbox.yaml. The error is Errors.
func (s *Source) Witnessed(configured int) error {
	var all Errors
	for i, r := range s.Policy.Rules {
		if r.Witnesses <= configured {
			continue
		}
		n := s.rules[i].find("witnesses")
		fix := "name as many in lockbox.yaml (witnesses), or write fewer here"
		all = append(all, n.file.errorAt(n.line, n.col, fmt.Sprintf("rule %q wants %d witnesses, and %d are configured", r.Name, r.Witnesses, configured), fix))
	}
	if len(all) > 0 {
		return all.sorted()
	}
	return nil
}
