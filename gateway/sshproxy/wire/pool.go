package wire

import "sync"

// size is how much is read ahead. More takes more processor time, not less: it
// does not stay in the cache.
const size = 128 << 10

type buffer [size]byte

// A Pool holds room that sockets use while bytes flow. All sockets of a door
// share one. The zero Pool is empty and works.
type Pool struct{ free sync.Pool }

func (p *Pool) get() *buffer {
	if b, ok := p.free.Get().(*buffer); ok {
		return b
	}
	return new(buffer)
}

// put takes b back. What was in it is not wiped: it is ciphertext.
func (p *Pool) put(b *buffer) { p.free.Put(b) }
