package slack

import (
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzFits: no text is longer than it may be, none calls anybody, and what is left
// out is said.
func FuzzFits(f *testing.F) {
	for _, s := range []string{"", "a", "<!channel>", "&lt;", strings.Repeat("&", 200), strings.Repeat("😀", 100), "\u202e\x00\xff", "x\ny"} {
		f.Add(s, 30)
		f.Add(s, 150)
	}
	f.Fuzz(func(t *testing.T, s string, most int) {
		if most < 24 || most > 3000 || len(s) > 20000 {
			return
		}
		got := fits(s, most)
		if units(got) > most || !utf8.ValidString(got) || strings.ContainsAny(got, "<>") {
			t.Fatalf("%q in %d: got %q", s, most, got)
		}
		read := strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(got)
		if all := plain(s); read != all && !strings.Contains(read, "…") {
			t.Fatalf("%q in %d: got %q without a mark", s, most, got)
		}
	})
}

// FuzzCalls: what is read of a call is of a kind that there is, and of somebody.
func FuzzCalls(f *testing.F) {
	f.Add([]byte(`{"type":"block_actions","trigger_id":"1","user":{"id":"U1"},"actions":[{"action_id":"decline","value":"x"}]}`))
	f.Add([]byte(`{"type":"view_submission","trigger_id":"1","user":{"id":"U1"},"view":{"state":{"values":{"a":{"a":{"value":"x"}}}}}}`))
	f.Add([]byte(`team_id=T1&user_id=U1&trigger_id=1&command=%2Flockbox&text=list`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := parseInteraction(b); err == nil {
			if c.Type != "block_actions" && c.Type != "view_submission" || c.User.ID == "" || c.Trigger == "" || c.Type == "block_actions" && len(c.Actions) != 1 {
				t.Fatalf("got %+v", c)
			}
		}
		if c, err := parseCommandForm(b); err == nil && (c.Type != "command" || c.User.ID == "" || c.Trigger == "") {
			t.Fatalf("got %+v", c)
		}
		form, err := parseForm(b)
		if err != nil {
			return
		}
		again, err := url.ParseQuery(form.Encode())
		if err != nil || again.Encode() != form.Encode() {
			t.Fatalf("%q is read as %v, then as %v", b, form, again)
		}
		_, _ = parseSocketCommand(b)
	})
}

// Both languages say everything, with the same names to fill in.
func TestBothLanguagesSayEverything(t *testing.T) {
	en, da := reflect.ValueOf(*english()), reflect.ValueOf(*danish())
	names := regexp.MustCompile(`\{[a-z]+\}`)
	for i := range en.NumField() {
		name, a, b := en.Type().Field(i).Name, en.Field(i).String(), da.Field(i).String()
		x, y := names.FindAllString(a, -1), names.FindAllString(b, -1)
		slices.Sort(x)
		slices.Sort(y)
		if a == "" || b == "" || !slices.Equal(x, y) {
			t.Errorf("%s: %q and %q", name, a, b)
		}
	}
}
