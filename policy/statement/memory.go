package statement

import (
	"encoding/binary"
	"sync"
)

// A Memory spares verifying again what was verified before: doors ask about the
// same few signatures all day. It believes no name and no id. What it holds are
// all the bytes that Verify looks at, compared one by one, of what did hold: the
// same bytes hold again. Everything else is verified, and what does not hold is
// not remembered. Whether a key counts, and for what, is not asked here.
//
// The zero Memory is ready, and a nil one remembers nothing. What was used
// lately stays: the young grow old together when they are half of what there may
// be, and the old that nobody asked for go.
type Memory struct {
	mu         sync.Mutex // guards what follows
	young, old map[string]Flags
	size       int // of young
}

const memoryMost = 4 << 20 // bytes

// Verify is as the function Verify.
func (m *Memory) Verify(a Assertion, k Key, challenge []byte, p Party) (Flags, error) {
	if m == nil {
		return Verify(a, k, challenge, p)
	}
	all := looked(a, k, challenge, p)
	if f, ok := m.holds(all); ok {
		return f, nil
	}
	f, err := Verify(a, k, challenge, p)
	if err == nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.keep(string(all), f)
	}
	return f, err
}

// looked is all that Verify looks at: each part with its length before it, so that
// no two parts can be taken for others.
func looked(a Assertion, k Key, challenge []byte, p Party) []byte {
	b := make([]byte, 0, 1<<10)
	part := func(text string) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
		b = append(b, text...)
	}
	for _, text := range [][]byte{k.der, challenge, a.AuthenticatorData, a.ClientDataJSON, a.Signature} {
		part(string(text))
	}
	part(p.ID)
	for _, o := range p.Origins {
		part(o)
	}
	return b
}

func (m *Memory) holds(all []byte) (Flags, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.young[string(all)]
	if !ok {
		if f, ok = m.old[string(all)]; ok {
			delete(m.old, string(all))
			m.keep(string(all), f)
		}
	}
	return f, ok
}

// keep remembers. mu is held.
func (m *Memory) keep(all string, f Flags) {
	if _, ok := m.young[all]; ok {
		return
	}
	size := len(all) + 64 // what a map takes
	if m.size += size; m.size > memoryMost/2 || m.young == nil {
		m.old, m.young, m.size = m.young, map[string]Flags{}, size
	}
	m.young[all] = f
}
