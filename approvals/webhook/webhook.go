package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"lockbox/approvals/notify"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A Secret is never printed. It is its bytes; or, after "whsec_", Base64 of them, as Standard Webhooks writes secrets.
type Secret = notify.Secret

// Options say which receiver gets what.
type Options struct {
	Name     string   // "siem": the channel is "webhook:siem"
	URL      string   // https://…
	Secrets  []Secret // the newest first; each signs, so that a receiver can change over
	Customer string   // whose log the receiver gets to see; "" the whole one

	// May is asked before each connection, of the address as it was resolved (net.Dialer.ControlContext).
	May    func(ctx context.Context, network, address string, c syscall.RawConn) error
	Dev    bool           // http:// is taken, to this machine alone
	Roots  *x509.CertPool // that its certificate leads to; nil: the machine's
	Source string         // who sends: the portal's address
	Ledger *ledger.Ledger
	Now    func() time.Time
}

// A Hook is one receiver.
type Hook struct {
	o      Options // without the secrets
	sign   func(id, at string, body []byte) string
	client *http.Client
}

const (
	answerMost = 4 << 10 // bytes of an answer that are read …
	answerLong = time.Second
	timeout    = 20 * time.Second
)

// New checks the options. It connects to nothing.
func New(o Options) (*Hook, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "":
		return nil, errors.New("url: it is no address of a receiver; write https://siem.example.eu/lockbox")
	case u.Scheme == "http" && o.Dev && loopback(u.Hostname()):
		o.May = both(o.May, onlyLoopback)
	case u.Scheme != "https":
		return nil, errors.New("url: it is not https")
	case o.Name == "" || strings.Trim(o.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		return nil, fmt.Errorf("name: %q is none; use small letters, digits and -", o.Name)
	}
	if o.May == nil || o.Source == "" {
		return nil, errors.New("where a receiver may stand, or who sends, was not said")
	}
	keys, err := keysOf(o.Secrets)
	if err != nil {
		return nil, err
	}
	o.Secrets = nil
	h := &Hook{o: o, sign: func(id, at string, body []byte) string { return sign(keys, id, at, body) }}
	dialer := &net.Dialer{Timeout: 5 * time.Second, ControlContext: o.May}
	h.client = &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy: nil, DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 15 * time.Second,
			MaxResponseHeaderBytes: 16 << 10, DisableCompression: true, MaxConnsPerHost: 8, IdleConnTimeout: 30 * time.Second, ForceAttemptHTTP2: true,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return h, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

type guard = func(context.Context, string, string, syscall.RawConn) error

func both(a, b guard) guard {
	if a == nil {
		return nil
	}
	return func(ctx context.Context, network, address string, c syscall.RawConn) error {
		return errors.Join(a(ctx, network, address, c), b(ctx, network, address, c))
	}
}

func onlyLoopback(_ context.Context, _, address string, _ syscall.RawConn) error {
	if at, err := netip.ParseAddrPort(address); err != nil || !at.Addr().Unmap().IsLoopback() {
		return errors.New("http:// goes to this machine alone")
	}
	return nil
}

// Format says which receiver it is, and nothing that is secret.
func (h *Hook) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, h.Name()) } // fmt has nowhere to report to

// Close lets go of connections at rest.
func (h *Hook) Close() { h.client.CloseIdleConnections() }

// Name is "webhook:" and that of the receiver.
func (h *Hook) Name() string { return "webhook:" + h.o.Name }

// Address is none: a receiver is a place, and reaches no person.
func (h *Hook) Address(*ledger.Tx, policy.Principal) (string, error) { return "", nil }

// Send posts the event. Only an answer of 2xx counts.
func (h *Hook) Send(ctx context.Context, n notify.Notice) error {
	body, err := h.body(ctx, n)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.o.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	at := strconv.FormatInt(h.o.Now().Unix(), 10)
	r.Header.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	r.Header.Set("User-Agent", "lockbox")
	r.Header.Set("Webhook-Id", h.id(n.Seq))
	r.Header.Set("Webhook-Timestamp", at)
	r.Header.Set("Webhook-Signature", h.sign(h.id(n.Seq), at, body))
	answer, err := h.client.Do(r)
	if err != nil {
		return fmt.Errorf("post to %s: %w", h.o.Name, plain(err))
	}
	defer answer.Body.Close()
	if answer.ContentLength >= 0 && answer.ContentLength <= answerMost { // else its end is not waited for
		late := time.AfterFunc(answerLong, stop)
		_, _ = io.Copy(io.Discard, answer.Body) // so that the connection can be used again
		late.Stop()
	}
	switch code := answer.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusGone:
		return fmt.Errorf("%w: the receiver answered %d", notify.ErrNever, code)
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		return &notify.Later{After: after(answer.Header.Get("Retry-After"), h.o.Now()), Err: fmt.Errorf("the receiver answered %d", code)}
	case code >= 300 && code < 400:
		return fmt.Errorf("the receiver answered %d: redirects are not followed, write where it stands", code)
	default:
		return fmt.Errorf("the receiver answered %d", code)
	}
}

// plain is the error without the address, which may hold what only the receiver
// knows, and without what the receiver said, which may repeat it.
func plain(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	var op *net.OpError
	var cert *tls.CertificateVerificationError
	var lapse net.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.As(err, &op), errors.As(err, &cert):
		return err
	case errors.As(err, &lapse) && lapse.Timeout():
		return errors.New("it did not answer in time")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it closed the connection")
	}
	return errors.New("what it answered is no HTTPS")
}

const (
	soonest = time.Second
	latest  = time.Hour
)

// after is how long the receiver wants us to wait (RFC 9110, section 10.2.3), within reason.
func after(s string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return max(soonest, time.Duration(min(n, uint64(latest/time.Second)))*time.Second)
	}
	if at, err := http.ParseTime(s); err == nil {
		return min(latest, max(soonest, at.Sub(now)))
	}
	return time.Minute
}
