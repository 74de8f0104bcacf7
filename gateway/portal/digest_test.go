package portal

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/recorder/ledger"
)

const testWeek = "2026-W46"

func (s *stage) week(done ...approvals.Done) string {
	s.t.Helper()
	return keepWeek(s.t, s.World.Ledger, done...)
}

// keepWeek keeps the digest of a week, once.
func keepWeek(t testing.TB, l *ledger.Ledger, done ...approvals.Done) string {
	t.Helper()
	from := time.Date(2026, 11, 9, 0, 0, 0, 0, time.UTC)
	body, err := json.Marshal(approvals.Digest{Format: "lockbox-digest/v1", Week: testWeek, From: from, To: from.AddDate(0, 0, 7), Asked: 4, Approved: 2, Declined: 1, Expired: 1,
		Done: done, Unread: []string{"01JABCDEFGHJKMNPQRSTVWXYZ0"}, Unreviewed: []string{"2026-W45"}})
	must(t, err)
	must(t, l.Update(t.Context(), func(tx *ledger.Tx) error {
		if ok, err := tx.Get("digest/"+testWeek, new(json.RawMessage)); err != nil || ok {
			return err
		}
		_, err := tx.Append(ledger.Event{Kind: "digest.made", Actor: "lockbox", Subjects: []string{testWeek}})
		if err != nil {
			return err
		}
		return tx.Put("digest/"+testWeek, map[string]any{"body": body, "made": tx.Now()})
	}))
	return testWeek
}

// TestTwoExecutivesSignThatTheyReadAWeek, each once, with their passkey; the page
// shows what was said beside what was done, and who has read it.
func TestTwoExecutivesSignThatTheyReadAWeek(t *testing.T) {
	s := newStage(t)
	code := cell{stage: s}.grant()
	at := "/digest/" + s.week(approvals.Done{Code: code, Sessions: []string{"01JABCDEFGHJKMNPQRSTVWXYZ0"}, Long: 9 * time.Minute, Terminals: 1, Commands: 3, Files: 2, Moved: 4096, Recorded: 70_000})
	ceo, cto := s.visitor(s.Ceo), s.visitor(s.Cto)
	page := ceo.get(at).body
	for _, want := range []string{"commands: 3", "files: 2, bytes of them: 4096", s.Eng.Name, "2 executives have to sign", "2026-W45", "Nobody has signed yet"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if got := ceo.sign(ceo.post(at, "do", "review").sheet()); got.status != 200 {
		t.Fatalf("it cannot be signed: %d %s", got.status, got.body)
	}
	if page = cto.get(at).body; !strings.Contains(page, s.Ceo.Name) || !strings.Contains(page, "One more executive has to sign") || !strings.Contains(page, "I have read it") {
		t.Error("the second executive does not see the first one's mark")
	}
	if got := ceo.post(at, "do", "review"); got.status != 422 {
		t.Errorf("one executive signed twice: %d", got.status)
	}
	if got := cto.sign(cto.post(at, "do", "review").sheet()); got.status != 200 {
		t.Fatalf("the second cannot sign: %d", got.status)
	}
	if page = ceo.get(at).body; !strings.Contains(page, "Read by as many executives as it takes") || strings.Contains(page, "I have read it") {
		t.Error("two signatures are not enough")
	}
}
