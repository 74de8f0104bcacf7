package recorder

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFilesAsCSV(t *testing.T) {
	r := newRig(t)
	var w Session
	synctest.Test(t, func(t *testing.T) {
		w, _ = r.record(t, Header{Kind: "sftp", Redact: 1}, func(tr *Track) {
			for _, o := range []map[string]any{
				{"n": 1, "op": "open", "path": "/a", "read": true, "status": "asked"},
				{"n": 2, "op": "rename", "path": "=cmd()", "to": "/b,c", "status": "asked"},
				{"n": 1, "op": "get", "path": "/a", "size": 0, "sha256": "e3b0", "partial": true, "status": "ok"},
				{"op": "stderr", "text": "hello"},
				{"n": 3, "op": "put", "path": "/x", "status": "refused", "why": "no"},
			} {
				must(t, tr.Object(o))
				time.Sleep(time.Second)
			}
		})
	})
	p, err := Open(r.folder(t, w.ID), r.id)
	must(t, err)
	var out bytes.Buffer
	must(t, p.CSV(&out, "sftp0", Form{}))
	want := `time,operation,path,to,name,attributes,bytes,sha256,partial,status,why,track
2000-01-01T00:00:02Z,get,/a,,,,0,e3b0,yes,ok,,
2000-01-01T00:00:04Z,put,/x,,,,,,,refused,no,
2000-01-01T00:00:01Z,rename,'=cmd(),"/b,c",,,,,,asked,,
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
