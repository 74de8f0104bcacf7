package portal

import (
	"bytes"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/tests/world"
)

// declare signs the declaration in force for people.
func (s *stage) declare(all ...*world.Human) {
	s.t.Helper()
	d := s.World.Policy().Declaration
	for _, h := range all {
		v, err := s.Portal.Charter.Propose(s.t.Context(), h.Principal, policy.Motion{Kind: policy.ToDeclare, About: d.Version, Text: d.Text})
		must(s.t, err)
		s.carry(v.Motion.ID, h)
	}
}

// carry lets people sign a motion.
func (s *stage) carry(id string, all ...*world.Human) {
	s.t.Helper()
	for _, h := range all {
		b, err := s.Portal.Charter.Prepare(s.t.Context(), h.Principal, id)
		must(s.t, err)
		_, err = s.Portal.Charter.Sign(s.t.Context(), h.Principal, b.Nonce, s.World.Sign(s.t, h, b.Domain, b.Statement))
		must(s.t, err)
	}
}

// sentTo is the code of the page that a form went on to.
func (r reply) sentTo(prefix string) string {
	r.t.Helper()
	code, ok := strings.CutPrefix(r.header.Get("Location"), prefix)
	if !ok || r.status != http.StatusSeeOther {
		r.t.Fatalf("%d to %q: %s", r.status, r.header.Get("Location"), body(r))
	}
	return code
}

func TestAnExecutiveIsAdmittedByTwoSignaturesOnPages(t *testing.T) {
	s := newStage(t)
	ceo, cto, lone := s.visitor(s.Ceo), s.visitor(s.Cto), s.visitor(s.Lone)
	if page := lone.get("/people"); strings.Contains(page.body, "Propose to admit") {
		t.Error("who has no vote is offered to admit")
	}
	code := ceo.post("/people", "do", "admit", "fingerprint", s.Lone.Fingerprint).sentTo("/m/")
	for i, v := range []*visitor{ceo, cto} {
		if page := v.get("/"); !strings.Contains(page.body, `href="/m/`+code+`"`) {
			t.Errorf("%s is not told: %s", v.who.Name, body(page))
		}
		page := v.get("/m/" + code)
		for _, want := range []string{"Admit Lone to the executive board", s.Lone.Fingerprint[:43], fingerprintWords(s.Lone.Fingerprint), "Read and sign", "2 are needed", "Ceo, "} {
			if !strings.Contains(strings.ReplaceAll(page.body, "&#43;", "+"), want) {
				t.Errorf("%s does not read %q: %s", v.who.Name, want, body(page))
			}
		}
		shown := v.post("/m/"+code, "do", "sign").sheet()
		if challenge := statement.Challenge(statement.Domain(shown.domain), []byte(shown.text)); shown.domain != string(statement.ForAdmit) || shown.words != inWords(challenge) {
			t.Errorf("domain %s, words %q", shown.domain, shown.words)
		}
		if got := v.sign(shown); got.status != 200 || !strings.Contains(got.body, `"/m/`+code+`"`) {
			t.Fatalf("%d %s", got.status, got.body)
		}
		m, err := s.Portal.Charter.See(t.Context(), s.Ceo.Principal, code)
		must(t, err)
		if n := len(m.Motion.Votes); n != i+1 || !bytes.Equal(m.Motion.Votes[i].Statement, []byte(shown.text)) {
			t.Errorf("%d votes, not what was shown", n)
		}
		if got := v.sign(shown); got.status == 200 {
			t.Error("a sheet was signed twice")
		}
	}
	if page := ceo.get("/m/" + code); !strings.Contains(page.body, "in force") || strings.Contains(page.body, "Read and sign") {
		t.Errorf("%s", body(page))
	}
	if page := s.visitor(s.Lone).get("/people"); !strings.Contains(page.body, "Propose to dismiss") {
		t.Errorf("who was admitted has no vote: %s", body(page))
	}
}

func TestAForeignMotionIsNoMotion(t *testing.T) {
	s := newStage(t)
	code := cell{s, nil}.nordMotion()
	for _, who := range []*world.Human{s.Bo, s.Ceo, s.Eng, s.New, nil} {
		v := s.visitor(who)
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			try := func(path string) reply {
				if method == http.MethodGet {
					return v.get(path)
				}
				return v.post(path, "do", "oppose")
			}
			want, got := try("/m/ZZZZ"), try("/m/"+code)
			if got.status != want.status || body(got) != body(want) {
				t.Errorf("%v: a foreign motion gives %d, one that is not there %d", who, got.status, want.status)
			}
		}
	}
}

func TestADeputyReadsForWhomTheyDecide(t *testing.T) {
	s := newStage(t)
	ceo, mate := s.visitor(s.Ceo), s.visitor(s.Mate)
	code := s.World.Ask(t, s.Eng, "nord", time.Hour)
	if got := mate.get("/a/" + code); got.status != http.StatusNotFound {
		t.Errorf("before: %d", got.status)
	}
	until := time.Now().UTC().Add(48 * time.Hour)
	form := []string{"deputy", s.Mate.Fingerprint, "until-date", until.Format(time.DateOnly), "until-time", "12:00", "until-zone", "Europe/Copenhagen", "target", "db1.prod"}
	if got := ceo.sign(ceo.post("/me/delegation", form...).sheet()); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	page := mate.get("/a/" + code)
	for _, want := range []string{"You decide for Ceo", "who delegated to you until"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("no %q: %s", want, body(page))
		}
	}
	if page := mate.get("/"); !strings.Contains(page.body, `href="/a/`+code+`"`) {
		t.Errorf("a deputy's inbox: %s", body(page))
	}
	if got := mate.approve(code); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if page := ceo.get("/a/" + code); !strings.Contains(page.body, "for Ceo, as their deputy") || strings.Contains(page.body, ">Decline<") {
		t.Errorf("%s", body(page))
	}
	id := s.delegations(t)
	if page := mate.post("/m/"+id, "do", "end"); page.status != http.StatusForbidden {
		t.Errorf("the deputy ends it: %d", page.status)
	}
	ceo.post("/m/"+id, "do", "end").sentTo("/m/")
	if got := mate.get("/a/" + s.World.Ask(t, s.Eng, "syd", time.Hour)); got.status != http.StatusNotFound {
		t.Errorf("afterwards: %d", got.status)
	}
}

func (s *stage) delegations(t *testing.T) string {
	t.Helper()
	all, err := s.Portal.Charter.List(t.Context(), s.Ceo.Principal, policy.ToDelegate)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d delegations, %v", len(all), err)
	}
	return all[0].Motion.ID
}

func TestACustomersFormsLoseNothing(t *testing.T) {
	s := newStage(t)
	ann := s.visitor(s.Ann)
	good := map[string]string{
		"do": "instruct", "uses": "5", "minutes": "30", "target": "db1.prod", "reason": "outage", "day": "1", "hour-from": "08:00", "hour-to": "16:00", "hour-zone": "Europe/Copenhagen",
		"until-date": time.Now().Add(72 * time.Hour).Format(time.DateOnly), "until-time": "12:00", "until-zone": "UTC",
	}
	post := func(name, value string) reply {
		var fields []string
		for k, v := range good {
			if k == name {
				v = value
			}
			fields = append(fields, k, v)
		}
		return ann.post("/customers", fields...)
	}
	for _, row := range []struct{ name, value, at string }{
		{"uses", "0", "uses"}, {"uses", "many", "uses"}, {"uses", "101", "uses"}, {"minutes", "", "minutes"}, {"minutes", "481", "minutes"}, {"until-date", "", "until-date"},
		{"until-date", "2001-01-01", "until-date"}, {"until-date", "2999-01-01", "until-date"}, {"hour-to", "07:00", "hour-from"}, {"hour-from", "8", "hour-from"}, {"target", "db9.prod", "target"},
	} {
		page := post(row.name, row.value)
		if page.status != 422 || !strings.Contains(page.body, `<a href="#`+row.at+`"`) || !strings.Contains(page.body, `id="wrong"`) {
			t.Errorf("%s=%q: %d, not at %s: %.700s", row.name, row.value, page.status, row.at, body(page))
		}
		for name, kept := range map[string]string{"uses": `name="uses" type="number" inputmode="numeric" min="1" max="1000" required value="5"`, "reason": `name="reason" value="outage" checked`, "hour-zone": "<details open>"} {
			if name != row.name && !strings.Contains(page.body, kept) {
				t.Errorf("%s=%q: %s is gone", row.name, row.value, name)
			}
		}
	}
	code := post("", "").sentTo("/m/")
	page := ann.get("/m/" + code)
	for _, want := range []string{"For 5 requests at most.", "For 30 minutes each, at most.", "Only Monday from 08:00 to 16:00 (Europe/Copenhagen).", "Only for these reasons: Outage."} {
		if !strings.Contains(page.body, want) {
			t.Errorf("no %q: %s", want, body(page))
		}
	}
	if got := ann.sign(ann.post("/m/"+code, "do", "sign").sheet()); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if page := ann.get("/customers"); !strings.Contains(page.body, "used 0 of 5") {
		t.Errorf("%s", body(page))
	}
}

func TestTheDeclarationComesBeforeAsking(t *testing.T) {
	s := newStage(t)
	pol := *s.World.Policy()
	pol.Declaration = &policy.Declaration{Version: "7", Text: "I keep <b>silent</b>.\nAlways."}
	s.World.SetPolicy(&pol)
	eng := s.visitor(s.Eng)
	if page := eng.get("/r/new?t=db1.prod"); page.status != 200 || !strings.Contains(page.body, `href="/me/declaration"`) || strings.Contains(page.body, "Send the request") {
		t.Errorf("%d: %s", page.status, body(page))
	}
	if page := eng.get("/me/declaration"); !strings.Contains(page.body, "I keep &lt;b&gt;silent&lt;/b&gt;.\nAlways.") {
		t.Errorf("%s", body(page))
	}
	if got := eng.post("/me/declaration", "digest", "another"); got.status != http.StatusSeeOther {
		t.Errorf("a text that changed is signed: %d", got.status)
	}
	if got := eng.sign(eng.post("/me/declaration", "digest", pol.Declaration.Digest()).sheet()); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if page := eng.get("/me/declaration"); !strings.Contains(page.body, "You signed this on") {
		t.Errorf("%s", body(page))
	}
	if page := eng.post("/r/new", "target", "db1.prod", "login", "support_{{customer}}", "customer", "syd", "text", "kept", "do", "show"); page.status != 200 ||
		!strings.Contains(page.body, "Executive board, Syd Bank") || !strings.Contains(page.body, ">kept</textarea>") {
		t.Errorf("%d: %s", page.status, body(page))
	}
	s.World.Ask(t, s.Eng, "nord", time.Hour)
}

func TestMoreTimeIsAskedForOnThePageOfTheRequest(t *testing.T) {
	s := newStage(t)
	code := s.World.Grant(t, s.Eng, time.Hour)
	eng := s.visitor(s.Eng)
	if page := eng.get("/r/" + code); strings.Contains(page.body, "Ask for more time") {
		t.Error("more time is offered before the first use")
	}
	visit, _, err := s.World.Visit(t, s.Eng, gateway.Knock{
		Who: s.Eng.Principal, Key: ssh.FingerprintSHA256(s.Eng.SSH.PublicKey()), From: netip.MustParseAddr("192.0.2.7"), On: "db1.prod", Login: "support_nord", Do: policy.Shell,
	})
	must(t, err)
	defer visit.Leave()
	if page := eng.post("/r/"+code, "do", "extend", "more", "30", "why", "  "); page.status != 422 || !strings.Contains(page.body, `<a href="#why"`) || !strings.Contains(page.body, `value="30" checked`) {
		t.Errorf("%d: %s", page.status, body(page))
	}
	more := eng.post("/r/"+code, "do", "extend", "more", "30", "why", "one row is left").sentTo("/r/")
	if page := s.visitor(s.Ceo).get("/a/" + more); !strings.Contains(page.body, `href="/r/`+code+`"`) || !strings.Contains(page.body, "More time under an access that is in use:") {
		t.Errorf("%s", body(page))
	}
}

func TestHistoryIsPagedAndMasked(t *testing.T) {
	s := newStage(t)
	var codes []string
	for range historyRows + 2 {
		code := s.World.Ask(t, s.Eng, "syd", time.Hour)
		must(t, s.World.Desk.Withdraw(t.Context(), s.Eng.Principal, code))
		codes = append(codes, code)
	}
	open := s.World.Ask(t, s.Eng, "syd", time.Hour)
	eng, ann := s.visitor(s.Eng), s.visitor(s.Ann)
	first := eng.get("/history")
	oldest, second := codes[0], codes[2]
	if strings.Contains(first.body, oldest) || strings.Contains(first.body, open) || !strings.Contains(first.body, codes[len(codes)-1]) {
		t.Errorf("the first page: %s", body(first))
	}
	next := fmt.Sprintf("/history?before=%s", codes[3])
	if !strings.Contains(first.body, `href="`+next+`"`) {
		t.Errorf("no way to %s: %s", next, body(first)[len(body(first))-800:])
	}
	if page := eng.get(next); !strings.Contains(page.body, oldest) || !strings.Contains(page.body, second) || strings.Contains(page.body, ">Older<") {
		t.Errorf("the second page: %s", body(page))
	}
	if page := ann.get("/history"); strings.Contains(page.body, "/r/") || !strings.Contains(page.body, "Nothing yet.") {
		t.Errorf("Ann sees what is Syd's: %s", body(page))
	}
	if page := ann.get("/history?before=" + codes[5]); page.status != http.StatusNotFound {
		t.Errorf("Ann learns that there is such a request: %d", page.status)
	}
}

func TestWithoutACharterItsPagesAreNotThere(t *testing.T) {
	s := newStage(t)
	s.Portal.Charter, s.World.Desk.Charter = nil, nil
	for _, who := range []*world.Human{s.Ceo, s.Ann, s.Eng} {
		v := s.visitor(who)
		want := v.get("/nowhere")
		for _, path := range []string{"/m/7KQM", "/customers", "/policy", "/me/delegation", "/me/declaration"} {
			if got := v.get(path); got.status != want.status || body(got) != body(want) {
				t.Errorf("%s, %s: %d", who.Name, path, got.status)
			}
		}
		for _, path := range []string{"/", "/people", "/r/new", "/me/keys"} {
			if got := v.get(path); got.status >= 500 {
				t.Errorf("%s, %s: %d", who.Name, path, got.status)
			}
		}
	}
}

func TestThePolicyInForceIsShownWithWhatWouldTakeItsPlace(t *testing.T) {
	s := newStage(t)
	gate := policy.Principal{ID: "lockbox", Name: "Lockbox", Kind: policy.Machine}
	v, err := s.Portal.Charter.Propose(t.Context(), gate, policy.Motion{
		Kind: policy.ToActivate, About: strings.Repeat("ab", 32), Config: strings.Repeat("cd", 32), Text: "eng@x.eu gains <shell> on db1.prod",
	})
	must(t, err)
	ceo := s.visitor(s.Ceo)
	page := ceo.get("/policy")
	for _, want := range []string{"eng@x.eu gains &lt;shell&gt; on db1.prod", "Read and sign", "Say no", "4f00"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("no %q: %s", want, body(page))
		}
	}
	if page := s.visitor(s.Eng).get("/policy"); strings.Contains(page.body, "gains") || !strings.Contains(page.body, "4f00") {
		t.Errorf("an engineer reads what waits: %s", body(page))
	}
	s.carry(v.Motion.ID, s.Ceo, s.Cto)
	pol := *s.World.Policy()
	pol.Digest = strings.Repeat("ab", 32)
	s.World.SetPolicy(&pol)
	if page := ceo.get("/policy"); !strings.Contains(page.body, "Cto, ") || strings.Contains(page.body, "Read and sign") {
		t.Errorf("%s", body(page))
	}
}
