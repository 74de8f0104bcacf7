package postgres

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
)

// large passes on a message that is too long to be held. A statement is recorded
// piece by piece, each before it is passed on; of parameters their size and hash.
func (r *relay) large(kind byte, n int) error {
	switch kind {
	case 'Q':
		a := ask{kind: aQuery, n: r.queue.number()}
		return r.pieces(a, kind, n, object{"op": "query", "n": a.n})
	case 'P':
		name, err := r.from.Peek(nameMost)
		end := bytes.IndexByte(name, 0)
		if err != nil || end < 0 {
			return refused("a prepared statement with a name of %d bytes or more", nameMost)
		}
		a := ask{kind: aParse, n: r.queue.number(), name: string(name[:end])}
		r.name(a.name, "", a.n)
		return r.pieces(a, kind, n, named(object{"op": "parse", "n": a.n}, "statement", string(name[:end])))
	case 'B':
		return r.blind(n)
	}
	return refused("a message of kind %q and %d bytes is none of PostgreSQL", kind, n)
}

const (
	nameMost  = 64 // with its end: of a longer one the server takes the beginning, which another may have, too
	pieceSize = 32 << 10
)

// pieces records a long statement as it passes.
func (r *relay) pieces(a ask, kind byte, n int, o object) error {
	if err := r.expect(a); err != nil {
		return err
	}
	if err := head(r.to, kind, n); err != nil {
		return err
	}
	buf, of := make([]byte, pieceSize), (n+pieceSize-1)/pieceSize
	for i := 1; n > 0; i++ {
		b := buf[:min(n, len(buf))]
		if _, err := io.ReadFull(r.from, b); err != nil {
			return err
		}
		for _, text := range parts(utf8(string(bytes.ReplaceAll(b, []byte{0}, []byte{' '})))) { // a name, types and the end are in it
			o["sql"], o["piece"], o["pieces"] = text, i, of
			if err := r.Record(r.mine(o)); err != nil {
				return err
			}
		}
		if _, err := r.to.Write(b); err != nil {
			return err
		}
		n -= len(b)
	}
	return nil
}

func (r *relay) expect(a ask) error {
	a.began = r.Now()
	if _, ok := r.queue.push(a); !ok {
		return refused("more than %d statements wait for an answer", queueMost)
	}
	return nil
}

// blind passes on a Bind with long parameters. Before it is told that they come,
// after it what they were.
func (r *relay) blind(n int) error {
	begin, err := r.from.Peek(2 * nameMost)
	to, rest, ok := bytes.Cut(begin, []byte{0})
	from, _, ok2 := bytes.Cut(rest, []byte{0})
	if err != nil || !ok || !ok2 || len(to) >= nameMost || len(from) >= nameMost {
		return refused("a portal with a name of %d bytes or more", nameMost)
	}
	name, of := string(to), string(from)
	number := r.queue.number()
	r.bind(name, portal{of, []any{object{"bytes": n, "entry": number}}})
	o := named(named(object{"op": "bind", "n": number, "bytes": n}, "statement", of), "portal", name)
	if err := r.Record(r.mine(o)); err != nil {
		return err
	}
	if err := r.expect(ask{kind: aBind, name: name, from: of}); err != nil {
		return err
	}
	if err := head(r.to, 'B', n); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(r.to, sum), r.from, int64(n)); err != nil {
		return err
	}
	return r.Record(object{"op": "bound", "n": number, "sha256": hex.EncodeToString(sum.Sum(nil))})
}
