package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"lockbox/gateway"
	"lockbox/gateway/api"
	"lockbox/policy"
)

// Exit codes of the commands that speak to a gateway (sysexits).
const (
	exitPending = 75
	exitDenied  = 77
	exitUnknown = 78
)

const maxReply = 16 << 20 // bytes

// A client speaks to the API of one gateway with one token.
type client struct {
	base  string // without a slash at its end
	host  string
	token string
	http  *http.Client
}

// newClient finds out which gateway, and reads the token: never from the command line.
func newClient(c *cobra.Command) (*client, error) {
	address, err := c.Flags().GetString("gateway")
	if err != nil {
		return nil, err
	}
	u, err := gatewayURL(cmp.Or(address, os.Getenv("LOCKBOX_URL")))
	if err != nil {
		return nil, err
	}
	file, err := c.Flags().GetString("token-file")
	if err != nil {
		return nil, err
	}
	token, err := readToken(file, u.Hostname())
	if err != nil {
		return nil, err
	}
	return call(u, token), nil
}

// newCaller is a client without a token, for who has none yet.
func newCaller(c *cobra.Command) (*client, error) {
	address, err := c.Flags().GetString("gateway")
	if err != nil {
		return nil, err
	}
	u, err := gatewayURL(cmp.Or(address, os.Getenv("LOCKBOX_URL")))
	if err != nil {
		return nil, err
	}
	return call(u, ""), nil
}

func call(u *url.URL, token string) *client {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13}, TLSHandshakeTimeout: 10 * time.Second,
		DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true,
	}
	return &client{u.String(), u.Hostname(), token, &http.Client{
		Transport: transport, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// gatewayURL reads the gateway's address. In the clear a token goes no further than this machine.
func gatewayURL(text string) (*url.URL, error) {
	if text == "" {
		return nil, usage("say which gateway: --gateway https://… or LOCKBOX_URL")
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return nil, usage("the gateway's address is written https://HOST or https://HOST:PORT")
	}
	ip := net.ParseIP(u.Hostname())
	switch here := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback(); {
	case u.Scheme == "https", u.Scheme == "http" && here:
	default:
		return nil, usage("the gateway's address begins with https://: a token is not sent in the clear")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// readToken reads the token from a file that nobody else can read, else from LOCKBOX_TOKEN.
func readToken(file, host string) (string, error) {
	how := fmt.Sprintf("get one with `ssh %s token` and put it into LOCKBOX_TOKEN, or into a file for --token-file", plain(host))
	text := os.Getenv("LOCKBOX_TOKEN")
	if file != "" {
		var err error
		if text, err = readSecret(file); err != nil {
			return "", err
		}
	}
	switch text = strings.TrimSpace(text); {
	case text == "":
		return "", &exit{exitDenied, errors.New("there is no token; " + how)}
	case !strings.HasPrefix(text, "lbx_") || len(text) > 200 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", usage("that is not a token: it begins with lbx_; %s", how)
	}
	return text, nil
}

// readSecret reads a small file of mode 0600.
func readSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", usage("read the token: %w", err)
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", usage("read the token: %w", err)
	case !info.Mode().IsRegular():
		return "", usage("read the token: %s is not a file", path)
	case info.Mode().Perm()&0o077 != 0:
		return "", usage("others can read %s: run `chmod 600 %s`, and get a new token, for this one may be known", path, path)
	}
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return "", usage("read the token: %w", err)
	}
	return string(b), nil
}

// call sends in, if any, and reads the answer into out. Its error ends the program with the code that goes with it.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("write the request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+api.Prefix+path, body)
	if err != nil {
		return usage("%w", err)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	r.Header.Set("Accept", "application/json")
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	got, err := c.http.Do(r)
	if err != nil {
		return unavailable("the gateway does not answer: %w; check --gateway and the network", err)
	}
	defer func() { _ = got.Body.Close() }() // it was read
	text, err := io.ReadAll(io.LimitReader(got.Body, maxReply))
	if err != nil {
		return unavailable("the gateway's answer did not arrive whole: %w; try again", err)
	}
	if got.StatusCode == http.StatusOK {
		if err := json.Unmarshal(text, out); err != nil {
			return unavailable("the gateway's answer cannot be read; check --gateway, and that this program is as new as the gateway")
		}
		return nil
	}
	return c.refused(got.StatusCode, text)
}

// refused says what the gateway said, and what to do next.
func (c *client) refused(status int, text []byte) error {
	var f api.Failure
	if status < 400 || json.Unmarshal(text, &f) != nil || f.Error.Message == "" {
		return unavailable("no Lockbox answers at %s (status %d); check --gateway", c.base, status)
	}
	p := f.Error
	say := plain(p.Message)
	if do := c.next(p); do != "" {
		say += "; " + do
	}
	if p.URL != "" {
		say += ": " + plain(p.URL)
	}
	say += " (" + plain(string(p.Code))
	if p.Reference != "" {
		say += ", reference " + plain(p.Reference)
	}
	return &exit{exitOf(status, p.Code), errors.New(say + ")")}
}

// next is what to do after a refusal, in commands of this program where there is one.
func (c *client) next(p api.Problem) string {
	switch p.Code {
	case policy.NoTarget:
		return "`lockbox targets` lists what you may ask for"
	case policy.NoGrant, policy.HasExpired, policy.WasRevoked:
		return "ask with `lockbox request`"
	case policy.NotYet:
		return "`lockbox status` tells what waits for whom"
	case api.CodeUnknown:
		return "`lockbox status` and `lockbox history` list what there is"
	case api.CodeForm:
		return "`lockbox help` and `--help` show how it is written"
	}
	return strings.ReplaceAll(plain(p.Do), "GATEWAY", c.host)
}

// exitOf is the exit code that goes with an answer.
func exitOf(status int, code policy.Code) int {
	switch code {
	case policy.NoTarget, api.CodeUnknown:
		return exitUnknown
	case policy.NotYet, policy.NeedTouch, api.CodeLimit:
		return exitPending
	case gateway.NoRecorder, gateway.NoWitness, api.CodeInternal:
		return exitUnavailable
	case api.CodeForm:
		return exitUsage
	}
	if status >= 500 {
		return exitUnavailable
	}
	return exitDenied
}

// lines is plain, but keeps lines as they are: an error may hold the words of
// whoever answered, in a certificate too.
func lines(text string) string {
	all := strings.Split(text, "\n")
	for i, line := range all {
		all[i] = plain(line)
	}
	return strings.Join(all, "\n")
}

// harmless writes JSON so that it does nothing to a terminal either: encoding/json
// leaves all but the ASCII controls as it is.
func harmless(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	var out []byte
	for _, r := range string(b) {
		if unicode.IsPrint(r) {
			out = utf8.AppendRune(out, r)
			continue
		}
		for _, half := range utf16.AppendRune(nil, r) {
			out = fmt.Appendf(out, `\u%04x`, half)
		}
	}
	return append(out, '\n'), nil
}

// plain makes text of others one line that does nothing to a terminal.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r != ' ' && !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)
}
