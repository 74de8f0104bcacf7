package harness

import (
	"context"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// A Browser is one headless Chromium with no people in it.
type Browser struct {
	t   testing.TB
	ctx context.Context
}

// StartBrowser starts Chromium with a new profile. It and all its processes end with the test.
func StartBrowser(t testing.TB) *Browser {
	t.Helper()
	profile, err := os.MkdirTemp("", "chromium")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(profile) })
	var process atomic.Pointer[exec.Cmd]
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)),
		chromedp.UserDataDir(profile),
		chromedp.Env("HOME="+profile), // crash reports and caches go there too
		chromedp.NoSandbox,            // CI is root, and Chromium has no sandbox for root
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.ModifyCmdFunc(func(c *exec.Cmd) { process.Store(c) }),
	)
	all, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(all)
	t.Cleanup(func() {
		pids := tree(process.Load())
		end, done := context.WithTimeout(ctx, 10*time.Second)
		defer done()
		_ = chromedp.Cancel(end) // what does not end by itself is killed
		cancel()
		stop()
		kill(pids)
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return &Browser{t: t, ctx: ctx}
}

func chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome-stable", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no chromium: install it, or run make test, which does")
	return ""
}
