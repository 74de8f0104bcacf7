package gateway_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
)

// A manifest is in the clear, at the store's and the customers' too, and nobody
// can take a person out of it (F24 of attacks.md).
func TestWhatIsSignedInTheClearNamesNobody(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	v.End(&gateway.Ending{Code: policy.WasRevoked, Why: "the session was ended by Ann Board: she saw Eng read 010190-1234"})
	v.Leave()
	folder, err := recorder.Find(w.Shelf.Dir, v.Session.ID)
	must(t, err)
	m, err := os.ReadFile(filepath.Join(folder, "manifest"))
	must(t, err)
	if strings.Contains(string(m), "Ann") || strings.Contains(string(m), "1234") {
		t.Errorf("got %s", m)
	}
}

// What a rule takes out of the recording is not in the log, nor on a receipt.
func TestACommandIsRedactedInTheLogToo(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	_, err := v.Track(recorder.Header{Kind: "exec", Command: "backup --password=hunter2hunter2", Redact: policy.RedactTokens})
	must(t, err)
	v.Leave()
	var stay json.RawMessage
	must(t, w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
		_, err := tx.Get("session/"+v.Session.ID, &stay)
		return err
	}))
	if !strings.Contains(string(stay), "backup") || strings.Contains(string(stay), "hunter2") {
		t.Errorf("got %s", stay)
	}
}
