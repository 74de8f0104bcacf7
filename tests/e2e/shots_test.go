package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/color/palette"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/tests/e2e/harness"
)

// A pane is a real terminal that can be looked at: tmux draws it.
type pane struct {
	t      *testing.T
	socket string
}

func newPane(t *testing.T, cols, rows int, command ...string) *pane {
	t.Helper()
	p := &pane{t, filepath.Join(t.TempDir(), "tmux")}
	p.tmux(append([]string{"-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(cols), "-y", fmt.Sprint(rows)}, command...)...)
	p.tmux("set-option", "-g", "status", "off")
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", p.socket, "kill-server").Run() }) // it may have ended with its command
	return p
}

func (p *pane) tmux(args ...string) string {
	p.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", p.socket}, args...)...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("tmux %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (p *pane) screen() string { return strings.TrimRight(p.tmux("capture-pane", "-p"), "\n") }

func (p *pane) types(text string) { p.tmux("send-keys", text, "Enter") }

func (p *pane) sees(text string) string {
	p.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(wait); ; {
		if s := p.screen(); strings.Contains(s, text) {
			return s
		}
		select {
		case <-late:
			p.t.Fatalf("the terminal does not show %q:\n%s", text, p.screen())
		case <-tick.C:
		}
	}
}

// TestShots makes the pictures of README, into LOCKBOX_SHOTS when it is set.
// What they show is checked: the terminal at 80 by 24 and at 40 columns.
func TestShots(t *testing.T) {
	t.Parallel() // it mostly waits
	s := newSite(t)
	save := func(name string, picture []byte) {
		t.Helper()
		dir := os.Getenv("LOCKBOX_SHOTS")
		if os.Getenv("LOCKBOX_ALLSHOTS") == "" && (dir == "" || !slices.Contains([]string{"terminal", "decision", "touch", "replay", "receipt"}, name)) { // the others are for looking
			dir = t.TempDir()
		}
		must(t, os.MkdirAll(dir, 0o755))
		must(t, os.WriteFile(filepath.Join(dir, name+".png"), half(t, picture), 0o644))
	}
	ssh := s.client().Command(harness.To("db1.prod", s.sshAddr)...)
	term := newPane(t, 80, 24, append([]string{"env"}, append(ssh.Env, ssh.Args...)...)...)
	for _, typed := range []string{"INC-4312: contract stuck in state 7, check two rows", "1h", "y"} {
		term.sees("›")
		term.types(typed)
	}
	term.sees("Ctrl-C")
	code := s.newest()
	s.signIn(s.ceo)
	s.ceo.Goto(s.url + "/a/" + code)
	save("decision", s.ceo.Screenshot(390, 844, false))
	save("decision-dark", s.ceo.Screenshot(1280, 900, true))
	s.decide(s.ceo, "/a/", code)
	s.signIn(s.ann)
	s.ann.Goto(s.url + "/c/" + code)
	save("customer", s.ann.Screenshot(390, 844, false))
	s.decide(s.ann, "/c/", code)
	shown := term.sees("/t/" + code)
	save("terminal", s.draw(shown))
	s.signIn(s.eng)
	s.eng.Goto(s.url + "/t/" + code)
	save("touch", s.eng.Screenshot(390, 844, false))
	s.touch(s.eng, code, numberOn(t, shown))
	term.sees("recorded")
	term.types("uptime; ls -l /etc/hosts; exit")
	save("session", s.draw(term.screen()))
	<-time.After(time.Second) // the session's end reaches the page
	id := s.session(s.eng, code)
	save("request", s.eng.Screenshot(390, 844, true))
	s.eng.Goto(s.url + "/s/" + id)
	s.eng.Type(`input[name="purpose"]`, "for README")
	s.eng.Press("Show the recording")
	s.eng.Click(".ap-player")
	s.eng.WaitText("root root")
	save("replay", s.eng.Screenshot(390, 844, false))

	s.paperwork(code, save)

	narrow := newPane(t, 40, 24, append([]string{"env"}, append(ssh.Env, ssh.Args...)...)...)
	for _, line := range strings.Split(narrow.sees("recorded"), "\n") {
		if len([]rune(line)) > 40 {
			t.Errorf("a line is longer than the terminal: %q", line)
		}
	}
	save("narrow", s.draw(narrow.screen()))
}

// paperwork are the pages by which a customer sees that nothing was changed or left out.
func (s *site) paperwork(code string, save func(string, []byte)) {
	s.signIn(s.ann)
	for name, page := range map[string]string{"receipt": "/c/receipts/" + code, "log": "/c/log", "receipts": "/c/receipts", "verify": "/verify", "passkeys": "/me/keys"} {
		s.ann.Goto(s.url + page)
		save(name, s.ann.Screenshot(390, 844, false))
		save(name+"-dark", s.ann.Screenshot(1280, 900, true))
	}
}

func numberOn(t *testing.T, screen string) string {
	t.Helper()
	for _, field := range strings.Fields(screen) {
		if len(field) == 2 && strings.Trim(field, "0123456789") == "" && field[0] != '0' {
			return field
		}
	}
	t.Fatalf("no number on\n%s", screen)
	return ""
}

// half makes a picture half as wide and high, in few colours: README shall load fast.
func half(t *testing.T, data []byte) []byte {
	t.Helper()
	from, err := png.Decode(bytes.NewReader(data))
	must(t, err)
	size := from.Bounds().Size().Div(2)
	colours := image.NewPaletted(image.Rectangle{Max: size}, palette.Plan9)
	for y := range size.Y {
		for x := range size.X {
			var sum [3]uint32
			for _, d := range []image.Point{{0, 0}, {1, 0}, {0, 1}, {1, 1}} {
				r, g, b, _ := from.At(2*x+d.X, 2*y+d.Y).RGBA()
				sum[0], sum[1], sum[2] = sum[0]+r, sum[1]+g, sum[2]+b
			}
			colours.Set(x, y, color.RGBA64{uint16(sum[0] / 4), uint16(sum[1] / 4), uint16(sum[2] / 4), 0xffff})
		}
	}
	var out bytes.Buffer
	must(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, colours))
	return out.Bytes()
}

// draw makes a picture of a terminal's text.
func (s *site) draw(text string) []byte {
	s.t.Helper()
	page := `<!doctype html><meta charset=utf-8><body style="margin:0;background:#14181d"><pre style="margin:0;padding:16px;color:#e8ecf0;font:15px/1.3 'DejaVu Sans Mono',monospace">` +
		html.EscapeString(text) + `</pre>`
	p := s.browser.Person("draughtsman")
	p.Goto("data:text/html;base64," + base64.StdEncoding.EncodeToString([]byte(page)))
	return p.Screenshot(760, 520, true)
}
