package slack

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	api "github.com/slack-go/slack"

	"lockbox/approvals"
	"lockbox/approvals/notify"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// Users knows who is who in Slack.
type Users interface {
	// Person says who a user is, proven from what the person signed; false for nobody.
	Person(tx *ledger.Tx, team, user string) (policy.Principal, bool, error)
	// Of gives the user that a person is known by; "" for none.
	Of(tx *ledger.Tx, person string) (team, user string, err error)
	// Link makes what the user, and nobody else, is given to become known: the secret end of a link
	// to the portal's /me/slack, and a number to be typed there.
	Link(team, user string) (token, number string, until time.Time, err error)
}

// A Teller says what one reader may be told of a notice; notify.ErrMoot: nothing.
type Teller interface {
	Story(ctx context.Context, n notify.Notice) (notify.Story, error)
}

// A Secret never shows itself.
type Secret string

func (Secret) String() string { return "secret" }

// GoString is for %#v.
func (Secret) GoString() string { return "secret" }

// Options are what a Slack needs.
type Options struct {
	Team       string // id of the one workspace: "T024BE7LD"
	App        string // id of the app there: "A012ABCD0A0"
	Enterprise string // id of the organisation that the workspace is of: "E…"; "" for none
	Channel    string // id of the channel that is told in one line each: "C024BE91L"; "" for none
	Bot        Secret // token: "xoxb-…"
	Socket     Secret // app-level token: "xapp-…"; clicks come over Socket Mode
	Signing    Secret // the app's signing secret; clicks come to Handler. Neither: cards hold a link and nothing to press
	Portal     string // public origin: "https://lock.example.eu"
	File       string // what is remembered of clicks and messages; losing it means new messages

	Desk   *approvals.Desk
	Ledger *ledger.Ledger
	Users  Users
	Teller Teller
	Lang   func(ctx context.Context, person string) string // "en" or "da"; nil: English
	Report func(error)                                     // hears of failures; never of secrets
	Now    func() time.Time                                // nil: time.Now
	API    string                                          // of Slack, with a slash at its end; "": the real one
}

// A Slack is one app in one workspace. It is a notify.Channel.
type Slack struct {
	Options
	client *api.Client
	host   string // of the portal, for people to read
	memory *memory
	counts counts
	health health

	alive context.Context // ends with Close
	stop  context.CancelFunc
	work  sync.WaitGroup
	first sync.Mutex    // held while the first message about somebody's own request is written
	room  chan struct{} // as many clicks are worked on at once
}

const (
	callLimit = 10 * time.Second // of one call to Slack
	ackLimit  = 2 * time.Second  // Slack waits for 3
	workLimit = 30 * time.Second // of what one click does
	lookEvery = time.Minute      // at the cards that ask somebody
	atOnce    = 32
	bodyMost  = 1 << 20
)

var _ notify.Channel = (*Slack)(nil)

// New opens what is remembered. Close it.
func New(o Options) (*Slack, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if o.Desk == nil || o.Ledger == nil || o.Users == nil || o.Teller == nil || o.Report == nil {
		return nil, errors.New("slack: something is not wired")
	}
	m, err := openMemory(o.File, o.now)
	if err != nil {
		return nil, err
	}
	s := &Slack{Options: o, memory: m, room: make(chan struct{}, atOnce)}
	if u, err := url.Parse(o.Portal); err == nil {
		s.host = u.Host
	}
	s.alive, s.stop = context.WithCancel(context.Background())
	options := []api.Option{
		api.OptionHTTPClient(&http.Client{Timeout: callLimit, Transport: bounded{http.DefaultTransport}, CheckRedirect: stay}),
		api.OptionLog(log.New(io.Discard, "", 0)),
		api.OptionAppLevelToken(string(o.Socket)),
	}
	if o.API != "" {
		options = append(options, api.OptionAPIURL(o.API))
	}
	s.client = api.New(string(o.Bot), options...)
	return s, nil
}

// Check says what is wrong with what is configured, never what a secret is.
func (o Options) Check() error {
	portal, err := url.Parse(o.Portal)
	id := func(s, first string) bool {
		return len(s) > 1 && strings.Contains(first, s[:1]) && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
	}
	switch {
	case !id(o.Team, "T"):
		return errors.New("slack: team is the id of the workspace: T and capital letters and digits")
	case !id(o.App, "A"):
		return errors.New("slack: app is the id of the app: A and capital letters and digits")
	case o.Enterprise != "" && !id(o.Enterprise, "E"):
		return errors.New("slack: enterprise is the id of the organisation: E and capital letters and digits")
	case o.Channel != "" && !id(o.Channel, "CG"):
		return errors.New("slack: channel is the id of a channel, not its name: C and capital letters and digits")
	case !strings.HasPrefix(string(o.Bot), "xoxb-") || len(o.Bot) < 20:
		return errors.New("slack: bot is no bot token: it begins with xoxb-")
	case o.Socket != "" && o.Signing != "":
		return errors.New("slack: give either socket or signing: clicks come in one way")
	case o.Socket != "" && (!strings.HasPrefix(string(o.Socket), "xapp-") || len(o.Socket) < 20):
		return errors.New("slack: socket is no app-level token: it begins with xapp-")
	case o.Signing != "" && !goodSigning(string(o.Signing)):
		return errors.New("slack: signing is no signing secret: it has 32 or more hexadecimal digits")
	case err != nil || portal.Host == "" || portal.Path != "":
		return errors.New("slack: the portal has no public address")
	}
	return nil
}

var hexSecret = regexp.MustCompile(`^[0-9a-f]{32,128}$`)

// goodSigning refuses a secret that is empty or could be guessed: whoever knows it clicks as anybody.
func goodSigning(s string) bool { return hexSecret.MatchString(s) && strings.Trim(s, s[:1]) != "" }

func (o Options) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

// presses says whether there is a way for clicks to come in.
func (o Options) presses() bool { return o.Socket != "" || o.Signing != "" }

// Close waits for what is being worked on.
func (s *Slack) Close() error {
	s.stop()
	s.work.Wait()
	return s.memory.close()
}

// Name is "slack".
func (s *Slack) Name() string { return "slack" }

// Address is the user of the workspace whom the person is known by.
func (s *Slack) Address(tx *ledger.Tx, p policy.Principal) (string, error) {
	team, user, err := s.Users.Of(tx, p.ID)
	if err != nil || team != s.Team {
		return "", err
	}
	return "Slack user " + user + " in " + team, nil
}

// Counts are how many clicks came, and what became of those that were not heard.
func (s *Slack) Counts() map[string]int64 { return s.counts.all() }

// stay follows no redirect: it would take the token along.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// bounded lets no answer be longer than it may.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	w, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		w.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(w.Body, bodyMost), w.Body}
	}
	return w, err
}
