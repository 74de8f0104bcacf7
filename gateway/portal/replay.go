package portal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
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

// A sessionPage is one recorded session.
type sessionPage struct {
	recorder.Session
	Code    string
	Who     string
	Looking bool // the purpose was given
	Purpose string
	Wrong   string
	Tracks  []trackFacts
	Player  bool
	Cannot  string // why nothing can be replayed here
}

type trackFacts struct {
	recorder.TrackInfo
	Path   string
	Text   string
	Lost   bool // it cannot be played
	Exit   string
	Lasted time.Duration
}

// Live says whether the session goes on.
func (s sessionPage) Live() bool { return s.Ended.IsZero() }

// Lasted is how long it took; zero while it goes on.
func (s sessionPage) Lasted() time.Duration {
	if s.Live() {
		return 0
	}
	return s.Ended.Sub(s.Began).Truncate(time.Second)
}

// find gives a session to those who may look at its recording. It is no look yet:
// that is for Gateway.Look to decide again, and to write down.
func (p *Portal) find(ctx context.Context, who policy.Principal, id string) (s recorder.Session, err error) {
	if !gateway.ValidSession(id) {
		return s, errNoPage
	}
	err = p.view(ctx, func(tx *ledger.Tx) error {
		if ok, err := tx.Get("session/"+id, &s); err != nil || !ok {
			return errors.Join(err, errNoPage)
		}
		v, err := p.Desk.SeeIn(tx, who, s.Request)
		if err != nil {
			return err
		}
		do := policy.Replay
		if s.Ended.IsZero() {
			do = policy.Watch
		}
		ask, err := p.Desk.Question(tx, who, do, v.Request) // a deputy looks, too
		if err == nil && (p.Desk.Policy().Decide(ask).Verdict != policy.Allow || foreign(who, s)) {
			err = approvals.ErrUnknown
		}
		return err
	})
	if err != nil {
		return recorder.Session{}, err
	}
	return s, nil
}

// foreign says whether the recording may hold data of another customer than the
// reviewer's. A reviewer's view of a request names no other, so the session is asked.
func foreign(who policy.Principal, s recorder.Session) bool {
	return who.Kind == policy.Reviewer && !slices.Equal(s.Customers, []string{who.Customer})
}

// session shows /s/{id}: what the session was, then, once the reader said why they look, its recording.
func (p *Portal) session(x *exchange) error { return p.showSession(x, "", "") }

func (p *Portal) showSession(x *exchange, purpose, wrong string) error {
	s, err := p.find(x.r.Context(), x.who.Principal, x.r.PathValue("id"))
	if err != nil {
		return err
	}
	page := sessionPage{Session: s, Code: s.Request, Who: s.Who.Name, Purpose: purpose, Wrong: wrong}
	if p.looks.open(x.lookKey(s.ID), p.now()) {
		page.Looking, page.Player = true, hasPlayer()
		if err := p.fillTracks(x, &page); err != nil {
			return err
		}
		x.w.Header().Set("Content-Security-Policy", playerCSP)
	}
	return x.page(status(wrong), "session", x.say.text("Session of {who} on {target}", "who", page.Who, "target", s.Target), page)
}

// fillTracks lists what was recorded.
func (p *Portal) fillTracks(x *exchange, page *sessionPage) error {
	if len(p.Vault) == 0 {
		page.Cannot = x.say.text("This gateway holds no key that opens recordings; whoever holds one can play it with `lockbox play`.")
		return nil
	}
	play, err := p.Shelf.Play(page.ID, p.Vault...)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		page.Cannot = x.say.text("The recording of this session is not here.")
		return nil
	case err != nil:
		return fmt.Errorf("open recording %s: %w", page.ID, err)
	}
	for _, t := range play.Tracks() {
		f := trackFacts{TrackInfo: t, Path: "/s/" + page.ID + "/cast/" + t.Name, Lost: t.Err != nil}
		f.Text = "/s/" + page.ID + "/text/" + t.Name
		if t.Err != nil {
			p.report(fmt.Errorf("portal: track %s of recording %s: %w", t.Name, page.ID, t.Err))
		} else {
			f.read(play)
		}
		page.Tracks = append(page.Tracks, f)
	}
	return nil
}

// read finds how a track ended.
func (f *trackFacts) read(play *recorder.Playback) {
	for ev, err := range play.Events(f.Name) {
		if err != nil {
			return // what came before stands
		}
		f.Lasted = ev.At
		switch ev.Code {
		case recorder.CodeExit, recorder.CodeSignal:
			f.Exit = strings.ToValidUTF8(string(ev.Data), "?")
		}
	}
}

// look takes the purpose, has it written down, and shows the page again.
func (p *Portal) look(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	id, purpose := x.r.PathValue("id"), x.value("purpose")
	if n := utf8.RuneCountInString(purpose); n < purposeMin || n > purposeMax || statement.Clean(purpose) != nil {
		return p.showSession(x, purpose, x.say.text("Say in {min} to {max} characters why you look.", "min", purposeMin, "max", purposeMax))
	}
	if _, err := p.find(x.r.Context(), x.who.Principal, id); err != nil {
		return err
	}
	if _, err := p.Gateway.Look(x.r.Context(), x.who.Principal, id, purpose); err != nil {
		return err
	}
	p.looks.add(x.lookKey(id), p.now())
	return x.see("/s/" + id)
}

// open gives the recording to whoever may look at it and has said why.
func (p *Portal) open(x *exchange) (*recorder.Playback, string, error) {
	s, err := p.find(x.r.Context(), x.who.Principal, x.r.PathValue("id"))
	if err != nil {
		return nil, "", err
	}
	if !p.looks.open(x.lookKey(s.ID), p.now()) {
		return nil, "", errNoPurpose
	}
	if len(p.Vault) == 0 {
		return nil, "", errNoRecording
	}
	play, err := p.Shelf.Play(s.ID, p.Vault...)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "", errNoRecording
	case err != nil:
		return nil, "", fmt.Errorf("open recording %s: %w", s.ID, err)
	}
	track := x.r.PathValue("track")
	if !slices.ContainsFunc(play.Tracks(), func(t recorder.TrackInfo) bool { return t.Name == track && t.Err == nil }) {
		return nil, "", errNoRecording
	}
	return play, track, nil
}

var errNoPurpose = &problem{http.StatusForbidden, "Say why first", "Open the page of the session again and say why you look."}

// cast streams a track to the player, without the escapes that act on whoever watches.
func (p *Portal) cast(x *exchange) error {
	play, track, err := p.open(x)
	if err != nil {
		return err
	}
	x.stream("application/x-asciicast")
	return play.CastAs(patient(x.w), track, recorder.Form{})
}

// transcript streams a track as plain text.
func (p *Portal) transcript(x *exchange) error {
	play, track, err := p.open(x)
	if err != nil {
		return err
	}
	x.stream("text/plain; charset=utf-8")
	return play.Text(patient(x.w), track)
}

func (x *exchange) stream(kind string) {
	x.sent = true
	x.w.Header().Set("Content-Type", kind)
	x.w.WriteHeader(http.StatusOK)
}
