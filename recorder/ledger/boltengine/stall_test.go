package boltengine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"lockbox/recorder/ledger"
)

// hangs is a disk that has taken all of a commit, its head too, and then says
// nothing until it is let.
func hangs(reached chan<- struct{}, let <-chan struct{}) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error {
		db := tx.DB()
		db.NoSync = true
		err := tx.Commit()
		reached <- struct{}{}
		<-let
		return errors.Join(err, db.Sync())
	}
}

func TestAHungDiskStopsNobodyButWriters(t *testing.T) {
	e, _ := open1(t)
	put(t, e, "k", "old")
	reached, let := make(chan struct{}), make(chan struct{})
	e.flush = hangs(reached, let)
	ctx, stop := context.WithCancel(t.Context())
	said := make(chan error)
	go func() {
		said <- e.Update(ctx, func(w ledger.Writer) error { return w.Put([]byte("k"), []byte("new")) })
	}()
	<-reached
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if got := dump(t, e, ""); got != "k=old" {
				t.Errorf("a View sees what is not durable: %s", got)
			}
		})
	}
	wg.Wait()
	if got := copied(t, e); got != "k=old" {
		t.Errorf("a copy holds what is not durable: %s", got)
	}
	late, end := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer end()
	if err := e.Update(late, func(ledger.Writer) error { t.Error("two write"); return nil }); err != context.DeadlineExceeded {
		t.Errorf("a second Update: got %v, want its deadline", err)
	}
	stop()
	if err := <-said; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "not known yet") {
		t.Errorf("the Update that the disk keeps: got %v", err)
	}
	e.flush = (*bbolt.Tx).Commit // the one under way keeps its own
	close(let)
	put(t, e, "l", "after")
	if got := dump(t, e, ""); got != "k=new l=after" {
		t.Errorf("after the disk came back: got %s", got)
	}
}

func TestADiskThatHungAndThenFailedIsNotTrusted(t *testing.T) {
	e, _ := open1(t)
	reached, let := make(chan struct{}), make(chan struct{})
	e.flush = func(tx *bbolt.Tx) error {
		return errors.Join(hangs(reached, let)(tx), errOwn)
	}
	ctx, stop := context.WithCancel(t.Context())
	said := make(chan error)
	go func() {
		said <- e.Update(ctx, func(w ledger.Writer) error { return w.Put([]byte("k"), nil) })
	}()
	<-reached
	stop()
	if err := <-said; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(let)
	if err := e.Update(t.Context(), func(ledger.Writer) error { t.Error("it writes"); return nil }); !errors.Is(err, errOwn) {
		t.Errorf("the next Update: got %v, want what the disk said", err)
	}
	if err := e.View(t.Context(), func(ledger.Reader) error { t.Error("it reads"); return nil }); !errors.Is(err, errOwn) {
		t.Errorf("the next View: got %v, want what the disk said", err)
	}
}

func TestViewsSeeAllThatWasSaidAndNothingThatIsNotDurable(t *testing.T) {
	e, _ := open1(t)
	var durable, said atomic.Uint64
	last := uint64(0)
	e.flush = func(tx *bbolt.Tx) error { // Views may look between the head's being written and its being synced
		db := tx.DB()
		db.NoSync = true
		err := errors.Join(tx.Commit(), db.Sync())
		durable.Store(last)
		return err
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for ctx.Err() == nil {
				least, n := said.Load(), uint64(0)
				err := e.View(t.Context(), func(r ledger.Reader) error {
					b, err := r.Get([]byte("n"))
					if b != nil {
						n = binary.BigEndian.Uint64(b)
					}
					return err
				})
				if most := durable.Load(); err != nil || n < least || n > most {
					t.Errorf("a View sees %d, of %d said and %d durable: %v", n, least, most, err)
					return
				}
			}
		})
	}
	for last = 1; last <= 300; last++ {
		put(t, e, "n", string(binary.BigEndian.AppendUint64(nil, last)))
		said.Store(last)
	}
	stop()
	wg.Wait()
}

func TestAViewThatStaysKeepsItsStateAndNobodyWaits(t *testing.T) {
	e, _ := open1(t)
	put(t, e, "k", "first")
	for n := range 3 {
		err := e.View(t.Context(), func(r ledger.Reader) error {
			for i := range 40 { // grows the file, and writes over every page it may
				put(t, e, "k", fmt.Sprint("later ", n), "large", strings.Repeat("x", 1<<20+i))
			}
			got, err := r.Get([]byte("k"))
			if n == 0 && string(got) != "first" || n > 0 && string(got) != fmt.Sprint("later ", n-1) {
				t.Errorf("View %d: got %s", n, got)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	put(t, e, "k", "last")
	if n := len(e.earlier); n > 0 {
		t.Errorf("%d snapshots that nobody reads are kept", n)
	}
}

// copied is what a Copy holds, opened as a file of its own.
func copied(t *testing.T, e *Engine) string {
	t.Helper()
	var b bytes.Buffer
	n, err := e.Copy(t.Context(), &b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("Copy: %d bytes of %d, %v", n, b.Len(), err)
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return dump(t, c, "")
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestACopyIsWholeWhileOthersWrite(t *testing.T) {
	e, path := open1(t)
	both := func(n int) { put(t, e, "a", fmt.Sprint(n), "x", strings.Repeat("x", n<<10), "z", fmt.Sprint(n)) }
	both(0)
	to, err := os.OpenFile(path+".copy", os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = to.Close() }()
	n := 0
	_, err = e.Copy(t.Context(), writerFunc(func(b []byte) (int, error) {
		n++
		both(n) // the one who takes it is slow, and nobody waits
		return to.Write(b)
	}))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(path + ".copy")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if got := dump(t, c, ""); got != "a=0 x= z=0" {
		t.Errorf("got %.60s, want it as it was when the copy began", got)
	}
	if got := copied(t, e); !strings.HasPrefix(got, fmt.Sprintf("a=%d ", n)) || !strings.HasSuffix(got, fmt.Sprintf("z=%d", n)) {
		t.Errorf("got %.60s, want a and z to be %d", got, n)
	}
	if _, err := e.Copy(t.Context(), writerFunc(func([]byte) (int, error) { return 0, errOwn })); !errors.Is(err, errOwn) {
		t.Errorf("got %v, want the writer's error", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	if _, err := e.Copy(ctx, writerFunc(func(b []byte) (int, error) { stop(); return len(b), nil })); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the end of ctx", err)
	}
}
