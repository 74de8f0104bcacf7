package httpproxy_test

import (
	"io"
	"net/http"
	"testing"

	"lockbox/policy"
	"lockbox/tests/door"
)

// BenchmarkRequest is one small request through the door, recorded, over TLS 1.3 on a connection that is kept.
func BenchmarkRequest(b *testing.B) {
	page := make([]byte, 1<<10)
	w := door.NewWeb(b, target(b, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) }))
	in := w.In(b, w.Eng, false, policy.HTTPGet, "/")
	b.ReportAllocs()
	for b.Loop() {
		res, err := in.Get(w.URL("/page"))
		must(b, err)
		_, _ = io.Copy(io.Discard, res.Body)
		must(b, res.Body.Close())
	}
}
