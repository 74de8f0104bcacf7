package notify

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lockbox/approvals"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
)

// TestTheBoardIsSentItsWeekOnMondayMorning, of the zone, once; with figures and
// nothing that anybody wrote. A week that nobody has read is told of in the next.
func TestTheBoardIsSentItsWeekOnMondayMorning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // Saturday 1 January 2000, midnight UTC
		zone, err := time.LoadLocation("Europe/Copenhagen")
		must(t, err)
		h := &hook{name: "mail"}
		w := newWorld(t, h)
		words, err := NewWords()
		must(t, err)
		tell := &Teller{Ledger: w.Ledger, Planner: w.planner, URL: "https://lock.example.eu", Words: words}
		following(t, w, func(*Follower) {
			used, declined := w.submit(t, "eng1@x.eu", "support_nord"), w.submit(t, "eng2@x.eu", "support_nord")
			must(t, w.approve("ceo@x.eu", used))
			must(t, w.approve("ann@nord.x", used))
			for _, id := range []string{"ceo@x.eu", "cto@x.eu", "dep@x.eu"} {
				_, _ = w.Reject(t.Context(), w.who(id), declined, "") // the last is too late
			}
			held := w.used(t, used)
			came := func() int { return h.count(func(n Notice) bool { return n.Kind == "digest.made" }) }
			monday := time.Date(2000, 1, 3, 7, 0, 0, 0, zone)
			for _, at := range []time.Time{monday.Add(-time.Minute), monday} {
				if came() != 0 {
					t.Error("it came before Monday, 7 o'clock")
				}
				must(t, pause(t.Context(), time.Until(at)))
				must(t, w.Digests(t.Context(), zone, held))
				must(t, pause(t.Context(), time.Second))
			}
			must(t, w.Digests(t.Context(), zone, held))
			must(t, pause(t.Context(), time.Second))
			if n := came(); n != 3 { // ceo, cto, dep
				t.Errorf("%d were sent the week", n)
			}
			w.weekHolds(t, tell, h.last("digest.made"), used)
		})
		must(t, w.Ledger.Close())
	})
}

// used has a session of 9 minutes under a grant.
func (w *world) used(t *testing.T, code string) approvals.Sessions {
	t.Helper()
	began, id := time.Now(), "01JABCDEFGHJKMNPQRSTVWXYZ0"
	must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		for _, e := range []ledger.Event{{Kind: "session.open"}, {Kind: "session.close", Detail: map[string]string{"bytes": "70000"}}} {
			e.Actor, e.Subjects = "eng1@x.eu", []string{id, code}
			if _, err := tx.Append(e); err != nil {
				return err
			}
		}
		return nil
	}))
	return func(_ *ledger.Tx, grant string) ([]approvals.Held, error) {
		if grant != code {
			t.Errorf("asked for the sessions of %s", grant)
		}
		return []approvals.Held{{
			Session: recorder.Session{ID: id, Began: began, Ended: began.Add(9 * time.Minute)},
			Deeds: &approvals.Deeds{All: []approvals.Deed{
				{Kind: "pty"}, {Kind: "exec", Command: "cat /etc/secret-name"}, {Kind: "put", File: &approvals.DeedFile{Path: "/srv/a", Bytes: 12}},
			}},
		}}, nil
	}
}

// weekHolds looks at what is kept and told of the week.
func (w *world) weekHolds(t *testing.T, tell *Teller, n Notice, used string) {
	t.Helper()
	digest := func(week string) (out approvals.Weekly) {
		must(t, w.Ledger.View(t.Context(), func(tx *ledger.Tx) (err error) {
			out, err = w.WeeklyIn(tx, w.who("ceo@x.eu"), week)
			return err
		}))
		return out
	}
	got := digest("1999-W52")
	if got.Asked != 2 || got.Approved != 1 || got.Declined != 1 || len(got.Unread) != 1 || len(got.Done) != 1 {
		t.Fatalf("%+v", got)
	}
	if d := got.Done[0]; d.Code != used || d.Terminals != 1 || d.Commands != 1 || d.Files != 1 || d.Moved != 12 || d.Recorded != 70_000 || d.Long != 9*time.Minute {
		t.Errorf("%+v", d)
	}
	s, err := tell.Story(t.Context(), n)
	must(t, err)
	all := s.Title + s.Lead + s.Next
	for _, f := range s.Facts {
		all += f.Label + f.Text
	}
	for _, bad := range []string{"secret-name", "eng1", "contract", "db1", "/srv"} {
		if strings.Contains(all, bad) {
			t.Errorf("%q left the house: %s", bad, all)
		}
	}
	if !strings.HasSuffix(s.Page, "/digest/1999-W52") {
		t.Errorf("it leads to %s", s.Page)
	}
	for _, id := range []string{"eng1@x.eu", "ops@x.eu", "ann@nord.x"} {
		must(t, w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
			if _, err := w.WeeklyIn(tx, w.who(id), "1999-W52"); err == nil {
				t.Errorf("%s reads the board's week", id)
			}
			return nil
		}))
	}
}

func (h *hook) last(kind string) (n Notice) {
	for _, c := range h.all() {
		if c.Kind == kind {
			n = c
		}
	}
	return n
}

// TestAWeekIsWrittenInOneWay.
func TestAWeekIsWrittenInOneWay(t *testing.T) {
	for s, want := range map[string]bool{
		"2026-W47": true, "2026-W53": true, "2025-W53": false, "2026-W00": false, "2026-W5": false, "2026-w47": false, "": false, "2026-W4/": false, "+026-W47": false,
	} {
		if approvals.ValidWeek(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}
