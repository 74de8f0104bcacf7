package portal

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheWordsAreTwoThousandAndFortyEightThatDifferEarly(t *testing.T) {
	list := strings.Fields(asset(wordList))
	if len(list) != 2048 || !slices.IsSorted(list) {
		t.Fatalf("%d words", len(list))
	}
	early := map[string]bool{}
	for _, w := range list {
		early[w[:min(4, len(w))]] = true
	}
	if len(early) != 2048 {
		t.Errorf("%d beginnings", len(early))
	}
}

func TestWordsTakeElevenBitsEach(t *testing.T) {
	for digest, want := range map[string]string{ // as BIP-39 counts, without its checksum
		strings.Repeat("00", 32):               "abandon abandon abandon abandon abandon abandon abandon abandon",
		strings.Repeat("ff", 32):               "zoo zoo zoo zoo zoo zoo zoo zoo",
		"8080808080808080808080808080808080":   "letter advice cage absurd amount doctor acoustic avoid",
		"0123456789abcdef0123456789abcdef0123": "abuse boss fly battle rubber wasp afraid hamster",
	} {
		b, err := hex.DecodeString(digest)
		must(t, err)
		if got := inWords(b); got != want {
			t.Errorf("%s: %s, want %s", digest, got, want)
		}
	}
}

func TestDurationsAreSaidInWords(t *testing.T) {
	all := languages()
	for _, row := range []struct {
		d      time.Duration
		en, da string
	}{
		{0, "0 seconds", "0 sekunder"}, {time.Millisecond, "less than a second", "mindre end et sekund"}, {1500 * time.Millisecond, "1 second", "1 sekund"}, {40 * time.Second, "40 seconds", "40 sekunder"}, {time.Minute, "1 minute", "1 minut"},
		{45 * time.Minute, "45 minutes", "45 minutter"}, {time.Hour, "1 hour", "1 time"}, {90 * time.Minute, "1 hour 30 minutes", "1 time 30 minutter"},
		{24 * time.Hour, "24 hours", "24 timer"}, {96 * time.Hour, "4 days", "4 dage"}, {25 * time.Hour, "1 day 1 hour", "1 dag 1 time"},
	} {
		if en, da := all[0].long(row.d), all[1].long(row.d); en != row.en || da != row.da {
			t.Errorf("%s: %q, %q, want %q, %q", row.d, en, da, row.en, row.da)
		}
	}
}

func TestTimesAreSaidInFull(t *testing.T) {
	at := time.Date(2026, 11, 21, 13, 30, 0, 0, time.UTC)
	all := languages()
	if got, want := string(all[0].moment(at)), `<time datetime="2026-11-21T13:30:00Z" data-form="full">Saturday 21 November 2026, 13:30 UTC</time>`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := string(all[1].moment(at)), `<time datetime="2026-11-21T13:30:00Z" data-form="full">lørdag den 21. november 2026 kl. 13.30 UTC</time>`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := all[0].remaining(-1); got != "time is up" {
		t.Errorf("%s", got)
	}
}

func TestTheLanguageIsAskedFor(t *testing.T) {
	s := newStage(t)
	v := s.visitor(nil)
	for _, row := range []struct{ path, accept, cookie, want string }{
		{"/", "", "", "en"}, {"/", "da-DK,da;q=0.9,en;q=0.8", "", "da"}, {"/", "de, da;q=0.5", "", "da"}, {"/", "fr", "", "en"},
		{"/?lang=da", "en", "", "da"}, {"/?lang=xx", "da", "", "da"}, {"/", "en", "da", "da"}, {"/", "da", "../x", "da"}, {"/?lang=en", "da", "da", "en"},
	} {
		r := v.request("GET", row.path, "", "")
		r.Header.Set("Accept-Language", row.accept)
		if row.cookie != "" {
			r.Header.Set("Cookie", languageCookie+"="+row.cookie)
		}
		got := v.do(r)
		if !strings.Contains(got.body, `<html lang="`+row.want+`">`) || got.header.Get("Content-Language") != row.want {
			t.Errorf("%+v: %s", row, got.header.Get("Content-Language"))
		}
	}
}

func TestValuesInSentencesAreEscaped(t *testing.T) {
	l := languages()[1]
	if got := string(l.html("{who} asks for {long} on {target}", "who", "<b>{target}</b>", "long", l.moment(time.Unix(0, 0)), "target", "&")); !strings.Contains(got, "&lt;b&gt;{target}&lt;/b&gt; beder om <time") || !strings.HasSuffix(got, "på &amp;") {
		t.Errorf("%s", got)
	}
}
