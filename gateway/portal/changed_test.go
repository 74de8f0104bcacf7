package portal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockbox/recorder"
)

// Who can write to the folder of the recordings shortens none of them unseen (F20).
func TestAShortenedRecordingIsNotReplayed(t *testing.T) {
	s := newStage(t)
	id := s.recorded(s.World.Grant(t, s.Eng, time.Hour), "support_nord", []string{"nord"}, strings.Repeat("the first thing\r\n", 40000)+"the deed")
	ceo := s.visitor(s.Ceo)
	ceo.post("/s/"+id, "purpose", "to see what was done")
	if page := ceo.get("/s/" + id + "/text/pty0"); page.status != 200 || !strings.Contains(page.body, "the deed") {
		t.Fatalf("whole: %d", page.status)
	}
	folder, err := recorder.Find(s.World.Shelf.Dir, id)
	must(t, err)
	segments, err := filepath.Glob(filepath.Join(folder, "pty0", "*.seg"))
	must(t, err)
	if len(segments) < 2 {
		t.Fatalf("%d segments", len(segments))
	}
	told := 0
	s.Report = func(error) { told++ }
	must(t, os.Remove(filepath.Join(folder, "manifest"))) // as while it goes on
	must(t, os.Remove(segments[len(segments)-1]))
	if page := ceo.get("/s/" + id); page.status != 200 || !strings.Contains(page.body, "is not what was recorded") {
		t.Errorf("%d %s", page.status, body(page))
	}
	for _, path := range []string{"/text/pty0", "/cast/pty0"} {
		if page := ceo.get("/s/" + id + path); page.status == 200 {
			t.Errorf("%s: it is replayed as if it were whole", path)
		}
	}
	if told == 0 {
		t.Error("no operator is told")
	}
}
