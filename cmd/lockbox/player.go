package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"time"

	"lockbox/recorder"
)

// How fast a recording plays, and how far an arrow goes.
const (
	slowest = 0.5
	fastest = 32
	leap    = 10 * time.Second
)

// A player shows a track as it went, without the escapes that act on the viewer.
type player struct {
	p     *recorder.Playback
	track recorder.TrackInfo
	out   io.Writer
	speed float64       // 0: all at once
	idle  time.Duration // no pause is longer
	raw   bool          // the terminal adds no CR
	keys  <-chan string // nil: nobody types

	at     time.Duration // of what is shown
	paused bool
	stdout recorder.Safe
	stderr recorder.Safe
}

var errQuit = errors.New("q was typed")

// A jump is where to go on.
type jump struct{ to time.Duration }

func (jump) Error() string { return "an arrow was typed" }

// play plays from a moment on until the end, or until it is told to stop.
func (s *player) play(ctx context.Context, from time.Duration) error {
	for {
		err := s.run(ctx, from)
		var j jump
		switch {
		case errors.As(err, &j):
			from = j.to
			continue
		case errors.Is(err, errQuit), ctx.Err() != nil:
			return nil
		}
		return err
	}
}

// events are those from a moment on; before them, what was shown then.
func (s *player) events(from time.Duration) iter.Seq2[recorder.Event, error] {
	if from == 0 && s.at == 0 {
		return s.p.Events(s.track.Name)
	}
	return s.p.From(s.track.Name, from)
}

func (s *player) run(ctx context.Context, from time.Duration) error {
	all := s.events(from)
	s.at, s.stdout, s.stderr = from, recorder.Safe{}, recorder.Safe{}
	for e, err := range all {
		if err == nil {
			err = s.wait(ctx, e.At)
		}
		if err == nil {
			err = s.show(e)
		}
		if err != nil {
			return err
		}
	}
	return s.write(append(s.stdout.End(), s.stderr.End()...))
}

// wait waits until the recording comes to a moment, and does what is typed meanwhile.
func (s *player) wait(ctx context.Context, until time.Duration) error {
	for s.speed > 0 && until > s.at || s.paused {
		pause := min(time.Duration(float64(max(until-s.at, 0))/s.speed), s.idle)
		var due <-chan time.Time
		began := time.Now()
		if !s.paused {
			due = time.After(pause)
		}
		select {
		case <-due:
			s.at = until
		case key := <-s.keys:
			if !s.paused && pause < s.idle { // an idle time that is cut short is over
				s.at += min(time.Duration(float64(time.Since(began))*s.speed), until-s.at)
			}
			if err := s.typed(key); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.at = max(s.at, until)
	return nil
}

func (s *player) typed(key string) error {
	switch key {
	case "q", "\x03", "\x04", "":
		return errQuit
	case " ":
		s.paused = !s.paused
	case "+", "=":
		s.speed = min(s.speed*2, fastest)
	case "-":
		s.speed = max(s.speed/2, slowest)
	case "\x1b[C", "\x1bOC":
		return jump{s.at + leap}
	case "\x1b[D", "\x1bOD":
		return jump{max(s.at-leap, 0)}
	}
	return nil
}

// show writes what an event showed.
func (s *player) show(e recorder.Event) error {
	switch e.Code {
	case recorder.CodeOutput:
		return s.write(s.stdout.Filter(e.Data))
	case recorder.CodeStderr:
		return s.write(s.stderr.Filter(e.Data))
	case recorder.CodeObject:
		return s.write(s.stdout.Filter(append(bytes.TrimSpace(e.Data), '\n')))
	case recorder.CodeKey:
		return s.screen(e.Data)
	}
	return nil
}

// screen shows what the terminal showed, where it is played from the middle.
func (s *player) screen(data []byte) error {
	var key struct {
		Screen string `json:"screen"`
	}
	if err := json.Unmarshal(data, &key); err != nil {
		return errors.New("the recording holds a screen that cannot be read")
	}
	return s.write(append([]byte("\x1b[0m\x1b[2J\x1b[H"), s.stdout.Filter([]byte(key.Screen))...))
}

func (s *player) write(p []byte) error {
	if s.raw && s.track.Header.Kind != "pty" {
		p = bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))
	}
	_, err := s.out.Write(p)
	return err
}

// keysOf gives what is typed, one key at a time; "" when nothing more can be.
// Who reads a terminal cannot be woken: the goroutine ends with the program.
func keysOf(tty io.Reader) <-chan string {
	keys := make(chan string)
	go func() {
		defer close(keys)
		buf := make([]byte, 16)
		for {
			n, err := tty.Read(buf)
			if err != nil {
				return
			}
			keys <- string(buf[:n])
		}
	}()
	return keys
}
