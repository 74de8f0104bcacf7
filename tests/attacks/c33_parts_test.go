package attacks

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/approvals"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// breaks asks with a code and says what came of it.
func breaks(t *testing.T, w *world.World, h *world.Human, c approvals.Sealed) (string, error) {
	t.Helper()
	v, err := w.Desk.BreakGlass(t.Context(), h.Principal, world.Emergency(), c)
	if err != nil {
		return "", err
	}
	return v.Request.ID, nil
}

// TestC33ACodeOpensTheGlassOnce: not a second time, not for two, not when it was
// retired, not elsewhere than where it is for, and not when it was guessed.
func TestC33ACodeOpensTheGlassOnce(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		c := w.Sealed(t)
		code, err := breaks(t, w, w.Eng, c)
		must(t, err)
		_, err = breaks(t, w, w.Mate, c)
		wantNo(t, err, "waits with another request")
		again, err := breaks(t, w, w.Eng, c)
		if err != nil || again != code {
			t.Errorf("who asks twice has %s and %s, %v", code, again, err)
		}
		must(t, w.Approve(t, w.Mate, code))
		for _, h := range []*world.Human{w.Eng, w.Mate} {
			_, err = breaks(t, w, h, c)
			wantNo(t, err, "was used for "+code)
		}

		c = w.Sealed(t)
		if n, err := w.Desk.Retire(t.Context(), "operator@localhost", ""); err != nil || n != 1 {
			t.Errorf("%d codes retired, %v", n, err)
		}
		_, err = breaks(t, w, w.Mate, c)
		wantNo(t, err, "was retired")

		code, err = breaks(t, w, w.Mate, w.Sealed(t))
		must(t, err)
		_, err = w.Desk.Retire(t.Context(), "operator@localhost", "")
		must(t, err)
		wantNo(t, w.Approve(t, w.Eng, code), "was retired")
		if lets(t, w.Gateway, knock(w.Mate)) {
			t.Error("a code that was retired between lets somebody in")
		}
	})
}

// TestC33AGuessedCodeIsCountedAndTold, and neither it nor the right one stands anywhere.
func TestC33AGuessedCodeIsCountedAndTold(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		right := w.Sealed(t)
		_, err := approvals.ReadSealed("0000-0000-0000-0000-0000-0000-0000-0000")
		wantNo(t, err, "type it again")
		typed, err := approvals.ReadSealed(strings.ToLower(strings.ReplaceAll(right.Reveal(), "-", " ")))
		if err != nil || typed != right {
			t.Errorf("a code as people type it is not read: %v", err)
		}
		var foreign []approvals.Sealed // of another gateway: well written, and wrong here
		other := world.New(t, "127.0.0.1:1", "SHA256:none")
		for range 6 {
			foreign = append(foreign, other.Sealed(t))
		}
		for _, c := range foreign[:5] {
			_, err := breaks(t, w, w.Eng, c)
			wantNo(t, err, "opens nothing")
		}
		_, err = breaks(t, w, w.Eng, right)
		wantNo(t, err, "too many wrong codes")
		if n := count(t, w, "glass.wrong-code"); n != 5 {
			t.Errorf("%d wrong codes are in the log, want 5", n)
		}
		time.Sleep(time.Hour)
		_, err = breaks(t, w, w.Eng, right)
		must(t, err)
		for _, v := range copyOf(t, w) {
			for _, c := range append(foreign, right) {
				if bytes.Contains(v, []byte(c)) || bytes.Contains(v, []byte(c.Reveal())) {
					t.Fatal("a sealed code stands in the ledger")
				}
			}
		}
	})
}

// TestC33TheSecondPersonIsSomebodyElse: not who asks, not who confirmed their
// key, not an executive, not somebody's deputy, and nobody outside the group.
func TestC33TheSecondPersonIsSomebodyElse(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		lead := w.Enrol(t, identity.Invite{ID: "new@x.eu", Name: "New", Kind: policy.Staff}, true)
		w.Confirm(t, w.Ceo, lead)
		code, err := breaks(t, w, w.Eng, w.Sealed(t))
		must(t, err)
		wantNo(t, w.Approve(t, w.Eng, code), "their own request")
		wantNo(t, w.Approve(t, w.Ceo, code), "not among those") // of oncall, and to ratify it
		wantNo(t, w.Approve(t, w.Cto, code), "not among those")
		wantUnknown(t, "somebody of no group", w.Approve(t, lead, code))
		w.Pass(t, policy.Motion{Kind: policy.ToDelegate, About: lead.ID, Key: lead.Fingerprint, Until: time.Now().Add(time.Hour)}, w.Ceo)
		wantNo(t, w.Approve(t, lead, code), "not among those")
		b, err := w.Desk.Prepare(t.Context(), w.Mate.Principal, code, policy.Terms{})
		must(t, err)
		for _, part := range []string{"THE GLASS IS BROKEN", "executives, customer nord", "24 hours", "locked", code} {
			if !strings.Contains(string(b.Statement), part) {
				t.Errorf("who says yes does not read %q:\n%s", part, b.Statement)
			}
		}
		if _, err = w.Desk.Approve(t.Context(), w.Mate.Principal, b.Nonce, w.Sign(t, w.Mate, statement.ForApproval, b.Statement)); err == nil {
			t.Error("a signature in the domain of approvals counts in an emergency")
		}
		if lets(t, w.Gateway, knock(w.Eng)) {
			t.Error("one of these let somebody in")
		}
		must(t, w.Approve(t, w.Mate, code))
	})
}

// TestC33ATouchIsForThisSession: no window, no login of before, and not for long.
func TestC33ATouchIsForThisSession(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		w.Grant(t, w.Eng, time.Hour)
		visit(t, w, knock(w.Eng)).Leave() // touched a moment ago, for another grant
		k := knock(w.Eng)
		k.Login = "support_syd"
		a := world.Emergency()
		a.Login = "support_syd"
		v, err := w.Desk.BreakGlass(t.Context(), w.Eng.Principal, a, w.Sealed(t))
		must(t, err)
		must(t, w.Approve(t, w.Mate, v.Request.ID))
		got, err := w.Gateway.Enter(t.Context(), k)
		if err != nil || got.Verdict != policy.Prove {
			t.Fatalf("an older touch opens an emergency: %+v, %v", got.Decision, err)
		}
		visit(t, w, k).Leave()
		time.Sleep(6 * time.Minute)
		if got, err = w.Gateway.Enter(t.Context(), k); err != nil || got.Verdict != policy.Prove {
			t.Errorf("six minutes later: %+v, %v", got.Decision, err)
		}
		if at := got.Terminal; at.Key != ssh.FingerprintSHA256(w.Eng.SSH.PublicKey()) {
			t.Errorf("got %+v", at)
		}
	})
}

// TestC33WhoWasSkippedEndsItAtOnce: an executive by a no, a customer by its own, and neither had to be asked.
func TestC33WhoWasSkippedEndsItAtOnce(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		code := w.Break(t, w.Eng, w.Mate)
		in := visit(t, w, knock(w.Eng))
		x, err := w.Desk.IncidentOf(t.Context(), w.Ceo.Principal, code)
		must(t, err)
		_, err = w.Charter.Oppose(t.Context(), w.Ceo.Principal, x.Motion, "nobody told me why")
		must(t, err)
		<-in.Context().Done()
		if lets(t, w.Gateway, knock(w.Eng)) {
			t.Error("an executive said no, and it goes on")
		}
		code = w.Break(t, w.Eng, w.Mate)
		in = visit(t, w, knock(w.Eng))
		_, err = w.Desk.IncidentOf(t.Context(), w.Bo.Principal, code)
		wantUnknown(t, "the reviewer of another customer", err)
		wantUnknown(t, "the reviewer of another customer", w.Desk.Revoke(t.Context(), w.Bo.Principal, code, ""))
		must(t, w.Desk.Revoke(t.Context(), w.Ann.Principal, code, "not with our data"))
		<-in.Context().Done()
	})
}

// TestC33ACustomerMaySayNever: then there is no emergency where its data is.
func TestC33ACustomerMaySayNever(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		waits, err := breaks(t, w, w.Mate, w.Sealed(t))
		must(t, err)
		w.Break(t, w.Eng, w.Mate)
		in := visit(t, w, knock(w.Eng))
		w.Pass(t, policy.Motion{Kind: policy.ToSet, Customer: "nord", Never: true}, w.Ann)
		<-in.Context().Done()
		wantNo(t, w.Approve(t, w.Eng, waits), "never broken")
		_, err = breaks(t, w, w.Eng, w.Sealed(t))
		wantNo(t, err, "customer nord said that the glass is never broken")
		a := world.Emergency()
		a.Login = "deploy" // reaches all
		_, err = w.Desk.BreakGlass(t.Context(), w.Eng.Principal, a, w.Sealed(t))
		wantNo(t, err, "never broken")
		a.Login = "support_syd"
		_, err = w.Desk.BreakGlass(t.Context(), w.Eng.Principal, a, w.Sealed(t))
		must(t, err)
	})
}

// count is how many events of a kind there are.
func count(t *testing.T, w *world.World, kind string) (n int) {
	t.Helper()
	all, err := w.Ledger.After(t.Context(), -1, 10_000)
	must(t, err)
	for _, e := range all {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// TestC33WhatWasDoneIsVerifiedOffline, with what was ratified or not, and nothing of it can be left out or made up.
func TestC33WhatWasDoneIsVerifiedOffline(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		pins, err := pinsOf(t, w)
		must(t, err)
		verify := func(r approvals.Receipt, wants ...string) {
			t.Helper()
			sum, steps, err := r.Summary(pins)
			must(t, err)
			var all strings.Builder
			all.WriteString(sum.Text())
			for _, s := range steps {
				all.WriteString(s.Text + "\n")
				if s.Failed() {
					t.Errorf("step %d %s: %s", s.Step, s.Name, s.Text)
				}
			}
			for _, want := range append(wants, "EMERGENCY: the glass was broken with sealed code", "the glass was broken: nobody who decides was asked") {
				if !strings.Contains(all.String(), want) {
					t.Errorf("no %q in\n%s", want, all.String())
				}
			}
		}
		code := w.Break(t, w.Eng, w.Mate)
		visit(t, w, knock(w.Eng)).Leave()
		receipt := func(h *world.Human) approvals.Receipt {
			t.Helper()
			r, err := w.Gateway.Receipt(t.Context(), h.Principal, code)
			must(t, err)
			return r
		}
		verify(receipt(w.Ceo), "no executive had ratified it")
		verify(receipt(w.Ann), "no executive had ratified it")
		must(t, w.Ratify(t, code, w.Ceo))
		verify(receipt(w.Ceo), "executives ratified it in time, by motion")
		verify(receipt(w.Ann), "executives ratified it in time, by motion")
		forged := receipt(w.Ceo)
		forged.Trail = slices.DeleteFunc(forged.Trail, func(e ledger.Entry) bool { return bytes.Contains(e.Leaf, []byte("glass.broken")) })
		if _, steps, err := forged.Summary(pins); err != nil || !slices.ContainsFunc(steps, func(s approvals.Step) bool { return s.Failed() && s.Name == "EMERGENCY" }) {
			t.Errorf("a receipt without the broken glass holds: %v", err)
		}

		time.Sleep(2 * time.Hour)
		code = w.Break(t, w.Mate, w.Eng)
		time.Sleep(25 * time.Hour)
		must(t, w.Desk.Sweep(t.Context()))
		must(t, w.Desk.Sweep(t.Context()))
		if n := count(t, w, "glass.unratified"); n != 1 {
			t.Errorf("it is written down %d times that nobody ratified it", n)
		}
		verify(receipt(w.Ceo), "locked from")
		must(t, w.Ratify(t, code, w.Ceo, w.Cto))
		verify(receipt(w.Ceo), "NOT ratified in time")
	})
}

func pinsOf(t *testing.T, w *world.World) (p approvals.Pinned, err error) {
	err = w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
		pins, err := w.People.Pins(tx)
		p = approvals.Pinned{Log: world.Log, LogKey: w.Keys.LogKey, Party: world.Party(), Executives: pins.Executives, Customers: pins.Customers}
		return err
	})
	return p, err
}

// TestC33InProductionExecutivesSignForCodes: an operator who prints some opens nothing with them.
func TestC33InProductionExecutivesSignForCodes(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		w.Desk.Signed = true
		made, err := w.Desk.Seal(t.Context(), "operator@localhost", "", 2)
		must(t, err)
		_, err = breaks(t, w, w.Eng, made.Codes[0])
		wantNo(t, err, "executives have not signed for its batch")
		must(t, w.SignMotion(t, w.Ceo, made.Motion))
		_, err = breaks(t, w, w.Eng, made.Codes[0])
		wantNo(t, err, "executives have not signed")
		must(t, w.SignMotion(t, w.Cto, made.Motion))
		code, err := breaks(t, w, w.Eng, made.Codes[0])
		must(t, err)
		must(t, w.Approve(t, w.Mate, code))
		for _, s := range must2(w.Desk.SealedCodes(t.Context()))(t) {
			if want := map[string]string{made.Codes[0].Reveal()[:4]: "used", made.Codes[1].Reveal()[:4]: "ready"}[s.Number]; s.State != want {
				t.Errorf("code %s is %s, want %s", s.Number, s.State, want)
			}
		}
	})
}

func must2[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		must(t, err)
		return v
	}
}

// TestC33NothingElseIsNeeded: no witness cosigns, and the rule that wants one does not wait in an emergency.
func TestC33NothingElseIsNeeded(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		p := *w.Policy()
		p.Rules = slices.Clone(p.Rules)
		for i := range p.Rules {
			p.Rules[i].Witnesses = 1
		}
		w.SetPolicy(&p)
		w.Grant(t, w.Eng, time.Hour)
		if v, _, err := w.Visit(t, w.Eng, knock(w.Eng)); err == nil || v != nil {
			t.Fatal("a session opens without the witness that its rule wants")
		}
		k := knock(w.Mate)
		w.Break(t, w.Mate, w.Eng)
		v, a, err := w.Visit(t, w.Mate, k)
		if err != nil || v == nil {
			t.Fatalf("got %+v, %v", a.Decision, err)
		}
		v.Leave()
	})
}

// TestC33AnEmergencyIsNotExtended, and a fourth one of a day is refused.
func TestC33AnEmergencyIsNotExtended(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		code := w.Break(t, w.Eng, w.Mate)
		visit(t, w, knock(w.Eng)).Leave()
		_, err := w.Desk.Extend(t.Context(), w.Eng.Principal, code, 30*time.Minute, "one row is left")
		wantNo(t, err, "more time is not given to an emergency")
		for range 2 {
			_, err := breaks(t, w, w.Eng, w.Sealed(t))
			must(t, err)
		}
		_, err = breaks(t, w, w.Eng, w.Sealed(t))
		wantNo(t, err, "that is the limit")
	})
}

// TestC33ARenamedTargetStaysLocked: the lock is the machine's, whatever it is called.
func TestC33ARenamedTargetStaysLocked(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		w.Break(t, w.Eng, w.Mate)
		time.Sleep(25 * time.Hour)
		p := *w.Policy()
		renamed := *p.Targets["db1.prod"]
		renamed.Name = "db2.prod"
		p.Targets = map[string]*policy.Target{"db2.prod": &renamed}
		w.SetPolicy(&p)
		a := world.Emergency()
		a.Target = "db2.prod"
		_, err := w.Desk.Submit(t.Context(), w.Mate.Principal, a)
		wantNo(t, err, "nobody ratified it")
		k := knock(w.Mate)
		k.On, k.Login = "db2.prod", "deploy"
		if got, err := w.Gateway.Enter(t.Context(), k); err != nil || got.Verdict != policy.Deny || got.Code != policy.ByPolicy {
			t.Errorf("got %+v, %v", got.Decision, err)
		}
	})
}
