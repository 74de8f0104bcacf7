package httpproxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// lines are connections to a target for requests that have no body and change
// nothing, each spoken to by the goroutine that has the request: http.Transport
// takes two more, and twice the time. What is read is read by net/http.
type lines struct {
	dial   func(context.Context) (net.Conn, error)
	answer time.Duration // how long an answer may take to begin

	mu     sync.Mutex
	idle   []*line // the one that was used last is the last
	broom  *time.Timer
	closed bool
}

// A line is one connection; one request is on it at a time.
type line struct {
	net.Conn
	raw   syscall.RawConn
	in    *bufio.Reader
	left  int64 // bytes that may be read
	out   []byte
	since time.Time // it is idle

	peek  func(fd uintptr) bool
	quiet bool // what peek found
}

func (l *line) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errLongHead
	}
	n, err := l.Conn.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

var (
	errLongHead = errors.New("the head of the answer is too long")
	errHead     = errors.New("the head of the request cannot be written")
)

// ask sends a request, whose header holds what goes to the target and nothing
// of this connection. The body of the answer must be closed.
func (s *lines) ask(ctx context.Context, r *http.Request, c *climb) (*http.Response, error) {
	for {
		l, err := s.take(ctx)
		if err != nil {
			return nil, err
		}
		used := l.since
		c.got(used.IsZero())
		res, begun, err := s.on(ctx, l, r, c)
		if err == nil {
			return res, nil
		}
		_ = l.Close() // nobody knows what state it is in
		var late net.Error
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if begun || used.IsZero() || errors.As(err, &late) && late.Timeout() || errors.Is(err, errHead) {
			return nil, err
		}
		// The target closed it meanwhile. The request changes nothing, so it may ask again.
	}
}

// on asks on a line. begun says whether something of an answer came.
func (s *lines) on(ctx context.Context, l *line, r *http.Request, c *climb) (res *http.Response, begun bool, err error) {
	untie := context.AfterFunc(ctx, func() { _ = l.Close() }) // whoever waits on it hears
	defer func() {
		if err != nil {
			untie()
		}
	}()
	if l.out, err = appendHead(l.out[:0], r); err != nil {
		return nil, false, err
	}
	if _, err := l.Write(l.out); err != nil {
		return nil, false, err
	}
	c.wrote()
	l.left = replyHeadMost
	if _, err := l.in.Peek(1); err != nil {
		return nil, false, err
	}
	for {
		if res, err = http.ReadResponse(l.in, r); err != nil {
			return nil, true, err
		}
		if res.StatusCode/100 != 1 || res.StatusCode == http.StatusSwitchingProtocols {
			l.left = math.MaxInt64
			if res.ContentLength < 0 || res.ContentLength > int64(l.in.Buffered()) { // the rest takes as long as it takes, see exchange
				err = l.SetReadDeadline(time.Time{})
			}
			b := &rest{body: res.Body, of: s, on: l, again: !res.Close && res.StatusCode >= 200, untie: untie}
			if b.over = res.Body == http.NoBody; b.over {
				b.let(true)
			}
			res.Body = b
			return res, true, err
		}
	} // one that says over and over that it will answer (1xx) comes to the end of l.left
}

// A rest is the body of an answer. Once it was read to its end its line is free.
type rest struct {
	body  io.ReadCloser
	of    *lines
	on    *line
	again bool
	untie func() bool
	over  bool
}

func (b *rest) Read(p []byte) (int, error) {
	if b.over {
		return 0, io.EOF
	}
	n, err := b.body.Read(p)
	if err != nil && !b.over {
		b.over = true
		b.let(errors.Is(err, io.EOF))
	}
	return n, err
}

func (b *rest) Close() error {
	if b.over {
		return nil
	}
	b.over = true
	b.let(false)
	return nil
}

// waits says whether the target has to say more before there is anything to read.
func (b *rest) waits() bool {
	if b.over {
		return false
	}
	at, err := b.on.in.Peek(b.on.in.Buffered())
	return err != nil || !bytes.ContainsRune(at, '\n')
}

// let has the line serve another request, if it can.
func (b *rest) let(whole bool) {
	if b.untie() && whole && b.again && b.on.in.Buffered() == 0 {
		b.of.keep(b.on)
		return
	}
	_ = b.on.Close() // all that is wanted came
}

// take gives a line that is idle, or a new one.
func (s *lines) take(ctx context.Context) (*line, error) {
	until := time.Now().Add(s.answer)
	for l := s.last(); l != nil; l = s.last() {
		if l.SetReadDeadline(until) == nil && l.silent() {
			return l, nil
		}
		_ = l.Close() // the target did, or says what nobody asked for
	}
	c, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	l := &line{Conn: c}
	l.in = bufio.NewReader(l)
	l.peek = func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		l.quiet = errors.Is(err, syscall.EAGAIN)
		return true
	}
	tcp, ok := c.(syscall.Conn)
	if !ok {
		return nil, errors.Join(errors.New("it is no connection of the system's"), c.Close())
	}
	if l.raw, err = tcp.SyscallConn(); err == nil {
		err = l.SetReadDeadline(time.Now().Add(s.answer))
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return l, nil
}

func (s *lines) last() *line {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.idle)
	if n == 0 {
		return nil
	}
	l := s.idle[n-1]
	s.idle[n-1] = nil
	s.idle = s.idle[:n-1]
	return l
}

// silent says whether the line is open and nothing came on it: it would be read
// as the answer to what is asked next.
func (l *line) silent() bool {
	l.quiet = false
	return l.raw.Read(l.peek) == nil && l.quiet
}

// keep takes a line back.
func (s *lines) keep(l *line) {
	l.since = time.Now()
	if cap(l.out) > replyHeadMost/8 {
		l.out = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.idle) >= keptMost {
		_ = l.Close() // there are enough
		return
	}
	s.idle = append(s.idle, l)
	if s.broom == nil {
		s.broom = time.AfterFunc(keptOpen, s.sweep)
	}
}

// sweep closes what was idle for long.
func (s *lines) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := 0
	for _, l := range s.idle {
		if time.Since(l.since) < keptOpen {
			break
		}
		_ = l.Close() // nobody needs it
		old++
	}
	s.idle = append(s.idle[:0:0], s.idle[old:]...)
	if s.broom = nil; len(s.idle) > 0 && !s.closed {
		s.broom = time.AfterFunc(keptOpen-time.Since(s.idle[0].since), s.sweep)
	}
}

// close closes what is idle, and what will be.
func (s *lines) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, l := range s.idle {
		_ = l.Close() // nobody needs it
	}
	s.idle = nil
	if s.broom != nil {
		s.broom.Stop()
	}
}

// appendHead writes the head of a request without a body.
func appendHead(b []byte, r *http.Request) ([]byte, error) {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	path := r.URL.RequestURI()
	if !oneLine(host) || strings.ContainsAny(host, " \t") || !oneLine(path) || strings.ContainsAny(path, " \t") {
		return b, fmt.Errorf("%w: its address", errHead)
	}
	b = append(append(append(b, r.Method...), ' '), path...)
	b = append(append(b, " HTTP/1.1\r\nHost: "...), host...)
	for name, values := range r.Header {
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding", "Trailer", "Connection": // said above, or there is none
			continue
		}
		if !spelled(name) {
			return b, fmt.Errorf("%w: the name of a field", errHead)
		}
		for _, v := range values {
			if v == "" && name == "User-Agent" { // as net/http has it
				continue
			}
			if !oneLine(v) {
				return b, fmt.Errorf("%w: the field %s", errHead, name)
			}
			b = append(append(append(append(b, "\r\n"...), name...), ": "...), v...)
		}
	}
	return append(b, "\r\n\r\n"...), nil
}

// oneLine says whether a text ends no line, nor holds any other control character but tab.
func oneLine(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// spelled says whether a text is the name of a field, as spoken has them.
func spelled(name string) bool {
	for i := range len(name) {
		if c := name[i]; c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return name != ""
}
