package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"lockbox/approvals/notify"
)

// Notify is how people and programs are told. Without it nobody is: they look by themselves.
type Notify struct {
	// Zone is whose weeks the digests are of: "Europe/Copenhagen"; UTC where it is not said. They are made on Monday, at 7.
	Zone string `yaml:"zone"`
	// Mail is the server that takes mail; it must speak TLS.
	Mail struct {
		Server   string `yaml:"server"`   // "smtp.example.eu:465"
		TLS      string `yaml:"tls"`      // "implicit", as on port 465, or "starttls"
		From     string `yaml:"from"`     // "lockbox@example.eu"
		User     string `yaml:"user"`     // "" where the server takes mail without
		Password string `yaml:"password"` // "file:mail.password" or "env:MAIL_PASSWORD"
		CA       string `yaml:"ca"`       // PEM file with the authorities that the server's certificate leads to; "": those of the machine
	} `yaml:"mail"`
	// Slack is the app that asks people there.
	Slack Slack `yaml:"slack"`
	// Webhooks are programs that are told of events.
	Webhooks []Webhook `yaml:"webhooks"`

	printed io.Writer // of `lockbox dev`: mails are lines there; nil: there is no such thing
}

// A Webhook is one receiver.
type Webhook struct {
	Name     string   `yaml:"name"`     // "siem"
	URL      string   `yaml:"url"`      // "https://siem.example.eu/lockbox"; http:// in development, to this machine
	Secrets  []string `yaml:"secrets"`  // references; each signs, the newest first, so that the receiver can change over; "whsec_…" as Standard Webhooks, or any bytes
	Kinds    []string `yaml:"kinds"`    // of events: "request.*", "grant.made"; none: all
	Customer string   `yaml:"customer"` // only what concerns this customer, without the others; "" all
	CA       string   `yaml:"ca"`       // PEM file with the authorities that its certificate leads to; "": those of the machine
	Allow    []string `yaml:"allow"`    // networks besides the public internet in which it may stand: "10.0.0.0/8"
}

// wanted says whether anybody is told.
func (n Notify) wanted() bool {
	return n.printed != nil || n.Mail.Server != "" || n.Slack.wanted() || len(n.Webhooks) > 0
}

// zone is that of the digests.
func (n Notify) zone() *time.Location {
	if at, err := time.LoadLocation(n.Zone); err == nil {
		return at
	}
	return time.UTC // checked before
}

func (n Notify) check(dev bool) error {
	if _, err := time.LoadLocation(n.Zone); err != nil || n.Zone == "Local" {
		return fmt.Errorf("notify.zone: %q is no time zone; write Europe/Copenhagen", n.Zone)
	}
	if err := n.Slack.check(); err != nil {
		return err
	}
	m := n.Mail
	if m.Server == "" && (m.TLS != "" || m.From != "" || m.User != "" || m.Password != "") {
		return errors.New("notify.mail.server is missing; write smtp.example.eu:465")
	}
	if m.Server != "" {
		switch {
		case m.TLS != "implicit" && m.TLS != "starttls":
			return fmt.Errorf("notify.mail.tls: %q is not one; write implicit (port 465) or starttls (port 587)", m.TLS)
		case !notify.Addressable(m.From):
			return fmt.Errorf("notify.mail.from: %q is no plain address; write lockbox@example.eu", m.From)
		case (m.User == "") != (m.Password == ""):
			return errors.New("notify.mail.user: user and password belong together")
		}
		if err := reference("notify.mail.password", m.Password, true); err != nil {
			return err
		}
	}
	names := map[string]bool{}
	for i, w := range n.Webhooks {
		if err := w.check(fmt.Sprintf("notify.webhooks[%d]", i), names, dev); err != nil {
			return err
		}
	}
	return nil
}

// check says what is wrong with a receiver, which stands at a place of the file, beside others.
func (w Webhook) check(at string, names map[string]bool, dev bool) error {
	switch {
	case w.Name == "" || strings.Trim(w.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		return fmt.Errorf("%s.name: %q is no name; use small letters, digits and -", at, w.Name)
	case names[w.Name]:
		return fmt.Errorf("%s.name: there are two of the name %s", at, w.Name)
	case !w.takes(dev):
		return fmt.Errorf("%s.url: it is not https, or holds a name or password; write https://siem.example.eu/lockbox", at)
	case len(w.Secrets) == 0:
		return fmt.Errorf("%s.secrets: it needs secrets; write [\"file:%s.secret\"]", at, w.Name)
	}
	names[w.Name] = true
	for _, s := range w.Secrets {
		if err := reference(at+".secrets", s, false); err != nil {
			return err
		}
	}
	if _, err := w.networks(); err != nil {
		return fmt.Errorf("%s.%w", at, err)
	}
	return nil
}

// takes says whether the url is one of a receiver: over TLS, or in development on this machine.
func (w Webhook) takes(dev bool) bool {
	u, err := url.Parse(w.URL)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && dev && loopback(net.JoinHostPort(u.Hostname(), "80"))
}

func (w Webhook) networks() (all []netip.Prefix, err error) {
	for _, text := range w.Allow {
		p, err := netip.ParsePrefix(text)
		if err != nil || p != p.Masked() || p.Addr().Is4In6() {
			return nil, fmt.Errorf("allow: %q is no network; write 10.0.0.0/8", text)
		}
		if p.Bits() < 7 {
			return nil, fmt.Errorf("allow: %s is far too much; name the network in which the receiver stands", text)
		}
		all = append(all, p)
	}
	return all, nil
}

// reference refuses a secret that stands where only a reference to it may. Its error does not repeat it.
func reference(field, s string, none bool) error {
	kind, name, ok := strings.Cut(s, ":")
	if s == "" && none || ok && name != "" && (kind == "file" || kind == "env") {
		return nil
	}
	return fmt.Errorf("%s: write file:PATH or env:NAME, never the secret itself", field)
}
