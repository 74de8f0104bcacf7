package sshproxy

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAUserNameIsATargetOrTheCommandLine(t *testing.T) {
	for _, c := range []struct {
		user string
		want aim
	}{
		{"db1.prod", aim{"", "db1.prod"}},
		{"deploy%db1.prod", aim{"deploy", "db1.prod"}},
		{"deploy%db1", aim{"deploy", "db1"}}, // no target, and not the command line either
		{"%db1.prod", aim{"", "db1.prod"}},
		{"a%b%c.d", aim{"a", "b%c.d"}},
		{"first.last", aim{"", "first.last"}},
		{"root", aim{}},
		{"", aim{}},
	} {
		if got := parseAim(c.user); got != c.want {
			t.Errorf("%q: got %+v, want %+v", c.user, got, c.want)
		}
	}
}

func TestAScreenIsFollowed(t *testing.T) {
	for _, c := range []struct {
		rule         string
		text         string
		alt, between bool
	}{
		{"plain", "hello\r\n", false, true},
		{"alternate", "\x1b[?1049h", true, true},
		{"and back", "\x1b[?1049hx\x1b[?1049l", false, true},
		{"old names", "\x1b[?47h", true, true},
		{"among others", "\x1b[?25;1049;1h", true, true},
		{"not that mode", "\x1b[1049h\x1b[?10490h", false, true},
		{"a reset", "\x1b[?1049h\x1bc", false, true},
		{"half a sequence", "\x1b[?104", false, false},
		{"half a title", "\x1b]2;tit", false, false},
		{"a title", "\x1b]2;?1049h\x07", false, true},
		{"a title with ST", "\x1b]2;x\x1b\\", false, true},
		{"a title broken off", "\x1b]2;x\x1b[?1049h", true, true},
		{"a sequence broken off", "\x1b[12\x18", false, true},
		{"a character set", "\x1b(", false, false},
		{"a character set named", "\x1b(B", false, true},
		{"half a character", "æ\xc3", false, false},
		{"half of four bytes", "\xf0\x9f\x98", false, false},
		{"a whole one", "\xf0\x9f\x98\x80", false, true},
		{"no UTF-8 at all", "\xff\xff", false, true},
	} {
		whole, split := new(screen), new(screen)
		whole.write([]byte(c.text))
		for i := range len(c.text) { // it may come in any pieces
			split.write([]byte{c.text[i]})
		}
		for how, s := range map[string]*screen{"whole": whole, "split": split} {
			if s.alt != c.alt || s.between() != c.between {
				t.Errorf("%s, %s: alternate %v, between %v", c.rule, how, s.alt, s.between())
			}
		}
	}
}

func FuzzScreen(f *testing.F) {
	f.Add([]byte("\x1b[?1049hæ\x1b]2;x\x07"), 3)
	f.Fuzz(func(t *testing.T, text []byte, at int) {
		whole, split := new(screen), new(screen)
		whole.write(text)
		at = min(max(at, 0), len(text))
		split.write(text[:at])
		split.write(text[at:])
		if whole.alt != split.alt || whole.between() != split.between() {
			t.Errorf("%q cut at %d is another screen", text, at)
		}
	})
}

func TestBothLanguagesSayAll(t *testing.T) {
	verbs := regexp.MustCompile(`%[sdqv%]`)
	en, da := reflect.ValueOf(english()), reflect.ValueOf(danish())
	for _, field := range reflect.VisibleFields(en.Type()) {
		if field.Type.Kind() != reflect.String {
			continue
		}
		e, d := en.FieldByIndex(field.Index).String(), da.FieldByIndex(field.Index).String()
		if e == "" || d == "" {
			t.Errorf("%s is missing", field.Name)
		}
		if diff := cmp.Diff(verbs.FindAllString(e, -1), verbs.FindAllString(d, -1)); diff != "" && field.Name != "help" {
			t.Errorf("%s: %q and %q say different things", field.Name, e, d)
		}
	}
	for locale, want := range map[string]bool{"da_DK.UTF-8": true, "da": true, "da.utf8": true, "dav_KE": false, "en_US.UTF-8": false, "": false} {
		if got := speak(locale).send == danish().send; got != want {
			t.Errorf("%q: Danish %v", locale, got)
		}
	}
}

func TestAnEnvironmentIsBounded(t *testing.T) {
	var e environment
	for _, c := range []struct {
		name, value string
		ok          bool
	}{
		{"LANG", "C", true}, {"LC_ALL", "da_DK.UTF-8", true}, {"LOCKBOX_WAIT", "10m", true}, {"LOCKBOX_REASON", "a b; c $(d)", true},
		{"LOCKBOX", `EXIT=sysexits LOCKBOX_REASON="two words"`, true}, {"LOCKBOX", `"`, false}, {"LOCKBOX", "PATH", false},
		{"LOCKBOX_reason", "x", false}, {"LOCKBOX_REASON", "a\nb", false}, {"LOCKBOX_REASON", strings.Repeat("x", 5000), false}, {"NO_COLOR", "", true},
	} {
		if got := e.set(c.name, c.value); got != c.ok {
			t.Errorf("%s=%.20q: got %v", c.name, c.value, got)
		}
	}
	want := map[string]string{"WAIT": "10m", "REASON": "two words", "EXIT": "sysexits", "NO_COLOR": ""}
	if diff := cmp.Diff(want, e.own); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := e.language(); got != "da_DK.UTF-8" {
		t.Errorf("language %q", got)
	}
}
