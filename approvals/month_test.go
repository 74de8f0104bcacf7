package approvals

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// until moves the clock to an instant, with a heartbeat every few hours on the way, as the gateway has.
func (w *world) until(t testing.TB, at time.Time) {
	t.Helper()
	for now := w.now(t); now.Before(at); now = w.now(t) {
		w.later(min(at.Sub(now)+2*time.Second, 12*time.Hour))
		if err := w.Ledger.Beat(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// months is a world whose clock stands at the beginning of a month, and that month and the next.
func months(t testing.TB) (w *world, first, second string) {
	t.Helper()
	w = newWorld(t)
	w.policy.Customers = map[string]policy.Customer{"nord": {ID: "nord"}, "syd": {ID: "syd"}, "vest": {ID: "vest"}}
	now := w.now(t)
	begin := time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC)
	w.submit(t) // so that nord's log is not empty
	w.until(t, begin.Add(-12*time.Hour))
	w.until(t, begin)
	return w, begin.Format(monthForm), begin.AddDate(0, 1, 0).Format(monthForm)
}

// work is a session of an hour under a new grant.
func (w *world) work(t testing.TB) {
	t.Helper()
	code := w.granted(t)
	if err := w.activate(code); err != nil {
		t.Fatal(err)
	}
	w.session(t, "session.open", code)
	w.later(time.Hour)
	w.session(t, "session.close", code)
}

func (w *world) session(t testing.TB, kind, code string) {
	t.Helper()
	err := w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{Kind: kind, Actor: w.eng.ID, Subjects: []string{"s" + code, code, "db1.prod"}, Customers: []string{"nord"}, Detail: map[string]string{"root": "r"}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func begins(t testing.TB, month string) time.Time {
	t.Helper()
	at, err := time.Parse(monthForm, month)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestAMonthSaysNoAccessOnlyWhereThereWasNone(t *testing.T) {
	t.Parallel()
	w, first, second := months(t)
	w.until(t, begins(t, second).Add(-30*time.Minute))
	w.work(t) // over the end of the month: it is access in both
	w.until(t, begins(t, second).AddDate(0, 2, 0))
	third := begins(t, second).AddDate(0, 1, 0).Format(monthForm)
	for month, sessions := range map[string]int{first: 1, second: 1, third: 0} {
		m, err := w.Statement(t.Context(), w.ann.Principal, "nord", month)
		if err != nil {
			t.Fatal(err)
		}
		facts, steps, err := m.Facts(w.pins())
		if err != nil || failed(steps) != nil {
			t.Fatalf("%s: got %+v, %v", month, steps, err)
		}
		none := strings.HasPrefix(steps[len(steps)-1].Text, "no access")
		if len(facts.Access) != sessions || none != (sessions == 0) {
			t.Errorf("%s: got %+v, %q", month, facts, steps[len(steps)-1].Text)
		}
	}
}

func TestACustomerWhomNothingConcernedGetsAStatementToo(t *testing.T) {
	t.Parallel()
	w, first, second := months(t)
	w.until(t, begins(t, second))
	for range 2 {
		m, err := w.Statement(t.Context(), w.aud.Principal, "vest", first)
		if err != nil {
			t.Fatal(err)
		}
		facts, steps, err := m.Facts(w.pins())
		if err != nil || failed(steps) != nil || len(facts.Access) != 0 || facts.Entries != 0 {
			t.Errorf("got %+v, %+v, %v", facts, steps, err)
		}
	}
}

func TestAStatementIsForThoseWhoMayReadIt(t *testing.T) {
	t.Parallel()
	w, first, second := months(t)
	w.until(t, begins(t, second))
	for _, who := range []*human{w.eng, w.bo, w.lone} {
		if _, err := w.Statement(t.Context(), who.Principal, "nord", first); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: got %v", who.ID, err)
		}
	}
	for month, says := range map[string]string{second: "is not over", "2019-01": "no log yet", "2026-13": "written as", "2026-1": "written as", "": "written as"} {
		_, err := w.Statement(t.Context(), w.ann.Principal, "nord", month)
		wantRefusal(t, err, says)
	}
	if _, err := w.Statement(t.Context(), w.aud.Principal, "nobody", first); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
}

func TestEveryCustomerIsToldOnceAMonth(t *testing.T) {
	t.Parallel()
	w, first, second := months(t)
	w.until(t, begins(t, second))
	for range 3 {
		if err := w.Months(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	told := map[string]int{}
	for seq := int64(-1); seq < w.Ledger.Last(); {
		page, err := w.Ledger.After(t.Context(), seq, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			if seq = e.Seq; e.Kind == monthEvent && e.Detail["month"] == first {
				told[e.Subjects[0]]++
			}
		}
	}
	if len(told) != 3 || told["nord"] != 1 || told["vest"] != 1 {
		t.Errorf("got %v", told)
	}
}

func TestAMonthNamesTheStepThatFails(t *testing.T) {
	t.Parallel()
	w, first, second := months(t)
	w.work(t)
	w.until(t, begins(t, second))
	w.submit(t)
	w.until(t, begins(t, second).AddDate(0, 1, 0))
	good, err := w.Statement(t.Context(), w.ann.Principal, "nord", first)
	if err != nil {
		t.Fatal(err)
	}
	next, err := w.Statement(t.Context(), w.ann.Principal, "nord", second)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rule  string
		spoil func(m *Month)
		name  string
	}{
		{"an entry left out", func(m *Month) { m.Entries.Entries = m.Entries.Entries[1:] }, "entries"},
		{"an entry twice", func(m *Month) { m.Entries.Entries[1] = m.Entries.Entries[0] }, "entries"},
		{"the last left out, and counted so", func(m *Month) {
			m.Entries.Entries = m.Entries.Entries[:len(m.Entries.Entries)-1]
			m.Entries.To.Old--
		}, "end"},
		{"a session left out at the beginning", func(m *Month) { m.Entries.Entries, m.Entries.From.Old = m.Entries.Entries[2:], 2 }, "beginning"},
		{"another month's end", func(m *Month) { m.After = next.After }, "end"},
		{"no end", func(m *Month) { m.After = nil }, "end"},
		{"the heartbeat of the end at the beginning", func(m *Month) { m.Before = m.After }, "beginning"},
		{"another month", func(m *Month) { m.Month = second }, "end"},
		{"another customer's", func(m *Month) { m.Customer = "syd" }, "checkpoint"},
		{"no head", func(m *Month) { m.Entries.Head = nil }, "checkpoint"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			m := good
			m.Entries.Entries = slices.Clone(m.Entries.Entries)
			c.spoil(&m)
			steps, err := m.Verify(w.pins())
			i := slices.IndexFunc(steps, Step.Failed)
			if err != nil || i < 0 || steps[i].Name != c.name {
				t.Errorf("got %+v, %v, want %s to fail", steps, err, c.name)
			}
		})
	}
	data, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseMonth(data)
	if err != nil {
		t.Fatal(err)
	}
	if steps, err := again.Verify(w.pins()); err != nil || failed(steps) != nil {
		t.Errorf("got %+v, %v", steps, err)
	}
}
