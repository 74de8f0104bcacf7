package policy

// Readers are those to whom a recording is sealed: the vault where nothing is said.
func (r Recording) Readers() Readers {
	if r.Seal == 0 {
		return ToVault
	}
	return r.Seal
}

// Kept is how many bytes are kept of each stream that is no terminal's.
func (r Recording) Kept() int64 {
	if r.Bulk == 0 {
		return DefaultBulk
	}
	return r.Bulk
}

// recorded is how a session under a rule is recorded whose login reaches these
// customers: kept as long as the rule and each of them say, and sealed to those
// of its readers whom there are. It is not ok where nobody could open it.
func (p *Policy) recorded(r *Rule, customers []string) (rec Recording, ok bool) {
	rec = r.Record
	if p.index == nil || p.index.keeps {
		for _, id := range customers {
			if k := p.Customers[id].Keep; k > 0 && (rec.Keep == 0 || k < rec.Keep) {
				rec.Keep = k
			}
		}
	}
	if rec.Seal == 0 {
		return rec, true
	}
	if len(customers) != 1 || len(p.Customers[customers[0]].SealTo) == 0 {
		rec.Seal &^= ToCustomer
	}
	if len(p.Auditors) == 0 {
		rec.Seal &^= ToAuditor
	}
	return rec, rec.Seal != 0
}
