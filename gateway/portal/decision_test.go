package portal

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/tests/world"
)

func TestWhatIsShownIsWhatIsSigned(t *testing.T) {
	s := newStage(t)
	code := s.World.Ask(t, s.Eng, "nord", time.Hour)
	ceo := s.visitor(s.Ceo)
	shown := ceo.post("/a/"+code, "do", "approve", "for", "30").sheet()
	var o struct {
		PublicKey struct {
			Challenge        string `json:"challenge"`
			UserVerification string `json:"userVerification"`
		} `json:"publicKey"`
	}
	must(t, json.Unmarshal([]byte(shown.options), &o))
	challenge := statement.Challenge(statement.Domain(shown.domain), []byte(shown.text))
	if got := o.PublicKey.Challenge; got != base64.RawURLEncoding.EncodeToString(challenge) || o.PublicKey.UserVerification != "required" {
		t.Errorf("the passkey is asked to sign %s (%s), not what is shown", got, o.PublicKey.UserVerification)
	}
	if shown.words != inWords(challenge) || len(strings.Fields(shown.words)) != wordCount {
		t.Errorf("words %q", shown.words)
	}
	said, err := statement.ParseApproval([]byte(shown.text))
	if err != nil || said.Request != code || said.Window != "30m0s" || said.Decider != "Ceo <ceo@x.eu> (executive)" {
		t.Errorf("%+v, %v", said, err)
	}
	if got := ceo.sign(shown); got.status != http.StatusOK || !strings.Contains(got.body, `"/a/`+code+`"`) {
		t.Fatalf("%d %s", got.status, got.body)
	}
	v, err := s.World.Desk.See(t.Context(), s.Ceo.Principal, code)
	must(t, err)
	if n := len(v.Request.Votes); n != 1 || !bytes.Equal(v.Request.Votes[0].Statement, []byte(shown.text)) || v.Request.Votes[0].For != 30*time.Minute {
		t.Errorf("%d votes, not the one that was shown", n)
	}
	if got := ceo.sign(shown); got.status == http.StatusOK {
		t.Error("a sheet was signed twice")
	}
	if page := ceo.get("/a/" + code); !strings.Contains(page.body, "You approved this for 30 minutes.") {
		t.Errorf("%s", body(page))
	}
}

func TestABallotIsForOnePerson(t *testing.T) {
	s := newStage(t)
	code := s.World.Ask(t, s.Eng, "nord", time.Hour)
	ceo, cto := s.visitor(s.Ceo), s.visitor(s.Cto)
	shown := ceo.post("/a/"+code, "do", "approve").sheet()
	if got := cto.sign(shown); got.status != http.StatusNotFound {
		t.Errorf("another executive: %d, want 404", got.status)
	}
	stolen := shown
	stolen.id = cto.post("/a/"+code, "do", "approve").sheet().id
	if got := ceo.sign(stolen); got.status != http.StatusNotFound {
		t.Errorf("own signature for another's ballot: %d, want 404", got.status)
	}
	if got := ceo.sign(shown); got.status != http.StatusOK {
		t.Errorf("its own person afterwards: %d %s", got.status, got.body)
	}
}

func TestTheWholeWayThroughPages(t *testing.T) {
	s := newStage(t)
	eng, ceo, ann := s.visitor(s.Eng), s.visitor(s.Ceo), s.visitor(s.Ann)
	asked := eng.post("/r/new", "target", "db1.prod", "login", "support_{{customer}}", "customer", "nord", "reason", "outage", "text", "two rows are stuck", "for", "60")
	code, ok := strings.CutPrefix(asked.header.Get("Location"), "/r/")
	if !ok {
		t.Fatalf("%d %s", asked.status, body(asked))
	}
	if page := ann.get("/c/" + code); strings.Contains(page.body, ">Decline<") || !strings.Contains(page.body, "others have to decide first") {
		t.Errorf("Ann before her turn: %s", body(page))
	}
	if page := ceo.get("/"); !strings.Contains(page.body, `href="/a/`+code+`"`) || !strings.Contains(page.body, "Decide") {
		t.Errorf("Ceo's inbox: %s", body(page))
	}
	for _, v := range []*visitor{ceo, ann} {
		if got := v.approve(code); got.status != 200 {
			t.Fatalf("%s: %d %s", v.who.Name, got.status, got.body)
		}
	}
	if page := eng.get("/r/" + code); !strings.Contains(page.body, "Approved for 1 hour.") {
		t.Errorf("%s", body(page))
	}
	touch, err := s.World.Desk.AskTouch(t.Context(), approvals.Terminal{
		Person: s.Eng.Principal, Key: "SHA256:k", Source: "192.0.2.7", Target: "db1.prod", Login: "support_nord", Grant: code,
	})
	must(t, err)
	if page := eng.get("/"); !strings.Contains(page.body, `href="/t/`+code+`"`) {
		t.Errorf("Eng's inbox: %s", body(page))
	}
	if page := eng.get("/t/" + code); !strings.Contains(page.body, "192.0.2.7") || strings.Contains(page.body, ">"+touch.Number+"<") {
		t.Errorf("%s", body(page))
	}
	if page := eng.post("/t/"+code, "id", touch.ID, "number", "00"); page.status != 422 || !strings.Contains(page.body, "2 tries left") {
		t.Errorf("wrong number: %d %s", page.status, body(page))
	}
	if got := eng.sign(eng.post("/t/"+code, "id", touch.ID, "number", touch.Number).sheet()); got.status != 200 {
		t.Errorf("touch: %d %s", got.status, got.body)
	}
	if got := ceo.post("/r/"+code, "do", "revoke", "comment", "enough"); got.status != http.StatusSeeOther {
		t.Errorf("revoke: %d", got.status)
	}
	if page := eng.get("/r/" + code); !strings.Contains(page.body, "The access was ended on") || !strings.Contains(page.body, "enough") {
		t.Errorf("%s", body(page))
	}
	if page := eng.get("/"); !strings.Contains(page.body, code) {
		t.Errorf("what is over is not in the inbox: %s", body(page))
	}
}

func TestTheThirdWrongNumberEndsTheTouch(t *testing.T) {
	s := newStage(t)
	code := s.World.Grant(t, s.Eng, time.Hour)
	touch, err := s.World.Desk.AskTouch(t.Context(), approvals.Terminal{Person: s.Eng.Principal, Key: "k", Source: "192.0.2.7", Target: "db1.prod", Login: "support_nord", Grant: code})
	must(t, err)
	eng := s.visitor(s.Eng)
	for _, number := range []string{"00", "", "<b>"} {
		if page := eng.post("/t/"+code, "id", touch.ID, "number", number); page.status != 422 || strings.Contains(page.body, "<b>\"") {
			t.Errorf("%q: %d", number, page.status)
		}
	}
	if page := eng.post("/t/"+code, "id", touch.ID, "number", touch.Number); page.status != http.StatusNotFound {
		t.Errorf("the right number, too late: %d", page.status)
	}
}

func TestTextOfPeopleIsNeverMarkup(t *testing.T) {
	s := newStage(t)
	evil := `</q><script>alert(1)</script><img src=x onerror=alert(1)> "' {{.}} javascript:alert(1)`
	v, err := s.World.Desk.Submit(t.Context(), s.Eng.Principal, approvals.Application{
		Target: "db1.prod", Login: "deploy", Do: policy.Shell, For: time.Hour, Need: policy.Need{Reason: "outage", Text: evil, Ticket: `"><svg onload=x>`},
	})
	must(t, err)
	code := v.Request.ID
	ceo := s.visitor(s.Ceo)
	pages := []reply{ceo.get("/"), ceo.get("/a/" + code), ceo.get("/r/" + code), ceo.post("/a/"+code, "do", "approve")}
	pages = append(pages, s.visitor(s.Eng).post("/r/new", "target", "db1.prod", "reason", evil, "text", "x", "ticket", evil, "login", evil))
	ceo.post("/a/"+code, "do", "say", "text", evil)
	pages = append(pages, ceo.get("/a/"+code), ceo.post("/a/"+code, "do", "approve", "less", "yes", "action", "shell", "promise", evil, "for", evil),
		ceo.post("/a/"+code, "do", "approve", "less", "yes", "action", "shell", "promise", evil), ceo.post("/me/delegation", "deputy", evil, "until-date", evil, "until-zone", evil))
	motion := cell{s, nil}.boardMotion()
	pages = append(pages, ceo.post("/m/"+motion, "do", "oppose", "comment", evil), ceo.get("/m/"+motion), s.visitor(s.Ann).post("/customers", "do", "instruct", "uses", evil, "target", evil))
	ceo.post("/a/"+code, "do", "reject", "comment", evil)
	pages = append(pages, s.visitor(s.Eng).get("/r/"+code), s.visitor(s.Eng).get("/r/new?t="+"%3Cscript%3Ealert(1)%3C/script%3E"))
	for i, page := range pages {
		for _, markup := range []string{"<script>alert", "<img", "<svg onload", "onerror=alert(1)>"} {
			if strings.Contains(page.body, markup) {
				t.Errorf("page %d holds %s", i, markup)
			}
		}
	}
	if shown := pages[3].sheet(); !strings.Contains(shown.text, evil) {
		t.Errorf("the sheet shows another text: %s", shown.text)
	}
}

func TestAReviewerReadsNothingOfAnotherCustomer(t *testing.T) {
	s := newStage(t)
	code := s.World.Ask(t, s.Eng, "", time.Hour) // deploy reaches nord and syd
	ann, bo := s.visitor(s.Ann), s.visitor(s.Bo)
	must(t, s.World.Approve(t, s.Ceo, code))
	if got := bo.approve(code); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	pages := []reply{ann.get("/"), ann.get("/c/" + code), ann.get("/r/" + code), ann.post("/c/"+code, "do", "approve")}
	if got := ann.approve(code); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	pages = append(pages, ann.get("/c/"+code), ann.get("/r/"+code), ann.get("/"))
	for i, page := range pages {
		for _, word := range []string{"Syd", "syd", "Bo ", "bo@", "Ceo", "ceo@"} {
			if strings.Contains(page.body, word) {
				t.Errorf("page %d tells Ann of %q: %s", i, word, body(page))
			}
		}
	}
	if page := bo.get("/c/" + code); strings.Contains(page.body, ">Decline<") { // his vote is cast, though his stage has another number in his view
		t.Error("Bo is asked again")
	}
}

func TestSomebodyUnconfirmedReadsOnlyThatTheyWait(t *testing.T) {
	s := newStage(t)
	code := s.World.Ask(t, s.Eng, "nord", time.Hour)
	v := s.visitor(s.New)
	want := v.get("/")
	if want.status != http.StatusForbidden || !strings.Contains(want.body, "Waiting for confirmation") || !strings.Contains(want.body, fingerprintWords(s.New.Fingerprint)) {
		t.Fatalf("%d %s", want.status, body(want))
	}
	for _, path := range []string{"/a/" + code, "/r/" + code, "/r/ZZZZ", "/people", "/status", "/r/new"} { // under Keys they may make a second passkey
		if got := v.get(path); got.status != want.status || body(got) != body(want) {
			t.Errorf("%s: %d %s", path, got.status, body(got))
		}
	}
	ceo := s.visitor(s.Ceo)
	if page := ceo.post("/people", "person", s.New.ID, "fingerprint", s.New.Fingerprint); page.status != 422 {
		t.Errorf("not compared: %d", page.status)
	}
	if got := ceo.sign(ceo.post("/people", "person", s.New.ID, "fingerprint", s.New.Fingerprint, "compared", "yes").sheet()); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := v.get("/"); got.status != http.StatusOK {
		t.Errorf("confirmed: %d", got.status)
	}
}

func TestAPasskeyThatIsNotPinnedIsToldSo(t *testing.T) {
	s := newStage(t)
	code := s.World.Ask(t, s.Eng, "nord", time.Hour)
	lone := s.visitor(s.Lone)
	if page := lone.get("/"); !strings.Contains(page.body, "gives no vote here") {
		t.Errorf("%s", body(page))
	}
	if page := lone.get("/a/" + code); page.status != http.StatusNotFound {
		t.Errorf("%d: an executive whom an operator invited sees a request", page.status)
	}
	if got := lone.post("/a/"+code, "do", "approve"); got.status != http.StatusNotFound {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestSSHKeysAreAddedWithThePasskey(t *testing.T) {
	s := newStage(t)
	mate := s.visitor(s.Mate)
	line := sshKey(t)
	if page := mate.post("/me/keys", "do", "add", "line", "ssh-rsa nonsense"); page.status != 422 || !strings.Contains(page.body, "ssh-rsa nonsense") {
		t.Errorf("%d", page.status)
	}
	shown := mate.post("/me/keys", "do", "add", "line", line).sheet()
	if got := s.visitor(s.Eng).sign(shown); got.status == 200 {
		t.Error("another person's passkey signed for the key")
	}
	shown = mate.post("/me/keys", "do", "add", "line", line).sheet()
	if got := mate.sign(shown); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	keys, err := s.World.People.SSHKeys(t.Context(), s.Mate.ID)
	if err != nil || len(keys) != 2 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	if got := mate.post("/me/keys", "do", "remove", "fingerprint", keys[1].Fingerprint); got.status != http.StatusSeeOther {
		t.Errorf("remove: %d", got.status)
	}
}

func TestWhatIsWrongStandsBesideItsField(t *testing.T) {
	s := newStage(t)
	pol := *s.World.Policy()
	pol.Rules[0].Ticket, pol.Rules[0].Reasons = `INC-\d+`, []policy.Reason{"outage"}
	s.World.SetPolicy(&pol)
	eng := s.visitor(s.Eng)
	good := map[string]string{"target": "db1.prod", "login": "deploy", "reason": "outage", "text": "two rows are stuck", "ticket": "INC-1", "for": "60"}
	for _, row := range []struct{ field, value, at string }{
		{"text", "short", "text"}, {"text", "his number is 010190-1234 and so on", "text"}, {"text", "password=hunter22 does not work", "text"},
		{"ticket", "", "ticket"}, {"ticket", "4312", "ticket"}, {"reason", "planned", "reason"}, {"for", "999", "for"},
	} {
		fields := []string{}
		for k, v := range good {
			if k == row.field {
				v = row.value
			}
			fields = append(fields, k, v)
		}
		page := eng.post("/r/new", fields...)
		if page.status != 422 {
			t.Errorf("%s=%q: %d, want 422: %s", row.field, row.value, page.status, body(page))
			continue
		}
		if !strings.Contains(page.body, `<a href="#`+row.at+`"`) || !strings.Contains(page.body, `id="wrong"`) {
			t.Errorf("%s=%q: not beside its field: %s", row.field, row.value, body(page))
		}
		if row.field != "text" && !strings.Contains(page.body, ">two rows are stuck</textarea>") {
			t.Errorf("%s=%q: what was typed is gone", row.field, row.value)
		}
	}
}

func TestTheWayThereIsTestedForWhoMayAsk(t *testing.T) {
	s := newStage(t)
	eng := s.visitor(s.Eng)
	if page := eng.get("/r/new?t=db1.prod"); strings.Contains(page.body, `value="try"`) {
		t.Error("a test is offered that there is not")
	}
	var asked []string
	matter, err := "", error(nil)
	s.Try = func(_ context.Context, who policy.Principal, target, language string) (string, error) {
		asked = append(asked, who.ID+" "+target+" "+language)
		return matter, err
	}
	if page := eng.get("/r/new?t=db1.prod"); !strings.Contains(page.body, `value="try"`) {
		t.Error("no test is offered")
	}
	for _, row := range []struct {
		matter string
		err    error
		want   string
	}{
		{"", nil, "db1.prod answers as it should."},
		{"connection refused", nil, "db1.prod does not answer as it should now: connection refused. Operators are told"},
		{"", errors.New("busy"), "Nobody could find out now whether db1.prod answers."},
	} {
		matter, err = row.matter, row.err
		page := eng.post("/r/new", "target", "db1.prod", "login", "deploy", "text", "kept as typed", "do", "try")
		if page.status != 200 || !strings.Contains(page.body, row.want) || !strings.Contains(page.body, "kept as typed") {
			t.Errorf("%d %s, want %q", page.status, body(page), row.want)
		}
	}
	if len(asked) != 3 || asked[0] != s.Eng.ID+" db1.prod en" {
		t.Errorf("asked %q", asked)
	}
	for _, v := range []*visitor{s.visitor(s.Ann), s.visitor(s.Ceo), s.visitor(nil)} { // they may not ask
		v.post("/r/new", "target", "db1.prod", "do", "try")
	}
	eng.post("/r/new", "target", "db1.prod", "login", "root", "do", "try")
	eng.post("/r/new", "target", "db9.prod", "do", "try")
	if len(asked) != 3 {
		t.Errorf("for who may not ask: %q", asked)
	}
	if v, err := s.World.Desk.Mine(t.Context(), s.Eng.ID); err != nil || len(v) != 0 {
		t.Errorf("a test sent a request: %v, %v", v, err)
	}
}

func TestTheInboxIsByRole(t *testing.T) {
	s := newStage(t)
	for who, empty := range map[*world.Human]string{
		s.Mate: "Ask for access", s.Ceo: "When somebody asks, you are told", s.Ann: "When somebody asks, you are told", s.Aud: "Nothing waits for you.",
	} {
		if page := s.visitor(who).get("/"); !strings.Contains(page.body, empty) {
			t.Errorf("%s: %s", who.Name, body(page))
		}
	}
	s.World.Ask(t, s.Eng, "nord", time.Hour)
	if page := s.visitor(s.Aud).get("/"); !strings.Contains(page.body, "Waiting for others") || strings.Contains(page.body, ">Decide<") {
		t.Errorf("Aud: %s", body(page))
	}
	if page := s.visitor(s.Bo).get("/"); strings.Contains(page.body, "db1.prod") {
		t.Errorf("Bo: %s", body(page))
	}
}
