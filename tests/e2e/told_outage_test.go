package e2e

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lockbox/tests/e2e/harness"
	"lockbox/tests/fakes/receiver"
	"lockbox/tests/fakes/slack"
	"lockbox/tests/fakes/smtp"
)

// isNotHeldUp: Slack does not answer, the mail server hangs, the receiver fails. The same is done, in the same steps,
// as while all of them work; the gateway is killed amid it; and once they are back, what still matters arrives once.
func (w *toldSite) isNotHeldUp(t *testing.T) {
	calm := w.goesThrough()
	w.until("all of the calm way", func() bool { return w.settled(calm) })
	w.slack.Break(slack.Fault{Times: -1, Hang: time.Hour})
	w.mails.Do(smtp.Way{Hang: true})
	w.hook.Do(receiver.Way{Code: 500})
	cards, mails, posts := w.counts()
	worked := w.goesThrough()
	p, waits := w.asks("db1.prod", "contract stuck in state 8", "10m")
	p.Send("\x03")
	p.Wait(wait)
	if c, m, e := w.counts(); c != cards || m != mails || e != posts {
		t.Errorf("something went through: %d, %d, %d before and %d, %d, %d after", cards, mails, posts, c, m, e)
	}
	if w.mails.Tries() == mails || w.hook.Tries() == posts {
		t.Error("nothing was tried")
	}
	w.serve.Signal(syscall.SIGKILL)
	w.serve.Wait(wait)
	w.slack.Mend()
	w.mails.Do(smtp.Way{})
	w.hook.Do(receiver.Way{})
	w.start()

	w.until("all of the way without channels", func() bool { return w.settled(worked) && w.settledAt(waits) })
	if got, want := w.happened(worked), w.happened(calm); !slices.Equal(got, want) {
		t.Errorf("while nobody could be told, there happened\n%q, and else\n%q", got, want)
	}
	w.card("U0CEO", waits, asks)
	w.card("U0NEW", waits, asks)
	w.mailTo("new@x.eu", waits+": answer by")
	w.mailTo("eng@x.eu", worked+": approved")
	for _, m := range w.mails.Mails() {
		if s := subject(t, m); strings.Contains(s, worked+": answer by") {
			t.Errorf("%s is asked for what was decided: %s", m.To, s)
		}
	}
	for _, user := range []string{"U0CEO", "U0NEW"} {
		for _, m := range w.slack.Messages(user) {
			if strings.Contains(m.Shown, worked) && len(m.Buttons) > 0 {
				t.Errorf("%s is asked for what was decided:\n%s", user, m.Shown)
			}
		}
	}
	w.isToldOnce(t)
	if got := w.gateway("cancel", waits); got.Code != 0 {
		t.Errorf("cancel: %+v", got)
	}
}

// goesThrough is asking over ssh, both votes on the web, and work over ssh, until the session is closed.
func (w *toldSite) goesThrough() (code string) {
	w.t.Helper()
	p, code := w.asks("db1.prod", "contract stuck in state 7", "10m")
	w.decide(w.ceo, "/a/", code)
	w.decide(w.ann, "/c/", code)
	w.touch(w.eng, code, w.number(p))
	p.Expect("recorded", wait)
	p.Send("echo in-$((40+2)); exit\r")
	p.Expect("in-42", wait)
	p.Wait(wait)
	if got := w.gateway("give-back", code); got.Code != 0 {
		w.t.Errorf("give-back: %+v", got)
	}
	return code
}

// settled says whether the receiver heard of all that is to happen with a request.
func (w *toldSite) settled(code string) bool {
	return slices.Contains(w.happened(code), "grant.revoked")
}

// settledAt says whether the receiver heard of a request.
func (w *toldSite) settledAt(code string) bool {
	return slices.Contains(w.happened(code), "request.made")
}

// counts are how much people and programs were told.
func (w *toldSite) counts() (cards, mails, posts int) {
	for _, at := range []string{"U0ENG", "U0CEO", "U0NEW", slack.Channel} {
		for _, m := range w.slack.Messages(at) {
			cards += 1 + m.Edits
		}
	}
	got, _ := w.hook.Posts()
	return cards, len(w.mails.Mails()), len(got)
}

// isToldOnce looks for what somebody was told twice, and waits for events of the log that are missing.
func (w *toldSite) isToldOnce(t *testing.T) {
	t.Helper()
	seen := map[string]bool{}
	for _, m := range w.mails.Mails() {
		id := m.To + " " + header(t, m, "Message-Id")
		if seen[id] {
			t.Errorf("%s came twice: %s", id, subject(t, m))
		}
		seen[id] = true
	}
	for _, user := range []string{"U0ENG", "U0CEO", "U0NEW"} {
		heads := map[string]int{}
		for _, m := range w.slack.Messages(user) {
			if code := sentAs.FindStringSubmatch(m.Shown); m.Thread == "" && code != nil {
				heads[code[1]]++
			}
		}
		for code, n := range heads {
			if n > 1 {
				t.Errorf("%s has %d cards of %s", user, n, code)
			}
		}
	}
	w.until("every event of the log", func() bool {
		all := slices.CompactFunc(w.events(), func(a, b hookEvent) bool { return a.ID == b.ID })
		return all[len(all)-1].Data.Seq == all[0].Data.Seq+int64(len(all)-1)
	})
}

// hasEveryEventOnce is stricter while nothing went wrong: nothing is sent twice to be on the safe side.
func (w *toldSite) hasEveryEventOnce(t *testing.T) {
	w.isToldOnce(t)
	all := w.events()
	for i, e := range all[1:] {
		if e.ID == all[i].ID {
			t.Errorf("%s came twice", e.ID)
		}
	}
}

// opens is a terminal on a target for which Eng was approved, touched and inside.
func (w *toldSite) opens(target, code string) *harness.Process {
	w.t.Helper()
	p := w.client().Terminal(harness.To(target, w.sshAddr)...)
	w.touch(w.eng, code, w.number(p))
	p.Expect("recorded", wait)
	return p
}
