package portal

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// An askPage is the form to ask for access, or the list of what to ask for.
type askPage struct {
	Targets []askTarget // that may be asked for; when none is chosen
	Target  string
	Logins  []choice
	Works   []choice // what to ask for, where there is a choice
	Of      []choice // customers, where a login reaches one
	Reasons []policy.Reason
	Ticket  string // pattern; "" where none is needed
	Times   []time.Duration
	Stages  []string
	Sure    bool   // Stages are those of the login and customer that are chosen
	Declare string // version of the declaration that has to be signed first; "" where none is
	Waits   string // id of the browser that goes on when it is approved; "" for none
	Before  *facts // of the reader's last request for it, where a browser waits and it gives no access any more
	Typed   typed
	Way     bool   // there is a test whether the target answers
	Tried   *tried // what it found; nil when nobody asked
	Wrong   string // the sentence …
	Field   string // … and the field that it is about
}

// tried is what a test of the way to a target found.
type tried struct {
	Matter string // "" when it answers as it should
	Known  bool   // or nobody knows
}

type askTarget struct{ Name, Class, Location string }

type choice struct{ ID, Name string }

// typed is what the person has typed; it is kept when something is wrong.
type typed struct {
	Login, Customer, Reason, Text, Ticket string
	Work                                  string // "shell", "forward 127.0.0.1:5432"; "" for the first that there is
	Minutes                               int
	Glass                                 bool // in an emergency
}

// asking shows /r/new.
func (p *Portal) asking(x *exchange) error {
	if err := p.readDeclared(x); err != nil {
		return err
	}
	query := x.r.URL.Query()
	t := query.Get("t")
	if t == "" {
		return p.showTargets(x)
	}
	a, err := p.askPage(x, t, typed{Login: query.Get("login"), Customer: query.Get("customer"), Work: query.Get("work")})
	if err != nil {
		return err
	}
	if w, ok := p.waiting(x, t); ok {
		a.Waits = w.ID
		if a.Before, err = p.before(x, t); err != nil {
			return err
		}
	}
	return x.show(ok, "ask", "Ask for access", a)
}

// before is the reader's last request for an application that they came to, if
// it is over: who was in it a minute ago wonders why they are asked.
func (p *Portal) before(x *exchange, target string) (*facts, error) {
	past, err := p.Desk.History(x.r.Context(), x.who.Principal, "", 10)
	i := slices.IndexFunc(past, func(v approvals.View) bool { return v.Request.Who.ID == x.who.ID && v.Request.Target == target })
	if err != nil || i < 0 {
		return nil, err
	}
	f := x.facts(past[i])
	if slices.Contains([]string{"pending", "approved", "active"}, f.State()) {
		return nil, nil
	}
	return &f, nil
}

// readDeclared finds the reader's signature on the declaration in force.
func (p *Portal) readDeclared(x *exchange) error {
	d := p.Desk.Policy().Declaration
	if d == nil || p.Charter == nil {
		return nil
	}
	return p.view(x.r.Context(), func(tx *ledger.Tx) (err error) {
		x.declared, err = p.Charter.Declared(tx, x.who.ID, d.Digest())
		return err
	})
}

func (p *Portal) showTargets(x *exchange) error {
	return x.show(ok, "ask", "Ask for access", p.targetsFor(x, typed{}))
}

// targetsFor lists what may be asked for, in an emergency or in none.
func (p *Portal) targetsFor(x *exchange, w typed) (a askPage) {
	pol := p.Desk.Policy()
	a.Typed = w
	for _, name := range slices.Sorted(maps.Keys(pol.Targets)) {
		if _, d := p.entry(x, name, w); askable(d) {
			t := pol.Targets[name]
			a.Targets = append(a.Targets, askTarget{name, t.Class, t.Location})
		}
	}
	return a
}

// entry is the way in that the person chose, else the first that policy has: a shell, else a single command; pages of an application.
// d.Verdict is Prove where only the declaration is missing.
func (p *Portal) entry(x *exchange, target string, w typed) (do policy.Action, d policy.Decision) {
	all := p.onTarget(target)
	chosen, to, _ := strings.Cut(w.Work, " ")
	if i := slices.Index(all, policy.Action(chosen)); i >= 0 {
		all = all[i : i+1]
	}
	for _, do := range all {
		if d = p.way(x, target, w, do, to); askable(d) {
			return do, d
		}
	}
	return all[0], d
}

// onTarget lists the actions that there are on a target of its kind.
func (p *Portal) onTarget(target string) []policy.Action {
	t := p.Desk.Policy().Targets[target]
	return slices.DeleteFunc(policy.OnTarget(), func(a policy.Action) bool { return t != nil && !a.On(t) })
}

// way decides about one action.
func (p *Portal) way(x *exchange, target string, w typed, do policy.Action, to string) policy.Decision {
	q := policy.Question{Now: p.now(), Who: x.who.Principal, Do: do, To: to, On: target, Login: w.Login, Customer: w.Customer, From: x.source(), Proofs: x.declared, Emergency: w.Glass}
	t := p.Desk.Policy().Targets[target]
	if t != nil && w.Customer == "" && len(t.Customers) > 0 && perCustomer(t, w.Login) {
		q.Customer = t.Customers[0] // the form asks which
	}
	return p.Desk.Policy().Decide(q)
}

// works lists what may be asked for, by each rule once.
func (x *exchange) works(target string, w typed) (all []choice) {
	seen := map[string]bool{}
	add := func(do policy.Action, to string) {
		d := x.p.way(x, target, w, do, to)
		if !askable(d) || seen[d.Rule] {
			return
		}
		seen[d.Rule] = true
		var names []string
		for _, a := range d.Actions() {
			if a == policy.Forward {
				names = append(names, x.say.text("network tunnels to {where}", "where", strings.Join(d.Bounds.To, ", ")))
			} else {
				names = append(names, x.say.action(a))
			}
		}
		all = append(all, choice{strings.TrimSpace(string(do) + " " + to), strings.Join(names, ", ")})
	}
	for _, do := range x.p.onTarget(target) {
		if do != policy.Forward {
			add(do, "")
			continue
		}
		for _, r := range x.p.Desk.Policy().Rules {
			for _, to := range r.Bounds.To {
				add(do, to)
			}
		}
	}
	return all
}

// askable says whether somebody may ask, perhaps after they signed the declaration.
func askable(d policy.Decision) bool {
	return d.Verdict == policy.Ask || d.Verdict == policy.Prove && d.Proof == policy.Declared
}

func perCustomer(t *policy.Target, login string) bool {
	i := slices.IndexFunc(t.Logins, func(l policy.Login) bool { return l.Name == login || login == "" })
	return i >= 0 && t.Logins[i].One
}

func (p *Portal) askPage(x *exchange, target string, w typed) (askPage, error) {
	t := p.Desk.Policy().Targets[target]
	if t == nil {
		return askPage{}, errNoPage
	}
	_, d := p.entry(x, target, w)
	if !askable(d) {
		return askPage{}, &approvals.Refusal{Code: d.Code, Why: d.Why.String()}
	}
	a := askPage{Target: target, Reasons: d.Reasons(), Ticket: d.Ticket, Times: times(d.Limits), Typed: w, Way: p.Try != nil && t.Kind == "ssh"}
	if a.Typed.Minutes == 0 {
		a.Typed.Minutes = int(d.Limits.Default.Minutes())
	}
	x.choices(&a, t)
	if a.Works = x.works(target, w); len(a.Works) < 2 {
		a.Works = nil
	}
	if d.Verdict == policy.Prove {
		a.Declare = p.Desk.Policy().Declaration.Version
	}
	a.Sure = w.Login != "" && (w.Customer != "" || !perCustomer(t, w.Login)) || a.Of == nil && len(a.Logins) == 1
	for _, g := range d.Stages() {
		whose := x.whose(g)
		if g.Kind == policy.ByCustomer && !a.Sure {
			whose = x.say.text("every customer whose data the login reaches")
		}
		if g.Count > 1 {
			whose = x.say.text("{who} ({n} of them)", "who", whose, "n", g.Count)
		}
		a.Stages = append(a.Stages, whose)
	}
	a.Stages = slices.Compact(a.Stages)
	return a, nil
}

// choices lists the logins of a target, and its customers where a login reaches one.
func (x *exchange) choices(a *askPage, t *policy.Target) {
	for _, l := range t.Logins {
		parts := []string{strings.ReplaceAll(l.Name, "{{customer}}", "…")}
		switch {
		case l.One:
			parts = append(parts, x.say.text("reaches one customer"))
		case len(t.Customers) > 0:
			parts = append(parts, x.say.text("reaches all customers"))
		}
		if l.ReadOnly {
			parts = append(parts, x.say.text("read only"))
		}
		a.Logins = append(a.Logins, choice{l.Name, strings.Join(parts, " · ")})
		if !l.One || a.Of != nil {
			continue
		}
		for _, c := range t.Customers {
			a.Of = append(a.Of, choice{c, customerName(x.p.Desk.Policy(), c)})
		}
	}
}

// times are the durations to choose from.
func times(l policy.Limits) (all []time.Duration) {
	for _, d := range []time.Duration{15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, l.Default, l.Max} {
		if d >= time.Minute && d <= l.Max {
			all = append(all, d)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// typed reads what the person has typed.
func (x *exchange) typed() typed {
	w := typed{
		Login: x.value("login"), Customer: x.value("customer"), Reason: x.value("reason"),
		Text: strings.Join(strings.Fields(x.value("text")), " "), Ticket: x.value("ticket"), Work: x.value("work"),
	}
	w.Minutes, _ = strconv.Atoi(x.value("for")) // 0: the desk takes the rule's default
	return w
}

// ask sends a request, or shows the form again with what is wrong beside its field.
func (p *Portal) ask(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	w := x.typed()
	target := x.value("target")
	waits, goesOn := p.waiting(x, target)
	if err := p.readDeclared(x); err != nil {
		return err
	}
	if t := p.Desk.Policy().Targets[target]; t != nil && !perCustomer(t, w.Login) {
		w.Customer = ""
	}
	if do := x.value("do"); do == "show" || do == "try" { // nothing is sent
		return p.preview(x, target, w, waits.ID, do == "try")
	}
	do, _ := p.entry(x, target, w)
	_, to, _ := strings.Cut(w.Work, " ")
	v, err := p.Desk.Submit(x.r.Context(), x.who.Principal, approvals.Application{
		Target: target, Login: w.Login, Customer: w.Customer, Do: do, To: to, From: x.source(), For: time.Duration(w.Minutes) * time.Minute,
		Need: policy.Need{Reason: policy.Reason(w.Reason), Text: w.Text, Ticket: w.Ticket},
	})
	switch {
	case err == nil && goesOn:
		return x.see("/h/" + waits.ID)
	case err == nil:
		return x.see("/r/" + v.Request.ID)
	}
	why := refusal(err)
	if why == "" {
		return err
	}
	a, perr := p.askPage(x, target, w)
	if perr != nil {
		return err // there is no form for this target
	}
	a.Waits, a.Wrong, a.Field = waits.ID, why, fieldOf(why)
	return x.show(http.StatusUnprocessableEntity, "ask", "Ask for access", a)
}

// preview shows who would be asked, and whether the target answers if that is wanted.
func (p *Portal) preview(x *exchange, target string, w typed, waits string, try bool) error {
	a, err := p.askPage(x, target, w) // who may not ask has nothing looked at
	if err != nil {
		return err
	}
	a.Waits = waits
	if try && a.Way {
		matter, err := p.Try(x.r.Context(), x.who.Principal, target, x.say.tag)
		a.Tried = &tried{matter, err == nil}
	}
	return x.show(ok, "ask", "Ask for access", a)
}

// fieldOf finds the field that a refusal of the desk is about; "" for none of them.
func fieldOf(why string) string {
	return fieldIn(why, []fieldWord{
		{"ticket is", "ticket"}, {"ticket pattern", "ticket"}, {"reason code", "reason"}, {"for the reason", "reason"}, {"permits it only for", "reason"},
		{"say why", "text"}, {"the reason must", "text"}, {"the reason seems", "text"},
		{"ask for at least", "for"}, {"gives at most", "for"}, {"say which", "customer"}, {"has no login", "login"}, {"on the paper", "sealed"}, {"this code", "sealed"},
	})
}
