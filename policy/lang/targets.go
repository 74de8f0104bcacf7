package lang

import (
	"maps"
	"slices"
	"strings"

	"lockbox/policy"
)

// classes are the kinds of target there are. The list is closed: a class that
// is misspelt must not take an executive's yes away.
func classes() []string { return []string{"production", "staging", "test", "development"} }

// targets reads the machines behind the doors.
func (r *reader) targets(n *node) {
	r.each(n, "targets", func(key, val *node) {
		if r.word(key, aTarget()) == "" || !r.define("target", key) {
			return
		}
		r.src.Policy.Targets[key.text] = r.target(key, val)
		r.src.targets[key.text] = entry{key, val}
	})
}

func (r *reader) target(key, n *node) *policy.Target {
	t := &policy.Target{Name: key.text}
	r.table(n, shape{of: "a target", need: []string{"kind", "address"}, later: []string{"host_ca"}, fields: map[string]func(*node){
		"kind":     func(v *node) { t.Kind = r.choice(v, "a kind of target", "ssh", "http") },
		"address":  func(v *node) { t.Address = r.word(v, anAddress()) },
		"host_key": func(v *node) { t.HostKey = r.word(v, aFingerprint("the fingerprint of a host key")) },
		"logins":   func(v *node) { t.Logins = r.logins(v) },
		"class":    func(v *node) { t.Class = r.choice(v, "a class", classes()...) },
		"owner":    func(v *node) { t.Owner = r.word(v, aPerson("the owner")) },
		"location": func(v *node) { t.Location = r.word(v, aTitle("a location")) },
		"customers": func(v *node) {
			if v.form == list && len(v.vals) == 0 {
				return // nobody's data, and said to be
			}
			t.Customers = r.texts(v, "customers", aName("the id of a customer"))
		},
		"labels": func(v *node) { t.Labels = r.labels(v) },
	}})
	r.kind(key, n, t)
	return t
}

// kind refuses what does not go with the kind of the target.
func (r *reader) kind(key, n *node, t *policy.Target) {
	switch {
	case t.Kind == "ssh" && n.child("host_key") == nil:
		r.refuse(key, "add host_key, the fingerprint that ssh-keygen -l prints of its host key", "%s has no host_key", t.Name)
	case t.Kind == "ssh" && n.child("logins") == nil:
		r.refuse(key, "add logins, as in: deploy: { reaches: all }", "%s has no logins", t.Name)
	case t.Kind == "http" && n.child("host_key") != nil:
		r.refuse(n.child("host_key"), "remove it", "a target of kind http has no host_key")
	}
}

// logins reads the accounts, in the order of the file: the first is the default.
func (r *reader) logins(n *node) []policy.Login {
	var out []policy.Login
	r.each(n, "logins", func(key, val *node) {
		if r.word(key, aLogin()) == "" {
			return
		}
		l, reaches := policy.Login{Name: key.text}, ""
		r.table(val, shape{of: "a login", need: []string{"reaches"}, fields: map[string]func(*node){
			"reaches":   func(v *node) { reaches = r.choice(v, "what a login reaches", "one", "all") },
			"read_only": func(v *node) { l.ReadOnly = r.flag(v, "read_only") },
		}})
		l.One = reaches == "one"
		template := strings.Contains(key.text, perCustomer)
		switch {
		case l.One && !template: // one account for all of them is not apart
			r.refuse(val.find("reaches"), "name the login like "+key.text+"_"+perCustomer+", or write all", "%q reaches one customer, but it is the same account for each", key.text)
		case reaches == "all" && template:
			r.refuse(val.find("reaches"), "write one", "%q is one login for each customer, so it cannot reach all", key.text)
		}
		out = append(out, l)
	})
	if n.form == table && len(n.keys) == 0 {
		r.refuse(n, "write at least one, as in: deploy: { reaches: all }", "logins is empty")
	}
	return out
}

func (r *reader) labels(n *node) map[string]string {
	out := map[string]string{}
	r.each(n, "labels", func(key, val *node) {
		k, v := r.word(key, aName("the name of a label")), ""
		if val.form == nothing {
			r.refuse(key, "write one, or remove the label", "label %q has no value", key.text)
		} else {
			v = r.word(val, aName("the value of a label"))
		}
		if k != "" && v != "" {
			out[k] = v
		}
	})
	if n.form == table && len(n.keys) == 0 {
		r.refuse(n, "write at least one, or remove the field", "labels is empty")
	}
	return out
}

// accounts are the names that a login of t stands for, and the customer of each.
func accounts(t *policy.Target, l policy.Login) map[string]string {
	if !l.One {
		return map[string]string{l.Name: ""}
	}
	out := map[string]string{}
	for _, c := range t.Customers {
		out[strings.ReplaceAll(l.Name, perCustomer, c)] = c
	}
	return out
}

// mixed finds an account that two logins of t, or two customers, would share.
func mixed(t *policy.Target) (account string, second policy.Login) {
	taken := map[string]bool{}
	for _, l := range t.Logins {
		for _, a := range slices.Sorted(maps.Keys(accounts(t, l))) {
			if taken[a] {
				return a, l
			}
			taken[a] = true
		}
	}
	return "", policy.Login{}
}
