package portal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/tests/e2e/harness"
	"lockbox/tests/world"
)

// replayer is a site with a request of Eng's, and a browser of an executive's.
func replayer(t testing.TB) (*site, *harness.Person, string) {
	s := newSite(t, world.Policy("127.0.0.1:1", ""))
	b := harness.StartBrowser(t)
	p := b.Person("ceo")
	s.enrol(p, identity.Invite{ID: "ceo@x.eu", Name: "Clara Eskildsen", Kind: policy.Executive})
	s.enrol(b.Person("ann"), identity.Invite{ID: "ann@nord.x", Name: "Ann Nordby", Kind: policy.Reviewer, Customer: "nord"})
	s.enrol(b.Person("eng"), identity.Invite{ID: "eng@x.eu", Name: "Mads Holm", Kind: policy.Staff})
	v, err := s.Desk.Submit(t.Context(), s.principal("eng@x.eu"), approvals.Application{
		Target: "db1.prod", Login: "support_nord", Do: policy.Shell, Need: policy.Need{Reason: "outage", Text: "two rows are stuck"},
	})
	must(t, err)
	return s, p, v.Request.ID
}

// replay opens the page of a session and says why.
func (s *site) replay(p *harness.Person, id string) {
	s.t.Helper()
	s.open(p, "/s/"+id, "Why do you look at the recording?")
	p.Type("#purpose", "to see what was done")
	p.Press("Show the recording")
	p.WaitText("Remarks")
}

func TestARecordingPlaysInABrowser(t *testing.T) {
	s, p, code := replayer(t)
	id := s.session("eng@x.eu", code, func(r *recorder.Recording) {
		tr, err := r.Track(recorder.Header{Kind: "pty", Term: "xterm", Cols: 80, Rows: 24})
		must(t, err)
		must(t, tr.Output([]byte("\x1b]0;stolen title\x07the recorded words\r\n")))
		must(t, tr.Resize(100, 30))
		must(t, tr.Exit(0))
		must(t, tr.Close())
	})
	s.replay(p, id)
	p.WaitText("exit status 0")
	s.inspect(p)
	if !hasPlayer() { // `make web` was not run: the text stands for it
		return
	}
	p.WaitText("/ 0:0")
	p.WaitText("the recorded words") // what there is to see first
	p.Press("Play")
	p.WaitText("The end.")
	if got := p.Title(); strings.Contains(got, "stolen") {
		t.Errorf("the recording set the title: %s", got)
	}
	s.inspect(p)
	p.Type("#find", "recorded")
	p.Press("Search")
	p.WaitText("Next")
	p.Press("Next")
	p.WaitText("1 / 1")
	p.Type("#remark", "this was not asked for")
	p.Press("Write it down")
	p.WaitText("at 0:00 of pty0")
	p.Press("I have reviewed this recording")
	p.WaitText("has reviewed this recording")
	p.Press("Hold it beyond its time")
	p.Type("#hold-why", "case 12 of 2026")
	p.Eval(`document.querySelector("#hold-why").form.querySelector("button").click(), ""`)
	p.WaitText("Held beyond its time")
	s.inspect(p)
	if got := slices.DeleteFunc(p.Complaints(), harmless); len(got) > 0 {
		t.Errorf("the browser complains: %q", got)
	}
}

// press sends a key to the page as a keyboard does.
func press(p *harness.Person, key string) {
	p.Eval(fmt.Sprintf(`document.body.dispatchEvent(new KeyboardEvent("keydown", {key: %q, bubbles: true, cancelable: true})), ""`, key))
}

func TestAReplayIsWorkedWithTheKeyboardAlone(t *testing.T) {
	s, p, code := replayer(t)
	id := s.long(code, time.Hour)
	s.replay(p, id)
	if !hasPlayer() {
		return
	}
	p.WaitText("/ 1:00:00")
	for range 3 {
		press(p, "ArrowRight")
	}
	p.WaitText("0:30 / 1:00:00")
	p.WaitText("line 30.")
	press(p, "ArrowLeft")
	p.WaitText("0:20 / 1:00:00")
	press(p, ">")
	press(p, ">")
	press(p, " ")
	p.WaitText("Pause")
	p.WaitText("line 24.")
	press(p, " ")
	p.WaitText("Play")
	press(p, "/")
	if got := p.Eval(`document.activeElement.id`); got != "find" {
		t.Errorf("/ leads to %q", got)
	}
	p.Eval(`document.activeElement.blur(), ""`)
	press(p, "?")
	if got := p.Eval(`String(document.getElementById("keymap").open)`); got != "true" {
		t.Errorf("? does not show the keys")
	}
	p.Click("#keys")
	before := p.Eval(`document.getElementById("clock").textContent`)
	press(p, "ArrowRight")
	if got := p.Eval(`document.getElementById("clock").textContent`); got != before {
		t.Errorf("keys count although they are off: %s, was %s", got, before)
	}
	p.Goto(s.url + "/s/" + id + "?track=pty0&t=42:07")
	p.WaitText("42:07 / 1:00:00")
	p.WaitText("line 2527.")
	s.inspect(p)
}

// long records a session of so long, one line a second, in no time.
func (s *site) long(code string, long time.Duration) string {
	began, at := time.Now().Add(-long), time.Duration(0)
	own := s.Shelf
	defer func() { s.Shelf = own }()
	s.Shelf = &recorder.Shelf{
		Dir: own.Dir, Recipients: own.Recipients, AtRest: own.AtRest, Signer: own.Signer, Verifier: own.Verifier, MinFree: -1, MinFreePercent: -1,
		Now: func() time.Time { return began.Add(at) }, Patience: own.Patience,
	}
	id, err := s.recorded("eng@x.eu", code, func(r *recorder.Recording) error {
		tr, err := r.Track(recorder.Header{Kind: "pty", Term: "xterm", Cols: 100, Rows: 30})
		for i := 1; err == nil && time.Duration(i)*time.Second <= long; i++ {
			at = time.Duration(i) * time.Second
			err = tr.Output(fmt.Appendf(nil, "\x1b[3%dmline %d.\x1b[0m %s\r\n", i%8, i, strings.Repeat("of what was seen ", 4)))
		}
		if err != nil {
			return err
		}
		return errors.Join(tr.Exit(0), tr.Close())
	})
	must(s.t, err)
	return id
}

// Any moment of 8 hours is on the screen (F4); how soon is in the log, for a machine that does nothing else.
func TestAnyMomentOfEightHoursIsThereAtOnce(t *testing.T) {
	s, p, code := replayer(t)
	id := s.long(code, 8*time.Hour)
	s.replay(p, id)
	if !hasPlayer() {
		return
	}
	p.WaitText("/ 8:00:00")
	var took []float64
	for range 40 {
		to := rand.IntN(8*3600-10) + 5
		p.Eval(fmt.Sprintf(`(() => { const r = document.getElementById("seek"); delete document.getElementById("player").dataset.sought; r.value = %d; r.dispatchEvent(new Event("input")); return ""; })()`, to))
		p.WaitText(fmt.Sprintf("line %d.", to))
		ms, err := strconv.ParseFloat(p.Eval(`document.getElementById("player").dataset.sought`), 64)
		must(t, err)
		took = append(took, ms)
	}
	slices.Sort(took)
	t.Logf("seek in 8 h, fetch and draw: p50 %.0f ms, worst %.0f ms of %d", took[len(took)/2], took[len(took)-1], len(took))
}
