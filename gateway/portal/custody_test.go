package portal

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// looks gives the page of a session to who has said why.
func (v *visitor) looks(id string) reply {
	v.s.t.Helper()
	if got := v.post("/s/"+id, "purpose", "to see what was done"); got.status != http.StatusSeeOther {
		v.s.t.Fatalf("%s looks: %d %s", v.who.Name, got.status, body(got))
	}
	return v.get("/s/" + id)
}

func TestASealedRecordingIsTakenAsItIs(t *testing.T) {
	s := newStage(t)
	id := s.recorded(s.World.Grant(t, s.Eng, time.Hour), "support_nord", []string{"nord"}, "hello from nord\r\n")
	folder, err := recorder.Find(s.World.Shelf.Dir, id)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(folder, "stray"), []byte("no part of it"), 0o600))
	must(t, os.Symlink("/etc/passwd", filepath.Join(folder, "pty0", "000009.seg")))
	other, err := age.GenerateHybridIdentity()
	must(t, err)
	s.Vault = []age.Identity{other} // what it was sealed to is not here
	ann := s.visitor(s.Ann)
	page := ann.looks(id)
	if !strings.Contains(page.body, "sealed to others than this gateway") || !strings.Contains(page.body, "/recording.tar") {
		t.Fatalf("%d %s", page.status, body(page))
	}
	if got := ann.get("/s/" + id + "/part/pty0?from=0"); got.status != http.StatusNotFound {
		t.Errorf("a part: %d", got.status)
	}
	got := ann.get("/s/" + id + "/recording.tar")
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/x-tar" {
		t.Fatalf("%d", got.status)
	}
	to := t.TempDir()
	names := unpack(t, got.body, to)
	if want := []string{"key.age", "manifest", "pty0/000000.seg"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
	play, err := recorder.Open(filepath.Join(to, id), s.Keys.Vault)
	must(t, err)
	var text strings.Builder
	must(t, play.Text(&text, "pty0"))
	if text.String() != "hello from nord\n" {
		t.Errorf("%q", text.String())
	}
}

// unpack writes a recording's tar to a folder, and lists what is in it.
func unpack(t *testing.T, packed, to string) (names []string) {
	t.Helper()
	for in := tar.NewReader(strings.NewReader(packed)); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		must(t, err)
		_, name, _ := strings.Cut(h.Name, "/")
		names = append(names, name)
		b, err := io.ReadAll(in)
		must(t, err)
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(to, h.Name)), 0o700))
		must(t, os.WriteFile(filepath.Join(to, h.Name), b, 0o600))
	}
}

func TestATrimmedRecordingIsBroughtBackFirst(t *testing.T) {
	s := newStage(t)
	id := s.recorded(s.World.Grant(t, s.Eng, time.Hour), "support_nord", []string{"nord"}, "hello\r\n")
	folder, err := recorder.Find(s.World.Shelf.Dir, id)
	must(t, err)
	away := filepath.Join(s.World.Dir, id)
	must(t, os.Rename(folder, away))
	aud := s.visitor(s.Aud)
	if page := aud.looks(id); page.status != http.StatusOK || !strings.Contains(page.body, "The recording of this session is not here.") {
		t.Errorf("without an archive: %d %s", page.status, body(page))
	}
	brought := 0
	s.Bring = func(_ context.Context, session string) error {
		if _, err := os.Stat(away); session != id || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		brought++
		return os.Rename(away, folder)
	}
	if page := aud.get("/s/" + id); !strings.Contains(page.body, "/text/pty0") || brought != 1 {
		t.Errorf("brought %d times: %s", brought, body(page))
	}
	if got := aud.get("/s/" + id + "/text/pty0"); got.body != "hello\n" {
		t.Errorf("%d %q", got.status, got.body)
	}
}

func TestARecordingIsHeldByOneAndLetGoByAnother(t *testing.T) {
	s := newStage(t)
	id := s.recorded(s.World.Grant(t, s.Eng, time.Hour), "support_nord", []string{"nord"}, "hello\r\n")
	ceo, cto := s.visitor(s.Ceo), s.visitor(s.Cto)
	if page := s.visitor(s.Ann).looks(id); strings.Contains(page.body, "hold-why") {
		t.Errorf("a reviewer is offered to hold it")
	}
	if got := ceo.post("/s/"+id+"/custody", "do", "keep", "why", ""); got.status != http.StatusUnprocessableEntity {
		t.Errorf("without a reason: %d", got.status)
	}
	ceo.post("/s/"+id+"/custody", "do", "keep", "why", "case 12 of 2026")
	if page := cto.get("/s/" + id); !strings.Contains(page.body, "case 12 of 2026") || !strings.Contains(page.body, "by Ceo") {
		t.Errorf("%s", body(page))
	}
	if got := ceo.post("/s/"+id+"/custody", "do", "release", "why", "over"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("by who holds it: %d", got.status)
	}
	if got := cto.post("/s/"+id+"/custody", "do", "release", "why", "over"); got.status != http.StatusSeeOther {
		t.Errorf("by another: %d", got.status)
	}
	if page := ceo.get("/s/" + id); strings.Contains(page.body, "case 12 of 2026") {
		t.Errorf("it is still held")
	}
}

func TestRemarksLeadToTheirMoment(t *testing.T) {
	s := newStage(t)
	id := s.recorded(s.World.Grant(t, s.Eng, time.Hour), "support_nord", []string{"nord"}, "hello\r\n")
	ceo, ann, eng := s.visitor(s.Ceo), s.visitor(s.Ann), s.visitor(s.Eng)
	ceo.looks(id)
	for _, bad := range []string{"1:99", "soon", "-1"} {
		if got := ceo.post("/s/"+id+"/remarks", "do", "say", "text", "odd", "track", "pty0", "at", bad); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Write the moment as") || !strings.Contains(got.body, `value="odd"`) {
			t.Errorf("%q: %d", bad, got.status)
		}
	}
	if got := ceo.post("/s/"+id+"/remarks", "do", "say", "text", "odd", "track", "../x", "at", "0:01"); got.status != http.StatusBadRequest {
		t.Errorf("track: %d", got.status)
	}
	ceo.post("/s/"+id+"/remarks", "do", "say", "text", "<b>why this?</b>", "track", "pty0", "at", "1:02:03")
	ceo.post("/s/"+id+"/remarks", "do", "review")
	page := ann.looks(id)
	for _, want := range []string{"&lt;b&gt;why this?&lt;/b&gt;", `href="/s/` + id + `?track=pty0&amp;t=1:02:03"`, "has reviewed this recording"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("no %s: %s", want, body(page))
		}
	}
	if strings.Contains(ceo.get("/s/"+id).body, `value="review"`) || strings.Contains(eng.looks(id).body, `value="review"`) || !strings.Contains(page.body, `value="review"`) {
		t.Errorf("who may review it is not who is asked to")
	}
}

// One of several customers may hold back what it may not watch.
func TestAReviewerFreezesWhatTheyMayNotWatch(t *testing.T) {
	s := newStage(t)
	v, _ := s.openShared()
	ann := s.visitor(s.Ann)
	if got := ann.get("/s/" + v.Session.ID); got.status != http.StatusNotFound {
		t.Errorf("the page: %d", got.status)
	}
	if page := ann.get("/r/" + v.Session.Request); !strings.Contains(page.body, "/s/"+v.Session.ID+"/act") {
		t.Errorf("the request offers no freeze: %s", body(page))
	}
	got := ann.post("/s/"+v.Session.ID+"/act", "do", "freeze")
	if got.status != http.StatusSeeOther || got.header.Get("Location") != "/r/"+v.Session.Request {
		t.Fatalf("%d %s", got.status, body(got))
	}
	if h, _ := v.Halted(); h.By != "Nord Legal" {
		t.Errorf("%+v", h)
	}
	if got := s.visitor(s.Bo).post("/s/"+v.Session.ID+"/act", "do", "thaw"); got.status != http.StatusForbidden {
		t.Errorf("another customer lets it go on: %d", got.status)
	}
	if got := s.visitor(s.Mate).post("/s/"+v.Session.ID+"/act", "do", "freeze"); got.status != http.StatusNotFound {
		t.Errorf("another engineer: %d", got.status)
	}
}

func TestTheStatusSaysHowRecordingStands(t *testing.T) {
	s := newStage(t)
	s.Tried = func() Tried {
		return Tried{Verified: 12, Played: 3, Failed: 1, Last: time.Now(), Why: "06H0: segment pty0/3 is not there"}
	}
	for who, want := range map[*world.Human][]string{
		s.Ceo: {"green", "12 verified, 3 played", "1 failed", "segment pty0/3"}, s.Aud: {"green", "12 verified, 3 played"}, s.Ann: {"green"}, s.Eng: {"green"},
	} {
		page := s.visitor(who).get("/status")
		for _, w := range want {
			if !strings.Contains(page.body, w) {
				t.Errorf("%s does not read %q: %s", who.Name, w, body(page))
			}
		}
		if told := strings.Contains(page.body, "segment pty0/3"); told != (who == s.Ceo) {
			t.Errorf("%s is told which recording failed: %t", who.Name, told)
		}
		if told := strings.Contains(page.body, "verified"); told != (who == s.Ceo || who == s.Aud) {
			t.Errorf("%s is told of trials: %t", who.Name, told)
		}
	}
	s.Portal.Shelf = &recorder.Shelf{Dir: t.TempDir()} // it has nobody to seal to
	if page := s.visitor(s.Eng).get("/status"); !strings.Contains(page.body, ">red<") {
		t.Errorf("nobody to seal to: %s", body(page))
	}
}

func TestTheNoticeSaysWhatTheRulesSay(t *testing.T) {
	s := newStage(t)
	pol := *s.World.Policy()
	pol.Rules = slices.Clone(pol.Rules)
	pol.Rules[0].Record = policy.Recording{Input: true, Redact: policy.RedactCPR | policy.RedactKeys, Seal: policy.ToAuditor | policy.ToCustomer, Keep: 90 * 24 * time.Hour}
	pol.Customers = maps.Clone(pol.Customers)
	pol.Customers["nord"] = policy.Customer{ID: "nord", Name: "Nord Legal", Keep: 30 * 24 * time.Hour}
	s.World.SetPolicy(&pol)
	page := s.visitor(nil).get("/legal/recording-notice")
	for want, is := range map[string]bool{
		"Some rules here have what is typed recorded": true, "CPR numbers": true, "private keys": true, "payment card numbers": false, "this gateway&#39;s vault": false,
		"the customer whose data alone it concerns</li>": true, "For 30 days to 90 days": true, "Nord": false, "production": false,
	} {
		if strings.Contains(page.body, want) != is {
			t.Errorf("%q: want %t: %s", want, is, body(page))
		}
	}
	if page := s.visitor(nil).get("/legal/recording-notice?lang=da"); !strings.Contains(page.body, "I 30 dage til 90 dage") {
		t.Errorf("%s", body(page))
	}
}

func FuzzMoments(f *testing.F) {
	for _, s := range []string{"0", "1:23", "1:02:03.5", "83.25", ":", "1:", "60:00", "1:60", "9999999999", "0.0000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, ok := parseMoment(s)
		if !ok {
			return
		}
		if at < 0 || at > momentMost {
			t.Errorf("%q is %v", s, at)
		}
		if again, ok := parseMoment(seconds(at)); !ok || again != at {
			t.Errorf("%q is %v, and %q is %v", s, at, seconds(at), again)
		}
		if again, ok := parseMoment(showMoment(at)); !ok || again != at.Truncate(time.Second) {
			t.Errorf("%v is shown as %q", at, showMoment(at))
		}
	})
}

func FuzzThings(f *testing.F) {
	f.Add(`{"op":"get","path":"/x","size":3}`)
	f.Add(`{"stream":"o","kept":1,"bytes":2,"sha256":"ab"}`)
	f.Add("[1]")
	f.Fuzz(func(t *testing.T, s string) {
		for _, code := range []string{recorder.CodeObject, recorder.CodeCut, recorder.CodeStdin} {
			th, is := thingOf(recorder.Event{Code: code, Data: []byte(s)})
			if !is || strings.ContainsAny(fmt.Sprint(th), "\x1b\u202e\x07") {
				t.Errorf("%q: %v", s, th)
			}
		}
	})
}

// What is erased says why, asks nobody for a purpose, and leads to nothing.
func TestAnErasedRecordingSaysSo(t *testing.T) {
	s := newStage(t)
	id := s.recorded(s.World.Grant(t, s.Eng, time.Hour), "support_nord", []string{"nord"}, "hello\r\n")
	folder, err := recorder.Find(s.World.Shelf.Dir, id)
	must(t, err)
	must(t, os.Remove(filepath.Join(folder, "key.age")))
	must(t, s.World.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		var row map[string]any
		if _, err := tx.Get("session/"+id, &row); err != nil {
			return err
		}
		row["erased"], row["why"] = time.Now(), "its time was up"
		if _, err := tx.Append(ledger.Event{Kind: "recording.erased", Actor: "lockbox", Subjects: []string{id}}); err != nil {
			return err
		}
		return tx.Put("session/"+id, row)
	}))
	ann := s.visitor(s.Ann)
	page := ann.get("/s/" + id)
	for want, is := range map[string]bool{"The recording is erased.": true, "its time was up": true, "still proves": true, `name="purpose"`: false, "recording.tar": false, "hold-why": false} {
		if strings.Contains(page.body, want) != is {
			t.Errorf("%q: want %t: %s", want, is, body(page))
		}
	}
	ann.post("/s/"+id, "purpose", "to see what was done")
	for _, path := range []string{"/recording.tar", "/part/pty0?from=0", "/text/pty0"} {
		if got := ann.get("/s/" + id + path); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}
