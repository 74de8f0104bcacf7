package ledger_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
)

// testdata/ledger-v1.json is what story wrote when this was written: every key
// and value, in hex.
func TestOldLedgersOpenForEver(t *testing.T) {
	j, err := os.ReadFile("testdata/ledger-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var old map[string]string
	if err := json.Unmarshal(j, &old); err != nil {
		t.Fatal(err)
	}
	b := &book{t: t, path: filepath.Join(t.TempDir(), "ledger.db"), o: options(t)}
	e, err := boltengine.Open(b.path)
	if err != nil {
		t.Fatal(err)
	}
	err = e.Update(t.Context(), func(w ledger.Writer) error {
		for k, v := range old {
			key, err := hex.DecodeString(k)
			if err != nil {
				return err
			}
			value, err := hex.DecodeString(v)
			if err != nil {
				return err
			}
			if err := w.Put(key, value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b.engine = e
	if err := b.reopen(); err != nil {
		t.Fatal(err)
	}
	defer b.close()
	if got := b.get("grant/x") + b.get("nonce/n") + b.get("other/y"); got != "revokedstill" {
		t.Errorf("got rows %q", got)
	}
	es := b.events()
	if len(es) != 5 || es[0].Private["why"] != "outage" || es[2].Actor != ledger.Erased {
		t.Errorf("got events %+v", es)
	}
	b.put("grant/x", "and they go on")
	if err := b.reopen(); err != nil {
		t.Error(err)
	}
}
