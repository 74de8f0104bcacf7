package archive

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhereAStoreIs(t *testing.T) {
	t.Setenv("LOCKBOX_TEST_SECRET", "AKIA very/secret+words")
	for _, row := range []struct{ url, want string }{
		{"s3://rec?region=eu-north-1", "s3://rec"},
		{"s3://rec/a/b/?region=eu-north-1&endpoint=https://s3.example.eu&path_style=false", "s3://rec/a/b"},
		{"s3://rec?region=eu-north-1&credentials=env:LOCKBOX_TEST_SECRET&endpoint=http://127.0.0.1:9000", "s3://rec"},
		{"azblob://rec/p?account=acme", "azblob://rec/p"},
		{"file:///srv/recordings", "file:///srv/recordings"},
	} {
		w, err := parseWhere(row.url)
		if err != nil || w.String() != row.want || strings.Contains(fmt.Sprintf("%v %+v %#v", w, w, w), "secret") {
			t.Errorf("%s: got %#v, %v", row.url, w, err)
		}
	}
	for _, row := range []struct{ url, want string }{
		{"gs://rec", "gs:// is not built in"},
		{"ftp://rec", "no kind of object storage"},
		{"s3://AKIA:hemmelig@rec", "do not belong into the address"},
		{"s3://rec?secret_access_key=hemmelig", `"secret_access_key" is unknown`},
		{"s3://rec?credentials=hemmelig", "never the secret itself"},
		{"s3://rec?credentials=env:NOT_SET_hemmelig", "points to nothing"},
		{"s3://rec?region=a&region=b", "doubled"},
		{"s3://rec?endpoint=http://s3.example.eu", "only https"},
		{"s3://rec?endpoint=http://127.0.0.1.example.eu", "only https"},
		{"s3://rec?endpoint=https://u:hemmelig@host", "endpoint is"},
		{"s3://rec?disable_https=true", "unknown"},
		{"s3://", "name the container"},
		{"s3://rec/../x", "prefix"},
		{"azblob://rec?account=../x", "account is"},
		{"azblob://rec?account=a.evil.example/", "account is"},
		{"file://host/x", "a folder is"},
		{"file:///x?y=z", "a folder is"},
		{"://hemmelig", "cannot be read"},
	} {
		_, err := parseWhere(row.url)
		if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "hemmelig") {
			t.Errorf("%s: got %v, want %q and no secret", row.url, err, row.want)
		}
	}
}

func TestASecretThatOthersCanReadIsRefused(t *testing.T) {
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte("a b"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := credentials("file:" + name); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("got %v", err)
	}
	if err := os.Chmod(name, 0o600); err != nil {
		t.Fatal(err)
	}
	if words, err := credentials("file:" + name); err != nil || len(words) != 2 {
		t.Errorf("got %d words, %v", len(words), err)
	}
}

func FuzzWhere(f *testing.F) {
	f.Add("s3://rec/a?region=eu-north-1&endpoint=https://h:1/p")
	f.Add("azblob://rec?account=acme&credentials=env:X")
	f.Add("file:///a/../b")
	f.Fuzz(func(t *testing.T, raw string) {
		w, err := parseWhere(raw)
		if err != nil {
			return
		}
		again, err := parseWhere(w.String())
		if err != nil || again.String() != w.String() || again.prefix != w.prefix || again.container != w.container {
			t.Errorf("%q: %v is read as %v, %v", raw, w, again, err)
		}
		if strings.Contains(w.prefix, "..") && strings.Contains("/"+w.prefix, "/../") {
			t.Errorf("%q leads out: %q", raw, w.prefix)
		}
	})
}

func TestNoRedirectIsFollowedAndNoAddressIsShown(t *testing.T) {
	var asked int
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer other.Close()
	first := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	c := newCarrier()
	defer func() { _ = c.close() }()
	ask := func(url string) error {
		r, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(r)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}
	if err := ask(first.URL); err != nil || asked != 0 {
		t.Errorf("got %v, followed %d times", err, asked)
	}
	first.Close()
	if err := ask(first.URL + "/x?sig=hemmelig"); err == nil || strings.Contains(err.Error(), "hemmelig") {
		t.Errorf("got %v", err)
	}
	if err := ask("http://192.0.2.1/"); err == nil || !strings.Contains(err.Error(), "only https") {
		t.Errorf("in the clear: got %v", err)
	}
}
