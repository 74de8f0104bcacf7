package clients

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"lockbox/tests/world"
)

// A pane is a terminal of a size, in tmux, in which a person has typed ssh.
type pane struct {
	t      *testing.T
	socket string
	look   string // name of what is kept of it
	shots  int
	pipes  bool // what is shown was not written for a terminal: it may be wider
}

// wait is for anything that happens at once on an idle machine.
const wait = 30 * time.Second

func (s *stage) pane(t *testing.T, look, size string, env ...string) *pane {
	t.Helper()
	at := s.place(t, s.ways()[1])
	p := &pane{t: t, socket: filepath.Join(at.dir, "tmux"), look: look}
	var cols, rows int
	if _, err := fmt.Sscanf(size, "%dx%d", &cols, &rows); err != nil {
		t.Fatal(err)
	}
	ssh := fmt.Sprintf("cd %s; export %s; PS1='$ ' exec sh", at.here, strings.Join(env, " "))
	p.tmux("-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(cols), "-y", fmt.Sprint(rows), "sh", "-c", ssh)
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", p.socket, "kill-server").Run() }) // it may have ended
	p.types(fmt.Sprintf("alias s='ssh -F %s/config -o SendEnv=\"LANG NO_COLOR\"'; clear\n", at.dir))
	return p
}

func (p *pane) tmux(args ...string) string {
	p.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", p.socket}, args...)...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("tmux %s: %v\n%s", args, err, out)
	}
	return string(out)
}

// types types text; "\n" is Enter, "\x03" Ctrl-C.
func (p *pane) types(text string) {
	p.t.Helper()
	for line := range strings.SplitAfterSeq(text, "\n") {
		line, enter := strings.CutSuffix(line, "\n")
		switch {
		case line == "\x03":
			p.tmux("send-keys", "C-c")
		case line != "":
			p.tmux("send-keys", "-l", line)
		}
		if enter {
			p.tmux("send-keys", "Enter")
		}
	}
}

// sees waits until text is on the screen, or just above it, and keeps the screen.
func (p *pane) sees(text string) string {
	p.t.Helper()
	tick, late := time.NewTicker(100*time.Millisecond), time.NewTimer(wait)
	defer tick.Stop()
	defer late.Stop()
	for {
		all := p.tmux("capture-pane", "-p", "-S", "-50")
		if strings.Contains(strings.Join(strings.Fields(all), " "), text) {
			p.shots++
			keep(p.t, fmt.Sprintf("%s-%02d", p.look, p.shots), p.tmux("capture-pane", "-p", "-e"))
			p.fits()
			return all
		}
		select {
		case <-tick.C:
		case <-late.C:
			p.t.Fatalf("no %q on\n%s", text, all)
		}
	}
}

// fits fails where the terminal had to break a line of ours in the middle. A
// key's fingerprint and an address are one word, and what was typed is theirs.
func (p *pane) fits() {
	p.t.Helper()
	if p.pipes {
		return
	}
	for line := range strings.Lines(p.tmux("capture-pane", "-p", "-J")) {
		line = strings.TrimRight(line, " \n")
		cols := 80
		if _, err := fmt.Sscan(p.tmux("display-message", "-p", "#{pane_width}"), &cols); err != nil {
			p.t.Fatal(err)
		}
		long := len([]rune(line)) > cols
		if long && !strings.Contains(line, "SHA256:") && !strings.Contains(line, "http://") && !strings.Contains(line, " › ") && !strings.HasPrefix(line, "$") && !strings.HasPrefix(line, "alias ") {
			p.t.Errorf("%s %d: %q does not fit into %d columns", p.look, p.shots, line, cols)
		}
	}
}

// newest is the engineer's newest request.
func (s *stage) newest(t *testing.T) string {
	t.Helper()
	all, err := s.Desk.Mine(t.Context(), s.Eng.ID)
	must(t, err)
	if len(all) == 0 {
		t.Fatal("there is no request")
	}
	newest := all[0]
	for _, v := range all {
		if v.Request.At.After(newest.Request.At) {
			newest = v
		}
	}
	return newest.Request.ID
}

// yes approves, one after the other.
func (s *stage) yes(t *testing.T, code string, by ...*world.Human) {
	t.Helper()
	for _, h := range by {
		must(t, s.Approve(t, h, code))
	}
}

var numberShown = regexp.MustCompile(`(?:number|tal):\s*([1-9][0-9])`)

// touches types the number that the terminal shows, on the page.
func (s *stage) touches(t *testing.T, p *pane, code string) {
	t.Helper()
	m := numberShown.FindStringSubmatch(p.sees("/t/" + code))
	if m == nil {
		t.Fatal("there is no number")
	}
	open, err := s.Desk.Touches(t.Context(), s.Eng.Principal, code)
	must(t, err)
	if len(open) != 1 {
		t.Fatalf("%d touches are open", len(open))
	}
	s.TouchNumber(t, s.Eng, open[0].ID, m[1])
}

// no declines a request.
func (s *stage) no(t *testing.T, by *world.Human, code, why string) {
	t.Helper()
	_, err := s.Desk.Reject(t.Context(), by.Principal, code, why)
	must(t, err)
}
