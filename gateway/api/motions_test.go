package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockbox/policy"
)

func TestAMotionIsReadAsItWasProposed(t *testing.T) {
	s := newHall(t)
	token := s.token(s.Ann)
	proposal := `{"kind":"standing","customer":"nord","until":"` + time.Now().Add(720*time.Hour).UTC().Format(time.RFC3339) +
		`","uses":3,"for":"30m","text":"nightly repair",` +
		`"scope":{"targets":["db1.prod"],"actions":["shell"],"reasons":["outage"],` +
		`"hours":{"days":["Mon","Sun"],"from":"07:30","to":"24:00","zone":"Europe/Copenhagen"}}}`
	var m Motion
	s.post(token, "/motions", proposal).into(&m)
	var want Proposal
	must(t, json.Unmarshal([]byte(proposal), &want))
	if diff := cmp.Diff(want, m.Proposal); diff != "" {
		t.Errorf("(-proposed +read)\n%s", diff)
	}
	if m.Phase != policy.Pending || m.Holds || m.URL != here+"/m/"+m.Motion || m.By.ID != s.Ann.ID {
		t.Errorf("got %+v", m)
	}
	var list MotionList
	s.get(token, "/motions?kind=standing").into(&list)
	if len(list.Motions) != 1 || list.Motions[0].Motion != m.Motion {
		t.Errorf("the list is %+v", list)
	}
	s.get(token, "/motions?kind=settings").into(&list)
	if len(list.Motions) != 0 {
		t.Errorf("of another kind: %+v", list)
	}
}

func TestAScopeThatCannotBeReadIsRefused(t *testing.T) {
	s := newHall(t)
	token := s.token(s.Ann)
	for _, hours := range []string{
		`{}`, `{"days":[],"from":"07:00","to":"19:00","zone":"UTC"}`, `{"days":["mon"],"from":"07:00","to":"19:00","zone":"UTC"}`,
		`{"days":["Mon"],"from":"19:00","to":"07:00","zone":"UTC"}`, `{"days":["Mon"],"from":"7:00","to":"19:00","zone":"UTC"}`,
		`{"days":["Mon"],"from":"07:00","to":"24:01","zone":"UTC"}`, `{"days":["Mon"],"from":"07:00","to":"19:00","zone":""}`,
		`{"days":["Mon"],"from":"07:00","to":"19:00","zone":"Local"}`, `{"days":["Mon"],"from":"07:00","to":"19:00","zone":"../../etc/passwd"}`,
		`{"days":["Mon"],"from":"07:00","to":"19:00","zone":"Mars/Olympus"}`, `{"days":["Mon"],"from":"07:00","to":"19:00","zone":"UTC","and":"more"}`,
	} {
		last := s.Ledger.Last()
		got := s.post(token, "/motions", `{"kind":"standing","customer":"nord","uses":1,"for":"1h","scope":{"hours":`+hours+`}}`)
		if got.status != 400 || s.Ledger.Last() != last {
			t.Errorf("%s: %d %s", hours, got.status, got.body)
		}
	}
	for _, body := range []string{`{"kind":"sign"}`, `{}`, `{"kind":"standing","customer":"nord","uses":-1}`, `{"kind":"settings","stage":{"count":0}}`, `{"kind":"settings","by":"ceo@x.eu"}`} {
		if got := s.post(token, "/motions", body); got.status != 400 {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}

func TestNobodyAsksBeforeTheDeclarationIsSigned(t *testing.T) {
	s := newHall(t)
	token := s.token(s.Eng)
	p := *s.Policy()
	p.Declaration = &policy.Declaration{Version: "2026-11", Text: "I keep to myself what I see."}
	s.SetPolicy(&p)
	var me Me
	var targets TargetList
	var pol Policy
	s.get(token, "/me").into(&me)
	s.get(token, "/targets").into(&targets)
	s.get(token, "/policy").into(&pol)
	if me.Declared || len(targets.Targets) != 1 || pol.Declaration == nil || pol.Declaration.Digest != p.Declaration.Digest() {
		t.Errorf("got %+v, %+v, %+v", me, targets, pol)
	}
	got := s.post(token, "/requests", someWish)
	if got.status != 403 || !strings.Contains(got.body, here+"/me/declaration") {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestTheOnlyReasonNeedNotBeGiven(t *testing.T) {
	s := newHall(t)
	token := s.token(s.Eng)
	const short = `{"target":"db1.prod","login":"support_nord","need":"contract stuck in state 9"}`
	if got := s.post(token, "/requests", short); got.status != 400 || !strings.Contains(got.body, "outage") {
		t.Errorf("of many: %d %s", got.status, got.body)
	}
	p := *s.Policy()
	p.Rules = append([]policy.Rule{}, p.Rules...)
	p.Rules[0].Reasons = []policy.Reason{"planned"}
	s.SetPolicy(&p)
	var r Request
	s.post(token, "/requests", short).into(&r)
	if r.Reason != "planned" {
		t.Errorf("got %+v", r)
	}
	if got := s.post(token, "/requests", `{"target":"nowhere","need":"contract stuck in state 9"}`); got.status != 403 || got.code() != policy.NoTarget {
		t.Errorf("an unknown target: %d %s", got.status, got.body)
	}
}
