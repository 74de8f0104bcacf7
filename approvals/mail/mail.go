package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"lockbox/approvals/notify"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A Secret is never printed.
type Secret string

func (Secret) String() string { return "secret" }

// GoString is String.
func (Secret) GoString() string { return "secret" }

// Options say which server takes the mail.
type Options struct {
	Server   string // host:port
	Implicit bool   // TLS from the first byte, as on port 465; else STARTTLS, which the server must offer
	From     string // address
	User     string // "" where the server takes mail without
	Password Secret
	Roots    *x509.CertPool // that the server's certificate leads to; nil: the machine's

	Ledger *ledger.Ledger
	Teller Teller
	Words  *notify.Words
}

// A Teller says what a reader may be told.
type Teller interface {
	Story(ctx context.Context, n notify.Notice) (notify.Story, error)
}

// A Mail is the channel "mail".
type Mail struct {
	o      Options
	host   string
	port   int
	domain string // of From: what is behind the @ of every Message-ID
}

// Name is the channel's.
const Name = "mail"

const perStep = 20 * time.Second // for one command and its answer

// New checks the options. It connects to nothing.
func New(o Options) (*Mail, error) {
	host, port, err := net.SplitHostPort(o.Server)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	n, err := strconv.Atoi(port)
	switch {
	case err != nil || n < 1 || n > 65535 || host == "":
		return nil, fmt.Errorf("server: %q is not host:port", o.Server)
	case !notify.Addressable(o.From):
		return nil, fmt.Errorf("from: %q is no plain mail address; write lockbox@example.eu", o.From)
	case (o.User == "") != (o.Password == ""):
		return nil, errors.New("user and password belong together")
	}
	_, domain, _ := strings.Cut(o.From, "@")
	return &Mail{o: o, host: host, port: n, domain: domain}, nil
}

// Name is "mail".
func (m *Mail) Name() string { return Name }

// Address is where mail for the person goes; "" where it goes nowhere.
func (m *Mail) Address(tx *ledger.Tx, p policy.Principal) (string, error) {
	all, err := notify.Addresses(tx, p, "")
	if err != nil || len(all) == 0 {
		return "", err
	}
	return all[0], nil
}

// Send delivers the mail to the server, which is responsible for it from then on.
func (m *Mail) Send(ctx context.Context, n notify.Notice) error {
	s, err := m.o.Teller.Story(ctx, n)
	if err != nil {
		return err
	}
	var to []string
	err = m.o.Ledger.View(ctx, func(tx *ledger.Tx) error {
		to, err = notify.Addresses(tx, policy.Principal{ID: n.To}, n.Topic)
		return err
	})
	if err != nil {
		return err
	}
	if len(to) == 0 {
		return fmt.Errorf("%w: the person has no mail address", notify.ErrNever)
	}
	for i, at := range to {
		msg, err := m.message(n, s, at)
		if err != nil {
			return fmt.Errorf("%w: %w", notify.ErrNever, err)
		}
		if err := m.deliver(ctx, msg); err != nil && (i == 0 || !errors.Is(err, notify.ErrNever)) { // an address given up may be gone
			return err
		}
	}
	return nil
}

// deliver hands one message over. Whatever the server does, it ends with ctx.
func (m *Mail) deliver(ctx context.Context, msg *gomail.Msg) error {
	conf := &tls.Config{ServerName: m.host, RootCAs: m.o.Roots, MinVersion: tls.VersionTLS12}
	var raw net.Conn
	dial := func(ctx context.Context, network, addr string) (_ net.Conn, err error) {
		var d net.Dialer
		if raw, err = d.DialContext(ctx, network, addr); err != nil || !m.o.Implicit {
			return raw, err
		}
		c := tls.Client(raw, conf)
		if err := c.HandshakeContext(ctx); err != nil {
			_ = raw.Close() // it said nothing that counts
			return nil, err
		}
		return c, nil
	}
	opts := []gomail.Option{
		gomail.WithPort(m.port), gomail.WithTimeout(perStep), gomail.WithDialContextFunc(dial), gomail.WithTLSConfig(conf),
		gomail.WithHELO(m.domain), gomail.WithoutNoop(),
	}
	if m.o.Implicit {
		opts = append(opts, gomail.WithTLSPolicy(gomail.TLSOpportunistic)) // within TLS already
	} else {
		opts = append(opts, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if m.o.User != "" {
		opts = append(opts, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(m.o.User), gomail.WithPassword(string(m.o.Password)))
	}
	c, err := gomail.NewClient(m.host, opts...)
	if err != nil {
		return m.hide(err)
	}
	if err := c.DialWithContext(ctx); err != nil {
		if raw != nil {
			_ = raw.Close() // the library leaves it open
		}
		return m.hide(fmt.Errorf("connect to %s: %w", m.o.Server, err))
	}
	cut := context.AfterFunc(ctx, func() { _ = raw.Close() }) // it may wait for the server
	defer cut()
	defer raw.Close() // after QUIT, or instead of it
	if err := c.Send(msg); err != nil {
		return m.hide(m.refused(err))
	}
	_ = c.Close() // the server has taken it
	return nil
}

// refused says whether there is any use in coming back.
func (m *Mail) refused(err error) error {
	var e *gomail.SendError
	if !errors.As(err, &e) {
		return fmt.Errorf("send by %s: %w", m.o.Server, err)
	}
	code := e.ErrorCode()
	about := fmt.Errorf("%s answered %d %s (%s)", m.o.Server, code, e.EnhancedStatusCode(), e.Reason)
	theirs := e.Reason == gomail.ErrSMTPRcptTo || e.Reason == gomail.ErrSMTPDataClose || e.Reason == gomail.ErrSMTPData
	switch {
	case theirs && code >= 500 && code < 600:
		return fmt.Errorf("%w: %w", notify.ErrNever, about)
	case e.Reason == gomail.ErrSMTPRcptTo && code >= 400:
		return &notify.Later{After: 2 * time.Minute, Err: about} // of this reader alone
	}
	return about
}

// hide takes the password out of what a server or library says.
func (m *Mail) hide(err error) error {
	if m.o.Password == "" || !strings.Contains(err.Error(), string(m.o.Password)) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), string(m.o.Password), "secret"))
}
