package portal

import (
	"fmt"
	"time"

	"lockbox/gateway"
)

// remarksFacts are the remarks on a recording.
type remarksFacts struct {
	List     []recordingRemark
	Mine     bool // it is the reader's own session
	Reviewed bool // the reader has said that they reviewed it
	Track    string
	At       string
}

type recordingRemark struct {
	Who      string
	When     time.Time
	Moment   *moment // nil: it is about all of the recording
	Text     string
	Reviewed bool
	Mine     bool
}

// remarksOf reads what was said about the recording.
func (p *Portal) remarksOf(x *exchange, s sight, page *sessionPage) (f remarksFacts, err error) {
	if page.Live() {
		return f, nil // there is nothing to replay yet
	}
	f.Mine = s.Who.ID == x.who.ID
	if t := page.Track; t != nil && t.Player() {
		f.Track, f.At = t.Name, t.Clock()
	}
	all, err := p.Gateway.Remarks(x.r.Context(), x.who.Principal, s.ID)
	if err != nil {
		return f, fmt.Errorf("read the remarks on %s: %w", s.ID, err)
	}
	for _, r := range all {
		one := recordingRemark{Who: r.By.Name, When: r.When, Text: r.Text, Reviewed: r.Reviewed, Mine: r.By.ID == x.who.ID}
		if validTrack(r.Track) {
			m := newMoment(s.ID, r.Track, r.At, "remark", "")
			one.Moment = &m
		}
		f.Reviewed = f.Reviewed || one.Reviewed && one.Mine
		f.List = append(f.List, one)
	}
	return f, nil
}

// remarkOn writes a remark down, or that the reader has reviewed the recording.
func (p *Portal) remarkOn(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	s, err := p.looked(x)
	if err != nil {
		return err
	}
	r := gateway.Remark{Text: x.line("text")}
	field := "remark"
	wrong := func(why string) error {
		return p.showSession(x, s, func(page *sessionPage) { page.In = x.mend("at", why) })
	}
	switch x.value("do") {
	case "say":
		if at := x.value("at"); at != "" {
			var fine bool
			if r.Track = x.value("track"); !validTrack(r.Track) {
				return errBody
			}
			if r.At, fine = parseMoment(at); !fine {
				return wrong(x.say.text("Write the moment as 1:23 or 1:02:03, or leave it empty."))
			}
		}
	case "review":
		r.Reviewed, r.Text = true, ""
	default:
		return errBody
	}
	return p.done(x, s, field, p.Gateway.Say(x.r.Context(), x.who.Principal, s.ID, r), "#remarks")
}
