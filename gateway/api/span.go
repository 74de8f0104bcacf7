package api

import (
	"errors"
	"strings"
	"time"
)

// A Span is a length of time, written "1h30m".
type Span time.Duration

// String writes it without zeroes at its end: "30m", "1h", "1h0m5s".
func (s Span) String() string {
	d := time.Duration(s)
	if d == 0 {
		return "0s"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalText is String.
func (s Span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

var errSpan = errors.New("write a time as 30m, 1h or 1h30m")

// UnmarshalText reads "1h30m". It is never negative, and at most a year.
func (s *Span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 || d > 365*24*time.Hour {
		return errSpan
	}
	*s = Span(d)
	return nil
}
