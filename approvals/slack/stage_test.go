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

	planner *notify.Planner

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
	words, err := notify.NewWords()
	must(t, err)
	s.planner = &notify.Planner{Desk: s.Desk, People: s.People, Places: []notify.Place{{
		Channel: "slack", To: fake.Channel, Topics: []notify.Topic{notify.Waits, notify.Decided, notify.Session, notify.Ended},
	}}}
	tells := &notify.Teller{Ledger: s.Ledger, Planner: s.planner, URL: world.Party().Origins[0], Words: words}
	s.opts = slack.Options{
		Team: fake.Team, App: fake.App, Channel: fake.Channel, Bot: fake.Bot, Portal: world.Party().Origins[0],
		File: filepath.Join(t.TempDir(), "slack.db"), Desk: s.Desk, Ledger: s.Ledger, Users: s.People.SlackUsers(), Teller: tells,
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
	s.app, s.planner.Channels = app, []notify.Channel{app}
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
	must(t, s.app.Send(t.Context(), s.notice(fmt.Sprint("n", s.n), to, topic, about)))
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

// follow has notices sent as events come, until the test is over.
func (s *stage) follow(t *testing.T) {
	t.Helper()
	out, err := notify.OpenOutbox(filepath.Join(s.Dir, "notify.db"))
	must(t, err)
	f := &notify.Follower{Ledger: s.Ledger, Planner: s.planner, Outbox: out, Report: s.report}
	ctx, stop := context.WithCancel(context.Background())
	var over sync.WaitGroup
	over.Go(func() { _ = f.Run(ctx) })
	until(t, "the log is followed from its end", func() bool { _, behind := f.Counts(); return behind == 0 })
	t.Cleanup(func() {
		stop()
		over.Wait()
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	})
}
