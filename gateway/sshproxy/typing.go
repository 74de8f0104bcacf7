package sshproxy

import (
	"context"
	"io"
	"sync"
)

// typing is what a person types. Before the target is connected it is ours:
// answers to the form, Ctrl-C, Enter. What was typed before the target speaks
// never reaches it.
type typing struct {
	ch  io.Reader
	ctx context.Context

	listening bool
	ended     bool        // who waited for a key has seen the end of input
	got       chan []byte // closed at the end of input
	rest      []byte      // taken from got, not read yet

	mu   sync.Mutex    // guards deaf
	deaf chan struct{} // closed while nobody is meant by what is typed
}

func newTyping(ctx context.Context, ch io.Reader) *typing {
	return &typing{ch: ch, ctx: ctx, got: make(chan []byte), deaf: make(chan struct{})}
}

// listen begins to take what is typed. From then on it is read here only.
func (t *typing) listen(spawn func(what string, fn func())) {
	if t.listening {
		return
	}
	t.listening = true
	spawn("typing", func() {
		defer close(t.got)
		for {
			buf := make([]byte, 4<<10)
			n, err := t.ch.Read(buf)
			if n > 0 && !t.hand(buf[:n]) || err != nil {
				return
			}
		}
	})
}

// hand gives p to who reads, or drops it while nobody is meant.
func (t *typing) hand(p []byte) bool {
	t.mu.Lock()
	deaf := t.deaf
	t.mu.Unlock()
	if closed(deaf) {
		return true
	}
	select {
	case t.got <- p:
	case <-deaf:
	case <-t.ctx.Done():
		return false
	}
	return true
}

// ignore drops what is typed, and what was, until heed.
func (t *typing) ignore() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest = nil
	if !closed(t.deaf) {
		close(t.deaf)
	}
}

// heed is for when there is somebody again who is meant.
func (t *typing) heed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if closed(t.deaf) {
		t.deaf = make(chan struct{})
	}
}

// Read gives what was typed, as a form wants it.
func (t *typing) Read(p []byte) (int, error) {
	if len(t.rest) == 0 {
		select {
		case b, ok := <-t.got:
			if !ok {
				return 0, io.EOF
			}
			t.rest = b
		case <-t.ctx.Done():
			return 0, io.EOF
		}
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

// forTarget is what the target reads from now on.
func (t *typing) forTarget() io.Reader {
	if !t.listening {
		return t.ch
	}
	return t
}
