package lang

import "lockbox/policy"

// groups reads who belongs together.
func (r *reader) groups(n *node) {
	r.each(n, "groups", func(key, val *node) {
		if r.word(key, aName("the name of a group")) == "" || !r.define("group", key) {
			return
		}
		var members []string
		r.table(val, shape{of: "a group", need: []string{"members"}, later: []string{"sso"}, fields: map[string]func(*node){
			"members": func(v *node) { members = r.texts(v, "members", aPerson("the id of a person")) },
		}})
		r.src.Policy.Groups[key.text] = members
		r.src.groups[key.text] = entry{key, val}
	})
}

// customers reads whose data there is. Who speaks for them is theirs, not the file's.
func (r *reader) customers(n *node) {
	r.each(n, "customers", func(key, val *node) {
		if r.word(key, aName("the id of a customer")) == "" || !r.define("customer", key) {
			return
		}
		c := policy.Customer{ID: key.text}
		r.table(val, shape{of: "a customer", need: []string{"name"}, fields: map[string]func(*node){
			"name":       func(v *node) { c.Name = r.word(v, aTitle("the name of a customer")) },
			"founded_by": func(v *node) { c.FoundedBy = r.founders(v) },
		}})
		r.src.Policy.Customers[key.text] = c
		r.src.customers[key.text] = entry{key, val}
	})
}

// executives reads whose keys the first executives have.
func (r *reader) executives(n *node) {
	if first := r.src.executives; first != nil {
		r.refuse(n, "keep one", "executives are already at %s", first.where())
		return
	}
	r.src.executives = n
	r.table(n, shape{of: "executives", need: []string{"founded_by"}, fields: map[string]func(*node){
		"founded_by": func(v *node) { r.src.Policy.Executives = r.founders(v) },
	}})
}

func (r *reader) founders(n *node) []string {
	return r.texts(n, "founded_by", aFingerprint("the fingerprint of a key"))
}
