package speech

import (
	"reflect"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBothLanguagesSayAll(t *testing.T) {
	verbs := regexp.MustCompile(`%[sdqv%]`)
	en, da := reflect.ValueOf(english()), reflect.ValueOf(danish())
	for i := range en.NumField() {
		name := en.Type().Field(i).Name
		if name == "book" {
			continue
		}
		e, d := en.Field(i).String(), da.Field(i).String()
		if e == "" || d == "" {
			t.Errorf("%s is missing", name)
		}
		if diff := cmp.Diff(verbs.FindAllString(e, -1), verbs.FindAllString(d, -1)); diff != "" {
			t.Errorf("%s: %q and %q say different things", name, e, d)
		}
	}
}

func TestALocaleIsDanishOrNot(t *testing.T) {
	for locale, want := range map[string]bool{"da_DK.UTF-8": true, "da": true, "da.utf8": true, "dav_KE": false, "en_US.UTF-8": false, "": false} {
		if got := In(locale, nil).ReadOnly == danish().ReadOnly; got != want {
			t.Errorf("%q: Danish %v", locale, got)
		}
	}
}
