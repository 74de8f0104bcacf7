package portal

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"slices"
	"strings"

	"filippo.io/age"

	"lockbox/recorder"
)

var errNoPurpose = &problem{403, "Say why first", "Open the page of the session again and say why you look."}

// play opens the recording of a session here; what is only in the object storage
// is brought back first. The error is fs.ErrNotExist where there is none, or its
// key is gone, and recorder.ErrChanged where it is not the one that the log names.
func (p *Portal) play(ctx context.Context, s recorder.Session) (*recorder.Playback, error) {
	session := s.ID
	play, err := p.Shelf.Play(session, p.Vault...)
	if p.Bring != nil && (err == nil && lost(play) || errors.Is(err, fs.ErrNotExist)) {
		if err := p.Bring(ctx, session); err != nil {
			return nil, fmt.Errorf("bring recording %s back: %w", session, err)
		}
		play, err = p.Shelf.Play(session, p.Vault...)
	}
	if err == nil && s.Root != "" && play.Manifest.Root != s.Root && !play.Manifest.Grew(s.Root) { // it grows where the end of one that failed is recovered
		err = fmt.Errorf("%w: its root is %q, the log names %s", recorder.ErrChanged, play.Manifest.Root, s.Root)
	}
	if errors.Is(err, recorder.ErrChanged) {
		p.report(fmt.Errorf("portal: recording %s: %w", session, err))
	}
	if err != nil {
		return nil, fmt.Errorf("open recording %s: %w", session, err)
	}
	return play, nil
}

// lost says whether a track's files are not here.
func lost(play *recorder.Playback) bool {
	return slices.ContainsFunc(play.Tracks(), func(t recorder.TrackInfo) bool { return errors.Is(t.Err, fs.ErrNotExist) })
}

// open gives the recording to whoever may look at it and has said why, with the
// track that the address names.
func (p *Portal) open(x *exchange) (*recorder.Playback, recorder.TrackInfo, error) {
	none := recorder.TrackInfo{}
	s, err := p.looked(x)
	if err != nil {
		return nil, none, err
	}
	if len(p.Vault) == 0 {
		return nil, none, errNoRecording
	}
	play, err := p.play(x.r.Context(), s.Session)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, recorder.ErrChanged), sealedToOthers(err):
		return nil, none, errNoRecording
	case err != nil:
		return nil, none, err
	}
	tracks := play.Tracks()
	i := slices.IndexFunc(tracks, func(t recorder.TrackInfo) bool { return t.Name == x.r.PathValue("track") && t.Err == nil })
	if i < 0 {
		return nil, none, errNoRecording
	}
	return play, tracks[i], nil
}

// sealedToOthers says whether the keys that are here do not open a recording.
func sealedToOthers(err error) bool {
	var none *age.NoIdentityMatchError
	return errors.As(err, &none)
}

// cannot says why a recording is not replayed here; "" where err is a failure.
func (x *exchange) cannot(err error) template.HTML {
	switch {
	case sealedToOthers(err):
		return x.say.html("This recording is sealed to others than this gateway. Who holds a key that it is sealed to, the auditor or the customer, takes the sealed recording below and plays it with `lockbox play`.")
	case errors.Is(err, fs.ErrNotExist):
		return x.say.html("The recording of this session is not here.")
	case errors.Is(err, recorder.ErrChanged):
		return x.say.html("What is here is not what was recorded: something was taken away or changed, so it is not replayed. `lockbox verify` says what.")
	}
	return ""
}

// cast streams a track to the player, without the escapes that act on whoever watches.
func (p *Portal) cast(x *exchange) error {
	play, track, err := p.open(x)
	if err != nil {
		return err
	}
	x.stream("application/x-asciicast")
	return play.CastAs(patient(x.w), track.Name, recorder.Form{})
}

// archive sends the requests of a track as a HAR file.
func (p *Portal) archive(x *exchange) error {
	play, track, err := p.open(x)
	if err != nil {
		return err
	}
	if track.Header.Kind != "http" {
		return errNoRecording
	}
	x.file("application/json", x.r.PathValue("id")+"-"+track.Name+".har")
	return play.HAR(patient(x.w), track.Name, recorder.Form{})
}

// transcript streams a track as plain text; with ?times=1 each line with its moment.
func (p *Portal) transcript(x *exchange) error {
	play, track, err := p.open(x)
	if err != nil {
		return err
	}
	x.stream("text/plain; charset=utf-8")
	if x.r.URL.Query().Get("times") == "" {
		return play.Text(patient(x.w), track.Name)
	}
	return timed(x, play, track.Name)
}

// timed writes what a track says, each line with its moment.
func timed(x *exchange, play *recorder.Playback, track string) error {
	out := patient(x.w)
	var b strings.Builder
	for l, err := range play.Lines(track) {
		if err != nil {
			return fmt.Errorf("read the lines of a track: %w", err)
		}
		fmt.Fprintf(&b, "%8s  %s\n", showMoment(l.At), clean(l.Text))
		if b.Len() < 32<<10 {
			continue
		}
		if _, err := out.Write([]byte(b.String())); err != nil {
			return nil // the reader has gone
		}
		b.Reset()
	}
	_, _ = out.Write([]byte(b.String())) // who does not read it has gone
	return nil
}

func (x *exchange) stream(kind string) {
	x.sent = true
	x.w.Header().Set("Content-Type", kind)
	x.w.WriteHeader(ok)
}
