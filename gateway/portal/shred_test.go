package portal

import (
	"strings"
	"testing"
	"time"
)

// TestARecordingIsErasedFromThePages: two executives, who come from the page of
// the session; a customer's reviewers what is theirs alone.
func TestARecordingIsErasedFromThePages(t *testing.T) {
	s := newStage(t)
	visit, _ := s.openSession()
	session, leave := visit.Session.ID, visit.Leave
	ceo, ann := s.visitor(s.Ceo), s.visitor(s.Ann)
	post := func(v *visitor, path, id, why string) reply {
		return v.post(path, "do", "shred", "session", id, "shred-why", why)
	}
	page := ceo.get("/people?session=" + session)
	if !strings.Contains(page.body, `value="`+session+`"`) || !strings.Contains(page.body, `<details id="recording" open>`) {
		t.Errorf("who comes from the session does not find it in the form: %s", page.body)
	}
	for _, id := range []string{"x", strings.ToLower(session)[:25], `"><b>`, session + session} {
		if page := ceo.get("/people?session=" + strings.ReplaceAll(id, `"`, "%22")); strings.Contains(page.body, `<details id="recording" open>`) {
			t.Errorf("%q stands in the form", id)
		}
	}
	for _, row := range []struct {
		v                   *visitor
		path, id, why, says string
	}{
		{ceo, "/people", "x", "asked for", "Write the 26 letters and digits"}, {ceo, "/people", session, "", "Say why: what is erased"}, {ceo, "/people", session, "asked for", "is open; end it first"},
		{ann, "/customers", "../../../../etc/passwd...", "asked for", "Write the 26 letters and digits"},
	} {
		if got := post(row.v, row.path, row.id, row.why); got.status != 422 || !strings.Contains(got.body, row.says) {
			t.Errorf("%s %q %q: %d %s", row.path, row.id, row.why, got.status, body(got))
		}
	}
	leave()
	got := post(ceo, "/people", strings.ToLower(session), "asked for")
	if got.status != 303 {
		t.Fatalf("%d %s", got.status, body(got))
	}
	motion := got.header.Get("Location")
	if page := ceo.get(motion); !strings.Contains(page.body, "Erase the recording of session "+session) || !strings.Contains(page.body, `href="/s/`+session+`"`) {
		t.Errorf("%s", body(page))
	}
	shown := ceo.post(motion, "do", "sign").sheet()
	if !strings.Contains(shown.text, "\nerase: the recording of session "+session+"\n") {
		t.Errorf("the sheet is\n%s", shown.text)
	}
	if bo := post(s.visitor(s.Bo), "/customers", session, "asked for"); bo.status != 422 || !strings.Contains(bo.body, "yours alone") {
		t.Errorf("a foreign customer: %d %s", bo.status, body(bo))
	}
	if own := post(ann, "/customers", session, "asked for"); own.status != 303 {
		t.Errorf("its own customer: %d %s", own.status, body(own))
	}
}

// TestSomebodyWhoWantsToWatchSaysSo: in the form, in what is signed, and to who asked.
func TestSomebodyWhoWantsToWatchSaysSo(t *testing.T) {
	s := newStage(t)
	code := s.World.Ask(t, s.Eng, "nord", time.Hour)
	ceo, ann, eng := s.visitor(s.Ceo), s.visitor(s.Ann), s.visitor(s.Eng)
	if page := ceo.get("/a/" + code); !strings.Contains(page.body, "Only while one of us watches (enforced).") {
		t.Errorf("it is not offered: %s", body(page))
	}
	page := ceo.post("/a/"+code, "do", "approve", "less", "yes", "action", "shell", "action", "exec", "watched", "yes")
	shown := page.sheet()
	if !strings.Contains(page.body, "only while one of those who decide watches (enforced)") || !strings.Contains(shown.text, "\nconditions: nothing passes while none of those who decide watches\n") {
		t.Errorf("the sheet says\n%s\n%s", body(page), shown.text)
	}
	if got := ceo.sign(shown); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if page := ann.get("/c/" + code); !strings.Contains(page.body, "Somebody asked already that one of those who decide watches") || strings.Contains(page.body, `name="watched"`) {
		t.Errorf("the next one is asked as if nobody had: %s", body(page))
	}
	must(t, s.World.Approve(t, s.Ann, code))
	if page := eng.get("/r/" + code); !strings.Contains(page.body, "Enforced: nothing passes while none of those who decide watches. Your session waits, frozen, until one of them has it open.") {
		t.Errorf("who asked is not told: %s", body(page))
	}
	if page := eng.get("/r/" + code + "?lang=da"); !strings.Contains(page.body, "Din session venter, frosset") {
		t.Errorf("not in Danish: %s", body(page))
	}
	if v, err := s.World.Desk.See(t.Context(), s.Eng.Principal, code); err != nil || !v.Grant.Watched || !v.Request.Votes[0].Watched {
		t.Errorf("got %+v, %v", v.Grant, err)
	}
}
