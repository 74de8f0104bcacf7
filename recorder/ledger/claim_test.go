package ledger_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"lockbox/recorder/ledger"
)

// Rows that say that they were written very often must not keep Check from saying what it found.
func TestManyRowsThatSayTheyWereWrittenOftenAreCaughtSoon(t *testing.T) {
	b := newBook(t)
	b.fill(1000)
	b.edit(func(w ledger.Writer) (err error) {
		for i := range 20000 {
			v := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64([]byte{1}, 0), 1000)
			v = append(binary.BigEndian.AppendUint64(v, uint64(i)), make([]byte, 8+16)...)
			err = errors.Join(err, w.Put(ledger.RowAt(fmt.Sprintf("grant/%d", i)), append(v, "1"...)))
		}
		return err
	})
	ctx, stop := context.WithTimeout(t.Context(), 4*time.Second)
	defer stop()
	caught(t, "Check", b.Check(ctx), "was not written by any event")
}
