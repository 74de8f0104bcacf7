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

// web is the login of an http target that lists none.
const web = "web"

// targets reads the machines behind the doors.
func targets() value[bool] {
	target := aMachine()
	return named("targets", aTarget(), target.schema, func(r *reader, key, val *node) {
		if !r.define("target", key) {
			return
		}
		t, _ := target.read(r, val)
		t.Name = key.text
		r.kind(key, val, &t)
		if t.Kind == "http" && val.child("logins") == nil {
			t.Logins = []policy.Login{{Name: web}}
		}
		r.src.Policy.Targets[key.text] = &t
		r.src.targets[key.text] = entry{key, val}
	})
}

func aMachine() value[policy.Target] {
	type t = policy.Target
	return tableOf(shape[t]{of: "a target", extra: targetSense(), fields: []field[t]{
		must("kind", choice("a kind of target", "ssh", "http"), "The door it is reached through.",
			func(t *t, v string) { t.Kind = v }),
		must("address", word(anAddress()), "Where the gateway finds it, as host:port. No two targets share one.",
			func(t *t, v string) { t.Address = v }),
		has("host_key", word(aFingerprint("the fingerprint of a host key")),
			"Fingerprint of its SSH host key, as ssh-keygen -l prints it. A target of kind ssh has this or host_ca; one of kind http neither.",
			func(t *t, v string) { t.HostKey = v }),
		has("host_ca", word(aFingerprint("the fingerprint of a host CA")),
			"Fingerprint of the key that signs its SSH host certificates, instead of host_key.",
			func(t *t, v string) { t.HostCA = v }),
		has("logins", reaches(), "Accounts on it, by name; the first is the default. A target of kind ssh lists at least one; one of kind http that lists none has the login web, which reaches all.",
			func(t *t, v []policy.Login) { t.Logins = v }),
		has("class", choice("a class", classes()...), "What depends on it. Without a class it is production, and nobody gets in without an executive.",
			func(t *t, v string) { t.Class = v }),
		has("owner", word(anOwner()), "Who answers for it: the id of a person, or the name of a group. Check refuses a target without one.",
			func(t *t, v string) { t.Owner = v }),
		has("location", word(aTitle("a location")), "Where it stands, as in EU-West. Check refuses a target without one.",
			func(t *t, v string) { t.Location = v }),
		has("customers", nobodys(listOf("customers", word(aName("the id of a customer")))), "Ids of the customers whose data it holds; [] says that it holds nobody's.",
			func(t *t, v []string) { t.Customers = v }),
		has("labels", labels(), "Names and values by which rules find it.",
			func(t *t, v map[string]string) { t.Labels = v }),
		has("http", aWeb(), "How an application is spoken to. Only of kind http.",
			func(t *t, v policy.Web) { v.CA, v.Name, v.Client, t.Web = t.Web.CA, t.Web.Name, t.Web.Client, v }),
		has("tls", aTLS(), "How an application proves that it is the one. Only of kind http; without it, by a certificate for the host of its address.",
			func(t *t, v policy.Web) { t.Web.CA, t.Web.Name, t.Web.Client = v.CA, v.Name, v.Client }),
	}})
}

// nobodys is a list that may be empty: nobody's data, and said to be.
func nobodys(v value[[]string]) value[[]string] {
	full := v.read
	v.schema.MinItems = 0
	v.read = func(r *reader, n *node) ([]string, bool) {
		if n.form == list && len(n.vals) == 0 {
			return nil, false
		}
		return full(r, n)
	}
	return v
}

// kind refuses what does not go with the kind of the target.
func (r *reader) kind(key, n *node, t *policy.Target) {
	hostKey, hostCA := n.child("host_key"), n.child("host_ca")
	switch {
	case t.Kind == "ssh" && hostKey == nil && hostCA == nil:
		r.refuse(key, "add host_key, the fingerprint that ssh-keygen -l prints of its host key", "%s has no host_key", t.Name)
	case t.Kind == "ssh" && hostKey != nil && hostCA != nil:
		r.refuse(hostCA, "keep one of the two", "a target has a host_key or a host_ca, not both")
	case t.Kind == "ssh" && n.child("logins") == nil:
		r.refuse(key, "add logins, as in: deploy: { reaches: all }", "%s has no logins", t.Name)
	case t.Kind == "http" && hostKey != nil:
		r.refuse(hostKey, "remove it", "a target of kind http has no host_key")
	case t.Kind == "http" && hostCA != nil:
		r.refuse(hostCA, "remove it", "a target of kind http has no host_ca")
	default:
		r.speaks(key, n, t)
	}
}

type login struct {
	reaches  string
	readOnly bool
}

func aReach() value[login] {
	return tableOf(shape[login]{of: "a login", fields: []field[login]{
		must("reaches", choice("what a login reaches", "one", "all"),
			"Whose data it reaches: all customers of the target, each of whom is asked, or the one named in it by {{customer}}.",
			func(t *login, v string) { t.reaches = v }),
		has("read_only", flag("read_only"), "The target itself lets this login change nothing. A yes that is for reading only needs such a login.",
			func(t *login, v bool) { t.readOnly = v }),
	}})
}

// reaches reads the accounts, in the order of the file: the first is the default.
func reaches() value[[]policy.Login] {
	one := aReach()
	key := word(aLogin())
	return value[[]policy.Login]{
		schema: schema{Type: "object", Names: &key.schema, Each: &one.schema, MinItems: 1, of: "logins"},
		read: func(r *reader, n *node) (out []policy.Login, ok bool) {
			ok = r.each(n, "logins", func(k, val *node) {
				if _, ok := key.read(r, k); !ok {
					return
				}
				l, _ := one.read(r, val)
				r.template(k, val, l)
				out = append(out, policy.Login{Name: k.text, One: l.reaches == "one", ReadOnly: l.readOnly})
			})
			if n.form == table && len(n.keys) == 0 {
				r.refuse(n, "write at least one, as in: deploy: { reaches: all }", "logins is empty")
			}
			return out, ok
		},
	}
}

// template refuses a login that does not reach what its name says.
func (r *reader) template(key, val *node, l login) {
	each := strings.Contains(key.text, perCustomer)
	switch {
	case l.reaches == "one" && !each: // one account for all of them is not apart
		r.refuse(val.find("reaches"), "name the login like "+key.text+"_"+perCustomer+", or write all", "%q reaches one customer, but it is the same account for each", key.text)
	case l.reaches == "all" && each:
		r.refuse(val.find("reaches"), "write one", "%q is one login for each customer, so it cannot reach all", key.text)
	}
}

func labels() value[map[string]string] {
	k, v := word(aName("the name of a label")), word(aName("the value of a label"))
	return value[map[string]string]{
		schema: schema{Type: "object", Names: &k.schema, Each: &v.schema, MinItems: 1, of: "labels"},
		read: func(r *reader, n *node) (map[string]string, bool) {
			out := make(map[string]string, len(n.keys))
			ok := r.each(n, "labels", func(key, val *node) {
				name, good := k.read(r, key)
				if val.form == nothing {
					r.refuse(key, "write one, or remove the label", "label %q has no value", key.text)
				} else if is, ok := v.read(r, val); ok && good {
					out[name] = is
				}
			})
			if n.form == table && len(n.keys) == 0 {
				r.refuse(n, "write at least one, or remove the field", "labels is empty")
			}
			return out, ok
		},
	}
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
	if len(t.Logins) < 2 && len(t.Customers) < 2 {
		return "", policy.Login{}
	}
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
