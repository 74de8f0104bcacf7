package harness

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// patience is how long a person waits for one thing to happen on a page.
const patience = 30 * time.Second

// A Person has one tab, cookies of their own and an authenticator of their own that holds passkeys, always present and, until
// Verifies(false), always recognising its owner.
type Person struct {
	Name    string
	t       testing.TB
	ctx     context.Context
	passkey webauthn.AuthenticatorID
	second  webauthn.AuthenticatorID // "" until SecondDevice

	mu         sync.Mutex // guards complaints and changed
	complaints []string
	changed    chan struct{} // closed at the next complaint
}

// Person opens a tab for somebody who has never been here.
func (b *Browser) Person(name string) *Person {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	p := &Person{Name: name, t: b.t, ctx: ctx, changed: make(chan struct{})}
	if err := chromedp.Do(ctx); err != nil {
		b.t.Fatalf("%s: open a tab: %v", name, err)
	}
	listened := make(chan struct{})
	messages := chromedp.Console(ctx)
	go func() {
		defer close(listened)
		for m, err := range messages {
			if err != nil {
				return
			}
			p.complain(m)
		}
	}()
	b.t.Cleanup(func() { cancel(); <-listened })
	if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		b.t.Fatalf("%s: passkeys: %v", name, err)
	}
	added, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
		Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21,
			Transport: webauthn.AuthenticatorTransportInternal, HasResidentKey: true, HasUserVerification: true,
			IsUserVerified: true, AutomaticPresenceSimulation: true,
			DefaultBackupEligibility: true, DefaultBackupState: true, // a synced passkey, as most are
		}})
	if err != nil {
		b.t.Fatalf("%s: passkeys: %v", name, err)
	}
	p.passkey = added.AuthenticatorID
	return p
}

// do runs one step and fails the test with what the page shows.
func (p *Person) do(what string, step chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	err := chromedp.Do(ctx, step)
	for err != nil && ctx.Err() == nil && strings.Contains(err.Error(), "Could not find node") {
		err = chromedp.Do(ctx, step) // the page was drawn again between the look and the press
	}
	if err != nil {
		p.t.Fatalf("%s: %s: %v\n%s", p.Name, what, err, p.page())
	}
}

// Goto opens url and returns the HTTP status of the page.
func (p *Person) Goto(url string) int {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	r, err := chromedp.Run(ctx, chromedp.NavigateResponse(url))
	if err != nil {
		p.t.Fatalf("%s: go to %s: %v", p.Name, url, err)
	}
	if r == nil {
		return 0 // the same document
	}
	return int(r.Status)
}

// Click clicks the first visible element that the CSS selector finds, and waits for it to be there.
func (p *Person) Click(selector string) {
	p.t.Helper()
	p.do("click "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// Press clicks the button or link that says text.
func (p *Person) Press(text string) {
	p.t.Helper()
	says := fmt.Sprintf(`//*[self::button or self::a or self::summary][contains(normalize-space(.), %q)]`, text)
	p.until("find at rest "+text, atRest, says)
	p.do("press "+text, chromedp.Click(says, chromedp.NodeVisible))
}

// atRest says whether what an XPath finds is in sight, on top, and where it was when last asked: Chromium is told to press
// at a place, and on a page that is still being laid out another thing may be there by then.
const atRest = `(xpath) => {
	const all = document.evaluate(xpath, document, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE, null);
	const shown = [...Array(all.snapshotLength).keys()].map(i => all.snapshotItem(i)).find(e => e.checkVisibility());
	if (!shown || document.readyState != "complete") return false;
	shown.scrollIntoView({block: "center", behavior: "instant"});
	const r = shown.getBoundingClientRect(), at = [r.x, r.y, r.width, r.height, location.href].join();
	const still = shown.wasAt == at, top = document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2);
	shown.wasAt = at;
	return still && !!top && (shown.contains(top) || top.contains(shown));
}`

// Type replaces what is in the field.
func (p *Person) Type(selector, text string) {
	p.t.Helper()
	field := chromedp.CSS(selector)
	// SendKeys would read the field's attributes while a page that is drawn again has them written.
	p.do("type into "+selector, chromedp.Steps(chromedp.Clear(field, chromedp.NodeVisible), chromedp.Focus(field), chromedp.KeyEvent(text)))
}

// Choose picks the option or sets the field to value, as a choice in the browser's own list would.
func (p *Person) Choose(selector, value string) {
	p.t.Helper()
	p.do("choose "+value, chromedp.SetValue(chromedp.CSS(selector), value, chromedp.NodeVisible))
}

// WaitText waits until the page shows text, on this page or one that it goes on to.
func (p *Person) WaitText(text string) {
	p.t.Helper()
	p.until("see "+text, `(text) => !!document.body && document.body.innerText.includes(text)`, text)
}

// WaitGone waits until a page that has loaded no longer shows text.
func (p *Person) WaitGone(text string) {
	p.t.Helper()
	p.until("no longer see "+text, `(text) => document.readyState == "complete" && !document.body.innerText.includes(text)`, text)
}

// WaitURL waits until the address contains part.
func (p *Person) WaitURL(part string) {
	p.t.Helper()
	p.until("reach "+part, `(part) => document.readyState == "complete" && location.href.includes(part)`, part)
}

// until polls a function that takes arg. A poll does not survive a navigation: then the next page is asked.
func (p *Person) until(what, function, arg string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	for {
		poll := chromedp.PollFunction[bool](function, chromedp.WithPollingArgs(arg), chromedp.WithPollingInterval(20*time.Millisecond),
			chromedp.WithPollingTimeout(patience))
		ok, err := chromedp.Run(ctx, poll)
		if ok && err == nil {
			return
		}
		if ctx.Err() != nil {
			p.t.Fatalf("%s: did not %s: %v\n%s", p.Name, what, err, p.page())
		}
	}
}

// Text is what the page shows.
func (p *Person) Text() string {
	p.t.Helper()
	return p.Eval(`document.body ? document.body.innerText : ""`)
}

// Title is the page's title.
func (p *Person) Title() string { p.t.Helper(); return p.Eval(`document.title`) }

// URL is where the person is.
func (p *Person) URL() string { p.t.Helper(); return p.Eval(`location.href`) }

// Eval evaluates an expression that gives a string.
func (p *Person) Eval(expression string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		p.t.Fatalf("%s: evaluate %s: %v", p.Name, expression, err)
	}
	return s
}

// Verifies says whether the authenticator recognises its owner from now on (a wrong finger does not).
func (p *Person) Verifies(yes bool) {
	p.t.Helper()
	params := webauthn.SetUserVerifiedParams{AuthenticatorID: p.passkey, IsUserVerified: yes}
	if _, err := chromedp.Call(p.ctx, webauthn.SetUserVerified, params); err != nil {
		p.t.Fatalf("%s: user verification: %v", p.Name, err)
	}
}

// Passkeys is how many passkeys the person holds.
func (p *Person) Passkeys() int {
	p.t.Helper()
	got, err := chromedp.Call(p.ctx, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: p.passkey})
	if err != nil {
		p.t.Fatalf("%s: passkeys: %v", p.Name, err)
	}
	return len(got.Credentials)
}
