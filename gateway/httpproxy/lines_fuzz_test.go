package httpproxy

import (
	"context"
	"io"
	"net"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"lockbox/policy"
)

// FuzzAnswer: what a target answers is read on a line as http.Transport reads it.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		"", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "HTTP/1.1 200 OK\r\n\r\nall", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-A: b\r\n\r\n", "HTTP/1.0 404 No\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nxyz",
		"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 200 OK\nContent-Length: 1, 1\n\n1",
	} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	l, say := sayer(f)
	d := &Door{}
	d.prepare()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	}
	f.Fuzz(func(t *testing.T, text []byte, head bool) {
		transport, err := d.transport(&policy.Target{Name: "wiki", Address: l.Addr().String(), Web: policy.Web{Plain: true}})
		if err != nil {
			t.Fatal(err)
		}
		transport.DialContext, transport.DisableKeepAlives = dial, false
		defer transport.CloseIdleConnections()
		own := &lines{answer: time.Minute, dial: func(ctx context.Context) (net.Conn, error) { return dial(ctx, "", "") }}
		defer own.close()
		method := map[bool]string{false: "GET", true: "HEAD"}[head]
		read := func(ask func(*http.Request) (*http.Response, error)) (res *http.Response, body []byte, err error) {
			r, err := http.NewRequestWithContext(t.Context(), method, "http://wiki/", nil)
			if err != nil {
				t.Fatal(err)
			}
			say <- text
			if res, err = ask(r); err != nil {
				return nil, nil, err
			}
			defer func() { _ = res.Body.Close() }() // it was read
			if res.StatusCode == http.StatusSwitchingProtocols {
				return res, nil, nil
			}
			body, err = io.ReadAll(res.Body)
			return res, body, err
		}
		want, all, werr := read(transport.RoundTrip)
		got, some, err := read(func(r *http.Request) (*http.Response, error) { return own.ask(t.Context(), r, &climb{now: time.Now}) })
		if (err == nil) != (werr == nil) || (got == nil) != (want == nil) {
			t.Fatalf("got %v, %v, want %v, %v", got, err, want, werr)
		}
		if want == nil {
			return
		}
		if got.StatusCode != want.StatusCode || !reflect.DeepEqual(got.Header, want.Header) || !reflect.DeepEqual(got.Trailer, want.Trailer) || !slices.Equal(some, all) || got.ContentLength != want.ContentLength {
			t.Fatalf("got  %v %q\nwant %v %q", got, some, want, all)
		}
	})
}

// sayer is a target that answers each connection with one of what it is sent, and hangs up.
func sayer(f *testing.F) (net.Listener, chan<- []byte) {
	f.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	say := make(chan []byte, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			text := <-say
			_ = c.SetReadDeadline(time.Now().Add(10 * time.Second)) // it is open
			_, _ = c.Read(make([]byte, 4096))                       // the request, which is short
			_, _ = c.Write(text)                                    // who hears it may hang up
			_ = c.(*net.TCPConn).CloseWrite()                       // as above
			_, _ = io.Copy(io.Discard, c)                           // until they do
			_ = c.Close()                                           // it was read
		}
	}()
	f.Cleanup(func() { _ = l.Close() }) // as above
	return l, say
}
