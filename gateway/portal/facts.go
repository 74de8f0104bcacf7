package portal

import (
	"slices"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
)

// facts is what pages tell of a request, in the words and within the rights of
// one reader. A reviewer reads nothing of another customer.
type facts struct {
	Code     string
	Who      string
	Role     string
	Target   string
	About    []string // of the target: class, place, owner
	Login    string
	To       []string // where tunnels may end
	ReadOnly bool
	Shared   bool     // the login reaches every customer of the target
	For      []string // names of the customers concerned that the reader may know

	Reason policy.Reason
	Text   string
	Ticket string
	Long   time.Duration // as asked
	Most   time.Duration // as far as votes have left it
	Within time.Duration
	Can    []string
	Cannot []string

	Made   time.Time
	Now    time.Time
	Answer time.Time // when the reader's stage, or else the first open one, expires
	Phase  policy.Phase
	Stages []stageFacts
	Grant  *policy.Grant
	Over   string // why the grant gives nothing
	Mine   bool   // the reader asked
	Digest string

	NotBefore time.Time // it may not start earlier
	Watched   bool      // nothing passes while none of those who decide watches
	Promises  []string  // what the engineer has to accept
	Extends   string    // code of the grant that it asks more time for
	Web       bool      // it is access to an application
	Emergency bool      // the glass was broken for it
}

func (x *exchange) facts(v approvals.View) facts {
	q, pol := v.Request, x.p.Desk.Policy()
	f := facts{
		Code: q.ID, Who: q.Who.Name, Role: x.role(q.Who), Target: q.Target, Login: q.Login, To: q.To,
		Reason: q.Need.Reason, Text: q.Need.Text, Ticket: q.Need.Ticket, Long: q.For, Most: v.Status.For, Within: q.ActivateWithin,
		Made: q.At, Now: v.Now, Phase: v.Status.Phase, Grant: v.Grant,
		Mine: q.Who.ID == x.who.ID, Digest: v.Digest, NotBefore: v.Status.NotBefore, Watched: v.Status.Watched, Promises: v.Status.Promises, Extends: q.Extends,
	}
	if v.Grant != nil {
		f.Over = v.Grant.Over(v.Now)
		f.NotBefore, f.Watched, f.Promises = v.Grant.NotBefore, v.Grant.Watched, v.Grant.Promises
	}
	for _, c := range q.Customers {
		if x.who.Kind != policy.Reviewer || c == x.who.Customer {
			f.For = append(f.For, customerName(pol, c))
		}
	}
	x.place(&f, pol.Targets[q.Target], len(q.Customers))
	if !f.NotBefore.After(v.Now) {
		f.NotBefore = time.Time{}
	}
	f.Can, f.Cannot = x.effect(v.Status.Actions, f)
	f.Web, f.Emergency = web(q.Actions), q.Emergency
	f.Stages = x.stages(v)
	for _, s := range v.Status.Stages {
		if s.Open && (f.Answer.IsZero() || pol.Decides(x.who.Principal, s.Stage)) {
			f.Answer = s.Answer
		}
	}
	return f
}

// place tells of the target as the policy describes it now.
func (x *exchange) place(f *facts, t *policy.Target, customers int) {
	f.Shared = customers > 1
	if t == nil {
		return
	}
	switch {
	case t.Production():
		f.About = append(f.About, x.say.text("production"))
	default:
		f.About = append(f.About, t.Class)
	}
	if t.Location != "" {
		f.About = append(f.About, t.Location)
	}
	for _, l := range t.Logins {
		if names(l, f.Login, t.Customers) {
			f.ReadOnly, f.Shared = l.ReadOnly, !l.One && len(t.Customers) > 0
		}
	}
}

// names says whether the login of a target, perhaps one for each customer, is the account.
func names(l policy.Login, account string, customers []string) bool {
	return l.Name == account || slices.ContainsFunc(customers, func(c string) bool {
		return strings.ReplaceAll(l.Name, "{{customer}}", c) == account
	})
}

// effect says in words of effect what the grant would let somebody do, and what
// not. It promises nothing that a shell could get round.
func (x *exchange) effect(actions []policy.Action, f facts) (can, cannot []string) {
	say := x.say.text
	if web(actions) {
		return x.webEffect(actions, f)
	}
	has := func(a policy.Action) bool { return slices.Contains(actions, a) }
	switch {
	case has(policy.Shell) && f.ReadOnly:
		can = append(can, say("look around in a terminal as {login}, a login declared read-only", "login", f.Login))
	case has(policy.Shell):
		can = append(can, say("work in a terminal as {login}: read and change whatever that login can", "login", f.Login))
	case has(policy.Exec):
		can = append(can, say("run single commands as {login}", "login", f.Login))
	}
	cannot = []string{say("stay longer than {long}", "long", x.say.long(f.Most)), say("use another login or machine")}
	list := func(yes bool, what string) {
		if yes {
			can = append(can, what)
		} else {
			cannot = append(cannot, what)
		}
	}
	if get, put := has(policy.SFTPGet), has(policy.SFTPPut); get == put {
		list(get, say("transfer files by SFTP"))
	} else {
		list(get, say("fetch files by SFTP"))
		list(put, say("put files there by SFTP"))
	}
	if has(policy.Forward) && len(f.To) > 0 {
		can = append(can, say("open network tunnels from there to {where}", "where", strings.Join(f.To, ", ")))
	} else {
		list(has(policy.Forward), say("open network tunnels"))
	}
	if has(policy.Agent) {
		can = append(can, say("use the SSH keys of their own computer from there, to go on to other machines"))
	}
	if has(policy.X11) {
		can = append(can, say("open windows of programs there on their own screen"))
	}
	return can, cannot
}

// web says whether all of it is done in a browser.
func web(actions []policy.Action) bool {
	return len(actions) > 0 && !slices.ContainsFunc(actions, func(a policy.Action) bool { return a.Kind() != "http" })
}

// webEffect is effect for an application. What a method that reads does in it, is for it to say.
func (x *exchange) webEffect(actions []policy.Action, f facts) (can, cannot []string) {
	say := x.say.text
	cannot = []string{say("stay longer than {long}", "long", x.say.long(f.Most)), say("open another application")}
	if slices.Contains(actions, policy.HTTPGet) {
		can = append(can, say("read the pages of the application as {login}", "login", f.Login))
	}
	if send := say("send it forms, files or commands"); slices.Contains(actions, policy.HTTPPut) {
		can = append(can, send)
	} else {
		cannot = append(cannot, send)
	}
	return can, cannot
}

func customerName(p *policy.Policy, id string) string {
	if c, ok := p.Customers[id]; ok && c.Name != "" {
		return c.Name
	}
	return id
}

// role says what somebody is, for a reader who does not know them.
func (x *exchange) role(who policy.Principal) string {
	switch who.Kind {
	case policy.Staff:
		return x.say.text("engineer")
	case policy.Executive:
		return x.say.text("member of the executive board")
	case policy.Reviewer:
		return x.say.text("reviewer for {customer}", "customer", customerName(x.p.Desk.Policy(), who.Customer))
	case policy.Auditor:
		return x.say.text("auditor")
	}
	return string(who.Kind)
}

// reason says a reason code in words.
func (l *language) reason(r policy.Reason) string {
	switch r {
	case "customer-case":
		return l.text("Customer case")
	case "outage":
		return l.text("Outage")
	case "planned":
		return l.text("Planned work")
	case "security-review":
		return l.text("Security review")
	case "legal-order":
		return l.text("Legal order")
	}
	return string(r)
}

// State is one word for where the request stands, as pages colour it.
func (f facts) State() string {
	switch {
	case f.Phase != policy.Approved || f.Grant == nil:
		return string(f.Phase)
	case !f.Grant.Revoked.IsZero() && f.Grant.RevokedBy == f.Grant.Who.ID:
		return "returned"
	case !f.Grant.Revoked.IsZero():
		return "revoked"
	case f.Over != "":
		return "ended"
	case f.Grant.Activated.IsZero():
		return "approved"
	}
	return "active"
}
