package portal

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const momentMost = 48 * time.Hour // of a track: more is no moment of one

// parseMoment reads a place in a track as people write it: "83", "1:23.5", "1:02:03".
func parseMoment(s string) (time.Duration, bool) {
	parts := strings.Split(s, ":")
	if len(parts) > 3 || len(s) > 16 || strings.Trim(s, "0123456789:.") != "" {
		return 0, false
	}
	whole, fraction, _ := strings.Cut(parts[len(parts)-1], ".")
	parts[len(parts)-1] = whole
	var at time.Duration
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 32)
		if err != nil || i > 0 && n > 59 {
			return 0, false
		}
		at = at*60 + time.Duration(n)*time.Second
	}
	if fraction != "" {
		n, err := strconv.ParseUint((fraction + "00")[:3], 10, 32)
		if err != nil {
			return 0, false
		}
		at += time.Duration(n) * time.Millisecond
	}
	return at, at <= momentMost
}

// showMoment writes a place in a track, to the second: "1:23", "1:02:03".
func showMoment(at time.Duration) string {
	s := int64(at / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// seconds writes a place in a track for a script.
func seconds(at time.Duration) string { return strconv.FormatFloat(at.Seconds(), 'f', 3, 64) }

// A moment is a place in a track that a page leads to.
type moment struct {
	At    time.Duration
	Track string
	To    string // the page of the session at this place
	Kind  string
	Text  string
}

// Clock is the place as people read it, Seconds as scripts do.
func (m moment) Clock() string { return showMoment(m.At) }

// Seconds is the place as scripts read it.
func (m moment) Seconds() string { return seconds(m.At) }

func newMoment(session, track string, at time.Duration, kind, text string) moment {
	return moment{at, track, "/s/" + session + "?track=" + track + "&t=" + showMoment(at), kind, visible(text)}
}

// visible is what a target said, as it can stand in a line of a page: nothing in
// it turns or hides what stands beside it.
func visible(s string) string {
	s = clean(s)
	if r := []rune(s); len(r) > 300 {
		return string(r[:300]) + "…"
	}
	return s
}

// clean is visible, and as long as it was.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case !unicode.IsPrint(r) || unicode.Is(unicode.Bidi_Control, r):
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
