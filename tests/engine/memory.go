package engine

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"lockbox/recorder/ledger"
)

// A Memory is a store that lasts as long as the process.
type Memory struct {
	mu   sync.Mutex
	keys []pair // in order, and never changed in place
}

type pair struct{ k, v []byte }

// Open opens it, for one at a time.
func (m *Memory) Open() (ledger.Engine, error) {
	return &memory{of: m, writer: make(chan struct{}, 1)}, nil
}

type memory struct {
	of     *Memory
	writer chan struct{} // holds one token: whose turn it is to write

	mu     sync.RWMutex // held for reading by whoever has joined
	closed bool
	users  sync.WaitGroup
}

func (e *memory) join(ctx context.Context) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.closed {
		return errors.New("it is closed")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	e.users.Add(1)
	return nil
}

func (e *memory) View(ctx context.Context, fn func(ledger.Reader) error) error {
	if err := e.join(ctx); err != nil {
		return err
	}
	defer e.users.Done()
	return fn(&cut{e.of.now()})
}

func (e *memory) Update(ctx context.Context, fn func(ledger.Writer) error) error {
	if err := e.join(ctx); err != nil {
		return err
	}
	defer e.users.Done()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case e.writer <- struct{}{}:
	}
	defer func() { <-e.writer }()
	c := &cut{slices.Clone(e.of.now())}
	if err := fn(c); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	e.of.mu.Lock()
	defer e.of.mu.Unlock()
	e.of.keys = c.keys
	return nil
}

func (e *memory) Close() error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.users.Wait()
	return nil
}

func (m *Memory) now() []pair {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.keys
}

// A cut is one state, or a writer's own copy of it.
type cut struct{ keys []pair }

func (c *cut) find(key []byte) (int, bool) {
	return slices.BinarySearchFunc(c.keys, key, func(p pair, k []byte) int { return bytes.Compare(p.k, k) })
}

func (c *cut) Get(key []byte) ([]byte, error) {
	if i, ok := c.find(key); ok {
		return c.keys[i].v, nil
	}
	return nil, nil
}

func (c *cut) Scan(prefix []byte, fn func(k, v []byte) (bool, error)) error {
	for i, _ := c.find(prefix); i < len(c.keys) && bytes.HasPrefix(c.keys[i].k, prefix); i++ {
		if more, err := fn(c.keys[i].k, c.keys[i].v); err != nil || !more {
			return err
		}
	}
	return nil
}

func (c *cut) Put(key, value []byte) error {
	p := pair{bytes.Clone(key), append([]byte{}, value...)}
	if i, ok := c.find(key); ok {
		c.keys[i] = p
	} else {
		c.keys = slices.Insert(c.keys, i, p)
	}
	return nil
}

func (c *cut) Delete(key []byte) error {
	if i, ok := c.find(key); ok {
		c.keys = slices.Delete(c.keys, i, i+1)
	}
	return nil
}
