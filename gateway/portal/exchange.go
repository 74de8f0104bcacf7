package portal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"lockbox/approvals"
	"lockbox/approvals/charter"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// An exchange is one request to the portal, its answer, and who asks.
type exchange struct {
	p    *Portal
	w    http.ResponseWriter
	r    *http.Request
	say  *language
	who  identity.Login // zero: nobody is signed in
	sent bool           // the answer has begun

	delegations []*policy.Motion // that make who a deputy; nil until asked for
	deputised   bool             // they were asked for
	declared    []policy.Proof   // that who signed the declaration in force
}

type exchangeKey struct{}

// context hands the language over to the route.
func (x *exchange) context() context.Context {
	return context.WithValue(x.r.Context(), exchangeKey{}, x)
}

// source is the address of whoever asks.
func (x *exchange) source() netip.Addr {
	host, _, err := net.SplitHostPort(x.r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

func (x *exchange) meta() identity.Meta {
	agent := x.r.UserAgent()
	return identity.Meta{Source: x.source().String(), Agent: strings.ToValidUTF8(agent[:min(len(agent), 200)], "?")}
}

// code is the short code in the path, as people type it.
func (x *exchange) code() string {
	return strings.NewReplacer("O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(x.r.PathValue("code")))
}

// form reads what a form sent: one plain kind of body, nothing from the address.
func (x *exchange) form() error {
	if kind, _, _ := mime.ParseMediaType(x.r.Header.Get("Content-Type")); kind != "application/x-www-form-urlencoded" {
		return errKind
	}
	if err := x.r.ParseForm(); err != nil {
		return tooLong(err)
	}
	return nil
}

func (x *exchange) value(name string) string { return strings.TrimSpace(x.r.PostForm.Get(name)) }

// json reads a JSON body of exactly these fields.
func (x *exchange) json(v any) error {
	if kind, _, _ := mime.ParseMediaType(x.r.Header.Get("Content-Type")); kind != "application/json" {
		return errKind
	}
	d := json.NewDecoder(x.r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return tooLong(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errBody
	}
	return nil
}

func tooLong(err error) error {
	if long := new(http.MaxBytesError); errors.As(err, &long) {
		return errTooLong
	}
	return errBody
}

// answer sends JSON.
func (x *exchange) answer(status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	x.sent = true
	x.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	x.w.WriteHeader(status)
	_, _ = x.w.Write(b) // who does not read it has gone
	return nil
}

// next tells a script where to go on.
func (x *exchange) next(path string) error {
	return x.answer(http.StatusOK, map[string]string{"next": path})
}

// see sends the browser to another page of ours, to be read with GET.
func (x *exchange) see(path string) error {
	x.sent = true
	x.w.Header().Set("Location", path)
	x.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// wantsJSON says whether a script asked rather than a person.
func (x *exchange) wantsJSON() bool {
	kind, _, _ := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	return kind == "application/json"
}

// keeps says whether the person is a keeper of people: executives and operators.
func (x *exchange) keeps() bool {
	return x.who.Kind == policy.Executive || x.who.Kind == policy.Staff && x.operates()
}

func (x *exchange) operates() bool {
	pol := x.p.Desk.Policy()
	return pol != nil && pol.Member(x.who.Principal, policy.Operators)
}

// unknown says whether err means: not there, or not yours to see.
func unknown(err error) bool {
	return errors.Is(err, approvals.ErrUnknown) || errors.Is(err, charter.ErrUnknown) || errors.Is(err, identity.ErrNoLogin) || errors.Is(err, identity.ErrNoSlack) || slices.ContainsFunc([]error{errNoPage, errNoArrival, errNoRecording, ledger.ErrNoLog}, func(e error) bool { return errors.Is(err, e) })
}
