package httpproxy

import (
	"container/list"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Bounds of what waits outside. A connection on which no request came yet, or
// the next one has not come, gives way to a new one: the oldest of its source,
// then the oldest of all. So who opens many and says little stops nobody.
const (
	idlePerSource = 1024
	idleMost      = 8192
)

// Serve answers on a listener until ctx ends; what does not finish in a second
// is cut. conf is nil where there is no TLS. Sessions are ended by Gateway.Close.
func (d *Door) Serve(ctx context.Context, l net.Listener, conf *tls.Config) error {
	s := d.server()
	s.BaseContext = func(net.Listener) context.Context { return ctx }
	if conf != nil {
		conf = conf.Clone()
		if conf.MinVersion = max(conf.MinVersion, tls.VersionTLS13); len(conf.NextProtos) == 0 {
			conf.NextProtos = []string{"h2", "http/1.1"}
		}
		l = tls.NewListener(l, conf)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace, stop := context.WithTimeout(detached(ctx), time.Second)
	defer stop()
	if s.Shutdown(grace) != nil {
		_ = s.Close() // what is left is cut
	}
	<-done
	d.Close()
	return nil
}

// server has the limits that suit what is passed on: a head has its time, a
// body or an answer has time for each piece, see exchange.
func (d *Door) server() *http.Server {
	d.prepare()
	q := &queue{sources: map[netip.Prefix]*list.List{}, all: list.New(), at: map[net.Conn]*place{}}
	s := &http.Server{
		Handler:                      d.Handler(),
		ReadHeaderTimeout:            5 * time.Second,
		IdleTimeout:                  60 * time.Second,
		MaxHeaderBytes:               16 << 10,
		DisableGeneralOptionsHandler: true,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: 100, SendPingTimeout: 30 * time.Second, WriteByteTimeout: takeMost},
		Protocols:                    new(http.Protocols),
		ConnState:                    q.state,
		ErrorLog:                     log.New(io.Discard, "", 0), // of strangers' handshakes
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true) // over TLS only
	return s
}

// A queue is of the connections that wait.
type queue struct {
	mu      sync.Mutex
	all     *list.List                  // of net.Conn, the oldest first
	sources map[netip.Prefix]*list.List // the same, each for itself
	at      map[net.Conn]*place
}

// A place is a connection's. It is kept while that serves a request, and does not wait.
type place struct {
	source     netip.Prefix
	all, among *list.Element // nil: it does not wait
}

func (q *queue) state(c net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew, http.StateIdle:
		if old := q.wait(c); old != nil {
			hangUp(old)
		}
	case http.StateActive:
		q.leave(c, false)
	default:
		q.leave(c, true)
	}
}

// hangUp closes a connection at once: one that takes nothing would have TLS wait to say so.
func hangUp(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	_ = c.Close() // that is all it is for
}

// wait lets a connection wait, and gives the one that has to go for it.
func (q *queue) wait(c net.Conn) (old net.Conn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.at[c]
	switch {
	case p == nil:
		host, _, _ := net.SplitHostPort(c.RemoteAddr().String()) // none is a source of its own
		p = &place{source: wide(host)}
		q.at[c] = p
	case p.all != nil:
		return nil
	}
	if q.sources[p.source] == nil {
		q.sources[p.source] = list.New()
	}
	mine := q.sources[p.source]
	p.all, p.among = q.all.PushBack(c), mine.PushBack(c)
	switch {
	case mine.Len() > idlePerSource:
		old = mine.Front().Value.(net.Conn)
	case q.all.Len() > idleMost:
		old = q.all.Front().Value.(net.Conn)
	default:
		return nil
	}
	q.forget(old, true)
	return old
}

func (q *queue) leave(c net.Conn, forGood bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.forget(c, forGood)
}

// forget takes one out. mu is held.
func (q *queue) forget(c net.Conn, forGood bool) {
	p := q.at[c]
	if p == nil {
		return
	}
	if forGood {
		delete(q.at, c)
	}
	if p.all == nil {
		return
	}
	q.all.Remove(p.all)
	if mine := q.sources[p.source]; mine != nil {
		if mine.Remove(p.among); mine.Len() == 0 {
			delete(q.sources, p.source)
		}
	}
	p.all, p.among = nil, nil
}
