package lang

import (
	"slices"
	"strings"
	"time"

	"lockbox/policy"
)

// sso marks the ids of an identity provider's groups among the members of one
// of ours: whoever the provider says is in that group is in ours.
const sso = "sso:"

// A membership is who belongs to a group.
type membership struct{ members, sso []string }

func aGroup() value[membership] {
	type t = membership
	return tableOf(shape[t]{of: "a group", some: []string{"members", "sso"}, fields: []field[t]{
		has("members", listOf("members", word(aPerson("the id of a person"))),
			"People who belong to the group, by the id under which they sign in.",
			func(t *t, v []string) { t.members = v }),
		has("sso", oneOrMore("sso", word(anSSO())),
			"Ids of groups of the identity provider: whoever it says is in one of them belongs to this group.",
			func(t *t, v []string) { t.sso = v }),
	}})
}

// groups reads who belongs together.
func groups() value[bool] {
	group := aGroup()
	return named("groups", aName("the name of a group"), group.schema, func(r *reader, key, val *node) {
		if !r.define("group", key) {
			return
		}
		m, _ := group.read(r, val)
		all := m.members
		for _, id := range m.sso {
			all = append(all, sso+id)
		}
		r.src.Policy.Groups[key.text] = all
		r.src.groups[key.text] = entry{key, val}
	})
}

// split tells the people of a group from the identity provider's groups.
func split(members []string) membership {
	var m membership
	for _, one := range members {
		if id, ok := strings.CutPrefix(one, sso); ok {
			m.sso = append(m.sso, id)
		} else {
			m.members = append(m.members, one)
		}
	}
	return m
}

func aCustomer() value[policy.Customer] {
	type t = policy.Customer
	return tableOf(shape[t]{of: "a customer", fields: []field[t]{
		must("name", word(aTitle("the name of a customer")), "What people call the customer.",
			func(t *t, v string) { t.Name = v }),
		has("founded_by", founders(),
			"Fingerprints of the passkeys of the customer's first reviewers, as its contract says. All later ones are admitted by those before them.",
			func(t *t, v []string) { t.FoundedBy = v }),
		has("seal_to", recipients("seal_to"),
			"Public keys of the customer's own, as age-keygen -pq prints them: age1pq1… . Where a rule is sealed to the customer, each of them opens the recordings of sessions that reach no other customer.",
			func(t *t, v []string) { t.SealTo = v }),
		has("keep", kept(),
			"Recordings of sessions that reach the customer's data are kept for so long at most, whatever a rule says; without it, as the rule says.",
			func(t *t, v time.Duration) { t.Keep = v }),
	}})
}

// customers reads whose data there is. Who speaks for them is theirs, not the file's.
func customers() value[bool] {
	customer := aCustomer()
	return named("customers", aName("the id of a customer"), customer.schema, func(r *reader, key, val *node) {
		if !r.define("customer", key) {
			return
		}
		c, _ := customer.read(r, val)
		c.ID = key.text
		r.src.Policy.Customers[key.text] = c
		r.src.customers[key.text] = entry{key, val}
	})
}

func founders() value[[]string] {
	return listOf("founded_by", word(aFingerprint("the fingerprint of a key")))
}

// executives reads whose keys the first executives have.
func executives() value[[]string] {
	type t = []string
	return once("executives", "executives are", tableOf(shape[t]{of: "executives", fields: []field[t]{
		must("founded_by", founders(),
			"Fingerprints of the passkeys of the first executives. All later ones are admitted by two before them.",
			func(t *t, v []string) { *t = v }),
	}}))
}

// declaration reads what everybody must promise before they ask.
func declaration() value[*policy.Declaration] {
	type t = policy.Declaration
	v := tableOf(shape[t]{of: "the declaration", fields: []field[t]{
		must("version", word(aTitle("the version of the declaration")),
			"Which wording this is. Another version or another text must be signed again by everybody.",
			func(t *t, v string) { t.Version = v }),
		must("text", oneOrMore("text", word(aParagraph("the text of the declaration"))),
			"What is promised: one paragraph, or a list of paragraphs.",
			func(t *t, v []string) { t.Text = strings.Join(v, paragraphs) }),
	}})
	return once("declaration", "the declaration is", mapped(v, func(d t) *t { return &d }))
}

const paragraphs = "\n\n" // stands between those of the declaration

// activation reads how many executives must sign a change in production.
func activation() value[int] {
	type t = int
	return once("activation", "activation is", tableOf(shape[t]{of: "activation", fields: []field[t]{
		must("executives", persons("executives", 2),
			"How many executives must sign a change of policy before it is in force, in production. Two, or more.",
			func(t *t, v int) { *t = v }),
	}}))
}

// passkeys reads whose passkeys must stay on one device, in the order of holders.
func passkeys() value[[]policy.Kind] {
	type t = []policy.Kind
	kept := choice("where a passkey is kept", deviceBound, "anywhere")
	s := shape[t]{of: "passkeys"}
	for _, h := range holders() {
		s.fields = append(s.fields, has(h.name, kept, h.doc, func(t *t, v string) {
			if v == deviceBound {
				*t = append(*t, h.kind)
			}
		}))
		s.some = append(s.some, h.name)
	}
	ordered := mapped(tableOf(s), func(kinds t) t {
		var out t
		for _, h := range holders() {
			if slices.Contains(kinds, h.kind) {
				out = append(out, h.kind)
			}
		}
		return out
	})
	return once("passkeys", "passkeys are", ordered)
}

const deviceBound = "device-bound"

// A holder is a kind of person, as passkeys names it.
type holder struct {
	name string
	kind policy.Kind
	doc  string
}

func holders() []holder {
	const doc = "device-bound: only passkeys count that their maker cannot copy to other devices, as on a security key. anywhere, which holds where nothing is written: synced ones too."
	return []holder{
		{"executives", policy.Executive, "Of executives. " + doc}, {"reviewers", policy.Reviewer, "Of customers' reviewers. " + doc},
		{"staff", policy.Staff, "Of the staff. " + doc}, {"auditors", policy.Auditor, "Of auditors. " + doc},
	}
}

// once refuses a value that stands in another file already.
func once[V any](name, is string, v value[V]) value[V] {
	return value[V]{schema: v.schema, read: func(r *reader, n *node) (V, bool) {
		if first := r.src.single[name]; first != nil {
			var none V
			r.refuse(n, "keep one", "%s already at %s", is, first.where())
			return none, false
		}
		r.src.single[name] = n
		return v.read(r, n)
	}}
}
