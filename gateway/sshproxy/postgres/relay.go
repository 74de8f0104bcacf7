package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// A Conn is one side. Close makes Read and Write return.
type Conn interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// Options say how a connection is read along.
type Options struct {
	TLS    string // towards the server: "require", "verify" (its name, by the roots of this machine) or "off"
	Server string // host:port
	Record func(any) error
	Asked  func()           // hears of each statement that is to be run; nil: nobody does
	Now    func() time.Time // nil: time.Now
}

// Refused is why a connection was ended by us; the client is told.
type Refused struct{ Why string }

func (r *Refused) Error() string { return r.Why }

func refused(format string, args ...any) error { return &Refused{fmt.Sprintf(format, args...)} }

// Bounds of what is kept in memory.
const (
	mostStart = 16 << 10 // bytes of the first message
	mostBody  = 1 << 20  // bytes of a message that is decoded
	mostFrame = 1 << 30  // bytes of any other, as the server has it
	mostNamed = 1000     // prepared statements, and portals, whose text is kept
)

// A relay is one connection.
type relay struct {
	Options
	client Conn
	server Conn
	from   *bufio.Reader // the client
	back   *bufio.Reader // the server
	to     *bufio.Writer // the server
	out    *bufio.Writer // the client

	database, user string
	queue          queue
	named          map[string]statement // by name
	portals        map[string]portal
	open           atomic.Bool // the client has proven who it is

	mu  sync.Mutex // guards why
	why error
}

// Relay passes messages both ways until one side is done or ctx ends, and closes
// both. Its error is a *Refused where it was us who ended it.
func Relay(ctx context.Context, client, server Conn, o Options) error {
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &relay{
		Options: o, client: client, server: server, named: map[string]statement{}, portals: map[string]portal{},
		from: bufio.NewReaderSize(client, 32<<10), out: bufio.NewWriterSize(client, 32<<10),
	}
	shut := func() {
		_ = server.Close() // they may be closed already
		_ = client.Close()
	}
	defer context.AfterFunc(ctx, shut)()
	defer shut()
	over, err := r.start(ctx)
	var no *Refused
	switch {
	case errors.As(err, &no):
		r.fatal(no.Why)
	case err == nil && !over:
		err = r.run()
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || ctx.Err() != nil {
		return nil
	}
	return err
}

// run passes messages both ways.
func (r *relay) run() error {
	r.back, r.to = bufio.NewReaderSize(r.server, 32<<10), bufio.NewWriterSize(r.server, 32<<10)
	var asking sync.WaitGroup
	asking.Go(func() {
		err := r.safely(r.asked)
		r.ends(err)
		if err == nil {
			_ = r.server.CloseWrite() // it says what it still has to
			return
		}
		_ = r.server.Close()
	})
	r.ends(r.safely(r.answered))
	_ = r.server.Close()
	_ = r.out.Flush() // who is gone reads nothing
	err := r.ends(nil)
	var no *Refused
	if errors.As(err, &no) {
		r.fatal(no.Why)
	}
	_ = r.client.Close()
	asking.Wait()
	return err
}

// ends keeps the first reason, and gives it.
func (r *relay) ends(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.why == nil {
		r.why = err
	}
	return r.why
}

// safely turns a panic into an error.
func (r *relay) safely(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("read messages: panic: %v\n%s", p, debug.Stack())
		}
	}()
	return do()
}

// fatal tells the client why it ends.
func (r *relay) fatal(why string) {
	e := &pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: "0A000", Message: "lockbox: " + why}
	if b, err := e.Encode(nil); err == nil {
		_, _ = r.out.Write(b)
		_ = r.out.Flush() // who is gone reads nothing
	}
}
