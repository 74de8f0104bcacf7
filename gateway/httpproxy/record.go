package httpproxy

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/recorder"
)

// A reel is the record of one visit: the track that all its exchanges are on.
type reel struct {
	track   *recorder.Track
	put     func(object any) error // of the track
	rule    policy.Recording
	full    bool // bodies and frames are kept
	now     func() time.Time
	secrets []string
	last    atomic.Uint64 // number of the newest exchange

	changing, sockets, up, down atomic.Int64 // exchanges that may change something, WebSockets, bytes of those that are over
}

// newReel begins the track of a visit to a target. It comes before anything is passed on.
func newReel(v *gateway.Visit, now func() time.Time, to *policy.Target) (*reel, error) {
	rule := v.Decision().Recording
	t, err := v.Track(recorder.Header{Kind: "http", Command: v.Session.Target, Bulk: rule.Bulk, Strict: rule.Strict, Redact: rule.Redact})
	if err != nil {
		return nil, fmt.Errorf("record what passes: %w", err)
	}
	var secrets []string
	if to != nil { // the policy may have changed meanwhile
		secrets = to.Web.Secrets
	}
	r := reelOf(t, rule, now, secrets)
	v.Counts(r.counts)
	return r, nil
}

// reelOf has the values of such names not written down, besides those that are known.
func reelOf(t *recorder.Track, rule policy.Recording, now func() time.Time, secrets []string) *reel {
	r := &reel{track: t, put: t.Object, rule: rule, full: rule.HTTP == "full", now: now}
	for _, name := range secrets {
		r.secrets = append(r.secrets, plainName(name))
	}
	return r
}

// counts are for the event of the end.
func (r *reel) counts() map[string]string {
	m := map[string]string{"requests": strconv.FormatUint(r.last.Load(), 10)}
	for name, n := range map[string]*atomic.Int64{"changing": &r.changing, "websockets": &r.sockets, "bytes-up": &r.up, "bytes-down": &r.down} {
		if n.Load() > 0 {
			m[name] = strconv.FormatInt(n.Load(), 10)
		}
	}
	return m
}

// close ends the track.
func (r *reel) close() error { return r.track.Close() }

// plain takes out of a request, where bodies are kept, what would have them come
// so that they cannot be read: compressed. It is for the header that goes up.
func (r *reel) plain(h http.Header) {
	if r.full {
		h.Del("Sec-Websocket-Extensions")
		h.Set("Accept-Encoding", "identity")
	}
}

// An asked is a request as the browser sent it.
type asked struct {
	ID     string // correlation id
	From   netip.Addr
	Method string
	URL    string // path and query
	Proto  string
	Host   string
	Scheme string      // "" is https
	Header http.Header // is read before begin returns
}

// A take is the record of one exchange. up and down may be called at the same
// time; after an error of any method nothing may pass.
type take struct {
	r     *reel
	n     uint64
	began time.Time
	in    flow
	out   flow
	climb climb
	told  atomic.Int64 // when the last object about it was written, a time.Duration since began

	mu    sync.Mutex            // guards the rest
	start *recorder.HTTPRequest // that is not written down yet; nil: it is
	over  bool
}

// begin takes a request. One that may change something is written down before
// it goes up, any other with the head of its answer.
func (r *reel) begin(a asked) (*take, error) {
	t := &take{r: r, n: r.last.Add(1), began: r.now(), start: r.request(a)}
	t.climb.began, t.climb.now = t.began, r.now
	t.in.t, t.in.from = t, recorder.FromClient
	t.out.t, t.out.from = t, recorder.FromServer
	if r.full {
		t.in.keep = r.keeper(t, recorder.FromClient, a.Header)
	}
	if !changes(a) {
		return t, nil
	}
	r.changing.Add(1)
	o := recorder.HTTPObject{Op: recorder.HTTPExchange, N: t.n, Request: t.start}
	t.start = nil
	return t, t.write(&o)
}

// changes says whether a request may change something.
func changes(a asked) bool {
	switch a.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return a.Header.Get("Upgrade") != ""
	}
	return true
}

// head takes the head of the answer, before the client sees it: with proto "" it
// is the door's own. After 101 what up and down take are WebSocket frames.
func (t *take) head(status int, proto string, h http.Header) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := recorder.HTTPObject{Op: recorder.HTTPExchange, N: t.n, Request: t.start, Response: t.r.response(status, proto, h)}
	o.Response.Head = millis(t.r.now().Sub(t.began))
	t.climb.tell(o.Response)
	t.start = nil
	switch {
	case status == http.StatusSwitchingProtocols:
		t.r.sockets.Add(1)
		t.in.upgrade(strings.EqualFold(h.Get("Upgrade"), "websocket"))
		t.out.upgrade(strings.EqualFold(h.Get("Upgrade"), "websocket"))
	case t.r.full:
		t.out.keep = t.r.keeper(t, recorder.FromServer, h)
	}
	return t.write(&o)
}

// up takes a piece of the request's body, before it goes up.
func (t *take) up(p []byte) error { return t.in.take(p) }

// down takes a piece of the response's body, before it goes down.
func (t *take) down(p []byte) error { return t.out.take(p) }

// end takes what came of it; a further call does nothing. up and down are not
// called any more.
func (t *take) end(outcome string, trailer http.Header) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return nil
	}
	t.over = true
	o := recorder.HTTPObject{Op: recorder.HTTPEnd, N: t.n, Request: t.start, Outcome: outcome}
	var in, out error
	o.In, in = t.in.end()
	o.Out, out = t.out.end()
	o.Milli = millis(t.r.now().Sub(t.began))
	o.Trailer, _ = t.r.header(trailer)
	t.r.up.Add(t.in.bytes.Load())
	t.r.down.Add(t.out.bytes.Load())
	return errors.Join(in, out, t.write(&o))
}

// sizes are the bytes of the bodies, or after 101 of what passed.
func (t *take) sizes() (up, down int64) { return t.in.bytes.Load(), t.out.bytes.Load() }

// write writes an object down. Of a head that is too long, what is left is
// what says most.
func (t *take) write(o *recorder.HTTPObject) error {
	t.told.Store(int64(t.r.now().Sub(t.began)))
	err := t.r.put(o)
	if !errors.Is(err, recorder.ErrLong) {
		return err
	}
	if q := o.Request; q != nil {
		q.More, q.Header, q.URL, q.Host = q.More+len(q.Header), nil, cut(q.URL, leastURL), cut(q.Host, leastURL)
	}
	if p := o.Response; p != nil {
		p.More, p.Header = p.More+len(p.Header), nil
	}
	o.Trailer = nil
	return t.r.put(o)
}

// progressEvery is how often an exchange that takes long says what passed.
const progressEvery = 5 * time.Second

// progress says what passed so far, if nothing was said for long.
func (t *take) progress() error {
	at := int64(t.r.now().Sub(t.began))
	last := t.told.Load()
	if at-last < int64(progressEvery) || !t.told.CompareAndSwap(last, at) {
		return nil
	}
	return t.write(&recorder.HTTPObject{Op: recorder.HTTPProgress, N: t.n, In: t.in.sofar(), Out: t.out.sofar()})
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
