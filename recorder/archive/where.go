package archive

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
)

// A where says where a Store is, and how to get in.
type where struct {
	scheme    string // "s3", "azblob" or "file"
	container string // or the folder
	prefix    string // "" or it ends in "/"
	endpoint  string // "" for the provider's own
	region    string
	account   string
	hosted    bool     // the container's name is part of the host's, at an endpoint too
	words     []string // of the credentials; none: the provider's usual way
}

// String has no secret in it.
func (w where) String() string {
	if w.scheme == "file" {
		return "file://" + w.container
	}
	return strings.TrimSuffix(w.scheme+"://"+w.container+"/"+w.prefix, "/")
}

// GoString hides the credentials.
func (w where) GoString() string { return w.String() }

// parseWhere reads what OpenStore takes. Its errors show no value of a
// parameter: who has put a secret into one finds it in no log.
func parseWhere(raw string) (where, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return where{}, errors.New(`the address cannot be read: write "s3://bucket?region=…", "azblob://container?account=…" or "file:///folder"`)
	}
	w := where{scheme: u.Scheme, container: u.Host}
	var known []string
	switch u.Scheme {
	case "s3":
		known = []string{"credentials", "endpoint", "path_style", "region"}
	case "azblob":
		known = []string{"account", "credentials", "endpoint"}
	case "file":
		return w.folder(u)
	case "gs":
		return where{}, errors.New("gs:// is not built in: recordings can be kept in s3://, azblob:// or file:///")
	default:
		return where{}, fmt.Errorf("%q is no kind of object storage: write s3://, azblob:// or file:///", u.Scheme)
	}
	switch {
	case u.User != nil:
		return where{}, errors.New("credentials do not belong into the address: write credentials=file:PATH or credentials=env:NAME")
	case u.Host == "" || u.Port() != "" || u.Fragment != "" || u.Opaque != "":
		return where{}, fmt.Errorf("name the container: %s://NAME/prefix; another provider's host is endpoint=https://HOST", u.Scheme)
	}
	if w.prefix, err = cleanPrefix(u.Path); err != nil {
		return where{}, err
	}
	return w, w.parameters(u, known)
}

func (w where) folder(u *url.URL) (where, error) {
	if u.Host != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || !path.IsAbs(u.Path) {
		return where{}, errors.New("a folder is file:///absolute/path and nothing more")
	}
	w.container = path.Clean(u.Path)
	return w, nil
}

func cleanPrefix(p string) (string, error) {
	p = strings.Trim(p, "/")
	if p == "" {
		return "", nil
	}
	if !matches(`^[A-Za-z0-9._/-]{1,200}$`, p) || path.Clean(p) != p || strings.HasPrefix(p, "..") {
		return "", errors.New("the prefix may have letters, digits and . _ - / and no empty, . or .. part")
	}
	return p + "/", nil
}

func (w *where) parameters(u *url.URL, known []string) error {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errors.New("the parameters cannot be read")
	}
	for name, values := range q {
		if !slices.Contains(known, name) || len(values) != 1 {
			return fmt.Errorf("parameter %q is unknown or doubled: there are %s", name, strings.Join(known, ", "))
		}
	}
	w.region, w.account = q.Get("region"), q.Get("account")
	if w.endpoint, err = cleanEndpoint(q.Get("endpoint")); err != nil {
		return err
	}
	switch q.Get("path_style") {
	case "", "true":
	case "false":
		w.hosted = true
	default:
		return errors.New("path_style is true or false")
	}
	switch {
	case w.region != "" && !matches(`^[a-z0-9-]{1,40}$`, w.region):
		return errors.New("region is a name like eu-north-1")
	case w.account != "" && !matches(`^[a-z0-9]{3,24}$`, w.account):
		return errors.New("account is 3 to 24 small letters and digits")
	}
	if ref := q.Get("credentials"); ref != "" {
		w.words, err = credentials(ref)
	}
	return err
}

// cleanEndpoint lets plain http go no further than this machine.
func cleanEndpoint(raw string) (string, error) {
	if raw == "" {
		return "", nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("endpoint is https://host, perhaps with a port and a path")
	}
	if err := safeURL(u); err != nil {
		return "", fmt.Errorf("endpoint: %w", err)
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}

// safeURL refuses what would go over a network in the clear.
func safeURL(u *url.URL) error {
	host := u.Hostname()
	ip := net.ParseIP(host)
	switch {
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && (host == "localhost" || ip != nil && ip.IsLoopback()):
		return nil
	}
	return fmt.Errorf("%s://%s: only https, or http to this machine itself", u.Scheme, host)
}

// credentials reads the words that a reference points to.
func credentials(ref string) ([]string, error) {
	var text string
	switch kind, name, _ := strings.Cut(ref, ":"); kind {
	case "env":
		text = os.Getenv(name)
	case "file":
		b, err := secretFile(name)
		if err != nil {
			return nil, fmt.Errorf("credentials: %w", err)
		}
		text = string(b)
	default:
		return nil, errors.New("credentials are a reference, file:PATH or env:NAME, never the secret itself")
	}
	words := strings.Fields(text)
	if len(words) == 0 {
		return nil, errors.New("credentials: the reference points to nothing")
	}
	return words, nil
}

// secretFile reads a file that nobody else may.
func secretFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only
	fi, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !fi.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a plain file", name)
	case fi.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("others may read %s: chmod 600 it", name)
	}
	return io.ReadAll(io.LimitReader(f, 64<<10))
}
