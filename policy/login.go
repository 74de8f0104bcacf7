package policy

import (
	"slices"
	"strings"
)

const perCustomer = "{{customer}}"

// A reach is an account on a target and whose data it reaches.
type reach struct {
	name      string
	customers []string
	readOnly  bool
}

// login finds the account and the customers it reaches, or says why there is none.
func (t *Target) login(name, customer string) (reach, Sentence) {
	if len(t.Logins) == 0 {
		return reach{}, Says("%s has no logins", t.Name)
	}
	if name == "" {
		name = t.Logins[0].Name
	}
	if prefix, suffix, each := strings.Cut(name, perCustomer); each && t.lists(name) {
		if !slices.Contains(t.Customers, customer) {
			return reach{}, Says("%s is one login for each customer: say which (%s)", name).of(t.Customers)
		}
		name = prefix + customer + suffix
	}
	return t.account(name, customer)
}

// lists says whether a login is written so.
func (t *Target) lists(name string) bool {
	return slices.ContainsFunc(t.Logins, func(l Login) bool { return l.Name == name })
}

// account is what the logins that make this name say of it. It reaches the one
// customer named in it only where nothing else makes it: an account that is
// written out, or made in two ways, reaches all.
func (t *Target) account(name, customer string) (reach, Sentence) {
	found, ways := reach{name, t.Customers, true}, 0
	for _, l := range t.Logins {
		i, ok := t.makes(l, name)
		if !ok {
			continue
		}
		if i >= 0 && customer != "" && customer != t.Customers[i] {
			return reach{}, Says("%s reaches %s, not %s", name, t.Customers[i], customer)
		}
		if found.readOnly = found.readOnly && l.ReadOnly; i >= 0 && l.One {
			found.customers = t.Customers[i : i+1 : i+1]
		}
		if ways++; ways > 1 {
			found.customers = t.Customers
		}
	}
	if ways == 0 {
		return reach{}, Says("%s has no login %q", t.Name, name)
	}
	return found, Sentence{}
}

// makes says whether a login makes the name, and for which customer; -1 where it is written so.
func (t *Target) makes(l Login, name string) (customer int, ok bool) {
	prefix, suffix, each := strings.Cut(l.Name, perCustomer)
	if !each {
		return -1, l.Name == name
	}
	c, starts := strings.CutPrefix(name, prefix)
	c, ends := strings.CutSuffix(c, suffix)
	customer = slices.Index(t.Customers, c)
	return customer, starts && ends && customer >= 0
}

// NeedsCustomer says whether a login, "" for the first, reaches one customer and
// does not name it: who asks for it says which.
func (t *Target) NeedsCustomer(login string) bool {
	if len(t.Customers) == 0 || len(t.Logins) == 0 {
		return false
	}
	if login == "" {
		login = t.Logins[0].Name
	}
	return slices.ContainsFunc(t.Logins, func(l Login) bool {
		return l.Name == login && (l.One || strings.Contains(login, perCustomer))
	})
}
