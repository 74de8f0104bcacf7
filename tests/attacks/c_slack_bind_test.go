package attacks

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

const workspace = "T024BE7LD"

// inSlack says who a user of Slack is; "" for nobody.
func inSlack(t testing.TB, w *world.World, team, user string) (id string) {
	t.Helper()
	must(t, w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
		who, ok, err := w.People.SlackUsers().Person(tx, team, user)
		if ok {
			id = who.ID
		}
		return err
	}))
	return id
}

func TestC17AUserOfSlackIsWhoSignedForTheirID(t *testing.T) {
	w := newWorld(t)
	w.BindSlack(t, w.Ceo, workspace, "U0CEO")
	if got := inSlack(t, w, workspace, "U0CEO"); got != w.Ceo.ID {
		t.Errorf("got %q", got)
	}
	for _, other := range [][2]string{
		{workspace, "U0CEo"}, {workspace, "u0ceo"}, {workspace, "U0СEO"}, {workspace, w.Ceo.ID}, {workspace, w.Ceo.Name}, {workspace, ""},
		{"T0OTHER", "U0CEO"}, {"", "U0CEO"}, {workspace, "U0CEO/"}, {workspace, "../" + workspace + "/U0CEO"},
	} {
		if got := inSlack(t, w, other[0], other[1]); got != "" {
			t.Errorf("%q is %s", other, got)
		}
	}
}

func TestC17OneUserOfSlackIsOnePerson(t *testing.T) {
	w := newWorld(t)
	w.BindSlack(t, w.Ceo, workspace, "U0CEO")
	for name, c := range map[string]struct {
		who        *world.Human
		user, says string
	}{
		"another person": {w.Eng, "U0CEO", "linked already"},
		"another user":   {w.Ceo, "U0OTHER", "another user"},
		"the same again": {w.Ceo, "U0CEO", "linked already"},
	} {
		l, err := w.People.BeginSlack(workspace, c.user)
		must(t, err)
		_, err = w.People.PrepareSlack(t.Context(), c.who.ID, l.Token, l.Number)
		t.Run(name, func(t *testing.T) { wantNo(t, err, c.says) })
	}
}

// Two who hold links at once: the second to sign gets nothing.
func TestC30ARaceForAUserOfSlackHasOneWinner(t *testing.T) {
	w := newWorld(t)
	signed := func(h *world.Human, user string) (string, []byte) {
		l, err := w.People.BeginSlack(workspace, user)
		must(t, err)
		ask, err := w.People.PrepareSlack(t.Context(), h.ID, l.Token, l.Number)
		must(t, err)
		a, err := json.Marshal(w.Sign(t, h, statement.ForSlack, ask.Text))
		must(t, err)
		return ask.ID, a
	}
	one, first := signed(w.Ceo, "U0ONE")
	two, second := signed(w.Ceo, "U0TWO")
	wantNo(t, w.People.BindSlack(t.Context(), w.Eng.ID, one, first), "cannot be read") // and it is used up
	must(t, w.People.BindSlack(t.Context(), w.Ceo.ID, two, second))
	three, third := signed(w.Eng, "U0THREE")
	must(t, w.People.BindSlack(t.Context(), w.Eng.ID, three, third))
	wantNo(t, w.People.BindSlack(t.Context(), w.Eng.ID, three, third), "used already")
	if got := inSlack(t, w, workspace, "U0ONE"); got != "" {
		t.Errorf("U0ONE is %s", got)
	}
}

func TestC17TheLinkTakesTheNumberThatOnlySlackShowed(t *testing.T) {
	w := newWorld(t)
	l, err := w.People.BeginSlack(workspace, "U0EVIL")
	must(t, err)
	wrong := "10"
	if l.Number == wrong {
		wrong = "11"
	}
	for _, says := range []string{"2 tries left", "1 tries left", "third wrong number"} {
		_, err := w.People.PrepareSlack(t.Context(), w.Ceo.ID, l.Token, wrong)
		wantNo(t, err, says)
	}
	_, err = w.People.PrepareSlack(t.Context(), w.Ceo.ID, l.Token, l.Number)
	wantNo(t, err, identity.ErrNoSlack.Error())
	old, err := w.People.BeginSlack(workspace, "U0EVIL")
	must(t, err)
	_, err = w.People.BeginSlack(workspace, "U0EVIL")
	must(t, err)
	_, err = w.People.PrepareSlack(t.Context(), w.Ceo.ID, old.Token, old.Number)
	wantNo(t, err, identity.ErrNoSlack.Error())
}

// Whoever may not decide any more, or whose passkey ended, is nobody in Slack.
func TestC17ALinkToSlackEndsWithThePersonAndThePasskey(t *testing.T) {
	w := newWorld(t)
	w.Admit(t)
	for user, h := range map[string]*world.Human{"U0CEO": w.Ceo, "U0ENG": w.Eng, "U0CTO": w.Cto} {
		w.BindSlack(t, h, workspace, user)
	}
	w.Pass(t, dismissal(w.Ceo), w.Cto, w.Lone)
	if got := inSlack(t, w, workspace, "U0CEO"); got != "" {
		t.Errorf("who was dismissed is %s in Slack", got)
	}
	must(t, w.People.UnbindSlack(t.Context(), w.Eng.ID))
	if got := inSlack(t, w, workspace, "U0ENG"); got != "" {
		t.Errorf("who ended it is %s in Slack", got)
	}
	w.BindSlack(t, w.Mate, workspace, "U0ENG") // the user is free again
	must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error { return w.People.EndAll(tx, "restored") }))
	if got := inSlack(t, w, workspace, "U0CTO") + inSlack(t, w, workspace, "U0ENG"); got != "" {
		t.Errorf("in a ledger that was restored, %s is known in Slack", got)
	}
}

// Who can write to the ledger's file cannot make somebody somebody else.
func TestC17ARowThatNobodySignedForMakesNobody(t *testing.T) {
	w := newWorld(t)
	w.BindSlack(t, w.Ceo, workspace, "U0CEO")
	var r map[string]any
	must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		if _, err := tx.Get("slack/"+workspace+"/U0CEO", &r); err != nil {
			return err
		}
		r["user"] = "U0EVIL"
		if err := tx.Put("slack/"+workspace+"/U0EVIL", r); err != nil {
			return err
		}
		if err := tx.Put("slack-of/"+w.Ceo.ID, map[string]string{"team": workspace, "user": "U0EVIL"}); err != nil {
			return err
		}
		_, err := tx.Append(ledger.Event{Kind: "slack.bound", Actor: w.Ceo.ID})
		return err
	}))
	err := w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
		_, ok, err := w.People.SlackUsers().Person(tx, workspace, "U0EVIL")
		if ok {
			t.Error("it is somebody")
		}
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "signed for something else") {
		t.Errorf("got %v", err)
	}
}

// Whoever was erased is nobody in Slack, and the log does not say who they were there.
func TestC17WhoWasErasedIsNobodyInSlack(t *testing.T) {
	w := newWorld(t)
	told := func() (events, say int) {
		all, err := w.Ledger.After(t.Context(), -1, 10000)
		must(t, err)
		for _, e := range all {
			if strings.HasPrefix(e.Kind, "slack.") {
				events++
				if strings.Contains(fmt.Sprint(e), "U0MATE") {
					say++
				}
			}
		}
		return events, say
	}
	w.BindSlack(t, w.Mate, workspace, "U0MATE")
	if events, say := told(); events != 1 || say != 1 {
		t.Errorf("%d events tell of Slack, %d of who it is", events, say)
	}
	w.Pass(t, policy.Motion{Kind: policy.ToErase, About: w.Mate.ID, Text: "asked for it"}, w.Ceo, w.Cto)
	must(t, w.Desk.Erasures(t.Context()))
	if got := inSlack(t, w, workspace, "U0MATE"); got != "" {
		t.Errorf("it is %s", got)
	}
	if events, say := told(); events != 2 || say != 0 {
		t.Errorf("after the erasure, %d events tell of Slack, %d of who it is", events, say)
	}
	must(t, w.Ledger.Check(t.Context()))
}

// Whatever follows the link that Slack shows to somebody (it looks at links itself, and so
// do scanners of mail) learns nothing, uses up nothing and is nobody.
func TestC31ARobotThatFollowsTheLinkOfSlackIsNobody(t *testing.T) {
	s := tellStory(t)
	l, err := s.People.BeginSlack(workspace, "U0CEO")
	must(t, err)
	link, before := s.url+"/me/slack?l="+l.Token, s.Ledger.Last()
	for _, agent := range []string{"Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "Mozilla/5.0 (Windows NT 10.0) ms-office; MSOffice 16"} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
			for _, body := range []string{"", "do=link&l=" + l.Token + "&number=10", "do=link&l=" + l.Token + "&number=" + l.Number, "do=end"} {
				if body != "" && method != http.MethodPost {
					continue
				}
				r, err := http.NewRequestWithContext(t.Context(), method, link, strings.NewReader(body))
				must(t, err)
				r.Header.Set("User-Agent", agent)
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r.Header.Set("Origin", s.url)
				client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
				answer, err := client.Do(r)
				must(t, err)
				page, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
				must(t, err)
				must(t, answer.Body.Close())
				if strings.Contains(string(page), "U0CEO") || answer.StatusCode < 300 && method == http.MethodPost {
					t.Errorf("%s %q: %d %.300s", method, body, answer.StatusCode, page)
				}
			}
		}
	}
	if n := s.Ledger.Last(); n != before {
		t.Errorf("%d events were written", n-before)
	}
	if _, err := s.People.PrepareSlack(t.Context(), s.Ceo.ID, l.Token, l.Number); err != nil {
		t.Errorf("the link is used up: %v", err)
	}
}
