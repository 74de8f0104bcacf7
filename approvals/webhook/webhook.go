package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"lockbox/approvals/notify"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A Secret is never printed.
type Secret string

func (Secret) String() string { return "secret" }

// GoString is String.
func (Secret) GoString() string { return "secret" }

// Options say which receiver gets what.
type Options struct {
	Name     string         // "siem": the channel is "webhook:siem"
	URL      string         // https://…
	Secrets  []Secret       // the newest first; each signs, so that a receiver can change over
	Customer string         // whose log the receiver gets to see; "" the whole one
	Allow    []netip.Prefix // networks besides the public internet in which the receiver may stand
	Roots    *x509.CertPool // that its certificate leads to; nil: the machine's
	Source   string         // who sends: the portal's address
	Ledger   *ledger.Ledger
	Now      func() time.Time
}

// A Hook is one receiver.
type Hook struct {
	o      Options
	client *http.Client
}

const (
	secretMin  = 24      // bytes
	answerMost = 4 << 10 // bytes of an answer that are read
	timeout    = 20 * time.Second
)

// New checks the options. It connects to nothing.
func New(o Options) (*Hook, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return nil, fmt.Errorf("url: %q is no address of a receiver; write https://siem.example.eu/lockbox", o.URL)
	case u.Scheme != "https":
		return nil, fmt.Errorf("url: %q is not https", o.URL)
	case o.Name == "" || strings.Trim(o.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		return nil, fmt.Errorf("name: %q is none; use small letters, digits and -", o.Name)
	case len(o.Secrets) == 0:
		return nil, errors.New("secrets: at least one is needed")
	}
	for i, s := range o.Secrets {
		if len(s) < secretMin {
			return nil, fmt.Errorf("secrets: the %d. has %d bytes; use at least %d", i+1, len(s), secretMin)
		}
	}
	h := &Hook{o: o}
	dialer := &net.Dialer{Timeout: 5 * time.Second, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error { return h.may(address) }}
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

// Close lets go of connections at rest.
func (h *Hook) Close() { h.client.CloseIdleConnections() }

// Name is "webhook:" and that of the receiver.
func (h *Hook) Name() string { return "webhook:" + h.o.Name }

// Address is none: a receiver is a place, and reaches no person.
func (h *Hook) Address(*ledger.Tx, policy.Principal) (string, error) { return "", nil }

// may refuses an address, as it was resolved, at which no receiver is to stand.
func (h *Hook) may(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return errors.New("the receiver's address is none")
	}
	ip := at.Addr().Unmap().WithZone("")
	if slices.ContainsFunc(h.o.Allow, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return nil
	}
	if at.Port() != 443 && at.Port() < 1024 {
		return fmt.Errorf("port %d is none for receivers: use 443, or one from 1024 on", at.Port())
	}
	if !public(ip) {
		return fmt.Errorf("%s is not on the public internet: add its network to allow if the receiver is to stand there", ip)
	}
	return nil
}

// public says whether an address is one of the internet at large.
func public(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsMulticast() {
		return false
	}
	return !slices.ContainsFunc(reserved(), func(s string) bool { return netip.MustParsePrefix(s).Contains(ip) })
}

// reserved are the networks of RFC 6890 and its successors that are not the
// internet, or lead into one that is not by translation.
func reserved() []string {
	return []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
	}
}

// An Event is what a receiver gets: CloudEvents 1.0 in JSON.
type Event struct {
	Version string `json:"specversion"`
	ID      string `json:"id"` // the same at every try and replay
	Source  string `json:"source"`
	Type    string `json:"type"`
	Time    string `json:"time"`
	Subject string `json:"subject,omitempty"`
	Content string `json:"datacontenttype"`
	Data    Data   `json:"data"`
}

// Data is what the log says of the event in the clear.
type Data struct {
	Seq      int64             `json:"seq"` // in the ledger, from which a receiver asks to be told again
	Subjects []string          `json:"subjects,omitempty"`
	Detail   map[string]string `json:"detail,omitempty"`
}

// Send posts the event. Only an answer of 2xx counts.
func (h *Hook) Send(ctx context.Context, n notify.Notice) error {
	body, err := h.body(ctx, n)
	if err != nil {
		return err
	}
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
		_, _ = io.Copy(io.Discard, answer.Body) // so that the connection can be used again
	}
	switch code := answer.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusGone:
		return fmt.Errorf("%w: the receiver answered %d", notify.ErrNever, code)
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		return &notify.Later{After: after(answer.Header.Get("Retry-After")), Err: fmt.Errorf("the receiver answered %d", code)}
	case code >= 300 && code < 400:
		return fmt.Errorf("the receiver answered %d: redirects are not followed, write where it stands", code)
	default:
		return fmt.Errorf("the receiver answered %d", code)
	}
}

// plain is the error without the address, which may hold what only the receiver knows.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// after is how long the receiver wants us to wait, within reason.
func after(s string) time.Duration {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return time.Minute
	}
	return time.Duration(min(n, 3600)) * time.Second
}

func (h *Hook) id(seq int64) string { return "evt-" + strconv.FormatInt(seq, 10) }

func (h *Hook) body(ctx context.Context, n notify.Notice) ([]byte, error) {
	page, err := h.o.Ledger.After(ctx, n.Seq-1, 1)
	if err != nil {
		return nil, err
	}
	if len(page) == 0 || n.Seq < 0 {
		return nil, notify.ErrMoot // the log was restored
	}
	e := page[0]
	subjects := e.Subjects
	if h.o.Customer != "" {
		if !slices.Contains(e.Customers, h.o.Customer) {
			return nil, notify.ErrMoot
		}
		subjects = slices.DeleteFunc(slices.Clone(subjects), func(s string) bool { return s != h.o.Customer && slices.Contains(e.Customers, s) })
	}
	out := Event{
		Version: "1.0", ID: h.id(e.Seq), Source: h.o.Source, Type: "lockbox." + e.Kind, Time: e.At.UTC().Format(time.RFC3339Nano),
		Content: "application/json", Data: Data{Seq: e.Seq, Subjects: subjects, Detail: e.Detail},
	}
	if len(subjects) > 0 {
		out.Subject = subjects[0]
	}
	return json.Marshal(out)
}

// sign is a signature by each secret, over id, time and body, as Standard Webhooks has them.
func (h *Hook) sign(id, at string, body []byte) string {
	var all []string
	for _, s := range h.o.Secrets {
		mac := hmac.New(sha256.New, []byte(s))
		fmt.Fprintf(mac, "%s.%s.", id, at)
		mac.Write(body)
		all = append(all, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(all, " ")
}
