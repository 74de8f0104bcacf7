package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"
)

var (
	errOver  = errors.New("the transaction is over")
	errWrite = errors.New("a View does not write")
)

// A Tx is one transaction. It is over when the function it was given to
// returns, and is not for two goroutines at once.
//
// What is written waits until that function has returned nil; Get, Scan and
// Verified see it at once. All rows written in a transaction are committed to
// by the last event appended in it.
type Tx struct {
	l    *Ledger
	log  *tree
	w    Writer // nil in a View
	now  time.Time
	firm int64 // events before it are durable
	over bool

	rows   map[string]draft
	found  map[string]*found // what was read, see find
	events []Event
	erased []int64
	wrote  bool           // state, so that an event is due
	grown  map[string]tip // of customers whose logs this commit adds to, or tried to, as it was before: all its transactions share it
}

// A draft is a row as it will be.
type draft struct {
	value json.RawMessage
	gone  bool
}

func (l *Ledger) begin(t *tree) (*Tx, error) {
	now, err := l.clock.after(t.at)
	if err != nil {
		return nil, err
	}
	return &Tx{l: l, log: t, now: now, firm: t.N, rows: map[string]draft{}}, nil
}

func (tx *Tx) end() { tx.over = true }

// Now is the one time of the transaction, in UTC: never before the last event.
func (tx *Tx) Now() time.Time { return tx.now }

// Get reads the JSON of a row into v, and is false when there is none. It
// believes the store; what access rests on is read with Verified.
func (tx *Tx) Get(key string, v any) (bool, error) { return tx.get(key, v, false) }

// Verified is Get with proof: the row is committed to by the event it was last
// written with, and that event is in the log that this process has verified.
// Otherwise it returns ErrTampered. That the row is the newest version, and
// that an absent row was never there, it can tell of the kinds in
// Options.Newest; of the others only Check can. A row written in this
// transaction is believed.
func (tx *Tx) Verified(key string, v any) (bool, error) { return tx.get(key, v, true) }

func (tx *Tx) get(key string, v any, proof bool) (bool, error) {
	if err := tx.may(key); err != nil {
		return false, err
	}
	if d, ok := tx.rows[key]; ok {
		if d.gone {
			return false, nil
		}
		err := readRow(key, d.value, v)
		return err == nil, err
	}
	f, err := tx.find(key)
	if err == nil && f.raw == nil && proof && !tx.l.newest.holds(key, -1, tx.log.N) {
		err = tampered("row %s was removed", key)
	}
	if err != nil || f.raw == nil {
		return false, err
	}
	if proof {
		if err := tx.prove(key, f); err != nil {
			return false, err
		}
	}
	err = tx.decode(key, f.raw, f.row, v)
	return err == nil, err
}

// A found is what a transaction found under a key, which stays so as long as it
// lasts: what it writes itself is elsewhere, and nobody else writes meanwhile.
type found struct {
	raw    []byte // nil: there is none
	row    row    // of raw
	proven bool
}

const foundMost = 1000 // rows; of more, each is read again

// find reads a row once.
func (tx *Tx) find(key string) (*found, error) {
	if f := tx.found[key]; f != nil {
		return f, nil
	}
	b, err := tx.log.Get(rowAt(key))
	if err != nil {
		return nil, err
	}
	f := &found{raw: b}
	if b != nil {
		if f.row, err = parseRow(b); err != nil {
			return nil, tampered("row %s: %w", key, err)
		}
	}
	if tx.found == nil {
		tx.found = map[string]*found{}
	}
	if len(tx.found) < foundMost {
		tx.found[key] = f
	}
	return f, nil
}

// prove proves, once in a transaction, that the event which a row names wrote it.
func (tx *Tx) prove(key string, f *found) error {
	if f.proven {
		return nil
	}
	err := tx.proves(key, f.raw, f.row)
	f.proven = err == nil
	return err
}

// proves proves that event r.seq wrote the row, whose bytes are raw. A row that
// was proven before, with these bytes, needs no more than that its event is
// still there with its own.
func (tx *Tx) proves(key string, raw []byte, r row) error {
	if r.seq < 0 || r.seq >= tx.log.N {
		return tampered("row %s was edited: there is no event %d", key, r.seq)
	}
	if !tx.l.newest.holds(key, r.seq, tx.log.N) {
		return tampered("row %s is an old version that was put back", key)
	}
	was := tx.l.memory.row(key, raw)
	if was != nil && was.leaf != nil {
		if b, err := tx.log.Get(at(inLog, r.seq)); err == nil && bytes.Equal(b, was.leaf) {
			return nil
		}
	}
	f, leaf, err := tx.log.leaf(r.seq)
	if err != nil {
		return fmt.Errorf("row %s: %w", key, err)
	}
	want := r.mark(key)
	if got, ok := f.mark(want.Fold); !ok || got != want {
		return tampered("row %s was edited: event %d wrote something else", key, r.seq)
	}
	if r.seq < tx.firm {
		now := &recalled{raw: bytes.Clone(raw), leaf: bytes.Clone(leaf)}
		if was != nil {
			now.is, now.kind = was.is, was.kind
		}
		tx.l.memory.keep(key, now)
	}
	return nil
}

func readRow(key string, value []byte, v any) error {
	if err := json.Unmarshal(value, v); err != nil {
		return fmt.Errorf("read row %s: %w", key, err)
	}
	return nil
}

// decode reads the JSON of a row into v, or copies what these bytes were read
// as before. What it gives is the caller's own.
func (tx *Tx) decode(key string, raw []byte, r row, v any) error {
	to := reflect.ValueOf(v)
	if to.Kind() != reflect.Pointer || to.IsNil() || !to.Elem().IsZero() { // JSON leaves what it does not name as it was
		return readRow(key, r.value, v)
	}
	to = to.Elem()
	was := tx.l.memory.row(key, raw)
	if was != nil && was.is != nil {
		if from := reflect.ValueOf(was.is).Elem(); from.Type() == to.Type() {
			to.Set(from)
			was.kind.part(to)
			return nil
		}
	}
	if err := readRow(key, r.value, v); err != nil {
		return err
	}
	kind, ok := tx.l.memory.kind(to.Type())
	if r.seq < 0 || r.seq >= tx.firm || !ok {
		return nil
	}
	mine := reflect.New(to.Type())
	mine.Elem().Set(to)
	kind.part(mine.Elem())
	now := &recalled{is: mine.Interface(), kind: kind}
	if was != nil {
		now.raw, now.leaf = was.raw, was.leaf
	} else {
		now.raw = bytes.Clone(raw)
	}
	tx.l.memory.keep(key, now)
	return nil
}

// Put writes v as JSON under "kind/id".
func (tx *Tx) Put(key string, v any) error {
	if err := tx.mayWrite(key); err != nil {
		return err
	}
	b, err := json.Marshal(v)
	switch {
	case err != nil:
		return fmt.Errorf("write row %s: %w", key, err)
	case len(b) > maxValue:
		return fmt.Errorf("write row %s: %d bytes, at most %d", key, len(b), maxValue)
	}
	tx.rows[key], tx.wrote = draft{value: b}, true
	return nil
}

// Delete removes a row, or nothing when there is none.
func (tx *Tx) Delete(key string) error {
	if err := tx.mayWrite(key); err != nil {
		return err
	}
	tx.rows[key], tx.wrote = draft{gone: true}, true
	return nil
}

// Append adds an event to the log. Seq and At are the ledger's to set.
func (tx *Tx) Append(e Event) (int64, error) {
	if err := tx.writable(); err != nil {
		return 0, err
	}
	if err := e.check(); err != nil {
		return 0, err
	}
	return tx.append(e.clone()), nil
}

func (tx *Tx) append(e Event) int64 {
	e.Seq, e.At = tx.log.N+int64(len(tx.events)), tx.now
	tx.events = append(tx.events, e)
	return e.Seq
}

// Erase forgets the personal fields of an earlier event for ever. The event
// stays, and the last one appended in this transaction says that it was done.
func (tx *Tx) Erase(seq int64) error {
	if err := tx.writable(); err != nil {
		return err
	}
	if seq < 0 || seq >= tx.log.N {
		return fmt.Errorf("erase: there is no event %d: the log has %d", seq, tx.log.N)
	}
	b, err := tx.log.Get(at(inBeside, seq))
	if err != nil {
		return err
	}
	tx.wrote = true
	if b != nil { // else it is done
		tx.erased = append(tx.erased, seq)
	}
	return nil
}

func (tx *Tx) may(key string) error {
	if tx.over {
		return errOver
	}
	return checkKey(key)
}

func (tx *Tx) writable() error {
	switch {
	case tx.over:
		return errOver
	case tx.w == nil:
		return errWrite
	}
	return nil
}

func (tx *Tx) mayWrite(key string) error {
	if err := tx.writable(); err != nil {
		return err
	}
	return checkKey(key)
}
