package httpproxy

import (
	"errors"
	"io"
)

// A pipe is a WebSocket on both its ways: held back while nothing may pass, and
// recorded. Idle, it holds a small buffer for each way: there may be thousands.
type pipe struct {
	x  *exchange
	to io.ReadWriteCloser // the target
}

const waiting = 2 << 10

// Read reads what the target says.
func (p *pipe) Read(b []byte) (int, error) {
	n, err := p.to.Read(b)
	if n > 0 {
		if e := p.x.pass(p.x.take.down, b[:n]); e != nil {
			return 0, e
		}
	}
	return n, err
}

// Write says what the client said.
func (p *pipe) Write(b []byte) (int, error) {
	if err := p.x.pass(p.x.take.up, b); err != nil {
		return 0, err
	}
	return p.to.Write(b)
}

// WriteTo copies what the target says.
func (p *pipe) WriteTo(w io.Writer) (int64, error) { return p.copy(w, readerOnly{p}) }

// ReadFrom copies what the client says.
func (p *pipe) ReadFrom(r io.Reader) (int64, error) { return p.copy(writerOnly{p}, r) }

// copy waits with a small buffer, and lends a large one for as long as much comes.
func (p *pipe) copy(w io.Writer, r io.Reader) (sum int64, err error) {
	small := make([]byte, waiting)
	for {
		n, err := r.Read(small)
		full := n == len(small)
		if n > 0 {
			wrote, werr := w.Write(small[:n])
			if sum += int64(wrote); werr != nil {
				return sum, werr
			}
		}
		if err == nil && full {
			var more int64
			more, err = p.flood(w, r)
			sum += more
		}
		if errors.Is(err, io.EOF) {
			return sum, nil
		}
		if err != nil {
			return sum, err
		}
	}
}

// flood copies with a large buffer until less comes than a small one holds.
func (p *pipe) flood(w io.Writer, r io.Reader) (sum int64, err error) {
	lent := &p.x.call.door.buffers
	big := lent.Get()
	defer lent.Put(big)
	for {
		n, err := r.Read(big)
		if n > 0 {
			wrote, werr := w.Write(big[:n])
			if sum += int64(wrote); werr != nil {
				return sum, werr
			}
		}
		if err != nil || n < waiting {
			return sum, err
		}
	}
}

// CloseWrite tells the target that the client says no more.
func (p *pipe) CloseWrite() error {
	if half, ok := p.to.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close ends it on the target's side.
func (p *pipe) Close() error { return p.to.Close() }

// One way of a pipe alone: io.Copy finds no shorter way around it.
type (
	readerOnly struct{ io.Reader }
	writerOnly struct{ io.Writer }
)
