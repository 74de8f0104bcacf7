package httpproxy

import (
	"fmt"
	"net/http"
	"testing"

	"lockbox/policy"
)

// BenchmarkTake is what the record of one small request costs the one who passes it on.
func BenchmarkTake(b *testing.B) {
	for _, rule := range []policy.Recording{{}, {Redact: policy.RedactTokens | policy.RedactCPR}} {
		b.Run(fmt.Sprintf("%s redact=%d", rule.HTTP, rule.Redact), func(b *testing.B) {
			r := tapeOf(b, rule)
			a := ask("GET", "/pages/start?q=words&lang=da", "Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Accept-Encoding", "gzip, deflate, br, zstd",
				"Accept-Language", "da,en-US;q=0.7,en;q=0.3", "Cookie", "a=b; c=d", "Sec-Fetch-Dest", "document", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "same-origin",
				"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
			h := fields("Content-Type", "text/html; charset=utf-8", "Content-Length", "1024", "Cache-Control", "no-store", "Date", "Sun, 22 Nov 2026 14:00:00 GMT", "Set-Cookie", "x=y")
			page := make([]byte, 1024)
			b.ReportAllocs()
			for b.Loop() {
				x, err := r.begin(a)
				must(b, err)
				_ = x.trace()
				must(b, x.head(http.StatusOK, "HTTP/1.1", h))
				must(b, x.down(page))
				must(b, x.end("done", nil))
			}
		})
	}
}
