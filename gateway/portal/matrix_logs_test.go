package portal

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"lockbox/approvals"
	"lockbox/tests/world"
)

// matrixOfLogs is the part of the table about logs, receipts and months.
func (s *stage) matrixOfLogs() []matrixRow {
	board := [8]int{401, 404, 404, 200, 404, 404, 200, 403}
	own := [8]int{401, 404, 404, 404, 200, 200, 404, 403} // those who read every log say whose
	nords := [8]int{401, 404, 404, 200, 200, 404, 200, 403}
	members := [8]int{401, 200, 200, 200, 200, 200, 200, 403}
	post := func(path string) func(cell, *visitor) reply {
		return func(_ cell, v *visitor) reply { return v.post(path, "old", "nonsense") }
	}
	return []matrixRow{
		{"how to check", "GET /verify", get(same("/verify")), [8]int{200, 200, 200, 200, 200, 200, 200, 200}},
		{"the log", "GET /log", get(same("/log")), board},
		{"the log, before it began", "GET /log", get(same("/log?before=-1")), [8]int{401, 404, 404, 404, 404, 404, 404, 403}},
		{"the log, after its end", "GET /log", get(same("/log?before=99999999")), [8]int{401, 404, 404, 404, 404, 404, 404, 403}},
		{"did it grow", "POST /log", post("/log"), board},
		{"checkpoint", "GET /log/checkpoint", get(same("/log/checkpoint")), board},
		{"whole log", "GET /log/log.tar", get(same("/log/log.tar")), board},
		{"own log", "GET /c/log", get(same("/c/log")), own},
		{"nord's log", "GET /c/log", get(same("/c/log?customer=nord")), nords},
		{"did own grow", "POST /c/log", post("/c/log"), own},
		{"own checkpoint", "GET /c/log/checkpoint", get(same("/c/log/checkpoint")), own},
		{"nord's checkpoint", "GET /c/log/checkpoint", get(same("/c/log/checkpoint?customer=nord")), nords},
		{"own whole log", "GET /c/log/log.tar", get(same("/c/log/log.tar")), own},
		{"receipts", "GET /c/receipts", get(same("/c/receipts")), members},
		{"a receipt", "GET /c/receipts/{code}", get(func(c cell) string { return "/c/receipts/" + c.grant() }), [8]int{401, 200, 404, 200, 200, 404, 200, 403}},
		{"a receipt of no access", "GET /c/receipts/{code}", get(func(c cell) string { return "/c/receipts/" + c.code() }), [8]int{401, 404, 404, 404, 404, 404, 404, 403}},
		{"a month before there was a log", "GET /c/months/{month}", get(same("/c/months/2000-01?customer=nord")), [8]int{401, 404, 404, 403, 403, 404, 403, 403}},
		{"own month", "GET /c/months/{month}", get(same("/c/months/2000-01")), [8]int{401, 404, 404, 404, 403, 403, 404, 403}},
		{"its file", "GET /c/months/{month}/statement.json", get(same("/c/months/2000-01/statement.json?customer=nord")), [8]int{401, 404, 404, 403, 403, 404, 403, 403}},
		{"nord's whole log", "GET /c/log/log.tar", get(same("/c/log/log.tar?customer=nord")), nords},
	}
}

// TestALogNamesNoOtherCustomer: what concerns two customers is in the log of
// both, and neither finds the other there.
func TestALogNamesNoOtherCustomer(t *testing.T) {
	s := newStage(t)
	cell{s, nil}.grant()
	for _, tt := range []struct {
		who   *world.Human
		page  string
		has   []string
		hasNo []string
	}{
		{s.Ann, "/c/log", []string{"access was asked for", "somebody approved", "access was given", "The log of Nord Legal"}, []string{"syd", "Syd"}},
		{s.Bo, "/c/log", []string{"The log of Syd"}, []string{"access was asked for", "nord", "Nord"}},
		{s.Aud, "/log", []string{"access was asked for", "a customer&#39;s log grew", "The log"}, nil},
	} {
		got := body(s.visitor(tt.who).get(tt.page))
		for _, want := range tt.has {
			if !strings.Contains(got, want) {
				t.Errorf("%s does not read %q on %s", tt.who.Name, want, tt.page)
			}
		}
		for _, not := range tt.hasNo {
			if strings.Contains(got, not) {
				t.Errorf("%s reads %q on %s", tt.who.Name, not, tt.page)
			}
		}
	}
}

// TestAnOlderCheckpointIsCompared: the page says whether the log grew out of
// what somebody kept, and gives the proof.
func TestAnOlderCheckpointIsCompared(t *testing.T) {
	s := newStage(t)
	v := s.visitor(s.Ann)
	cell{s, nil}.code()
	old := v.get("/c/log/checkpoint").body
	cell{s, nil}.grant()
	other := s.visitor(s.Aud).get("/log/checkpoint").body
	forged := strings.Split(old, "\n")
	forged[2] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	for _, tt := range []struct{ name, sent, want string }{
		{"as it was kept", old, "Nothing was changed or taken out."},
		{"as a browser sends it", strings.ReplaceAll(strings.TrimSpace(old), "\n", "\r\n"), "Nothing was changed or taken out."},
		{"nonsense", "nonsense", "This is no checkpoint"},
		{"of another log", other, "of another log"},
		{"of another past", strings.Join(forged, "\n"), "does not lead on"},
	} {
		if got := body(v.post("/c/log", "old", tt.sent)); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q is not on the page", tt.name, tt.want)
		}
	}
	if got := v.get("/c/log?before=" + url.QueryEscape("1e3")).status; got != 404 {
		t.Errorf("a size that is no number: %d", got)
	}
}

// TestAReceiptIsToldFromWhatHolds: the page of a receipt verifies it first, in
// both languages, and says so when something does not hold.
func TestAReceiptIsToldFromWhatHolds(t *testing.T) {
	s := newStage(t)
	code := cell{s, nil}.grant()
	v := s.visitor(s.Ann)
	for _, tt := range []struct{ query, want string }{
		{"", "Everything here is proven by the log"},
		{"?lang=da", "Alt her er bevist af loggen"},
	} {
		if got := body(v.get("/c/receipts/" + code + tt.query)); !strings.Contains(got, tt.want) || strings.Contains(got, "note bad") {
			t.Errorf("%q is not on the page %q: %s", tt.want, tt.query, got)
		}
	}
	pins := s.Pins
	s.Pins = func(ctx context.Context) (approvals.Pinned, error) {
		p, err := pins(ctx)
		p.Executives = nil
		return p, err
	}
	if got := body(v.get("/c/receipts/" + code + "?lang=en")); !strings.Contains(got, "Do not believe this page") || strings.Contains(got, "Everything here is proven") {
		t.Errorf("a receipt whose board is not pinned is told as if it held: %s", got)
	}
}
