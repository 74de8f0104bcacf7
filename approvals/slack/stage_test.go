package slack_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/approvals/notify"
	"lockbox/approvals/slack"
	"lockbox/policy"
	"lockbox/recorder/ledger"
	fake "lockbox/tests/fakes/slack"
	"lockbox/tests/world"
)

// Who people are in Slack.
const (
	ceoIn, ctoIn, engIn, mateIn = "U0CEO", "U0CTO", "U0ENG", "U0MATE"
	nobodyIn                    = "U0NOBODY"
)

// A stage is a gateway with people who are known in a Slack.
type stage struct {
	*world.World
	slack *fake.Slack
	app   *slack.Slack
	opts  slack.Options

	mu      sync.Mutex // guards reports
	reports []string
	stop    func()
	n       int
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newStage has clicks come over a socket, over HTTP or ("links") not at all.
func newStage(t *testing.T, way string) *stage {
	t.Helper()
	s := &stage{World: world.New(t, "127.0.0.1:1", "SHA256:none"), slack: fake.New(t)}
	for user, h := range map[string]*world.Human{ceoIn: s.Ceo, ctoIn: s.Cto, engIn: s.Eng, mateIn: s.Mate} {
		s.BindSlack(t, h, fake.Team, s.slack.User(user))
	}
	s.slack.User(nobodyIn)
	s.opts = slack.Options{
		Team: fake.Team, App: fake.App, Channel: fake.Channel, Bot: fake.Bot, Portal: world.Party().Origins[0],
		File: filepath.Join(t.TempDir(), "slack.db"), Desk: s.Desk, Ledger: s.Ledger, Users: s.People.SlackUsers(), Teller: teller{s},
		Report: s.report, API: s.slack.API(),
	}
	switch way {
	case "socket":
		s.opts.Socket = fake.AppToken
	case "http":
		s.opts.Signing = fake.Secret
	}
	s.start(t)
	t.Cleanup(func() { s.stop() })
	return s
}

// start runs the app, until stop.
func (s *stage) start(t *testing.T) {
	t.Helper()
	app, err := slack.New(s.opts)
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	var over sync.WaitGroup
	over.Go(func() {
		if err := app.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	var server *httptest.Server
	if h := app.Handler(); h != nil {
		server = httptest.NewServer(h)
		s.slack.PostTo(server.URL)
	}
	s.app = app
	s.stop = sync.OnceFunc(func() {
		stop()
		over.Wait()
		if server != nil {
			server.Close()
		}
		if err := app.Close(); err != nil {
			t.Error(err)
		}
	})
	if s.opts.Socket != "" {
		until(t, "it is connected", func() bool { return s.slack.Sockets() > 0 })
	}
}

func (s *stage) report(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reports = append(s.reports, err.Error())
}

func (s *stage) reported() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.reports, "\n")
}

// until waits for what comes by itself.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for late := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(late) {
			t.Fatalf("it never came that %s", what)
		}
		pause := time.NewTimer(5 * time.Millisecond)
		<-pause.C
	}
}

// tell sends a notice.
func (s *stage) tell(t testing.TB, to string, topic notify.Topic, about string) {
	t.Helper()
	s.n++
	must(t, s.app.Send(t.Context(), notify.Notice{ID: fmt.Sprint("n", s.n), Channel: "slack", To: to, Topic: topic, About: about}))
}

// card is the newest message before a user.
func (s *stage) card(t testing.TB, user string) fake.Message {
	t.Helper()
	all := s.slack.Messages(user)
	if len(all) == 0 {
		t.Fatalf("nothing was written to %s", user)
	}
	return all[len(all)-1]
}

// see is a request as it stands.
func (s *stage) see(t testing.TB, code string) approvals.View {
	t.Helper()
	v, err := s.Desk.See(t.Context(), s.Eng.Principal, code)
	must(t, err)
	return v
}

// A teller says what the ledger says, as far as the reader may see it.
type teller struct{ s *stage }

func (l teller) Story(ctx context.Context, n notify.Notice) (st notify.Story, err error) {
	who, place := policy.Principal{}, !strings.Contains(n.To, "@")
	err = l.s.Ledger.View(ctx, func(tx *ledger.Tx) error {
		if place {
			who = l.s.Ceo.Principal
			return nil
		}
		who, err = l.s.People.Current(tx, n.To)
		return err
	})
	if err != nil {
		return st, err
	}
	v, err := l.s.Desk.See(ctx, who, n.About)
	if err != nil {
		return st, nil // nothing that they may be told
	}
	q := v.Request
	st = notify.Story{
		Lang: "en", Code: q.ID, Title: "Access request " + q.ID, View: v, Page: world.Party().Origins[0] + "/a/" + q.ID,
		Lead: q.Who.Name + " asks for " + q.For.String() + " on " + q.Target,
		Open: v.Status.Phase == policy.Pending,
	}
	if !st.Open {
		st.Outcome = "It is " + string(v.Status.Phase)
	}
	if n.Topic == notify.Session {
		st.Title, st.Lead, st.Outcome = "Session of "+q.ID, "A session began", ""
	}
	if !place {
		st.Facts = []notify.Fact{{Key: "customer", Label: "Customer", Text: strings.Join(q.Customers, ", ")}, {Key: "why", Label: "Why", Text: q.Need.Text}}
		st.Next = "If you do nothing, no access is given."
	}
	return st, nil
}
