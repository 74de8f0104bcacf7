package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// azureOf is a store at a server that answers as Azure does; Azurite knows
// neither versions nor what is kept after it was deleted.
func azureOf(t *testing.T, answer http.HandlerFunc) *azureContainer {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	in, err := openAzure(where{account: "acme", endpoint: s.URL + "/acme", container: "rec", words: []string{"a2V5"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.close() })
	return in.(*azureContainer)
}

func azureList(items ...string) string {
	return `<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="rec"><Blobs>` +
		strings.Join(items, "") + `</Blobs><NextMarker/></EnumerationResults>`
}

func azureError(w http.ResponseWriter, status int, code string) {
	w.Header().Set("x-ms-error-code", code)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `<Error><Code>%s</Code><Message>Server used following string to sign: hemmelig</Message></Error>`, code)
}

func TestEveryVersionOfABlobIsDeleted(t *testing.T) {
	var mu sync.Mutex
	base, versions := true, map[string]bool{"2026-01-01T00:00:00.0000001Z": true}
	a := azureOf(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		id := r.URL.Query().Get("versionid")
		switch {
		case r.Method == http.MethodGet:
			var items []string
			if base {
				items = append(items, `<Blob><Name>k</Name><VersionId>2026-01-01T00:00:00.0000002Z</VersionId><IsCurrentVersion>true</IsCurrentVersion><Properties/></Blob>`)
			}
			for v := range versions {
				items = append(items, `<Blob><Name>k</Name><VersionId>`+v+`</VersionId><Properties/></Blob>`)
			}
			_, _ = w.Write([]byte(azureList(append(items, `<Blob><Name>k2</Name><Properties/></Blob>`)...)))
			return
		case id != "":
			delete(versions, id)
		default: // it becomes a version
			base = false
			versions["2026-01-01T00:00:00.0000002Z"] = true
		}
		w.WriteHeader(http.StatusAccepted)
	})
	n, err := a.destroy(t.Context(), "k")
	if err != nil || n != 3 || base || len(versions) > 0 {
		t.Errorf("got %d, %v; left %v %v", n, err, base, versions)
	}
}

func TestABlobThatIsKeptAfterItsDeletionIsNamed(t *testing.T) {
	for _, item := range []string{
		`<Blob><Name>k</Name><Deleted>true</Deleted><Properties/></Blob>`,
		`<Blob><Name>k</Name><Deleted>true</Deleted><VersionId>2026-01-01T00:00:00.0000001Z</VersionId><Properties/></Blob>`,
		`<Blob><Name>k</Name><Deleted>true</Deleted><Snapshot>2026-01-01T00:00:00.0000001Z</Snapshot><Properties/></Blob>`,
	} {
		a := azureOf(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				_, _ = w.Write([]byte(azureList(item)))
				return
			}
			if r.Header.Get("x-ms-delete-snapshots") != "" || r.URL.Query().Get("deletetype") != "Permanent" {
				t.Errorf("asked %s", r.URL)
			}
			azureError(w, http.StatusForbidden, "AuthorizationPermissionMismatch")
		})
		if _, err := a.destroy(t.Context(), "k"); !errors.Is(err, errKept) || strings.Contains(err.Error(), "hemmelig") {
			t.Errorf("%s: got %v", item, err)
		}
	}
}

func TestWhatAzureRefusesIsExplained(t *testing.T) {
	for _, row := range []struct {
		status     int
		code, want string
	}{
		{409, "BlobImmutableDueToPolicy", "immutability policy"},
		{409, "BlobImmutableDueToLegalHold", "legal hold"},
		{403, "AuthenticationFailed", "not the credentials"},
		{404, "ContainerNotFound", "make the container"},
	} {
		a := azureOf(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				_, _ = w.Write([]byte(azureList(`<Blob><Name>k</Name><Properties/></Blob>`)))
				return
			}
			azureError(w, row.status, row.code)
		})
		_, err := a.destroy(t.Context(), "k")
		if row.status == 404 {
			_, err = a.get(t.Context(), "k", 9)
			err = errors.Join(err, a.put(t.Context(), "k", nil))
		}
		if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "hemmelig") || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v, want %q", row.code, err, row.want)
		}
	}
}
