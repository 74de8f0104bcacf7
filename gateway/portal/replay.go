package portal

import (
	"context"
	"errors"
	"html/template"
	"slices"
	"time"
	"unicode/utf8"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
)

const (
	purposeMin = 5   // characters
	purposeMax = 200 // characters
)

// A sessionPage is one recorded session, while it goes on and after.
type sessionPage struct {
	recorder.Session
	Code    string
	Who     string
	Web     bool   // it was a browser in an application
	Here    string // the address of the page, with its track and moment
	Looking bool   // the purpose was given
	Purpose string
	Wrong   string

	Tracks []trackTab
	Track  *trackFacts // the one that is shown; nil: none can be
	Player bool
	Cannot template.HTML // why nothing can be replayed here
	Files  bool          // the recording can be taken as it is

	Watch   watchFacts
	Remarks remarksFacts
	Custody custodyFacts
	In      filled
	Now     time.Time
}

// Live says whether the session goes on.
func (s sessionPage) Live() bool { return s.Ended.IsZero() }

// Lasted is how long it took; zero while it goes on.
func (s sessionPage) Lasted() time.Duration {
	if s.Live() {
		return 0
	}
	return whole(s.Ended.Sub(s.Began))
}

// whole leaves parts of a second away, but not all there is.
func whole(d time.Duration) time.Duration {
	if d < time.Second {
		return d
	}
	return d.Truncate(time.Second)
}

// A sight is a session that somebody may look at, and the request that it was under.
type sight struct {
	recorder.Session
	view approvals.View
	ask  policy.Question // whether they may look
}

// may says whether they may do something else about the session.
func (p *Portal) may(s sight, do policy.Action) bool {
	ask := s.ask
	ask.Do = do
	return p.Desk.Policy().Decide(ask).Verdict == policy.Allow
}

// find gives a session to those who may look at its recording. It is no look yet:
// that is for Gateway.Look to decide again, and to write down.
func (p *Portal) find(ctx context.Context, who policy.Principal, id string) (s sight, err error) {
	if !gateway.ValidSession(id) {
		return s, errNoPage
	}
	err = p.view(ctx, func(tx *ledger.Tx) error {
		if ok, err := tx.Get("session/"+id, &s); err != nil || !ok {
			return errors.Join(err, errNoPage)
		}
		if s.view, err = p.Desk.SeeIn(tx, who, s.Request); err != nil {
			return err
		}
		do := policy.Replay
		if s.Ended.IsZero() {
			do = policy.Watch
		}
		s.ask, err = p.Desk.Question(tx, who, do, s.view.Request) // a deputy looks, too
		if err == nil && (p.Desk.Policy().Decide(s.ask).Verdict != policy.Allow || foreign(who, s.Session)) {
			err = approvals.ErrUnknown
		}
		return err
	})
	if err != nil {
		return sight{}, err
	}
	return s, nil
}

// foreign says whether the recording may hold data of another customer than the
// reviewer's. A reviewer's view of a request names no other, so the session is asked.
func foreign(who policy.Principal, s recorder.Session) bool {
	return who.Kind == policy.Reviewer && !slices.Equal(s.Customers, []string{who.Customer})
}

// session shows /s/{id}: what the session was, then, once the reader said why they look, its recording.
func (p *Portal) session(x *exchange) error {
	s, err := p.find(x.r.Context(), x.who.Principal, x.r.PathValue("id"))
	if err != nil {
		return err
	}
	return p.showSession(x, s, func(*sessionPage) {})
}

func (p *Portal) showSession(x *exchange, s sight, with func(*sessionPage)) error {
	page := sessionPage{Session: s.Session, Code: s.Request, Who: s.Who.Name, Web: web(s.view.Request.Actions), Here: x.here(s.ID), Now: p.now()}
	with(&page)
	var err error
	if page.Custody, err = p.custodyOf(x, s); err != nil {
		return err
	}
	if page.Live() {
		page.Watch = p.watchOf(x, s)
	}
	if x.purpose(s.ID) != "" {
		page.Looking, page.Player = true, hasPlayer()
		if err := p.fillSession(x, s, &page); err != nil {
			return err
		}
		if page.Player && page.Track != nil {
			x.w.Header().Set("Content-Security-Policy", playerCSP)
		}
	}
	wrong := page.Wrong
	if page.In.Sent() {
		wrong = string(page.In.Wrong)
	}
	return x.page(status(wrong), "session", x.say.text("Session of {who} on {target}", "who", page.Who, "target", s.Target), page)
}

// fillSession adds what is only for who said why they look.
func (p *Portal) fillSession(x *exchange, s sight, page *sessionPage) (err error) {
	if err := p.fillTracks(x, s, page); err != nil {
		return err
	}
	page.Remarks, err = p.remarksOf(x, s, page)
	return err
}

// look takes the purpose, has it written down, and shows the page again.
func (p *Portal) look(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	s, err := p.find(x.r.Context(), x.who.Principal, x.r.PathValue("id"))
	if err != nil {
		return err
	}
	purpose := x.value("purpose")
	if n := utf8.RuneCountInString(purpose); n < purposeMin || n > purposeMax || statement.Clean(purpose) != nil {
		return p.showSession(x, s, func(page *sessionPage) {
			page.Purpose, page.Wrong = purpose, x.say.text("Say in {min} to {max} characters why you look.", "min", purposeMin, "max", purposeMax)
		})
	}
	if _, err := p.Gateway.Look(x.r.Context(), x.who.Principal, s.ID, purpose); err != nil {
		return err
	}
	p.looks.add(x.lookKey(s.ID), purpose, p.now())
	p.Gateway.Reads(x.who.Principal, s.ID, lookLife)
	return x.see(x.here(s.ID))
}

// here is the page of a session, at the track and the moment that the address names.
func (x *exchange) here(id string) string {
	to, q := "/s/"+id, x.r.URL.Query()
	if track := q.Get("track"); validTrack(track) {
		to += "?track=" + track
		if at, ok := parseMoment(q.Get("t")); ok {
			to += "&t=" + showMoment(at)
		}
	}
	return to
}

// looked is find for who has said why they look; others are sent back to say it.
func (p *Portal) looked(x *exchange) (sight, error) {
	s, err := p.find(x.r.Context(), x.who.Principal, x.r.PathValue("id"))
	if err == nil && x.purpose(s.ID) == "" {
		err = errNoPurpose
	}
	return s, err
}
