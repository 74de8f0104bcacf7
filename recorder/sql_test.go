package recorder

import (
	"bytes"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

func TestStatementsAreWrittenAsSQL(t *testing.T) {
	r := newRig(t)
	var w Session
	synctest.Test(t, func(t *testing.T) {
		w, _ = r.record(t, Header{Kind: "sql", Command: "127.0.0.1:5432"}, func(tr *Track) {
			for _, o := range operations() {
				must(t, tr.Object(o))
			}
		})
	})
	p, err := Open(r.folder(t, w.ID), r.id)
	must(t, err)
	var out bytes.Buffer
	must(t, p.SQL(&out, "sql0", Form{}))
	_, got, _ := bytes.Cut(out.Bytes(), []byte("UTC\n"))
	const want = `
-- 00:00:00.000 app on shop psql

-- 00:00:00.000 [1]
select 1 -- hi[2J
;
-- SELECT 1, 1 row [1] after 3 ms

-- 00:00:00.000 [2] prepared
select $1;

-- 00:00:00.000 [3] executed
--   $1 = "a\nb"
--   $2 = null
--   $3 = {"binary":"00"}
select $1;
-- [3] failed: 22012 division byzero

-- 00:00:00.000 [4]
copy t from stdin;
-- COPY 2, 10 bytes in [4] after 1 ms

-- 00:00:00.000 [5] a cursor
-- [5] skipped, for one before it failed

-- 00:00:00.000 a statement of another connection was cancelled

-- 00:00:00.000 [6] function 7
--   $1 = "x"

-- 00:00:00.000 [0] failed: 57P01 ended

-- 00:00:00.000 [8] executed
select 'good';
-- SELECT 1 [8] after 1 ms; what ran is the statement of [2]

-- 00:00:00.000 [9] executed
select 'good';

-- 00:00:00.000 [9] failed: 42601 no; another statement ran than it says, and which is not known
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func operations() []map[string]any {
	return []map[string]any{
		{"op": "start", "user": "app", "database": "shop", "application": "psql"},
		{"op": "query", "n": 1, "sql": "select 1 -- hi\x1b[2J\n;"}, {"op": "result", "n": 1, "tag": "SELECT 1", "rows": 1, "ms": 3},
		{"op": "parse", "n": 2, "sql": "select $1"}, {"op": "execute", "n": 3, "sql": "select $1", "params": []any{"a\nb", nil, map[string]any{"binary": "00"}}},
		{"op": "result", "n": 3, "error": map[string]any{"code": "22012", "message": "division by\nzero"}},
		{"op": "query", "n": 4, "sql": "copy t ", "part": 1, "parts": 2}, {"op": "query", "n": 4, "sql": "from stdin", "part": 2, "parts": 2},
		{"op": "result", "n": 4, "tag": "COPY 2", "bytes_in": 10, "ms": 1}, {"op": "execute", "n": 5, "portal": "c"}, {"op": "result", "n": 5, "skipped": true},
		{"op": "cancel"}, {"op": "call", "n": 6, "function": 7, "params": []any{"x"}}, {"op": "error", "error": map[string]any{"code": "57P01", "message": "ended"}}, {"op": "notice"},
		{"op": "execute", "n": 8, "sql": "select 'good'"}, {"op": "result", "n": 8, "tag": "SELECT 1", "ran": 2, "ms": 1},
		{"op": "execute", "n": 9, "sql": "select 'good'"}, {"op": "error", "n": 9, "ran": 0, "error": map[string]any{"code": "42601", "message": "no"}},
	}
}
