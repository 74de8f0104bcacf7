package main

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creack/pty"

	"lockbox/recorder"
)

// A moment is output that comes some time after the one before.
type moment struct {
	after time.Duration
	data  []byte
}

// A scene is something a person does in a shell: keys, each some time after the one before.
type scene struct {
	keys string
	gap  time.Duration // between keys that are not of the command; those come as one types
}

// scenes are ls, grep, less, vim, top, git and journalctl, as research measured them.
func scenes() []scene {
	return []scene{
		{"ls -la --color /usr/bin | head -40\r", 0},
		{"grep -rn --color=always error /etc 2>/dev/null | head -50\r", 0},
		{"less /etc/services\r" + "    jjjjjq", 1500 * time.Millisecond},
		{"vim -u NONE /tmp/bench.conf\r" + "iworker_processes 8;\rkeepalive_timeout 65;\x1b:q!\r", 180 * time.Millisecond},
		{"top -d 60\r" + "          q", 3 * time.Second},
		{"git --no-pager log --stat -8 --color\r", 0},
		{"journalctl -n 50 --no-pager\r", 0},
		{"cat /etc/services | head -60\r", 0},
		{"cd /var/log; ls -l\r", 0},
	}
}

// play types a scene into a shell, and gives what it showed, as if typed by a person.
func (s scene) play(tty *os.File, out <-chan []byte) (all []moment) {
	command := true
	for _, key := range s.keys {
		gap, quiet := 140*time.Millisecond, 20*time.Millisecond
		if !command {
			gap = s.gap
		}
		if key == '\r' {
			command = false
		}
		if key == '\r' || !command {
			quiet = 250 * time.Millisecond
		}
		if _, err := tty.WriteString(string(key)); err != nil {
			return all
		}
		for began := time.Now(); ; {
			select {
			case p, ok := <-out:
				if !ok {
					return all
				}
				all = append(all, moment{gap + time.Since(began), p})
				gap, began = 0, time.Now()
				continue
			case <-time.After(quiet):
			}
			break
		}
		if gap > 0 { // it showed nothing
			all = append(all, moment{gap, nil})
		}
	}
	return all
}

// shown plays all scenes in a real terminal.
func shown(t *testing.T) [][]moment {
	t.Helper()
	cmd := exec.Command("bash", "--norc", "--noprofile", "-i")
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "PS1=\\[\\e[32m\\]ops@db1\\[\\e[0m\\]:\\[\\e[34m\\]\\w\\[\\e[0m\\]$ ", "HISTFILE=")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 120, Rows: 36})
	if err != nil {
		t.Fatal(err)
	}
	out := make(chan []byte, 1000)
	go func() {
		defer close(out)
		for {
			buf := make([]byte, 32<<10)
			n, err := tty.Read(buf)
			if n > 0 {
				out <- buf[:n]
			}
			if err != nil {
				return
			}
		}
	}()
	var all [][]moment
	for _, s := range scenes() {
		m := s.play(tty, out)
		n := 0
		for _, x := range m {
			n += len(x.data)
		}
		t.Logf("%-60.60q %d pieces, %d bytes", s.keys, len(m), n)
		all = append(all, m)
	}
	if _, err := tty.WriteString("exit\r"); err != nil {
		t.Fatal(err)
	}
	for range out {
	}
	if err := errors.Join(cmd.Wait(), tty.Close()); err != nil {
		t.Log(err) // it ended as its last command did
	}
	return all
}

// TestAnHourOfWork: what a person does in an hour, as real programs show it,
// takes at most 700 KiB of disk, everything counted. Time is virtual.
func TestAnHourOfWork(t *testing.T) {
	if os.Getenv("LOCKBOX_BENCH") == "" {
		return
	}
	all, dir := shown(t), t.TempDir()
	var shownBytes int64
	events := 0
	synctest.Test(t, func(t *testing.T) {
		s, err := newShelf(dir)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := s.Open(recorder.Session{ID: recorder.NewID(time.Now())}, recorder.How{})
		if err != nil {
			t.Fatal(err)
		}
		track, err := rec.Track(recorder.Header{Kind: "pty", Cols: 120, Rows: 36})
		if err != nil {
			t.Fatal(err)
		}
		rnd := rand.New(rand.NewPCG(1, 2))
		for began := time.Now(); time.Since(began) < time.Hour; {
			<-time.After(time.Duration(2000+rnd.IntN(8000)) * time.Millisecond) // a person reads
			for _, m := range all[rnd.IntN(len(all))] {
				<-time.After(m.after)
				if len(m.data) == 0 {
					continue
				}
				shownBytes, events = shownBytes+int64(len(m.data)), events+1
				if err := track.Output(m.data); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := rec.Close("done"); err != nil {
			t.Fatal(err)
		}
	})
	size, err := sizeOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("an hour: %d KiB shown in %d pieces, %d KiB on disk (%.2f B/B), at most 700", shownBytes>>10, events, size>>10, float64(size)/float64(shownBytes))
	if size > 700<<10 {
		t.Errorf("%d KiB, at most 700", size>>10)
	}
}
