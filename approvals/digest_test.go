package approvals_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func none(*ledger.Tx, string) ([]approvals.Held, error) { return nil, nil }

func read(t *testing.T, w *world.World, week string) (d approvals.Weekly) {
	t.Helper()
	must(t, w.Ledger.View(t.Context(), func(tx *ledger.Tx) (err error) {
		d, err = w.Desk.WeeklyIn(tx, w.Ceo.Principal, week)
		return err
	}))
	return d
}

// TestAWeekThatTwoHaveNotReadIsToldOfInTheNext: a signature counts for one digest,
// one person and once; a delegate or an engineer cannot give it.
func TestAWeekThatTwoHaveNotReadIsToldOfInTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // Saturday 1 January 2000
		w := world.New(t, "127.0.0.1:1", "SHA256:none")
		w.Charter.Digest = w.Desk.DigestHash
		monday := func(n int) {
			t.Helper()
			time.Sleep(time.Until(time.Date(2000, 1, 3+7*n, 7, 0, 1, 0, time.UTC)))
			must(t, w.Desk.Digests(t.Context(), time.UTC, none))
		}
		review := func(week string) policy.Motion { return policy.Motion{Kind: policy.ToReview, About: week} }
		monday(0)
		w.Pass(t, review("1999-W52"), w.Ceo)
		if _, err := w.Charter.Propose(t.Context(), w.Ceo.Principal, review("1999-W52")); err == nil || !strings.Contains(err.Error(), "signed already") {
			t.Errorf("one executive counts twice: %v", err)
		}
		for _, who := range []*world.Human{w.Eng, w.Ann} {
			if _, err := w.Charter.Propose(t.Context(), who.Principal, review("1999-W52")); err == nil {
				t.Errorf("%s reviews the board's week", who.ID)
			}
		}
		if _, err := w.Charter.Propose(t.Context(), w.Cto.Principal, review("2000-W30")); err == nil {
			t.Error("a week that is to come is read")
		}
		monday(1)
		if got := read(t, w, "2000-W01"); !slices.Equal(got.Unreviewed, []string{"1999-W52"}) || len(got.Reviews) != 0 {
			t.Errorf("%+v", got)
		}
		w.Pass(t, review("1999-W52"), w.Cto)
		w.Pass(t, review("2000-W01"), w.Ceo)
		w.Pass(t, review("2000-W01"), w.Cto)
		monday(4) // the gateway stood for weeks: what it missed is made up for
		for week, want := range map[string][]string{"2000-W02": nil, "2000-W03": nil, "2000-W04": nil} {
			if got := read(t, w, week); !slices.Equal(got.Unreviewed, want) {
				t.Errorf("%s: %v", week, got.Unreviewed)
			}
		}
		if got := read(t, w, "1999-W52"); len(got.Reviews) != 2 || got.Reviews[0].By.ID != w.Ceo.ID {
			t.Errorf("%+v", got.Reviews)
		}
		must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error { // as if it had been another one
			if _, err := tx.Append(ledger.Event{Kind: "digest.made", Actor: "lockbox", Subjects: []string{"2000-W01"}}); err != nil {
				return err
			}
			return tx.Put("digest/2000-W01", map[string]any{"body": []byte(`{"format":"lockbox-digest/v1","week":"2000-W01"}`), "made": tx.Now()})
		}))
		if got := read(t, w, "2000-W01"); len(got.Reviews) != 0 {
			t.Errorf("signatures count for a digest that nobody read: %+v", got.Reviews)
		}
	})
}
