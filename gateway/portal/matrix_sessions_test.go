package portal

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/tests/world"
)

// matrixOfSessions is the part of the table about watching and replaying.
func (s *stage) matrixOfSessions() []matrixRow {
	id := s.recorded(cell{s, nil}.grant(), "support_nord", []string{"nord"}, "hello\r\n")
	purpose := func(v *visitor, id string) { v.post("/s/"+id, "purpose", "to see what was done") }
	looked := func(path string) func(cell, *visitor) reply {
		return func(_ cell, v *visitor) reply {
			purpose(v, id)
			return v.get("/s/" + id + path)
		}
	}
	seen, none := [8]int{401, 200, 404, 200, 200, 404, 200, 403}, [8]int{401, 404, 404, 404, 404, 404, 404, 403}
	blind, done := [8]int{401, 403, 404, 403, 403, 404, 403, 403}, [8]int{401, 303, 404, 303, 303, 404, 303, 403}
	over := [8]int{401, 409, 404, 409, 409, 404, 409, 403}
	return []matrixRow{
		{"session", "GET /s/{id}", get(same("/s/" + id)), seen},
		{"cast without a purpose", "GET /s/{id}/cast/{track}", get(same("/s/" + id + "/cast/pty0")), blind},
		{"part without a purpose", "GET /s/{id}/part/{track}", get(same("/s/" + id + "/part/pty0?from=0")), blind},
		{"har without a purpose", "GET /s/{id}/har/{track}", get(same("/s/" + id + "/har/pty0")), blind},
		{"timeline without a purpose", "GET /s/{id}/timeline/{track}", get(same("/s/" + id + "/timeline/pty0")), blind},
		{"find without a purpose", "GET /s/{id}/find/{track}", get(same("/s/" + id + "/find/pty0?q=hello")), blind},
		{"files without a purpose", "GET /s/{id}/recording.tar", get(same("/s/" + id + "/recording.tar")), blind},
		{"remark without a purpose", "POST /s/{id}/remarks", func(_ cell, v *visitor) reply {
			return v.post("/s/"+id+"/remarks", "do", "say", "text", "odd")
		}, blind},
		{"live without a purpose", "POST /s/{id}/live", func(_ cell, v *visitor) reply { return v.post("/s/" + id + "/live") }, blind},
		{"look", "POST /s/{id}", func(_ cell, v *visitor) reply { return v.post("/s/"+id, "purpose", "to see what was done") }, done},
		{"cast", "GET /s/{id}/cast/{track}", looked("/cast/pty0"), seen},
		{"cast of no track", "GET /s/{id}/cast/{track}", looked("/cast/pty1"), none},
		{"text", "GET /s/{id}/text/{track}", looked("/text/pty0"), seen},
		{"text with times", "GET /s/{id}/text/{track}", looked("/text/pty0?times=1"), seen},
		{"har of a terminal", "GET /s/{id}/har/{track}", looked("/har/pty0"), none},
		{"part", "GET /s/{id}/part/{track}", looked("/part/pty0?from=0"), seen},
		{"part of no track", "GET /s/{id}/part/{track}", looked("/part/pty1?from=0"), none},
		{"timeline", "GET /s/{id}/timeline/{track}", looked("/timeline/pty0"), seen},
		{"find", "GET /s/{id}/find/{track}", looked("/find/pty0?q=hello"), seen},
		{"files", "GET /s/{id}/recording.tar", looked("/recording.tar"), seen},
		{"remark", "POST /s/{id}/remarks", func(_ cell, v *visitor) reply {
			purpose(v, id)
			return v.post("/s/"+id+"/remarks", "do", "say", "text", "this was not asked for", "track", "pty0", "at", "0:00")
		}, done},
		{"review", "POST /s/{id}/remarks", func(_ cell, v *visitor) reply {
			purpose(v, id)
			return v.post("/s/"+id+"/remarks", "do", "review")
		}, [8]int{401, 422, 404, 303, 303, 404, 303, 403}},
		{"live of what is over", "POST /s/{id}/live", func(_ cell, v *visitor) reply {
			purpose(v, id)
			return v.post("/s/" + id + "/live")
		}, over},
		{"a word back", "POST /s/{id}/beat", func(_ cell, v *visitor) reply { return v.post("/s/"+id+"/beat", "word", "guessed") },
			[8]int{204, 204, 204, 204, 204, 204, 204, 204}},
		{"freeze what is over", "POST /s/{id}/act", func(_ cell, v *visitor) reply { return v.post("/s/"+id+"/act", "do", "freeze") },
			[8]int{401, 422, 404, 422, 422, 404, 422, 403}},
		{"hold", "POST /s/{id}/custody", func(_ cell, v *visitor) reply {
			return v.post("/s/"+id+"/custody", "do", "keep", "why", "a case")
		}, [8]int{401, 422, 404, 303, 422, 404, 422, 403}},
		{"let go what one holds oneself", "POST /s/{id}/custody", func(_ cell, v *visitor) reply {
			return v.post("/s/"+id+"/custody", "do", "release", "why", "over")
		}, [8]int{401, 422, 404, 422, 422, 404, 422, 403}},
	}
}

// openSession opens a session of Eng with nord's data in which somebody types, as a door would.
func (s *stage) openSession() (*gateway.Visit, *recorder.Track) {
	s.t.Helper()
	cell{s, nil}.grant()
	return s.opened("support_nord")
}

// openShared opens one with the data of both customers.
func (s *stage) openShared() (*gateway.Visit, *recorder.Track) {
	s.t.Helper()
	code := s.World.Ask(s.t, s.Eng, "", time.Hour)
	for _, h := range []*world.Human{s.Ceo, s.Ann, s.Bo} {
		must(s.t, s.World.Approve(s.t, h, code))
	}
	return s.opened("deploy")
}

func (s *stage) opened(login string) (*gateway.Visit, *recorder.Track) {
	s.t.Helper()
	v, a, err := s.World.Visit(s.t, s.Eng, gateway.Knock{
		Who: s.Eng.Principal, Key: ssh.FingerprintSHA256(s.Eng.SSH.PublicKey()), From: netip.MustParseAddr("127.0.0.1"),
		Do: policy.Shell, On: "db1.prod", Login: login,
	})
	must(s.t, err)
	if v == nil {
		s.t.Fatalf("no visit: %s", a.Why)
	}
	s.t.Cleanup(v.Leave)
	tr, err := v.Track(recorder.Header{Kind: "pty", Term: "xterm", Cols: 80, Rows: 24})
	must(s.t, err)
	return v, tr
}

// A brief reader leaves when the answer begins.
type brief struct {
	*httptest.ResponseRecorder
	leave func()
}

func (b *brief) WriteHeader(status int) {
	b.ResponseRecorder.WriteHeader(status)
	b.leave()
}

// The table of an open session: who may watch, freeze and end it (B32).
func TestAnOpenSessionAnswersItsAudienceOnly(t *testing.T) {
	s := newStage(t)
	s.Now = func() time.Time { return time.Now().Add(time.Duration(s.calls.Load()) * guessEach) }
	v, tr := s.openSession()
	must(t, tr.Output([]byte("hello\r\n")))
	id := v.Session.ID
	act := func(do, why string) func(*visitor) reply {
		return func(v *visitor) reply { return v.post("/s/"+id+"/act", "do", do, "why", why) }
	}
	watch := func(v *visitor) reply {
		v.post("/s/"+id, "purpose", "to see what is done")
		r := v.request(http.MethodPost, "/s/"+id+"/live", "application/x-www-form-urlencoded", "")
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		w := &brief{httptest.NewRecorder(), cancel}
		s.pages.ServeHTTP(w, r.WithContext(ctx))
		return reply{t: t, status: w.Code, header: w.Header(), body: w.Body.String()}
	}
	visitors := make([]*visitor, 8)
	for i, who := range s.audiences() {
		visitors[i] = s.visitor(who)
	}
	for _, row := range []struct {
		name string
		send func(*visitor) reply
		want [8]int
	}{
		{"page", func(v *visitor) reply { return v.get("/s/" + id) }, [8]int{401, 200, 404, 200, 200, 404, 200, 403}},
		{"live without a purpose", func(v *visitor) reply { return v.post("/s/" + id + "/live") }, [8]int{401, 403, 404, 403, 403, 404, 403, 403}},
		{"live", watch, [8]int{401, 200, 404, 200, 200, 404, 200, 403}},
		{"files", func(v *visitor) reply { return v.get("/s/" + id + "/recording.tar") }, [8]int{401, 404, 404, 404, 404, 404, 404, 403}},
		{"let go on what is not frozen", act("thaw", ""), [8]int{401, 422, 404, 422, 422, 404, 422, 403}},
		{"end by who may not", act("end", "enough"), [8]int{401, 0, 404, 0, 0, 404, 422, 403}},
	} {
		for i, v := range visitors {
			if row.want[i] == 0 {
				continue
			}
			if got := row.send(v); got.status != row.want[i] {
				t.Errorf("%s, %v: %d, want %d: %.400s", row.name, i, got.status, row.want[i], body(got))
			}
		}
	}
	ceo, ann := visitors[3], visitors[4]
	for _, step := range []struct {
		who  *visitor
		do   string
		want int
	}{
		{ceo, "freeze", 303}, {ann, "thaw", 422}, {ann, "freeze", 303}, {ann, "thaw", 303}, {ceo, "thaw", 303}, {ann, "end", 303},
	} {
		if got := act(step.do, "we talk first")(step.who); got.status != step.want {
			t.Errorf("%s: %s: %d, want %d: %.400s", step.who.who.Name, step.do, got.status, step.want, body(got))
		}
	}
	<-v.Context().Done()
	if end := (*gateway.Ending)(nil); !errors.As(context.Cause(v.Context()), &end) {
		t.Errorf("%v", context.Cause(v.Context()))
	}
}

// Ids of sessions that are none lead nowhere (F11), and no parameter leads to a file.
func TestNoIdOfASessionLeadsToAFile(t *testing.T) {
	s := newStage(t)
	s.Now = func() time.Time { return time.Now().Add(time.Duration(s.calls.Load()) * guessEach) }
	id := s.recorded(s.World.Grant(t, s.Eng, time.Hour), "support_nord", []string{"nord"}, "hello")
	aud := s.visitor(s.Aud)
	aud.post("/s/"+id, "purpose", "audit of the week")
	for _, bad := range []string{"..%2f" + id, "%2e%2e", id + "%00", id[:25] + "%2f", "manifest", id + "%5c", recorder.NewID(time.Now())} {
		for _, path := range []string{"", "/recording.tar", "/part/pty0?from=0", "/timeline/pty0", "/find/pty0?q=a", "/text/pty0"} {
			if got := aud.get("/s/" + bad + path); got.status != http.StatusNotFound {
				t.Errorf("/s/%s%s: %d", bad, path, got.status)
			}
		}
	}
	for _, bad := range []string{"..%2fkey.age", "pty0%2f000000.seg", "PTY0", "pty", "pty00", "%00"} {
		for _, path := range []string{"/part/" + bad + "?from=0", "/timeline/" + bad, "/find/" + bad + "?q=a", "/text/" + bad, "/cast/" + bad} {
			if got := aud.get("/s/" + id + path); got.status != http.StatusNotFound {
				t.Errorf("%s: %d", path, got.status)
			}
		}
		if got := aud.get("/s/" + id + "?track=" + bad); got.status != http.StatusOK {
			t.Errorf("?track=%s: %d", bad, got.status)
		}
	}
	for _, from := range []string{"", "-1", "1e9", "NaN", "0:0:0:0", "99999999999999999999", "1:99", "x"} {
		if got := aud.get("/s/" + id + "/part/pty0?from=" + from); got.status != http.StatusBadRequest {
			t.Errorf("from %q: %d", from, got.status)
		}
	}
}
