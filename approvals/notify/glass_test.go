package notify

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
)

// glass makes an emergency on a world of its own rule.
func (w *world) glass(t *testing.T) (code string) {
	t.Helper()
	w.policy.Groups["mates"] = []string{"eng1@x.eu", "eng2@x.eu"}
	w.policy.Rules = append(w.policy.Rules, policy.Rule{
		Name: "glass", Actions: []policy.Action{policy.Shell}, Groups: []string{"engineers"}, Targets: []string{"db1.prod"}, Fresh: 15 * time.Minute,
		Stages: []policy.Stage{{Kind: policy.ByGlass, Group: "mates", Count: 1, Expires: time.Hour}},
		Limits: policy.Limits{Default: time.Hour, Max: time.Hour, ActivateWithin: time.Hour},
	})
	made, err := w.Seal(t.Context(), "ops@x.eu", "", 1)
	must(t, err)
	v, err := w.BreakGlass(t.Context(), w.who("eng1@x.eu"), approvals.Application{
		Target: "db1.prod", Login: "support_nord", Do: policy.Shell, From: netip.MustParseAddr("127.0.0.1"),
		Need: policy.Need{Reason: "outage", Text: "everything is down"},
	}, made.Codes[0])
	must(t, err)
	return v.Request.ID
}

// TestAnEmergencyPagesEverybodySkipped, at whatever hour; who may not see what was
// done hears that something was, and when nobody ratified it, they are told again.
func TestAnEmergencyPagesEverybodySkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hook{name: "mail"}
		w := newWorld(t, h)
		set := &Settings{Ledger: w.Ledger, Planner: w.planner}
		for _, id := range []string{"ceo@x.eu", "ann@nord.x", "eng2@x.eu"} {
			must(t, set.Set(t.Context(), w.who(id), Setting{Quiet: Quiet{From: 22 * time.Hour, To: 7 * time.Hour}}))
		}
		words, err := NewWords()
		must(t, err)
		tell := &Teller{Ledger: w.Ledger, Planner: w.planner, URL: "https://lock.example.eu", Words: words}
		following(t, w, func(*Follower) {
			code := w.glass(t)
			must(t, pause(t.Context(), time.Minute))
			if h.count(func(n Notice) bool { return n.To == "eng2@x.eu" && n.Topic == Waits }) != 1 {
				t.Error("quiet hours held an emergency from the second person")
			}
			if n := h.count(func(n Notice) bool { return n.Topic == Waits && n.To != "eng2@x.eu" }); n != 0 {
				t.Errorf("%d others were asked", n)
			}
			s, err := tell.Story(t.Context(), Notice{Channel: "mail", To: "eng2@x.eu", Topic: Waits, Kind: "request.made", About: code, At: time.Now()})
			if err != nil || !strings.HasPrefix(s.Title, "EMERGENCY "+code) || !strings.Contains(s.Lead, "nobody who decides is asked") || !strings.HasSuffix(s.Page, "/a/"+code) {
				t.Errorf("the second person reads %+v, %v", s, err)
			}
			must(t, w.approve("eng2@x.eu", code))
			must(t, pause(t.Context(), time.Minute))
			paged := func(kind string) (all []string) {
				for _, n := range h.all() {
					if n.Topic == Glass && n.Kind == kind {
						all = append(all, n.To)
					}
				}
				slices.Sort(all)
				return all
			}
			want := []string{"abe@nord.x", "ann@nord.x", "ceo@x.eu", "cto@x.eu", "dep@x.eu", "eng2@x.eu", "ops2@x.eu", "ops@x.eu"}
			if got := paged("glass.broken"); !slices.Equal(got, want) {
				t.Errorf("paged were %v", got)
			}
			tell.glassTo(t, code)
			must(t, pause(t.Context(), 25*time.Hour))
			must(t, w.Sweep(t.Context()))
			must(t, pause(t.Context(), time.Minute))
			if got := paged("glass.unratified"); !slices.Equal(got, append([]string{"abe@nord.x", "ann@nord.x", "ceo@x.eu", "cto@x.eu", "dep@x.eu", "eng1@x.eu"}, want[5:]...)) {
				t.Errorf("of the lock were told %v", got)
			}
			s, err = tell.Story(t.Context(), Notice{Channel: "mail", To: "ceo@x.eu", Topic: Glass, Kind: "glass.unratified", About: code, At: time.Now()})
			if err != nil || !strings.Contains(s.Outcome, "locked until two executives") {
				t.Errorf("%+v, %v", s, err)
			}
		})
		must(t, w.Ledger.Close())
	})
}

// glassTo looks at what readers are told of an emergency.
func (l *Teller) glassTo(t *testing.T, code string) {
	t.Helper()
	for to, sees := range map[string]bool{"ceo@x.eu": true, "ann@nord.x": true, "ops@x.eu": false} {
		s, err := l.Story(t.Context(), Notice{Channel: "mail", To: to, Topic: Glass, Kind: "glass.broken", About: code, At: time.Now()})
		must(t, err)
		if got := strings.HasSuffix(s.Page, "/incidents/"+code); got != sees || strings.Contains(s.Lead+s.Title, "db1.prod") != sees || len(s.Facts) > 0 != sees {
			t.Errorf("%s reads %+v", to, s)
		}
	}
	for _, to := range []string{"nobody@x.eu", "bo@syd.x"} {
		if _, err := l.Story(t.Context(), Notice{Channel: "mail", To: to, Topic: Glass, About: code}); !errors.Is(err, ErrMoot) {
			t.Errorf("%s reads it: %v", to, err)
		}
	}
}
