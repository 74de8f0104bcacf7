package ledger

import (
	"context"
	"errors"
	"io"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/proof"
)

// A Log is one of the logs of a ledger: the main one, which holds everything,
// or a customer's, which holds what concerns that customer and names no other.
// Each time a customer's log grows, its head becomes an entry of the main log.
type Log struct {
	l        *Ledger
	customer string // "" is the main log
}

// Main is the log that holds everything.
func (l *Ledger) Main() Log { return Log{l: l} }

// Of is the log of a customer; of one that nothing concerned yet, it is empty.
func (l *Ledger) Of(customer string) Log { return Log{l, customer} }

// Origin is the log's name: "lockbox.example", of a customer "lockbox.example/c/nord".
func (g Log) Origin() string {
	if g.customer == "" {
		return g.l.o.Origin
	}
	return g.l.o.Origin + "/c/" + g.customer
}

var errNotBuilt = errors.New("not built")

// An Entry is a leaf with what proves that its log has it.
type Entry struct {
	Leaf  []byte          `json:"leaf"`
	Proof proof.Inclusion `json:"proof"`
}

// A Proven is a part of one log under one checkpoint of it.
type Proven struct {
	Entries []Entry `json:"entries"`
	// Head is, of a customer's log, the entry of the main log that holds the
	// checkpoint of Entries; nil of the main log.
	Head *Entry `json:"head,omitempty"`
}

// Checkpoint is the log's newest: of the main log with the cosignatures that are held.
func (g Log) Checkpoint(context.Context) ([]byte, error) { return nil, errNotBuilt }

// Prove proves events, named by their Seq in the main log, which all must stand in this log.
func (g Log) Prove(_ context.Context, seqs ...int64) (Proven, error) { return Proven{}, errNotBuilt }

// Growth proves that the log's newest checkpoint, which it gives, grew from its first old entries.
func (g Log) Growth(_ context.Context, old int64) (proof.Growth, []byte, error) {
	return proof.Growth{}, nil, errNotBuilt
}

// After gives the log's events that follow the entry at index after, as Ledger.After does; Seq is the index in this log.
func (g Log) After(_ context.Context, after int64, limit int) ([]Event, error) {
	return nil, errNotBuilt
}

// Export writes the whole log as a tar of C2SP tlog-tiles, the same bytes for the same checkpoint.
func (g Log) Export(context.Context, io.Writer) error { return errNotBuilt }

// Beat appends a heartbeat to the main log: one root over the heads of all customers' logs.
func (l *Ledger) Beat(context.Context) error { return errNotBuilt }

// A Beat is a heartbeat, and where the head of one customer's log is in it.
type Beat struct {
	Entry Entry            `json:"entry"` // of the main log
	Size  int64            `json:"size"`  // of the customer's log then
	Root  tlog.Hash        `json:"root"`
	Index int64            `json:"index"` // of the customer among the heads
	Path  tlog.RecordProof `json:"path"`
	Heads int64            `json:"heads"`
}

// Beat gives the first heartbeat at or after an instant.
func (g Log) Beat(_ context.Context, at time.Time) (Beat, error) { return Beat{}, errNotBuilt }

// Cosign keeps a checkpoint of the main log with the cosignatures of
// witnesses, which the caller has verified. It is no event, and no state.
func (l *Ledger) Cosign(context.Context, []byte) error { return errNotBuilt }

// Extends says whether the log goes on from a checkpoint of it that somebody
// holds. ErrRewound says that it does not: the ledger is older, or another one.
func (l *Ledger) Extends(context.Context, proof.Checkpoint) error { return errNotBuilt }

// ErrRewound says that somebody holds a checkpoint that this ledger does not lead to.
var ErrRewound = errors.New("somebody holds a later past of this ledger than it has itself")
