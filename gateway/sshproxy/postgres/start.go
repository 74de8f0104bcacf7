package postgres

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Codes of a first message (PostgreSQL documentation, 55.7).
const (
	sslRequest    = 80877103
	gssEncRequest = 80877104
	cancelRequest = 80877102
)

// start answers the client until it begins a session, and begins the same with
// the server. It is over where the client only cancels.
func (r *relay) start(ctx context.Context) (over bool, err error) {
	for range 3 { // at most one request for each kind of encryption comes before
		b, code, err := r.first()
		if err != nil {
			return false, err
		}
		switch {
		case code == sslRequest && len(b) == 8, code == gssEncRequest && len(b) == 8:
			if _, err := r.client.Write([]byte{'N'}); err != nil {
				return false, err
			}
		case code == cancelRequest && len(b) >= 16 && len(b) <= 268: // 55.7: a key of 4 to 256 bytes
			return true, r.cancel(ctx, b)
		case code>>16 == 3:
			return false, r.begin(ctx, b)
		default:
			return false, refused("only PostgreSQL (protocol 3) goes through this tunnel, and this is something else")
		}
	}
	return false, refused("the client asks for encryption again and again")
}

// first reads a message that has no type.
func (r *relay) first() (b []byte, code uint32, err error) {
	var head [8]byte
	if _, err := io.ReadFull(r.from, head[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = refused("only PostgreSQL goes through this tunnel, and this is something else")
		}
		return nil, 0, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n < 8 || n > mostStart {
		return nil, 0, refused("only PostgreSQL goes through this tunnel, and this is something else")
	}
	b = append(head[:], make([]byte, n-8)...)
	_, err = io.ReadFull(r.from, b[8:])
	return b, binary.BigEndian.Uint32(b[4:]), err
}

// cancel passes on that a statement of another connection be stopped.
func (r *relay) cancel(ctx context.Context, b []byte) error {
	if err := r.Record(object{"op": "cancel", "process": binary.BigEndian.Uint32(b[8:])}); err != nil {
		return err
	}
	if err := r.encrypt(ctx); err != nil {
		return err
	}
	if _, err := r.server.Write(b); err != nil {
		return err
	}
	_ = r.server.CloseWrite()                                          // it may be closed already
	_, err := io.Copy(io.Discard, io.LimitReader(r.server, mostStart)) // it says nothing, and closes
	return err
}

// begin passes on the first message of a session.
func (r *relay) begin(ctx context.Context, b []byte) error {
	var m pgproto3.StartupMessage
	if err := m.Decode(b[4:]); err != nil {
		return refused("the first message is not as PostgreSQL has it")
	}
	switch strings.ToLower(m.Parameters["replication"]) {
	case "", "false", "off", "no", "0":
	default:
		return refused("replication is not open through this tunnel: what it copies is not in statements")
	}
	r.user, r.database = m.Parameters["user"], m.Parameters["database"]
	if r.database == "" {
		r.database = r.user
	}
	o := object{"op": "start", "database": utf8(r.database), "user": utf8(r.user)}
	if name := m.Parameters["application_name"]; name != "" {
		o["application"] = short(utf8(name), 200)
	}
	if options := m.Parameters["options"]; options != "" {
		o["options"] = short(utf8(options), 4096)
	}
	if err := r.Record(o); err != nil {
		return err
	}
	if err := r.encrypt(ctx); err != nil {
		return err
	}
	again, err := m.Encode(nil) // what was read, and nothing that was not: a name twice is there once
	if err != nil {
		return fmt.Errorf("write the first message: %w", err)
	}
	_, err = r.server.Write(again)
	return err
}

// greeting is how long a server has to agree on TLS.
const greeting = 10 * time.Second

// encrypt begins TLS with the server, where it is asked for.
func (r *relay) encrypt(ctx context.Context) error {
	host, _, err := net.SplitHostPort(r.Server)
	switch {
	case r.TLS == "off":
		return nil
	case err != nil || r.TLS != "require" && r.TLS != "verify":
		return refused("the gateway does not know how to speak to %s", r.Server)
	}
	ctx, stop := context.WithTimeout(ctx, greeting)
	defer stop()
	defer context.AfterFunc(ctx, func() { _ = r.server.Close() })()
	answer := []byte{0}
	if _, err := r.server.Write(binary.BigEndian.AppendUint32([]byte{0, 0, 0, 8}, sslRequest)); err != nil {
		return err
	}
	// One byte and no more: what came with it would be plain text that passes for encrypted (CVE-2021-23222).
	if _, err := io.ReadFull(r.server, answer); err != nil {
		return refused("%s closed the connection when it was asked for TLS", r.Server)
	}
	if answer[0] != 'S' {
		return refused("%s does not speak TLS, and the rule wants it (target_tls: %s)", r.Server, r.TLS)
	}
	conn := tls.Client(socket{r.server}, &tls.Config{ServerName: host, InsecureSkipVerify: r.TLS == "require", MinVersion: tls.VersionTLS12})
	if err := conn.HandshakeContext(ctx); err != nil {
		return refused("no TLS with %s: %v", r.Server, err)
	}
	r.server = conn
	return nil
}

// A socket is a Conn as crypto/tls wants it; it has no deadlines.
type socket struct{ Conn }

func (socket) LocalAddr() net.Addr              { return nowhere{} }
func (socket) RemoteAddr() net.Addr             { return nowhere{} }
func (socket) SetDeadline(time.Time) error      { return nil }
func (socket) SetReadDeadline(time.Time) error  { return nil }
func (socket) SetWriteDeadline(time.Time) error { return nil }

type nowhere struct{}

func (nowhere) Network() string { return "ssh" }
func (nowhere) String() string  { return "tunnel" }

// unbound is an offer of SASL without those ways that bind to a TLS channel.
func unbound(body []byte) ([]byte, error) {
	var m pgproto3.AuthenticationSASL
	if err := m.Decode(body); err != nil {
		return nil, err
	}
	m.AuthMechanisms = slices.DeleteFunc(m.AuthMechanisms, func(name string) bool { return strings.HasSuffix(name, "-PLUS") })
	return m.Encode(nil)
}
