package proof

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// A Growth proves that one tree is the beginning of another (RFC 6962 §2.1.2).
type Growth struct {
	Old   int64          `json:"old"` // entries
	Proof tlog.TreeProof `json:"proof"`
}

// Holds says that newer only added to older. Both must be opened.
func (g Growth) Holds(older, newer Checkpoint) error {
	switch {
	case older.Origin != newer.Origin:
		return fmt.Errorf("these are checkpoints of two logs, %q and %q", older.Origin, newer.Origin)
	case g.Old != older.N:
		return fmt.Errorf("the proof begins at %d entries, the older checkpoint has %d", g.Old, older.N)
	case newer.N < older.N:
		return fmt.Errorf("the log went back from %d entries to %d", older.N, newer.N)
	case newer.N == older.N && newer.Hash != older.Hash:
		return fmt.Errorf("there are two logs with %d entries", older.N)
	case (newer.N == older.N || older.N == 0) && len(g.Proof) > 0:
		return errors.New("the proof has hashes where none is needed")
	case newer.N == older.N, older.N == 0:
		return nil
	}
	if err := tlog.CheckTree(g.Proof, newer.N, newer.Hash, older.N, older.Hash); err != nil {
		return fmt.Errorf("the first %d entries are not what they were: %w", older.N, err)
	}
	return nil
}
