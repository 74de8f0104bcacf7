package ledger

import (
	"strings"
	"sync"
)

// A newest remembers which event last wrote each row of some kinds, so that an
// old version of one that is put back behind the ledger's back is not believed
// while the process runs. Check knows it of all rows, but reads everything.
type newest struct {
	kinds []string // "grant/"
	mu    sync.Mutex
	rows  map[string]written // guarded by mu
}

type written struct {
	seq  int64
	gone bool
}

func (n *newest) knows(key string) bool {
	for _, k := range n.kinds {
		if strings.HasPrefix(key, k) {
			return true
		}
	}
	return false
}

// note remembers what event seq writes. It is told before the commit: a
// transaction that does not see the event yet does not ask about it.
func (n *newest) note(seq int64, rows map[string]draft) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for key, d := range rows {
		if n.knows(key) {
			n.rows[key] = written{seq, d.gone}
		}
	}
}

// holds says whether a row last written with event seq (-1: there is none) is
// the newest that a transaction over a log of size events can see.
func (n *newest) holds(key string, seq, size int64) bool {
	if !n.knows(key) {
		return true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	w, ok := n.rows[key]
	switch {
	case !ok:
		return seq < 0
	case w.seq >= size: // written after what this transaction sees
		return true
	case w.gone:
		return seq < 0
	}
	return w.seq == seq
}

// learn reads what stands in a store that Check has found whole.
func (n *newest) learn(t *tree) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, kind := range n.kinds {
		err := t.Scan(rowAt(kind), func(k, v []byte) (bool, error) {
			r, err := parseRow(v)
			if err == nil {
				n.rows[string(k[len(rowAt("")):])] = written{seq: r.seq}
			}
			return true, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
