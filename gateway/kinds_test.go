package gateway_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// spoken are all that the pages have words for.
func spoken(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile("portal/text/events.txt")
	must(t, err)
	for _, part := range strings.Split(string(text), "\n\n") {
		lines := slices.DeleteFunc(strings.Split(part, "\n"), func(l string) bool { return l == "" || strings.HasPrefix(l, "#") })
		if len(lines) > 0 {
			all = append(all, lines[0])
		}
	}
	if len(all) < 90 {
		t.Fatalf("%d kinds", len(all))
	}
	return all
}

// TestAKindThatNobodyListedWakesThoseItNames has a line for every kind that does
// not, so that a new one does until somebody has thought about it.
func TestAKindThatNobodyListedWakesThoseItNames(t *testing.T) {
	reach := map[string]string{
		"file.get": "nobody", "file.put": "nobody", "file.change": "nobody", "files.more": "nobody", "session.progress": "nobody",

		"session.open": "nobody", "session.close": "nobody", "session.extended": "itself", "session.frozen": "itself", "session.unwitnessed": "itself",
		"session.frozen-by": "itself", "session.thawed": "itself", "session.ended-by": "itself",
		"session.watched": "itself", "session.unwatched": "itself", "session.looked-at": "itself", "session.remarked": "itself", "session.reviewed": "itself",
		"recording.keep": "itself", "recording.held": "itself", "recording.released": "itself", "recording.erased": "itself", "recording.to-erase": "itself",
		"touch.asked": "itself", "touch.shown": "itself", "touch.given": "itself", "touch.wrong-number": "itself", "touch.void": "itself",

		"key.removed": "everybody", "credential.clone": "everybody", "credential.retired": "everybody", "login.ended": "everybody",
		"motion.made": "someone", "motion.shown": "someone", "motion.used": "someone",
	}
	for _, kind := range append(spoken(t), "nobody.thought-of-it", "session.news", "recording.news", "touch.news", "grant.news") {
		want := reach[kind]
		if want == "" {
			want = "someone"
			if strings.HasPrefix(kind, "policy.") || strings.HasPrefix(kind, "motion.") {
				want = "everybody"
			}
		}
		if got := gateway.Reach(kind); got != want {
			t.Errorf("%s reaches %s, want %s", kind, got, want)
		}
	}
}

// forbidden puts a policy in force under which no session may be, and tells nobody.
func forbidden(w *world.World) {
	p := *w.Policy()
	p.Rules = append(slices.Clone(p.Rules), policy.Rule{Name: "never", Forbid: true, Actions: []policy.Action{policy.Shell}, Targets: []string{"db1.prod"}})
	w.SetPolicy(&p)
}

func happens(t *testing.T, w *world.World, kind string, subjects ...string) {
	t.Helper()
	must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{Kind: kind, Actor: "test", Subjects: subjects})
		return err
	}))
}

// TestWhatAnotherSessionDoesHasNoneAskedAbout tells the events of one session to
// another under the same grant, which does not notice, and then its own.
func TestWhatAnotherSessionDoesHasNoneAskedAbout(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	v, o := visit(t, w, w.Eng), visit(t, w, w.Eng)
	forbidden(w)
	for _, kind := range spoken(t) {
		if r := gateway.Reach(kind); (r == "itself" || r == "nobody") && kind != "session.ended-by" {
			happens(t, w, kind, o.Session.ID, code, "db1.prod", "nord")
		}
	}
	endsWithin(t, o, 2*time.Second, `rule "never" forbids shell`)
	select {
	case <-v.Context().Done():
		t.Errorf("it was asked about: %v", context.Cause(v.Context()))
	case <-time.After(300 * time.Millisecond):
	}
	happens(t, w, "nobody.thought-of-it", code)
	endsWithin(t, v, time.Second, `rule "never" forbids shell`)
}
