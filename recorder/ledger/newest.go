package ledger

import (
	"hash/maphash"
	"strings"
	"sync"
)

// A newest remembers which event last wrote each row of some kinds, so that an
// old version of one that is put back behind the ledger's back is not believed
// while the process runs. Check knows it of all rows, but reads everything.
//
// It knows a row by 64 bits of a hash whose seed nobody sees. Among 3 million
// rows two have the same with a chance of (3·10⁶)²/2 / 2⁶⁴ < 10⁻⁶; the older of
// the two is then refused until a restart. A row that was never there has that
// of another with 3·10⁶/2⁶⁴ < 10⁻¹², and is refused too. For a removed row to be
// taken for absent, that one row must share its bits with a row that was deleted
// since the start: nobody can aim at it.
type newest struct {
	kinds []string // "grant/"
	seed  maphash.Seed

	mu     sync.Mutex
	rows   map[uint64]written // guarded by mu, as all below
	since  int64              // events when the rows were read: of later ones others may know more
	undo   []undo             // of the commit whose outcome is not known yet
	signed []byte             // its checkpoint
}

// written is the event that last wrote a row; less than 0, -1-event, one that deleted it.
type written int64

func (w written) seq() int64 { return max(int64(w), -1-int64(w)) }

type undo struct {
	row uint64
	was written
	had bool
}

func newNewest(kinds []string) newest {
	return newest{kinds: kinds, seed: maphash.MakeSeed(), rows: map[uint64]written{}}
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
		if !n.knows(key) {
			continue
		}
		id := maphash.String(n.seed, key)
		was, had := n.rows[id]
		n.undo = append(n.undo, undo{id, was, had})
		n.rows[id] = written(seq)
		if d.gone {
			n.rows[id] = written(-1 - seq)
		}
	}
}

// sign tells with which checkpoint that which was noted will be there.
func (n *newest) sign(note []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.signed = note
}

// settle takes back what was noted for a commit that did not happen, as the
// checkpoint shows that the next one found.
func (n *newest) settle(found []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if string(found) != string(n.signed) {
		for i := len(n.undo) - 1; i >= 0; i-- {
			if u := n.undo[i]; u.had {
				n.rows[u.row] = u.was
			} else {
				delete(n.rows, u.row)
			}
		}
	}
	n.undo, n.signed = nil, nil
}

// holds says whether a row last written with event seq (-1: there is none) is
// the newest that a transaction over a log of size events can see. That the
// event wrote it is for the caller to prove; then one that is later than any
// this process knows of is another's, and true.
func (n *newest) holds(key string, seq, size int64) bool {
	if !n.knows(key) {
		return true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	w, ok := n.rows[maphash.String(n.seed, key)]
	switch {
	case !ok:
		return seq < 0 || seq >= n.since
	case w.seq() >= size: // written after what this transaction sees
		return true
	case w < 0 && seq < 0:
		return true
	}
	return seq >= 0 && (seq > w.seq() || seq == int64(w))
}

// learn takes a row of a store that was found whole.
func (n *newest) learn(key []byte, seq int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.knows(string(key)) {
		id := maphash.Bytes(n.seed, key)
		n.rows[id] = max(n.rows[id], written(seq))
	}
}

// from says that it learns the rows as they were after size events.
func (n *newest) from(size int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.since = size
	clear(n.rows)
}
