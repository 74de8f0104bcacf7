package approvals

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"lockbox/policy"
)

// sharedWith asks for all customers, and has the board and both customers approve.
func (w *world) sharedWith(t testing.TB) string {
	t.Helper()
	a := app()
	a.Login = "deploy"
	v, err := w.Submit(t.Context(), w.eng.Principal, a)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []*human{w.ceo, w.ann, w.bo} {
		if err := w.vote(h, v.Request.ID, policy.Terms{Promise: "call " + h.Name}); err != nil {
			t.Fatal(err)
		}
	}
	return v.Request.ID
}

func TestEachCustomerOfASharedRequestGetsAReceiptThatHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.sharedWith(t)
	p := w.pins()
	p.Customers["syd"] = []string{w.bo.public().Fingerprint()}
	for _, c := range []struct {
		who     *human
		secrets []string
	}{{w.ann, []string{"syd", "Bo@", "call Bo", "\"Bo\""}}, {w.bo, []string{"nord", "call Ann", "\"Ann\""}}} {
		r, err := w.Receipt(t.Context(), c.who.Principal, code, nil)
		if err != nil {
			t.Fatal(err)
		}
		sum, steps, err := r.Summary(p)
		if err != nil || failed(steps) != nil {
			t.Fatalf("%s: got %+v, %v", c.who.ID, steps, err)
		}
		withheld := slices.DeleteFunc(slices.Clone(steps), func(s Step) bool { return !s.Withheld })
		if len(withheld) != 4 { // the request, what the executive signed (its hash and its meaning), the outcome
			t.Errorf("%s: withheld are %+v", c.who.ID, withheld)
		}
		if !sum.Others || len(sum.Votes) != 2 {
			t.Errorf("%s: got %+v", c.who.ID, sum)
		}
		all := clear64(t, r)
		for _, s := range c.secrets {
			if strings.Contains(all, s) {
				t.Errorf("%s reads of %s", c.who.ID, s)
			}
		}
	}
	whole, err := w.Receipt(t.Context(), w.aud.Principal, code, nil)
	if err != nil {
		t.Fatal(err)
	}
	if steps, err := whole.Verify(p); err != nil || failed(steps) != nil || slices.ContainsFunc(steps, func(s Step) bool { return s.Withheld }) {
		t.Errorf("got %+v, %v", steps, err)
	}
}

// clear64 is all that a receipt tells, what stands in base64 too.
func clear64(t testing.TB, r Receipt) string {
	t.Helper()
	out := string(r.Case.Body)
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				out += k + " "
				walk(e)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		case string:
			b, err := base64.StdEncoding.DecodeString(v)
			if out += v + " "; err == nil {
				out += string(b) + " "
			}
		}
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var all any
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	walk(all)
	return out
}

// TestWhatIsWithheldIsNotTakenForAnythingElse: a receipt of one customer's own matter withholds nothing.
func TestWhatIsWithheldIsNotTakenForAnythingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	single, shared := w.granted(t), w.sharedWith(t)
	for _, c := range []struct {
		rule  string
		code  string
		spoil func(r *Receipt)
	}{
		{"the executive's statement of an own matter", single, func(r *Receipt) { r.Case.Votes[0].Statement = nil }},
		{"the customer's own statement", shared, func(r *Receipt) { r.Case.Votes[1].Statement = nil }},
		{"the customer's own stage", shared, func(r *Receipt) { delete(r.Case.Open, "stages.1") }},
		{"the customer itself", shared, func(r *Receipt) { delete(r.Case.Open, "customers.0") }},
		{"who asked", shared, func(r *Receipt) { delete(r.Case.Open, "who.id") }},
		{"why", shared, func(r *Receipt) { delete(r.Case.Open, "need.text") }},
		{"in the main log's receipt", shared, func(r *Receipt) { r.Customer = "" }},
		{"another customer's receipt", shared, func(r *Receipt) { r.Customer = "syd" }},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r, err := w.Receipt(t.Context(), w.ann.Principal, c.code, nil)
			if err != nil {
				t.Fatal(err)
			}
			c.spoil(&r)
			if steps, err := r.Verify(w.pins()); err == nil && failed(steps) == nil {
				t.Errorf("it holds: %+v", steps)
			}
		})
	}
}
