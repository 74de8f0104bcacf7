package httpproxy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"lockbox/policy"
	"lockbox/recorder/requests"
)

// A call is one request at the door, whoever it is from.
type call struct {
	door   *Door
	id     string
	at     time.Time
	take   time.Time // until when the client has to take something; zero: as long as it likes
	w      *answered
	r      *http.Request
	target *policy.Target
	seat   *seat
	line   requests.Line
}

// serve answers one request.
func (d *Door) serve(w http.ResponseWriter, r *http.Request) {
	c := &call{door: d, id: newID(), at: time.Now(), w: &answered{ResponseWriter: w}, r: r}
	w.Header().Set(requestID, c.id)
	if r.ProtoMajor == 1 { // what was set for the request before holds on
		c.take = c.at.Add(takeMost)
		_ = http.NewResponseController(w).SetWriteDeadline(c.take)
	}
	if r.Body != nil && r.Body != http.NoBody { // of HTTP/1: else an answer waits for it
		_ = http.NewResponseController(w).SetReadDeadline(c.at.Add(sendMost))
		_ = http.NewResponseController(w).EnableFullDuplex()
		if r.ProtoMajor == 1 && r.ContentLength < 0 {
			c.w.body = &chunks{ReadCloser: r.Body}
			r.Body = c.w.body
		}
	}
	defer c.log()
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p) // the connection is cut, and nothing is said of it
		default:
			d.Report(fmt.Errorf("request %s: panic: %v\n%s", c.id, p, debug.Stack()))
			panic(http.ErrAbortHandler)
		}
	}()
	if !c.sound() || c.own() {
		return
	}
	s, gone := d.seats.of(d.site.read(r, seatCookie), c.target.Name)
	if s == nil {
		c.strange(gone)
		return
	}
	c.seat = s
	c.exchange()
}

func methods() []string {
	return []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
}

// sound answers what is not a request to an application as browsers write them.
func (c *call) sound() bool {
	if !slices.Contains(methods(), c.r.Method) {
		c.w.Header().Set("Allow", strings.Join(methods(), ", "))
		c.refuse(refusal{status: http.StatusMethodNotAllowed, code: policy.ByPolicy, why: "the method %s does not pass here", args: []string{clip(c.r.Method)}})
		return false
	}
	if c.target = c.door.application(c.r.Host); c.target == nil {
		c.refuse(refusal{status: http.StatusMisdirectedRequest, code: policy.NoTarget, why: "there is no application of that name here"})
		return false
	}
	why := wrongURL(c.r)
	if why == "" {
		why = wrongHeader(c.r)
	}
	if why != "" {
		c.refuse(refusal{status: http.StatusBadRequest, code: policy.ByPolicy, why: why})
		return false
	}
	return true
}

func clip(s string) string { return s[:min(len(s), 20)] }

// log tells operators of the request.
func (c *call) log() {
	l := &c.line
	l.At, l.ID, l.From, l.Method, l.Path = c.at.UTC(), c.id, source(c.r), c.r.Method, c.r.URL.EscapedPath()
	if c.target != nil {
		l.Target = c.target.Name
	}
	if c.seat != nil {
		l.Who, l.Session = c.seat.visit.Session.Who.ID, c.seat.visit.Session.ID
	} else {
		l.Out = c.w.bytes
	}
	if l.Outcome == "" {
		l.Outcome = "done"
	}
	l.Status, l.Milli = c.w.status, float64(time.Since(c.at).Microseconds())/1000
	c.door.answered[min(max(l.Status/100, 0), 5)].Add(1)
	c.door.Requests.Add(*l)
}

// An answered notes what is answered. What a target says before its answer (1xx)
// is not passed on: nothing of it would be recorded.
type answered struct {
	http.ResponseWriter
	status int
	bytes  int64
	body   *chunks // of the request; nil where it has none, or its length is known
}

// chunks notes whether a body that comes in chunks was read to its end. Where an
// answer begins before that, or it is cut in chunks as nobody may, what follows
// on the connection may be no request: in full duplex net/http does not see to
// it, and would read on.
type chunks struct {
	io.ReadCloser
	whole atomic.Bool
}

func (b *chunks) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.whole.Store(true)
	}
	return n, err
}

// Unwrap is for http.ResponseController.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answered) WriteHeader(status int) {
	if status < 200 {
		return
	}
	if a.status == 0 {
		a.status = status
		a.last()
	}
	a.ResponseWriter.WriteHeader(status)
}

// last lets no request follow on the connection where the body may not be whole.
func (a *answered) last() {
	if a.body != nil && !a.body.whole.Load() {
		a.Header().Set("Connection", "close")
	}
}

func (a *answered) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
		a.last()
	}
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}
