package gateway_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

func TestRemarksAreForThoseWhoMayReplay(t *testing.T) {
	w, _ := keeping(t, 0, 0)
	id, _ := over(t, w)
	must(t, w.Gateway.Say(t.Context(), w.Ann.Principal, id, gateway.Remark{Track: "pty0", At: 83 * time.Second, Text: " what is this? ", By: w.Bo.Principal}))
	must(t, w.Gateway.Say(t.Context(), w.Eng.Principal, id, gateway.Remark{Text: "a mistake"}))
	must(t, w.Gateway.Say(t.Context(), w.Ceo.Principal, id, gateway.Remark{Reviewed: true}))
	for what, r := range map[string]gateway.Remark{
		"say what": {Text: " "}, "plain text": {Text: "two\nlines"}, "2000 characters": {Text: strings.Repeat("x", 2001)}, "a moment": {Text: "x", Track: "../x"},
	} {
		wantNo(t, w.Gateway.Say(t.Context(), w.Ann.Principal, id, r), what)
	}
	wantNo(t, w.Gateway.Say(t.Context(), w.Eng.Principal, id, gateway.Remark{Reviewed: true, Text: "all is well"}), "their own session")
	all, err := w.Gateway.Remarks(t.Context(), w.Ceo.Principal, id)
	if err != nil || len(all) != 3 || all[0].By.ID != w.Ann.ID || all[0].Text != "what is this?" || all[0].At != 83*time.Second || !all[2].Reviewed {
		t.Errorf("got %+v, %v", all, err)
	}
	for _, h := range []*world.Human{w.Mate, w.Bo} {
		if _, err := w.Gateway.Remarks(t.Context(), h.Principal, id); !errors.Is(err, approvals.ErrUnknown) {
			t.Errorf("%s reads: %v", h.ID, err)
		}
	}
	if said := events(t, w, "session.remarked"); len(said) != 2 || said[0].Private["text"] != "what is this?" || len(events(t, w, "session.reviewed")) != 1 {
		t.Errorf("got %+v", said)
	}
}

// Who is recorded cannot fill the list, so that nobody reviews them.
func TestNobodysRemarksKeepOthersFromReviewing(t *testing.T) {
	w, _ := keeping(t, 0, 0)
	id, _ := over(t, w)
	for _, h := range []*world.Human{w.Eng, w.Ceo, w.Cto, w.Ann} {
		for i := range 50 {
			must(t, w.Gateway.Say(t.Context(), h.Principal, id, gateway.Remark{Text: fmt.Sprint(i)}))
		}
		wantNo(t, w.Gateway.Say(t.Context(), h.Principal, id, gateway.Remark{Text: "one more"}), "no more")
	}
	must(t, w.Gateway.Say(t.Context(), w.Ann.Principal, id, gateway.Remark{Reviewed: true}))
	wantNo(t, w.Gateway.Say(t.Context(), w.Ann.Principal, id, gateway.Remark{Reviewed: true}), "said so already")
	other := w.Ceo.Principal
	other.Vouched = w.Eng.ID
	wantNo(t, w.Gateway.Say(t.Context(), other, id, gateway.Remark{Reviewed: true}), "their own session")
}

// What is said about a recording may say what is in it: it goes with it.
func TestWhatWasSaidGoesWithTheRecording(t *testing.T) {
	w, _ := keeping(t, time.Second, 0)
	id, code := over(t, w)
	must(t, w.Gateway.Say(t.Context(), w.Ann.Principal, id, gateway.Remark{Text: "it shows 010190-1234"}))
	must(t, w.Gateway.Say(t.Context(), w.Ceo.Principal, id, gateway.Remark{Reviewed: true, Text: "so it does: 010190-1234"}))
	if !retain(t, w, id, 5*time.Second) {
		t.Fatal("it is not erased")
	}
	all, err := w.Gateway.Remarks(t.Context(), w.Ceo.Principal, id)
	if err != nil || len(all) != 1 || !all[0].Reviewed || all[0].Text != "" || all[0].By.ID != w.Ceo.ID {
		t.Errorf("got %+v, %v", all, err)
	}
	for _, e := range append(events(t, w, "session.remarked"), events(t, w, "session.reviewed")...) {
		if strings.Contains(fmt.Sprint(e), "1234") {
			t.Errorf("got %+v", e)
		}
	}
	if _, err := w.Gateway.Receipt(t.Context(), w.Ann.Principal, code); err != nil {
		t.Error(err)
	}
}

// An executive does not let go the hold on what they did themselves.
func TestNobodyLetsGoTheHoldOnTheirOwnSession(t *testing.T) {
	w, _ := keeping(t, 0, 0)
	id, _ := over(t, w)
	must(t, w.Gateway.Keep(t.Context(), w.Ceo.Principal, id, "a case"))
	must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		var row map[string]any
		if _, err := tx.Get("session/"+id, &row); err != nil {
			return err
		}
		row["who"] = w.Cto.Principal // as if it were theirs
		_, err := tx.Append(ledger.Event{Kind: "test.changed", Actor: "test"})
		return errors.Join(err, tx.Put("session/"+id, row))
	}))
	wantNo(t, w.Gateway.Release(t.Context(), w.Cto.Principal, id, "over"), "whose session it was")
}

func TestWhatAPersonSaidGoesWithThem(t *testing.T) {
	w, _ := keeping(t, 0, 0)
	w.Admit(t)
	code := w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	id := v.Session.ID
	must(t, w.Gateway.EndSession(t.Context(), w.Cto.Principal, id, "cto says so"))
	v.Leave()
	must(t, w.Gateway.Keep(t.Context(), w.Cto.Principal, id, "cto holds it"))
	must(t, w.Gateway.Say(t.Context(), w.Cto.Principal, id, gateway.Remark{Text: "cto wonders"}))
	must(t, w.Gateway.Say(t.Context(), w.Ceo.Principal, id, gateway.Remark{Text: "so do I"}))
	must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		seq, err := tx.Append(ledger.Event{Kind: "test.erased", Actor: "test"})
		return errors.Join(err, w.Gateway.Forget(tx, code, w.Cto.ID, seq))
	}))
	all, err := w.Gateway.Remarks(t.Context(), w.Ceo.Principal, id)
	if err != nil || len(all) != 2 || strings.Contains(fmt.Sprint(all[0]), "cto") || strings.Contains(fmt.Sprint(all[0]), "Cto") || all[1].Text != "so do I" {
		t.Errorf("got %+v, %v", all, err)
	}
	if c := custody(t, w, id); strings.Contains(fmt.Sprint(c), "Cto") || strings.Contains(c.Held, "cto") {
		t.Errorf("got %+v", c)
	}
	sessions, err := w.Gateway.SessionsOf(t.Context(), w.Ceo.Principal, code)
	if err != nil || sessions[0].Cause != "the session was ended" || sessions[0].Who.ID != w.Eng.ID {
		t.Errorf("got %+v, %v", sessions, err)
	}
}
