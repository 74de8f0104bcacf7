package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"lockbox/recorder/ledger"
	"lockbox/recorder/proof"
)

// A Mark lies beside a ledger that was restored, until it starts. It is for that
// ledger, as it ended then, and no other.
type Mark struct {
	Size   int64     `json:"size"` // of the ledger's log
	Root   string    `json:"root"`
	Made   time.Time `json:"made,omitzero"` // when the backup was; zero: the file was put back by hand
	At     time.Time `json:"at"`            // restored
	By     string    `json:"by"`
	Accept bool      `json:"accept,omitempty"` // what others hold beyond it is lost, and it may start all the same
	Why    string    `json:"why,omitempty"`
}

// MarkPath is where the mark of a ledger is.
func MarkPath(store string) string { return store + ".restored" }

// MarkFor is a mark for the ledger as it is.
func MarkFor(l *ledger.Ledger) (Mark, error) {
	c, err := proof.Peek(l.Checkpoint()) // which l verified
	return Mark{Size: c.N, Root: c.Hash.String()}, err
}

// Write puts the mark beside the ledger, and on the disk.
func (m Mark) Write(store string) error {
	b, err := json.Marshal(m)
	if err == nil {
		err = replace(MarkPath(store), append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("mark the ledger as restored: %w", err)
	}
	return nil
}

// ReadMark finds the mark of a ledger; nil where there is none.
func ReadMark(store string) (*Mark, error) {
	b, err := os.ReadFile(MarkPath(store))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the mark of a restored ledger: %w", err)
	}
	m, err := parseMark(b)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w: restore the backup again", MarkPath(store), err)
	}
	return &m, nil
}

func parseMark(b []byte) (m Mark, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, err
	}
	again, err := json.Marshal(m)
	switch {
	case err != nil:
		return m, err
	case string(again)+"\n" != string(b):
		return m, errors.New("it is not written as Lockbox writes it")
	case m.Size < 0 || m.By == "" || m.Accept && m.Why == "":
		return m, errors.New("it does not say of what, by whom or why")
	}
	return m, nil
}

// restoredEvent is the kind of the event that says that a ledger was restored.
const restoredEvent = "ledger.restored"

// lossPrefix is of the rows of losses that were accepted, by the Seq of their event.
const lossPrefix = "restored/"

// A loss is a row: what is held that this ledger will never lead to.
type loss struct {
	Points []string  `json:"points"`
	At     time.Time `json:"at"`
}

// losses are the checkpoints of all losses that were accepted, proven.
func losses(ctx context.Context, l *ledger.Ledger) (map[string]bool, error) {
	all := map[string]bool{}
	err := l.View(ctx, func(tx *ledger.Tx) error {
		var keys []string
		err := tx.Scan(lossPrefix, func(key string, _ json.RawMessage) (bool, error) {
			keys = append(keys, key)
			return true, nil
		})
		if err != nil {
			return err
		}
		for _, key := range keys {
			var one loss
			if _, err := tx.Verified(key, &one); err != nil {
				return err
			}
			for _, p := range one.Points {
				all[p] = true
			}
		}
		return nil
	})
	return all, err
}

// A Start is a ledger that starts after somebody may have put it back.
type Start struct {
	Ledger    *ledger.Ledger
	Reader    Reader
	Store     string // its path
	Customers []string
	// End ends everything that was open when the backup was made. It runs in the
	// transaction that says so.
	End func(tx *ledger.Tx, why string) error
}

// Settle lets the ledger go on where it leads to all that is held. Where it was
// restored, everything that was open in it ends first: none of it is known to
// be so still. A *Rewound says that it may not go on.
func (s Start) Settle(ctx context.Context, held []Held) error {
	mark, err := ReadMark(s.Store)
	if err != nil {
		return err
	}
	done := false
	if mark != nil {
		if done, err = s.mine(ctx, *mark); err != nil {
			return err
		}
	}
	bad, err := Compare(ctx, s.Ledger, s.Reader, held)
	switch {
	case err != nil:
		return err
	case bad != nil && (mark == nil || !mark.Accept || done):
		return bad
	case mark == nil:
		return nil
	}
	if !done {
		if err := s.end(ctx, *mark, bad); err != nil {
			return err
		}
	}
	// The head first: until the mark is gone, all of this is done again.
	head := &Head{Ledger: s.Ledger, Path: HeadPath(s.Store)}
	return errors.Join(head.Write(), os.Remove(MarkPath(s.Store)), syncDir(filepath.Dir(s.Store)))
}

// mine says whether the mark was turned into its event already, and refuses one
// of another ledger.
func (s Start) mine(ctx context.Context, m Mark) (done bool, err error) {
	c, err := proof.Peek(s.Ledger.Checkpoint())
	if err != nil {
		return false, err
	}
	if c.N == m.Size && c.Hash.String() == m.Root {
		return false, nil
	}
	if c.N > m.Size {
		next, err := s.Ledger.After(ctx, m.Size-1, 1)
		if err != nil {
			return false, err
		}
		if len(next) == 1 && next[0].Kind == restoredEvent && next[0].Detail["root"] == m.Root {
			return true, nil
		}
	}
	return false, fmt.Errorf("%s is of another ledger than the one beside it: restore the backup again", MarkPath(s.Store))
}

// end writes the event and ends everything, at once.
func (s Start) end(ctx context.Context, m Mark, bad *Rewound) error {
	one := loss{Points: []string{}}
	var who []string
	if bad != nil {
		for _, h := range bad.Held {
			one.Points = append(one.Points, point(h.Checkpoint))
			who = append(who, h.By)
		}
	}
	made := "unknown"
	if !m.Made.IsZero() {
		made = m.Made.UTC().Format(time.RFC3339)
	}
	return s.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		seq, err := tx.Append(ledger.Event{ // the first: mine looks for it
			Kind: restoredEvent, Actor: m.By, Customers: s.Customers,
			Detail: map[string]string{
				"size": fmt.Sprint(m.Size), "root": m.Root, "backup-made": made, "restored": m.At.UTC().Format(time.RFC3339),
				"lost": strings.Join(one.Points, " "), "accepted": fmt.Sprint(m.Accept),
			},
			Private: map[string]string{"why": m.Why, "held-by": strings.Join(who, "; ")},
		})
		if err != nil {
			return err
		}
		one.At = tx.Now()
		if err := tx.Put(fmt.Sprintf("%s%020d", lossPrefix, seq), one); err != nil {
			return err
		}
		return s.End(tx, "the ledger was restored from an older backup")
	})
}
