package recorder

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSafeShowsAndDoesNotAct(t *testing.T) {
	for _, row := range []struct{ name, in, want string }{
		{"text", "hello æ漢😀\r\n\tworld\b", "hello æ漢😀\r\n\tworld\b"},
		{"colours", "\x1b[1;31mred\x1b[0m\x1b[38;2;1;2;3m\x1b[38:2::1:2:3m\x1b[m", "\x1b[1;31mred\x1b[0m\x1b[38;2;1;2;3m\x1b[38:2::1:2:3m\x1b[m"},
		{"cursor", "\x1b[H\x1b[2J\x1b[10;20H\x1b[3A\x1b[K\x1b7\x1b8\x1bM", "\x1b[H\x1b[2J\x1b[10;20H\x1b[3A\x1b[K\x1b7\x1b8\x1bM"},
		{"other screen and hidden cursor", "\x1b[?1049h\x1b[?25l", "\x1b[?1049h\x1b[?25l"},
		{"line drawing", "\x1b(0lqk\x1b(B", "\x1b(0lqk\x1b(B"},
		{"clipboard", "a\x1b]52;c;ZXZpbA==\x07b", "ab"},
		{"clipboard, by ST", "a\x1b]52;c;ZXZpbA==\x1b\\b", "ab"},
		{"clipboard, in one byte", "a\u009d52;c;ZXZpbA==\u009cb", "ab"},
		{"titles", "a\x1b]0;rm -rf\x07\x1b]2;x\x1b\\b", "ab"},
		{"links", "\x1b]8;;file:///etc/passwd\x1b\\click\x1b]8;;\x1b\\", "click"},
		{"DCS, APC, PM, SOS", "a\x1bPq#0\x1b\\b\x1b_x\x1b\\c\x1b^y\x1b\\d\x1bXz\x1b\\e", "abcde"},
		{"tmux wraps a clipboard", "a\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\b", "ab"},
		{"device attributes", "\x1b[c\x1b[0c\x1b[>c\x1b[=c\x1bZ", ""},
		{"status and cursor reports", "\x1b[5n\x1b[6n\x1b[?6n\x05", ""},
		{"title reports and windows", "\x1b[21t\x1b[3;0;0t\x1b[8;1;1t", ""},
		{"modes asked for", "\x1b[?25$p\x1b[4$p", ""},
		{"resets", "\x1bc\x1b[!p", ""},
		{"the viewer's mouse and paste", "\x1b[?1000h\x1b[?1006;25;2004h\x1b[?1004h", "\x1b[?25h"},
		{"the viewer's keyboard", "\x1b=\x1b>\x1b[>1u\x1b[?1h\x1b[>4;2m\x1b[20h", ""},
		{"printing", "\x1b[5i\x1b[4i", ""},
		{"what was scrolled away", "\x1b[3J\x1b[J\x1b[2;3J", "\x1b[J"},
		{"mouse tracking by T", "\x1b[1;2;3;4;5T\x1b[2T", "\x1b[2T"},
		{"endless repeats", "x\x1b[99999b\x1b[3b", "x\x1b[3b"},
		{"bells and other controls", "a\x07\x00\x11\x13\x7fb", "ab"},
		{"bytes that are not UTF-8", "a\xff\x9bb", "a\uFFFD\uFFFDb"},
		{"a sequence broken off", "\x1b[31\x1b[32mx\x1b[3\x18y", "\x1b[32mxy"},
		{"a new line inside", "\x1b[3\n1mx", "\n\x1b[31mx"},
		{"a character inside", "\x1b[31æx", "æx"},
		{"a string with no end", "a\x1bP" + strings.Repeat("x", 5000) + "shown", "a" + strings.Repeat("x", 5000-4096) + "shown"},
		{"a sequence too long", "a\x1b[" + strings.Repeat("1;", 50) + "mb", "ab"},
	} {
		var s Safe
		if got := string(s.Filter([]byte(row.in))); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

// allowed is the whole language of a Safe.
const allowed = `^(?:[^\x00-\x1f\x7f-\x{9f}]|[\x08-\x0f]|\x1b[78DEMH]|\x1b[()*+][0-~]|` +
	`\x1b\[(?:[0-9;]*[@A-IK-MPSXZ` + "`" + `abdefgrsu]|[0-9;:]*m|[0-2]*J|[0-9]*T|4[hl]|\?(?:(?:6|7|25|47|104[789]);?)+[hl]))*$`

func FuzzSafe(f *testing.F) {
	ok := regexp.MustCompile(allowed)
	f.Add([]byte("\x1b[31mred\x1b]52;c;eA==\x07\u009b6n\xe2\x82"), 3)
	f.Add([]byte("\x1bP\x1b[?1000;25h\x1b(0\xc2"), 1)
	f.Fuzz(func(t *testing.T, in []byte, at int) {
		at = max(0, min(at, len(in)))
		var whole, cut, again Safe
		want := whole.Filter(in)
		got := append(cut.Filter(in[:at]), cut.Filter(in[at:])...)
		if !bytes.Equal(got, want) {
			t.Errorf("cut at %d: got %q, want %q", at, got, want)
		}
		if !utf8.Valid(want) || !ok.Match(want) {
			t.Errorf("let through: %q", want)
		}
		if twice := again.Filter(want); !bytes.Equal(twice, want) {
			t.Errorf("twice: got %q, want %q", twice, want)
		}
	})
}

func TestTheEndOfSafePutsTheTerminalBack(t *testing.T) {
	var s Safe
	s.Filter([]byte("\x1b[?1049h\x1b[31"))
	if got := string(s.End()); !strings.HasPrefix(got, "\x1b[?1049l") || !strings.Contains(got, "\x1b[?25h") {
		t.Errorf("got %q", got)
	}
	if got := string(s.Filter([]byte("mx"))); got != "mx" {
		t.Errorf("it goes on in a sequence: %q", got)
	}
}
