package charter

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

var _ Memory = (*crowd)(nil)

func TestTwoExecutivesAdmitAThird(t *testing.T) {
	w := newWorld(t)
	id := w.propose(w.ceo, admit(w.ada))
	if again := w.propose(w.cto, admit(w.ada)); again != id {
		t.Errorf("the same motion twice: %s and %s", id, again)
	}
	if v := w.sign(id, w.ceo); v.Status.Phase != policy.Pending || v.Holds {
		t.Errorf("one signature: %s, holds %v", v.Status.Phase, v.Holds)
	}
	if got := w.pinned(); slices.Contains(got, w.ada.ID) {
		t.Errorf("one signature pins: %v", got)
	}
	v := w.sign(id, w.cto)
	if !v.Holds || v.Status.Phase != policy.Approved || !slices.Contains(w.pinned(), w.ada.ID) {
		t.Errorf("two signatures: %+v, pinned %v", v.Status.Phase, w.pinned())
	}
	if m, err := w.proven(id); err != nil || m.Key != w.ada.print() || len(m.Votes) != 2 {
		t.Errorf("got %+v, %v", m, err)
	}
	w.admits(w.lone, w.ada, w.ceo) // who was admitted admits
	if got := w.pinned(); !slices.Contains(got, w.lone.ID) {
		t.Errorf("pinned %v", got)
	}
}

func TestWhatPeopleReadTheySign(t *testing.T) {
	w := newWorld(t)
	zone, err := time.LoadLocation("Europe/Copenhagen")
	must(t, err)
	until := time.Date(w.start.Year()+1, 1, 2, 3, 4, 5, 0, time.UTC)
	if until.Sub(w.start) > 80*24*time.Hour {
		until = w.start.UTC().Add(80 * 24 * time.Hour).Truncate(time.Second)
	}
	stamp := until.Format("2006-01-02 15:04:05 UTC")
	for _, c := range []struct {
		by   *human
		m    policy.Motion
		head string
		d    statement.Domain
		want []string
	}{
		{w.ceo, admit(w.ada), "lockbox-admit/v1", statement.ForAdmit, []string{
			"log: lockbox.test", "proposer: Carla <ceo@x.eu> (executive)", "whose-matter: executives", "admit: Ada <ada@x.eu>", "passkey: " + w.ada.print(), "text: joins", "takes: 2 signatures of executives", "decision: approve", "decider: Carla <ceo@x.eu> (executive)"}},
		{w.ann, policy.Motion{Kind: policy.ToSet, Customer: "nord", Notice: true, Quorum: 2}, "lockbox-settings/v1", statement.ForSettings, []string{
			"whose-matter: reviewers of customer nord", "consent: to be told is enough", "quorum: 2 of its reviewers", "text: none", "decider: Ann <ann@nord.x> (customer nord)"}},
		{w.ann, policy.Motion{Kind: policy.ToInstruct, Customer: "nord", Uses: 3, For: time.Hour, Until: until, Scope: policy.Scope{Targets: []string{"db1.prod"}, Actions: []policy.Action{policy.Shell},
			Hours: &policy.Hours{Days: []time.Weekday{time.Monday, time.Friday}, From: 7 * time.Hour, To: 19*time.Hour + 30*time.Minute, Zone: zone}}}, "lockbox-standing/v1", statement.ForStanding, []string{
			"targets: db1.prod", "logins: any", "actions: shell", "hours: Mon, Fri 07:00-19:30 Europe/Copenhagen", "from: once it is signed", "until: " + stamp, "uses: 3", "each-at-most: 1h0m0s"}},
		{w.ceo, policy.Motion{Kind: policy.ToDelegate, About: w.eng.ID, Key: w.eng.print(), Until: until}, "lockbox-delegate/v1", statement.ForDelegate, []string{
			"whose-matter: one's own, of ceo@x.eu", "deputy: Eng <eng@x.eu>", "passkey: " + w.eng.print(), "targets: any", "takes: this signature alone"}},
		{w.eng, policy.Motion{Kind: policy.ToDeclare, About: "3"}, "lockbox-declare/v1", statement.ForDeclare, []string{
			"version: 3", "declaration-sha256: " + w.pol.Declaration.Digest(), "text: I keep to myself what I see. ¶ For ever."}},
	} {
		b, err := w.Prepare(t.Context(), w.as(c.by), w.propose(c.by, c.m))
		must(t, err)
		lines := strings.Split(string(b.Statement), "\n")
		if lines[0] != c.head || b.Domain != c.d {
			t.Errorf("got %q in %q, want %q in %q", lines[0], b.Domain, c.head, c.d)
		}
		v, err := w.See(t.Context(), w.as(c.by), b.Motion)
		must(t, err)
		for _, want := range append(c.want, "motion: "+b.Motion, "motion-sha256: "+v.Digest, "nonce: "+b.Nonce) {
			if !slices.Contains(lines, want) {
				t.Errorf("%s lacks %q:\n%s", c.head, want, b.Statement)
			}
		}
	}
}

func TestWhoMayProposeWhat(t *testing.T) {
	w := newWorld(t)
	day := func(n int) time.Time { return w.start.Add(time.Duration(n) * 24 * time.Hour) }
	standing := func(f func(*policy.Motion)) policy.Motion {
		m := policy.Motion{Kind: policy.ToInstruct, Customer: "nord", Uses: 3, For: time.Hour, Until: day(100), Scope: policy.Scope{Targets: []string{"db1.prod"}}}
		f(&m)
		return m
	}
	deputy := func(h *human, f func(*policy.Motion)) policy.Motion {
		m := policy.Motion{Kind: policy.ToDelegate, About: h.ID, Key: h.print(), Until: day(30)}
		f(&m)
		return m
	}
	none := func(*policy.Motion) {}
	hash := strings.Repeat("ab", 32)
	with := func(m policy.Motion, f func(*policy.Motion)) policy.Motion { f(&m); return m }
	for _, c := range []struct {
		rule string
		by   *human
		m    policy.Motion
		why  string // "" when it may be made
	}{
		{"an operator admits nobody", w.op, admit(w.ada), "not yours to propose"},
		{"nor does an executive whose passkey is not pinned", w.lone, admit(w.lone), "not yours to propose"},
		{"nor a reviewer an executive", w.ann, admit(w.ada), "not yours to propose"},
		{"nor an executive a reviewer", w.ceo, admit(w.cid), "not yours to propose"},
		{"nor another customer's reviewer", w.syd, admit(w.cid), "not yours to propose"},
		{"a customer's own do", w.ann, admit(w.cid), ""},
		{"staff are not admitted", w.ceo, admit(w.eng), "not enrolled as one of executives"},
		{"nor is a reviewer to the board", w.ceo, with(admit(w.ann), func(m *policy.Motion) { m.Customer = "" }), "not enrolled as one of executives"},
		{"nor a reviewer of another customer", w.ann, with(admit(w.sid), func(m *policy.Motion) { m.Customer = "nord" }), "not enrolled as one of reviewers of customer nord"},
		{"another's passkey", w.ceo, with(admit(w.ada), func(m *policy.Motion) { m.Key = w.lone.print() }), "not that of ada@x.eu's passkey"},
		{"a passkey nobody has", w.ceo, with(admit(w.ada), func(m *policy.Motion) { m.Key = "SHA256:x" }), "no such passkey"},
		{"nobody", w.ceo, with(admit(w.ada), func(m *policy.Motion) { m.About = "no@x.eu" }), "nobody with this id"},
		{"who counts already", w.ceo, admit(w.cto), "counts already"},
		{"more than an admission says", w.ceo, with(admit(w.ada), func(m *policy.Motion) { m.Uses = 1 }), "cannot say all that"},
		{"text that hides", w.ceo, with(admit(w.ada), func(m *policy.Motion) { m.Text = "a\u202eb" }), "visible characters"},
		{"text without end", w.ceo, with(admit(w.ada), func(m *policy.Motion) { m.Text = strings.Repeat("x", 2001) }), "visible characters"},
		{"two cannot dismiss one of them", w.ceo, dismiss(w.cto), "nobody could carry this"},
		{"who does not count is not dismissed", w.ceo, dismiss(w.ada), "does not count as one of"},
		{"activation is the gateway's to offer", w.ceo, policy.Motion{Kind: policy.ToActivate, About: hash, Config: hash}, "not yours to propose"},
		{"settings of one's own customer", w.ann, policy.Motion{Kind: policy.ToSet, Customer: "nord", Quorum: 2}, ""},
		{"settings of another", w.ann, policy.Motion{Kind: policy.ToSet, Customer: "syd", Notice: true}, "not yours to propose"},
		{"settings of nobody", w.ceo, policy.Motion{Kind: policy.ToSet, Notice: true}, "other signatures"},
		{"a quorum beyond the reviewers", w.ann, policy.Motion{Kind: policy.ToSet, Customer: "nord", Quorum: 3}, "number of your reviewers"},
		{"a quorum below none", w.ann, policy.Motion{Kind: policy.ToSet, Customer: "nord", Quorum: -1}, "number of your reviewers"},
		{"an instruction", w.ann, standing(none), ""},
		{"an instruction never stands for executives", w.ceo, standing(func(m *policy.Motion) { m.Customer = "" }), "other signatures"},
		{"an instruction for everything", w.ann, standing(func(m *policy.Motion) { m.Scope = policy.Scope{Logins: []string{"x"}} }), "at least the targets or the actions"},
		{"no use", w.ann, standing(func(m *policy.Motion) { m.Uses = 0 }), "1 to 100"},
		{"uses without end", w.ann, standing(func(m *policy.Motion) { m.Uses = 101 }), "1 to 100"},
		{"too long each", w.ann, standing(func(m *policy.Motion) { m.For = 8*time.Hour + 1 }), "one minute to 8h"},
		{"for ever", w.ann, standing(func(m *policy.Motion) { m.Until = time.Time{} }), "until when"},
		{"too far", w.ann, standing(func(m *policy.Motion) { m.Until = day(181) }), "at most 180 days"},
		{"in the past", w.ann, standing(func(m *policy.Motion) { m.Until = day(-1) }), "a time to come"},
		{"an action that needs no grant", w.ann, standing(func(m *policy.Motion) { m.Scope.Actions = []policy.Action{policy.Approve} }), "no action on a target"},
		{"a reason there is not", w.ann, standing(func(m *policy.Motion) { m.Scope.Reasons = []policy.Reason{"fun"} }), "is no reason"},
		{"a name that reads as two", w.ann, standing(func(m *policy.Motion) { m.Scope.Targets = []string{"a, b"} }), "no name of a target"},
		{"hours without a zone", w.ann, standing(func(m *policy.Motion) {
			m.Scope.Hours = &policy.Hours{Days: []time.Weekday{1}, To: time.Hour}
		}), "hours are days"},
		{"a deputy of the staff", w.ceo, deputy(w.eng, none), ""},
		{"a deputy of the board", w.ceo, deputy(w.cto, none), ""},
		{"a reviewer is no executive's deputy", w.ceo, deputy(w.ann, none), "cannot be your deputy"},
		{"staff is no reviewer's deputy", w.ann, deputy(w.eng, none), "cannot be your deputy"},
		{"a colleague is", w.ann, deputy(w.cid, none), ""},
		{"another customer's is not", w.ann, deputy(w.syd, none), "cannot be your deputy"},
		{"nobody is their own deputy", w.ceo, deputy(w.ceo, none), "not yours to propose"},
		{"staff has no deputy", w.eng, deputy(w.op, none), "not yours to propose"},
		{"who is not admitted has none", w.lone, deputy(w.eng, none), "not yours to propose"},
		{"another's passkey for the deputy", w.ceo, deputy(w.eng, func(m *policy.Motion) { m.Key = w.op.print() }), "not that of eng@x.eu's passkey"},
		{"a deputy for long", w.ceo, deputy(w.eng, func(m *policy.Motion) { m.Until = day(91) }), "at most 90 days"},
		{"a deputy that begins late", w.ceo, deputy(w.eng, func(m *policy.Motion) { m.From = day(31) }), "begins after its own end"},
		{"the declaration", w.eng, policy.Motion{Kind: policy.ToDeclare, About: "3"}, ""},
		{"an old declaration", w.eng, policy.Motion{Kind: policy.ToDeclare, About: "2"}, "not yours to propose"},
		{"another text", w.eng, policy.Motion{Kind: policy.ToDeclare, About: "3", Text: "no"}, "something else now"},
		{"nothing that is known", w.ceo, policy.Motion{Kind: "party"}, "other signatures"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			v, err := w.Propose(t.Context(), w.as(c.by), c.m)
			switch {
			case c.why != "":
				wantRefusal(t, err, c.why)
			case err != nil:
				t.Errorf("got %v", err)
			default:
				_, err := w.End(t.Context(), w.as(c.by), v.Motion.ID, "tidy")
				must(t, err)
			}
		})
	}
}

func TestAPolicyIsOfferedByTheGatewayAndSignedByTwo(t *testing.T) {
	w := newWorld(t)
	gate := policy.Principal{ID: "lockbox", Name: "Lockbox", Kind: policy.Machine}
	m := policy.Motion{Kind: policy.ToActivate, About: strings.Repeat("ab", 32), Config: strings.Repeat("cd", 32), Text: "12 rules"}
	v, err := w.Propose(t.Context(), gate, m)
	must(t, err)
	again, err := w.Propose(t.Context(), gate, m)
	must(t, err)
	if again.Motion.ID != v.Motion.ID {
		t.Error("a restart offers it twice")
	}
	if got := w.sign(v.Motion.ID, w.ceo, w.cto); !got.Holds {
		t.Errorf("got %+v", got.Status)
	}
	bad := m
	bad.About = "x"
	_, err = w.Propose(t.Context(), gate, bad)
	wantRefusal(t, err, "hex SHA-256")
	w.pol.Activation = 3
	m.About = strings.Repeat("ef", 32)
	_, err = w.Propose(t.Context(), gate, m)
	wantRefusal(t, err, "nobody could carry this")
}

func TestACustomersMatterTakesItsQuorum(t *testing.T) {
	w := newWorld(t)
	count := func(h *human) int {
		id := w.propose(h, policy.Motion{Kind: policy.ToSet, Customer: h.Customer, Notice: true, Text: "count"})
		v, err := w.End(t.Context(), w.as(h), id, "")
		must(t, err)
		return v.Motion.Stage.Count
	}
	if a, b := count(w.ann), count(w.syd); a != 2 || b != 1 {
		t.Errorf("two reviewers take %d, one takes %d", a, b)
	}
	w.admits(w.cid, w.ann, w.bea)
	if got := count(w.ann); got != 2 {
		t.Errorf("three reviewers take %d", got)
	}
	w.sign(w.propose(w.ann, policy.Motion{Kind: policy.ToSet, Customer: "nord", Quorum: 3, Notice: true}), w.ann, w.bea)
	if got := count(w.ann); got != 3 {
		t.Errorf("a quorum of three takes %d", got)
	}
	var quorum int
	w.view(func(tx *ledger.Tx) (err error) { quorum, err = w.Quorum(tx, "nord"); return err })
	if quorum != 3 {
		t.Errorf("quorum %d", quorum)
	}
}

func TestEndingTheNoticeDoesNotLowerTheQuorum(t *testing.T) {
	w := newWorld(t)
	q := &policy.Request{ID: "7KQM", At: w.start, Target: "db1.prod", Customers: []string{"nord"}, For: time.Hour}
	is := func(notice bool, quorum int) {
		t.Helper()
		w.view(func(tx *ledger.Tx) error {
			m, err := w.Instruction(tx, "nord", q)
			must(t, err)
			n, err := w.Quorum(tx, "nord")
			must(t, err)
			if (m != nil) != notice || n != quorum {
				t.Errorf("notice %v, quorum %d; want %v, %d", m != nil, n, notice, quorum)
			}
			return nil
		})
	}
	is(false, 0)
	id := w.propose(w.ann, policy.Motion{Kind: policy.ToSet, Customer: "nord", Notice: true, Quorum: 2})
	w.sign(id, w.ann, w.bea)
	is(true, 2)
	_, err := w.End(t.Context(), w.as(w.syd), id, "")
	wantRefusal(t, err, ErrUnknown.Error())
	_, err = w.End(t.Context(), w.as(w.cid), id, "") // not admitted
	wantRefusal(t, err, ErrUnknown.Error())
	_, err = w.End(t.Context(), w.as(w.bea), id, "enough") // one is enough to end it
	must(t, err)
	is(false, 2)
	w.sign(w.propose(w.ann, policy.Motion{Kind: policy.ToSet, Customer: "nord", Notice: true}), w.ann, w.bea)
	is(true, 0) // the new ones take the place of the old
	w.sign(w.propose(w.ann, policy.Motion{Kind: policy.ToSet, Customer: "nord", Quorum: 1}), w.ann, w.bea)
	is(false, 1)
}
