package boltengine

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"lockbox/recorder/ledger"
)

func TestAFileIsWholeWhateverItsFreePagesHold(t *testing.T) {
	e, path := open1(t)
	noise := strings.Repeat("\xff", 1<<20) // once freed, its pages look like pages that never end
	put(t, e, "large", noise)
	for i := range 5 {
		put(t, e, fmt.Sprintf("small/%d", i), noise[:5000*i])
		err := e.Update(t.Context(), func(w ledger.Writer) error { return w.Delete([]byte("large")) })
		if err := errors.Join(err, e.Close()); err != nil {
			t.Fatal(err)
		}
		if e, err = Open(path); err != nil {
			t.Fatalf("after %d: %v", i, err)
		}
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}
