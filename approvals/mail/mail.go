package mail

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"lockbox/approvals/notify"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A Secret is never printed.
type Secret = notify.Secret

// Options say which server takes the mail.
type Options struct {
	Server   string // host:port
	Implicit bool   // TLS from the first byte, as on port 465; else STARTTLS, which the server must offer
	From     string // address
	User     string // "" where the server takes mail without
	Password Secret
	Roots    *x509.CertPool // that the server's certificate leads to; nil: the machine's
	Key      []byte         // that the ids of mails are made with, so that nobody guesses them; none: one of this process

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
	o      Options // without password and key
	secret func() (password string, key []byte)
	host   string
	port   int
	domain string // of From: what is behind the @ of every Message-ID
}

// Name is the channel's.
const Name = "mail"

const (
	perStep   = 20 * time.Second // until the server knows us, and then again for the mail
	mostHeard = 256 << 10        // bytes of a connection, with what TLS takes
)

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
	if len(o.Key) == 0 {
		o.Key = make([]byte, 32)
		_, _ = rand.Read(o.Key) // never fails
	}
	password, key := string(o.Password), o.Key
	o.Password, o.Key = "", nil
	_, domain, _ := strings.Cut(o.From, "@")
	return &Mail{o: o, secret: func() (string, []byte) { return password, key }, host: host, port: n, domain: domain}, nil
}

// Format says where mail goes, and nothing that is secret.
func (m *Mail) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "mail by "+m.o.Server) } // fmt has nowhere to report to

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
	at, stop := context.WithTimeout(ctx, perStep)
	defer stop()
	raw, err := new(net.Dialer).DialContext(at, "tcp", m.o.Server)
	if err != nil {
		return m.failed("connect to", err)
	}
	defer raw.Close() // after QUIT, or instead of it
	cut := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer cut()
	conf := &tls.Config{ServerName: m.host, RootCAs: m.o.Roots, MinVersion: tls.VersionTLS12}
	var conn net.Conn = &meter{Conn: raw, left: mostHeard}
	policy := gomail.TLSMandatory
	if m.o.Implicit {
		c := tls.Client(conn, conf)
		if err := c.HandshakeContext(at); err != nil {
			return m.failed("connect to", err)
		}
		conn, policy = c, gomail.TLSOpportunistic // it is within TLS already
	}
	c, err := gomail.NewClient(m.host, m.options(conn, conf, policy)...)
	if err != nil {
		return m.failed("speak to", err)
	}
	if err := c.DialWithContext(ctx); err != nil {
		return m.failed("sign in at", err)
	}
	if err := c.Send(msg); err != nil {
		return m.refused(err)
	}
	_ = c.Close() // the server has taken it
	return nil
}

func (m *Mail) options(conn net.Conn, conf *tls.Config, policy gomail.TLSPolicy) []gomail.Option {
	dialled := func(context.Context, string, string) (net.Conn, error) { return conn, nil }
	all := []gomail.Option{
		gomail.WithPort(m.port), gomail.WithTimeout(perStep), gomail.WithDialContextFunc(dialled), gomail.WithTLSConfig(conf),
		gomail.WithTLSPolicy(policy), gomail.WithHELO(m.domain), gomail.WithoutNoop(),
	}
	if password, _ := m.secret(); m.o.User != "" {
		all = append(all, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(m.o.User), gomail.WithPassword(password))
	}
	return all
}

// A meter ends what a server says that does not stop talking.
type meter struct {
	net.Conn
	left int // bytes
}

// Read is that of the connection, until enough was heard.
func (c *meter) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, fmt.Errorf("the server said more than %d bytes", mostHeard)
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

// refused says whether there is any use in coming back.
func (m *Mail) refused(err error) error {
	var e *gomail.SendError
	if !errors.As(err, &e) || e.ErrorCode() == 0 {
		return m.failed("send by", err)
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

// failed says what went wrong, but not in the server's words: they may repeat the
// password, and hold anything.
func (m *Mail) failed(doing string, err error) error {
	var theirs *textproto.Error
	var odd textproto.ProtocolError
	var send *gomail.SendError
	var op *net.OpError
	switch {
	case errors.As(err, &theirs):
		return fmt.Errorf("%s %s: it answered %d", doing, m.o.Server, theirs.Code)
	case errors.As(err, &odd):
		return fmt.Errorf("%s %s: what it answered is no SMTP", doing, m.o.Server)
	case errors.As(err, &send):
		return fmt.Errorf("%s %s: the connection ended (%s)", doing, m.o.Server, send.Reason)
	case errors.As(err, &op) && op.Op == "remote error": // the server's alert
		return fmt.Errorf("%s %s: TLS: %w", doing, m.o.Server, op.Err)
	}
	return m.hide(fmt.Errorf("%s %s: %w", doing, m.o.Server, err))
}

// hide takes the password out of what a library says.
func (m *Mail) hide(err error) error {
	password, _ := m.secret()
	if password == "" || !strings.Contains(err.Error(), password) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), password, "secret"))
}
