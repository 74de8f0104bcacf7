package postgres

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"lockbox/tests/e2e/harness"
)

// raw is a connection on which a client says what it likes.
func raw(t *testing.T, p *harness.Postgres, w *tap) *pgproto3.Frontend {
	t.Helper()
	c, err := pgconn.Connect(t.Context(), p.DSN(w.addr))
	if err != nil {
		t.Fatal(err)
	}
	h, err := c.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Conn.Close() }) // it may be closed already
	return h.Frontend
}

// say sends messages at once, and waits until the server is ready so many times.
func say(t *testing.T, f *pgproto3.Frontend, ready int, all ...pgproto3.FrontendMessage) {
	t.Helper()
	for _, m := range all {
		f.Send(m)
	}
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
	for ready > 0 {
		m, err := f.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := m.(*pgproto3.ReadyForQuery); ok {
			ready--
		}
	}
}

// outcomes are the results, by the statement that they are of.
func outcomes(all []object) map[string]object {
	sql, out := map[any]string{}, map[string]object{}
	for _, o := range all {
		switch o["op"] {
		case "query", "execute":
			sql[o["n"]], _ = o["sql"].(string)
		case "result", "error":
			out[sql[o["n"]]] = o
		}
	}
	return out
}

// C6: no client makes the record say that a statement came to what another did.
func TestB29AResultIsThatOfItsStatement(t *testing.T) {
	p := harness.StartPostgres(t)
	w := newTap(t, p.Addr, "off")
	query := func(sql string) *pgproto3.Query { return &pgproto3.Query{String: sql} }
	f := raw(t, p, w)
	say(t, f, 1, query("create temp table t(a int)"))
	say(t, f, 1, query("copy t from stdin"), &pgproto3.Sync{}, &pgproto3.Sync{}, &pgproto3.CopyData{Data: []byte("1\n")}, &pgproto3.CopyDone{})
	say(t, f, 1, &pgproto3.Parse{Query: "copy t from stdin"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{}, &pgproto3.CopyData{Data: []byte("2\n")}, &pgproto3.CopyDone{}, &pgproto3.Sync{})
	say(t, f, 1, query("delete from t"))
	say(t, f, 1, query("select 1/0"))
	got := outcomes(w.take())
	if got["copy t from stdin"]["tag"] != "COPY 1" || got["delete from t"]["tag"] != "DELETE 2" || got["delete from t"]["error"] != nil || got["select 1/0"]["error"] == nil {
		t.Errorf("got %v", got)
	}
	say(t, f, 1, query(`create function pg_temp.no() returns trigger language plpgsql as $$begin raise 'no'; end$$;
		create trigger no before insert on t execute function pg_temp.no()`))
	say(t, f, 1, &pgproto3.Parse{Query: "copy t from stdin"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{})
	say(t, f, 1, query("delete from t where a = 0"))
	if o := outcomes(w.take())["delete from t where a = 0"]; o["skipped"] != nil || o["tag"] != "DELETE 0" {
		t.Errorf("got %v", o)
	}
}

// C6: a name that the server keeps for another statement does not hide that one.
func TestB29TheStatementThatRanIsTold(t *testing.T) {
	p := harness.StartPostgres(t)
	w := newTap(t, p.Addr, "off")
	f := raw(t, p, w)
	for _, name := range []string{"", "s"} {
		say(t, f, 1, &pgproto3.Parse{Name: name, Query: "select 'bad'"}, &pgproto3.Sync{})
		bad := w.take("parse")[0]["n"]
		say(t, f, 1, &pgproto3.Bind{PreparedStatement: "none"}, &pgproto3.Parse{Name: name, Query: "select 'good'"}, &pgproto3.Sync{})
		say(t, f, 1, &pgproto3.Bind{PreparedStatement: name}, &pgproto3.Execute{}, &pgproto3.Sync{})
		all := w.take("result")
		if last := all[len(all)-1]; last["tag"] != "SELECT 1" || last["ran"] != bad {
			t.Errorf("%q: got %v, want that entry %v ran", name, last, bad)
		}
	}
	say(t, f, 1, &pgproto3.Parse{Query: "select 'new'"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{})
	if all := w.take("result"); all[0]["ran"] != nil {
		t.Errorf("got %v", all)
	}
	long := strings.Repeat("s", 64)
	f.Send(&pgproto3.Parse{Name: long, Query: "select 1"})
	f.Send(&pgproto3.Sync{})
	_ = f.Flush() // it is refused
	if m, err := f.Receive(); err == nil {
		if e, ok := m.(*pgproto3.ErrorResponse); !ok || !strings.Contains(e.Message, "lockbox") {
			t.Errorf("got %v", m)
		}
	}
}

func TestTheBeginningOfATextDoesNotHoldAllOfIt(t *testing.T) {
	text := strings.Repeat("x", 1<<20)
	if n := testing.AllocsPerRun(10, func() { text = short(text, len(text)-1) }); n < 1 {
		t.Error("all of it is kept")
	}
}
