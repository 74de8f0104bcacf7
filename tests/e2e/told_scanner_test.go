package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"lockbox/tests/fakes/slack"
)

// isScanned opens, posts to, clicks on and runs the scripts of every link of every message, as scanners of mail and
// previews of links do: C31.
func (w *toldSite) isScanned(t *testing.T) {
	code := w.asksInSlack("db1.prod", "contract stuck in state 7")
	w.card("U0CEO", code, asks)
	w.card("U0NEW", code, asks)
	w.mailTo("new@x.eu", code)
	links := w.links(t)
	if len(links) < 8 {
		t.Fatalf("too few links: %q", links)
	}
	before, known := w.stands(t), len(w.events())
	for _, link := range links {
		if !strings.HasPrefix(link+"/", w.url+"/") {
			t.Errorf("%s is not ours", link)
			continue
		}
		for _, agent := range []string{
			"Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "Mozilla/5.0 (Windows NT 10.0) ms-office; MSOffice 16",
		} {
			w.fetches(t, http.MethodGet, link, agent, "")
			w.fetches(t, http.MethodHead, link, agent, "")
			for _, body := range []string{"", "do=approve&for=60", "do=reject&comment=no", "do=revoke", "do=withdraw", "do=link&number=10"} {
				w.fetches(t, http.MethodPost, link, agent, body)
			}
		}
	}
	w.runsScripts(t, links)
	if after := w.stands(t); after != before {
		t.Errorf("the ledger is not as it was; since then, there were %+v", w.events()[known:])
	}
}

// links are all addresses in all messages to anybody.
func (w *toldSite) links(t *testing.T) (all []string) {
	t.Helper()
	for _, at := range []string{"U0ENG", "U0CEO", "U0NEW", slack.Channel} {
		for _, m := range w.slack.Messages(at) {
			all = append(all, m.Links...)
			all = append(all, address.FindAllString(m.Shown+" "+m.Text, -1)...)
			for _, b := range m.Buttons {
				if b.URL != "" {
					all = append(all, b.URL)
				}
			}
		}
	}
	for _, m := range w.mails.Mails() {
		for _, part := range parts(t, m) {
			all = append(all, address.FindAllString(part, -1)...)
		}
	}
	posts, _ := w.hook.Posts()
	for _, p := range posts {
		all = append(all, address.FindAllString(string(p.Body), -1)...)
	}
	all = append(all, w.shown...)
	slices.Sort(all)
	return slices.Compact(all)
}

// fetches does what a program does with a link.
func (w *toldSite) fetches(t *testing.T, method, link, agent, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, link, strings.NewReader(body))
	must(t, err)
	r.Header.Set("User-Agent", agent)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", w.url)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	must(t, err)
	page, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	must(t, err)
	must(t, answer.Body.Close())
	if answer.StatusCode < 400 {
		t.Errorf("%s %s %q is answered %d", method, link, body, answer.StatusCode)
	}
	seesNothing(t, link, string(page))
}

// runsScripts has Chromium open each link, post every form, and press all that can be pressed, following where it leads.
func (w *toldSite) runsScripts(t *testing.T, links []string) {
	t.Helper()
	scanner := w.browser.Person("scanner")
	next := slices.Clone(links)
	for n := 0; n < len(next) && n < 3*len(links); n++ {
		scanner.Goto(next[n])
		seesNothing(t, next[n], scanner.Eval(`document.documentElement.outerHTML`))
		found := scanner.Eval(`(() => {
			let said = '';
			for (const to of [location.href, ...Array.from(document.forms, f => f.action)]) {
				const x = new XMLHttpRequest();
				x.open('POST', to, false);
				x.setRequestHeader('Content-Type', 'application/x-www-form-urlencoded');
				x.send('do=approve&for=60');
				if (x.status < 400) said += ' POST-' + to + '-' + x.status;
			}
			const all = Array.from(document.links, a => a.href).filter(h => h.startsWith(location.origin) && !h.includes('#'));
			for (const b of document.querySelectorAll('button')) b.click();
			return said + '\n' + all.join('\n') })()`)
		lines := strings.Split(found, "\n")
		if lines[0] != "" {
			t.Errorf("%s: posts were taken:%s", next[n], lines[0])
		}
		for _, l := range lines[1:] {
			if l != "" && !slices.Contains(next, l) {
				next = append(next, l)
			}
		}
	}
}

// seesNothing says that a page, shown to nobody in particular, tells nothing of any request.
func seesNothing(t *testing.T, link, page string) {
	t.Helper()
	for _, secret := range []string{"stuck in state", "Nord Legal", "db1.prod", "db2.prod", "court opens", "ceo@x.eu", "eng@x.eu", "outage", "Outage"} {
		if strings.Contains(page, secret) {
			t.Errorf("%s shows %q to nobody in particular", link, secret)
		}
	}
}

// stands is a digest of the ledger, every leaf and node of the log and every row of state, from a copy of its file once it
// has rested for two seconds.
func (w *toldSite) stands(t *testing.T) (digest string) {
	t.Helper()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for same := 0; same < 4; {
		<-tick.C
		was := digest
		if digest = w.reads(t); digest != was {
			same = 0
		} else {
			same++
		}
	}
	return digest
}

func (w *toldSite) reads(t *testing.T) string {
	t.Helper()
	file, err := os.ReadFile(w.path("ledger.db"))
	must(t, err)
	copied := filepath.Join(t.TempDir(), "copy.db")
	must(t, os.WriteFile(copied, file, 0o600))
	db, err := bbolt.Open(copied, 0o600, &bbolt.Options{ReadOnly: true})
	must(t, err)
	defer func() { must(t, db.Close()) }()
	h := sha256.New()
	must(t, db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				fmt.Fprintf(h, "%d %d ", len(k), len(v))
				_, _ = h.Write(append(slices.Clone(k), v...))
				return nil
			})
		})
	}))
	return hex.EncodeToString(h.Sum(nil))
}
