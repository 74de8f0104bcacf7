package harness

import (
	"context"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Screen sets the size of the window in CSS pixels, a phone below 600, and light or dark.
func (p *Person) Screen(width, height int, dark bool) {
	p.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	var options []chromedp.EmulateViewportOption
	if width < 600 {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulatePortrait, chromedp.EmulateScale(2))
	}
	p.do("resize", chromedp.EmulateViewport(int64(width), int64(height), options...))
	params := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, params); err != nil {
		p.t.Fatalf("%s: %s screen: %v", p.Name, scheme, err)
	}
}

// Screenshot is the window as PNG, at the given size in light or dark.
func (p *Person) Screenshot(width, height int, dark bool) []byte {
	p.t.Helper()
	p.Screen(width, height, dark)
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatalf("%s: screenshot: %v", p.Name, err)
	}
	return png
}

// Complaints are the errors the browser has had with this person's pages so far: scripts that failed, and what a
// content security policy stopped.
func (p *Person) Complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.complaints...)
}

// WaitComplaint waits until the browser complains with these words.
func (p *Person) WaitComplaint(words string) {
	p.t.Helper()
	late := time.After(patience)
	for {
		p.mu.Lock()
		got, changed := strings.Join(p.complaints, "\n"), p.changed
		p.mu.Unlock()
		if strings.Contains(got, words) {
			return
		}
		select {
		case <-changed:
		case <-late:
			p.t.Fatalf("%s: no complaint about %s within %v\n%s", p.Name, words, patience, p.page())
		}
	}
}

func (p *Person) complain(m chromedp.ConsoleMessage) {
	if !m.IsException() && m.Type != chromedp.ConsoleError {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complaints = append(p.complaints, strings.TrimSpace(m.URL+" "+m.Text))
	close(p.changed)
	p.changed = make(chan struct{})
}

// page describes the page for a failed test, as well as it still can.
func (p *Person) page() string {
	ctx, cancel := context.WithTimeout(p.ctx, 2*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.title + "\n" + (document.body ? document.body.innerText : "")`))
	if err != nil {
		text = err.Error()
	}
	return "--- page\n" + text + "\n--- complaints\n" + strings.Join(p.Complaints(), "\n") + "\n---"
}
