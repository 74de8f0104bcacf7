package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"lockbox/approvals/mail"
	"lockbox/approvals/webhook"
	"lockbox/gateway/outside"
)

// mailOptions are those that the configuration gives, with its secrets.
func (c Config) mailOptions() (o mail.Options, err error) {
	m := c.Notify.Mail
	o = mail.Options{Server: m.Server, Implicit: m.TLS == "implicit", From: m.From, User: m.User}
	password, err := c.secret("notify.mail.password", m.Password)
	if err != nil {
		return o, err
	}
	o.Password = mail.Secret(password)
	o.Roots, err = c.roots("notify.mail.ca", m.CA)
	return o, err
}

// hookOptions are those of one receiver, with its secrets; own is where the gateway listens.
func (c Config) hookOptions(i int, own func() []net.Addr) (o webhook.Options, err error) {
	w, at := c.Notify.Webhooks[i], fmt.Sprintf("notify.webhooks[%d]", i)
	o = webhook.Options{Name: w.Name, URL: w.URL, Customer: w.Customer, Source: c.URL, Now: time.Now, Dev: c.Mode == modeDevelopment}
	for _, ref := range w.Secrets {
		secret, err := c.secret(at+".secrets", ref)
		if err != nil {
			return o, err
		}
		o.Secrets = append(o.Secrets, webhook.Secret(secret))
	}
	allow, err := w.networks()
	if err != nil {
		return o, c.wrong("%s.%w", at, err)
	}
	o.May = outside.Public(own, allow)
	o.Roots, err = c.roots(at+".ca", w.CA)
	return o, err
}

// tryNotify reads every secret and certificate that notify refers to, and has the
// channels judge them, without telling anybody or asking a server.
func (c Config) tryNotify() error {
	var all []error
	if c.Notify.Mail.Server != "" {
		o, err := c.mailOptions()
		if err == nil {
			if _, err = mail.New(o); err != nil {
				err = c.wrong("notify.mail.%w", err)
			}
		}
		all = append(all, err)
	}
	if c.Notify.Slack.wanted() {
		o, err := c.Notify.Slack.options(c)
		if err == nil {
			if err = o.Check(); err != nil {
				err = c.wrong("notify.%s", strings.Replace(err.Error(), ": ", ".", 1))
			}
		}
		all = append(all, err)
	}
	for i := range c.Notify.Webhooks {
		o, err := c.hookOptions(i, func() []net.Addr { return nil })
		if err == nil {
			if _, err = webhook.New(o); err != nil {
				err = c.wrong("notify.webhooks[%d].%w", i, err)
			}
		}
		all = append(all, err)
	}
	if err := errors.Join(all...); err != nil {
		return &exit{exitUsage, err}
	}
	return nil
}

// lookAtNotify says whether what notify refers to is there.
func (c Config) lookAtNotify() []finding {
	if !c.Notify.wanted() {
		return nil
	}
	return []finding{judge("notify", "its secrets and certificates can be read", c.tryNotify())}
}

// roots reads the authorities in a file; nil for those of the machine.
func (c Config) roots(field, file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, c.wrong("%s: %w", field, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, c.wrong("%s: %s holds no certificate; it begins with -----BEGIN CERTIFICATE-----", field, file)
	}
	return pool, nil
}

const maxSecret = 4 << 10 // bytes

// secret reads what a reference names; "" of none.
func (c Config) secret(field, ref string) (string, error) {
	kind, name, _ := strings.Cut(ref, ":")
	switch kind {
	case "":
		return "", nil
	case "env":
		if s := os.Getenv(name); s != "" {
			return s, nil
		}
		return "", c.wrong("%s: the environment has no %s; set it before the gateway starts", field, name)
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(c.file), name)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return "", c.wrong("%s: %w; write the secret there, readable by the gateway alone", field, err)
	}
	s := strings.TrimRight(string(b), "\r\n")
	if s == "" || len(b) > maxSecret {
		return "", c.wrong("%s: %s holds no secret, or one that is too long", field, name)
	}
	return s, nil
}
