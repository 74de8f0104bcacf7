package attacks

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// TestC33ARestoredBackupRevivesNoCode: neither one that was used since, nor one
// whose paper nobody can tell from it; and what nobody ratified stays locked.
func TestC33ARestoredBackupRevivesNoCode(t *testing.T) {
	w := newWorld(t)
	w.WithGlass()
	early := w.Break(t, w.Mate, w.Eng) // before the backup
	w.Pass(t, policy.Motion{Kind: policy.ToSet, Customer: "syd", Never: true, Notice: true}, w.Bo)
	used, fresh := w.Sealed(t), w.Sealed(t)
	waits, err := breaks(t, w, w.Mate, fresh)
	must(t, err)
	sealed, id := sealedCopy(t, w)
	code, err := breaks(t, w, w.Eng, used)
	must(t, err)
	must(t, w.Approve(t, w.Mate, code))

	n, _, err := restoredWorld(t, w, sealed, id, false)
	must(t, err)
	for _, c := range []approvals.Sealed{used, fresh} {
		_, err := breaks(t, n, n.Eng, c)
		wantNo(t, err, "was retired; take one of a newer batch")
	}
	if err := n.Approve(t, n.Eng, waits); err == nil {
		t.Error("an emergency that waited when the backup was made goes on")
	}
	if lets(t, n.Gateway, knock(n.Eng)) || lets(t, n.Gateway, knock(n.Mate)) {
		t.Error("the door opens under an emergency of before")
	}
	for _, s := range must2(n.Desk.SealedCodes(t.Context()))(t) {
		if s.State != "retired" && s.For != early {
			t.Errorf("code %s of before is %s", s.Number, s.State)
		}
	}
	must(t, n.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
		open, err := n.Desk.Incidents(tx)
		if err == nil && (len(open) != 1 || open[0].Request != early) {
			t.Errorf("open are %+v, want %s", open, early)
		}
		if never, err := n.Desk.Never(tx, "db1.prod"); err != nil || len(never) != 1 {
			t.Errorf("a customer said never, and now %q do, %v", never, err)
		}
		return err
	}))
	must(t, n.Approve(t, n.Mate, must2(breaks(t, n, n.Eng, n.Sealed(t)))(t)))
	must(t, n.Ledger.Check(t.Context()))
}

// TestC33ACodeForManyAtOnceOpensOnce: two who type it in the same instant, and two who say yes.
func TestC33ACodeForManyAtOnceOpensOnce(t *testing.T) {
	w := newWorld(t)
	w.WithGlass()
	c := w.Sealed(t)
	var all sync.WaitGroup
	made := make(chan string, 8)
	for i := range 8 {
		all.Go(func() {
			v, err := w.Desk.BreakGlass(t.Context(), []*world.Human{w.Eng, w.Mate}[i%2].Principal, world.Emergency(), c)
			if err == nil {
				made <- v.Request.ID
			}
		})
	}
	all.Wait()
	close(made)
	requests := map[string]bool{}
	for r := range made {
		requests[r] = true
	}
	if len(requests) != 1 {
		t.Fatalf("one code made %v", requests)
	}
	for r := range requests {
		for _, h := range []*world.Human{w.Eng, w.Mate} {
			if err := w.Approve(t, h, r); err == nil {
				_, err = breaks(t, w, h, c)
				wantNo(t, err, "was used for")
			}
		}
	}
	if n := count(t, w, "glass.code-used"); n != 1 {
		t.Errorf("it was used %d times", n)
	}
}

// TestC33GuessesAreCountedWhereverTheyComeFrom: by person over many addresses,
// and by address over many people; who did nothing is not kept out by them.
func TestC33GuessesAreCountedWhereverTheyComeFrom(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		other := world.New(t, "127.0.0.1:1", "SHA256:none")
		guess := func(who policy.Principal, from string) error {
			a := world.Emergency()
			a.From = netip.MustParseAddr(from)
			_, err := w.Desk.BreakGlass(t.Context(), who, a, other.Sealed(t))
			return err
		}
		for i := range 5 {
			wantNo(t, guess(w.Eng.Principal, fmt.Sprintf("10.0.0.%d", i+1)), "opens nothing")
		}
		wantNo(t, guess(w.Eng.Principal, "10.0.0.99"), "too many wrong codes")
		_, err := breaks(t, w, w.Mate, w.Sealed(t))
		must(t, err)

		p := *w.Policy()
		for i := range 4 {
			p.Groups["engineers"] = append(p.Groups["engineers"], fmt.Sprintf("eng%d@x.eu", i))
		}
		w.SetPolicy(&p)
		for i := range 4 {
			for range 5 {
				wantNo(t, guess(policy.Principal{ID: fmt.Sprintf("eng%d@x.eu", i), Kind: policy.Staff}, "10.9.9.9"), "opens nothing")
			}
		}
		wantNo(t, guess(w.Mate.Principal, "10.9.9.9"), "too many wrong codes")
		must(t, w.Desk.Sweep(t.Context()))
		time.Sleep(time.Hour)
		wantNo(t, guess(w.Mate.Principal, "10.9.9.9"), "opens nothing")
	})
}

// TestC33TheCodeStandsInNothingThatIsKept: who types it where all read it is refused, and told.
func TestC33TheCodeStandsInNothingThatIsKept(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		c := w.Sealed(t)
		for _, text := range []string{c.Reveal(), "all is down, " + strings.ToLower(c.Reveal()), "with " + strings.ReplaceAll(c.Reveal(), "-", " ")} {
			a := world.Emergency()
			a.Need.Text = "the code is " + text
			_, err := w.Desk.BreakGlass(t.Context(), w.Eng.Principal, a, c)
			wantNo(t, err, "holds a sealed code")
			a = world.Emergency()
			a.Need.Ticket = text
			_, err = w.Desk.BreakGlass(t.Context(), w.Eng.Principal, a, c)
			wantNo(t, err, "holds a sealed code")
		}
		_, err := breaks(t, w, w.Eng, c)
		must(t, err)
	})
}

// TestC33TheSecondPersonIsNobodysOtherName: not one whose key nobody
// confirmed, and that no engineer can do, an executive does.
func TestC33TheSecondPersonIsNobodysOtherName(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		twin := w.Enrol(t, identity.Invite{ID: "twin@x.eu", Name: "Twin", Kind: policy.Staff}, true)
		p := *w.Policy()
		p.Groups["oncall"] = append(p.Groups["oncall"], "twin@x.eu")
		w.SetPolicy(&p)
		code, err := breaks(t, w, w.Eng, w.Sealed(t))
		must(t, err)
		b, err := w.Desk.Prepare(t.Context(), twin.Principal, code, policy.Terms{})
		must(t, err)
		_, err = w.People.Options(t.Context(), twin.ID, b.Domain(), b.Statement) // a key that nobody confirmed
		wantNo(t, err, "no passkey that is confirmed")
		for _, by := range []*world.Human{w.Eng, w.Mate} {
			a, err := w.People.BeginVouch(t.Context(), by.ID, twin.ID, twin.Fingerprint)
			must(t, err)
			wantNo(t, w.People.Vouch(t.Context(), a.ID, by.Answer(t, a.Options)), "only an executive")
		}
		w.Confirm(t, w.Ceo, twin)
		must(t, w.Approve(t, twin, code))
	})
}

// TestC33WhoWasAskedInTimeDoesNotSettleItLateAlone: the motion that was made when the
// glass was broken takes two once the time is up.
func TestC33WhoWasAskedInTimeDoesNotSettleItLateAlone(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		code := w.Break(t, w.Eng, w.Mate)
		x, err := w.Desk.IncidentOf(t.Context(), w.Ceo.Principal, code)
		must(t, err)
		b, err := w.Charter.Prepare(t.Context(), w.Ceo.Principal, x.Motion)
		must(t, err)
		time.Sleep(24*time.Hour - 4*time.Minute)
		late, err := w.Charter.Prepare(t.Context(), w.Ceo.Principal, x.Motion)
		must(t, err)
		time.Sleep(4 * time.Minute)
		if _, err := w.Charter.Sign(t.Context(), w.Ceo.Principal, b.Nonce, w.Sign(t, w.Ceo, b.Domain, b.Statement)); err == nil {
			t.Error("what was prepared a day ago is signed")
		}
		_, _ = w.Charter.Sign(t.Context(), w.Ceo.Principal, late.Nonce, w.Sign(t, w.Ceo, late.Domain, late.Statement))
		_ = w.SignMotion(t, w.Ceo, x.Motion)
		if lets(t, w.Gateway, knock(w.Eng)) {
			t.Error("one executive unlocks alone with the motion of the night")
		}
		if _, err := w.Desk.Submit(t.Context(), w.Eng.Principal, world.Emergency()); err == nil {
			t.Error("the person asks the normal way")
		}
		must(t, w.Ratify(t, code, w.Ceo, w.Cto))
		_, err = w.Desk.Submit(t.Context(), w.Eng.Principal, world.Emergency())
		must(t, err)
	})
}

// TestC33TheLockOutlivesTheNameOfThePolicy: another name, another key, and no rule that the glass was broken under.
func TestC33TheLockOutlivesTheNameOfThePolicy(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		w.Break(t, w.Eng, w.Mate)
		time.Sleep(25 * time.Hour)
		p := *w.Policy()
		moved := *p.Targets["db1.prod"]
		moved.Name, moved.HostKey = "db9.prod", "SHA256:new" // another name and key, the same address
		p.Targets = map[string]*policy.Target{"db9.prod": &moved}
		p.Rules = p.Rules[:1] // and the rule that was broken is gone
		w.SetPolicy(&p)
		for _, h := range []*world.Human{w.Eng, w.Mate} {
			a := world.Emergency()
			a.Target = "db9.prod"
			_, err := w.Desk.Submit(t.Context(), h.Principal, a)
			wantNo(t, err, "nobody ratified it")
			k := knock(h)
			k.On = "db9.prod"
			if got, err := w.Gateway.Enter(t.Context(), k); err != nil || got.Verdict != policy.Deny {
				t.Errorf("%s: got %+v, %v", h.ID, got.Decision, err)
			}
		}
		renamed := w.Eng.Principal
		renamed.Name = "Somebody Else"
		_, err := w.Desk.Submit(t.Context(), renamed, world.Emergency())
		wantNo(t, err, "")
	})
}
