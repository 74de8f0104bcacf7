package sshproxy

import (
	"io"

	"golang.org/x/crypto/ssh"
)

// A buffer is small while somebody types or nothing happens, and grows with what comes.
const (
	firstBuffer = 512
	mostBuffer  = 256 << 10
	stepBuffer  = 8 // times as large, or as small
)

// pump passes on one stream of output until its end: first into the record,
// which may make it wait, then to the client.
func (r *relay) pump(stderr bool) {
	src, keep := io.Reader(r.ch), r.track.Output
	if stderr {
		src, keep = r.ch.Stderr(), r.stderr
	}
	buf := make([]byte, firstBuffer)
	for {
		n, err := src.Read(buf)
		if r.over.Err() != nil {
			return
		}
		if r.gate() != nil {
			return
		}
		if n > 0 {
			r.st.used()
			if err := keep(buf[:n]); err != nil {
				r.broken(err)
				return
			}
			if err := r.s.out.program(buf[:n], stderr); err != nil {
				r.done() // nobody is there to read it
				return
			}
		}
		if err != nil {
			return
		}
		buf = grown(buf, n)
	}
}

// stderr records what the program says aside.
func (r *relay) stderr(p []byte) error {
	if r.files != nil && !r.files.aside {
		return r.files.stderr(p)
	}
	return r.track.Stderr(p)
}

// gate waits while nothing may pass, in either direction.
func (r *relay) gate() error { return r.st.visit.Gate(r.s.ctx) }

// grown is what the next read takes, after one of n bytes into buf: nothing of those is kept.
func grown(buf []byte, n int) []byte {
	switch size := len(buf); {
	case n == size && size < mostBuffer:
		return make([]byte, min(size*stepBuffer, mostBuffer))
	case size > firstBuffer && (n < size/stepBuffer/2 || size <= firstBuffer*stepBuffer && n < size/2):
		return make([]byte, max(size/stepBuffer, firstBuffer))
	}
	return buf
}

// input passes on what the client writes. The end of it is told to the
// program, which may go on writing.
func (r *relay) input() {
	defer close(r.fed)
	src := r.s.typing.forTarget()
	buf := make([]byte, firstBuffer)
	for {
		n, err := src.Read(buf)
		if r.over.Err() != nil {
			return
		}
		if r.gate() != nil {
			return
		}
		if n > 0 {
			r.st.used()
			if err := r.track.Input(buf[:n]); err != nil {
				r.broken(err)
				return
			}
			if _, err := r.ch.Write(buf[:n]); err != nil {
				return // the program reads no more
			}
		}
		if err != nil {
			break
		}
		buf = grown(buf, n)
	}
	_ = r.ch.CloseWrite() // fails only when the channel is gone
}

// requests passes on what the client asks for, in order, as long as there is something.
func (r *relay) requests() {
	for r.gate() == nil && r.over.Err() == nil {
		q, size := r.s.next(r.size, r.requests)
		switch {
		case size != nil: // the last one, whatever was dropped
			r.resize(size)
		case q == nil:
			return
		case q.Type == "window-change":
			r.resize(r.s.terminal())
			_ = q.Reply(true, nil) // fails only when the client is gone
		default:
			payload, ok := said(q)
			if ok {
				ok, _ = r.ch.SendRequest(q.Type, q.WantReply, payload) // not ok, on an error
			}
			_ = q.Reply(ok, nil) // as above
		}
	}
}

func (r *relay) resize(t *terminal) {
	if *t == *r.size {
		return
	}
	r.size = t
	if err := r.track.Resize(int(t.Cols), int(t.Rows)); err != nil {
		r.broken(err)
		return
	}
	_, _ = r.ch.SendRequest("window-change", false, ssh.Marshal(window{t.Cols, t.Rows, t.Width, t.Height})) // a lost channel shows elsewhere
}
