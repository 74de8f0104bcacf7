package approvals

import (
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"lockbox/policy"
	"lockbox/recorder/proof"
)

func TestASummarySaysWhatTheEntriesSay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code, sessions := w.over(t)
	r, err := w.Receipt(t.Context(), w.ann.Principal, code, sessions)
	if err != nil {
		t.Fatal(err)
	}
	r.Grant.Sessions, r.Case.Votes[0].Comment = 9, "what nobody said" // it tells rows and entries apart
	s, _, err := r.Summary(w.pins())
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case s.Request != code || s.Customer != "nord" || s.Who.Name != "Eng" || s.Need != "contract stuck in state 7" || s.Ticket != "INC-1":
		t.Errorf("got %+v", s)
	case s.Asked != time.Hour || s.Given != time.Hour || s.Used.Round(time.Minute) != 10*time.Minute || s.Ended.IsZero() || s.Revoked:
		t.Errorf("got asked %s, given %s, used %s, ended %s", s.Asked, s.Given, s.Used, s.Ended)
	case len(s.Votes) != 2 || s.Votes[0].Name != "Ceo" || s.Votes[1].Stage != "customer nord" || s.Votes[1].Verdict != policy.Yes:
		t.Errorf("got %+v", s.Votes)
	case len(s.Sessions) != 1 || s.Sessions[0].Root != "r" || len(s.Sessions[0].Deeds) != 1 || s.Sessions[0].Deeds[0].Command != "cat /etc/hosts":
		t.Errorf("got %+v", s.Sessions)
	case len(s.Files) != 0 || !strings.HasPrefix(s.Checkpoint, "lockbox.test\n"):
		t.Errorf("got %v, %q", s.Files, s.Checkpoint)
	}
	for _, want := range []string{"contract stuck in state 7", "asked 1h0m0s, given 1h0m0s, used 10m", "cat /etc/hosts", "  lockbox.test\n", "none by file transfer"} {
		if !strings.Contains(s.Text(), want) {
			t.Errorf("%q is not in\n%s", want, s.Text())
		}
	}
	r.Stays[0].Close.Leaf[40] ^= 1
	if s, _, err = r.Summary(w.pins()); err != nil || s.Sessions[0].Root != "" || s.Sessions[0].Deeds != nil || !s.Sessions[0].Ended.IsZero() {
		t.Errorf("an entry that does not hold is believed: %+v, %v", s.Sessions, err)
	}
}

func TestSessionsThatOverlapAreUsedOnce(t *testing.T) {
	t.Parallel()
	at := func(m int) time.Time { return time.Unix(0, 0).Add(time.Duration(m) * time.Minute) }
	limit := func() time.Time { return at(60) }
	for _, c := range []struct {
		rule string
		all  []SessionFacts
		want int
	}{
		{"none", nil, 0},
		{"one after the other", []SessionFacts{{Began: at(0), Ended: at(5)}, {Began: at(10), Ended: at(12)}}, 7},
		{"one within the other", []SessionFacts{{Began: at(0), Ended: at(10)}, {Began: at(2), Ended: at(5)}}, 10},
		{"overlapping, out of order", []SessionFacts{{Began: at(5), Ended: at(12)}, {Began: at(0), Ended: at(8)}}, 12},
		{"frozen", []SessionFacts{{Began: at(0), Ended: at(10), Frozen: at(4)}}, 4},
		{"lasting", []SessionFacts{{Began: at(50)}}, 10},
	} {
		if got := covered(c.all, limit); got != time.Duration(c.want)*time.Minute {
			t.Errorf("%s: got %s, want %d minutes", c.rule, got, c.want)
		}
	}
}

// witnessed has a witness cosign the newest checkpoint, and gives its public key.
func (w *world) witnessed(t *testing.T, name string) string {
	t.Helper()
	skey, vkey, err := proof.NewWitnessKey(name)
	if err != nil {
		t.Fatal(err)
	}
	by, err := proof.NewCosigner(skey, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	b, err := w.Ledger.Main().Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(string(b), "\n\n")
	signed, err := note.Sign(&note.Note{Text: text + "\n"}, by)
	if err != nil {
		t.Fatal(err)
	}
	if signed, err = proof.Merge(b, signed); err != nil {
		t.Fatal(err)
	}
	if err := w.Ledger.Cosign(t.Context(), signed); err != nil {
		t.Fatal(err)
	}
	return vkey
}

// TestAVerifierWantsItsOwnWitnesses, of a receipt out of either log and of none else's.
func TestAVerifierWantsItsOwnWitnesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.granted(t)
	one, two := w.witnessed(t, "w.one"), w.witnessed(t, "w.two")
	_, other, err := proof.NewWitnessKey("w.other")
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []*human{w.ann, w.aud} {
		r, err := w.Receipt(t.Context(), who.Principal, code, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			rule      string
			witnesses []string
			quorum    int
			holds     bool
		}{
			{"none asked", nil, 0, true},
			{"both of two", []string{one, two}, 2, true},
			{"two of three", []string{one, other, two}, 2, true},
			{"all of three", []string{one, other, two}, 3, false},
			{"one that did not", []string{other}, 1, false},
		} {
			p := w.pins()
			p.Witnesses, p.Quorum = c.witnesses, c.quorum
			steps, err := r.Verify(p)
			if bad := slices.Compact(failed(steps)); err != nil || (bad == nil) != c.holds || !c.holds && bad[0] != StepNote {
				t.Errorf("%s, %s: got %+v, %v", who.ID, c.rule, steps, err)
			}
		}
		p := w.pins()
		for rule, w := range map[string][]string{"one twice": {one, one}, "nobody": nil, "no key": {"x", "y"}} {
			if p.Witnesses, p.Quorum = w, 2; true {
				if _, err := r.Verify(p); err == nil {
					t.Errorf("pins of %s are read", rule)
				}
			}
		}
	}
}
