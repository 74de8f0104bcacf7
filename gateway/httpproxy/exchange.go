package httpproxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"lockbox/gateway"
	"lockbox/policy"
)

// An exchange is one request under way in a session, and its answer.
type exchange struct {
	call     *call
	seat     *seat
	target   *policy.Target
	take     *take
	may      policy.Decision
	bare     *http.ResponseController
	identity string
	up       *upload // nil: there is no body
	headed   bool    // the head of the answer is recorded

	ctx  context.Context
	stop context.CancelCauseFunc

	mu    sync.Mutex // guards the next two, and that nothing is cut once it is free
	free  bool
	watch *time.Timer

	moved   atomic.Int64 // when something last passed, ns since 1970
	read    time.Time    // until when the client has to send something; of who reads
	wrote   time.Time    // until when it has to take something; of who writes
	outcome atomic.Pointer[string]
	trailer http.Header
}

// How long a client may keep us waiting for a piece of a body, or for room to
// send one.
const (
	sendMost = 30 * time.Second
	takeMost = 60 * time.Second
)

// held has an exchange cut when nothing moves for too long, or its visit ends,
// see seat.begin. After the returned function nothing is.
func (x *exchange) held(r *http.Request) (release func()) {
	x.ctx, x.stop = context.WithCancelCause(r.Context())
	x.moves()
	silent := orMost(x.target.Web.Silent, policy.SilentDefault)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.watch = time.AfterFunc(silent, func() { x.silence(silent) })
	return func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.free = true
		x.watch.Stop()
		x.stop(nil)
	}
}

// silence cuts an exchange in which nothing moved for so long.
func (x *exchange) silence(most time.Duration) {
	if left := most - time.Since(time.Unix(0, x.moved.Load())); left > 0 {
		x.mu.Lock()
		defer x.mu.Unlock()
		if !x.free {
			x.watch.Reset(left)
		}
		return
	}
	x.says("target failed: silent")
	x.sever(errSilent)
}

var errSilent = errors.New("nothing moved for too long")

// parting is how long there is to say why something was cut.
const parting = 250 * time.Millisecond

// sever ends what is under way: nothing waits for the client, or the target.
func (x *exchange) sever(why error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.free {
		return
	}
	x.stop(why)
	soon := time.Now().Add(parting)
	_ = x.bare.SetReadDeadline(soon)  // where it cannot, the context does
	_ = x.bare.SetWriteDeadline(soon) // as above
}

// moves notes that something passed.
func (x *exchange) moves() {
	now := time.Now().UnixNano()
	x.moved.Store(now)
	x.seat.used.Store(now)
}

// says is what came of it; the first word stays.
func (x *exchange) says(outcome string) { x.outcome.CompareAndSwap(nil, &outcome) }

// ended is the outcome in a word or two.
func (x *exchange) ended(r *http.Request) string {
	if end := (*gateway.Ending)(nil); errors.As(context.Cause(x.seat.visit.Context()), &end) && end.Code != "" {
		return string(end.Code)
	}
	if s := x.outcome.Load(); s != nil {
		return *s
	}
	if r.Context().Err() != nil {
		return "client gone"
	}
	return "done"
}

// unrecorded ends the visit: what passes could not be written down.
func (x *exchange) unrecorded(err error) error {
	v := x.seat.visit
	if v.Context().Err() == nil {
		v.End(&gateway.Ending{Code: gateway.NoRecorder, Why: "the recorder cannot write any more, so the session ends"})
		x.seat.door.Report(err)
	}
	return errUnrecorded
}

var (
	errUnrecorded = errors.New("it could not be recorded")
	errTooLarge   = errors.New("the body is larger than the rule allows")
	errClient     = errors.New("the client sends no more")
)

// An upload is the body of a request on its way up: held back while nothing may
// pass, bounded, recorded, and never waited for too long.
type upload struct {
	x    *exchange
	body io.ReadCloser
	left int64 // -1: no bound
	in   *http.Request
	out  http.Header // trailers that go up
}

func (u *upload) Read(p []byte) (int, error) {
	if now := time.Now(); u.x.read.Sub(now) < sendMost-time.Second {
		u.x.read = now.Add(sendMost)
		_ = u.x.bare.SetReadDeadline(u.x.read) // HTTP/1 and 2 can
	}
	n, err := u.body.Read(p)
	if u.left >= 0 {
		if int64(n) > u.left {
			u.x.says("refused")
			return 0, errTooLarge
		}
		u.left -= int64(n)
	}
	if n > 0 {
		if e := u.x.pass(u.x.take.up, p[:n]); e != nil {
			return 0, e
		}
	}
	if err == nil {
		return n, nil
	}
	if errors.Is(err, io.EOF) {
		_ = u.x.bare.SetReadDeadline(time.Time{}) // who waits behind the body for a sign of life waits as long as it takes
		for name := range u.out {                 // announced, and harmless
			u.out[name] = u.in.Trailer[name]
		}
		return n, io.EOF
	}
	u.x.says("client gone")
	return n, errClient
}

func (u *upload) Close() error { return u.body.Close() }

// pass holds a piece back while nothing may pass, and records it.
func (x *exchange) pass(record func([]byte) error, p []byte) error {
	if err := x.seat.visit.Gate(x.ctx); err != nil {
		return err
	}
	if err := record(p); err != nil {
		return x.unrecorded(err)
	}
	if len(p) > 0 {
		x.moves()
	}
	return nil
}

// A download is the body of an answer on its way down.
type download struct {
	x    *exchange
	body io.ReadCloser
	res  *http.Response
}

func (d *download) Read(p []byte) (int, error) {
	n, err := d.body.Read(p)
	if n > 0 {
		if e := d.x.pass(d.x.take.down, p[:n]); e != nil {
			return 0, e
		}
		if now := time.Now(); d.x.wrote.Sub(now) < takeMost-time.Second {
			d.x.wrote = now.Add(takeMost)
			_ = d.x.bare.SetWriteDeadline(d.x.wrote) // HTTP/1 and 2 can
		}
	}
	if errors.Is(err, io.EOF) {
		trail(d.res.Trailer)
		d.x.trailer = d.res.Trailer
	} else if err != nil {
		d.x.says("target failed: it broke off")
	}
	return n, err
}

func (d *download) Close() error { return d.body.Close() }
