package approvals

import (
	"lockbox/policy"
	"lockbox/recorder/ledger"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func (w *world) instruct(t testing.TB, uses int, change ...func(*policy.Motion)) string {
	t.Helper()
	m := policy.Motion{
		Kind: policy.ToInstruct, Customer: "nord", Scope: policy.Scope{Targets: []string{"db1.prod"}, Reasons: []policy.Reason{"outage"}},
		Uses: uses, For: time.Hour, Until: w.now(t).Add(48 * time.Hour),
	}
	for _, f := range change {
		f(&m)
	}
	return w.passed(t, m, w.ann)
}

// TestAnInstructionStandsForTheCustomer and for nobody else.
func TestAnInstructionStandsForTheCustomer(t *testing.T) {
	t.Parallel()
	w := newWorld(t).chartered()
	id := w.instruct(t, 1)
	code := w.submit(t)
	v, err := w.See(t.Context(), w.eng.Principal, code)
	if err != nil || v.Status.Phase != policy.Pending || v.Status.Stages[1].Phase != policy.Approved || v.Status.Stages[0].Phase != policy.Pending {
		t.Fatalf("got %+v, %v", v.Status, err)
	}
	if got := w.events(t, code, "vote.standing"); len(got) != 1 || got[0].Detail["standing"] != id {
		t.Errorf("got %+v", got)
	}
	if err := w.approve(t, w.ceo, code, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := w.standing(t, code); err != nil {
		t.Fatal(err)
	}
	next := w.submitFor(t, 20*time.Minute)
	if v, err := w.See(t.Context(), w.eng.Principal, next); err != nil || len(v.Request.Votes) != 0 {
		t.Errorf("the budget is spent, and %+v, %v", v.Request.Votes, err)
	}
	if _, err := w.Charter.End(t.Context(), w.as(w.ann), id, "enough"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.standing(t, code); err != nil {
		t.Errorf("what it stood for before: %v", err)
	}
}

func TestWhenNoInstructionStands(t *testing.T) {
	for rule, change := range map[string]func(*policy.Motion){
		"another target":  func(m *policy.Motion) { m.Scope.Targets = []string{"db2.prod"} },
		"another reason":  func(m *policy.Motion) { m.Scope.Reasons = []policy.Reason{"planned"} },
		"another login":   func(m *policy.Motion) { m.Scope.Logins = []string{"deploy"} },
		"fewer actions":   func(m *policy.Motion) { m.Scope.Actions = []policy.Action{policy.Shell} },
		"a shorter time":  func(m *policy.Motion) { m.For = 10 * time.Minute },
		"not yet":         func(m *policy.Motion) { m.From = m.Until.Add(-time.Hour) },
		"another's data":  nil,
		"ended meanwhile": nil,
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).chartered()
			a := app()
			switch {
			case change != nil:
				w.instruct(t, 9, change)
			case rule == "another's data":
				w.instruct(t, 9)
				a.Login = "support_syd"
			default:
				if _, err := w.Charter.End(t.Context(), w.as(w.ann), w.instruct(t, 9), "enough"); err != nil {
					t.Fatal(err)
				}
			}
			v, err := w.Submit(t.Context(), w.eng.Principal, a)
			if err != nil || len(v.Request.Votes) != 0 {
				t.Errorf("got %+v, %v", v.Request.Votes, err)
			}
		})
	}
}

// TestABudgetIsNotOverspentAtOnce: eight requests at once use a budget of two twice.
func TestABudgetIsNotOverspentAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t).chartered()
	w.instruct(t, 2)
	w.policy.Groups["engineers"] = []string{w.eng.ID, w.mate.ID}
	var wg sync.WaitGroup
	views := make([]View, 8)
	for i := range views {
		wg.Go(func() {
			a := app()
			a.For = time.Duration(10+i) * time.Minute
			v, err := w.Submit(t.Context(), []*human{w.eng, w.mate}[i%2].Principal, a)
			if err != nil {
				t.Error(err)
			}
			views[i] = v
		})
	}
	wg.Wait()
	used := 0
	for _, v := range views {
		used += len(v.Request.Votes)
	}
	if used != 2 {
		t.Errorf("a budget of 2 stood for %d requests", used)
	}
}

// TestAnInstructionsVoteIsProvenAgain: rewritten rows make no customer consent.
func TestAnInstructionsVoteIsProvenAgain(t *testing.T) {
	for _, c := range []struct {
		rule   string
		attack func(r *row, other string)
	}{
		{"longer", func(r *row, _ string) { r.Votes[0].For = 2 * time.Hour }},
		{"for no time", func(r *row, _ string) { r.Votes[0].For = 0 }},
		{"by one that was not used for this", func(r *row, other string) {
			r.Votes[0].Standing, r.Votes[0].By.ID = other, "instruction "+other
		}},
		{"by none", func(r *row, _ string) { r.Votes[0].Standing = "ZZZZ" }},
		{"in a person's name", func(r *row, _ string) { r.Votes[0].By.ID = "ann@nord.x" }},
		{"for the board", func(r *row, _ string) { r.Votes[0].Stage = 0 }},
		{"for a stage that is not there", func(r *row, _ string) { r.Votes[0].Stage = 9 }},
		{"before it was made", func(r *row, _ string) { r.Votes[0].At = r.Votes[0].At.Add(-time.Hour) }},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).chartered()
			a := app()
			a.For = 30 * time.Minute
			w.instruct(t, 1, func(m *policy.Motion) { m.Text = "night shift" })
			v, err := w.Submit(t.Context(), w.eng.Principal, a)
			if err != nil || len(v.Request.Votes) != 1 {
				t.Fatal(v.Request, err)
			}
			other := w.instruct(t, 9)
			if err := w.approve(t, w.ceo, v.Request.ID, 0); err != nil {
				t.Fatal(err)
			}
			if _, err := w.standing(t, v.Request.ID); err != nil {
				t.Fatal(err)
			}
			w.rewrite(t, func(tx *ledger.Tx) error { return changeRow(t, tx, v.Request.ID, func(r *row) { c.attack(r, other) }) })
			if g, err := w.standing(t, v.Request.ID); err == nil {
				t.Errorf("the grant stands: %+v", g)
			}
		})
	}
}

func TestACustomerSetsWhetherItIsAskedAndByHowMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t).chartered()
	w.passed(t, policy.Motion{Kind: policy.ToSet, Customer: "syd", Notice: true}, w.bo)
	code := w.both(t)
	if got := w.events(t, code, "customer.notice"); len(got) != 1 {
		t.Errorf("got %+v", got)
	}
	for _, h := range []*human{w.ceo, w.ann} {
		if err := w.approve(t, h, code, 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.standing(t, code); err != nil {
		t.Error(err)
	}
	second := newHuman(t, policy.Principal{ID: "bea@nord.x", Name: "Bea", Kind: policy.Reviewer, Customer: "nord", Admitted: true}, true)
	w.crowd.all = append(w.crowd.all, second)
	w.passed(t, policy.Motion{Kind: policy.ToSet, Customer: "nord", Quorum: 2}, w.ann, second)
	code = w.submit(t)
	for i, h := range []*human{w.ceo, w.ann, second} {
		if v, err := w.See(t.Context(), w.eng.Principal, code); err != nil || v.Grant != nil {
			t.Fatalf("after %d votes: %+v, %v", i, v.Grant, err)
		}
		if err := w.approve(t, h, code, 0); err != nil {
			t.Fatal(err)
		}
	}
	if g, err := w.standing(t, code); err != nil || g.Stages[1].Count != 2 {
		t.Errorf("got %+v, %v", g, err)
	}
}

func TestWhoHasNotPromisedConfidentialityIsToldWhereTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t).chartered()
	w.policy.Declaration = &policy.Declaration{Version: "3", Text: "I keep what I see to myself."}
	_, err := w.Submit(t.Context(), w.eng.Principal, app())
	wantRefusal(t, err, "http://localhost:1/me/declaration")
	w.passed(t, policy.Motion{Kind: policy.ToDeclare, About: "3"}, w.eng)
	code := w.submit(t)
	for _, h := range []*human{w.ceo, w.ann} {
		if err := w.approve(t, h, code, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.activate(code); err != nil {
		t.Fatal(err)
	}
	w.policy.Declaration = &policy.Declaration{Version: "4", Text: "I keep what I see to myself, for ever."}
	_, err = w.Extend(t.Context(), w.eng.Principal, code, 0, why)
	wantRefusal(t, err, "version 4")
}

// TestAReceiptCarriesWhatItsVotesRestOn: a delegation and an instruction verify offline, from founders' keys alone.
func TestAReceiptCarriesWhatItsVotesRestOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t).chartered()
	w.deputy(t, w.ceo, w.mate)
	w.instruct(t, 1)
	code := w.submit(t)
	if err := w.approve(t, w.mate, code, 0); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rule  string
		spoil func(r *Receipt, p *Pinned)
		holds bool
	}{
		{"as it was made", func(*Receipt, *Pinned) {}, true},
		{"without the motions", func(r *Receipt, _ *Pinned) { r.Charter = nil }, false},
		{"a motion altered", func(r *Receipt, _ *Pinned) {
			r.Charter.Cases[0].Body = []byte(strings.Replace(string(r.Charter.Cases[0].Body), `"until":"2`, `"until":"3`, 1))
		}, false},
		{"a motion's signature altered", func(r *Receipt, _ *Pinned) { r.Charter.Cases[0].Votes[0].Assertion = r.Case.Votes[1].Assertion }, false},
		{"a leaf missing", func(r *Receipt, _ *Pinned) { r.Motions = r.Motions[:1] }, false},
		{"leaves swapped", func(r *Receipt, _ *Pinned) { slices.Reverse(r.Motions) }, false},
		{"who delegated is not pinned", func(_ *Receipt, p *Pinned) { p.Executives = nil }, false},
		{"who instructed is not pinned", func(_ *Receipt, p *Pinned) { p.Customers = nil }, false},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r, err := w.Receipt(t.Context(), w.eng.Principal, code, nil)
			if err != nil {
				t.Fatal(err)
			}
			p := w.pins()
			c.spoil(&r, &p)
			steps, err := r.Verify(p)
			if err != nil || (failed(steps) == nil) != c.holds {
				t.Errorf("got %+v, %v", steps, err)
			}
		})
	}
}
