package approvals

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/ledger"
	"lockbox/recorder/proof"
)

func TestASessionThatOnlyWentOnInAMonthIsAccess(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	c := &monthly{from: from, to: from.AddDate(0, 1, 0)}
	c.access([]ledger.Leaf{{Kind: "session.extended", At: from.Add(time.Hour), Subjects: []string{"s", "a", "b", "db"}, Detail: map[string]string{"to": "b"}}})
	if len(c.facts.Access) != 1 || c.facts.Access[0].ID != "s" || strings.HasPrefix(c.steps[0].Text, "no access") {
		t.Errorf("got %+v, %+v", c.facts, c.steps)
	}
}

func TestAnEntryIsBetweenTheHeartbeatsOfItsStatement(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	c := &monthly{beats: [2]ledger.Leaf{{Kind: "log.heartbeat", Seq: 10, At: noon}, {Kind: "log.heartbeat", Seq: 20, At: noon.Add(time.Hour)}}}
	for _, tt := range []struct {
		name string
		main int64
		at   time.Duration
		ok   bool
	}{
		{"between", 15, time.Minute, true},
		{"of the commit of the first", 9, -10 * time.Millisecond, true},
		{"before the first", 15, -2 * time.Second, false},
		{"after the second", 15, time.Hour + time.Second, false},
		{"later in the main log than the second", 20, time.Minute, false},
	} {
		if err := c.between(ledger.Leaf{Main: &tt.main, At: noon.Add(tt.at)}); (err == nil) != tt.ok {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
}

// TestTwoTreesOfOneSizeAreEvidenceAndNoProof, whatever is proven under each.
func TestTwoTreesOfOneSizeAreEvidenceAndNoProof(t *testing.T) {
	t.Parallel()
	skey, vkey, err := note.GenerateKey(rand.Reader, "log.test")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLogs(Pinned{Log: "log.test", LogKey: vkey})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", "two trees of 7 entries"} {
		b, err := proof.Sign("log.test", tlog.Tree{N: 7, Hash: tlog.Hash{byte(i)}}, signer)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := l.opened("", b, nil); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("tree %d: got %v, want %q", i, err, want)
			}
		}
	}
}

// TestNoHeartbeatHasAnEmptyLog: one that is said to would hide all of a month.
func TestNoHeartbeatHasAnEmptyLog(t *testing.T) {
	t.Parallel()
	text := proof.Text("log.test/c/nord", tlog.Tree{Hash: tlog.Hash{1}})
	root := tlog.RecordHash([]byte(text))
	f := ledger.Leaf{Kind: "log.heartbeat", Detail: map[string]string{"customers": "1", "root": root.String()}}
	if err := (ledger.Beat{Root: tlog.Hash{1}, Heads: 1}).Holds(f, "log.test/c/nord"); err == nil {
		t.Error("it holds")
	}
	f.Detail["customers"] = "9223372036854775807"
	if _, _, ok := f.Beat(); ok {
		t.Error("a heartbeat is over more customers than can be counted")
	}
}

// TestAHeartbeatRightAfterAMonthIsNotItsEnd: what came in the commit before it may not be under it yet.
func TestAHeartbeatRightAfterAMonthIsNotItsEnd(t *testing.T) {
	t.Parallel()
	w, first, second := months(t)
	w.later(begins(t, second).Sub(w.now(t)) + time.Second) // by whole seconds
	beat := w.now(t)
	if err := w.Ledger.Beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := w.Statement(t.Context(), w.ann.Principal, "nord", first)
	if early := beat.Sub(begins(t, second)) < settled; early != (err != nil) || early && !strings.Contains(err.Error(), "next heartbeat is not written yet") {
		t.Errorf("the heartbeat of %s: got %v", beat, err)
	}
	w.later(time.Second)
	if err := w.Ledger.Beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	m, err := w.Statement(t.Context(), w.ann.Principal, "nord", first)
	if err != nil {
		t.Fatal(err)
	}
	if steps, err := m.Verify(w.pins()); err != nil || failed(steps) != nil {
		t.Errorf("got %+v, %v", steps, err)
	}
}
