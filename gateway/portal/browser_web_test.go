package portal

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/recorder"
	weblog "lockbox/recorder/requests"
	"lockbox/tests/e2e/harness"
	"lockbox/tests/world"
)

// TestRequestsAreReadInABrowser also writes pictures, for people to look at,
// where LOCKBOX_TEST_PICTURES names a folder.
func TestRequestsAreReadInABrowser(t *testing.T) {
	s, p, code := replayer(t)
	id := s.session("eng@x.eu", code, func(r *recorder.Recording) { browsed(t, r, 12) })
	s.replay(p, id)
	p.WaitText("17 requests")
	s.inspect(p)
	picture(t, p, "waterfall")
	p.Type("#find-web", "post")
	p.Click(".find button")
	p.WaitText("1 requests found")
	p.Click(".web a")
	p.WaitText("What was sent")
	s.inspect(p)
	picture(t, p, "form")
	p.Goto(s.url + "/s/" + id + "?track=http0&x=16")
	p.WaitText("from the application")
	s.inspect(p)
	picture(t, p, "websocket")
	if got := slices.DeleteFunc(p.Complaints(), harmless); len(got) > 0 {
		t.Errorf("the browser complains: %q", got)
	}
}

func TestTheRequestLogIsReadInABrowser(t *testing.T) {
	pol := *world.Policy("127.0.0.1:1", "")
	pol.Groups = map[string][]string{policy.Operators: {"ops@x.eu"}}
	s := newSite(t, &pol)
	l, err := weblog.Open(t.TempDir(), [32]byte{1}, weblog.Bounds{}, func(err error) { t.Error(err) })
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	s.Requests = l
	for n := range 8 {
		one := weblog.Line{
			At: time.Now(), ID: fmt.Sprintf("06H07AYEKYWARQ1KQW5M4CB7%02d", n), Who: "mads.holm@example.eu", From: "192.0.2.7", Target: "wiki", Session: "06H07AYEKYWARQ1KQW5M4CB788",
			Method: "GET", Path: fmt.Sprintf("/pages/a-rather-long-name-of-a-page/%d", n), Status: 200, Outcome: "done", Milli: 12.3, Out: 4711,
		}
		if n == 5 {
			one.Status, one.Code, one.Method, one.Outcome = 502, "LBX-TARGET", "POST", "target failed: it refused the connection"
		}
		if n == 6 {
			one.Status, one.Code, one.Who, one.Session = 401, "LBX-NO-GRANT", "", ""
		}
		l.Add(one)
	}
	b := harness.StartBrowser(t)
	p := b.Person("ceo")
	s.enrol(p, identity.Invite{ID: "ceo@x.eu", Name: "Clara Eskildsen", Kind: policy.Executive})
	ops := b.Person("ops")
	s.enrol(ops, identity.Invite{ID: "ops@x.eu", Name: "Olga Drift", Kind: policy.Staff})
	s.open(ops, "/requests?q=5xx", "LBX-TARGET")
	ops.Goto(s.url + "/requests")
	ops.WaitText("LBX-NO-GRANT")
	s.inspect(ops)
	picture(t, ops, "requests")
}

// picture writes how a page looks.
func picture(t *testing.T, p *harness.Person, name string) {
	dir := os.Getenv("LOCKBOX_TEST_PICTURES")
	if dir == "" {
		return
	}
	for _, width := range []int{390, 1200} {
		for _, dark := range []bool{false, true} {
			file := fmt.Sprintf("%s-%d-%t.png", name, width, dark)
			must(t, os.WriteFile(filepath.Join(dir, file), p.Screenshot(width, 900, dark), 0o600))
		}
	}
}
