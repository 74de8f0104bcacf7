package witness

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/proof"
)

// Patience is how long one answer may take.
const Patience = 10 * time.Second

const maxAnswer = 64 << 10 // bytes

// newClient makes connections that are kept, and follows nobody elsewhere.
func newClient() *http.Client {
	return &http.Client{
		Timeout:       Patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
			MaxIdleConnsPerHost: 2, IdleConnTimeout: 4 * time.Minute, MaxResponseHeaderBytes: 16 << 10,
		},
	}
}

// call sends one request and reads the whole answer.
func call(ctx context.Context, c *http.Client, method, url string, body []byte) (*http.Response, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("User-Agent", "lockbox")
	if body != nil {
		r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	resp, err := c.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read only
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(b) > maxAnswer {
		err = fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	}
	return resp, b, err
}

// under is a path below a URL that people wrote with or without a slash at its end.
func under(url, path string) string { return strings.TrimSuffix(url, "/") + path }

// said is an answer that is none, as an error.
func said(resp *http.Response, b []byte) error {
	line, _, _ := strings.Cut(string(b), "\n")
	return fmt.Errorf("it answered %s: %.200q", resp.Status, line)
}

// Look asks the gateway of each log how the log grew, and brings the
// cosignature back. Its error holds an *Alarm where a log was forked or set back.
func (w *Witness) Look(ctx context.Context) error {
	var all error
	for _, l := range w.o.Logs {
		if l.From == "" {
			continue
		}
		if err := w.look(ctx, w.held[l.Origin]); err != nil {
			all = errors.Join(all, fmt.Errorf("look at %s: %w", l.Origin, err))
		}
	}
	return all
}

func (w *Witness) look(ctx context.Context, h *held) error {
	h.mu.Lock()
	old := h.last.N
	h.mu.Unlock()
	s, err := w.fetch(ctx, h, old)
	if err != nil {
		return err
	}
	if _, err := w.add(s); err != nil {
		if no := (*Refusal)(nil); errors.As(err, &no) && no.Alarm != nil {
			return no.Alarm
		}
		return err
	}
	h.mu.Lock()
	whole := h.last.Note
	h.mu.Unlock()
	resp, b, err := call(ctx, w.client, http.MethodPost, under(h.From, "/cosignature"), whole)
	if err != nil {
		return fmt.Errorf("bring the cosignature: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("bring the cosignature: %w", said(resp, b))
	}
	return nil
}

// fetch gets the log's growth since old; of a log that has fewer entries, its checkpoint.
func (w *Witness) fetch(ctx context.Context, h *held, old int64) (submission, error) {
	resp, b, err := call(ctx, w.client, http.MethodGet, under(h.From, "/growth?old="+strconv.FormatInt(old, 10)), nil)
	if err != nil {
		return submission{}, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		s, err := parseSubmission(b)
		if err == nil && s.growth.Old != old {
			err = fmt.Errorf("it proves the growth from %d entries, not from %d", s.growth.Old, old)
		}
		return s, err
	case http.StatusConflict: // it has fewer
	default:
		return submission{}, said(resp, b)
	}
	resp, b, err = call(ctx, w.client, http.MethodGet, under(h.From, "/checkpoint"), nil)
	if err != nil {
		return submission{}, err
	}
	if resp.StatusCode != http.StatusOK {
		return submission{}, said(resp, b)
	}
	c, err := proof.Peek(b)
	if err != nil {
		return submission{}, err
	}
	return submission{proof.Growth{Old: min(old, c.N), Proof: tlog.TreeProof{}}, b}, nil
}
