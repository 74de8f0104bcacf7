package attacks

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// TestC33ARestoredLedgerOpensNoCodeAgain: of a backup nobody knows which codes
// were used up, or retired, since.
func TestC33ARestoredLedgerOpensNoCodeAgain(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		c := w.Sealed(t)
		must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error { return w.Desk.EndAll(tx, "it was restored") }))
		_, err := breaks(t, w, w.Eng, c)
		wantNo(t, err, "was retired")
		must2(breaks(t, w, w.Eng, w.Sealed(t)))(t)
	})
}

// TestC33WhoIsLockedIsNoSecondPerson: two who cover each other would go on for ever.
func TestC33WhoIsLockedIsNoSecondPerson(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		a := world.Emergency()
		code := w.Break(t, w.Eng, w.Mate)
		time.Sleep(25 * time.Hour)
		p := *w.Policy()
		other := *p.Targets["db1.prod"]
		other.Name, other.Address, other.HostKey = "db9.prod", "127.0.0.9:1", "SHA256:other"
		p.Targets["db9.prod"] = &other
		w.SetPolicy(&p)
		a.Target = "db9.prod"
		v, err := w.Desk.BreakGlass(t.Context(), w.Mate.Principal, a, w.Sealed(t))
		must(t, err)
		wantNo(t, w.Approve(t, w.Eng, v.Request.ID), "nobody ratified it")
		must(t, w.Ratify(t, code, w.Ceo, w.Cto))
		must(t, w.Approve(t, w.Eng, v.Request.ID))
	})
}

// TestC33NobodyTakesALockAway, or a use of a code, by changing files: what was
// written down is the newest, or nobody gets in.
func TestC33NobodyTakesALockAway(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		c := w.Sealed(t)
		fresh := copyOf(t, w)
		code, err := breaks(t, w, w.Eng, c)
		must(t, err)
		must(t, w.Approve(t, w.Mate, code))
		used := copyOf(t, w)
		fresh.putBack(t, w, "rglass/code/")
		if v, _, err := w.Visit(t, w.Eng, knock(w.Eng)); err == nil && v != nil {
			t.Error("a grant holds whose code was not used")
		}
		if _, err := breaks(t, w, w.Mate, c); err == nil {
			t.Error("a code is used twice")
		}
		used.putBack(t, w, "rglass/code/")
		visit(t, w, knock(w.Eng)).Leave()
		time.Sleep(25 * time.Hour)
		locked := copyOf(t, w)
		asks := func() bool {
			_, err := w.Desk.Submit(t.Context(), w.Mate.Principal, world.Emergency())
			return err == nil
		}
		for _, prefix := range []string{"rglass/open", "rincident/"} {
			fresh.putBack(t, w, prefix)
			_ = w.Ratify(t, code, w.Ceo) // one alone
			if asks() {
				t.Errorf("nobody is locked without %s", prefix)
			}
			locked.putBack(t, w, prefix)
		}
	})
}

// TestC33SettingsThatEndStillSayNever: one reviewer ends a notice by their word
// alone, and does not open the glass by it; nor does a restored ledger.
func TestC33SettingsThatEndStillSayNever(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		id := w.Pass(t, policy.Motion{Kind: policy.ToSet, Customer: "nord", Notice: true, Never: true}, w.Ann)
		_, err := w.Charter.End(t.Context(), w.Ann.Principal, id, "ask us again")
		must(t, err)
		_, err = breaks(t, w, w.Eng, w.Sealed(t))
		wantNo(t, err, "never broken")
		w.Pass(t, policy.Motion{Kind: policy.ToSet, Customer: "nord", Notice: true, Never: true}, w.Ann)
		must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error { return w.Charter.EndAll(tx, "it was restored") }))
		_, err = breaks(t, w, w.Eng, w.Sealed(t))
		wantNo(t, err, "never broken")
	})
}

// TestC33AReviewerReadsOfNoOtherCustomer in the evidence of an emergency that
// reaches several: the statement that the second person signed names them.
func TestC33AReviewerReadsOfNoOtherCustomer(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		a := world.Emergency()
		a.Login = "deploy"
		v, err := w.Desk.BreakGlass(t.Context(), w.Eng.Principal, a, w.Sealed(t))
		must(t, err)
		must(t, w.Approve(t, w.Mate, v.Request.ID))
		x, err := w.Desk.IncidentOf(t.Context(), w.Ann.Principal, v.Request.ID)
		must(t, err)
		r, err := w.Gateway.Receipt(t.Context(), w.Ann.Principal, v.Request.ID)
		must(t, err)
		for name, what := range map[string]any{"incident": x, "receipt": r} {
			if got := naming(t, what, "syd"); got != "" {
				t.Errorf("the %s of nord's reviewer names syd: %s", name, got)
			}
		}
	})
}

// naming finds a name in what is handed out, also within bytes that are; "" where it is not.
func naming(t *testing.T, what any, name string) string {
	t.Helper()
	b, err := json.Marshal(what)
	must(t, err)
	if i := bytes.Index(b, []byte(name)); i >= 0 {
		return string(b[max(0, i-200):min(len(b), i+100)])
	}
	for _, word := range bytes.Split(b, []byte{'"'}) {
		in, err := base64.StdEncoding.DecodeString(string(word))
		if i := bytes.Index(in, []byte(name)); err == nil && i >= 0 {
			return string(in[max(0, i-200):min(len(in), i+100)])
		}
	}
	return ""
}
