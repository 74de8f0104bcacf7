package postgres

import (
	"encoding/binary"
	"io"

	"github.com/jackc/pgx/v5/pgproto3"
)

// answered passes on what the server sends, until it is done.
func (r *relay) answered() error {
	for {
		if r.back.Buffered() == 0 {
			if err := r.out.Flush(); err != nil {
				return err
			}
		}
		kind, n, err := frame(r.back)
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = r.answer(kind, n)
		}
		if err != nil {
			return err
		}
	}
}

// answer takes one message of the server. What becomes of a statement is
// recorded before the client hears of it.
func (r *relay) answer(kind byte, n int) error {
	switch kind {
	case 'D', 'd': // a row, or copied data
		r.queue.head(func(a *ask) bool {
			if kind == 'D' {
				a.rows++
			} else {
				a.out += int64(n)
			}
			return false
		})
		return carry(r.out, r.back, kind, n)
	case 'R', 'C', 'E', 'N':
		if n <= mostBody {
			return r.told(kind, n)
		}
	}
	if err := r.settled(kind); err != nil {
		return err
	}
	return carry(r.out, r.back, kind, n)
}

// settled notes what a message without a text settles.
func (r *relay) settled(kind byte) error {
	switch kind {
	case 'C', 'I', 's', 'V': // the end of one statement, or all the rows that were asked for
		return r.result(object{})
	case 'E':
		return r.failed(&pgproto3.ErrorResponse{Message: "too long to be told"})
	case '1', '2', '3': // a Parse, Bind or Close that was done
		r.queue.did()
	case 'T', 'n': // the end of what a Describe tells
		_, _ = r.queue.head(func(a *ask) bool { return a.kind == aDescribe })
	case 'G', 'W': // it copies in, or both ways
		r.queue.begins()
	case 'Z': // ready for the next
		r.open.Store(true)
		r.queue.ready()
	}
	return nil
}

// told takes a message whose text matters.
func (r *relay) told(kind byte, n int) error {
	body := make([]byte, n)
	if _, err := io.ReadFull(r.back, body); err != nil {
		return err
	}
	var err error
	switch kind {
	case 'R':
		if n >= 4 && binary.BigEndian.Uint32(body) == pgproto3.AuthTypeSASL {
			again, err := unbound(body)
			if err != nil {
				return refused("the server's offer of SASL is not as PostgreSQL has it")
			}
			_, err = r.out.Write(again)
			return err
		}
	case 'C':
		var m pgproto3.CommandComplete
		if m.Decode(body) == nil {
			err = r.result(object{"tag": short(utf8(string(m.CommandTag)), 200)})
		} else {
			err = r.settled(kind)
		}
	case 'E':
		var m pgproto3.ErrorResponse
		_ = m.Decode(body) // what could be read of it
		err = r.failed(&m)
	case 'N':
		var m pgproto3.NoticeResponse
		_ = m.Decode(body) // as above
		err = r.Record(object{"op": "notice", "code": short(utf8(m.Code), 10), "message": short(utf8(m.Message), 1000)})
	}
	if err != nil {
		return err
	}
	if err := head(r.out, kind, n); err != nil {
		return err
	}
	_, err = r.out.Write(body)
	return err
}

// result records what became of the statement that is answered now.
func (r *relay) result(o object) error {
	var was ask
	a, ok := r.queue.head(func(a *ask) bool {
		was = *a
		a.rows, a.in, a.out = 0, 0, 0 // a Query may hold several statements
		a.parts++
		return a.kind == anExecute
	})
	if !ok || was.n == 0 {
		return nil // of nothing that was asked: the server's own
	}
	if a.kind == aQuery && was.parts > 0 {
		o["statement"] = was.parts + 1
	}
	return r.Record(r.outcome(o, was))
}

// outcome adds what was counted.
func (r *relay) outcome(o object, a ask) object {
	o["op"], o["n"], o["ms"] = "result", a.n, r.Now().Sub(a.began).Milliseconds()
	if a.kind == anExecute {
		if ran := r.queue.ran(a.name); ran != a.of { // what was to stand for the name came to nothing
			o["ran"] = ran
		}
	}
	for what, n := range map[string]int64{"rows": a.rows, "bytes_in": a.in, "bytes_out": a.out} {
		if n > 0 {
			o[what] = n
		}
	}
	return o
}

// failed records an error.
func (r *relay) failed(m *pgproto3.ErrorResponse) error {
	a, ok := r.queue.fail()
	o := object{"op": "error"}
	if ok {
		o = r.outcome(o, a)
		if a.n == 0 {
			delete(o, "n")
		}
	}
	o["error"] = object{"severity": short(utf8(m.Severity), 20), "code": short(utf8(m.Code), 10), "message": short(utf8(m.Message), 2000)}
	return r.Record(o)
}
