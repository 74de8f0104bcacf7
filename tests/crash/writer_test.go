package crash

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
	"lockbox/tests/door"
	"lockbox/tests/engine"
)

// Environment of the process that writes: this program, started again.
const (
	pathEnv = "CRASH_TEST_PATH"
	eachEnv = "CRASH_TEST_EACH" // one writer, which stops after so many updates; empty: all, which never stop
)

const (
	writers   = 8
	customers = 3
)

func TestMain(m *testing.M) {
	door.Serve()
	if text := os.Getenv(recordEnv); text != "" {
		if err := record(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	path := os.Getenv(pathEnv)
	if path == "" {
		os.Exit(m.Run())
	}
	each := 0
	_, _ = fmt.Sscan(os.Getenv(eachEnv), &each) // 0 when there is none
	if err := write(path, each); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func openAt(path string) (*ledger.Ledger, error) {
	o, err := engine.Options()
	if err != nil {
		return nil, err
	}
	o.Newest = []string{"count/"}
	e, err := boltengine.Open(path)
	if err != nil {
		return nil, err
	}
	l, err := ledger.Open(context.Background(), e, o)
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return l, nil
}

// A load is what writes, and tells what is acknowledged: a line "w writer n
// seq erased" for each Update that returned, "c checkpoint" for each
// checkpoint that was given out.
type load struct {
	l  *ledger.Ledger
	mu sync.Mutex // guards out
}

func write(path string, each int) error {
	l, err := openAt(path)
	if err != nil {
		return err
	}
	w := &load{l: l}
	errs := make([]error, writers)
	var wg sync.WaitGroup
	some := writers
	if each > 0 {
		some = 1
	}
	for i := range some {
		wg.Go(func() { errs[i] = w.run(i, each) })
	}
	wg.Wait()
	return errors.Join(append(errs, l.Close())...)
}

func (w *load) run(i, each int) error {
	old := int64(-1) // an event of ours that is not erased
	for done := 0; each == 0 || done < each; done++ {
		n, seq, erased := 0, int64(0), int64(-1)
		err := w.l.Update(context.Background(), func(tx *ledger.Tx) (err error) {
			n, seq, erased, err = step(tx, i, old)
			return err
		})
		if refused(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("writer %d: %w", i, err)
		}
		w.say("w %d %d %d %d", i, n, seq, erased)
		if n%25 == i {
			if err := w.l.Beat(context.Background()); err != nil && !refused(err) {
				return fmt.Errorf("heartbeat: %w", err)
			}
		}
		if n%3 == 0 {
			old = seq
		}
		if erased >= 0 {
			old = -1
		}
		if n%4 == i%4 {
			w.say("c %s", base64.StdEncoding.EncodeToString(w.l.Checkpoint()))
		}
	}
	return nil
}

// refused is for want of room: the ledger goes on.
func refused(err error) bool {
	return err != nil && strings.Contains(err.Error(), "nothing was written")
}

func (w *load) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = fmt.Printf(format+"\n", args...) // nobody listens any more: we are about to end
}

// step counts by one, writes and deletes rows beside, says so in an event that
// concerns customers, and erases the event old if there is one.
func step(tx *ledger.Tx, i int, old int64) (n int, seq, erased int64, err error) {
	erased = -1
	if _, err = tx.Verified(fmt.Sprint("count/", i), &n); err != nil {
		return n, 0, erased, err
	}
	n++
	err = errors.Join(tx.Put(fmt.Sprint("count/", i), n), tx.Put(fmt.Sprintf("row/%d/%d", i, n%16), strings.Repeat("x", n%1500)))
	if n%5 == 0 {
		err = errors.Join(err, tx.Delete(fmt.Sprintf("row/%d/%d", i, (n+7)%16)))
	}
	if n%5 == 1 && old >= 0 {
		erased = old
		err = errors.Join(err, tx.Erase(old))
	}
	if err != nil {
		return n, 0, erased, err
	}
	e := ledger.Event{Kind: "did", Actor: fmt.Sprint("writer ", i), Private: map[string]string{"reason": fmt.Sprint("because ", n)},
		Detail: map[string]string{"writer": fmt.Sprint(i), "n": fmt.Sprint(n)}}
	for c := range customers {
		if (n+i)%(c+2) == 0 {
			e.Customers = append(e.Customers, fmt.Sprint("c", c))
		}
	}
	seq, err = tx.Append(e)
	return n, seq, erased, err
}
