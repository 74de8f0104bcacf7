package boltengine

import (
	"context"
	"fmt"
	"io"
)

// Copy writes a whole file with the newest durable state to w, while others
// read and write, and says how many bytes it has. What was deleted since the
// last commits may still stand in pages that are not in use.
func (e *Engine) Copy(ctx context.Context, w io.Writer) (int64, error) {
	s, err := e.hold()
	if err != nil {
		return 0, err
	}
	defer e.letGo(s)
	to := &until{ctx: ctx, w: w}
	n, err := s.tx.WriteTo(to)
	if to.err != nil { // of which bbolt keeps only the text
		err = to.err
	}
	if err != nil {
		return n, fmt.Errorf("copy %s: %w", e.path, err)
	}
	return n, nil
}

// until writes to w until ctx ends.
type until struct {
	ctx context.Context
	w   io.Writer
	err error
}

func (u *until) Write(b []byte) (n int, err error) {
	if u.err = u.ctx.Err(); u.err == nil {
		n, u.err = u.w.Write(b)
	}
	return n, u.err
}
