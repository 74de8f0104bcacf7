package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// A socket is one connection of the app. A ghost is one that nobody listens at any
// more, though Slack does not know.
type socket struct {
	conn *websocket.Conn // nil for a ghost
	acks chan ack
	over chan struct{}
}

type ack struct {
	Envelope string          `json:"envelope_id"`
	Payload  json.RawMessage `json:"payload"`
}

func (s *Slack) accept(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	k := &socket{conn: conn, acks: make(chan ack, 64), over: make(chan struct{})}
	var n int
	s.with(func() { s.sockets = append(s.sockets, k); n = len(s.sockets) })
	defer func() {
		s.with(func() { s.sockets = slices.DeleteFunc(s.sockets, func(o *socket) bool { return o == k }) })
		close(k.over)
		_ = conn.CloseNow()
	}()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	_ = wsjson.Write(ctx, conn, object{"type": "hello", "num_connections": n, "connection_info": object{"app_id": App}, "debug_info": object{}})
	go func() {
		for ctx.Err() == nil && conn.Ping(ctx) == nil {
			select {
			case <-time.After(5 * time.Second):
			case <-ctx.Done():
			}
		}
	}()
	for {
		var a ack
		if err := wsjson.Read(ctx, conn, &a); err != nil {
			return
		}
		k.acks <- a
	}
}

// Sockets are how many connections Slack believes in.
func (s *Slack) Sockets() (n int) {
	s.with(func() { n = len(s.sockets) })
	return n
}

// Ghost adds a connection that nobody listens at: clicks that go there are lost.
func (s *Slack) Ghost() {
	s.with(func() { s.sockets = append(s.sockets, &socket{acks: make(chan ack), over: make(chan struct{})}) })
}

// Lay ends the ghosts.
func (s *Slack) Lay() {
	s.with(func() { s.sockets = slices.DeleteFunc(s.sockets, func(k *socket) bool { return k.conn == nil }) })
}

// Refresh asks every connection to be made anew, and ends it.
func (s *Slack) Refresh() {
	for _, k := range s.all() {
		ctx, stop := context.WithTimeout(context.Background(), patience)
		_ = wsjson.Write(ctx, k.conn, object{"type": "disconnect", "reason": "refresh_requested", "debug_info": object{}})
		stop()
	}
}

// Cut ends every connection without a word.
func (s *Slack) Cut() {
	for _, k := range s.all() {
		_ = k.conn.CloseNow()
	}
}

func (s *Slack) closeSockets() {
	s.Lay()
	for _, k := range s.all() {
		_ = k.conn.CloseNow()
		<-k.over
	}
}

func (s *Slack) all() (all []*socket) {
	s.with(func() {
		for _, k := range s.sockets {
			if k.conn != nil {
				all = append(all, k)
			}
		}
	})
	return all
}

// overSocket sends to one of the connections, whichever it is.
func (s *Slack) overSocket(kind string, payload object) Answer {
	envelope := ""
	s.with(func() { envelope = fmt.Sprintf("envelope-%d", s.id()) })
	return s.Envelope(kind, envelope, payload)
}

// Envelope sends a payload under an id, that may have been used before.
func (s *Slack) Envelope(kind, envelope string, payload map[string]any) Answer {
	began := time.Now()
	var k *socket
	s.with(func() {
		if len(s.sockets) > 0 {
			k = s.sockets[s.next%len(s.sockets)]
			s.next++
		}
	})
	late := time.NewTimer(patience)
	defer late.Stop()
	if k != nil && k.conn != nil {
		ctx, stop := context.WithTimeout(context.Background(), patience)
		defer stop()
		_ = wsjson.Write(ctx, k.conn, object{"type": kind, "envelope_id": envelope, "payload": payload, "accepts_response_payload": kind != "events_api"})
		for {
			select {
			case a := <-k.acks:
				if a.Envelope == envelope {
					return Answer{Body: a.Payload, Took: time.Since(began)}
				}
			case <-k.over:
				return Answer{Late: true, Took: time.Since(began)}
			case <-late.C:
				return Answer{Late: true, Took: time.Since(began)}
			}
		}
	}
	if k == nil {
		return Answer{Late: true}
	}
	<-late.C // a ghost
	return Answer{Late: true, Took: time.Since(began)}
}
