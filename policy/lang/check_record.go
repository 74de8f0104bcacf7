package lang

import "lockbox/policy"

// recording checks to whom a rule seals, and that what it says does something.
func (c *checker) recording(i int) {
	n, r := c.rules[i].find("record"), &c.Policy.Rules[i]
	if r.Record.Bulk > 0 && !streams(r) {
		c.refuse(n.find("bulk"), "remove it, or write sftp: full or http: full", "bulk does nothing here: rule %q keeps the contents of no stream", r.Name)
	}
	seal := r.Record.Readers()
	if seal&policy.ToAuditor != 0 && len(c.Policy.Auditors) == 0 {
		c.refuse(n.find("seal", "auditor"), "add auditors: { seal_to: [ age1pq1… ] }, or remove it", "rule %q seals to the auditor, and there are no auditors", r.Name)
		return
	}
	if seal&policy.ToCustomer != 0 {
		c.customerKeys(i, n)
	}
	if seal == policy.ToCustomer {
		c.alone(i, n)
	}
}

// streams says whether the rule keeps the contents of a stream that is no terminal's.
func streams(r *policy.Rule) bool {
	return carries(r, policy.Shell, policy.Exec, policy.Forward) || r.Record.SFTP == "full" && carries(r, policy.SFTPGet, policy.SFTPPut) ||
		r.Record.HTTP == "full" && carries(r, policy.HTTPGet, policy.HTTPPut)
}

// customerKeys refuses a rule that seals to customers one of whom has no key.
func (c *checker) customerKeys(i int, n *node) {
	without, some := map[string]bool{}, false
	for _, t := range c.all.of(c.covered[i]) {
		for _, id := range t.Customers {
			if cust, known := c.Policy.Customers[id]; known && len(cust.SealTo) == 0 {
				without[id] = true
			}
			some = true
		}
	}
	at := func() *node { return n.find("seal", "customer") }
	switch missing := sortedKeys(without); {
	case !some:
		c.refuse(at(), "remove it", "rule %q seals to the customer, and its targets hold data of none", c.Policy.Rules[i].Name)
	case len(missing) > 0:
		c.refuse(at(), "add seal_to to "+or(missing[:min(len(missing), 3)])+", or remove it", "rule %q seals to the customer, and customer %q has no seal_to", c.Policy.Rules[i].Name, missing[0])
	}
}

// alone refuses to seal to the customer and nobody else where a login does not
// reach one customer: nobody could open the recording.
func (c *checker) alone(i int, n *node) {
	for _, t := range c.all.of(c.covered[i]) {
		for _, l := range t.Logins {
			if len(t.Customers) != 1 && (!l.One || len(t.Customers) == 0) {
				c.refuse(n.find("seal"), "add vault or auditor", "rule %q seals to nobody: %s on %s reaches %s", c.Policy.Rules[i].Name, l.Name, t.Name, reachedText(len(t.Customers)))
				return
			}
		}
	}
}

func reachedText(customers int) string {
	if customers == 0 {
		return "no customer"
	}
	return "more than one customer"
}

// keys refuses one key for two: whoever has it would read what is the other's.
func (c *checker) keys() {
	of := map[string]string{}
	for _, key := range c.Policy.Auditors {
		of[key] = "the auditors"
	}
	for _, id := range c.known.customers {
		for _, key := range c.Policy.Customers[id].SealTo {
			if first := of[key]; first != "" {
				c.refuse(c.customers[id].val.find("seal_to", key), "give each a key of its own", "customer %q has the key of %s: whoever holds it would read what is not theirs", id, first)
			}
			of[key] = "customer " + id
		}
	}
}
