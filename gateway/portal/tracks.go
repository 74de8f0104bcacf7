package portal

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"lockbox/recorder"
	"lockbox/recorder/screen"
)

// A trackTab leads to one track of a session.
type trackTab struct {
	Name    string
	To      string
	Kind    string // "pty"; see recorder.Header
	Command string
	Lost    bool // it cannot be played
	Shown   bool
}

// trackFacts is the track that a page shows.
type trackFacts struct {
	trackTab
	Path   string // of the session
	Began  time.Time
	Length time.Duration
	Exit   string
	At     time.Duration // where the page begins
	Screen []string      // what stood there, as text
	Find   string        // what is searched for
	Found  []moment      // and where it stands
	Marks  []moment      // the last, of a session that goes on
	Things []thing       // of a track that is no terminal's: operations, and what was not kept
	More   string        // address of those that follow; "" at the end
	Web    *webFacts     // of a track of HTTP
}

// Player says whether there is a screen to show.
func (t trackFacts) Player() bool { return t.Kind == "pty" || t.Kind == "exec" }

// Clock is where the page begins as people read it, Seconds as scripts do.
func (t trackFacts) Clock() string { return showMoment(t.At) }

// Seconds is where the page begins, as scripts read it.
func (t trackFacts) Seconds() string { return seconds(t.At) }

// Long is the length of the track as scripts read it.
func (t trackFacts) Long() string { return seconds(t.Length) }

// Back and On are the page 10 s before and after.
func (t trackFacts) Back() string { return t.to(max(0, t.At-10*time.Second)) }

// On is the page 10 s after.
func (t trackFacts) On() string { return t.to(min(t.Length, t.At+10*time.Second)) }

func (t trackFacts) to(at time.Duration) string {
	return t.Path + "?track=" + t.Name + "&t=" + showMoment(at)
}

var trackName = regexp.MustCompile(`^[a-z]{2,8}(0|[1-9][0-9]{0,4})$`)

func validTrack(name string) bool { return trackName.MatchString(name) }

// fillTracks lists what was recorded, and shows one track of it.
func (p *Portal) fillTracks(x *exchange, s sight, page *sessionPage) error {
	page.Files = !page.Live() && page.Custody.Erased.IsZero()
	if !page.Custody.Erased.IsZero() {
		page.Files = false
		return nil // the page says why
	}
	if len(p.Vault) == 0 {
		page.Cannot = x.say.html("This gateway holds no key that opens recordings; whoever holds one takes the sealed recording below and plays it with `lockbox play`.")
		return nil
	}
	play, err := p.play(x.r.Context(), s.Session)
	if err != nil {
		if page.Cannot = x.cannot(err); page.Cannot == "" {
			return err
		}
		page.Files = page.Files && sealedToOthers(err)
		return nil
	}
	wanted, first := x.r.URL.Query().Get("track"), ""
	for _, t := range play.Tracks() {
		tab := trackTab{t.Name, "/s/" + s.ID + "?track=" + t.Name, t.Header.Kind, visible(t.Header.Command), t.Err != nil, false}
		if t.Err != nil {
			p.report(fmt.Errorf("portal: track %s of recording %s: %w", t.Name, s.ID, t.Err))
		} else if first == "" || t.Name == wanted {
			first = t.Name
		}
		page.Tracks = append(page.Tracks, tab)
	}
	i := slices.IndexFunc(page.Tracks, func(t trackTab) bool { return t.Name == first })
	if i < 0 {
		return nil
	}
	page.Tracks[i].Shown = true
	page.Track = &trackFacts{trackTab: page.Tracks[i], Path: "/s/" + s.ID, Began: play.Tracks()[i].Began}
	err = p.fillTrack(x, play, play.Tracks()[i], page)
	if own := (*problem)(nil); err != nil && !errors.As(err, &own) { // the others can be played
		p.report(fmt.Errorf("portal: recording %s: %w", s.ID, err))
		page.Track.Lost, err = true, nil
	}
	return err
}

// fillTrack reads what stands on the page of the track that is shown.
func (p *Portal) fillTrack(x *exchange, play *recorder.Playback, t recorder.TrackInfo, page *sessionPage) (err error) {
	f := page.Track
	if f.Length, err = play.Length(t.Name); err != nil {
		return fmt.Errorf("measure track %s of recording %s: %w", t.Name, page.ID, err)
	}
	if at, ok := parseMoment(x.r.URL.Query().Get("t")); ok {
		f.At = min(at, f.Length)
	}
	switch {
	case f.Kind == "http":
		return f.fillWeb(x, play)
	case !f.Player():
		return f.fillThings(x, play)
	}
	if f.Find = x.r.URL.Query().Get("q"); f.Find != "" {
		if f.Found, err = found(x, play, page.ID, t.Name, f.Find); err != nil {
			return err
		}
	}
	if page.Live() {
		f.Marks, err = marks(x, play, page.ID, t.Name)
		f.Marks = f.Marks[max(0, len(f.Marks)-5):]
		return err
	}
	if f.Screen, err = f.stood(play, t); err != nil {
		return err
	}
	return f.ended(play)
}

// stood is what a terminal showed where the page begins, as text.
func (f *trackFacts) stood(play *recorder.Playback, t recorder.TrackInfo) ([]string, error) {
	show := newShowing(t)
	size := show.size()
	s := screen.New(size.Cols, size.Rows)
	for ev, err := range play.From(t.Name, f.At) {
		if err != nil {
			return nil, fmt.Errorf("read track %s: %w", t.Name, err)
		}
		if ev.Code != recorder.CodeKey && ev.At > f.At {
			break
		}
		switch code, data, ok := show.event(ev); {
		case !ok:
		case code == recorder.CodeKey:
			s = screen.New(show.key.Cols, show.key.Rows)
			_, _ = s.Write([]byte(data)) // never fails
		case code == recorder.CodeOutput:
			_, _ = s.Write([]byte(data)) // likewise
		}
	}
	rows := s.Text()
	for len(rows) > 0 && strings.TrimSpace(rows[len(rows)-1]) == "" {
		rows = rows[:len(rows)-1]
	}
	return rows, nil
}

// ended reads how the track ended, and what was not kept of it.
func (f *trackFacts) ended(play *recorder.Playback) error {
	for ev, err := range play.From(f.Name, max(0, f.Length-2*time.Second)) {
		if err != nil {
			return fmt.Errorf("read the end of track %s: %w", f.Name, err)
		}
		if ev.Code == recorder.CodeExit || ev.Code == recorder.CodeSignal {
			f.Exit = visible(string(ev.Data))
		}
		if t, is := thingOf(ev); is && len(f.Things) < mostThings {
			f.Things = append(f.Things, t)
		}
	}
	return nil
}

// Bounds of the lists of one page.
const (
	mostMarks = 1000
	mostFound = 200
	idleLong  = time.Minute // shorter ones are not worth a line
)

// marks are the moments of a track worth a line.
func marks(x *exchange, play *recorder.Playback, session, track string) (all []moment, err error) {
	list, err := play.Timeline(x.r.Context(), track)
	if err != nil {
		return nil, fmt.Errorf("make the timeline of a track: %w", err)
	}
	for _, m := range list {
		if m.Kind == "idle" && m.Until-m.At < idleLong {
			continue
		}
		text := m.Text
		if m.Kind == "idle" {
			text = x.say.long((m.Until - m.At).Truncate(time.Second))
		}
		if len(all) == mostMarks {
			break
		}
		all = append(all, newMoment(session, track, m.At, m.Kind, text))
	}
	return all, nil
}

// found are the moments where words stand.
func found(x *exchange, play *recorder.Playback, session, track, words string) (all []moment, err error) {
	if len(words) > 200 {
		return nil, errTooLong
	}
	lines, err := play.Find(x.r.Context(), track, words, mostFound)
	if err != nil {
		return nil, fmt.Errorf("search a track: %w", err)
	}
	for _, l := range lines {
		all = append(all, newMoment(session, track, l.At, l.Kind, l.Text))
	}
	return all, nil
}

// A momentsPage is a timeline, or what was found, on a page of its own; scripts take the list out of it.
type momentsPage struct {
	Path  string // of the session
	Track string
	Find  string
	List  []moment
	Full  bool // there are more than are listed
}

// timeline shows /s/{id}/timeline/{track}.
func (p *Portal) timeline(x *exchange) error {
	play, t, err := p.open(x)
	if err != nil {
		return err
	}
	session := x.r.PathValue("id")
	list, err := marks(x, play, session, t.Name)
	if err != nil {
		return err
	}
	return x.show(ok, "moments", "Timeline", momentsPage{Path: "/s/" + session, Track: t.Name, List: list, Full: len(list) == mostMarks})
}

// search shows /s/{id}/find/{track}?q=.
func (p *Portal) search(x *exchange) error {
	play, t, err := p.open(x)
	if err != nil {
		return err
	}
	q := strings.TrimSpace(x.r.URL.Query().Get("q"))
	if q == "" {
		return errBody
	}
	session := x.r.PathValue("id")
	list, err := found(x, play, session, t.Name, q)
	if err != nil {
		return err
	}
	return x.show(ok, "moments", "Found in the recording", momentsPage{Path: "/s/" + session, Track: t.Name, Find: q, List: list, Full: len(list) == mostFound})
}
