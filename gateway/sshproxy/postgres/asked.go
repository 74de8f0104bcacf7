package postgres

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/jackc/pgx/v5/pgproto3"
)

// A portal is a statement with its parameters, ready to be executed.
type portal struct {
	statement string
	params    []any
}

// asked passes on what the client sends, until it is done.
func (r *relay) asked() error {
	for {
		if r.from.Buffered() == 0 {
			if err := r.to.Flush(); err != nil {
				return err
			}
		}
		kind, n, err := frame(r.from)
		if err != nil {
			_ = r.to.Flush() // what was whole
			if err == io.EOF {
				return nil
			}
			return err
		}
		if err := r.message(kind, n); err != nil {
			return err
		}
	}
}

// frame reads the head of a message: its kind and how many bytes follow.
func frame(r io.Reader) (kind byte, n int, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, 0, err
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size < 4 || size > mostFrame {
		return 0, 0, refused("a message of %d bytes is none of PostgreSQL", size)
	}
	return head[0], int(size) - 4, nil
}

// message takes one of the client.
func (r *relay) message(kind byte, n int) error {
	switch kind {
	case 'd': // CopyData
		r.queue.copied(int64(n))
		return carry(r.to, r.from, kind, n)
	case 'c', 'f': // CopyDone, CopyFail
		r.queue.ends()
		return carry(r.to, r.from, kind, n)
	case 'p': // a password, or another step of proving who it is
		if r.open.Load() {
			return refused("a password at this point is none of PostgreSQL")
		}
		return carry(r.to, r.from, kind, n)
	case 'H', 'X': // Flush, Terminate
		return carry(r.to, r.from, kind, n)
	case 'Q', 'P', 'B', 'D', 'E', 'C', 'F', 'S':
	default:
		return refused("a message of kind %q is none of PostgreSQL", kind)
	}
	if n > mostBody {
		return r.large(kind, n)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r.from, body); err != nil {
		return err
	}
	return r.small(kind, body)
}

// A front is a message of the client, as pgproto3 has it.
type front interface {
	Decode([]byte) error
	Encode([]byte) ([]byte, error)
}

// small records a message, and passes on what was read of it: a server that
// reads more, or something else, than we do does not get it.
func (r *relay) small(kind byte, body []byte) error {
	m := map[byte]front{
		'Q': &pgproto3.Query{}, 'P': &pgproto3.Parse{}, 'B': &pgproto3.Bind{}, 'D': &pgproto3.Describe{}, 'E': &pgproto3.Execute{},
		'C': &pgproto3.Close{}, 'F': &pgproto3.FunctionCall{}, 'S': &pgproto3.Sync{},
	}[kind]
	if m.Decode(body) != nil {
		return refused("a message of kind %q is not as PostgreSQL has it", kind)
	}
	again, err := m.Encode(nil)
	if err != nil || len(again) < 5 || !bytes.Equal(again[5:], body) {
		return refused("a message of kind %q is not as PostgreSQL writes it", kind)
	}
	a, err := r.note(m)
	switch {
	case err != nil:
		return err
	case len(a.name) >= nameMost || len(a.from) >= nameMost:
		return refused("a name of %d bytes or more", nameMost)
	}
	a.began = r.Now()
	skipped, ok := r.queue.push(a)
	switch {
	case !ok:
		return refused("more than %d statements wait for an answer", queueMost)
	case skipped && a.n > 0:
		if err := r.Record(object{"op": "result", "n": a.n, "skipped": true}); err != nil {
			return err
		}
	}
	_, err = r.to.Write(again)
	return err
}

// note records what a message asks for.
func (r *relay) note(m front) (a ask, err error) {
	switch m := m.(type) {
	case *pgproto3.Query:
		a.kind, a.n = aQuery, r.queue.number()
		err = r.text(object{"op": "query", "n": a.n}, m.String)
	case *pgproto3.Parse:
		a.kind, a.n = aParse, r.queue.number()
		a.name = m.Name
		r.name(m.Name, m.Query, a.n)
		err = r.text(named(object{"op": "parse", "n": a.n}, "statement", m.Name), m.Query)
	case *pgproto3.Bind:
		a.kind, a.name, a.from = aBind, m.DestinationPortal, m.PreparedStatement
		r.bind(m.DestinationPortal, portal{m.PreparedStatement, values(m.Parameters, m.ParameterFormatCodes)})
	case *pgproto3.Execute:
		a.kind, a.n, a.name, a.of = anExecute, r.queue.number(), m.Portal, r.of(m.Portal)
		err = r.Record(r.execution(a.n, m.Portal))
	case *pgproto3.FunctionCall:
		a.kind, a.n = aQuery, r.queue.number()
		formats := make([]int16, len(m.ArgFormatCodes))
		for i, f := range m.ArgFormatCodes {
			formats[i] = int16(f)
		}
		err = r.Record(r.mine(object{"op": "call", "n": a.n, "function": m.Function, "params": values(m.Arguments, formats)}))
	case *pgproto3.Close:
		a.kind, a.name, a.from = aClose, m.Name, string(m.ObjectType)
		if m.ObjectType == 'S' {
			delete(r.named, m.Name)
		} else {
			delete(r.portals, m.Name)
		}
	case *pgproto3.Describe:
		a.kind = aDescribe
	default:
		a.kind = aSync
	}
	if r.Asked != nil && (a.kind == aQuery || a.kind == anExecute) {
		r.Asked()
	}
	return a, err
}

// mine adds whose session it is.
func (r *relay) mine(o object) object {
	o["database"], o["user"] = short(utf8(r.database), 200), short(utf8(r.user), 200)
	return o
}

// named adds the name of a statement or portal, where it has one.
func named(o object, what, name string) object {
	if name != "" {
		o[what] = short(utf8(name), 200)
	}
	return o
}

// text records a statement: all of it, in as many entries as that takes.
func (r *relay) text(o object, sql string) error {
	all := parts(utf8(sql))
	for i, part := range all {
		if o["sql"] = part; len(all) > 1 {
			o["part"], o["parts"] = i+1, len(all)
		}
		if err := r.Record(r.mine(o)); err != nil {
			return err
		}
	}
	return nil
}

// statementMost is how much is kept of a prepared statement, to be told when it is executed.
const statementMost = 2 << 10

// A statement is prepared: the beginning of its text, and its entry in the record.
type statement struct {
	sql string
	n   int
}

func (r *relay) name(name, sql string, n int) {
	if _, there := r.named[name]; there || len(r.named) < mostNamed {
		r.named[name] = statement{short(utf8(sql), statementMost), n}
	}
}

// of is the entry with the statement of a portal.
func (r *relay) of(name string) int {
	if p, ok := r.portals[name]; ok {
		return r.named[p.statement].n
	}
	return 0
}

func (r *relay) bind(name string, p portal) {
	if _, there := r.portals[name]; there || len(r.portals) < mostNamed {
		r.portals[name] = p
	}
}

// execution is that of a portal.
func (r *relay) execution(n int, name string) object {
	o := named(object{"op": "execute", "n": n}, "portal", name)
	p, ok := r.portals[name]
	if !ok {
		return r.mine(o) // it was declared as a cursor, in a statement that is in the record
	}
	if named(o, "statement", p.statement); len(p.params) > 0 {
		o["params"] = p.params
	}
	if sql := r.named[p.statement].sql; sql != "" {
		o["sql"] = sql
	}
	return r.mine(o)
}

// carry passes a message on as it is, without holding it.
func carry(to io.Writer, from io.Reader, kind byte, n int) error {
	if err := head(to, kind, n); err != nil {
		return err
	}
	_, err := io.CopyN(to, from, int64(n))
	return err
}

func head(to io.Writer, kind byte, n int) error {
	_, err := to.Write(binary.BigEndian.AppendUint32([]byte{kind}, uint32(n)+4))
	return err
}
