package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"lockbox/tests/e2e/harness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStatementsAreRecordedAndWork(t *testing.T) {
	p := harness.StartPostgres(t)
	t.Run("psql", func(t *testing.T) { withPsql(t, p) })
	t.Run("pgx", func(t *testing.T) { withPgx(t, p) })
	t.Run("pgbench", func(t *testing.T) { withPgbench(t, p) })
	t.Run("copy", func(t *testing.T) { withCopy(t, p) })
	t.Run("cancel", func(t *testing.T) { withCancel(t, p) })
	t.Run("notify", func(t *testing.T) { withNotify(t, p) })
	t.Run("pipeline", func(t *testing.T) { withPipeline(t, p) })
	t.Run("large", func(t *testing.T) { withLarge(t, p) })
	t.Run("tls", func(t *testing.T) { withTLS(t, p) })
	t.Run("refused", func(t *testing.T) { withRefused(t, p) })
	t.Run("record", func(t *testing.T) { withoutRecord(t, p) })
}

func withPsql(t *testing.T, p *harness.Postgres) {
	w := newTap(t, p.Addr, "require")
	out, err := psql(t, p, w.addr, "-c", "select 'hej', ssl from pg_stat_ssl where pid = pg_backend_pid()", "-c", "select 1/0")
	if err == nil || !strings.Contains(out, "hej|t") || !strings.Contains(out, "division by zero") {
		t.Fatalf("got %v: %s", err, out)
	}
	if strings.Contains(w.text(), p.Password) {
		t.Error("the password is in the record")
	}
	all := w.take("start", "query", "result")
	if len(all) != 5 || all[0]["user"] != "app" || all[0]["database"] != "postgres" || all[1]["sql"] != "select 'hej', ssl from pg_stat_ssl where pid = pg_backend_pid()" ||
		all[2]["tag"] != "SELECT 1" || all[2]["rows"] != 1.0 || all[2]["n"] != all[1]["n"] || all[3]["sql"] != "select 1/0" || all[4]["error"].(object)["code"] != "22012" {
		t.Errorf("got %v", all)
	}
	if out, err := psql(t, p, w.addr, "-c", "select 1; create table twice(a int); insert into twice values (1),(2); drop table twice"); err != nil {
		t.Fatalf("got %v: %s", err, out)
	}
	var tags []string
	for _, o := range w.take("result") {
		tags = append(tags, fmt.Sprint(o["tag"], o["statement"]))
	}
	if got := strings.Join(tags, ", "); got != "SELECT 1<nil>, CREATE TABLE2, INSERT 0 23, DROP TABLE4" {
		t.Errorf("several statements in one: %s", got)
	}
}

func connect(t *testing.T, p *harness.Postgres, w *tap) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), p.DSN(w.addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) }) // it may be closed already
	return c
}

func withPgx(t *testing.T, p *harness.Postgres) {
	w := newTap(t, p.Addr, "off")
	c := connect(t, p, w)
	var sum int
	if err := c.QueryRow(t.Context(), "select $1::int + length($2::text) + length(encode($3::bytea, 'hex'))", 40, "æ", []byte{0, 0xff}).Scan(&sum); err != nil || sum != 45 {
		t.Fatalf("got %d, %v", sum, err)
	}
	all := w.take("parse", "execute", "result")
	last := all[len(all)-1]
	var parsed, executed object
	for _, o := range all {
		switch o["op"] {
		case "parse":
			parsed = o
		case "execute":
			executed = o
		}
	}
	want := `[{"binary":"00000028"},"æ",{"binary":"00ff"}]`
	got, _ := json.Marshal(executed["params"])
	if parsed["sql"] != "select $1::int + length($2::text) + length(encode($3::bytea, 'hex'))" || executed["sql"] != parsed["sql"] || string(got) != want {
		t.Errorf("got %v and %v with %s", parsed, executed, got)
	}
	if last["op"] != "result" || last["tag"] != "SELECT 1" || last["n"] != executed["n"] || executed["user"] != "app" {
		t.Errorf("got %v", last)
	}
	if _, err := c.Exec(t.Context(), "select 1/$1::int", 0); err == nil {
		t.Fatal("no error")
	}
	failed := w.take("result")
	if e, _ := failed[len(failed)-1]["error"].(object); e["code"] != "22012" {
		t.Errorf("got %v", failed)
	}
	if err := c.QueryRow(t.Context(), "select $1::int", 7).Scan(&sum); err != nil || sum != 7 {
		t.Errorf("after an error: %d, %v", sum, err)
	}
	if ok := w.take("result"); ok[len(ok)-1]["tag"] != "SELECT 1" {
		t.Errorf("after an error: %v", ok)
	}
}

func withPgbench(t *testing.T, p *harness.Postgres) {
	w := newTap(t, p.Addr, "require")
	host, port, _ := net.SplitHostPort(w.addr)
	bench := func(args ...string) {
		t.Helper()
		c := exec.Command(filepath.Join(harness.PostgresBin(t), "pgbench"), append([]string{"-h", host, "-p", port, "-U", p.User}, append(args, "postgres")...)...)
		c.Env = []string{"PGPASSWORD=" + p.Password}
		began := time.Now()
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		} else if args[0] != "-i" {
			t.Logf("%v in %s: %s", args, time.Since(began), out[strings.Index(string(out), "latency"):])
		}
	}
	bench("-i", "-s", "1", "-q")
	for _, mode := range []string{"simple", "extended", "prepared"} {
		w.take()
		bench("-c", "4", "-t", "50", "-M", mode, "-n")
		asked, done := w.take(), 0
		for _, o := range asked {
			if o["op"] == "result" && o["tag"] == "COMMIT" {
				done++
			}
			if o["error"] != nil {
				t.Errorf("%s: %v", mode, o)
			}
		}
		if done != 200 {
			t.Errorf("%s: %d of 200 transactions are in the record", mode, done)
		}
	}
}

func withCopy(t *testing.T, p *harness.Postgres) {
	w := newTap(t, p.Addr, "require")
	c := connect(t, p, w)
	if _, err := c.Exec(t.Context(), "create table copies(a int, b text)"); err != nil {
		t.Fatal(err)
	}
	w.take()
	rows := make([][]any, 10_000)
	for i := range rows {
		rows[i] = []any{i, "text"}
	}
	if n, err := c.CopyFrom(t.Context(), pgx.Identifier{"copies"}, []string{"a", "b"}, pgx.CopyFromRows(rows)); err != nil || n != 10_000 {
		t.Fatalf("copied %d, %v", n, err)
	}
	in := w.take("result")
	if last := in[len(in)-1]; last["tag"] != "COPY 10000" || last["bytes_in"].(float64) < 100_000 {
		t.Errorf("got %v", last)
	}
	out, err := psql(t, p, w.addr, "-c", `\copy (select * from copies order by a) to '`+filepath.Join(t.TempDir(), "out")+`'`)
	if err != nil {
		t.Fatal(out)
	}
	got := w.take("result")
	if last := got[len(got)-1]; last["tag"] != "COPY 10000" || last["bytes_out"].(float64) < 80_000 {
		t.Errorf("got %v", last)
	}
	if _, err := c.CopyFrom(t.Context(), pgx.Identifier{"copies"}, []string{"a", "nowhere"}, pgx.CopyFromRows(rows[:1])); err == nil {
		t.Error("it copied into no column")
	}
	if _, err := c.Exec(t.Context(), "drop table copies"); err != nil {
		t.Errorf("after a copy that failed: %v", err)
	}
	if got := w.take("result"); got[len(got)-1]["tag"] != "DROP TABLE" {
		t.Errorf("got %v", got)
	}
}

func withCancel(t *testing.T, p *harness.Postgres) {
	w := newTap(t, p.Addr, "require")
	c := connect(t, p, w)
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	began := time.Now()
	other, err := pgconn.Connect(t.Context(), p.DSN(w.addr))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(context.Background())
	context.AfterFunc(ctx, func() { _ = c.PgConn().CancelRequest(t.Context()) })
	if _, err := c.Exec(t.Context(), "select pg_sleep(20)"); err == nil || !strings.Contains(err.Error(), "57014") || time.Since(began) > 10*time.Second {
		t.Errorf("got %v after %s", err, time.Since(began))
	}
	if len(w.take("cancel")) != 1 {
		t.Error("the cancel is not in the record")
	}
}

func withNotify(t *testing.T, p *harness.Postgres) {
	w := newTap(t, p.Addr, "require")
	one, two := connect(t, p, w), connect(t, p, w)
	if _, err := one.Exec(t.Context(), "listen news"); err != nil {
		t.Fatal(err)
	}
	if _, err := two.Exec(t.Context(), "notify news, 'hej'"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	if n, err := one.WaitForNotification(ctx); err != nil || n.Payload != "hej" {
		t.Errorf("got %v, %v", n, err)
	}
}

func withPipeline(t *testing.T, p *harness.Postgres) {
	w := newTap(t, p.Addr, "require")
	c := connect(t, p, w).PgConn()
	pipe := c.StartPipeline(t.Context())
	pipe.SendQueryParams("select 1", nil, nil, nil, nil)
	pipe.SendQueryParams("select nonsense", nil, nil, nil, nil)
	pipe.SendQueryParams("select 3", nil, nil, nil, nil)
	if err := pipe.Sync(); err != nil {
		t.Fatal(err)
	}
	pipe.SendQueryParams("select 4", nil, nil, nil, nil)
	if err := pipe.Sync(); err != nil {
		t.Fatal(err)
	}
	for {
		r, err := pipe.GetResults()
		if r == nil && err == nil {
			break
		}
		if rows, ok := r.(*pgconn.ResultReader); ok {
			_, _ = rows.Close() // an error is in the record
		}
	}
	if err := pipe.Close(); err != nil && !strings.Contains(err.Error(), "nonsense") {
		t.Fatal(err)
	}
	sql, became := map[any]any{}, map[any]string{}
	for _, o := range w.take("execute", "parse", "result") {
		if o["sql"] != nil {
			sql[o["n"]] = o["sql"]
			continue
		}
		if e, ok := o["error"].(object); ok {
			became[sql[o["n"]]] = e["code"].(string)
		} else {
			became[sql[o["n"]]] = fmt.Sprint(o["tag"])
		}
	}
	for statement, want := range map[string]string{"select 1": "SELECT 1", "select nonsense": "42703", "select 3": "", "select 4": "SELECT 1"} {
		if became[statement] != want {
			t.Errorf("%s: got %q, want %q", statement, became[statement], want)
		}
	}
}

func withLarge(t *testing.T, p *harness.Postgres) {
	w := newTap(t, p.Addr, "require")
	c := connect(t, p, w)
	for _, n := range []int{100 << 10, 3 << 20} {
		w.take()
		text := strings.Repeat("x1 \\ \"'' ", n/9)
		var got int
		if err := c.QueryRow(t.Context(), "select length('"+text+"')", pgx.QueryExecModeSimpleProtocol).Scan(&got); err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, o := range w.take("query") {
			all.WriteString(o["sql"].(string))
		}
		if strings.TrimRight(all.String(), " ") != "select length('"+text+"')" {
			t.Errorf("a statement of %d bytes is recorded in %d", len(text), all.Len())
		}
	}
	big := strings.Repeat("y", 10<<20)
	var got string
	if err := c.QueryRow(t.Context(), "select $1::text", big).Scan(&got); err != nil || got != big {
		t.Fatalf("10 MB there and back: %d, %v", len(got), err)
	}
	var bound, result bool
	for _, o := range w.take() {
		bound = bound || o["op"] == "bound" && len(o["sha256"].(string)) == 64
		result = result || o["op"] == "result" && o["tag"] == "SELECT 1" && o["rows"] == 1.0
	}
	if !bound || !result {
		t.Errorf("of 10 MB: bound %v, result %v", bound, result)
	}
}

func withTLS(t *testing.T, p *harness.Postgres) {
	w := newTap(t, p.Addr, "verify")
	if out, err := psql(t, p, w.addr, "-c", "select 1"); err == nil || !strings.Contains(out, "lockbox: no TLS with "+p.Addr) {
		t.Errorf("a server that nobody vouches for: %v: %s", err, out)
	}
	if out, err := psql(t, p, newTap(t, p.Addr, "off").addr, "-c", "select ssl from pg_stat_ssl where pid = pg_backend_pid()"); err != nil || out != "f\n" {
		t.Errorf("without TLS: %v: %s", err, out)
	}
	if out, err := psql(t, p, w.addr+"", "-c", "select 1", "sslmode=require"); err == nil {
		t.Errorf("a client that insists on TLS: %s", out)
	}
}

func withRefused(t *testing.T, p *harness.Postgres) {
	w := newTap(t, p.Addr, "require")
	for what, send := range map[string]string{
		"SSH": "SSH-2.0-OpenSSH_9.9\r\n", "HTTP": "GET / HTTP/1.1\r\n\r\n", "TLS at once": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03", "protocol 2": "\x00\x00\x00\x08\x00\x02\x00\x00",
		"too long": "\x7f\x00\x00\x00\x00\x03\x00\x00", "encryption for ever": strings.Repeat("\x00\x00\x00\x08\x04\xd2\x16\x2f", 5),
	} {
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte(send)) // it may be closed by then
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		b := make([]byte, 1000)
		var got []byte
		for {
			n, err := c.Read(b)
			got = append(got, b[:n]...)
			if err != nil {
				break
			}
		}
		_ = c.Close()
		if !strings.Contains(string(got), "lockbox: ") {
			t.Errorf("%s: got %q", what, got)
		}
	}
	c, err := pgconn.ParseConfig(p.DSN(w.addr))
	if err != nil {
		t.Fatal(err)
	}
	c.RuntimeParams["replication"] = "database"
	if _, err := pgconn.ConnectConfig(t.Context(), c); err == nil || !strings.Contains(err.Error(), "replication is not open") {
		t.Errorf("replication: %v", err)
	}
}

// withoutRecord: what cannot be recorded does not reach the server.
func withoutRecord(t *testing.T, p *harness.Postgres) {
	w := newTap(t, p.Addr, "require")
	c := connect(t, p, w)
	w.mu.Lock()
	w.fail = true
	w.mu.Unlock()
	if _, err := c.Exec(t.Context(), "create table unseen()"); err == nil {
		t.Fatal("it went on")
	}
	w.mu.Lock()
	w.fail = false
	w.mu.Unlock()
	if out, err := psql(t, p, w.addr, "-c", "select to_regclass('unseen') is null"); err != nil || out != "t\n" {
		t.Errorf("got %v: %s", err, out)
	}
}
