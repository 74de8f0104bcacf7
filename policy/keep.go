package policy

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// A Hold remembers what a machine held, under one name of a target and one of
// its marks, when a policy was last in force, so that no change of files takes
// it away from a customer, or out of production, unseen.
type Hold struct {
	Target     string               `json:"target"`
	Mark       string               `json:"mark"`                // what the machine is known by
	Customers  map[string]time.Time `json:"customers,omitempty"` // concerned until then; zero: they are listed now
	Logins     map[string]time.Time `json:"logins,omitempty"`    // that reach one customer only from then on; zero: since ever
	Production time.Time            `json:"production,omitzero"` // production until then
	Class      string               `json:"class,omitempty"`     // as it is listed now
}

// A Move takes a target away from a customer, or ("") down in class.
type Move struct {
	Target   string
	Customer string
	Login    string    // the account that will not reach the customer any more; "" none will
	At       time.Time // when it takes effect
}

// Next is when time alone changes what is held; zero: never.
func (h Hold) Next(now time.Time) (at time.Time) {
	for _, t := range append(slices.AppendSeq(slices.Collect(maps.Values(h.Customers)), maps.Values(h.Logins)), h.Production) {
		if t.After(now) && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at
}

// Keep gives the policy that is in force at now when p is what the files say
// and held is what machines held before: whom a machine is taken away from stays
// concerned until delay has passed, and what was production stays so. It does
// not change p, and what it gives has an index where p has one.
//
// A machine is known by its marks: each of its host key, its host CA with its
// address, its address, and the name of the target. A target that bears a mark
// under a name that the mark did not have before has whatever anything of that
// mark had: a new name does not make a new machine, and neither does adding it
// again after it was gone for a while. Targets that always shared an address
// each keep their own. A login that newly reaches only one customer reaches all
// until delay has passed. Not caught: a machine whose name and every mark change
// at once (for that its host key has to change, or its host CA be given another
// address of it), an account that the machine lets do more than its login says,
// and what was wrong when the machine was first listed.
func (p *Policy) Keep(held map[string]Hold, now time.Time, delay time.Duration) (*Policy, map[string]Hold, []Move) {
	k := keeper{now: now, at: now.Add(delay), marks: map[string][]Hold{}}
	for _, key := range slices.Sorted(maps.Keys(held)) {
		k.marks[held[key].Mark] = append(k.marks[held[key].Mark], held[key])
	}
	targets, after := maps.Clone(p.Targets), maps.Clone(held)
	if after == nil {
		after = map[string]Hold{}
	}
	differs := false
	for _, name := range slices.Sorted(maps.Keys(p.Targets)) {
		t := p.Targets[name]
		h := k.hold(t)
		for _, mark := range t.Marks() {
			h.Mark = mark
			after[mark+" "+t.Name] = h
		}
		if in := k.inForce(t, h); in != nil {
			targets[name], differs = in, true
		}
	}
	if !differs {
		return p, after, k.moves
	}
	kept := *p
	kept.Targets, kept.index = targets, nil
	if p.index != nil {
		kept.Ready()
	}
	return &kept, after, k.moves
}

// Marks are what the machine of a target is known by.
func (t *Target) Marks() []string {
	out, address := []string{"name " + t.Name}, canonical(t.Address)
	if t.Address != "" {
		out = append(out, "address "+address)
	}
	if t.HostKey != "" {
		out = append(out, "key "+t.HostKey)
	}
	if t.HostCA != "" {
		out = append(out, "ca "+t.HostCA+" "+address)
	}
	return out
}

// canonical is an address in the one way of writing it.
func canonical(address string) string {
	if a, err := netip.ParseAddrPort(address); err == nil {
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()).String()
	}
	host, port, _ := strings.Cut(strings.ToLower(address), ":")
	return strings.TrimSuffix(host, ".") + ":" + strings.TrimLeft(port, "0")
}

// A keeper works out what each target holds at now.
type keeper struct {
	now   time.Time
	at    time.Time         // when what is moved now takes effect
	marks map[string][]Hold // what was held before
	moves []Move
}

// before lists what the machine of a target held: of each mark that is known,
// what was held under this name, or else under any.
func (k *keeper) before(t *Target) (out [][]Hold) {
	for _, mark := range t.Marks() {
		own := slices.DeleteFunc(slices.Clone(k.marks[mark]), func(h Hold) bool { return h.Target != t.Name })
		if len(own) == 0 {
			own = k.marks[mark]
		}
		if len(own) > 0 {
			out = append(out, own)
		}
	}
	return out
}

// hold is what a target holds from now on, given what was held before.
func (k *keeper) hold(t *Target) Hold {
	h := Hold{Target: t.Name, Class: t.Class, Customers: map[string]time.Time{}, Logins: map[string]time.Time{}}
	before := k.before(t)
	lost, down := map[string]bool{}, false
	for _, b := range slices.Concat(before...) {
		for c, until := range b.Customers {
			if !slices.Contains(t.Customers, c) {
				lost[c] = k.keep(h.Customers, c, until) || lost[c]
			}
		}
		switch was := (&Target{Class: b.Class}).Production(); {
		case t.Production():
		case was:
			h.Production, down = later(h.Production, k.at), true
		case b.Production.After(k.now):
			h.Production = later(h.Production, b.Production)
		}
	}
	for _, c := range slices.Sorted(maps.Keys(h.Customers)) {
		k.tell(lost[c], Move{Target: t.Name, Customer: c, At: h.Customers[c]})
	}
	k.tell(down, Move{Target: t.Name, At: h.Production})
	k.logins(t, &h, before)
	for _, c := range t.Customers {
		h.Customers[c] = time.Time{}
	}
	return h
}

// keep remembers until when something holds, and says whether it held without
// end before: then its move begins now.
func (k *keeper) keep(in map[string]time.Time, what string, until time.Time) bool {
	switch {
	case until.IsZero():
		in[what] = later(in[what], k.at)
	case until.After(k.now):
		in[what] = later(in[what], until)
	}
	return until.IsZero()
}

// tell adds a move that begins now.
func (k *keeper) tell(begins bool, m Move) {
	if begins {
		k.moves = append(k.moves, m)
	}
}

// logins works out which logins reach only one customer. One that did not
// before, on a machine that was there, does so later.
func (k *keeper) logins(t *Target, h *Hold, before [][]Hold) {
	for _, l := range t.Logins {
		if !l.One || !strings.Contains(l.Name, perCustomer) {
			continue
		}
		from, known := since(l.Name, before)
		if !known {
			from = k.at
		}
		h.Logins[l.Name] = from
		for _, c := range t.Customers {
			k.tell(!known, Move{Target: t.Name, Customer: c, Login: l.Name, At: k.at})
		}
	}
}

// since is from when on a login reached only one customer: known where
// everything that is known of the machine says so, or nothing is.
func since(login string, before [][]Hold) (from time.Time, known bool) {
	for _, mark := range before {
		known = false
		for _, b := range mark {
			if at, ok := b.Logins[login]; ok {
				known, from = true, later(from, at)
			}
		}
		if !known {
			return from, false
		}
	}
	return from, true
}

// inForce is the target with what is held at now; nil where that is what is listed.
func (k *keeper) inForce(t *Target, h Hold) *Target {
	in, differs := *t, false
	for _, c := range slices.Sorted(maps.Keys(h.Customers)) {
		if h.Customers[c].After(k.now) {
			in.Customers, differs = append(slices.Clip(in.Customers), c), true
		}
	}
	if h.Production.After(k.now) {
		in.Class, differs = "production", true
	}
	in.Logins = slices.Clone(t.Logins)
	for i, l := range in.Logins {
		if h.Logins[l.Name].After(k.now) {
			in.Logins[i].One, differs = false, true
		}
	}
	if !differs {
		return nil
	}
	return &in
}
