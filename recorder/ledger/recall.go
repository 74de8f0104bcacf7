package ledger

import (
	"bytes"
	"reflect"
	"sync"
)

// recallMost bounds what is remembered of rows, in bytes; recallRow one of them.
const (
	recallMost = 16 << 20
	recallRow  = 256 << 10
)

// A recalled is a row as it was read once. It never changes, and is shared.
type recalled struct {
	raw  []byte // the row, as it stood in the store
	leaf []byte // the event that wrote it, which was proven to be in the log; nil: that was not asked
	is   any    // what its JSON decodes to, of a type that can be copied; nil: that was not asked
	kind *kind  // of is
}

func (r *recalled) size() int {
	n := len(r.raw) + len(r.leaf) + 256 // what a map and a few headers take
	if r.is != nil {
		n += 2 * len(r.raw)
	}
	return n
}

// A memory spares work on rows that are read again and again: the path from
// their event to the head of the log, and reading their JSON. It believes
// nothing that the store says: what is remembered counts for the very same
// bytes alone, compared one by one, and the log of which a row was proven to be
// a part is only ever added to (see Ledger.follow). Whether the row is the
// newest of its versions is another question, which is asked each time.
//
// It holds rows of durable events only. What was used lately stays: the young
// grow old together when they are half of what there may be, and the old that
// nobody asked for go.
type memory struct {
	mu         sync.Mutex // guards what follows
	young, old map[string]*recalled
	size       int // of young
	kinds      map[reflect.Type]*kind
}

// row gives what is remembered of these bytes under key; nil for nothing.
func (m *memory) row(key string, raw []byte) *recalled {
	m.mu.Lock()
	r, young := m.young[key]
	if !young {
		if r = m.old[key]; r != nil {
			delete(m.old, key)
			m.put(key, r)
		}
	}
	m.mu.Unlock()
	if r == nil || !bytes.Equal(r.raw, raw) {
		return nil
	}
	return r
}

// keep remembers a row.
func (m *memory) keep(key string, r *recalled) {
	if len(r.raw) > recallRow {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(key, r)
}

// put is keep. mu is held.
func (m *memory) put(key string, r *recalled) {
	if was := m.young[key]; was != nil {
		m.size -= was.size() + len(key)
	}
	delete(m.young, key)
	delete(m.old, key)
	if m.size += r.size() + len(key); m.size > recallMost/2 || m.young == nil {
		m.old, m.young, m.size = m.young, map[string]*recalled{}, r.size()+len(key)
	}
	m.young[key] = r
}

// forget drops rows that are written anew, or are gone.
func (m *memory) forget(rows map[string]draft) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range rows {
		if was := m.young[key]; was != nil {
			m.size -= was.size() + len(key)
		}
		delete(m.young, key)
		delete(m.old, key)
	}
}

// kind says how values of a type are copied; false: they are not.
func (m *memory) kind(t reflect.Type) (*kind, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, known := m.kinds[t]
	if !known {
		if m.kinds == nil {
			m.kinds = map[reflect.Type]*kind{}
		}
		k = kindOf(t)
		m.kinds[t] = k
	}
	return k, k.can()
}
