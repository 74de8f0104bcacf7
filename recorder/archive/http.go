package archive

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Bytes that one answer of a store may have.
const (
	objectMost = manifestMost + 1<<20
	otherMost  = 16 << 20 // a page of a list
)

// A carrier takes requests to a store: never in the clear over a network, never
// where a redirect points, and no more of an answer than is asked for. Its
// errors hold no address, which can hold a signature.
type carrier struct{ client *http.Client }

func newCarrier() *carrier {
	return &carrier{&http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: 30 * time.Second,
			IdleConnTimeout:       90 * time.Second,
			MaxIdleConnsPerHost:   2 * workers,
			ForceAttemptHTTP2:     true,
		},
	}}
}

// Do is one request.
func (c *carrier) Do(r *http.Request) (*http.Response, error) {
	if err := safeURL(r.URL); err != nil {
		return nil, err
	}
	resp, err := c.client.Do(r)
	if err != nil {
		var with *url.Error
		if errors.As(err, &with) {
			err = with.Err
		}
		return nil, fmt.Errorf("ask %s: %w", r.URL.Host, err)
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, answerMost(r)), resp.Body}
	return resp, nil
}

// answerMost is as much as the answer to a request can be.
func answerMost(r *http.Request) int64 {
	q := r.URL.Query()
	if r.Method == http.MethodGet && !q.Has("list-type") && !q.Has("versions") && !q.Has("comp") {
		return objectMost
	}
	return otherMost
}

func (c *carrier) close() error {
	c.client.CloseIdleConnections()
	return nil
}
