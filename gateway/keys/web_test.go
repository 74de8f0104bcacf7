package keys

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// A day is a clock that tests set.
type day struct{ at time.Time }

func (d *day) now() time.Time { return d.at }

func newWeb(t *testing.T) (*Web, *day, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	ok(t, os.Mkdir(dir, 0o700))
	d := &day{time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	w, err := OpenWeb(dir, d.now)
	ok(t, err)
	return w, d, dir
}

type said struct {
	Sub string `json:"sub"`
	Aud string `json:"aud"`
}

// set is what an application fetches.
func set(t *testing.T, w *Web) (s jose.JSONWebKeySet) {
	t.Helper()
	ok(t, json.Unmarshal(w.JWKS(), &s))
	return s
}

// holds says whether a token verifies by a set.
func holds(token string, by jose.JSONWebKeySet) bool {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.EdDSA})
	var got said
	return err == nil && parsed.Claims(by, &got) == nil && got == said{"eng@x.eu", "wiki"}
}

func token(t *testing.T, w *Web) string {
	t.Helper()
	s, err := w.Sign(said{"eng@x.eu", "wiki"})
	ok(t, err)
	return s
}

func TestWhatTheWebKeySignsVerifiesByItsSetAndNoOther(t *testing.T) {
	w, _, dir := newWeb(t)
	signed, by := token(t, w), set(t, w)
	if !holds(signed, by) {
		t.Errorf("%s does not verify by %s", signed, w.JWKS())
	}
	other, _, _ := newWeb(t)
	if holds(signed, set(t, other)) {
		t.Error("it verifies by the keys of another gateway")
	}
	again, err := OpenWeb(dir, nil)
	ok(t, err)
	if string(again.JWKS()) != string(w.JWKS()) {
		t.Error("a restart changed the keys")
	}
	k := by.Keys[0]
	if len(by.Keys) != 1 || k.Algorithm != "EdDSA" || k.Use != "sig" || !k.IsPublic() || len(k.KeyID) != 43 || strings.Contains(string(w.JWKS()), `"d"`) {
		t.Errorf("got %s", w.JWKS())
	}
	if info, err := os.Stat(filepath.Join(dir, webFile)); err != nil || info.Mode() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	if got := fmt.Sprintf("%v %+v %s", w, w, w); got != "secret secret secret" {
		t.Errorf("it prints %s", got)
	}
}

// An application that fetches the keys once a day, at any hour, verifies every
// token of every hour of a hundred days.
func TestKeysTurnSoThatWhoFetchesThemOnceADayNeverFails(t *testing.T) {
	w, d, dir := newWeb(t)
	fetched := make([]jose.JSONWebKeySet, 24) // one application for each hour of the day
	for i := range fetched {
		fetched[i] = set(t, w)
	}
	signers, begin := map[string]time.Time{}, d.at
	for hour := 0; hour < 100*24; hour++ {
		d.at = begin.Add(time.Duration(hour) * time.Hour)
		ok(t, w.Turn())
		fetched[hour%24] = set(t, w)
		if n := len(set(t, w).Keys); n > 2 {
			t.Fatalf("%s: %d keys are published", d.at, n)
		}
		signed := token(t, w)
		parsed, err := jwt.ParseSigned(signed, []jose.SignatureAlgorithm{jose.EdDSA})
		ok(t, err)
		signers[parsed.Headers[0].KeyID] = d.at
		for _, by := range fetched {
			if len(by.Key(parsed.Headers[0].KeyID)) != 1 {
				t.Fatalf("%s: somebody fetched the keys within a day, and does not know %s", d.at, parsed.Headers[0].KeyID)
			}
		}
	}
	if n := len(signers); n != 4 {
		t.Errorf("%d keys signed in a hundred days, want one each 30", n)
	}
	again, err := OpenWeb(dir, d.now)
	ok(t, err)
	if string(again.JWKS()) != string(w.JWKS()) {
		t.Error("the file is not what is in use")
	}
}

func TestAGatewayThatWasOffForLongPublishesItsNextKeyBeforeItSigns(t *testing.T) {
	w, d, dir := newWeb(t)
	old := set(t, w)
	d.at = d.at.Add(400 * 24 * time.Hour)
	w, err := OpenWeb(dir, d.now)
	ok(t, err)
	if !holds(token(t, w), old) || len(set(t, w).Keys) != 2 {
		t.Errorf("it signs with a key that nobody could know yet: %s", w.JWKS())
	}
	d.at = d.at.Add(webLead)
	if holds(token(t, w), old) {
		t.Error("the old key signs for ever")
	}
}

func TestAClockThatWasWrongDoesNotStopTheKeysFromTurning(t *testing.T) {
	w, d, _ := newWeb(t)
	right := d.at.Add(webLife)
	d.at = d.at.Add(10 * 365 * 24 * time.Hour)
	ok(t, w.Turn())
	d.at = right
	ok(t, w.Turn())
	d.at = right.Add(webLead)
	ok(t, w.Turn())
	if n := len(w.all()); n != 2 || w.all()[1].from.After(d.at) {
		t.Errorf("%d keys, the next one from %v", n, w.all()[n-1].from)
	}
	d.at = time.Time{} // and before all of them
	ok(t, w.Turn())
	if !holds(token(t, w), set(t, w)) {
		t.Error("nothing verifies any more")
	}
}

func TestKeysThatCannotBeKeptAreNotUsed(t *testing.T) {
	w, d, dir := newWeb(t)
	was := string(w.JWKS())
	d.at = d.at.Add(webLife)
	ok(t, os.Rename(dir, dir+"-away"))
	if err := w.Turn(); err == nil {
		t.Error("turned without a place for the key")
	}
	if string(w.JWKS()) != was {
		t.Error("a key is in use that a restart would forget")
	}
}

func TestAFaultyFileOfWebKeysIsRefused(t *testing.T) {
	seed := `"` + strings.Repeat("A", 43) + `="`
	for name, text := range map[string]string{
		"nothing in it": `[]`, "not a list": `{}`, "cut off": `[{"from":"2026-11-22T12:00:00Z","se`, "more after it": `[{"from":"2026-11-22T12:00:00Z","seed":` + seed + `}] x`,
		"a short seed": `[{"from":"2026-11-22T12:00:00Z","seed":"AAAA"}]`, "a field that nobody knows": `[{"from":"2026-11-22T12:00:00Z","seed":` + seed + `,"d":1}]`,
		"one key twice": `[{"from":"2026-11-22T12:00:00Z","seed":` + seed + `},{"from":"2026-11-23T12:00:00Z","seed":` + seed + `}]`,
		"out of order":  `[{"from":"2026-11-22T12:00:00Z","seed":` + seed + `},{"from":"2026-11-21T12:00:00Z","seed":"B` + seed[2:] + `}]`,
	} {
		_, _, dir := newWeb(t)
		ok(t, os.WriteFile(filepath.Join(dir, webFile), []byte(text), 0o600))
		if _, err := OpenWeb(dir, nil); err == nil || !strings.Contains(err.Error(), "restore it from a backup") || strings.Contains(err.Error(), "AAA") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, _, dir := newWeb(t)
	ok(t, os.Chmod(filepath.Join(dir, webFile), 0o644))
	if _, err := OpenWeb(dir, nil); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("others may read it: %v", err)
	}
}

func TestWebKeysSignWhileTheyTurn(t *testing.T) {
	w, d, _ := newWeb(t)
	begin := d.at
	w.now = func() time.Time { return begin.Add(webLife - time.Hour) }
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if signed, err := w.Sign(said{"eng@x.eu", "wiki"}); err != nil || signed == "" {
					t.Error(err)
				}
				if err := w.Turn(); err != nil || len(w.JWKS()) < 100 {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzWebKeys(f *testing.F) {
	k, err := newWebKey(time.Unix(1, 0).UTC(), ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		f.Fatal(err)
	}
	text, err := printWeb([]webKey{k})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`[{"from":"2026-11-22T12:00:00Z","seed":""}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := parseWeb(text)
		if err != nil {
			return
		}
		b, err := printWeb(all)
		ok(t, err)
		again, err := parseWeb(b)
		ok(t, err)
		if c, err := printWeb(again); err != nil || string(c) != string(b) {
			t.Errorf("%s printed as %s, then as %s, %v", text, b, c, err)
		}
	})
}

func BenchmarkSignForAWebApplication(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "keys")
	if err := os.Mkdir(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	w, err := OpenWeb(dir, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Sign(said{"eng@x.eu", "wiki"}); err != nil {
			b.Fatal(err)
		}
	}
}
