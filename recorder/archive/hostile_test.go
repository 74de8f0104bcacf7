package archive

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestAnswersOfAHostileServerAreErrors: whatever it says, there is an error and an end.
func TestAnswersOfAHostileServerAreErrors(t *testing.T) {
	var n atomic.Int64
	for name, answer := range map[string]http.HandlerFunc{
		"nothing": func(http.ResponseWriter, *http.Request) {},
		"no XML":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("\x00<a><b></a>")) },
		"empty fields": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<x><Blobs><Blob/></Blobs><Version/></x>"))
		},
		"the same names for ever": func(w http.ResponseWriter, _ *http.Request) {
			n := n.Add(1)
			w.Header().Set("Content-Type", "application/xml")
			_, _ = fmt.Fprintf(w, `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>%d</NextContinuationToken>`+
				`<NextKeyMarker>%d</NextKeyMarker><NextVersionIdMarker>%d</NextVersionIdMarker>`+
				`<CommonPrefixes><Prefix>2026/</Prefix></CommonPrefixes><Blobs><BlobPrefix><Name>2026/</Name></BlobPrefix></Blobs>`+
				`<NextMarker>%d</NextMarker></ListBucketResult>`, n, n, n, n)
		},
		"bytes for ever": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		},
		"an error without a word": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) },
	} {
		s := httptest.NewServer(answer)
		for _, in := range []objects{hostileS3(t, s.URL), hostileAzure(t, s.URL)} {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			store := &Store{name: "hostile", in: in}
			if err := guard(func() error { return store.try(ctx) }); err == nil || strings.Contains(err.Error(), "panic") {
				t.Errorf("%s: %T: got %v", name, in, err)
			}
			_, _ = store.months(ctx) // comes to an end
			if _, err := in.get(ctx, "k", 1<<10); err == nil && name != "nothing" && strings.HasPrefix(name, "bytes") {
				t.Errorf("%s: %T: it was read", name, in)
			}
			_ = in.close()
			cancel()
		}
		s.CloseClientConnections()
		s.Close()
	}
}

func hostileS3(t *testing.T, url string) objects {
	t.Helper()
	in, err := openS3(t.Context(), where{container: "rec", region: "eu-north-1", endpoint: url, words: []string{"id", "secret"}})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func hostileAzure(t *testing.T, url string) objects {
	t.Helper()
	in, err := openAzure(where{account: "acme", endpoint: url + "/acme", container: "rec", words: []string{"a2V5"}})
	if err != nil {
		t.Fatal(err)
	}
	return in
}
