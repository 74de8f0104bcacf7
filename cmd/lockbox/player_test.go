package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"filippo.io/age"

	"lockbox/recorder"
)

// golden opens a recording of 94 s whose terminal shows a round at 0:00, 0:31 and 1:02.
func golden(t *testing.T) *recorder.Playback {
	t.Helper()
	const dir = "../../recorder/testdata/golden"
	b, err := os.ReadFile(filepath.Join(dir, "keys"))
	ok(t, err)
	id, err := age.ParseHybridIdentity(strings.Fields(string(b))[0])
	ok(t, err)
	p, err := recorder.Open(filepath.Join(dir, "06H0000000000000000000TEST"), id)
	ok(t, err)
	return p
}

// typedAt plays the recording while somebody types, and gives what was shown and how long it took.
func typedAt(t *testing.T, idle time.Duration, keys map[time.Duration]string) (shown string, took time.Duration) {
	p := golden(t)
	synctest.Test(t, func(t *testing.T) {
		in := make(chan string)
		for at, key := range keys {
			go func() {
				select {
				case <-time.After(at):
				case <-t.Context().Done():
					return
				}
				select {
				case in <- key:
				case <-t.Context().Done():
				}
			}()
		}
		var out bytes.Buffer
		s := &player{p: p, track: p.Tracks()[0], out: &out, speed: 1, idle: idle, keys: in}
		began := time.Now()
		ok(t, s.play(t.Context(), 0))
		shown, took = out.String(), time.Since(began).Round(100*time.Millisecond)
	})
	return shown, took
}

func TestKeysWhileItPlays(t *testing.T) {
	for _, c := range []struct {
		name   string
		idle   time.Duration
		keys   map[time.Duration]string
		rounds int // of the first
		took   time.Duration
	}{
		{"nobody types", time.Hour, nil, 1, 93700 * time.Millisecond},
		{"idle time is short", 2 * time.Second, nil, 1, 6 * time.Second},
		{"q ends it", time.Hour, map[time.Duration]string{time.Second: "q"}, 1, time.Second},
		{"Ctrl-C too", time.Hour, map[time.Duration]string{time.Second: "\x03"}, 1, time.Second},
		{"space stops, and goes on", time.Hour, map[time.Duration]string{time.Second: " ", 11 * time.Second: " "}, 1, 103700 * time.Millisecond},
		{"twice as fast", time.Hour, map[time.Duration]string{10 * time.Second: "+"}, 1, 51900 * time.Millisecond},
		{"half as fast, then as before", time.Hour, map[time.Duration]string{10 * time.Second: "-", 20 * time.Second: "+"}, 1, 98700 * time.Millisecond},
		{"ten seconds on", time.Hour, map[time.Duration]string{time.Second: "\x1b[C"}, 2, 83700 * time.Millisecond},
		{"ten seconds back", time.Hour, map[time.Duration]string{15 * time.Second: "\x1b[D"}, 2, 103700 * time.Millisecond},
		{"another key is nothing", time.Hour, map[time.Duration]string{time.Second: "x"}, 1, 93700 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			shown, took := typedAt(t, c.idle, c.keys)
			if got := strings.Count(shown, "round 0"); got != c.rounds || took != c.took {
				t.Errorf("the first round is shown %d times, want %d; it took %s, want %s", got, c.rounds, took, c.took)
			}
		})
	}
}

func TestAPlayerStopsWithItsContext(t *testing.T) {
	p := golden(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		s := &player{p: p, track: p.Tracks()[0], out: new(bytes.Buffer), speed: 1, idle: time.Hour}
		ok(t, s.play(ctx, 0))
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Error("it stopped by itself")
		}
	})
}

func FuzzMoment(f *testing.F) {
	for _, s := range []string{"", "1:23", "1:02:03", "90s", "1h30m", "0:00", "1:60", "-1s", "1:2", "99999:00", ":"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := parseMoment(s)
		if err != nil {
			return
		}
		if d < 0 {
			t.Errorf("%q is %s", s, d)
		}
		if again, err := parseMoment(clock(d)); d < 65535*time.Hour && (err != nil || again != d.Truncate(time.Second)) {
			t.Errorf("%q is %s, printed %s, which is %s, %v", s, d, clock(d), again, err)
		}
	})
}
