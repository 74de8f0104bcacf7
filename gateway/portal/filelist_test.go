package portal

import (
	"strings"
	"testing"
	"time"

	"lockbox/recorder"
)

func TestFilesAreListedSoThatPeopleCanReadThem(t *testing.T) {
	s := newStage(t)
	code := s.World.Grant(t, s.Eng, time.Hour)
	id := s.recording(code, "support_nord", []string{"nord"}, func(r *recorder.Recording) {
		tr, err := r.Track(recorder.Header{Kind: "sftp", Command: "sftp"})
		must(t, err)
		for _, o := range []map[string]any{
			{"n": 1, "op": "open", "path": "/srv/a", "read": true, "status": "asked"}, {"n": 2, "op": "remove", "path": "/srv/gone", "status": "asked"},
			{"n": 1, "op": "get", "path": "/srv/a", "size": 12, "sha256": "9f86d081", "partial": true, "status": "ok"},
			{"n": 3, "op": "put", "path": "/srv/<b>", "status": "refused", "why": "not here"}, {"n": 4, "op": "rename", "path": "/x", "to": "/y", "status": "ok"},
		} {
			must(t, tr.Object(o))
		}
		must(t, tr.Close())
	})
	ann := s.visitor(s.Ann)
	ann.post("/s/"+id, "purpose", "monthly check")
	page := body(ann.get("/s/" + id))
	for _, want := range []string{"fetched", "/srv/a", "12 bytes", "SHA-256 9f86d081", "not in one pass from the beginning", "removed", "what it came to is not recorded", "refused: not here", "/srv/&lt;b&gt;", "renamed", "/x → /y"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
	if strings.Contains(page, "opened") {
		t.Errorf("what was answered is listed as asked\n%s", page)
	}
}
