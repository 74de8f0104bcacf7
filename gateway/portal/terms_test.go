package portal

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/policy/statement"
)

// withFiles lets the world's rule give file transfers too.
func (s *stage) withFiles() {
	pol := *s.World.Policy()
	pol.Rules[0].Actions = []policy.Action{policy.Shell, policy.Exec, policy.SFTPGet, policy.SFTPPut}
	s.World.SetPolicy(&pol)
}

func TestLessThanWasAskedIsSignedAsItIsShown(t *testing.T) {
	s := newStage(t)
	s.withFiles()
	code := s.World.Ask(t, s.Eng, "nord", time.Hour)
	later := time.Now().UTC().Add(3 * time.Hour).Truncate(time.Minute)
	ceo, eng := s.visitor(s.Ceo), s.visitor(s.Eng)
	page := ceo.post("/a/"+code, "do", "approve", "less", "yes", "for", "20", "action", "shell", "action", "sftp-get", "promise", " only  rows 7 and 9 ",
		"later-date", later.Format(time.DateOnly), "later-time", later.Format("15:04"), "later-zone", "UTC")
	shown := page.sheet()
	for _, want := range []string{"a terminal, fetching files (enforced)", "promised, not enforced:", "only rows 7 and 9", "not before"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the sheet does not say %q", want)
		}
	}
	said, err := statement.ParseApproval([]byte(shown.text))
	if err != nil || said.Window != "20m0s" || said.Promise != "only rows 7 and 9" || said.MayNot != "exec, sftp-put" || said.NotBefore != later.Format(time.RFC3339Nano) {
		t.Fatalf("%+v, %v", said, err)
	}
	if got := ceo.sign(shown); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	v, err := s.World.Desk.See(t.Context(), s.Ceo.Principal, code)
	must(t, err)
	if b := v.Request.Votes[0]; len(b.Actions) != 2 || b.For != 20*time.Minute || !b.NotBefore.Equal(later) || b.Promise != "only rows 7 and 9" {
		t.Errorf("%+v", b.Terms)
	}
	must(t, s.World.Approve(t, s.Ann, code))
	if page := eng.get("/r/" + code); !strings.Contains(page.body, "I promise this") || !strings.Contains(page.body, "It may not start before") || !strings.Contains(page.body, "a terminal, fetching files (enforced)") {
		t.Errorf("%s", body(page))
	}
	eng.post("/r/"+code, "do", "accept")
	if page := eng.get("/r/" + code); strings.Contains(page.body, "I promise this") || !strings.Contains(page.body, "Promised on") {
		t.Errorf("%s", body(page))
	}
}

func TestWhatIsWrongInTermsStandsBesideItsField(t *testing.T) {
	s := newStage(t)
	s.withFiles()
	code := s.World.Ask(t, s.Eng, "nord", time.Hour)
	ceo := s.visitor(s.Ceo)
	before := s.World.Ledger.Last()
	for _, row := range []struct{ name, value, at string }{
		{"for", "0", "for"}, {"for", "61", "for"}, {"for", "1h", "for"}, {"for", "-5", "for"}, {"for", "9223372036854775807", "for"},
		{"later-date", "2026-13-01", "later-date"}, {"later-date", "2001-01-01", "later-date"}, {"later-time", "14:30", "later-date"}, {"later-date", "2999-01-01", "later-date"},
		{"action", "", "action"}, {"action", "forward", "action"}, {"promise", strings.Repeat("x", 301), "promise"}, {"promise", "his number is 010190-1234", "promise"},
	} {
		form := map[string]string{"do": "approve", "less": "yes", "action": "shell", "promise": "touch nothing", "later-zone": "Europe/Copenhagen", row.name: row.value}
		var fields []string
		for k, v := range form {
			fields = append(fields, k, v)
		}
		page := ceo.post("/a/"+code, fields...)
		if page.status != 422 || !strings.Contains(page.body, `<a href="#`+row.at+`"`) || !strings.Contains(page.body, `id="wrong"`) {
			t.Errorf("%s=%.20q: %d: %.1200s", row.name, row.value, page.status, body(page))
			continue
		}
		if row.name != "promise" && !strings.Contains(page.body, `value="touch nothing"`) {
			t.Errorf("%s=%q: what was typed is gone", row.name, row.value)
		}
		if da := ceo.post("/a/"+code+"?lang=da", fields...); strings.Contains(body(da), `<span lang="en">`) {
			t.Errorf("%s=%q is refused in English to a Dane: %.900s", row.name, row.value, body(da))
		}
	}
	if after := s.World.Ledger.Last(); after != before {
		t.Errorf("%d events from what was refused", after-before)
	}
}

func TestOnlyTermsThatLeaveSomethingAreOffered(t *testing.T) {
	s := newStage(t)
	ceo := s.visitor(s.Ceo)
	code := s.World.Ask(t, s.Eng, "nord", time.Hour)
	if page := ceo.get("/a/" + code); strings.Contains(page.body, `name="read-only"`) || strings.Contains(page.body, `name="no-files"`) {
		t.Error("read only is offered where it leaves nothing, or no files where there are none")
	}
	if page := ceo.post("/a/"+code, "do", "approve", "less", "yes", "action", "shell", "read-only", "yes"); page.status != 422 {
		t.Errorf("%d: terms that leave nothing", page.status)
	}
	s.withFiles()
	code = s.World.Ask(t, s.Mate, "nord", time.Hour)
	page := ceo.get("/a/" + code)
	for _, want := range []string{"Read only (enforced). Takes away: a terminal, single commands, putting files there.", "No file transfer (enforced). Takes away: fetching files, putting files there."} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestATimeIsReadInItsZone(t *testing.T) {
	s := newStage(t)
	read := func(date, clock, zone string) (time.Time, string) {
		r := s.visitor(nil).request(http.MethodPost, "/", "", "")
		r.PostForm = url.Values{"x-date": {date}, "x-time": {clock}, "x-zone": {zone}}
		x := &exchange{p: s.Portal, r: r, say: languages()[0]}
		return x.instant("x")
	}
	for _, row := range []struct{ date, clock, zone, want string }{
		{"2026-12-24", "14:30", "Europe/Copenhagen", "2026-12-24T13:30:00Z"}, {"2026-07-01", "14:30", "Europe/Copenhagen", "2026-07-01T12:30:00Z"},
		{"2026-07-01", "", "UTC", "2026-07-01T00:00:00Z"}, {"2026-07-01", "14:30:59", "UTC", "2026-07-01T14:30:00Z"}, {"", "", "nowhere", "0001-01-01T00:00:00Z"},
		{"2027-03-28", "02:30", "Europe/Copenhagen", ""}, // the clock jumps over it
		{"2026-02-30", "10:00", "UTC", ""}, {"2026-12-24", "14:30", "Local", ""}, {"2026-12-24", "14:30", "../etc", ""}, {"", "14:30", "UTC", ""}, {"24-12-2026", "14:30", "UTC", ""},
	} {
		at, why := read(row.date, row.clock, row.zone)
		if got := at.UTC().Format(time.RFC3339); (why != "") != (row.want == "") || why == "" && got != row.want {
			t.Errorf("%s %s %s: %s, %q, want %s", row.date, row.clock, row.zone, got, why, row.want)
		}
	}
}

func TestTheThreadIsSeenByThoseItIsFor(t *testing.T) {
	s := newStage(t)
	code := s.World.Ask(t, s.Eng, "", time.Hour) // deploy reaches nord and syd
	eng, ceo, ann, bo := s.visitor(s.Eng), s.visitor(s.Ceo), s.visitor(s.Ann), s.visitor(s.Bo)
	for _, say := range []struct {
		v            *visitor
		path, thread string
		text         string
	}{
		{ceo, "/a/", "", "board asks one"}, {ann, "/c/", "syd", "nord asks two"}, {eng, "/r/", "nord", "answer to nord three"}, {eng, "/r/", "", "answer to board four"},
	} {
		if got := say.v.post(say.path+code, "do", "say", "thread", say.thread, "text", say.text); got.status != http.StatusSeeOther || got.header.Get("Location") != say.path+code+"#thread" {
			t.Fatalf("%s: %d %s", say.text, got.status, body(got))
		}
	}
	for _, row := range []struct {
		v          *visitor
		path       string
		sees, not_ []string
	}{
		{eng, "/r/", []string{"one", "two", "three", "four"}, nil},
		{ceo, "/a/", []string{"one", "two", "three", "four"}, nil},
		{ann, "/c/", []string{"asks two", "nord three"}, []string{"asks one", "board four"}},
		{bo, "/c/", nil, []string{"asks one", "asks two", "nord three", "board four"}},
	} {
		page := row.v.get(row.path + code)
		for _, want := range row.sees {
			if !strings.Contains(page.body, want) {
				t.Errorf("%s does not see %q", row.v.who.Name, want)
			}
		}
		for _, not := range row.not_ {
			if strings.Contains(page.body, not) {
				t.Errorf("%s sees %q", row.v.who.Name, not)
			}
		}
	}
	if page := eng.post("/r/"+code, "do", "say", "thread", "nord", "text", "the CPR is 010190-1234"); page.status != 422 || !strings.Contains(page.body, "010190-1234</textarea>") || !strings.Contains(page.body, `href="#text"`) {
		t.Errorf("%d: %s", page.status, body(page))
	}
}

func TestLongWaitsShowTheAgeOfVotesAndWhoIsAskedNow(t *testing.T) {
	s := newStage(t)
	at := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	view := func(now time.Time) approvals.View {
		q := &policy.Request{
			ID: "7KQM", At: at, Who: s.Eng.Principal, For: time.Hour, Actions: []policy.Action{policy.Shell},
			Stages: []policy.Stage{
				{Kind: policy.ByExecutive, Count: 2, Of: 3, Expires: 12 * time.Hour, Escalate: []policy.Rung{{After: 10 * time.Minute, Remind: "all"}, {After: 20 * time.Minute, To: "deputies", Of: 1}}},
			},
			Votes: []policy.Vote{{By: s.Cto.Principal, At: at.Add(time.Minute), Verdict: policy.Yes, Terms: policy.Terms{For: time.Hour}}},
		}
		return approvals.View{Request: q, Status: q.Tally(now), Now: now}
	}
	x := &exchange{p: s.Portal, r: s.visitor(nil).request(http.MethodGet, "/", "", ""), say: languages()[0]}
	for _, row := range []struct {
		after time.Duration
		age   time.Duration
		risen string
	}{
		{time.Minute, 0, "[false false]"}, {15 * time.Minute, 0, "[true false]"}, {20 * time.Minute, 0, "[true true]"},
		{4*time.Hour + time.Minute, 0, "[true true]"}, {4*time.Hour + 2*time.Minute, 4*time.Hour + time.Minute, "[true true]"},
	} {
		stage := x.stages(view(at.Add(row.after)))[0]
		var risen []bool
		for _, r := range stage.Rungs {
			risen = append(risen, r.Risen)
		}
		if got := stage.Votes[0].Age; got != row.age || fmt.Sprint(risen) != row.risen {
			t.Errorf("after %s: age %s, want %s; risen %v, want %s", row.after, got, row.age, risen, row.risen)
		}
	}
	x.who.Principal = s.Bo.Principal
	if rungs := x.stages(view(at.Add(time.Hour)))[0].Rungs; len(rungs) != 0 {
		t.Errorf("a customer reads how the board escalates: %v", rungs)
	}
}
