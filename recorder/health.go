package recorder

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Health is what a shelf can do.
type Health struct {
	Level Level
	Why   []string // sentences; none when it is Green
	Free  int64    // bytes
	Wait  Wait
}

// A Level is how well recordings can be kept.
type Level int

// Levels: the zero Level opens nothing.
const (
	Red   Level = iota // no session is opened
	Amber              // none whose rule is strict; others are warned
	Green
)

func (l Level) String() string {
	switch l {
	case Green:
		return "green"
	case Amber:
		return "amber"
	}
	return "red"
}

// A Wait is what is closed and not yet in the object storage.
type Wait struct {
	Segments int
	Bytes    int64
	Oldest   time.Time // when the oldest of them was closed that is not stuck; zero where none waits
	Stuck    int       // of Segments: other bytes are in their place, or they cannot be read: a person has to look
}

const (
	sick      = 30 * time.Second // an error of a disk counts for so long
	waitAmber = time.Minute
	waitRed   = 10 * time.Minute
	lookAgain = time.Second // the disk is asked no more often
)

// vitals are what was seen of the disk.
type vitals struct {
	at        time.Time
	ready     error
	free, all int64
}

// Health says how well recordings can be kept now. It may be called often.
func (s *Shelf) Health() Health {
	v, now := s.look(), s.now()
	h := Health{Level: Green, Free: v.free}
	say := func(l Level, form string, args ...any) {
		h.Level, h.Why = min(h.Level, l), append(h.Why, fmt.Sprintf(form, args...))
	}
	if v.ready != nil {
		say(Red, "No recording can be opened: %v.", v.ready)
	}
	if err := s.lately(now); err != nil {
		say(Red, "A recording could not be written in the last %d seconds: %v.", int(sick.Seconds()), err)
	}
	if s.Waits != nil {
		h.Wait = s.Waits()
	}
	switch late := now.Sub(h.Wait.Oldest); {
	case h.Wait.Oldest.IsZero():
	case late > waitRed:
		say(Red, "What was recorded has waited for the object storage for %v.", late.Round(time.Minute))
	case late > waitAmber:
		say(Amber, "What was recorded has waited for the object storage for %v.", late.Round(time.Second))
	}
	if h.Wait.Stuck > 0 {
		say(Amber, "%d files of recordings cannot be brought to the object storage: other bytes are in their place there, or they cannot be read here.", h.Wait.Stuck)
	}
	bytes, percent := s.limits()
	if v.ready == nil && (v.free < 2*bytes || float64(v.free)*100 < 2*float64(v.all)*float64(percent)) {
		say(Amber, "The disk of the recordings is filling up: %d MiB of %d are free.", v.free>>20, v.all>>20)
	}
	return h
}

// look asks the disk, if that has not been done just now.
func (s *Shelf) look() vitals {
	s.looks.Lock()
	defer s.looks.Unlock()
	now := s.now()
	if past := now.Sub(s.seen.at); s.seen.at.IsZero() || past >= lookAgain || past < 0 {
		s.seen = vitals{at: now, ready: s.Ready()}
		s.seen.free, s.seen.all, _ = s.space() // Ready asks too
	}
	return s.seen
}

// erred notes that a recording could not write.
func (s *Shelf) erred(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bad, s.badAt = err, s.now()
}

// lately is the newest error that counts; nil for none.
func (s *Shelf) lately(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bad == nil || now.Sub(s.badAt) > sick {
		return nil
	}
	return s.bad
}

// admits says why a recording cannot be opened; nil if it can.
func (s *Shelf) admits(how How) error {
	h := s.Health()
	if h.Level == Red || how.Strict && h.Level != Green {
		return errors.New(strings.Join(h.Why, " "))
	}
	return nil
}
