package attacks

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
	"lockbox/tests/world"
)

// reach is everything that a person can do with a code or a session.
func reach(t *testing.T, w *world.World, who policy.Principal) map[string]func(code, session string) error {
	ctx := t.Context()
	return map[string]func(code, session string) error{
		"see":     func(c, _ string) error { _, err := w.Desk.See(ctx, who, c); return err },
		"ballot":  func(c, _ string) error { _, err := w.Desk.Prepare(ctx, who, c, policy.Terms{}); return err },
		"reject":  func(c, _ string) error { _, err := w.Desk.Reject(ctx, who, c, "no"); return err },
		"revoke":  func(c, _ string) error { return w.Desk.Revoke(ctx, who, c, "no") },
		"return":  func(c, _ string) error { return w.Desk.GiveBack(ctx, who, c) },
		"cancel":  func(c, _ string) error { return w.Desk.Withdraw(ctx, who, c) },
		"touches": func(c, _ string) error { _, err := w.Desk.Touches(ctx, who, c); return err },
		"receipt": func(c, _ string) error { _, err := w.Gateway.Receipt(ctx, who, c); return err },
		"stays":   func(c, _ string) error { _, err := w.Gateway.SessionsOf(ctx, who, c); return err },
		"follow": func(c, _ string) error {
			for _, err := range w.Desk.Follow(ctx, who, c) {
				return err
			}
			return nil
		},
		"look": func(_, s string) error { _, err := w.Gateway.Look(ctx, who, s, "to see"); return err },
	}
}

func TestF01WhatIsAnothersIsAsIfItWereNotThere(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, knock(w.Eng))
	ids := map[string][2]string{
		"another's": {code, v.Session.ID}, "unknown": {"0000", recorder.NewID(time.Now())}, "empty": {"", ""},
		"a path": {"../" + code, "../" + v.Session.ID}, "another row": {"grant/" + code, v.Session.ID + "/x"}, "lower case": {strings.ToLower(code), strings.ToLower(v.Session.ID)},
		"too long": {strings.Repeat("A", 1<<16), strings.Repeat("0", 1<<16)}, "NUL": {code + "\x00", v.Session.ID + "\x00"},
	}
	for _, who := range []policy.Principal{w.Bo.Principal, w.Mate.Principal, {}, {ID: "x@x.eu", Kind: policy.Reviewer}, {ID: "x@x.eu", Kind: policy.Machine}} {
		before := w.Ledger.Last()
		for name, do := range reach(t, w, who) {
			for kind, id := range ids {
				wantUnknown(t, who.ID+" "+name+" "+kind, do(id[0], id[1]))
			}
		}
		if got := w.Ledger.Last(); got != before {
			t.Errorf("%s: the log grew by %d", who.ID, got-before)
		}
		if open, err := w.Desk.Inbox(t.Context(), who); err != nil || len(open) != 0 {
			t.Errorf("%s: the inbox holds %d, %v", who.ID, len(open), err)
		}
	}
	if v.Context().Err() != nil {
		t.Error("a stranger ended the session")
	}
}

func TestF01AReviewersViewOfAWaitingRequestNamesNoOtherCustomer(t *testing.T) {
	w := newWorld(t)
	code := w.Ask(t, w.Eng, "", time.Hour) // nord and syd
	seen, err := w.Desk.See(t.Context(), w.Bo.Principal, code)
	must(t, err)
	inbox, err := w.Desk.Inbox(t.Context(), w.Bo.Principal)
	must(t, err)
	text, err := json.Marshal([]any{seen, inbox})
	must(t, err)
	if len(inbox) != 1 || strings.Contains(string(text), "nord") || !strings.Contains(string(text), "syd") {
		t.Errorf("got %s", text)
	}
}

// all asks for deploy, which reaches nord and syd, and gets it.
func all(t *testing.T, w *world.World) (string, gateway.Knock) {
	t.Helper()
	code := w.Ask(t, w.Eng, "", time.Hour)
	for _, h := range []*world.Human{w.Ceo, w.Ann, w.Bo} {
		must(t, w.Approve(t, h, code))
	}
	k := knock(w.Eng)
	k.Login = "deploy"
	return code, k
}

func TestF02AReviewerDoesNotLookAtARecordingThatHoldsAnothersData(t *testing.T) {
	w := newWorld(t)
	_, k := all(t, w)
	v := visit(t, w, k)
	_, err := w.Gateway.Look(t.Context(), w.Bo.Principal, v.Session.ID, "to see nord's data")
	wantUnknown(t, "watch", err)
	v.Leave()
	_, err = w.Gateway.Look(t.Context(), w.Bo.Principal, v.Session.ID, "to see nord's data")
	wantUnknown(t, "replay", err)
}

func TestF01AStatementDoesNotCountOtherCustomersStages(t *testing.T) {
	w := newWorld(t)
	code := w.Ask(t, w.Eng, "", time.Hour)
	must(t, w.Approve(t, w.Ceo, code))
	b, err := w.Desk.Prepare(t.Context(), w.Bo.Principal, code, policy.Terms{})
	must(t, err)
	if said, err := statement.ParseApproval(b.Statement); err != nil || strings.HasPrefix(said.Stage, "3") {
		t.Errorf("syd signs stage %q: the second of three is another customer's", said.Stage)
	}
}

func TestF03ACustomersYesCountsForItsOwnData(t *testing.T) {
	w := newWorld(t)
	code := w.Ask(t, w.Eng, "", time.Hour)
	must(t, w.Approve(t, w.Ceo, code))
	b, err := w.Desk.Prepare(t.Context(), w.Ann.Principal, code, policy.Terms{})
	must(t, err)
	if strings.Contains(string(b.Statement), "syd") {
		t.Errorf("nord is shown syd:\n%s", b.Statement)
	}
	foreign, a := ballot(t, w, w.Bo, code)
	_, err = w.Desk.Approve(t.Context(), w.Ann.Principal, foreign.Nonce, a)
	wantUnknown(t, "another's ballot", err)
	_, err = w.Desk.Approve(t.Context(), w.Ann.Principal, b.Nonce, a)
	wantNo(t, err, "not yours")
	must(t, w.Approve(t, w.Ann, code))
	wantNo(t, w.Approve(t, w.Ann, code), "already voted")
	k := knock(w.Eng)
	k.Login = "deploy"
	if lets(t, w.Gateway, k) {
		t.Error("nord's yes opens syd's data")
	}
	must(t, w.Approve(t, w.Bo, code))
	if !lets(t, w.Gateway, k) {
		t.Error("everybody's yes opens nothing")
	}
	only := w.Ask(t, w.Eng, "nord", time.Hour)
	wantUnknown(t, "a request that is nord's alone", w.Approve(t, w.Bo, only))
	_, err = w.Desk.Reject(t.Context(), policy.Principal{ID: "bo@syd.x", Kind: policy.Reviewer, Customer: ""}, only, "no")
	wantUnknown(t, "a reviewer of nobody", err)
}

func TestF09OneProcessHasTheFileAndADamagedOneIsRefused(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(w.Dir, "ledger.db")
	began := time.Now()
	if e, err := boltengine.Open(path); err == nil {
		must(t, e.Close())
		t.Error("a second process opens the file")
	} else if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the refusal took %s", took)
	}
	data, err := os.ReadFile(path)
	must(t, err)
	for name, bad := range map[string][]byte{
		"cut off": data[:16<<10], "without its head": append(make([]byte, 8192), data[8192:]...), "of something else": []byte("hello"),
	} {
		other := filepath.Join(t.TempDir(), "ledger.db")
		must(t, os.WriteFile(other, bad, 0o600))
		if err := opens(t, w, other); err == nil {
			t.Errorf("a file %s is opened", name)
		}
	}
	other := filepath.Join(t.TempDir(), "ledger.db")
	must(t, os.WriteFile(other, data, 0o640))
	if err := opens(t, w, other); err == nil {
		t.Error("a file that others may read is opened")
	}
}

// opens opens a copy of the file as a gateway would.
func opens(t *testing.T, w *world.World, path string) error {
	t.Helper()
	e, err := boltengine.Open(path)
	if err != nil {
		return err
	}
	defer func() { must(t, e.Close()) }()
	_, err = ledger.Open(t.Context(), e, ledger.Options{Origin: world.Log, Signer: w.Keys.Log, Verifier: w.Keys.LogVerifier})
	return err
}

func TestF11AnIDIsNeverAPath(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, knock(w.Eng))
	v.Leave()
	path, err := recorder.Find(w.Shelf.Dir, v.Session.ID)
	must(t, err)
	outside := t.TempDir()
	linked := recorder.NewID(time.Now())
	must(t, os.Symlink(outside, filepath.Join(filepath.Dir(path), linked)))
	id := v.Session.ID
	for _, bad := range []string{
		"", ".", "..", "../" + id, "..%2f" + id, "/etc/passwd", id + "/", id + "/..", id + "\x00", id + "\n", `..\` + id, " " + id, strings.ToLower(id) + "x",
		strings.Repeat("A", 4096), strings.Repeat("I", 26), strings.Repeat("\u0663", 26), "quarantine", linked,
	} {
		if got, err := recorder.Find(w.Shelf.Dir, bad); err == nil {
			t.Errorf("%.40q is %s", bad, got)
		}
		if _, err := w.Shelf.Play(bad, w.Keys.Vault); err == nil {
			t.Errorf("%.40q plays", bad)
		}
		_, err := w.Gateway.Look(t.Context(), w.Ceo.Principal, bad, "to see")
		wantUnknown(t, bad, err)
	}
}

// Leans on: the process remembers the last checkpoint it saw.
func TestF19AFileOfThePastIsNotBelievedWhileWeRun(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	past := copyOf(t, w)
	must(t, w.Desk.Revoke(t.Context(), w.Ann.Principal, code, "enough"))
	past.putBack(t, w, "")
	if lets(t, w.Gateway, knock(w.Eng)) {
		t.Error("the file of the past revives a grant")
	}
	_, err := w.Desk.Inbox(t.Context(), w.Ceo.Principal)
	if !errors.Is(err, ledger.ErrTampered) {
		t.Errorf("got %v, want %v", err, ledger.ErrTampered)
	}
}

func TestF19RowsOfThePastAreFoundAtTheNextStart(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	past := copyOf(t, w)
	must(t, w.Desk.Revoke(t.Context(), w.Ann.Principal, code, "enough"))
	for _, prefix := range []string{"rgrant/", "rlive/", "rrequest/", "rnonce/", "rballot/"} {
		now := copyOf(t, w)
		past.putBack(t, w, prefix)
		if maps.EqualFunc(now, copyOf(t, w), slices.Equal) {
			continue // nothing of it changed since
		}
		if _, err := restarted(t, w, time.Now); !errors.Is(err, ledger.ErrTampered) {
			t.Errorf("%s of the past: got %v, want %v", prefix, err, ledger.ErrTampered)
		}
		now.putBack(t, w, prefix)
	}
	if _, err := restarted(t, w, time.Now); err != nil {
		t.Errorf("what was put back is not whole: %v", err)
	}
}

func TestF20AChangedLogIsFoundAndItsPlaceNamed(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	whole := copyOf(t, w)
	at := func(n byte) string { return "l\x00\x00\x00\x00\x00\x00\x00" + string([]byte{n}) }
	for name, c := range map[string]struct {
		spoil func(d dump)
		says  string
	}{
		"a byte flipped": {func(d dump) {
			d[at(7)] = append(slices.Clone(d[at(7)][:30]), append([]byte{d[at(7)][30] ^ 1}, d[at(7)][31:]...)...)
		}, "event 7"},
		"one dropped":   {func(d dump) { delete(d, at(7)) }, "event 7 is missing"},
		"two swapped":   {func(d dump) { d[at(7)], d[at(9)] = d[at(9)], d[at(7)] }, "event 7"},
		"the tail cut":  {func(d dump) { delete(d, at(byte(w.Ledger.Last()))) }, "log ends after"},
		"one repeated":  {func(d dump) { d[at(byte(w.Ledger.Last()+1))] = d[at(7)] }, "events after"},
		"no checkpoint": {func(d dump) { delete(d, "c") }, "checkpoint is missing"},
	} {
		d := maps.Clone(whole)
		c.spoil(d)
		d.putBack(t, w, "")
		_, err := restarted(t, w, time.Now)
		if !errors.Is(err, ledger.ErrTampered) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", name, err, c.says)
		}
	}
	whole.putBack(t, w, "")
	must(t, w.Ledger.Check(context.WithoutCancel(t.Context())))
}

// Nobody's word in a receipt counts for what it did not sign.
func TestF20AReceiptOfAnotherRequestDoesNotHold(t *testing.T) {
	w := newWorld(t)
	one := receipt(t, w, w.Grant(t, w.Eng, time.Hour))
	two := receipt(t, w, w.Grant(t, w.Eng, 2*time.Hour))
	mix := one
	mix.Case.Votes = slices.Clone(one.Case.Votes)
	mix.Case.Votes[1] = two.Case.Votes[1]
	for name, r := range map[string]approvals.Receipt{
		"another's vote": mix, "another's grant": with(one, func(r *approvals.Receipt) { r.Grant = two.Grant }),
		"another's leaves": with(one, func(r *approvals.Receipt) { r.Votes = two.Votes }), "another's request": with(one, func(r *approvals.Receipt) { r.Case.Body = two.Case.Body }),
		"a vote left out": with(one, func(r *approvals.Receipt) { r.Case.Votes, r.Votes = r.Case.Votes[:1], r.Votes[:1] }),
		"no votes":        with(one, func(r *approvals.Receipt) { r.Case.Votes, r.Votes = nil, nil }),
	} {
		if holds(t, w, r) {
			t.Errorf("%s: the receipt holds", name)
		}
	}
	if !holds(t, w, one) || !holds(t, w, two) {
		t.Error("a good receipt does not hold")
	}
}
